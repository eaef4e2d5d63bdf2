//! What systemd is told of the agent (sd_notify(3)): that it answers, what its work does in one sentence, and for the watchdog of its unit that
//! the dispatcher lives.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use super::order;
use super::radios::Radios;
use crate::link::server::Scope;
use output::one_line;
use protocol::{Command, Failure, Level, ProcessState, ProcessStatus, SyncState, Telemetry};
use workload::runtime::keep_running;

/// Between two sentences; a shorter watchdog has them come more often.
const EVERY: Duration = Duration::from_secs(2);
/// Signs of life within the time after which systemd holds the agent for hung: one may come late, as within a cut, and another get lost.
const SIGNS: u32 = 4;

/// Tells systemd from now on, where the agent was started by it. Must be called within a tokio runtime.
pub(super) fn listen(radios: &Radios) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let every = sd_notify::watchdog_enabled().map_or(EVERY, |limit| EVERY.min(limit / SIGNS));
    // A thread of its own: a systemd that takes nothing must not keep the agent waiting.
    let (sentences, said) = sync_channel(1);
    std::thread::spawn(move || tell(&said));
    let radios = radios.clone();
    keep_running("what tells systemd", move || run(radios.clone(), sentences.clone(), every));
}

/// Each sentence stands for a command that was answered: the agent is ready, and lives.
fn tell(sentences: &Receiver<String>) {
    while let Ok(sentence) = sentences.recv() {
        // A systemd that does not take it holds the agent for hung, and says so.
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Watchdog, NotifyState::Status(&sentence)]);
    }
}

async fn run(radios: Radios, told: SyncSender<String>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Nothing that can wait is done within a cut.
        if radios.all().any(|agent| agent.host.priority.is_raised()) {
            continue;
        }
        let mut sentences = Vec::new();
        for agent in radios.all() {
            // The way that every command goes: whatever the answer is, the dispatcher lives.
            let scope = Scope { radio: Some(agent.work.radio_name().to_owned()), run: None };
            let answer = order::answer(agent, scope, Command::Status).await.and_then(protocol::Answer::into_result::<Telemetry>);
            sentences.push(told_of(agent.work.radio_name(), &answer));
        }
        // One that is not taken yet says much the same.
        let _ = told.try_send(one_line(&sentences.join("; ")).into_owned());
    }
}

/// The state of a work in one sentence.
fn told_of(radio: &str, answer: &Result<Telemetry, Failure>) -> String {
    let status = match answer {
        Ok(status) => status,
        Err(failure) => return format!("does not know what runs for the radio {radio}: {failure}"),
    };
    let alarm = status.alarms.iter().find(|alarm| alarm.level == Level::Error);
    let alarm = alarm.map_or_else(String::new, |alarm| format!(". Alarm: {}", alarm.text));
    format!("{}{alarm}", what_runs(radio, status))
}

fn what_runs(radio: &str, status: &Telemetry) -> String {
    use ProcessState::{Died, Running, Stopped};
    let dead: Vec<&str> = named(status).into_iter().filter(|(_, process)| process.state == Died).map(|(name, _)| name).collect();
    match (status.d2d.state, status.usrp.state) {
        _ if !dead.is_empty() => format!("is down: {} died", dead.join(" and ")),
        (Running, Running) => format!("serves the radio {radio}, {}", in_words(status.d2d.sync)),
        (Stopped, Stopped) => format!("stands by for the radio {radio}, nothing runs"),
        _ => format!("gets the radio {radio} to work"),
    }
}

fn named(status: &Telemetry) -> [(&'static str, &ProcessStatus); 2] {
    [("D2D", &status.d2d), ("USRP", &status.usrp)]
}

fn in_words(sync: Option<SyncState>) -> &'static str {
    match sync {
        Some(SyncState::Synced { .. }) => "in sync",
        Some(SyncState::Searching) => "searches for the far end",
        Some(SyncState::Lost { .. }) => "has lost the far end",
        Some(SyncState::NoSamples) => "gets no samples",
        Some(SyncState::Unreported) | None => "whose program does not tell whether it is in sync",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::fleet::telemetry_of;
    use protocol::{Alarm, ErrorCode};

    fn running(sync: Option<SyncState>) -> Telemetry {
        let process = |sync| ProcessStatus { state: ProcessState::Running, sync, ..ProcessStatus::default() };
        Telemetry { d2d: process(sync), usrp: process(None), ..telemetry_of("server1") }
    }

    #[test]
    fn the_state_of_a_work_is_one_sentence() {
        let mut died = running(None);
        died.usrp.state = ProcessState::Died;
        let mut starts = running(None);
        starts.usrp.state = ProcessState::Made;
        for (status, sentence) in [
            (telemetry_of("server1"), "stands by for the radio pool, nothing runs"),
            (running(Some(SyncState::Synced { for_ms: 7 })), "serves the radio pool, in sync"),
            (running(Some(SyncState::Searching)), "serves the radio pool, searches for the far end"),
            (starts, "gets the radio pool to work"),
            (died, "is down: USRP died"),
        ] {
            assert_eq!(told_of("pool", &Ok(status)), sentence);
        }
    }

    #[test]
    fn an_alarm_and_an_unknown_state_are_told() {
        let alarm =
            |level, text: &str| Alarm { code: ErrorCode::Radio, level, text: text.into(), hint: None, since: chrono::Utc::now() };
        let alarms = vec![alarm(Level::Warning, "the disk hangs"), alarm(Level::Error, "a stranger has the radio's address")];
        let said = told_of("pool", &Ok(Telemetry { alarms, ..telemetry_of("server1") }));
        assert_eq!(said, "stands by for the radio pool, nothing runs. Alarm: a stranger has the radio's address");
        let said = told_of("pool", &Err(Failure::new(ErrorCode::Address, "netlink does not answer")));
        assert_eq!(said, "does not know what runs for the radio pool: netlink does not answer");
    }
}
