//! The verdict on the service for scripts: one line, one JSON object, one exit code.

use std::process::ExitCode;

use serde::Serialize;

use crate::migration::service::{Mend, SeenHost, Service, ServiceState, judge};
use config::Config;
use protocol::Telemetry;

/// Exit code of a service that serves; of one that does not or only starts; of one that is not known.
const SERVING: u8 = 0;
const NOT_SERVING: u8 = 1;
const NOT_KNOWN: u8 = 3;

/// The verdict as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ServiceReport {
    state: ServiceState,
    /// Who has the work, or had it last.
    host: Option<String>,
    /// Why it does not serve, or why that is not known.
    reason: Option<String>,
    /// Since when the far end has had no answer.
    since: Option<chrono::DateTime<chrono::Utc>>,
    /// For how long, ms.
    silent_ms: Option<u64>,
    /// The command that brings it back.
    mend: Option<String>,
    /// What to do by hand.
    advice: Option<&'static str>,
}

impl ServiceReport {
    /// Who has the work, or had it last.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The verdict at a time.
    pub(super) fn new(service: &Service, radio: Option<&str>, at: chrono::DateTime<chrono::Utc>) -> Self {
        let silence = service.silent_ms.and_then(|ms| i64::try_from(ms).ok()).and_then(chrono::TimeDelta::try_milliseconds);
        Self {
            state: service.state,
            host: service.host.clone(),
            reason: service.cause.as_ref().map(|cause| cause.text()),
            since: silence.and_then(|silence| at.checked_sub_signed(silence)),
            silent_ms: service.silent_ms,
            mend: service.mend.map(|mend| command(mend, radio)),
            advice: service.cause.as_ref().and_then(|cause| cause.advice()),
        }
    }
}

/// The command for a shell; the radio is named where there are several.
fn command(mend: Mend, radio: Option<&str>) -> String {
    let of = radio.map_or_else(String::new, |radio| format!(" --radio {radio}"));
    format!("baton do {}{of}", mend.command())
}

/// The verdict on what hosts answered.
pub(super) fn of_answers<'a, E>(config: &Config, answers: impl IntoIterator<Item = (&'a str, &'a Result<Telemetry, E>)>) -> Service
where
    E: 'a,
{
    let seen: Vec<SeenHost<'_>> =
        answers.into_iter().map(|(name, answer)| SeenHost { name, status: answer.as_ref().ok(), heard: answer.is_ok() }).collect();
    judge(config, &seen)
}

/// The verdict as one line: `DOWN for 3.2 s: the USRP process of server1 died; baton do recover mends it`.
pub(super) fn line(service: &Service, radio: Option<&str>) -> String {
    let mut line = service.state.word().to_owned();
    if let (ServiceState::Serving, Some(host)) = (service.state, &service.host) {
        line.push_str(&format!(" on {host}"));
    }
    if let Some(ms) = service.silent_ms {
        line.push_str(&format!(" for {:.1} s", ms as f64 / 1e3));
    }
    if let Some(cause) = &service.cause {
        line.push_str(&format!(": {}", cause.text()));
        match (service.mend, cause.advice()) {
            (Some(mend), _) => line.push_str(&format!("; `{}` brings it back", command(mend, radio))),
            (None, Some(advice)) => line.push_str(&format!("; {}", advice)),
            (None, None) => {}
        }
    }
    line
}

/// The verdict as an exit code.
pub(super) fn exit_code(state: ServiceState) -> u8 {
    match state {
        ServiceState::Serving => SERVING,
        ServiceState::Starting | ServiceState::Down => NOT_SERVING,
        ServiceState::Unknown => NOT_KNOWN,
    }
}

/// The same for a process.
pub(super) fn exit(state: ServiceState) -> ExitCode {
    ExitCode::from(exit_code(state))
}
