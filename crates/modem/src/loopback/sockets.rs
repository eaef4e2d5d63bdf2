//! The modem in its process's shell: sample socket, contract socket and an interface that stands in for tun.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use super::{BLOCK, CELL, Channel, End};
use crate::core::Modem;
use crate::intake::{Intake, IpInterface};
use crate::phy::numerology::Bandwidth;
use crate::settings::ModemSettings;
use crate::shell::{SharedState, serve_samples};
use workload::samples::{Block, Kind};
use workload::seqpacket::{SampleListener, SampleSocket};
use workload::serve::serve;

impl IpInterface for UnixDatagram {
    fn receive(&self, packet: &mut [u8]) -> io::Result<usize> {
        let flags = nix::sys::socket::MsgFlags::MSG_DONTWAIT;
        Ok(nix::sys::socket::recv(std::os::fd::AsRawFd::as_raw_fd(self), packet, flags)?)
    }

    fn send(&self, packet: &[u8]) -> io::Result<usize> {
        UnixDatagram::send(self, packet)
    }
}

/// A slave in its shell, listening in `dir`; returns the far side of its interface.
fn start_slave(dir: &Path) -> UnixDatagram {
    start(dir, ModemSettings::read(json!({"workmode": 1}).as_object().unwrap(), false, None, &[]).unwrap())
}

/// A modem in its shell, listening in `dir`; returns the far side of its interface.
fn start(dir: &Path, settings: ModemSettings) -> UnixDatagram {
    let shared = Arc::new(SharedState::new(settings.clone()).unwrap());
    let listener = SampleListener::bind(&dir.join("samples.sock")).unwrap();
    let answers = Arc::clone(&shared);
    let reporter = serve(&dir.join("d2d.sock"), move |ask| answers.answer(ask)).unwrap();
    let (tun, host) = UnixDatagram::pair().unwrap();
    let tun = Arc::new(tun);
    let modem = Modem::new(settings, 8);
    let intake = Arc::new(Intake::new(modem.queue()));
    let (taking, reader) = (Arc::clone(&intake), Arc::clone(&tun));
    thread::spawn(move || taking.run(&*reader));
    thread::spawn(move || serve_samples(&listener, modem, &shared, &reporter, (&*tun, &*intake)));
    host
}

/// The USRP process and everything behind it: the radio, the air and the far end.
struct Radio {
    far: End,
    samples: SampleSocket,
    down: Channel,
    up: Channel,
}

impl Radio {
    fn connect(dir: &Path, far: End) -> Self {
        let samples = SampleSocket::connect(&dir.join("samples.sock")).unwrap();
        samples.set_read_timeout(Some(std::time::Duration::from_millis(1))).unwrap();
        Self { far, samples, down: Channel::new(Bandwidth::Mhz1_4, 0, 25.0, 1), up: Channel::new(Bandwidth::Mhz1_4, 0, 25.0, 2) }
    }

    fn step(&mut self) {
        let to_slave = Block { kind: Kind::Rx, tick: self.far.at * self.far.ticks, samples: self.down.receive(self.far.at) };
        self.samples.send(&to_slave).unwrap();
        let to_far = self.up.receive(self.far.at);
        assert_eq!(to_far.len(), BLOCK);
        self.far.feed(&to_far);
        self.far.taken.bursts.drain(..).for_each(|b| self.down.send(&b));
        // The slave answers within its lead, if at all: once for every block keeps both at the same pace.
        while let Ok(Some(burst)) = self.samples.receive() {
            self.up.send(&burst);
        }
    }
}

