//! Three terminals on one frequency: the master (0), the relay (1) and the third (2), with and without an obstacle between 0 and 2.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use super::{BLOCK, Bandwidth, CELL, Channel, End, merged};
use crate::modem::phy::duplex::{Direction, Duplex, Use};
use crate::modem::phy::numerology::{FRAME_TICKS, SUBFRAME_TICKS, TICK_RATE};
use crate::modem::phy::sync_signals::CellId;
use crate::modem::phy::transmit::LEFT_OUT;
use crate::modem::receive::Sync;
use crate::modem::settings::Settings;
use crate::modem::soft_state::MOST_BYTES;
use crate::protocol::Route;
use crate::workload::samples::Sample;

const GROUP: u16 = CELL / 3;

fn terminals() -> Vec<Ipv4Addr> {
    [8, 9, 10].map(|last| Ipv4Addr::new(192, 168, 40, last)).to_vec()
}

/// An IPv4 packet from one terminal to another, with a number in it.
fn ip(from: usize, to: usize, number: u32, length: usize) -> Vec<u8> {
    let mut packet = vec![0u8; length];
    packet[0] = 0x45;
    packet[12..16].copy_from_slice(&terminals()[from].octets());
    packet[16..20].copy_from_slice(&terminals()[to].octets());
    packet[20..24].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Three terminals, each with a device clock of its own, and the six paths between them.
struct Air {
    ends: Vec<End>,
    /// By `[from][to]`; a path may be blocked.
    paths: Vec<Vec<Channel>>,
    obstacle: bool,
    cell: Value,
    /// By how many samples a terminal's clock is ahead.
    ahead: [u64; 3],
    /// Subframe of its frame and tick of its latest burst, by terminal, on the common clock.
    bursts: Vec<Vec<u64>>,
}

/// Samples from one terminal to another.
const DELAYS: [[u64; 3]; 3] = [[0, 2, 5], [2, 0, 4], [5, 4, 0]];

impl Air {
    fn new(cell: Value, obstacle: bool) -> Self {
        let mhz = cell["BW"].as_f64().unwrap_or(1.4);
        let bandwidth = Bandwidth::ALL.into_iter().find(|b| b.mhz() == mhz).unwrap();
        let ahead = [0, 12_345, 777_777];
        let path = |from: usize, to: usize| {
            let mut channel = Channel::new(bandwidth, DELAYS[from][to] + ahead[to], 25.0, (3 * from + to) as u64);
            // The noise is the receiver's: once is enough.
            if (from + 1) % 3 != to {
                channel.noise = 0.0;
            }
            channel
        };
        let paths = (0..3).map(|from| (0..3).map(|to| path(from, to)).collect()).collect();
        let mut air = Self { ends: Vec::new(), paths, obstacle, cell, ahead, bursts: vec![Vec::new(); 3] };
        air.ends = (0..3).map(|index| air.fresh(index, None)).collect();
        air
    }

    /// A terminal that begins now, perhaps with control information.
    fn fresh(&self, index: usize, control: Option<&Value>) -> End {
        let at = self.ends.first().map_or(50_000_000, |master| master.at) + self.ahead[index];
        let own = match index {
            0 => merged(&self.cell, &[("phy_cell_ID", json!(3 * GROUP)), ("workmode", json!(0))]),
            _ => json!({"workmode": 1, "cell_ID": index, "BW": self.cell["BW"]}),
        };
        let mut own = own.as_object().unwrap().clone();
        control.iter().for_each(|control| own.extend(control.as_object().unwrap().clone()));
        End::of(Settings::read_for(&own, control.is_some(), None, &terminals()).unwrap(), at)
    }

    fn blocked(&self, from: usize, to: usize) -> bool {
        from == to || (self.obstacle && from.abs_diff(to) == 2)
    }

    /// One block each. Who is not in `on` gets no samples.
    fn step(&mut self, on: [bool; 3]) {
        for to in 0..3 {
            let mut sum = vec![Sample::default(); BLOCK];
            for from in 0..3 {
                let (blocked, at) = (self.blocked(from, to), self.ends[to].at);
                let path = &mut self.paths[from][to];
                let received = path.receive(at);
                if !blocked {
                    sum.iter_mut()
                        .zip(received)
                        .for_each(|(a, b)| *a = Sample::new(a.re.saturating_add(b.re), a.im.saturating_add(b.im)));
                }
            }
            if on[to] { self.ends[to].feed(&sum) } else { self.ends[to].at += BLOCK as u64 }
        }
        for from in 0..3 {
            let ticks = self.ends[from].ticks;
            for mut burst in std::mem::take(&mut self.ends[from].taken.bursts) {
                burst.tick -= self.ahead[from] * ticks;
                self.bursts[from].push(burst.tick);
                (0..3).filter(|to| *to != from).for_each(|to| self.paths[from][to].send(&burst));
            }
        }
    }

    /// Steps until `done` or for `ms` of signal; returns the ms that passed.
    fn until(&mut self, ms: f64, done: impl Fn(&Self) -> bool) -> f64 {
        let block = BLOCK as f64 * self.ends[0].ticks as f64 / (TICK_RATE / 1000.0);
        let mut passed = 0.0;
        while !done(self) && passed < ms {
            self.step([true; 3]);
            passed += block;
        }
        passed
    }

    fn synced(&self, index: usize) -> bool {
        self.ends[index].last_sync() == Some(Sync::Synced)
    }

    fn routes(&self, index: usize) -> Vec<(usize, u8)> {
        let next_hops = self.ends[index].modem.report().routes.unwrap();
        next_hops.into_iter().enumerate().filter_map(|(to, next)| Some((to, next?))).collect()
    }

    fn complete(&self) -> bool {
        (0..3).all(|index| self.routes(index).len() == 2)
    }

    fn send(&self, from: usize, to: usize, number: u32, length: usize) {
        self.ends[from].modem.queue().push(&ip(from, to, number, length));
    }

    fn received(&self, at: usize) -> &[Vec<u8>] {
        &self.ends[at].taken.packets
    }

    /// There and back again; returns whether both arrived and were forwarded once each.
    fn ping(&mut self, from: usize, to: usize) -> bool {
        self.ends.iter_mut().for_each(|end| end.taken.packets.clear());
        self.send(from, to, 1, 84);
        self.until(60.0, |air| !air.received(to).is_empty());
        self.send(to, from, 2, 84);
        self.until(60.0, |air| !air.received(from).is_empty());
        self.until(20.0, |_| false);
        *self.received(to) == [ip(from, to, 1, 84)] && *self.received(from) == [ip(to, from, 2, 84)]
    }

    fn forwarded(&self) -> u64 {
        self.ends[1].modem.report().link.forwarded.unwrap()
    }

    /// The relay is replaced: another process, `ms` later.
    fn replace(&mut self, control: Option<&Value>, ms: f64) {
        let began = self.ends[0].at;
        while ((self.ends[0].at - began) as f64) < ms * TICK_RATE / 1000.0 / self.ends[0].ticks as f64 {
            self.step([true, false, true]);
        }
        self.ends[1] = self.fresh(1, control);
    }

    fn table(&self, index: usize) -> Vec<Route> {
        let route = |(to, next): (usize, u8)| Route { dest_id: to as u16, nexthop: u16::from(next) };
        self.routes(index).into_iter().map(route).collect()
    }

    fn control(&self, index: usize) -> Value {
        let own =
            Settings::read_for(json!({"workmode": 1, "cell_ID": index}).as_object().unwrap(), false, None, &terminals()).unwrap();
        Value::Object(own.control(self.ends[index].modem.report().cell))
    }
}

fn relayed() -> Air {
    let mut air = Air::new(json!({}), true);
    air.until(9000.0, Air::complete);
    assert!(air.complete(), "{:?}", (0..3).map(|n| (&air.ends[n].taken.notes, air.routes(n))).collect::<Vec<_>>());
    air
}

#[test]
fn terminals_find_each_other_and_the_third_is_in_sync_through_the_relay() {
    let mut air = Air::new(json!({}), true);
    let ms = air.until(200.0, |air| (0..3).all(|n| air.synced(n)));
    assert!(
        (0..3).all(|n| air.synced(n)),
        "{:?}",
        air.ends.iter().map(|end| (&end.taken.syncs, &end.taken.notes)).collect::<Vec<_>>()
    );
    println!("three terminals in sync after {ms:.1} ms");
    air.until(100.0, |_| false);
    for (index, end) in air.ends.iter().enumerate() {
        let report = end.modem.report();
        let (cell, parameters) = report.cell.unwrap();
        assert_eq!(cell, CellId::from_parts(GROUP, index as u16).unwrap());
        assert_eq!(parameters.duplex, Duplex::Group { assignment: 0 });
        assert_eq!(end.taken.syncs.last(), Some(&Sync::Synced));
        assert_eq!(report.link.blocks_bad, 0);
        assert!(end.taken.notes.iter().all(|note| !note.contains("transmits on this frequency")), "{:?}", end.taken.notes);
    }
    // Nobody transmits in another's subframe; the slaves' frames lie as late as the way to them is long.
    let late = [0, DELAYS[0][1], DELAYS[0][1] + DELAYS[1][2]].map(|samples| samples * air.ends[0].ticks);
    for (index, late) in late.into_iter().enumerate() {
        let burst = *air.bursts[index].last().unwrap();
        let start = (burst - LEFT_OUT + FRAME_TICKS - late + SUBFRAME_TICKS / 2) % FRAME_TICKS;
        let (number, off) = ((start / SUBFRAME_TICKS) as usize, start % SUBFRAME_TICKS);
        assert_eq!(Duplex::Group { assignment: 0 }.usage(Direction::Terminal(index as u8), number), Use::Data, "terminal {index}");
        let off = off as i64 - SUBFRAME_TICKS as i64 / 2;
        assert!(off.abs() < 80, "terminal {index} is {off} ticks late");
    }
}

#[test]
fn probing_builds_the_routes_and_pings_cross_the_relay_both_ways() {
    let mut air = Air::new(json!({}), true);
    let ms = air.until(9000.0, Air::complete);
    assert!(ms > 2000.0, "three hellos in {ms} ms");
    assert_eq!([air.routes(0), air.routes(1), air.routes(2)], [vec![(1, 1), (2, 1)], vec![(0, 0), (2, 2)], vec![(0, 1), (1, 1)]]);
    for end in &air.ends {
        assert!(end.taken.notes.iter().any(|note| note.contains("was completed by probing after")), "{:?}", end.taken.notes);
    }
    assert!(air.ping(0, 2) && air.ping(2, 0) && air.ping(0, 1));
    assert_eq!(air.forwarded(), 4);
    // Of every length, in order.
    air.ends[2].taken.packets.clear();
    let packets: Vec<Vec<u8>> = [24, 84, 196, 577, 1500].iter().zip(1..).map(|(length, n)| ip(0, 2, n, *length)).collect();
    packets.iter().for_each(|packet| air.ends[0].modem.queue().push(packet));
    air.until(300.0, |air| air.received(2).len() == packets.len());
    assert_eq!(air.received(2), packets);
    // What is for nobody of the group is counted.
    air.ends[0].modem.queue().push(&[&[0x60], [0; 47].as_slice()].concat());
    air.until(20.0, |_| false);
    assert_eq!(air.ends[0].modem.report().link.no_route, Some(1));
}

#[test]
fn when_the_obstacle_is_lifted_the_way_is_direct_and_back_again() {
    let mut air = relayed();
    air.obstacle = false;
    air.until(9000.0, |air| air.routes(0).contains(&(2, 2)) && air.routes(2).contains(&(0, 0)));
    assert!(air.ping(0, 2));
    assert_eq!(air.forwarded(), 0);
    let notes = &air.ends[2].taken.notes;
    assert!(notes.iter().any(|note| note == "the frame timing is now that of terminal 0, the master"), "{notes:?}");
    assert!(notes.iter().any(|note| note == "terminal 0 is now reached directly"), "{notes:?}");
    air.obstacle = true;
    air.until(9000.0, |air| air.routes(0).contains(&(2, 1)) && air.routes(2).contains(&(0, 1)));
    assert!(air.ping(0, 2) && air.synced(2));
    assert_eq!(air.forwarded(), 2);
}

#[test]
fn a_relay_with_control_and_routes_forwards_at_once() {
    let mut air = relayed();
    let (control, table) = (air.control(1), air.table(1));
    assert_eq!(control["phy_cell_ID"], json!(3 * GROUP + 1));
    assert_eq!(control["duplexMode"], json!(0));
    air.replace(Some(&control), 400.0);
    let End { modem, taken, .. } = &mut air.ends[1];
    modem.set_routes(&table, taken).unwrap();
    air.send(0, 2, 7, 84);
    let ms = air.until(200.0, |air| !air.received(2).is_empty());
    assert_eq!(air.received(2), [ip(0, 2, 7, 84)]);
    println!("a packet crossed the new relay {ms:.1} ms after it began");
    // Neither end noticed: their routes hold, and so do the relay's when they have to prove themselves.
    air.until(11_000.0, |_| false);
    assert!(air.ping(2, 0));
    let notes = &air.ends[1].taken.notes;
    assert!(notes.iter().any(|note| note.contains("carried over is confirmed by probing after")), "{notes:?}");
    for end in [&air.ends[0], &air.ends[2]] {
        assert!(end.taken.notes.iter().all(|note| !note.contains("can not be reached")), "{:?}", end.taken.notes);
    }
}

#[test]
fn a_relay_without_routes_forwards_nothing_until_probing_is_done() {
    let mut air = relayed();
    let control = air.control(1);
    air.replace(Some(&control), 400.0);
    let mut number = 0;
    // Ten packets a second from both sides.
    while air.routes(1).len() < 2 {
        number += 1;
        air.send(0, 2, number, 84);
        air.until(100.0, |_| false);
        assert!(air.received(2).is_empty() || air.routes(1).len() == 2, "forwarded without a route");
        assert!(number < 150, "{:?}", air.ends[1].taken.notes);
    }
    assert!(number > 15, "{number} tenths of a second are not three hellos");
    air.until(9000.0, Air::complete);
    assert!(air.ping(0, 2));
    let dropped: u64 = [0, 1].map(|n: usize| air.ends[n].modem.report().link.no_route.unwrap()).iter().sum();
    assert!(dropped > 0 && dropped <= u64::from(number), "{dropped} of {number} were dropped");
}

#[test]
fn every_assignment_and_bandwidth_that_a_group_can_have_works() {
    let cells = [
        json!({"DLULAssign": 1}),
        json!({"DLULAssign": 2, "CPtype": 1}),
        json!({"DLULAssign": 3, "type_mode": 2}),
        json!({"DLULAssign": 4}),
        json!({"DLULAssign": 6, "workmode": 2}),
        json!({"BW": 5}),
    ];
    for cell in cells {
        let mut air = Air::new(cell.clone(), false);
        air.until(500.0, |air| (0..3).all(|n| air.synced(n)));
        let syncs: Vec<_> = air.ends.iter().map(|end| (&end.taken.syncs, &end.taken.notes)).collect();
        assert!((0..3).all(|n| air.synced(n)), "{cell}: {syncs:?}");
        // Routes of another process spare the seconds of probing.
        for index in 0..3u16 {
            let table: Vec<Route> = (0..3).filter(|to| *to != index).map(|to| Route { dest_id: to, nexthop: to }).collect();
            let End { modem, taken, .. } = &mut air.ends[usize::from(index)];
            modem.set_routes(&table, taken).unwrap();
        }
        air.until(150.0, |_| false);
        assert!(air.ping(0, 1) && air.ping(1, 2) && air.ping(2, 0), "{cell}");
    }
}

#[test]
fn a_relay_that_goes_on_with_soft_state_loses_nothing() {
    let mut air = relayed();
    let control = air.control(1);
    for number in 0..40 {
        air.send(0, 2, number, 300);
        air.send(2, 0, number, 300);
        air.until(25.0, |_| false);
        if number == 20 {
            air.ends[1].modem.freeze();
            // What it gave out before is on the air; what comes until the next one is there is held by nobody.
            let state = air.ends[1].modem.export().unwrap();
            let text = serde_json::to_string(&state).unwrap();
            assert!(text.len() <= MOST_BYTES, "{} bytes", text.len());
            assert_eq!(serde_json::from_str::<crate::modem::soft_state::SoftState>(&text).unwrap(), state);
            air.ends[1] = air.fresh(1, Some(&control));
            air.ends[1].modem.inherit(&state).unwrap();
        }
    }
    air.until(200.0, |air| air.received(0).len() == 40 && air.received(2).len() == 40);
    let numbers = |at: usize| air.received(at).iter().map(|p| u32::from_be_bytes([p[20], p[21], p[22], p[23]])).collect::<Vec<_>>();
    assert_eq!(numbers(0), (0..40).collect::<Vec<_>>());
    assert_eq!(numbers(2), (0..40).collect::<Vec<_>>());
    assert_eq!(air.ends[1].taken.syncs, [Sync::Searching, Sync::Synced]);
}

#[test]
fn soft_state_of_another_place_is_refused() {
    let mut air = relayed();
    let state = air.ends[1].modem.export().unwrap();
    let error = air.ends[2].modem.inherit(&state).unwrap_err();
    assert!(error.contains("cell") || error.contains("terminal 1; this modem is terminal 2"), "{error}");
    let mut two = End::new(&json!({"workmode": 1}), false, 0);
    assert!(two.modem.inherit(&state).unwrap_err().contains("of a terminal in a group"));
    assert!(two.modem.set_routes(&[], &mut two.taken).unwrap_err().contains("no terminal of a group"));
    let mut changed = state.clone();
    changed.group.as_mut().unwrap().neighbours[0].cfo_hz = f32::NAN;
    assert!(air.ends[1].modem.inherit(&changed).unwrap_err().contains("timing of terminal 0"));
}

#[test]
fn a_group_that_was_carried_over_wrongly_is_given_up_with_a_note() {
    let mut air = Air::new(json!({}), true);
    let mut control = air.control(1);
    control["phy_cell_ID"] = json!(3 * GROUP + 4);
    (control["group_ID"], control["duplexMode"]) = (Value::Null, Value::Null);
    air.ends[1] = air.fresh(1, Some(&control));
    air.until(3000.0, |air| (0..3).all(|n| air.synced(n)));
    assert!((0..3).all(|n| air.synced(n)));
    let notes = &air.ends[1].taken.notes;
    assert!(notes.iter().any(|note| note.contains("has not been found within 2 s")), "{notes:?}");
    assert_eq!(air.ends[1].modem.report().cell.unwrap().0.group(), GROUP);
}

#[test]
fn a_modem_of_two_and_a_terminal_of_a_group_say_what_the_other_is() {
    let mut air = Air::new(json!({}), true);
    let mut two = End::new(&json!({"workmode": 1}), false, air.ends[1].at);
    std::mem::swap(&mut air.ends[1], &mut two);
    air.until(300.0, |_| false);
    let notes = &air.ends[1].taken.notes;
    assert!(notes.iter().any(|note| note.contains("is a terminal of a group")), "{notes:?}");
    assert!(air.bursts[1].is_empty(), "it transmitted");
}

#[test]
#[ignore = "prints figures"]
fn print_processor_load_of_a_relay() {
    for mhz in [1.4, 5.0] {
        let mut air = Air::new(json!({"BW": mhz}), true);
        air.until(500.0, |air| (0..3).all(|n| air.synced(n)));
        for index in [0u16, 1, 2] {
            let next = |to: u16| if index.abs_diff(to) == 2 { 1 } else { to };
            let table: Vec<Route> = (0..3).filter(|to| *to != index).map(|to| Route { dest_id: to, nexthop: next(to) }).collect();
            let End { modem, taken, .. } = &mut air.ends[usize::from(index)];
            modem.set_routes(&table, taken).unwrap();
        }
        for (what, bytes) in [("idle", 0usize), ("pings", 84), ("full", 1400)] {
            air.ends.iter_mut().for_each(|end| end.cpu = Duration::ZERO);
            let (mut ms, mut number) = (0.0, 0);
            air.ends[2].taken.packets.clear();
            while ms < 1000.0 {
                let count = if what == "full" { (mhz * 4.0) as u32 } else { u32::from(bytes > 0) };
                for _ in 0..count {
                    number += 1;
                    air.send(0, 2, number, bytes);
                }
                ms += air.until(if what == "full" { 20.0 } else { 100.0 }, |_| false);
            }
            let load = |index: usize| air.ends[index].cpu.as_secs_f64() * 1000.0 / ms;
            let through = air.received(2).len() as f64 * bytes as f64 * 8.0 / ms;
            println!(
                "{}",
                json!({"figure": "relay_load", "bw": mhz, "what": what, "master_cores": load(0), "relay_cores": load(1),
                    "third_cores": load(2), "kbit_per_s": through})
            );
        }
    }
}
