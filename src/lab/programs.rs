//! What a lab starts, as data, in order.

use std::ffi::OsString;

use super::topology::CONSOLE;
use super::trouble::Trying;
use crate::config::Config;
use crate::protocol::Failure;

/// A program of the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it is, within a sentence.
    pub title: String,
    /// Name of its log file, without extension.
    pub log: String,
    /// Network namespace that it runs in.
    pub namespace: String,
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// How the line begins that it prints when it is ready.
    pub ready: &'static str,
}

/// The programs of a lab: those of one stage start together, once all of the stage before are ready.
///
/// # Errors
/// This program's own path is unknown.
pub fn stages(config: &Config) -> Result<Vec<Vec<Program>>, Failure> {
    let baton = std::env::current_exe().trying(|| "the path of this program could not be read")?.into_os_string();
    let command = |words: &[&str]| [baton.clone()].into_iter().chain(words.iter().map(OsString::from)).collect();
    let radios = Program {
        title: "the software N210s".into(),
        log: "n210".into(),
        namespace: CONSOLE.into(),
        command: command(&["n210", "--radio", "pool=n210", "--radio", "far=n210-far"]),
        ready: "n210 ready",
    };
    let agent = |host: &String| Program {
        title: format!("the agent of {host}"),
        log: host.clone(),
        namespace: host.clone(),
        command: command(&["agent", "--host", host]),
        ready: "agent ready",
    };
    Ok(vec![vec![radios], config.host.keys().map(agent).collect()])
}
