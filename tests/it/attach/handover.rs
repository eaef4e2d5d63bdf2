//! One `baton usrp` goes on where another is frozen.

use std::time::Duration;

use n210_wire::sr;
use serde_json::{Value, json};
use workload::seqpacket::{SampleListener, SampleSocket};

use super::fake::FakeRadio;
use super::process::{OwnNetwork, SoftwareRadio, Usrp, await_until, radio};
use super::streams::{AHEAD, DECIMATION, NEXT, SENT_EARLY, TAIL, burst, linked, receive_contiguous};

const BURST: u64 = 1920 * DECIMATION;

/// A made process with its D2D side.
pub fn made(address: &str) -> (tempfile::TempDir, Usrp, SampleListener, SampleSocket) {
    let folder = tempfile::tempdir().unwrap();
    let listener = SampleListener::bind(&folder.path().join("samples.sock")).unwrap();
    let usrp = Usrp::start(folder.path(), &radio(address));
    let d2d = listener.accept().unwrap();
    d2d.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    (folder, usrp, listener, d2d)
}

/// Ten bursts in a row from `tick`; the tick from which there is room for another, once their end has been sent.
pub fn bursts(d2d: &mut SampleSocket, tick: u64) -> u64 {
    (0..10).for_each(|n| d2d.send(&burst(tick + n * BURST, 1920)).unwrap());
    tick + 10 * BURST + NEXT * DECIMATION
}

/// Where the radio's clock has come to with the end of ten bursts.
fn end_of(until: u64) -> u64 {
    until - (NEXT - TAIL) * DECIMATION - SENT_EARLY
}

pub fn faults(usrp: &mut Usrp) -> [u64; 5] {
    let counters = usrp.counters();
    [counters.rx_lost_samples, counters.overflows, counters.underflows, counters.late, counters.sequence_errors]
}

#[test]
fn a_successor_goes_on_in_sequence_and_nothing_of_the_queue_is_lost() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _listener, mut from_first) = made("192.168.10.2");
    let (_two, mut second, _other_listener, mut from_second) = made("192.168.10.2");
    first.ask("link").unwrap();
    let tick = receive_contiguous(&mut from_first, 20_000);
    let until = bursts(&mut from_first, tick + AHEAD);
    let mark = first.ask("freeze").unwrap();
    assert_eq!(mark, json!({"sequence": 61, "count": 13, "end_tick": end_of(until)}));
    let taken = second.ask_with("take_over", &mark).unwrap();
    assert_eq!(second.ask("status").unwrap()["linked"], true);
    // What the first had in its queue goes out, and what the second adds continues it.
    let until = bursts(&mut from_second, until);
    while from_second.receive().unwrap().unwrap().tick < until + 1_000_000 {}
    assert_eq!(second.counters().tx_samples, 19_200);
    assert_eq!((faults(&mut first), faults(&mut second)), ([0; 5], [0; 5]));
    println!("taken over: {taken}");
    assert_eq!(second.ask("freeze").unwrap(), json!({"sequence": 122, "count": 10, "end_tick": end_of(until)}));
}

/// A destination that takes over and has sent nothing may be called back without a trace.
#[test]
fn a_source_resumes_after_a_successor_that_was_silent() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _listener, mut from_first) = made("192.168.10.2");
    let (_two, mut second, _other_listener, _from_second) = made("192.168.10.2");
    first.ask("link").unwrap();
    let tick = receive_contiguous(&mut from_first, 20_000);
    bursts(&mut from_first, tick + AHEAD);
    let mark = first.ask("freeze").unwrap();
    second.ask_with("take_over", &mark).unwrap();
    assert_eq!(second.ask("freeze").unwrap(), mark, "it has sent nothing");
    first.ask("resume").unwrap();
    // Behind what the sample socket still holds.
    let before = first.counters().rx_samples;
    await_until("samples flow again", || first.counters().rx_samples > before + 20_000);
    while from_first.receive().unwrap().unwrap().tick < tick + AHEAD {}
    let until = bursts(&mut from_first, tick + AHEAD + 40 * BURST);
    while from_first.receive().unwrap().unwrap().tick < until + 1_000_000 {}
    let counters = first.counters();
    assert_eq!((counters.sequence_errors, counters.late, counters.underflows), (0, 0, 0));
}

#[test]
fn a_successor_sets_nothing_up_and_starts_only_what_has_stopped() {
    let Some((_network, _folder, fake, mut first, _listener, mut d2d)) = linked() else { return };
    receive_contiguous(&mut d2d, 20_000);
    let mark = first.ask("freeze").unwrap();
    let (_two, mut second, _other_listener, _d2d) = made("127.0.0.1");
    let said = fake.state().registers.len();
    let taken = second.ask_with("take_over", &mark).unwrap();
    await_until("the reports of room are asked for", || fake.state().registers.len() >= said + 2);
    let written = |fake: &FakeRadio| fake.state().registers[said..].iter().map(|(register, _)| *register).collect::<Vec<u8>>();
    if taken["restarted"] == false {
        assert_eq!((written(&fake), fake.state().starts), (vec![sr::TX_FLOW_TIME, sr::TX_FLOW_PACKETS], 1));
    }
    assert!(!written(&fake).contains(&sr::TX_CLEAR) && !written(&fake).contains(&sr::RX0_RESET));
    let refused = second.ask_with("take_over", &mark).unwrap_err();
    assert!(refused.contains("linked to the radio already"), "{refused}");
    assert!(second.ask_with("take_over", &Value::Null).unwrap_err().contains("cannot be read"));

    second.ask("freeze").unwrap();
    drop(second);
    fake.state().streaming = false;
    let (_three, mut third, _third_listener, _d2d) = made("127.0.0.1");
    assert_eq!(third.ask_with("take_over", &mark).unwrap()["restarted"], true);
}

/// The process that claims looks at the deadline itself: it may have been stopped since it was asked.
#[test]
fn a_successor_that_comes_too_late_claims_nothing() {
    let Some((_network, _folder, fake, mut first, _listener, mut d2d)) = linked() else { return };
    receive_contiguous(&mut d2d, 20_000);
    let mut mark = first.ask("freeze").unwrap();
    let (_two, mut second, _other_listener, _d2d) = made("127.0.0.1");
    let said = fake.state().registers.len();
    mark["by_us"] = protocol::Deadline::after(Duration::ZERO).as_boottime_us().into();
    let refused = second.ask_with("take_over", &mark).unwrap_err();
    assert!(refused.contains("too late to take over"), "{refused}");
    assert_eq!((second.ask("status").unwrap()["linked"].clone(), fake.state().registers.len()), (false.into(), said));
    first.ask("resume").unwrap();
    first.ask("freeze").unwrap();
    mark["by_us"] = protocol::Deadline::after(Duration::from_secs(60)).as_boottime_us().into();
    second.ask_with("take_over", &mark).unwrap();
}

#[test]
fn without_a_way_to_the_radio_a_successor_is_not_linked() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let (_folder, mut usrp, _listener, _d2d) = made("192.168.10.2");
    let sentence = usrp.ask_with("take_over", &json!({"sequence": 0, "count": 0, "end_tick": null})).unwrap_err();
    assert!(sentence.contains("this host has no way to the radio at 192.168.10.2"), "{sentence}");
    assert_eq!(usrp.ask("status").unwrap()["linked"], false);
}
