//! `baton key`: another cluster key while the service goes on, and certificates for operators who need not have it.
//!
//! A change has three steps, each of which every host takes before the next one begins: it accepts the next key beside the current one, it works with
//! the next one and accepts the previous one, it accepts the new one alone.

mod change;
mod files;
mod survey;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{block_on, json, print};
use crate::link::certificate::issue;
use crate::link::identity::{Identity, Operator, Role};
use crate::link::key::{Generation, Key};
use config::RadioViews;
use protocol::{ErrorCode, Failure};

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum KeyCommand {
    /// Which keys are here, and which ones every host works with and accepts.
    Show {
        /// One JSON document on stdout: `{"keys", "hosts"}`.
        #[arg(long)]
        json: bool,
    },
    /// Makes the next key, which is then to be copied to every host.
    New,
    /// Has this machine work with the next key; refused until every host accepts it.
    Rotate(Force),
    /// Ends the change on this machine; refused until every host works with the new key.
    Retire(Force),
    /// Makes a certificate for an operator, who then needs no key.
    Issue(IssueArgs),
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Force {
    /// Without asking the hosts: those that are not as far will refuse this one.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, clap::Args)]
struct IssueArgs {
    /// Who it is for: the name in records and journals, such as ada@lab.
    #[arg(value_name = "NAME")]
    name: String,
    /// What the operator may ask for.
    #[arg(long, value_enum)]
    role: Role,
    /// The file to write, which `identity_file` of the operator's configuration then names. It holds a private key.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs it. Exit code 3 when a host that is needed does not answer.
///
/// # Errors
/// The configuration names no key, a key cannot be read or written, or a host is not as far.
pub fn run(file: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let config = RadioViews::load(file)?.whole().clone();
    let Some(key_file) = config.key_file.clone() else {
        return Err(Failure::new(ErrorCode::Config, format!("{} names no key_file", file.display()))
            .hint("an operator without the cluster's key has none to change; a cluster without one needs `key_file` in its configuration first"));
    };
    match &args.command {
        KeyCommand::Show { json: true } => print(&json(&block_on(survey::survey(&config, &key_file))?.to_json())?),
        KeyCommand::Show { json: false } => print(&block_on(survey::survey(&config, &key_file))?.to_string()),
        KeyCommand::New => print(&change::begin(&config, &key_file)?),
        KeyCommand::Rotate(Force { force }) => print(&change::rotate(&config, &key_file, *force)?),
        KeyCommand::Retire(Force { force }) => print(&change::retire(&config, &key_file, *force)?),
        KeyCommand::Issue(args) => print(&issue_for(args, &key_file)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn issue_for(args: &IssueArgs, key_file: &Path) -> Result<String, Failure> {
    let IssueArgs { name, role, out } = args;
    if name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        return Err(Failure::new(ErrorCode::BadRequest, "the name of an operator has 1 to 200 bytes and no control characters")
            .hint("write it as it shall stand in records: ada@lab"));
    }
    let identity = Identity::Operator(Operator { name: name.clone(), role: *role });
    let text = issue(&Key::of_file(&Generation::Current.file(key_file))?, &identity)?;
    files::write_new(out, text.as_bytes(), None)?;
    Ok(format!(
        "{} holds the certificate of {name} (role {}) and its private key. It is valid for as long as the cluster has this key.\n\
         On {name}'s machine: write identity_file = \"{}\" into the configuration, in the place of key_file.",
        out.display(),
        role.name(),
        out.display()
    ))
}
