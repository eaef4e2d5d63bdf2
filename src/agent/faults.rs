//! Test equipment: makes commands fail, wait or end the agent, or runs a program first, as a file says. It knows nothing of the commands.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::sleep;

use config::TomlSource;
use protocol::{Command, ErrorCode, Failure};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FaultAction {
    /// Answered with a failure, not carried out.
    Fail,
    /// Carried out after a while.
    Delay,
    /// The agent ends, as by SIGKILL, instead of carrying it out.
    DieBefore,
    /// The agent ends, as by SIGKILL, once it is carried out and before it is answered.
    DieAfter,
    /// Carried out, never answered.
    NoReply,
    /// Neither carried out nor answered.
    Lose,
    /// Carried out once a program has ended.
    Run,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandFault {
    command: toml::Spanned<String>,
    /// Which time, counted from 1 from the start of the agent or the latest change of the file.
    occurrence: u64,
    #[serde(rename = "do")]
    action: FaultAction,
    /// For `delay`.
    ms: Option<u64>,
    /// For `run`: the program and its arguments.
    #[serde(default)]
    run: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    #[serde(default)]
    fault: Vec<CommandFault>,
}

/// The faults of one agent; usually none.
#[derive(Debug, Default)]
pub(super) struct CommandFaults {
    /// Read again before every command.
    file: Option<PathBuf>,
    known: Mutex<KnownFaults>,
}

/// What the file says, and which commands were met since it was read.
#[derive(Debug, Default)]
struct KnownFaults {
    text: String,
    faults: Vec<CommandFault>,
    /// Commands met so far, by name.
    met: Vec<&'static str>,
}

impl KnownFaults {
    fn read(text: String) -> Result<Self, String> {
        Ok(Self { faults: parse(&text)?, text, met: Vec::new() })
    }

    /// Reads the file again, if it has changed. A file that is missing for a moment or wrong changes nothing.
    fn reload(&mut self, file: &Path) {
        let Ok(text) = std::fs::read_to_string(file) else { return };
        if text == self.text {
            return;
        }
        match KnownFaults::read(text.clone()) {
            Ok(known) => *self = known,
            Err(what) => {
                tracing::warn!("{}: {what}", file.display());
                // Reported once.
                self.text = text;
            }
        }
    }
}

fn parse(text: &str) -> Result<Vec<CommandFault>, String> {
    let source = TomlSource::of_text(text);
    let FaultFile { fault: faults } = source.read().map_err(|failure| failure.message)?;
    for fault in &faults {
        let name = fault.command.get_ref();
        let wrong = |what: String| Err(source.wrong(Some(fault.command.span()), &what).message);
        if !Command::NAMES.contains(&name.as_str()) {
            return wrong(format!("there is no command \"{name}\""));
        }
        if fault.occurrence == 0 || (fault.action == FaultAction::Delay) != fault.ms.is_some() {
            return wrong(format!("occurrences of {name} are counted from 1, and ms belongs to delay alone"));
        }
        if (fault.action == FaultAction::Run) == fault.run.is_empty() {
            return wrong("do = \"run\" needs a program, run = [\"program\", \"argument\"], and no other has one".into());
        }
    }
    Ok(faults)
}

impl CommandFaults {
    /// Reads a file of faults.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the file, the line and what is wrong.
    pub(super) fn load(file: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| {
            Failure::new(ErrorCode::Config, format!("{}: {what}", file.display())).hint("docs/agents.md describes files of faults")
        };
        let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("the faults cannot be read: {e}")))?;
        let known = Mutex::new(KnownFaults::read(text).map_err(wrong)?);
        Ok(Self { file: Some(file.to_owned()), known })
    }

    fn due(&self, name: &'static str) -> Option<CommandFault> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file {
            // A small file, and no service depends on an agent with faults.
            known.reload(file);
        }
        if known.faults.is_empty() {
            return None;
        }
        known.met.push(name);
        let occurrence = known.met.iter().filter(|&&earlier| earlier == name).count() as u64;
        known.faults.iter().find(|fault| fault.command.get_ref() == name && fault.occurrence == occurrence).cloned()
    }

    /// Carries a command out, or does what the file says instead.
    pub(super) async fn apply<T>(
        &self,
        name: &'static str,
        carry_out: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(fault) = self.due(name) else { return carry_out.await };
        tracing::warn!("fault: {name}: {:?}", fault.action);
        match fault.action {
            FaultAction::Fail => Err(Failure::new(ErrorCode::Internal, format!("{name} failed because a file of faults says so"))),
            FaultAction::Delay => {
                sleep(Duration::from_millis(fault.ms.unwrap_or(0))).await;
                carry_out.await
            }
            FaultAction::Run => {
                run(&fault.run).await;
                carry_out.await
            }
            FaultAction::DieBefore => die(),
            FaultAction::DieAfter => {
                let _ = carry_out.await;
                die()
            }
            FaultAction::NoReply => {
                let _ = carry_out.await;
                std::future::pending().await
            }
            FaultAction::Lose => std::future::pending().await,
        }
    }
}

