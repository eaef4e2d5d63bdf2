//! One `baton usrp` receives beside another on the radio's other receive chain, and goes on with the transmit side alone.

use std::net::UdpSocket;
use std::time::Duration;

use n210_wire::{StreamCommand, StreamMode, port, sr};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::fake::FakeRadio;
use super::handover::{bursts, faults, made};
use super::process::{OwnNetwork, SoftwareRadio, Usrp, await_until, ip};
use super::streams::{AHEAD, DECIMATION, STAMPED_LATE, linked, receive_contiguous};

/// The parked address on the same port, and the way from there to the radio that an agent opens.
pub fn open_way() {
    ip("addr add 192.168.20.2/24 dev eth3");
    ip("route add 192.168.10.2/32 dev eth3 scope link src 192.168.20.2");
}

fn close_way() {
    ip("route del 192.168.10.2/32 dev eth3 scope link");
}

/// Samples go on arriving.
fn flows(usrp: &mut Usrp) {
    let before = usrp.counters().rx_samples;
    await_until("samples flow", || usrp.counters().rx_samples > before + 20_000);
}

/// A receive chain of the radio, claimed and started by a stranger; what it says of it.
fn stranger(chain: u16, offset: u8) -> UdpSocket {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(("192.168.10.2", port::CONTROL)).unwrap();
    let words = StreamCommand { mode: StreamMode::Continuous, at: None }.words();
    let stream = UdpSocket::bind("0.0.0.0:0").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.connect(("192.168.10.2", chain)).unwrap();
    stream.send(&[0; 8]).unwrap();
    super::process::poke(&socket, sr::RX0_DECIMATION + offset, 0x30D);
    for (register, word) in (sr::RX0_COMMAND + offset..).zip(words) {
        super::process::poke(&socket, register, word);
    }
    (0..10).for_each(|_| _ = stream.recv(&mut [0; 2048]).unwrap());
    stream
}

