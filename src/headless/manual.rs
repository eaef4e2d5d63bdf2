//! Manual pages: what clap knows of each command, and what only people know of it (exit codes, examples, files).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::write_out;
use pages::{CHANGED, Page};
use protocol::{ErrorCode, Failure};

mod equipment;
mod installing;
mod keys;
mod pages;

/// Every page.
fn pages() -> impl Iterator<Item = &'static Page> {
    pages::PAGES.iter().chain(installing::PAGES).chain(keys::PAGES).chain(equipment::PAGES)
}

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The command whose page is wanted, as in `baton man lab fault`; without it, the page of baton.
    pub command: Vec<String>,
    /// Write every page to this folder instead, as baton.1, baton-status.1 and so on.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

/// Writes a manual page of `root` to stdout, or all of them to a folder.
///
/// # Errors
/// [`ErrorCode::BadRequest`] when there is no such command, [`ErrorCode::Io`] when the page cannot be written.
pub fn run(root: Command, args: &Args) -> Result<ExitCode, Failure> {
    let pages = all(root)?;
    if let Some(folder) = &args.dir {
        return write_all(&pages, folder).map(|()| ExitCode::SUCCESS);
    }
    let wanted = args.command.join(" ");
    match pages.iter().find(|(command, _)| *command == wanted) {
        Some((_, text)) => write_out(text.as_bytes()),
        None => {
            let known: Vec<&str> =
                pages.iter().map(|(command, _)| command.as_str()).filter(|command| !command.is_empty()).collect();
            Err(Failure::new(ErrorCode::BadRequest, format!("there is no command \"{wanted}\""))
                .hint(format!("there are pages for {}", known.join(", "))))
        }
    }
}

fn write_all(pages: &[(String, String)], folder: &Path) -> Result<(), Failure> {
    let unwritten = |path: &Path, e| Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| unwritten(folder, e))?;
    for (command, text) in pages {
        let file = folder.join(format!("{}.1", page_name(command)));
        std::fs::write(&file, text).map_err(|e| unwritten(&file, e))?;
    }
    Ok(())
}

/// The name of a command's page: `baton-lab-fault`.
fn page_name(command: &str) -> String {
    format!("baton {command}").trim_end().replace(' ', "-")
}

/// Every command with its page, baton itself (the empty name) first.
///
/// # Errors
/// [`ErrorCode::Internal`] when one cannot be made.
pub fn all(root: Command) -> Result<Vec<(String, String)>, Failure> {
    let mut root = root.disable_help_subcommand(true);
    root.build();
    let version = root.get_version().unwrap_or_default().to_owned();
    let mut commands = Vec::new();
    collect("", &root, &mut commands);
    let text = |path: &str, command: Command| {
        page(path, command, &version).map_err(|e| {
            Failure::new(ErrorCode::Internal, format!("the manual page of {} could not be made: {e}", page_name(path)))
        })
    };
    commands.into_iter().map(|(path, command)| Ok((path.clone(), text(&path, command)?))).collect()
}

fn collect(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
    found.push((path.to_owned(), command.clone()));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        collect(format!("{path} {}", sub.get_name()).trim_start(), sub, found);
    }
}

fn page(path: &str, command: Command, version: &str) -> std::io::Result<String> {
    let subcommands = command.get_subcommands().any(|sub| !sub.is_hide_set());
    let man = Man::new(command).title(page_name(path)).date(CHANGED).source(format!("baton {version}")).manual("baton");
    let known = pages().find(|page| page.command == path);
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    if let Some(page) = known {
        let mut about = Roff::new();
        for paragraph in page.about {
            about.control("PP", []).text([roman(*paragraph)]);
        }
        about.to_writer(&mut out)?;
    }
    man.render_options_section(&mut out)?;
    if subcommands {
        man.render_subcommands_section(&mut out)?;
    }
    if let Some(page) = known {
        written_by_people(page).to_writer(&mut out)?;
    }
    // clap_mangen's empty line between two breaks is one too many for mandoc.
    Ok(String::from_utf8_lossy(&out).replace(".br\n\n.br\n", ".sp\n"))
}

/// Every example with the command whose page has it.
pub fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    pages().flat_map(|page| page.examples.iter().map(|(line, _)| (page.command, *line)))
}

/// Exit codes, examples, files, and other pages.
fn written_by_people(page: &Page) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in page.exit {
        roff.control("TP", []).text([bold(*code)]).text([roman(*meaning)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, meaning) in page.examples {
        roff.control("TP", []).text([bold(*line)]).text([roman(*meaning)]);
    }
    if !page.files.is_empty() {
        roff.control("SH", ["FILES"]);
        for (file, meaning) in page.files {
            roff.control("TP", []).text([bold(*file)]).text([roman(*meaning)]);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    for (index, name) in page.see.iter().enumerate() {
        let comma = if index + 1 < page.see.len() { ", " } else { "" };
        roff.text([bold(*name), roman(format!("(1){comma}"))]);
    }
    roff
}

/// Global options that a command does not use. A command below it is the same, unless it has a row of its own.
const UNUSED: &[(&str, &[&str])] = &[
    ("init", &["config", "lab"]),
    ("demo", &["config", "lab"]),
    ("lab", &["config", "lab"]),
    ("lab exec", &["config"]),
    ("lab fault", &["config"]),
    ("lab mend", &["config"]),
    ("runs", &["lab"]),
    ("recorder", &["config", "lab"]),
    ("d2d", &["config", "lab"]),
    ("usrp", &["config", "lab"]),
    ("n210", &["config"]),
    ("completions", &["config", "lab"]),
    ("man", &["config", "lab"]),
];

/// The same command line, whose help and pages show only the global options that a command uses. The others are taken as before: a script
/// that always names its lab still may.
pub fn with_fitting_help(root: Command) -> Command {
    let globals: Vec<Arg> = root.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    fit(root, "", &globals, &[])
}

fn fit(command: Command, path: &str, globals: &[Arg], above: &[&str]) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| {
        let path = format!("{path} {name}").trim_start().to_owned();
        let unused = UNUSED.iter().find(|(command, _)| *command == path).map_or(above, |(_, unused)| unused);
        command.mut_subcommand(name, |sub| {
            let hide = |arg: &Arg| unused.contains(&arg.get_id().as_str());
            // clap gives a command its parent's global options, but for those that it has already.
            let sub = globals.iter().fold(sub, |sub, arg| sub.arg(arg.clone().hide(hide(arg))));
            fit(sub, &path, globals, unused)
        })
    })
}