async fn run(program: &[String]) {
    let Some((name, arguments)) = program.split_first() else { return };
    match tokio::process::Command::new(name).args(arguments).stdin(Stdio::null()).status().await {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::warn!("{program:?} of the file of faults: {status}"),
        Err(e) => tracing::warn!("{program:?} of the file of faults could not be run: {e}"),
    }
}

fn die() -> ! {
    let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_from(text: &str) -> CommandFaults {
        CommandFaults { file: None, known: Mutex::new(KnownFaults::read(text.to_owned()).unwrap()) }
    }

    #[tokio::test]
    async fn a_program_is_run_before_the_command_is_carried_out() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ran");
        let fault = |program: &str| {
            let program = [program, &mark.display().to_string()];
            faults_from(&format!("[[fault]]\ncommand = \"status\"\noccurrence = 1\ndo = \"run\"\nrun = {program:?}"))
        };
        let carried_out = async || Ok(mark.exists());
        assert!(fault("touch").apply("status", carried_out()).await.unwrap());
        // One that fails, or is not there, keeps nothing back.
        assert!(fault("rmdir").apply("status", carried_out()).await.unwrap());
        assert!(fault("/no/such/program").apply("status", carried_out()).await.unwrap());
    }

    #[tokio::test]
    async fn a_file_that_changes_is_read_again_and_counts_anew() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let second = |note: &str| format!("# {note}\n[[fault]]\ncommand = \"status\"\noccurrence = 2\ndo = \"fail\"");
        std::fs::write(file.path(), "").unwrap();
        let faults = CommandFaults::load(file.path()).unwrap();
        let meet = async || faults.apply("status", async { Ok(()) }).await.is_ok();
        assert!(meet().await && meet().await);
        for note in ["one", "two"] {
            std::fs::write(file.path(), second(note)).unwrap();
            assert_eq!([meet().await, meet().await, meet().await], [true, false, true], "{note}");
        }
        std::fs::write(file.path(), second("three")).unwrap();
        assert!(meet().await);
        std::fs::write(file.path(), "what is this").unwrap();
        assert!(!meet().await, "a file that is wrong changes nothing");
        std::fs::remove_file(file.path()).unwrap();
        assert!(meet().await);
    }

    #[tokio::test]
    async fn the_occurrence_that_is_named_fails_and_no_other() {
        let faults = faults_from("[[fault]]\ncommand = \"link_usrp\"\noccurrence = 2\ndo = \"fail\"");
        let go = || async { Ok(()) };
        assert!(faults.apply("link_usrp", go()).await.is_ok());
        assert!(faults.apply("kill_usrp", go()).await.is_ok());
        let failure = faults.apply("link_usrp", async { panic!("carried out") as Result<(), _> }).await.unwrap_err();
        assert_eq!(failure.message, "link_usrp failed because a file of faults says so");
        assert!(faults.apply("link_usrp", go()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn delays_are_waited_for_and_lost_answers_never_come() {
        let text = r#"
            fault = [
                { command = "status", occurrence = 1, do = "delay", ms = 5000 },
                { command = "status", occurrence = 2, do = "no_reply" },
                { command = "status", occurrence = 3, do = "lose" },
            ]"#;
        let faults = faults_from(text);
        let began = tokio::time::Instant::now();
        faults.apply("status", async { Ok(()) }).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        for carried_out in [true, false] {
            let done = Mutex::new(false);
            let command = async {
                *done.lock().unwrap() = true;
                Ok(())
            };
            assert!(tokio::time::timeout(Duration::from_secs(9), faults.apply("status", command)).await.is_err());
            assert_eq!(*done.lock().unwrap(), carried_out);
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let table = [
            (
                "\n[[fault]]\ncommand = \"dance\"\noccurrence = 1\ndo = \"fail\"",
                "line 3, key `fault.command`: there is no command \"dance\"",
            ),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 0\ndo = \"fail\"", "line 2, key `fault.command`: occurrences"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"delay\"", "ms belongs to delay"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"fail\"\nms = 1", "ms belongs to delay"),
            (
                "[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"run\"",
                "line 2, key `fault.command`: do = \"run\" needs a program",
            ),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"fail\"\nrun = [\"ls\"]", "and no other has one"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"explode\"", "line 4"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"fail\"\nhow = 1", "line 5"),
            ("faults = []", "line 1"),
        ];
        for (text, words) in table {
            let failure = parse(text).unwrap_err();
            assert!(failure.contains(words), "{failure}");
        }
    }
}