#[test]
fn a_successor_receives_beside_the_first_and_only_the_transmit_side_changes_hands() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _first_listener, mut from_first) = made("192.168.10.2");
    first.ask("link").unwrap();
    let mut tick = receive_contiguous(&mut from_first, 20_000);
    // To and fro: each chain in each part.
    for chain in [1, 0] {
        open_way();
        let stream = first.ask("export").unwrap();
        assert_eq!(stream["chain"], 1 - chain);
        let (_two, mut second, second_listener, mut from_second) = made("192.168.10.2");
        let begun = second.ask_with("overlap", &stream).unwrap();
        println!("overlapping: {begun}");
        assert_eq!(begun["chain"], chain);
        let theirs = begun["tick"].as_u64().unwrap();
        assert_eq!(theirs.abs_diff(stream["tick"].as_u64().unwrap()) % DECIMATION, 0, "off the grid");
        let status = second.ask("status").unwrap();
        assert_eq!((&status["linked"], &status["frozen"]), (&false.into(), &true.into()), "another's radio still");
        let refused = second.ask_with("overlap", &stream).unwrap_err();
        assert!(refused.contains("already"), "{refused}");
        receive_contiguous(&mut from_second, 20_000);
        flows(&mut first);

        while from_first.receive().unwrap().unwrap().tick < theirs {}
        tick = tick.max(receive_contiguous(&mut from_first, 2_000));
        let until = bursts(&mut from_first, tick + AHEAD);
        let mark = first.ask("freeze").unwrap();
        assert_eq!(mark.get("chain"), (chain == 0).then_some(&json!(1)));
        let taken = second.ask_with("take_over", &mark).unwrap();
        println!("taken over: {taken}");
        let until = bursts(&mut from_second, until);
        kill(Pid::from_raw(first.child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(first.child.wait().unwrap().success());
        // The streams come to the active address, and not a sample is lost on the way.
        close_way();
        second.ask("settle").unwrap();
        ip("addr del 192.168.20.2/24 dev eth3");
        flows(&mut second);
        while from_second.receive().unwrap().unwrap().tick < until + 1_000_000 {}
        assert_eq!(second.counters().tx_samples, 19_200);
        assert_eq!(faults(&mut second), [0; 5]);
        assert_eq!(second.notes, [""; 0]);
        tick = until;
        (first, from_first) = (second, from_second);
        drop(second_listener);
    }
}

/// The software N210 has the device's timing, and without that a stream begins when it is told.
#[test]
fn a_second_chain_is_on_the_grid_of_the_first_with_either_timing() {
    for options in ["", "--kind"] {
        let Some(_network) = OwnNetwork::enter() else { return };
        let _radio = SoftwareRadio::with_options(options);
        let (_one, mut first, _listener, mut from_first) = made("192.168.10.2");
        first.ask("link").unwrap();
        receive_contiguous(&mut from_first, 20_000);
        let stream = first.ask("export").unwrap();
        let (_two, mut second, _other_listener, mut from_second) = made("192.168.10.2");
        let begun = second.ask_with("overlap", &stream).unwrap();
        println!("{options}: overlapping: {begun}");
        let tick = begun["tick"].as_u64().unwrap();
        assert_eq!(tick.abs_diff(stream["tick"].as_u64().unwrap()) % DECIMATION, 0, "off the grid: {options}");
        let block = from_second.receive().unwrap().unwrap();
        assert_eq!(block.tick + STAMPED_LATE, tick + 363 * DECIMATION, "not the tick that was received: {options}");
        let both = receive_contiguous(&mut from_second, 20_000);
        while from_first.receive().unwrap().unwrap().tick < both {}
        assert_eq!(receive_contiguous(&mut from_first, 2_000) % DECIMATION, both % DECIMATION);
        assert_eq!(faults(&mut first), [0; 5]);
    }
}

#[test]
fn a_source_that_resumes_stops_a_successor_that_can_not_do_it_itself() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _listener, mut from_first) = made("192.168.10.2");
    first.ask("link").unwrap();
    let tick = receive_contiguous(&mut from_first, 20_000);
    bursts(&mut from_first, tick + AHEAD);
    open_way();
    let (_two, mut second, _other_listener, mut from_second) = made("192.168.10.2");
    second.ask_with("overlap", &first.ask("export").unwrap()).unwrap();
    receive_contiguous(&mut from_second, 20_000);
    let mark = first.ask("freeze").unwrap();
    second.ask_with("take_over", &mark).unwrap();
    close_way();
    let resumed = first.ask("resume").unwrap();
    assert_eq!(resumed["restarted"], false, "its receive chain was never touched");
    let taken = second.ask("freeze").unwrap();
    assert_eq!(taken["sequence"], mark["sequence"]);
    flows(&mut first);
    let still = second.counters().rx_samples;
    flows(&mut first);
    assert_eq!(second.counters().rx_samples, still);
}

#[test]
fn an_overlap_that_ends_leaves_the_radio_as_it_was() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _listener, mut from_first) = made("192.168.10.2");
    first.ask("link").unwrap();
    receive_contiguous(&mut from_first, 20_000);
    open_way();
    let stream = first.ask("export").unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGTERM] {
        // The chain is at rest each time, or the look for it would say that it is in use.
        let (_two, mut second, _other_listener, mut from_second) = made("192.168.10.2");
        second.ask_with("overlap", &stream).unwrap();
        receive_contiguous(&mut from_second, 2_000);
        kill(Pid::from_raw(second.child.id() as i32), signal).unwrap();
        second.child.wait().unwrap();
        flows(&mut first);
    }
    assert_eq!(faults(&mut first), [0; 5]);
}

#[test]
fn a_chain_in_use_a_wrong_chain_and_a_rate_for_one_stream_are_refused() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let (_one, mut first, _listener, mut from_first) = made("192.168.10.2");
    let refused = first.ask("export").unwrap_err();
    assert!(refused.contains("receives nothing"), "{refused}");
    first.ask("link").unwrap();
    receive_contiguous(&mut from_first, 20_000);
    let stream = first.ask("export").unwrap();
    let stranger = stranger(port::RX1, sr::RX1_OFFSET);
    let (_two, mut second, _other_listener, _from_second) = made("192.168.10.2");
    let refused = second.ask_with("overlap", &stream).unwrap_err();
    assert!(refused.contains("receive chain 1 of the radio at 192.168.10.2 is in use by somebody else (port 49158)"), "{refused}");
    drop(stranger);
    let refused = second.ask_with("overlap", &json!({"chain": 2, "tick": 1})).unwrap_err();
    assert!(refused.contains("no chain 2"), "{refused}");
    assert!(second.ask_with("overlap", &Value::Null).unwrap_err().contains("cannot be read"));
    let refused = second.ask("settle").unwrap_err();
    assert!(refused.contains("no streams of its own"), "{refused}");
    flows(&mut first);
    assert_eq!(faults(&mut first), [0; 5]);
}

