//! Two modems joined in memory through a simulated channel.

#![cfg_attr(not(test), expect(dead_code, reason = "the bench needs a part of what the tests do"))]
#![cfg_attr(not(test), expect(clippy::unwrap_used, reason = "a measurement may end with a panic"))]

pub mod figures;
mod front_end;
mod group;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod link;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod trouble;

use std::collections::VecDeque;
use std::time::Duration;

use num_complex::Complex32;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use self::front_end::FrontEnds;
use crate::core::Modem;
use crate::outlet::{Outlet, Sync};
use crate::phy::numerology::{Bandwidth, Numerology, Prefix, SUBFRAME_TICKS, TICK_RATE};
use crate::phy::transmit::LEFT_OUT;
use crate::settings::ModemSettings;
use workload::samples::{Block, Sample};

const CELL: u16 = 301;
/// Samples of a received block, as the N210 packs them.
const BLOCK: usize = 363;

/// One direction of the air.
struct Channel {
    ticks: u64,
    /// From the transmitter's device time to the receiver's, samples.
    delay: u64,
    gain: f32,
    noise: f32,
    /// Hz.
    cfo: f32,
    /// A second path: so many samples later, with this gain.
    echo: Option<(u64, Complex32)>,
    /// Samples at the beginning of each burst that are not sent.
    cut: usize,
    /// What both ends' front ends do.
    front_ends: Option<FrontEnds>,
    /// Bursts on their way, by the receiver's sample number.
    bursts: VecDeque<(u64, Vec<Sample>)>,
    random: StdRng,
}

impl Channel {
    fn new(bandwidth: Bandwidth, delay: u64, snr_db: f32, seed: u64) -> Self {
        let gain = 0.3;
        // A burst has an RMS of 0.2 full scale, in the subcarriers that are in use; the noise is in all.
        let n = Numerology::new(bandwidth, Prefix::Normal);
        let all = n.fft() as f32 / n.subcarriers() as f32;
        let noise = gain * 0.2 * 32767.0 * 10f32.powf(-snr_db / 20.0) * all.sqrt();
        let (bursts, random) = (VecDeque::new(), StdRng::seed_from_u64(seed));
        Self { ticks: n.ticks_per_sample(), delay, gain, noise, cfo: 0.0, echo: None, cut: 0, front_ends: None, bursts, random }
    }

    fn send(&mut self, burst: &Block) {
        let at = (burst.tick + self.ticks / 2) / self.ticks + self.delay;
        let mut samples = burst.samples.clone();
        samples.iter_mut().take(self.cut).for_each(|x| *x = Sample::default());
        self.bursts.push_back((at, samples));
    }

    /// The received samples from sample number `from` on.
    fn receive(&mut self, from: u64) -> Vec<Sample> {
        let end = from + BLOCK as u64;
        let mut sum = vec![Complex32::default(); BLOCK];
        let paths: Vec<_> = [(0, Complex32::new(1.0, 0.0))].into_iter().chain(self.echo).collect();
        for (at, burst) in &self.bursts {
            for (late, gain) in &paths {
                let at = at + late;
                for n in at.max(from)..(at + burst.len() as u64).min(end) {
                    let s = burst[(n - at) as usize];
                    let s = Complex32::new(f32::from(s.re), f32::from(s.im));
                    let sent = self.front_ends.as_ref().map_or(s, |ends| ends.transmitted(s));
                    sum[(n - from) as usize] += sent * gain;
                }
            }
        }
        let last = paths.iter().map(|(late, _)| *late).max().unwrap_or(0);
        self.bursts.retain(|(at, burst)| at + last + burst.len() as u64 > end);
        let sigma = self.noise / 2f32.sqrt();
        let rate = TICK_RATE / self.ticks as f64;
        (0..BLOCK)
            .map(|n| {
                let turn = std::f64::consts::TAU * (f64::from(self.cfo) * (from + n as u64) as f64 / rate).fract();
                let x = sum[n] * self.gain * Complex32::from_polar(1.0, turn as f32) + gauss(&mut self.random) * sigma;
                let x = self.front_ends.as_mut().map_or(x, |ends| ends.received(x));
                Sample::new(x.re as i16, x.im as i16)
            })
            .collect()
    }
}

/// Two independent normal numbers of variance 1.
fn gauss(random: &mut StdRng) -> Complex32 {
    let (u, v): (f32, f32) = (random.random_range(f32::MIN_POSITIVE..1.0), random.random());
    Complex32::from_polar((-2.0 * u.ln()).sqrt(), std::f32::consts::TAU * v)
}

/// What this thread has had of the processor: a wall clock would count the other tests, too.
fn processor_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// What a modem gave out.
#[derive(Default)]
struct Taken {
    bursts: Vec<Block>,
    packets: Vec<Vec<u8>>,
    syncs: Vec<Sync>,
    notes: Vec<String>,
}

impl Outlet for Taken {
    fn burst(&mut self, burst: &Block) {
        self.bursts.push(burst.clone());
    }

    fn packet(&mut self, packet: &[u8]) {
        self.packets.push(packet.to_vec());
    }

