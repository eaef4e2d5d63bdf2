//! The part of docs/standby.md that is written from docs/standby.tsv.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::cells::{Cell, other};
use super::table::CellResult;

const MARK: &str = "<!-- from here on written by make standby-table -->";

type Entry<'a> = (Cell, &'a CellResult);

pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/standby.md")
}

/// Keeps what is written by hand above the mark.
pub fn write(entries: &[Entry]) {
    let old = fs::read_to_string(file()).unwrap();
    let (hand, _) = old.split_once(MARK).unwrap_or((&old, ""));
    fs::write(file(), format!("{hand}{}", format(entries))).unwrap();
}

/// From the mark on.
pub fn format(entries: &[Entry]) -> String {
    let mut text = format!("{MARK}\n\n");
    let mut commits = BTreeMap::<&str, usize>::new();
    for (_, result) in entries {
        *commits.entry(&result.commit).or_default() += 1;
    }
    let commits: Vec<String> = commits.iter().map(|(commit, count)| format!("{commit} ({count})")).collect();
    let wrong: Vec<&Entry> = entries.iter().filter(|(_, result)| !result.wrong.is_empty()).collect();
    let _ = writeln!(text, "{} cells, {} of them with a complaint. Commits: {}.\n", entries.len(), wrong.len(), commits.join(", "));
    let _ =
        writeln!(text, "| what fails | how | who serves afterwards | ms without service | armed again after | the screen says |");
    let _ = writeln!(text, "|---|---|---|---|---|---|");
    let mut last = String::new();
    for pair in entries.chunk_by(|(one, _), (two, _)| one.fault == two.fault) {
        let fault = pair[0].0.fault;
        let what = fault.what();
        let shown = if what == last { "" } else { &what };
        let _ = writeln!(
            text,
            "| {shown} | {} | {} | {} | {} | {} |",
            fault.how(),
            serves(pair),
            unserved(pair),
            armed(pair),
            screen(pair)
        );
        last = what;
    }
    if !wrong.is_empty() {
        let _ = writeln!(text, "\n| cell | complaint |\n|---|---|");
        for (cell, result) in wrong {
            let _ = writeln!(text, "| {cell} | {} |", result.wrong);
        }
    }
    text
}

/// Each different answer once.
fn each(answers: impl Iterator<Item = String>, between: &str) -> String {
    let mut different: Vec<String> = Vec::new();
    for answer in answers {
        if !different.contains(&answer) {
            different.push(answer);
        }
    }
    different.join(between)
}

fn serves(pair: &[Entry]) -> String {
    let answer = |(cell, result): &Entry| {
        let who = match result.serves.as_str() {
            host if host == cell.serving => "the same",
            "nobody" => "nobody",
            _ => "the standby",
        };
        let meanwhile = if !result.served_at_end && result.unserved_ms > 1000 { "; nobody while it lasts" } else { "" };
        format!("{who}{meanwhile}")
    };
    each(pair.iter().map(answer), ", or ")
}

fn unserved(pair: &[Entry]) -> String {
    pair.iter().map(|(_, result)| result.unserved_ms.to_string()).collect::<Vec<_>>().join(", ")
}

fn armed(pair: &[Entry]) -> String {
    let answer = |(_, result): &Entry| match (result.armed.as_str(), result.armed_after_ms) {
        ("nobody", _) => "never".to_owned(),
        (_, 0) => "always".to_owned(),
        (_, ms) => format!("{:.1} s", ms as f64 / 1e3),
    };
    each(pair.iter().map(answer), ", ")
}

/// Of the two cells the sentences differ by the hosts' names only: that of the first.
fn screen(pair: &[Entry]) -> String {
    let (cell, result) = &pair[0];
    let named = |text: &str| {
        let text = text.replace(cell.serving, "A").replace(other(cell.serving), "B");
        text.replace('|', "/")
    };
    let mut said = vec![named(&result.screen)];
    // What it says of a host that is not heard is what it has said before.
    let is_news = |text: &String| text != "-" && !text.contains("takes over after") && !text.ends_with(" (old)");
    let standby: Vec<String> = result.standby.split(" > ").map(named).filter(is_news).collect();
    said.extend((!standby.is_empty()).then(|| each(standby.into_iter(), ", then ")));
    said.join("; ")
}
