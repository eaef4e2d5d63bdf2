//! Three terminals on one frequency: the master (0), the relay (1) and the third (2), with and without an obstacle between 0 and 2.

#[cfg(test)]
mod finding;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod standby;

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{BLOCK, Bandwidth, CELL, Channel, End, merged};
use crate::outlet::Sync;
use crate::phy::numerology::TICK_RATE;
use crate::settings::ModemSettings;
use protocol::Route;
use workload::samples::Sample;

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
pub struct Air {
    pub ends: Vec<End>,
    /// By `[from][to]`; a path may be blocked.
    paths: Vec<Vec<Channel>>,
    obstacle: bool,
    /// Receives what the relay receives.
    standby: Option<End>,
    cell: Value,
    /// By how many samples a terminal's clock is ahead.
    ahead: [u64; 3],
    /// Subframe of its frame and tick of its latest burst, by terminal, on the common clock.
    bursts: Vec<Vec<u64>>,
}

/// Samples from one terminal to another.
const DELAYS: [[u64; 3]; 3] = [[0, 2, 5], [2, 0, 4], [5, 4, 0]];

impl Air {
    pub fn new(cell: Value, obstacle: bool) -> Self {
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
        let mut air = Self { ends: Vec::new(), paths, obstacle, standby: None, cell, ahead, bursts: vec![Vec::new(); 3] };
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
        End::with_settings(ModemSettings::read(&own, control.is_some(), None, &terminals()).unwrap(), at)
    }

    fn blocked(&self, from: usize, to: usize) -> bool {
        from == to || (self.obstacle && from.abs_diff(to) == 2)
    }

    /// One block each. Who is not in `on` gets no samples.
    fn step(&mut self, on: [bool; 3]) {
        for (to, on) in on.into_iter().enumerate() {
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
            if let Some(standby) = self.standby.as_mut().filter(|_| to == 1) {
                standby.feed(&sum);
            }
            if on { self.ends[to].feed(&sum) } else { self.ends[to].at += BLOCK as u64 }
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
    pub fn until(&mut self, ms: f64, done: impl Fn(&Self) -> bool) -> f64 {
        let block = BLOCK as f64 * self.ends[0].ticks as f64 / (TICK_RATE / 1000.0);
        let mut passed = 0.0;
        while !done(self) && passed < ms {
            self.step([true; 3]);
            passed += block;
        }
        passed
    }

    pub fn synced(&self, index: usize) -> bool {
        self.ends[index].last_sync() == Some(Sync::Synced)
    }

    fn routes(&self, index: usize) -> Vec<(usize, u8)> {
        let next_hops = self.ends[index].modem.report().routes.unwrap();
        next_hops.into_iter().enumerate().filter_map(|(to, next)| Some((to, next?))).collect()
    }

    fn complete(&self) -> bool {
        (0..3).all(|index| self.routes(index).len() == 2)
    }

    pub fn send(&self, from: usize, to: usize, number: u32, length: usize) {
        self.ends[from].modem.queue().push(&ip(from, to, number, length));
    }

    pub fn received(&self, at: usize) -> &[Vec<u8>] {
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
            ModemSettings::read(json!({"workmode": 1, "cell_ID": index}).as_object().unwrap(), false, None, &terminals()).unwrap();
        Value::Object(own.control(self.ends[index].modem.report().cell))
    }
}

fn relayed() -> Air {
    let mut air = Air::new(json!({}), true);
    air.until(9000.0, Air::complete);
    assert!(air.complete(), "{:?}", (0..3).map(|n| (&air.ends[n].taken.notes, air.routes(n))).collect::<Vec<_>>());
    air
}
