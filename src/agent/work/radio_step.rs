//! Discovery and full initialisation of the radio: libuhd's steps, in a short-lived program of their own (`workload.uhd`).

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::read_back::differences;
use crate::mover::confine::confine;
use config::{Radio, Workload};
use protocol::{ErrorCode, Failure};
use workload::contract::ENV_RADIO;

/// Tries until the radio is found, as in the paper.
const TRIES: u32 = 8;
/// One discovery: libuhd's own takes a second.
const FIND: Duration = Duration::from_secs(5);
/// Full initialisation takes 2 to 3 s.
const INIT: Duration = Duration::from_secs(20);

/// libuhd's program for one radio.
#[derive(Debug, Clone)]
pub(super) struct RadioStep {
    /// The workload, whose `uhd` is the program.
    pub(super) workload: Workload,
    /// The radio's parameters.
    pub(super) radio: Radio,
    /// The same as JSON.
    pub(super) radio_json: String,
    /// The network in which the radio is reached, where it is not the agent's own.
    pub(super) network: Option<Arc<File>>,
}

/// How a step ended.
enum StepResult {
    /// With what it printed.
    Succeeded(Vec<u8>),
    /// Exit code 1: it ran and could not do it. With its own words.
    Refused(Option<String>),
    TimedOut,
}

impl RadioStep {
    /// Looks for the radio up to 8 times; returns the number of tries.
    ///
    /// # Errors
    /// [`ErrorCode::RadioNotFound`]; [`ErrorCode::Environment`] when the step cannot be run.
    pub(super) async fn probe(&self) -> Result<u32, Failure> {
        let mut words = None;
        for attempt in 1..=TRIES {
            match self.run("find", FIND).await? {
                StepResult::Succeeded(_) => return Ok(attempt),
                StepResult::Refused(said) => words = said,
                StepResult::TimedOut => words = Some(format!("discovery took longer than {} s", FIND.as_secs())),
            }
        }
        let words = words.map_or_else(String::new, |words| format!(": {words}"));
        Err(Failure::new(
            ErrorCode::RadioNotFound,
            format!("the radio ({}) was not found in {TRIES} tries{words}", self.radio.args.as_str()),
        )
        .hint("is the radio powered and cabled, and does no other host hold the radio's address?"))
    }

    /// Initialises the radio in full; what it did not do as it was asked.
    ///
    /// # Errors
    /// [`ErrorCode::Radio`] with libuhd's words; [`ErrorCode::Environment`] when the step cannot be run.
    pub(super) async fn init(&self) -> Result<Vec<String>, Failure> {
        let words = match self.run("init", INIT).await? {
            StepResult::Succeeded(said) => return Ok(differences(&self.radio, &said)),
            StepResult::Refused(said) => said.unwrap_or_else(|| "no reason given".into()),
            StepResult::TimedOut => format!("it took longer than {} s", INIT.as_secs()),
        };
        Err(Failure::new(ErrorCode::Radio, format!("the radio ({}) could not be initialised: {words}", self.radio.args.as_str()))
            .hint("check the radio's parameters in the configuration; switching the radio off and on often helps"))
    }

    async fn run(&self, step: &str, limit: Duration) -> Result<StepResult, Failure> {
        let uhd = &self.workload.uhd;
        let program = uhd.program();
        let mut command = Command::new(program);
        if let Some(network) = &self.network {
            // Before the rights are given up.
            enter(&mut command, Arc::clone(network));
        }
        confine(&mut command, &self.workload);
        command.args(uhd.arguments()).arg(step).env(ENV_RADIO, &self.radio_json);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let output = match timeout(limit, command.output()).await {
            Err(_) => return Ok(StepResult::TimedOut),
            Ok(Err(e)) if e.kind() == ErrorKind::NotFound => return Err(missing(program)),
            Ok(Err(e)) => {
                return Err(Failure::new(ErrorCode::Environment, format!("libuhd's step {program} could not be run: {e}")));
            }
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(StepResult::Succeeded(output.stdout));
        }
        let words = error_of(&output.stdout).or_else(|| last_line(&output.stderr));
        if output.status.code() == Some(1) {
            return Ok(StepResult::Refused(words));
        }
        // Exit code 127 and the like, or a signal: trying again would not help.
        let words = words.map_or_else(String::new, |words| format!(": {words}"));
        Err(Failure::new(ErrorCode::Environment, format!("libuhd's step {program} {step} ended with {}{words}", output.status))
            .hint("127 means that libuhd is not installed here: apt-get install libuhd4.3.0"))
    }
}

