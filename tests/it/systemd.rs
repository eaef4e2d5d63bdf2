//! What systemd hears of an agent: from a socket in the place of its own. `make test-hosts` has the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3, SOON};
use crate::common::machine;
use protocol::Command;

/// What the unit calls WatchdogSec; the agent tells that it lives four times as often.
const WATCHDOG: Duration = Duration::from_millis(400);

/// The next message, line by line.
fn heard(socket: &UnixDatagram) -> Option<Vec<String>> {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_vec()).unwrap().lines().map(str::to_owned).collect())
}

fn until_heard(socket: &UnixDatagram, line: &str) -> Vec<String> {
    let mut last = Vec::new();
    // One each quarter of the watchdog's time, for as long as a test waits at most.
    for _ in 0..SOON.as_millis() / (WATCHDOG / 4).as_millis() {
        last = heard(socket).unwrap_or_else(|| panic!("nothing was heard for {SOON:?}, and never {line}"));
        if last.iter().any(|said| said == line) {
            return last;
        }
    }
    panic!("{line} was never heard: {last:?}");
}

#[tokio::test]
async fn systemd_hears_of_the_work_and_of_a_dispatcher_that_hangs() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let socket = UnixDatagram::bind(cluster.path("notify")).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let faults = cluster.path("faults.toml");
    std::fs::write(&faults, "").unwrap();
    let prefix =
        format!("env NOTIFY_SOCKET={} WATCHDOG_USEC={} WATCHDOG_PID=$$", cluster.path("notify").display(), WATCHDOG.as_micros());
    let _agent = Agent::start_as(&cluster, "one", ETH3, &prefix, &format!("--faults {}", faults.display()));
    let first = heard(&socket).expect("an agent that is ready says so");
    assert_eq!(first, ["READY=1", "WATCHDOG=1", "STATUS=stands by for the radio pool, nothing runs"]);

    cluster.ask("one", Command::StartD2d { control_flag: 0, control: None }).await.unwrap();
    until_heard(&socket, "STATUS=gets the radio pool to work");
    cluster.ask("one", Command::START_USRP).await.unwrap();
    let message = until_heard(&socket, "STATUS=serves the radio pool, searches for the far end");
    assert!(message.contains(&"WATCHDOG=1".to_owned()), "{message:?}");

    // From now on a status command is neither carried out nor answered; everything else of the agent goes on.
    std::fs::write(&faults, "[[fault]]\ncommand = \"status\"\noccurrence = 1\ndo = \"lose\"\n").unwrap();
    socket.set_read_timeout(Some(WATCHDOG * 2)).unwrap();
    let late = (0..20).take_while(|_| heard(&socket).is_some()).count();
    assert!(late < 20, "an agent that answers nothing goes on saying that it lives");
    cluster.ask("one", Command::DoubleKill).await.unwrap();
}