fn event(events: &mut impl BufRead) -> Value {
    let mut line = String::new();
    events.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn ask(stream: &UnixStream, events: &mut impl BufRead, ask: &str) -> Value {
    let mut writer = stream;
    writer.write_all(format!("{{\"id\":1,\"ask\":\"{ask}\"}}\n").as_bytes()).unwrap();
    event(events)["ok"].take()
}

#[test]
fn a_slave_syncs_answers_carries_ip_and_takes_the_next_usrp_process() {
    let dir = tempfile::tempdir().unwrap();
    let host = start_slave(dir.path());
    let stream = UnixStream::connect(dir.path().join("d2d.sock")).unwrap();
    let mut events = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(ask(&stream, &mut events, "status")["sync"], json!({"state": "no_samples"}));
    assert_eq!(ask(&stream, &mut events, "get_control")["phy_cell_ID"], Value::Null);

    let far = End::new(&json!({"workmode": 0, "phy_cell_ID": CELL}), false, 1_000_000);
    let mut radio = Radio::connect(dir.path(), far);
    (0..200).for_each(|_| radio.step());
    assert_eq!(event(&mut events)["sync"]["state"], "searching");
    assert_eq!(event(&mut events)["sync"]["state"], "synced");
    assert_eq!(ask(&stream, &mut events, "get_control")["phy_cell_ID"], CELL);
    assert_eq!(ask(&stream, &mut events, "describe").as_object().unwrap().len(), 14);

    host.send(&[7; 100]).unwrap();
    radio.far.modem.queue().push(&[8; 1500]);
    (0..300).for_each(|_| radio.step());
    let mut packet = [0; 2000];
    host.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    assert_eq!(host.recv(&mut packet).unwrap(), 1500);
    assert_eq!(radio.far.taken.packets, [[7; 100]]);

    let Radio { far, samples, .. } = radio;
    drop(samples);
    assert_eq!(event(&mut events)["sync"]["state"], "no_samples");
    let mut radio = Radio::connect(dir.path(), far);
    radio.far.at += 500_000;
    (0..200).for_each(|_| radio.step());
    assert_eq!(event(&mut events)["sync"]["state"], "lost");
    assert_eq!(event(&mut events)["sync"]["state"], "synced");
    let status = ask(&stream, &mut events, "status");
    assert_eq!(status["link"]["packets_in"], 1);
    assert!(status["counters"]["rx_lost_samples"].as_u64().unwrap() >= 500_000);
}

/// Asks, and returns the whole answer; events in between are dropped.
fn tell(stream: &UnixStream, events: &mut impl BufRead, question: &Value) -> Value {
    let mut writer = stream;
    writer.write_all(format!("{question}\n").as_bytes()).unwrap();
    loop {
        let line = event(events);
        if line.get("id").is_some() {
            return line;
        }
    }
}

/// Samples arrive at a frozen slave, a packet for its host among them.
fn assert_gives_out_nothing(radio: &mut Radio) {
    // What was given out before.
    while let Ok(Some(burst)) = radio.samples.receive() {
        radio.up.send(&burst);
    }
    radio.far.modem.queue().push(&[8; 100]);
    for _ in 0..200 {
        let before = radio.up.bursts.len();
        radio.step();
        assert!(radio.up.bursts.len() <= before, "a frozen slave gave out a burst");
    }
}

#[test]
fn a_frozen_slave_hands_over_to_another_process() {
    let question = |ask: &str| json!({"id": 3, "ask": ask});
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let agents = [&one, &two].map(|dir| {
        let host = start_slave(dir.path());
        let stream = UnixStream::connect(dir.path().join("d2d.sock")).unwrap();
        let events = BufReader::new(stream.try_clone().unwrap());
        (host, stream, events)
    });
    let [(host, stream, mut events), (next_host, next_stream, mut next_events)] = agents;
    // Before any sample, without a USRP process.
    assert!(tell(&next_stream, &mut next_events, &question("export"))["error"].as_str().unwrap().contains("not in sync"));
    assert_eq!(tell(&next_stream, &mut next_events, &question("freeze"))["ok"], json!({"state": null}));
    assert_eq!(tell(&next_stream, &mut next_events, &question("status"))["ok"]["frozen"], true);

    let far = End::new(&json!({"workmode": 0, "phy_cell_ID": CELL}), false, 1_000_000);
    let mut radio = Radio::connect(one.path(), far);
    (0..200).for_each(|_| radio.step());
    assert_eq!(tell(&stream, &mut events, &question("status"))["ok"]["sync"]["state"], "synced");
    let frozen = tell(&stream, &mut events, &question("freeze"))["ok"]["state"].clone();
    assert!(frozen.to_string().len() < 4096, "{frozen}");
    assert_gives_out_nothing(&mut radio);
    let taken = || tell(&stream, &mut events, &question("status"))["ok"].clone();
    let mut taken = taken;
    while taken()["counters"]["rx_samples"].as_u64().unwrap() < 400 * BLOCK as u64 {
        thread::yield_now();
    }
    assert_eq!(taken()["sync"]["state"], "synced", "it goes on receiving");
    let mut packet = [0; 2000];
    host.set_nonblocking(true).unwrap();
    assert!(host.recv(&mut packet).is_err(), "a frozen slave delivered a packet");
    host.set_nonblocking(false).unwrap();
    assert_eq!(tell(&stream, &mut events, &question("resume"))["ok"], json!({"again": 0, "missing": 0, "left_behind": 0}));
    assert_eq!(host.recv(&mut packet).unwrap(), 100);

    let state = tell(&stream, &mut events, &question("freeze"))["ok"]["state"].clone();
    let import = |state: &Value| json!({"id": 4, "ask": "import", "args": {"state": state}});
    let refused = tell(&next_stream, &mut next_events, &import(&json!({"version": 7})));
    assert_eq!(refused, json!({"id": 4, "error": "the soft state has version 7; this modem reads version 2"}));
    assert!(
        tell(&next_stream, &mut next_events, &question("import"))["error"]
            .as_str()
            .unwrap()
            .contains("the question cannot be read")
    );
    assert_eq!(tell(&next_stream, &mut next_events, &import(&state))["ok"], Value::Null);
    assert_eq!(tell(&next_stream, &mut next_events, &question("resume"))["ok"]["missing"], 0);
    let mut radio = Radio::connect(two.path(), radio.far);
    radio.far.modem.queue().push(&[9; 200]);
    radio.far.taken.packets.clear();
    next_host.send(&[5; 300]).unwrap();
    (0..300).for_each(|_| radio.step());
    assert_eq!(next_host.recv(&mut packet).unwrap(), 200);
    assert_eq!(radio.far.taken.packets, [[5; 300]]);
    assert_eq!(tell(&next_stream, &mut next_events, &question("status"))["ok"].get("frozen"), None);
}

#[test]
fn a_terminal_of_a_group_takes_and_tells_routes_before_any_sample() {
    let dir = tempfile::tempdir().unwrap();
    let terminals = [8, 9, 10].map(|last| std::net::Ipv4Addr::new(192, 168, 40, last));
    let settings = ModemSettings::read(json!({"cell_ID": 1}).as_object().unwrap(), false, None, &terminals).unwrap();
    let _host = start(dir.path(), settings);
    let stream = UnixStream::connect(dir.path().join("d2d.sock")).unwrap();
    let mut events = BufReader::new(stream.try_clone().unwrap());
    let set = |list: &Value| json!({"id": 5, "ask": "set_routes", "args": {"route_list": list}});
    let get = json!({"id": 6, "ask": "get_routes"});
    assert_eq!(tell(&stream, &mut events, &get)["ok"], json!([]));
    let list = json!([{"destID": 0, "nexthop": 0}, {"destID": 2, "nexthop": 0}]);
    let mut writer = &stream;
    writer.write_all(format!("{}\n", set(&list)).as_bytes()).unwrap();
    // The note and the answer, in whatever order.
    let lines = [event(&mut events), event(&mut events)];
    let note = "the route table was carried over: terminal 0 directly, terminal 2 through terminal 0";
    assert!(lines.contains(&json!({"event": "note", "text": note})), "{lines:?}");
    assert!(lines.contains(&json!({"id": 5, "ok": null})), "{lines:?}");
    assert_eq!(tell(&stream, &mut events, &get)["ok"], list);
    let refused = tell(&stream, &mut events, &set(&json!([{"destID": 7, "nexthop": 0}])));
    assert!(refused["error"].as_str().unwrap().contains("the route (7, 0) cannot be one of terminal 1"), "{refused}");
    assert_eq!(tell(&stream, &mut events, &get)["ok"], list);
}
