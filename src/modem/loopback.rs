//! Two modems joined in memory through a simulated channel.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use num_complex::Complex32;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::core::{Modem, Outlet};
use super::numerology::Numerology;
use super::receive::Sync;
use super::settings::Settings;
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
        Self { modem: Modem::new(settings, 5), taken: Taken::default(), at, off: 0, cpu: Duration::ZERO }
    }

    fn feed(&mut self, samples: &[Sample]) {
        let began = Instant::now();
        self.modem.receive(self.at * TICKS + self.off, samples, &mut self.taken);
        self.cpu += began.elapsed();
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

#[test]
fn both_ends_acquire_and_the_slave_finds_cell_and_timing() {
    for carried in [false, true] {
        for (seed, ahead) in [(1, 0), (2, 777), (3, 12_345_678)] {
            let mut pair = Pair::new(ahead, 25.0, carried, seed);
            pair.until(60.0, Pair::both_synced);
            assert!(pair.both_synced(), "carried {carried}, ahead {ahead}: {:?} {:?}", pair.far.taken.syncs, pair.pool.taken.syncs);
            pair.until(50.0, |_| false);
            let report = pair.pool.modem.report();
            assert_eq!(report.cell.map(|c| c.number()), Some(CELL));
            assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced]);
            assert!(pair.slave_late.abs() <= 10, "the slave is {} ticks late", pair.slave_late);
            let snr = report.link.snr_db.unwrap();
            assert!((23.0..27.0).contains(&snr), "25 dB were measured as {snr}");
            assert_eq!(report.link.blocks_bad, 0);
        }
    }
}

#[test]
fn ip_packets_cross_both_ways() {
    let mut pair = Pair::new(1234, 25.0, false, 4);
    pair.until(60.0, Pair::both_synced);
    let packets: Vec<Vec<u8>> = [1usize, 28, 84, 195, 196, 231, 232, 576, 1499, 1500]
        .iter()
        .enumerate()
        .map(|(n, length)| (0..*length).map(|i| (i * 7 + n) as u8).collect())
        .collect();
    for packet in &packets {
        pair.far.modem.queue().push(packet);
        pair.pool.modem.queue().push(packet);
    }
    let count = packets.len();
    pair.until(100.0, |p| p.far.taken.packets.len() == count && p.pool.taken.packets.len() == count);
    assert_eq!(pair.far.taken.packets, packets);
    assert_eq!(pair.pool.taken.packets, packets);
    assert_eq!(pair.pool.modem.report().link.packets_in, count as u64);
}

#[test]
fn a_ping_takes_less_than_thirty_milliseconds() {
    let mut pair = Pair::new(99, 25.0, true, 5);
    pair.until(60.0, Pair::both_synced);
    pair.far.modem.queue().push(&[8; 84]);
    let there = pair.until(60.0, |p| !p.pool.taken.packets.is_empty());
    pair.pool.modem.queue().push(&[0; 84]);
    let back = pair.until(60.0, |p| !p.far.taken.packets.is_empty());
    println!("ping over the modems: {there:.1} ms there, {back:.1} ms back, without the time of the machine");
    assert!(there + back < 30.0, "{there} ms there, {back} ms back");
}

#[test]
fn after_300_ms_without_samples_the_link_is_back_and_the_master_has_not_moved() {
    let mut pair = Pair::new(5000, 25.0, true, 6);
    pair.until(60.0, Pair::both_synced);
    pair.pool.modem.no_samples(&mut pair.pool.taken);
    for _ in 0..1590 {
        pair.step(false);
    }
    assert_eq!(pair.far.last_sync(), Some(Sync::Lost), "the far end hears nobody");
    // A new stream: its samples lie elsewhere between the ticks.
    pair.pool.off = 17;
    let ms = pair.until(60.0, Pair::both_synced);
    println!("both ends in sync {ms:.1} ms after the samples came back");
    assert!(pair.both_synced() && ms < 20.0, "{ms} ms: {:?} {:?}", pair.far.taken.syncs, pair.pool.taken.syncs);
    assert_eq!(pair.pool.taken.syncs[1..], [Sync::Synced, Sync::NoSamples, Sync::Lost, Sync::Synced]);
    pair.far.modem.queue().push(&[1; 84]);
    pair.until(30.0, |p| !p.pool.taken.packets.is_empty());
    assert_eq!(pair.pool.taken.packets.len(), 1);
    let lost = pair.pool.modem.report().rx_lost_samples;
    assert_eq!(lost, 1590 * BLOCK as u64);
}

#[test]
fn a_device_clock_that_starts_again_is_followed() {
    let mut pair = Pair::new(0, 25.0, true, 7);
    pair.until(60.0, Pair::both_synced);
    // The pool radio is power-cycled: its ticks begin anew.
    let samples = pair.pool.at - 20_000;
    pair.pool.at -= samples;
    let mut ms = 0;
    while ms < 60 && pair.pool.taken.syncs.len() < 4 {
        let received = pair.down.receive(pair.far.at);
        pair.pool.feed(&received);
        pair.far.feed(&vec![Sample::default(); BLOCK]);
        pair.far.taken.bursts.drain(..).for_each(|b| pair.down.send(&b));
        ms += 1;
    }
    assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced, Sync::Searching, Sync::Synced]);
}

