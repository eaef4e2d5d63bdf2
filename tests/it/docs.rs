//! What the pages name exists: subcommands, flags, targets of make. `scripts/dead-links` looks after links and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages_in(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages_in(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// Path and text of every page.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENCE-NOTE.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    pages_in(&root().join("docs"), &mut paths);
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Code of a page: what is between backticks, and the lines of blocks.
fn code(text: &str) -> Vec<&str> {
    let mut is_fenced = false;
    let mut pieces = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") {
            pieces.push(line.trim());
        } else {
            pieces.extend(line.split('`').skip(1).step_by(2));
        }
    }
    pieces
}

/// The words after `program` in each command of a page. A line may hold several commands, and words of explanation after them.
fn commands<'a>(text: &'a str, program: &str) -> Vec<Vec<&'a str>> {
    let parts = code(text).into_iter().flat_map(|piece| piece.split(['`', ';', '|', '&']).flat_map(|part| part.split(" -- ")));
    let words = parts.map(|part| part.split_whitespace().filter(|word| *word != "$").collect::<Vec<_>>());
    words
        .filter(|words| words.first().is_some_and(|first| first.rsplit('/').next() == Some(program)))
        .map(|words| words[1..].to_vec())
        .collect()
}

/// Subcommands and flags of a subcommand, as its help has them.
#[derive(Clone)]
struct Help {
    subcommands: BTreeSet<String>,
    flags: BTreeSet<String>,
}

/// What has been asked, by subcommand.
#[derive(Default)]
struct Helps(BTreeMap<Vec<String>, Help>);

impl Helps {
    fn ask(&mut self, chain: &[String]) -> Help {
        self.0.entry(chain.to_vec()).or_insert_with(|| Help::ask(chain)).clone()
    }
}

impl Help {
    fn ask(chain: &[String]) -> Self {
        let output = Command::new(env!("CARGO_BIN_EXE_baton")).args(chain).arg("--help").output().unwrap();
        assert!(output.status.success(), "baton {} --help", chain.join(" "));
        let text = String::from_utf8(output.stdout).unwrap();
        let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let is_flag_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let flags = text.split(|letter: char| !is_flag_letter(letter)).filter(|word| word.starts_with("--"));
        Self {
            subcommands: names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect(),
            flags: flags.map(str::to_owned).collect(),
        }
    }
}

/// Flags of every subcommand that take a value as the next word, and may stand before the subcommand.
const GLOBAL_WITH_VALUE: [&str; 3] = ["--in", "--config", "-c"];

/// What of a command does not exist.
fn unknown(words: &[&str], helps: &mut Helps) -> Option<String> {
    let mut chain: Vec<String> = Vec::new();
    let mut help = helps.ask(&chain);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let word = word.trim_matches(|letter: char| "[](),.:".contains(letter));
        let flag = word.split('=').next().unwrap_or_default();
        if flag.starts_with("--") && flag.len() > 2 {
            if !help.flags.contains(flag) {
                return Some(format!("baton {} has no {flag}", chain.join(" ")));
            }
        } else if help.subcommands.contains(word) {
            chain.push(word.to_owned());
            help = helps.ask(&chain);
        } else if chain.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase()) && !word.is_empty() {
            return Some(format!("baton has no subcommand {word}"));
        }
        if GLOBAL_WITH_VALUE.contains(&word) {
            words.next();
        }
    }
    None
}

#[test]
fn subcommands_and_flags_in_the_pages_exist() {
    let mut helps = Helps::default();
    let mut count = 0;
    let mut wrong = Vec::new();
    for (path, text) in pages() {
        for words in commands(&text, "baton") {
            count += 1;
            wrong.extend(unknown(&words, &mut helps).map(|what| format!("{}: {what}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 50, "only {count} commands were found: are the pages read as they are written?");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let mut helps = Helps::default();
    let text = "Try `baton do M --holdd`, `baton dance`, `baton lab exec server1 -- ls --all` or\n\n    $ baton --in lab runs list --newest   the list\n";
    let found: Vec<String> = commands(text, "baton").iter().filter_map(|words| unknown(words, &mut helps)).collect();
    assert_eq!(found, ["baton do has no --holdd", "baton has no subcommand dance", "baton runs list has no --newest"]);
}

#[test]
fn targets_of_make_in_the_pages_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile.lines().filter_map(|line| line.split_once(':')).map(|(target, _)| target).collect();
    let mut wrong = Vec::new();
    for (path, text) in pages() {
        let named: Vec<&str> = commands(&text, "make").iter().filter_map(|words| words.first().copied()).collect();
        wrong.extend(
            named.iter().filter(|target| !targets.contains(*target)).map(|target| format!("{}: make {target}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The cells of the rows between the heading, or the beginning, and the next heading.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let section = text.split_once(heading).unwrap().1.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('*')).collect()).collect()
}

#[test]
fn the_figures_in_readme_are_those_of_the_benchmarks() {
    let page = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let (readme, benchmarks) = (page("README.md"), page("docs/benchmarks.md"));
    let (ours, measured) = (rows(&readme, "## What it measures\n"), rows(&benchmarks, "## Idle, probe every 1 ms\n"));
    let labels = [
        ("interruption by phases", "interruption by phases"),
        ("gap at the far end", "gap at the far end"),
        ("pings lost, of one a millisecond", "pings lost"),
        ("link the entity to the radio", "link entity to radio"),
        ("total", "total"),
    ];
    for (label, measured_as) in labels {
        let row = |rows: &[Vec<&str>], label: &str| {
            let row = rows.iter().find(|row| row[0] == label).unwrap_or_else(|| panic!("no row {label}"));
            row[1..].iter().map(|cell| cell.split(" / ").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(row(&ours, label), row(&measured, measured_as), "{label}: target/bench/<time>/readme.md has README's table");
    }
}

#[test]
fn what_readme_quotes_of_the_comparison_is_there() {
    let page = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let (readme, comparison) = (page("README.md"), page("docs/comparison.md"));
    let quoted = readme.split("[Side by side](docs/comparison.md)").nth(1).unwrap().split("\n\n").next().unwrap();
    let quoted: Vec<&str> = quoted.split("**").skip(1).step_by(2).collect();
    let felt = |way: &str| {
        let row = comparison.lines().find(|line| line.starts_with(&format!("| {way}"))).unwrap_or_else(|| panic!("no {way}"));
        row.split("**").nth(1).unwrap()
    };
    assert_eq!(quoted, ["hot", "criu", "vm, pre-copy"].map(felt));
}

#[test]
fn the_chinese_words_of_the_glossary_are_on_the_screens() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let files = fs::read_dir(root().join("src/ui/lang")).unwrap().map(|entry| entry.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let tables: String = tables.map(|path| fs::read_to_string(path).unwrap()).collect();
    let words: Vec<&str> = rows(&glossary, "# Glossary\n").iter().map(|row| row[1]).filter(|word| !word.is_ascii()).collect();
    assert!(words.len() > 20, "{words:?}");
    let missing: Vec<&&str> = words.iter().filter(|word| !tables.contains(**word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