/// Lets a command begin in another network namespace.
#[expect(unsafe_code, reason = "the child enters its network namespace between fork and exec")]
fn enter(command: &mut Command, network: Arc<File>) {
    let enter = move || setns(network.as_fd(), CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from);
    // SAFETY: `setns` only makes a system call, and the descriptor lives as long as the command.
    unsafe { command.pre_exec(enter) };
}

fn missing(program: &str) -> Failure {
    Failure::new(ErrorCode::Environment, format!("libuhd's step {program} is not there"))
        .hint("build with the default feature uhd: apt-get install libuhd-dev and make")
}

/// The `error` of the last JSON line.
fn error_of(stdout: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stdout);
    let line = text.lines().rev().find(|line| line.trim_start().starts_with('{'))?;
    Some(serde_json::from_str::<Value>(line).ok()?.get("error")?.as_str()?.to_owned())
}

/// The last line that is not one of libuhd's greetings on the same stream.
fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.starts_with("[INFO]")).map(|line| line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(script: &str) -> RadioStep {
        // `sh -c script name`: the step arrives as $1.
        let uhd = vec!["/bin/sh".into(), "-c".into(), script.into(), "uhd".into()].try_into().unwrap();
        let example = config::Config::parse(config::EXAMPLE).unwrap();
        let radio = example.radio.into_values().next().unwrap();
        RadioStep { workload: Workload { uhd, ..example.workload }, radio, radio_json: "{}".into(), network: None }
    }

    #[tokio::test]
    async fn the_radio_is_looked_for_up_to_eight_times() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count").display().to_string();
        let found_third = format!("echo $1 >> {count}; test $(wc -l < {count}) -ge 3");
        assert_eq!(step(&found_third).probe().await, Ok(3));
        let silent = step("echo '[INFO] [UHD] linux' >&2; echo '{\"found\": []}'; exit 1").probe().await.unwrap_err();
        assert!(silent.message.ends_with("was not found in 8 tries"), "{silent}");
        let never = step(&format!("echo x >> {count}.never; echo '{{\"error\": \"no device answered\"}}'; exit 1"));
        let failure = never.probe().await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::RadioNotFound);
        assert!(failure.message.ends_with("was not found in 8 tries: no device answered"), "{failure}");
        assert_eq!(std::fs::read_to_string(format!("{count}.never")).unwrap().lines().count(), 8);
    }

    #[tokio::test]
    async fn initialisation_fails_in_libuhds_words() {
        assert_eq!(step("test $1 = init").init().await, Ok(vec![]));
        let warnings = step("echo '{\"ref_locked\": false, \"rx\": {\"gain\": 31.5}}'").init().await.unwrap();
        assert!(
            warnings[0].contains("not locked to its internal reference") && warnings[1].contains("got 31.5 dB"),
            "{warnings:?}"
        );
        let failure = step("echo banner; echo '{\"error\": \"no LFRX\"}'; exit 1").init().await.unwrap_err();
        assert_eq!((failure.code, failure.message.ends_with("initialised: no LFRX")), (ErrorCode::Radio, true));
        let failure = step("echo 'libuhd.so: cannot open' >&2; exit 127").init().await.unwrap_err();
        assert!(failure.message.contains("127") && failure.message.contains("cannot open"), "{failure}");
    }

    #[tokio::test]
    async fn a_missing_program_is_said_at_once() {
        let mut step = step("");
        step.workload.uhd = vec!["/nowhere/baton-uhd".into()].try_into().unwrap();
        let failure = step.probe().await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Environment);
        assert_eq!(failure.message, "libuhd's step /nowhere/baton-uhd is not there");
    }
}
