//! One `baton usrp` follows another's heartbeats, as a standby, and takes over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use workload::seqpacket::SampleSocket;
use workload::standby::Packet;

use super::handover::made;
use super::overlap::open_way;
use super::process::{OwnNetwork, SoftwareRadio, Usrp, await_until};
use super::streams::{receive_contiguous, receive_fresh};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Ends the thread beside a test, also one that fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Says again and again that the D2D process goes on, and ends with the test.
fn report_progress(d2d: &mut SampleSocket, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) && d2d.send_packet(&Packet::Progress(&[7; 20])).is_ok() {
        thread::sleep(Duration::from_millis(2));
    }
}

fn follows(usrp: &mut Usrp) -> Value {
    usrp.ask("status").unwrap()["follows"]["state"].clone()
}

/// The second follows the first, 200 ms behind its last heartbeat.
fn arm(first: &mut Usrp, second: &mut Usrp, arming: u64) {
    let waits = second.ask_with("follow", &json!({"arming": arming, "key": KEY, "takeover_after_us": 200_000})).unwrap();
    let management = format!("127.0.0.1:{}", waits["port"]);
    first.ask_with("send_heartbeats", &json!({"arming": arming, "key": KEY, "management": management})).unwrap();
    await_until("armed", || follows(second) == "armed");
}

fn signal(usrp: &Usrp, signal: Signal) {
    kill(Pid::from_raw(usrp.child.id() as i32), signal).unwrap();
}

/// A process that is linked, whose D2D process goes on, and one that receives beside it, with its samples.
fn side_by_side(test: impl FnOnce(&mut Usrp, &mut Usrp, &mut SampleSocket)) {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _first_listener, mut from_first) = made("192.168.10.2");
    first.ask("link").unwrap();
    receive_contiguous(&mut from_first, 20_000);
    open_way();
    let (_two, mut second, _second_listener, mut from_second) = made("192.168.10.2");
    second.ask_with("overlap", &first.ask("export").unwrap()).unwrap();
    receive_contiguous(&mut from_second, 2_000);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&ended);
        scope.spawn(|| report_progress(&mut from_first, &ended));
        test(&mut first, &mut second, &mut from_second);
    });
}

/// Whatever its agent knew of it when it asked.
#[test]
fn whoever_has_taken_over_cannot_be_told_to_follow_no_longer() {
    side_by_side(|first, second, _| {
        arm(first, second, 1);
        assert_eq!(second.ask("unfollow").unwrap(), json!({"has_taken_over": false}));
        assert_eq!(follows(second), Value::Null);
        // It may follow anew, and the end of the first following is not that of the second.
        arm(first, second, 2);
        signal(first, Signal::SIGKILL);
        first.child.wait().unwrap();
        await_until("a take-over", || follows(second) == "took_over");
        assert_eq!(second.ask("unfollow").unwrap(), json!({"has_taken_over": true}));
        let status = second.ask("status").unwrap();
        assert_eq!((&status["linked"], &status["follows"]["state"]), (&true.into(), &json!("took_over")), "{status:#}");
    });
}

/// With both agents away nobody else can tell them apart, and two that hear the radio on two receive chains would both transmit.
#[test]
fn whoever_was_taken_over_leaves_the_streams_to_the_standby_that_serves() {
    side_by_side(|first, second, from_second| {
        arm(first, second, 1);
        signal(first, Signal::SIGSTOP);
        await_until("a take-over", || follows(second) == "took_over");
        signal(first, Signal::SIGCONT);
        first.await_silence();
        let refused = first.ask("relink").unwrap_err();
        assert!(refused.contains("says that it serves"), "{refused}");
        receive_fresh(from_second);
        // One that says nothing any more may be dead. What is still received there is stopped, so that it is silent when it is not.
        signal(second, Signal::SIGSTOP);
        await_until("the streams are asked for again", || first.ask("relink").is_ok());
        signal(second, Signal::SIGCONT);
        second.await_silence();
    });
}
