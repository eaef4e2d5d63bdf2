//! Test equipment: makes commands fail, wait, or end the agent, as a file says. It stands in front of the commands and knows nothing of them.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use crate::protocol::{Command, ErrorCode, Failure};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
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
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    command: toml::Spanned<String>,
    /// Which time, counted from 1 from the start of the agent.
    occurrence: u64,
    #[serde(rename = "do")]
    deed: Deed,
    /// For `delay`.
    ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Fault>,
}

/// The faults of one agent; usually none.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<Fault>,
    /// Commands met so far, by name.
    met: Mutex<Vec<&'static str>>,
}

impl Faults {
    /// Reads a file of faults.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the file, the line and what is wrong.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| {
            Failure::new(ErrorCode::Config, format!("{}: {what}", file.display())).hint("docs/agents.md describes files of faults")
        };
        let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("the faults can not be read: {e}")))?;
        Self::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let File { fault: faults } = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        for fault in &faults {
            let name = fault.command.get_ref();
            let line = text.get(..fault.command.span().start).unwrap_or_default().lines().count();
            if !Command::NAMES.contains(&name.as_str()) {
                return Err(format!("line {line}: there is no command \"{name}\""));
            }
            if fault.occurrence == 0 || (fault.deed == Deed::Delay) != fault.ms.is_some() {
                return Err(format!("line {line}: occurrences of {name} are counted from 1, and ms belongs to delay alone"));
            }
        }
        Ok(Self { faults, met: Mutex::default() })
    }

    fn of(&self, name: &'static str) -> Option<(Deed, Duration)> {
        if self.faults.is_empty() {
            return None;
        }
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.push(name);
        let occurrence = met.iter().filter(|&&earlier| earlier == name).count() as u64;
        let due = |fault: &&Fault| fault.command.get_ref() == name && fault.occurrence == occurrence;
        self.faults.iter().find(due).map(|fault| (fault.deed, Duration::from_millis(fault.ms.unwrap_or(0))))
    }

    /// Lets a command be carried out, or not.
    pub async fn meet(
        &self,
        name: &'static str,
        carry_out: impl Future<Output = Result<Value, Failure>>,
    ) -> Result<Value, Failure> {
        let Some((deed, time)) = self.of(name) else { return carry_out.await };
        tracing::warn!("fault: {name}: {deed:?}");
        match deed {
            Deed::Fail => Err(Failure::new(ErrorCode::Internal, format!("{name} failed because a file of faults says so"))),
            Deed::Delay => {
                sleep(time).await;
                carry_out.await
            }
            Deed::DieBefore => die(),
            Deed::DieAfter => {
                let _ = carry_out.await;
                die()
            }
            Deed::NoReply => {
                let _ = carry_out.await;
                std::future::pending().await
            }
            Deed::Lose => std::future::pending().await,
        }
    }
}

fn die() -> ! {
    let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_occurrence_that_is_named_fails_and_no_other() {
        let faults = Faults::parse("[[fault]]\ncommand = \"link_usrp\"\noccurrence = 2\ndo = \"fail\"").unwrap();
        let go = || async { Ok(Value::Null) };
        assert!(faults.meet("link_usrp", go()).await.is_ok());
        assert!(faults.meet("kill_usrp", go()).await.is_ok());
        let failure = faults.meet("link_usrp", async { panic!("carried out") }).await.unwrap_err();
        assert_eq!(failure.message, "link_usrp failed because a file of faults says so");
        assert!(faults.meet("link_usrp", go()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn delays_are_waited_for_and_lost_answers_never_come() {
        let text = r#"
            fault = [
                { command = "status", occurrence = 1, do = "delay", ms = 5000 },
                { command = "status", occurrence = 2, do = "no_reply" },
                { command = "status", occurrence = 3, do = "lose" },
            ]"#;
        let faults = Faults::parse(text).unwrap();
        let began = tokio::time::Instant::now();
        faults.meet("status", async { Ok(Value::Null) }).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        for carried_out in [true, false] {
            let done = Mutex::new(false);
            let deed = async {
                *done.lock().unwrap() = true;
                Ok(Value::Null)
            };
            assert!(tokio::time::timeout(Duration::from_secs(9), faults.meet("status", deed)).await.is_err());
            assert_eq!(*done.lock().unwrap(), carried_out);
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let table = [
            ("\n[[fault]]\ncommand = \"dance\"\noccurrence = 1\ndo = \"fail\"", "line 3: there is no command \"dance\""),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 0\ndo = \"fail\"", "line 2: occurrences"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"delay\"", "ms belongs to delay"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"fail\"\nms = 1", "ms belongs to delay"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"explode\"", "line 4"),
            ("[[fault]]\ncommand = \"end\"\noccurrence = 1\ndo = \"fail\"\nhow = 1", "line 5"),
            ("faults = []", "line 1"),
        ];
        for (text, words) in table {
            let failure = Faults::parse(text).unwrap_err();
            assert!(failure.contains(words), "{failure}");
        }
    }
}
