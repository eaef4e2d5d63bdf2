//! The processes of a host, hit from outside; and its agent, which comes back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::lab::Lab;

/// From the end of an agent to the next one, which the lab starts after a failure.
const AGAIN_WITHIN: Duration = Duration::from_secs(4);
/// An agent that is told to end brings an order past its cut to the end first. Longer than anything is stopped.
const ENDS_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at the processes.
const LOOK: Duration = Duration::from_millis(100);

/// Shell words that find the process which an agent keeps in a folder of /run/baton.
pub fn kept(folder: &str, role: &str) -> String {
    format!(r#"$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' /run/baton/{folder}/{role}.pid 2>/dev/null)"#)
}

/// Shell words that find the agent.
pub fn agent_of(host: &str) -> String {
    format!("$(pgrep -of '^[^ ]*baton .*agent --host {host}$')")
}

/// By one program of the lab, so that all that are found are hit at once; the numbers of those that were.
pub fn signal(lab: &Lab, found: &str, name: &str) -> String {
    let said = lab.exec("console", &["sh", "-c", &format!("P=\"{found}\"; kill -{name} $P 2>/dev/null; echo $P")]);
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// Stops them for so long.
pub fn pause(lab: &Lab, found: &str, lasting: Duration) {
    let stopped = signal(lab, found, "STOP");
    sleep(lasting);
    lab.exec("console", &["sh", "-c", &format!("kill -CONT {stopped}")]);
}

pub fn down(lab: &Lab, host: &str, ports: &[&str], lasting: Duration) {
    let set = |port: &str, to: &str| drop(lab.exec(host, &["ip", "link", "set", port, to]));
    ports.iter().for_each(|port| set(port, "down"));
    sleep(lasting);
    ports.iter().for_each(|port| set(port, "up"));
}

/// Ends an agent; the next one is there afterwards.
pub fn end_agent(lab: &Lab, host: &str, signal: &str) {
    let Some(old) = agent(lab, host) else { return await_agent(lab, host) };
    lab.exec("console", &["kill", signal, &old]);
    let since = Instant::now();
    while agent(lab, host).as_deref() == Some(&old) {
        assert!(since.elapsed() < ENDS_WITHIN, "the agent of {host} does not end");
        sleep(LOOK);
    }
    await_agent(lab, host);
}

/// Where the lab starts no other agent, because the last one ended in peace or was not the lab's own, this does, as an upgrade would.
pub fn await_agent(lab: &Lab, host: &str) {
    let since = Instant::now();
    while since.elapsed() < AGAIN_WITHIN {
        if agent(lab, host).is_some() {
            return;
        }
        sleep(LOOK);
    }
    let again = format!(
        "exec setsid --fork {} agent --host {host} </dev/null >>/run/baton/log/{host}.log 2>&1",
        env!("CARGO_BIN_EXE_baton")
    );
    lab.exec(host, &["sh", "-c", &again]);
}

/// The process id of a host's agent.
fn agent(lab: &Lab, host: &str) -> Option<String> {
    let found = lab.exec("console", &["pgrep", "-o", "-f", &format!("^[^ ]*baton .*agent --host {host}$")]);
    let pid = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    (!pid.is_empty()).then_some(pid)
}
