//! The programs of a lab as data, in the order in which they start.

use std::path::Path;

use serde::Deserialize;

use super::topology::{CONSOLE, Scenario};
use config::{Config, HostName, TomlSource};
use protocol::{ErrorCode, Failure};

/// A program of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Description for messages, such as `the agent of server1`.
    pub title: String,
    /// Name of its log file, without extension.
    pub log: String,
    /// Network namespace that it runs in.
    pub namespace: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Beginning of the line that it prints when it is ready.
    pub ready: String,
    /// Program and arguments for a restart after a failure; empty if it is not restarted.
    #[serde(default)]
    pub again: Vec<String>,
}

/// File of the radios' scene, if they have one.
pub const SCENE: &str = "/run/baton/scene.toml";
/// Command socket of the radios.
const CONTROL: &str = "/run/baton/n210.sock";

/// Which programs a lab starts.
pub enum ProgramChoice {
    /// Software radios and agents.
    Standard {
        /// Text of the radios' scene.
        scene: Option<String>,
        /// Hosts and the files of their agents' faults.
        faults: Vec<(String, String)>,
    },
    /// The programs of a file, for tests.
    These(Vec<Vec<Program>>),
    /// None: namespaces and interfaces only.
    None,
}

/// The standard programs of a lab: those of one stage start together, once all of the stage before are ready.
///
/// # Errors
/// This program's own path is unknown.
pub fn stages(config: &Config, scenario: Scenario, scene: bool, faults: &[(String, String)]) -> Result<Vec<Vec<Program>>, Failure> {
    let baton = super::cluster::this_program()?;
    let command = |words: &[&str]| [baton.as_str()].iter().chain(words).map(|&word| word.to_owned()).collect();
    let site = |(name, namespace): &(&str, &str)| match config.radio.get(*name).and_then(|radio| radio.args.address()) {
        // On one switch each has an address of its own.
        Some(address) if matches!(scenario, Scenario::Pool(_)) => format!("--radio={name}={namespace},addr={address}"),
        _ => format!("--radio={name}={namespace}"),
    };
    let sites: Vec<String> = scenario.radios().iter().map(site).collect();
    let mut options = vec!["n210", "--control", CONTROL];
    options.extend(sites.iter().map(String::as_str));
    if scene {
        options.extend(["--scene", SCENE]);
    }
    let radios = Program {
        title: "the software N210s".into(),
        log: "n210".into(),
        namespace: CONSOLE.into(),
        command: command(&options),
        ready: "n210 ready".into(),
        again: Vec::new(),
    };
    let agent = |host: &HostName| Program {
        title: format!("the agent of {host}"),
        log: host.to_string(),
        namespace: host.to_string(),
        command: match faults.iter().find(|(faulty, _)| host == faulty) {
            Some((_, file)) => command(&["agent", "--host", host, "--faults", file]),
            None => command(&["agent", "--host", host]),
        },
        ready: "agent ready".into(),
        // A file of faults applies to the first life of an agent only.
        again: command(&["agent", "--host", host]),
    };
    let radios = if sites.is_empty() { Vec::new() } else { vec![radios] };
    Ok(vec![radios, config.host.keys().map(agent).collect()])
}

/// A host and its file of faults, from `HOST=FILE`. The file must not be in /run: the lab has one of its own.
///
/// # Errors
/// It is not of that form, or there is no such file.
pub fn parse_faults(text: &str) -> Result<(String, String), Failure> {
    let wrong = |why: String| Failure::new(ErrorCode::Config, format!("--faults {text}: {why}"));
    let (host, file) = text.split_once('=').ok_or_else(|| wrong("write HOST=FILE".into()))?;
    let file = Path::new(file).canonicalize().map_err(|error| wrong(error.to_string()))?;
    Ok((host.to_owned(), file.display().to_string()))
}

/// The stages in a TOML file, `stage = [[{title, log, namespace, command, ready}, ...], ...]`: stand-ins, for tests.
///
/// # Errors
/// The file cannot be read or is wrong.
pub fn read(file: &Path) -> Result<Vec<Vec<Program>>, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        stage: Vec<Vec<Program>>,
    }
    let wrong = |error: String| Failure::new(ErrorCode::Config, format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    TomlSource::of_file(file, &text).read().map(|file: File| file.stage)
}