#[test]
fn a_carrier_frequency_offset_is_corrected() {
    for hz in [-4000.0, -300.0, 1500.0, 6000.0] {
        let mut pair = Pair::new(333, 25.0, false, 8);
        pair.down.cfo = hz / Numerology::MHZ_1_4.rate() as f32;
        pair.until(60.0, |p| p.pool.last_sync() == Some(Sync::Synced));
        pair.until(50.0, |_| false);
        let report = pair.pool.modem.report();
        assert!((report.cfo_hz - hz).abs() < 15.0, "{hz} Hz were measured as {}", report.cfo_hz);
        assert_eq!(report.link.blocks_bad, 0, "at {hz} Hz");
    }
}

#[test]
fn noise_and_foreign_cells_never_sync() {
    for carried in [false, true] {
        let mut pool = End::new(pool_control(carried), carried, 1000);
        let mut noise = Channel::new(0, 0.0, 9);
        for _ in 0..5000 {
            let received = noise.receive(pool.at);
            pool.feed(&received);
        }
        assert_eq!(pool.taken.syncs, [Sync::Searching]);
        assert!(pool.taken.bursts.is_empty(), "a slave without timing transmitted");
    }
    let mut pair = Pair::new(0, 25.0, true, 10);
    let wrong = json!({"workmode": 1, "phy_cell_ID": CELL + 3});
    pair.pool = End::new(wrong, true, pair.pool.at);
    pair.until(300.0, |_| false);
    assert_eq!(pair.pool.taken.syncs, [Sync::Searching]);
}

#[test]
fn any_blocks_at_any_ticks_do_no_harm() {
    let mut random = StdRng::seed_from_u64(11);
    let mut end = End::new(json!({"workmode": 0, "phy_cell_ID": 5}), false, 0);
    let mut tick = 0u64;
    for _ in 0..3000 {
        let samples: Vec<Sample> =
            (0..random.random_range(0..900)).map(|_| Sample::new(random.random(), random.random())).collect();
        tick = match random.random_range(0..12) {
            0 => random.random(),
            1 => random.random_range(0..1_000_000),
            2 => tick.wrapping_add(random.random_range(0..100_000_000)),
            _ => tick.wrapping_add(samples.len() as u64 * TICKS),
        };
        end.modem.receive(tick, &samples, &mut end.taken);
        end.taken.bursts.clear();
    }
    assert!(!end.taken.syncs.contains(&Sync::Synced));
}

#[test]
fn time_to_sync_is_printed() {
    for carried in [false, true] {
        let mut all = Vec::new();
        for seed in 0..40u64 {
            let mut pair = Pair::new(0, 25.0, carried, seed);
            // The far end has been on the air for a while when the pool's samples begin, anywhere in its frame.
            for _ in 0..60 + 3 * seed {
                pair.step(false);
            }
            let ms = pair.until(60.0, |p| p.pool.last_sync() == Some(Sync::Synced));
            assert_eq!(pair.pool.last_sync(), Some(Sync::Synced));
            all.push((ms, pair.pool.cpu.as_secs_f64() * 1000.0));
        }
        let figures = |pick: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = all.iter().map(pick).collect();
            values.sort_by(f64::total_cmp);
            (values[values.len() / 2], values[values.len() - 1])
        };
        let ((ms, ms_max), (cpu, cpu_max)) = (figures(|a| a.0), figures(|a| a.1));
        println!(
            "control information {carried}: synced {ms:.1} ms (at most {ms_max:.1}) after the first sample, {cpu:.2} ms (at most {cpu_max:.2}) of CPU"
        );
    }
}

#[test]
fn real_time_load_is_printed() {
    for (what, busy) in [("idle", false), ("carrying all it can both ways", true)] {
        let mut pair = Pair::new(0, 25.0, true, 12);
        pair.until(60.0, Pair::both_synced);
        (pair.far.cpu, pair.pool.cpu) = (Duration::ZERO, Duration::ZERO);
        let ms = pair.until(1000.0, |p| {
            if busy {
                [&p.far, &p.pool].iter().for_each(|e| e.modem.queue().push(&[0x45; 1500]));
            }
            false
        });
        let load = |e: &End| 100_000.0 * e.cpu.as_secs_f64() / ms;
        println!("{what}: master {:.1} %, slave {:.1} % of a core", load(&pair.far), load(&pair.pool));
        let bytes: usize = pair.pool.taken.packets.iter().map(Vec::len).sum();
        println!("  {:.0} kbit/s of IP to the slave", bytes as f64 * 8.0 / ms);
        let link = pair.pool.modem.report().link;
        assert_eq!((link.blocks_bad, pair.far.modem.report().link.blocks_bad > 20), (0, false));
    }
    let mut searching = End::new(pool_control(false), false, 0);
    let mut noise = Channel::new(0, 0.0, 13);
    (0..1000).for_each(|_| {
        let received = noise.receive(searching.at);
        searching.feed(&received);
    });
    let seconds = searching.at as f64 / Numerology::MHZ_1_4.rate();
    let samples = searching.at as f64 / searching.cpu.as_secs_f64();
    println!("searching any cell: {:.1} % of a core, {:.1} Msps", 100.0 * searching.cpu.as_secs_f64() / seconds, samples / 1e6);
}
