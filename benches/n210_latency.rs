//! How long `baton n210` takes to answer a register access: idle, and while 7.69 Msps flow both ways.
//!
//! It prints JSON and judges nothing. Needs root and `ip`; `scripts/bench-n210` runs it.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic, reason = "a measurement ends with what it could not do")]

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use n210_wire::control::{Action, Control, Message};
use n210_wire::dsp::{self, Direction};
use n210_wire::fast::{FastCommand, Operation};
use n210_wire::register::{self, StreamCommand, StreamMode};
use n210_wire::stream_tx::{TxEvent, TxHeader, WINDOW};
use n210_wire::{RxPacket, Sample, port, rb, sr};
use nix::sched::{CloneFlags, setns};

/// 100e6 / 13: 7.69 Msps.
const DECIMATION: u32 = 13;
const ACCESSES: usize = 1000;
const DEVICE: &str = "192.168.10.2";

/// The radio in a namespace of its own, and this process's end of its wire; gone when dropped.
struct Bench {
    host: String,
    site: String,
    radio: Option<Child>,
}

fn ip(arguments: &str) {
    let done = Program::new("ip").args(arguments.split(' ')).output().expect("ip runs");
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Bench {
    fn new() -> Self {
        let id = std::process::id();
        let mut bench = Self { host: format!("baton-lat-h-{id}"), site: format!("baton-lat-r-{id}"), radio: None };
        let (host, site) = (&bench.host, &bench.site);
        for line in [
            format!("netns add {host}"),
            format!("netns add {site}"),
            format!("link add eth3 netns {host} type veth peer name eth0 netns {site}"),
            format!("-n {host} addr add 192.168.10.1/24 dev eth3"),
            format!("-n {host} link set eth3 up"),
            format!("-n {site} link set eth0 up"),
        ] {
            ip(&line);
        }
        let mut radio = Program::new(env!("CARGO_BIN_EXE_baton"))
            .args(["n210", &format!("--radio=radio={site}")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("baton starts");
        let mut ready = String::new();
        BufReader::new(radio.stdout.as_mut().expect("piped")).read_line(&mut ready).expect("a line");
        bench.radio = Some(radio);
        let there = std::fs::File::open(format!("/run/netns/{}", bench.host)).expect("the namespace");
        setns(there, CloneFlags::CLONE_NEWNET).expect("allowed to enter it");
        bench
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(radio) = &mut self.radio {
            let _ = radio.kill();
            let _ = radio.wait();
        }
        for name in [&self.host, &self.site] {
            let _ = Program::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

fn socket(to: u16) -> UdpSocket {
    let socket = UdpSocket::bind("192.168.10.1:0").expect("an address");
    socket.connect((DEVICE, to)).expect("a route");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    socket
}

fn poke(control: &UdpSocket, register: u8, data: u32) {
    let message = Message::Register { address: register::setting_address(register), data, action: Action::Write };
    control.send(&Control::request(0, message).encode()).expect("sent");
    control.recv(&mut [0; 64]).expect("an answer");
}

/// Median and 99th percentile of so many accesses, in microseconds.
fn measure(mut access: impl FnMut(usize)) -> (f64, f64) {
    let mut times: Vec<f64> = (0..ACCESSES)
        .map(|n| {
            // Not in step with anything.
            thread::sleep(Duration::from_micros(500 + (n as u64 * 7919) % 977));
            let start = Instant::now();
            access(n);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[ACCESSES / 2], times[ACCESSES * 99 / 100])
}

/// Reads the time's low word over both ports, and prints how long that took.
fn both(control: &UdpSocket, fast: &UdpSocket, load: &str) {
    let address = register::readback_address(rb::TIME_LOW);
    let slow = measure(|n| {
        let message = Message::Register { address, data: 0, action: Action::Read };
        control.send(&Control::request(n as u32, message).encode()).expect("sent");
        control.recv(&mut [0; 64]).expect("an answer");
    });
    let quick = measure(|n| {
        let command = FastCommand { sequence: n as u16, at: None, operation: Operation::Read { word: rb::TIME_LOW } };
        fast.send(command.encode(&mut [0; 24])).expect("sent");
        fast.recv(&mut [0; 64]).expect("an acknowledgement");
    });
    for (port, (median, p99)) in [(port::CONTROL, slow), (port::FAST, quick)] {
        println!(r#"{{"n210_latency": "{load}", "port": {port}, "median_us": {median:.1}, "p99_us": {p99:.1}}}"#);
    }
}

fn set_up(control: &UdpSocket) {
    let words =
        [Direction::Receive, Direction::Transmit].map(|direction| dsp::decimation_word(direction, DECIMATION).expect("allowed"));
    for (register, value) in [
        (sr::ROUTER_PORTS, register::ROUTER_PORTS),
        (sr::RX0_HEADER, register::RX_HEADER_TEMPLATE),
        (sr::RX0_STREAM_ID, 3),
        (sr::RX0_SAMPLES, 363),
        (sr::RX0_DECIMATION, words[0]),
        (sr::TX_INTERPOLATION, words[1]),
        (sr::TX_CLEAR, 1),
        (sr::TX_CLEAR, 0),
        (sr::TX_STREAM_ID, 2),
        (sr::TX_UNDERFLOW_POLICY, register::NEXT_PACKET),
        (sr::TX_FLOW_TIME, register::flow_by_time(5_000_000)),
        (sr::TX_FLOW_PACKETS, register::flow_by_packets(89)),
    ] {
        poke(control, register, value);
    }
}

/// Keeps the transmitter's window full until told to end.
fn transmit(tx: &UdpSocket, end: &AtomicBool, acknowledged: &AtomicU32) {
    let samples = [Sample::new(1000, 0); 363];
    let mut packet = [0; 1472];
    let mut sequence = 0u32;
    while !end.load(Ordering::Relaxed) {
        if sequence.wrapping_sub(acknowledged.load(Ordering::Relaxed).wrapping_add(1)) >= WINDOW {
            thread::sleep(Duration::from_micros(200));
            continue;
        }
        let header = TxHeader { sequence, count: (sequence & 15) as u8, ..TxHeader::default() };
        let length = header.encode(&samples, &mut packet).expect("room");
        tx.send(&packet[..length]).expect("sent");
        sequence = sequence.wrapping_add(1);
    }
}

fn main() {
    assert!(nix::unistd::geteuid().is_root(), "needs root");
    let _bench = Bench::new();
    let (control, fast, rx, tx) = (socket(port::CONTROL), socket(port::FAST), socket(port::RX0), socket(port::TX));
    set_up(&control);
    for socket in [&rx, &tx, &fast] {
        socket.send(&[0; 8]).expect("sent");
    }
    both(&control, &fast, "idle");

    let (end, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(u32::MAX)));
    let (tx, events) = (Arc::new(tx), Arc::new(AtomicU32::new(0)));
    let packets = Arc::new(AtomicU32::new(0));
    let workers = [
        thread::spawn({
            let (tx, end, acknowledged) = (tx.clone(), end.clone(), acknowledged.clone());
            move || transmit(&tx, &end, &acknowledged)
        }),
        thread::spawn({
            let (tx, end, acknowledged, events) = (tx.clone(), end.clone(), acknowledged.clone(), events.clone());
            move || {
                let mut bytes = [0; 64];
                while !end.load(Ordering::Relaxed) {
                    let Ok(count) = tx.recv(&mut bytes) else { continue };
                    let event = TxEvent::decode(&bytes[..count]).expect("an event");
                    acknowledged.store(event.sequence, Ordering::Relaxed);
                    events.fetch_add(u32::from(event.message.code() != 0), Ordering::Relaxed);
                }
            }
        }),
        thread::spawn({
            let (end, packets) = (end.clone(), packets.clone());
            move || {
                let mut bytes = [0; 2048];
                while !end.load(Ordering::Relaxed) {
                    let Ok(count) = rx.recv(&mut bytes) else { continue };
                    packets.fetch_add(
                        u32::from(matches!(RxPacket::decode(&bytes[..count]), Ok(RxPacket::Data(_)))),
                        Ordering::Relaxed,
                    );
                }
            }
        }),
    ];
    let start = StreamCommand { mode: StreamMode::Continuous, at: None }.words();
    for (register, value) in (sr::RX0_COMMAND..).zip(start) {
        poke(&control, register, value);
    }
    let begun = Instant::now();
    both(&control, &fast, "7.69 Msps both ways");
    let rate = f64::from(packets.load(Ordering::Relaxed)) * 363.0 / begun.elapsed().as_secs_f64() / 1e6;
    println!(r#"{{"n210_latency": "streams", "rx_msps": {rate:.2}, "tx_events": {}}}"#, events.load(Ordering::Relaxed));
    end.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().expect("it ended well");
    }
}
