//! How an agent ends. SIGTERM, as a restart or an upgrade sends it, leaves the work to the next agent; SIGINT (Ctrl-C), `end`, and SIGTERM with
//! `--end-on-stop` end the work as well. In both cases an order under way comes to its end first. SIGHUP ends nothing: it has the keys read again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::commands;
use super::decision;
use super::radios::Radios;
use super::state::Agent;
use crate::link::certificate::fingerprint;
use crate::link::key::Keys;
use crate::link::tls::use_keys;
use protocol::{ErrorCode, Failure, Level, RunPart, ask};

/// An order past its cut, and a change under way, are waited for so long: what keeps an order longer is a radio that nobody finds. Less than the 90 s
/// after which systemd kills.
const PATIENCE: Duration = Duration::from_secs(60);
/// Another host is told that this one leaves its run.
const TELL: Duration = Duration::from_secs(2);
/// The answer to an order that has just ended is on its way by then.
const FAREWELL: Duration = Duration::from_millis(200);
/// Between two looks whether another host's run is over.
const LOOK: Duration = Duration::from_millis(50);

/// From now on the signals that end the agent end it in order. Must be called within a tokio runtime.
pub(super) fn listen(radios: &Radios, end_on_stop: bool) {
    // Here and not in the task, so that a signal that comes as soon as the agent is ready is heard.
    if let Ok(hangup) = signal(SignalKind::hangup()) {
        tokio::spawn(on_hangup(radios.clone(), hangup));
    }
    if let (Ok(terminate), Ok(interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        tokio::spawn(on_signal(radios.clone(), end_on_stop, terminate, interrupt));
    }
}

/// SIGHUP, as `systemctl reload` sends it: the keys are read again.
async fn on_hangup(radios: Radios, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        // The keys are every radio's: one of them tells.
        let Some(agent) = radios.all().next() else { return };
        let Some(key_file) = agent.host.config.key_file.clone() else {
            agent.host.event(Level::Info, "told to read the keys again: the configuration names none");
            continue;
        };
        // A disk that hangs keeps nobody else waiting.
        let read = tokio::task::spawn_blocking(move || {
            let keys = Keys::load(&key_file)?;
            let fingerprints = keys.all().map(fingerprint).collect::<Result<Vec<_>, _>>()?;
            use_keys(&key_file, keys);
            Ok(fingerprints)
        });
        let read = read.await.unwrap_or_else(|e| Err(Failure::new(ErrorCode::Internal, format!("they could not be read: {e}"))));
        match read {
            Ok(fingerprints) => {
                let (current, beside) = fingerprints.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
                let also = if beside.is_empty() { String::new() } else { format!(", and accepts {}", beside.join(" and ")) };
                agent.host.event(Level::Info, format!("the keys were read again: {} works with {current}{also}", agent.host.name));
            }
            Err(failure) => agent.host.event(Level::Error, format!("the keys stay as they were: {failure}")),
        }
    }
}

async fn on_signal(radios: Radios, end_on_stop: bool, mut terminate: Signal, mut interrupt: Signal) {
    let interrupted = next(&mut terminate, &mut interrupt).await;
    radios.ending().stopping.cancel();
    tokio::select! {
        _ = join_all(radios.all().map(settle)) => {}
        _ = next(&mut terminate, &mut interrupt) => {
            for agent in radios.all() {
                agent.host.event(Level::Warning, "told to end a second time: what is under way is left");
            }
        }
    }
    for agent in radios.all() {
        if interrupted || end_on_stop {
            commands::leave(agent).await;
        } else {
            hand_over(agent);
        }
    }
    radios.ending().stop.cancel();
}

/// Whether it was an interrupt.
async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> bool {
    tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => true,
    }
}

/// Waits until no order and no change is under way: an order before its cut is given up, one past it is finished.
async fn settle(agent: &Arc<Agent>) {
    let answers = agent.order.try_lock().is_err();
    decision::give_up_for_stop(agent);
    let over = async {
        if let Some(RunPart { run, executor, .. }) = agent.participation.elsewhere() {
            // Past its cut it cannot be cancelled any more, and is over in a moment.
            drop(agent.client.ask(&executor, ask::Cancel { run: Some(run) }, TELL).await);
        }
        while agent.participation.elsewhere().is_some() {
            sleep(LOOK).await;
        }
        drop(agent.order.lock().await);
        drop(agent.work.lock_changes().await);
    };
    let settled = timeout(PATIENCE, over).await;
    if answers {
        sleep(FAREWELL).await;
    }
    if settled.is_err() {
        let seconds = PATIENCE.as_secs();
        agent.host.event(Level::Error, format!("what is under way has not ended within {seconds} s: it is left to the next agent"));
    }
}

/// Leaves the work as it is.
fn hand_over(agent: &Agent) {
    agent.host.leaving.cancel();
    let host = &agent.host.name;
    let running: Vec<String> = [agent.work.d2d(), agent.work.usrp()]
        .into_iter()
        .filter_map(|child| child.pid().map(|pid| format!("{} (pid {pid})", child.name())))
        .collect();
    let text = match running.as_slice() {
        [] => format!("the agent of {host} ends; nothing runs"),
        running => format!("the agent of {host} ends and leaves {} at work for the next agent", running.join(" and ")),
    };
    agent.host.event(Level::Info, text);
}