    fn sync(&mut self, sync: Sync) {
        self.syncs.push(sync);
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

/// One end: modem, what it gave out, its device time.
struct End {
    modem: Modem,
    taken: Taken,
    ticks: u64,
    /// Its own sample number of the next received block.
    at: u64,
    /// Ticks by which its samples lie off the multiples of their distance.
    off: u64,
    cpu: Duration,
}

impl End {
    fn new(control: &serde_json::Value, carried: bool, at: u64) -> Self {
        Self::with_settings(ModemSettings::read(control.as_object().unwrap(), carried, None, &[]).unwrap(), at)
    }

    fn with_settings(settings: ModemSettings, at: u64) -> Self {
        let ticks = settings.parameters.numerology.ticks_per_sample();
        Self { modem: Modem::new(settings, 8), taken: Taken::default(), ticks, at, off: 0, cpu: Duration::ZERO }
    }

    fn feed(&mut self, samples: &[Sample]) {
        let began = processor_time();
        self.modem.receive(self.at * self.ticks + self.off, samples, &mut self.taken);
        self.cpu += processor_time() - began;
        self.at += samples.len() as u64;
    }

    fn last_sync(&self) -> Option<Sync> {
        self.taken.syncs.last().copied()
    }
}

/// What two ends are told and what lies between them.
#[derive(Clone)]
struct Setup {
    /// Variables of the cell, beside its id.
    cell: serde_json::Value,
    /// By how many samples the pool's device clock is ahead of the far end's.
    ahead: u64,
    snr_db: f32,
    /// The pool has got the cell's variables.
    carried: bool,
    seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self { cell: json!({}), ahead: 0, snr_db: 25.0, carried: false, seed: 1 }
    }
}

impl Setup {
    fn bandwidth(&self) -> Bandwidth {
        let mhz = self.cell["BW"].as_f64().unwrap_or(1.4);
        Bandwidth::ALL.into_iter().find(|b| b.mhz() == mhz).unwrap()
    }

    fn far(&self) -> serde_json::Value {
        merged(&self.cell, &[("phy_cell_ID", json!(CELL)), ("workmode", json!(0))])
    }

    fn pool(&self) -> serde_json::Value {
        let own = [("workmode", json!(1)), ("BW", json!(self.bandwidth().mhz()))];
        if self.carried { merged(&merged(&self.far(), &own), &own) } else { merged(&json!({}), &own) }
    }
}

/// A table with more entries, which win unless they are given already for the workmode.
fn merged(table: &serde_json::Value, more: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut table = table.clone();
    for (name, value) in more {
        if *name == "workmode" && value == &json!(0) && !table["workmode"].is_null() {
            continue;
        }
        table[*name] = value.clone();
    }
    table
}

/// Far end (master) and pool (slave).
struct Pair {
    far: End,
    pool: End,
    down: Channel,
    up: Channel,
    /// How much later than what it receives the slave's latest burst is, ticks.
    slave_late: i64,
}

impl Pair {
    fn new(setup: &Setup) -> Self {
        let (start, bandwidth, seed) = (50_000_000, setup.bandwidth(), setup.seed);
        Self {
            far: End::new(&setup.far(), false, start),
            pool: End::new(&setup.pool(), setup.carried, start + setup.ahead),
            down: Channel::new(bandwidth, setup.ahead, setup.snr_db, seed),
            // The far end receives with its own clock: what the pool sends arrives `ahead` earlier, in its numbers.
            up: Channel::new(bandwidth, 0, setup.snr_db, seed + 1),
            slave_late: 0,
        }
    }

    /// One block each; `heard`: the pool's host gets it.
    fn step(&mut self, heard: bool) {
        let (ahead, ticks) = (self.down.delay, self.pool.ticks);
        let (to_far, to_pool) = (self.up.receive(self.far.at), self.down.receive(self.pool.at));
        self.far.feed(&to_far);
        if heard {
            self.pool.feed(&to_pool);
        } else {
            self.pool.at += to_pool.len() as u64;
        }
        for burst in self.far.taken.bursts.drain(..) {
            assert_eq!(burst.tick % SUBFRAME_TICKS, LEFT_OUT, "the master has moved");
            self.down.send(&burst);
        }
        for mut burst in self.pool.taken.bursts.drain(..) {
            burst.tick -= ahead * ticks;
            let subframe = SUBFRAME_TICKS as i64;
            let late = (burst.tick as i64 - (LEFT_OUT + self.pool.off) as i64).rem_euclid(subframe);
            self.slave_late = if late > subframe / 2 { late - subframe } else { late };
            self.up.send(&burst);
        }
    }

    /// Steps until `done` or for `ms` of signal; returns the ms of signal that passed.
    fn until(&mut self, ms: f64, done: impl Fn(&Self) -> bool) -> f64 {
        let block = BLOCK as f64 * self.pool.ticks as f64 / (TICK_RATE / 1000.0);
        let mut blocks = 0;
        while !done(self) && f64::from(blocks) * block < ms {
            self.step(true);
            blocks += 1;
        }
        f64::from(blocks) * block
    }

    fn both_synced(&self) -> bool {
        [&self.far, &self.pool].iter().all(|e| e.last_sync() == Some(Sync::Synced))
    }
}