/// Whatever passes between the time of a start and its first time stamp: of every start the next delay, of which each try takes two.
#[test]
fn the_first_tick_is_measured_and_brought_to_the_grid() {
    let Some((_network, _folder, fake, mut first, _listener, _d2d)) = linked() else { return };
    let table: [(Vec<u64>, usize); 5] = [
        // As a real radio: aimed at once.
        (vec![], 1),
        (vec![0; 10], 2),
        (vec![33; 10], 2),
        (vec![7777; 10], 2),
        // Another one at the second try.
        ([5, 11].into_iter().chain([40; 8]).collect(), 3),
    ];
    for (delays, tries) in table {
        let before = fake.state().writes(sr::RX0_COMMAND + sr::RX1_OFFSET);
        fake.state().start_delays.clone_from(&delays);
        let stream = first.ask("export").unwrap();
        let (_two, mut second, _other_listener, mut from_second) = made("127.0.0.1");
        let begun = second.ask_with("overlap", &stream).unwrap();
        let tick = begun["tick"].as_u64().unwrap();
        assert_eq!(tick.abs_diff(stream["tick"].as_u64().unwrap()) % DECIMATION, 0, "off the grid with {delays:?}");
        // The packet that was looked at is not handed out; the next one follows it.
        let block = from_second.receive().unwrap().unwrap();
        assert_eq!((block.tick + STAMPED_LATE - tick) % (363 * DECIMATION), 0, "not the tick that was received");
        let commands = fake.state().writes(sr::RX0_COMMAND + sr::RX1_OFFSET) - before;
        println!("{delays:?}: {commands} commands, {begun}");
        // A busy machine may make a start late, which is tried again.
        assert!(commands >= 2 * tries, "{commands} commands with {delays:?}");
        kill(Pid::from_raw(second.child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(second.child.wait().unwrap().success());
    }
    flows(&mut first);
    assert_eq!(faults(&mut first), [0; 5]);
}

#[test]
fn a_chain_that_starts_at_random_is_refused_and_left_at_rest() {
    let Some((_network, _folder, fake, mut first, _listener, _d2d)) = linked() else { return };
    let stream = first.ask("export").unwrap();
    fake.state().start_delays = (0..40).map(|n| n * n).collect();
    let (_two, mut second, _other_listener, _from_second) = made("127.0.0.1");
    let refused = second.ask_with("overlap", &stream).unwrap_err();
    assert!(refused.contains("receive chain 1 of the radio at 127.0.0.1 does not start where it is told"), "{refused}");
    assert_eq!(fake.state().registers.last(), Some(&(sr::RX0_RESET + sr::RX1_OFFSET, 0)));
    flows(&mut first);
}

#[test]
fn a_chain_that_brings_no_samples_is_named_and_left_at_rest() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let fake = FakeRadio::start();
    fake.state().mute_second = true;
    let (_two, mut second, _listener, _d2d) = made("127.0.0.1");
    let refused = second.ask_with("overlap", &json!({"chain": 0, "tick": 1})).unwrap_err();
    assert!(refused.contains("receive chain 1 of the radio at 127.0.0.1 did not start"), "{refused}");
    let state = fake.state();
    assert_eq!(state.registers.last(), Some(&(sr::RX0_RESET + sr::RX1_OFFSET, 0)));
    // Nothing of chain 0, and nothing of the transmit side.
    assert!(state.registers.iter().all(|(register, _)| (80..=99).contains(register)), "{:?}", state.registers);
    drop(state);
    assert_eq!(second.ask("status").unwrap()["linked"], false);
}
