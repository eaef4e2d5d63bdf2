//! Several hosts on one radio at a switch: what a migration stands on. Host A is a stock program where the facts say "stock", host B
//! always the independent client.

use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::raw_client::{
    BURST_ACK, CONTROL, Control, DECIMATION, Event, FIRST_STAMP, Line, RX, RxPacket, SECOND, TX, UNDERFLOW, assert_unbroken,
    tx_packet,
};
use crate::common::sniffer::{Frame, Sniffer};
use crate::common::wire::{Bench, Network, ip};

/// Twenty thousand times the gap between two packets: who is silent for so long has stopped.
const SILENCE: Duration = Duration::from_millis(500);

/// Receives with a stock program at host 0 for `seconds`; it streams when this returns.
fn stock_receiver(bench: &Bench, wire: &Sniffer, seconds: u32) -> Child {
    let program = bench
        .tool(0, "rx_samples_to_file", &format!("--rate 1e6 --setup 0.1 --null --duration {seconds}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rx_samples_to_file starts");
    wire.until("full receive packet to the stock program", |frame| {
        frame.sent_from(RX[0]).is_some_and(|packet| packet.len() == 1472)
    });
    program
}

fn packets(frames: &[Frame], port: u16) -> Vec<RxPacket> {
    frames.iter().filter_map(|frame| frame.sent_from(port)).filter_map(RxPacket::of_a_chain_set_up).collect()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// Ends the tool itself, which runs under `timeout`, as a crash would.
fn crash(mut child: Child) {
    let id = child.id();
    let tool = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("children");
    for tool in tool.split_whitespace() {
        kill(Pid::from_raw(tool.parse().expect("a pid")), Signal::SIGKILL).expect("kills");
    }
    let _ = child.wait();
}

#[test]
fn a_stream_is_taken_over_in_place_without_a_break() {
    let Some(bench) = Bench::at_a_switch(2, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::radio(0));
    let stock = stock_receiver(&bench, &wire, 20);
    let control = Control::open(&Network::host(1));
    control.hello();
    let line = Line::open(&Network::host(1), RX[0]);
    line.take();
    let heard: Vec<RxPacket> = (0..500).map(|_| RxPacket::of(&line.receive())).collect();
    assert_unbroken(&heard);
    // Both hosts together have all that left the radio.
    let frames = wire.drain();
    assert_unbroken(&packets(&frames, RX[0]));
    let to: Vec<String> = frames
        .iter()
        .filter(|frame| frame.sent_from(RX[0]).is_some())
        .filter_map(Frame::udp)
        .map(|udp| udp.to.0.to_string())
        .collect();
    let changes = to.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!((changes, to.first(), to.last()), (1, Some(&Network::address(0)), Some(&Network::address(1))));
    // The stream is host B's: that A crashes does not matter to it any more.
    crash(stock);
    let after: Vec<RxPacket> = (0..5000).map(|_| RxPacket::of(&line.receive())).collect();
    assert_unbroken(&after);
}

#[test]
fn a_crashed_receiver_ends_its_stream_by_icmp() {
    let Some(bench) = Bench::at_a_switch(2, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::radio(0));
    let stock = stock_receiver(&bench, &wire, 20);
    let control = Control::open(&Network::host(1));
    assert_ne!(control.firmware(0), 0, "the stock program holds the lock");
    crash(stock);
    wire.until("port unreachable", Frame::is_unreachable);
    // What was on its way before the reset is there at once; then nothing comes.
    while wire.within(SILENCE).is_some_and(|frame| frame.sent_from(RX[0]).is_some()) {}
    assert!(packets(&wire.drain(), RX[0]).is_empty());
    assert_eq!(control.firmware(0), 0, "the reset clears the lock");
    // Chain 0 works again with a new owner.
    let line = Line::open(&Network::host(1), RX[0]);
    line.take();
    control.start(0, None);
    assert_eq!(RxPacket::of(&line.receive()).count, 0);
}

#[test]
fn an_overlap_on_the_second_chain_outlives_the_first() {
    let Some(bench) = Bench::at_a_switch(2, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::radio(0));
    let stock = stock_receiver(&bench, &wire, 20);
    let control = Control::open(&Network::host(1));
    let line = Line::open(&Network::host(1), RX[1]);
    line.take();
    control.prepare_rx(1);
    // The grid first: what is drained later may be younger than the time that was asked for.
    let grid = packets(&wire.drain(), RX[0]).last().expect("A's stream").tick;
    let now = control.time(1, &line);
    let start = now + SECOND / 5 + DECIMATION - (now + SECOND / 5 - grid) % DECIMATION;
    control.start(1, Some(start));
    let first = RxPacket::of(&line.receive());
    assert_eq!((first.stream, first.count, first.tick), (4, 0, start + FIRST_STAMP));
    let mut heard = vec![first];
    heard.extend((0..1000).map(|_| RxPacket::of(&line.receive())));
    // A goes without a word; the ICMP of its host resets chain 0 only.
    crash(stock);
    heard.extend((0..3000).map(|_| RxPacket::of(&line.receive())));
    assert_unbroken(&heard);
    let frames = wire.drain();
    assert!(frames.iter().any(Frame::is_unreachable));
    assert_unbroken(&packets(&frames, RX[0]));
}

#[test]
fn both_chains_hear_the_same_on_the_same_grid() {
    let Some(_bench) = Bench::at_a_switch(2, &["--noise-dbfs=-50"]) else { return };
    let hosts = [Network::host(0), Network::host(1)];
    let controls = hosts.each_ref().map(|host| Control::open(host));
    let lines = [Line::open(&hosts[0], RX[0]), Line::open(&hosts[1], RX[1])];
    for chain in 0..2 {
        lines[chain].take();
        controls[chain].prepare_rx(chain as u32);
    }
    let start = controls[0].time(0, &lines[0]) + SECOND / 4;
    let overlap = start + 1000 * DECIMATION;
    controls[0].start(0, Some(start));
    controls[1].start(1, Some(overlap));
    let take = |line: &Line| {
        let packets: Vec<RxPacket> = (0..40).map(|_| RxPacket::of(&line.receive())).collect();
        assert_unbroken(&packets);
        (packets[0].tick, packets.into_iter().flat_map(|packet| packet.samples).collect::<Vec<_>>())
    };
    let (a, b) = (take(&lines[0]), take(&lines[1]));
    assert_eq!((a.0, b.0), (start + FIRST_STAMP, overlap + FIRST_STAMP));
    // The filters of B begin with what they held before.
    let skip = 64;
    assert!(a.1[1000 + skip..] == b.1[skip..a.1.len() - 1000], "the chains do not hear the same");
    assert!(a.1.iter().any(|sample| *sample != (0, 0)));
}

#[test]
fn transmission_goes_over_to_another_host_without_a_gap() {
    let Some(_bench) = Bench::at_a_switch(2, &[]) else { return };
    let hosts = [Network::host(0), Network::host(1)];
    let controls = hosts.each_ref().map(|host| Control::open(host));
    let lines = hosts.each_ref().map(|host| Line::open(host, TX));
    lines[0].take();
    controls[0].prepare_tx();
    let receive = Line::open(&hosts[0], RX[0]);
    receive.take();
    controls[0].prepare_rx(0);
    let start = controls[0].time(0, &receive) + SECOND / 4;
    let samples = [(1000, -1000); 363];
    // A's part of the burst waits in the queue; B takes the events and goes on where A ended.
    for sequence in 0..100 {
        lines[0].send(&tx_packet(sequence, (sequence == 0).then_some(start), false, &samples));
    }
    controls[1].hello();
    lines[1].take();
    for sequence in 100..200 {
        lines[1].send(&tx_packet(sequence, None, sequence == 199, &samples));
    }
    let ack = Event::next(&lines[1]);
    assert_eq!((ack.code, ack.reached), (BURST_ACK, 199));
    let end = start + 200 * 363 * DECIMATION;
    assert!(ack.tick.abs_diff(end) <= DECIMATION, "the burst ended {} ticks off", ack.tick.cast_signed() - end.cast_signed());
}

#[test]
fn transmission_goes_on_after_a_crash_by_what_the_device_says() {
    let Some(bench) = Bench::at_a_switch(2, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::radio(0));
    let stock = bench
        .tool(0, "tx_waveforms", "--rate 1e6 --freq 0 --wave-type SINE --wave-freq 1e5")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("tx_waveforms starts");
    wire.until("hundredth transmit packet", |frame| {
        frame.sent_to(TX).is_some_and(|packet| packet.len() > 1000 && packet[3] >= 100)
    });
    let control = Control::open(&Network::host(1));
    control.hello();
    let line = Line::open(&Network::host(1), TX);
    line.take();
    crash(stock);
    let starved = Event::next(&line);
    assert_eq!(starved.code, UNDERFLOW);
    // Without a new start, the numbers go on; flow control goes on as well, though A's host has nobody at its port any more.
    let (next, time) = (starved.reached.wrapping_add(1), starved.tick + SECOND);
    line.send(&tx_packet(next, Some(time), true, &[(500, 500); 100]));
    let ack = Event::next(&line);
    assert_eq!((ack.code, ack.reached), (BURST_ACK, next));
    assert!(ack.tick.abs_diff(time + 100 * DECIMATION) <= DECIMATION);
    // And with the counters set back.
    control.poke(146, 2);
    line.send(&tx_packet(0, None, true, &[(500, 500); 100]));
    assert_eq!((Event::next(&line).code, Event::of(&line.receive()).reached), (BURST_ACK, 0));
}

#[test]
fn an_address_that_moves_is_not_followed() {
    let Some(_bench) = Bench::at_a_switch(2, &[]) else { return };
    const PORT: u16 = 5001;
    let wire = Sniffer::in_namespace(&Network::radio(0));
    let (old, new) = (Network::host(0), Network::host(1));
    let control = Control::open(&old);
    let line = Line::open_from(&old, PORT, RX[0]);
    line.take();
    control.prepare_rx(0);
    control.start(0, None);
    let is_stream = |frame: &Frame| frame.sent_from(RX[0]).is_some();
    let before = wire.until("receive packet", is_stream).pop().expect("one");
    ip(&format!("-n {old} addr del 192.168.10.1/24 dev eth3"));
    ip(&format!("-n {new} addr del {}/24 dev eth3", Network::address(1)));
    ip(&format!("-n {new} addr add 192.168.10.1/24 dev eth3"));
    // The new owner is known to the firmware: it is answered at once. The stream goes where it went.
    let control = Control::open(&new);
    control.hello();
    let answer = wire.until("control reply", |frame| frame.sent_from(CONTROL).is_some_and(|reply| reply[7] == b'A')).pop();
    let moved = answer.expect("one").target_mac().to_vec();
    assert_ne!(moved, before.target_mac());
    wire.drain();
    for _ in 0..50 {
        let frame = wire.until("receive packet", is_stream).pop().expect("one");
        assert_eq!(frame.target_mac(), before.target_mac());
    }
    // Until the destination is set again.
    let line = Line::open_from(&new, PORT, RX[0]);
    line.take();
    let heard: Vec<RxPacket> = (0..100).map(|_| RxPacket::of(&line.receive())).collect();
    assert_unbroken(&heard);
    let after = wire.drain().into_iter().rfind(is_stream).expect("the stream");
    assert_eq!((after.target_mac(), after.udp().map(|udp| udp.to)), (moved.as_slice(), before.udp().map(|udp| udp.to)));
}

#[test]
fn a_clean_exit_of_a_stock_program_ends_the_second_chain() {
    let Some(bench) = Bench::at_a_switch(2, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::radio(0));
    let mut stock = stock_receiver(&bench, &wire, 60);
    let control = Control::open(&Network::host(1));
    let line = Line::open(&Network::host(1), RX[1]);
    line.take();
    control.prepare_rx(1);
    control.start(1, None);
    let heard: Vec<RxPacket> = (0..100).map(|_| RxPacket::of(&line.receive())).collect();
    assert_unbroken(&heard);
    kill(pid(&stock), Signal::SIGINT).expect("interrupts");
    assert!(stock.wait().is_ok());
    while line.receive_within(SILENCE).is_some_and(|packet| RxPacket::of(&packet).error.is_none()) {}
    let frames = wire.drain();
    assert_unbroken(&packets(&frames, RX[1]));
    assert!(frames.iter().all(|frame| !frame.is_unreachable()), "it took its leave");
    // The chain only has to be started again.
    control.start(1, None);
    assert_eq!(RxPacket::of(&line.receive()).count, 0);
}
