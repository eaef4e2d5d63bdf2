//! Two modems joined in memory through a simulated channel.

mod figures;
mod link;
mod sockets;

use std::collections::VecDeque;
use std::time::Duration;

use num_complex::Complex32;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::modem::core::{Modem, Outlet};
use crate::modem::numerology::Numerology;
use crate::modem::receive::Sync;
use crate::modem::settings::Settings;
use crate::workload::samples::{Block, Sample};

const TICKS: u64 = 52;
/// A subframe, ticks.
const SUBFRAME: u64 = 99_840;
const CELL: u16 = 301;
/// Samples of a received block, as the N210 packs them.
const BLOCK: usize = 363;

/// One direction of the air.
struct Channel {
    /// From the transmitter's device time to the receiver's, samples.
    delay: u64,
    gain: f32,
    noise: f32,
    /// Cycles per sample.
    cfo: f32,
    /// Bursts on their way, by the receiver's sample number.
    bursts: VecDeque<(u64, Vec<Sample>)>,
    random: StdRng,
}

impl Channel {
    fn new(delay: u64, snr_db: f32, seed: u64) -> Self {
        let gain = 0.3;
        // A burst has an RMS of 0.2 full scale.
        let noise = gain * 0.2 * 32767.0 * 10f32.powf(-snr_db / 20.0);
        Self { delay, gain, noise, cfo: 0.0, bursts: VecDeque::new(), random: StdRng::seed_from_u64(seed) }
    }

    fn send(&mut self, burst: &Block) {
        let at = (burst.tick + TICKS / 2) / TICKS + self.delay;
        self.bursts.push_back((at, burst.samples.clone()));
    }

    /// The received samples from sample number `from` on.
    fn receive(&mut self, from: u64) -> Vec<Sample> {
        let mut sum = vec![Complex32::default(); BLOCK];
        for (at, burst) in &self.bursts {
            let (low, high) = ((*at).max(from), (at + burst.len() as u64).min(from + BLOCK as u64));
            for n in low..high {
                let s = burst[(n - at) as usize];
                sum[(n - from) as usize] += Complex32::new(f32::from(s.re), f32::from(s.im));
            }
        }
        self.bursts.retain(|(at, burst)| at + burst.len() as u64 > from + BLOCK as u64);
        let sigma = self.noise / 2f32.sqrt();
        (0..BLOCK)
            .map(|n| {
                let turn = std::f64::consts::TAU * (f64::from(self.cfo) * (from + n as u64) as f64).fract();
                let x = sum[n] * self.gain * Complex32::from_polar(1.0, turn as f32) + gauss(&mut self.random) * sigma;
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
}

/// One end: modem, what it gave out, its device time.
struct End {
    modem: Modem,
    taken: Taken,
    /// Its own sample number of the next received block.
    at: u64,
    /// Ticks by which its samples lie off the multiples of 52.
    off: u64,
    cpu: Duration,
}

impl End {
    fn new(control: serde_json::Value, carried: bool, at: u64) -> Self {
        let settings = Settings::read(control.as_object().unwrap(), carried).unwrap();
        Self { modem: Modem::new(settings, 8), taken: Taken::default(), at, off: 0, cpu: Duration::ZERO }
    }

    fn feed(&mut self, samples: &[Sample]) {
        let began = processor_time();
        self.modem.receive(self.at * TICKS + self.off, samples, &mut self.taken);
        self.cpu += processor_time() - began;
        self.at += samples.len() as u64;
    }

    fn last_sync(&self) -> Option<Sync> {
        self.taken.syncs.last().copied()
    }
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
    /// The pool's device clock is `ahead` samples ahead of the far end's.
    fn new(ahead: u64, snr_db: f32, carried: bool, seed: u64) -> Self {
        let start = 50_000_000;
        Self {
            far: End::new(json!({"workmode": 0, "phy_cell_ID": CELL}), false, start),
            pool: End::new(pool_control(carried), carried, start + ahead),
            down: Channel::new(ahead, snr_db, seed),
            // The far end receives with its own clock: what the pool sends arrives `ahead` earlier, in its numbers.
            up: Channel::new(0, snr_db, seed + 1),
            slave_late: 0,
        }
    }

    /// One block each; `heard`: the pool's host gets it.
    fn step(&mut self, heard: bool) {
        let ahead = self.down.delay;
        let (to_far, to_pool) = (self.up.receive(self.far.at), self.down.receive(self.pool.at));
        self.far.feed(&to_far);
        if heard {
            self.pool.feed(&to_pool);
        } else {
            self.pool.at += to_pool.len() as u64;
        }
        for burst in self.far.taken.bursts.drain(..) {
            assert_eq!(burst.tick % SUBFRAME, 4 * TICKS, "the master has moved");
            self.down.send(&burst);
        }
        for mut burst in self.pool.taken.bursts.drain(..) {
            burst.tick -= ahead * TICKS;
            let late = (burst.tick as i64 - (4 * TICKS + self.pool.off) as i64).rem_euclid(SUBFRAME as i64);
            self.slave_late = if late > SUBFRAME as i64 / 2 { late - SUBFRAME as i64 } else { late };
            self.up.send(&burst);
        }
    }

    /// Steps until `done` or for `ms` of signal; returns the ms of signal that passed.
    fn until(&mut self, ms: f64, done: impl Fn(&Self) -> bool) -> f64 {
        let rate = Numerology::MHZ_1_4.rate() / 1000.0;
        let mut blocks = 0;
        while !done(self) && (blocks * BLOCK) as f64 / rate < ms {
            self.step(true);
            blocks += 1;
        }
        (blocks * BLOCK) as f64 / rate
    }

    fn both_synced(&self) -> bool {
        [&self.far, &self.pool].iter().all(|e| e.last_sync() == Some(Sync::Synced))
    }
}

fn pool_control(carried: bool) -> serde_json::Value {
    if carried { json!({"workmode": 1, "phy_cell_ID": CELL}) } else { json!({"workmode": 1}) }
}
