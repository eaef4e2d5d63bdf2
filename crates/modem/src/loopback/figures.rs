//! What is measured of the modem in the simulated channel: the tests hold it to limits, the bench (benches/figures.rs) prints it.

use num_complex::Complex32;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustfft::FftPlanner;

use super::front_end::FrontEnds;
use super::{CELL, Channel, End, Pair, Setup, gauss};
use crate::outlet::Sync;
use crate::phy::broadcast::Broadcast;
use crate::phy::cell::Cell;
use crate::phy::demodulate::Demodulator;
use crate::phy::duplex::{Duplex, LinkDirection};
use crate::phy::modulation::Modulation;
use crate::phy::numerology::{Bandwidth, Numerology, Prefix, TICK_RATE};
use crate::phy::parameters::{Parameters, TerminalRole};
use crate::phy::sync_signals::CellId;
use crate::phy::transmit::{LEFT_OUT, RMS, SubframeContent, Transmitter};
use workload::samples::Sample;

#[cfg(feature = "bench")]
pub mod records;

/// One subframe after another through white noise, and perhaps through front ends.
struct WhiteNoise {
    front_ends: Option<FrontEnds>,
    cell: Cell,
    transmitter: Transmitter,
    demodulator: Demodulator,
    random: StdRng,
    bits: Vec<u8>,
    samples: Vec<Sample>,
}

/// A subframe without synchronisation signals.
const NUMBER: usize = 3;

impl WhiteNoise {
    fn new(bandwidth: Bandwidth, modulation: Modulation, seed: u64) -> Self {
        let numerology = Numerology::new(bandwidth, Prefix::Normal);
        let parameters = Parameters { numerology, duplex: Duplex::Fdd, modulation, rnti: 61 };
        let mut planner = FftPlanner::new();
        Self {
            front_ends: None,
            cell: Cell::new(CellId::new(CELL).unwrap(), parameters, LinkDirection::Down),
            transmitter: Transmitter::new(bandwidth, &mut planner),
            demodulator: Demodulator::new(bandwidth, &mut planner),
            random: StdRng::seed_from_u64(seed),
            bits: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// The same between typical front ends.
    fn with_front_ends(bandwidth: Bandwidth, modulation: Modulation, seed: u64) -> Self {
        let rate = TICK_RATE / Numerology::new(bandwidth, Prefix::Normal).ticks_per_sample() as f64;
        Self { front_ends: Some(FrontEnds::typical(rate, seed)), ..Self::new(bandwidth, modulation, seed) }
    }

    /// A full subframe of random data with this ratio of symbol energy to noise density, dB. The bits sent are in `bits`.
    fn subframe(&mut self, snr_db: f32) -> Vec<Complex32> {
        let subframe = &self.cell.subframes[NUMBER];
        let payload: Vec<u8> = (0..subframe.layout.payload_bytes()).map(|_| self.random.random()).collect();
        let broadcast = Broadcast { parameters: self.cell.parameters, role: TerminalRole::Master, frame: 0, hops: 0 };
        self.transmitter.subframe(&self.cell, NUMBER, SubframeContent::Payload(&payload), &broadcast, &mut self.samples);
        subframe.layout.encode(&payload, &mut self.bits);
        self.bits.iter_mut().zip(subframe.scrambling()).for_each(|(bit, mask)| *bit ^= mask);
        let n = self.cell.numerology();
        let scale = RMS * 32767.0 / (n.subcarriers() as f32).sqrt();
        let sigma = scale * (n.fft() as f32).sqrt() * 10f32.powf(-snr_db / 20.0) / 2f32.sqrt();
        let left_out = (LEFT_OUT / n.ticks_per_sample()) as usize;
        let silence = std::iter::repeat_n(Sample::default(), left_out);
        let sent = silence.chain(self.samples.iter().copied()).map(|s| Complex32::new(f32::from(s.re), f32::from(s.im)));
        let received = sent.map(|s| match &mut self.front_ends {
            None => s + gauss(&mut self.random) * sigma,
            Some(ends) => {
                let heard = ends.transmitted(s) + gauss(&mut self.random) * sigma;
                ends.received(heard)
            }
        });
        received.collect()
    }

    /// Wrong bits before error correction, and all bits, of 100 subframes; of more, up to 2000, until enough bits are wrong.
    fn bit_errors(&mut self, snr_db: f32, enough: usize) -> (usize, usize) {
        let (mut wrong, mut all) = (0, 0);
        for n in 0..2000 {
            // The bits of a subframe have one channel estimate in common, so that few subframes say little, however many bits are wrong.
            if n >= 100 && wrong >= enough {
                break;
            }
            let received = self.subframe(snr_db);
            let soft = self.demodulator.raw(&self.cell, NUMBER, &received).unwrap();
            wrong += soft.iter().zip(&self.bits).filter(|(soft, bit)| (**soft < 0.0) != (**bit == 1)).count();
            all += self.bits.len();
        }
        (wrong, all)
    }

    /// Rate of wrong subframes of one block each, after error correction.
    #[cfg(feature = "bench")]
    fn bler(&mut self, snr_db: f32, subframes: usize) -> f64 {
        let good = (0..subframes).filter(|_| {
            let received = self.subframe(snr_db);
            matches!(
                self.demodulator.subframe(&self.cell, NUMBER, &received, 0.0),
                crate::phy::demodulate::SubframeOutcome::Good(_)
            )
        });
        1.0 - good.count() as f64 / subframes as f64
    }
}

/// Complementary error function, Abramowitz and Stegun 7.1.26; absolute error under 2e-7.
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    series.iter().fold(0.0, |sum, a| (sum + a) * t) * (-x * x).exp()
}

/// Bit error rate of a Gray-mapped square constellation in white noise: the nearest neighbours' part and the next ones'.
fn theory(modulation: Modulation, eb_n0_db: f64) -> f64 {
    let (bits, levels) = (modulation.bits() as f64, 2f64.powi(modulation.bits() as i32 / 2));
    let x = (3.0 * bits / (levels * levels - 1.0) * 10f64.powf(eb_n0_db / 10.0)).sqrt();
    let q = |x: f64| erfc(x / 2f64.sqrt()) / 2.0;
    4.0 / bits * (1.0 - 1.0 / levels) * q(x) + if levels > 2.0 { 4.0 / bits * (1.0 - 2.0 / levels) * q(3.0 * x) } else { 0.0 }
}

/// How much less Eb/N0 theory needs for the same error rate, dB.
fn loss(modulation: Modulation, eb_n0_db: f64, ber: f64) -> f64 {
    let (mut low, mut high) = (eb_n0_db - 10.0, eb_n0_db + 3.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if theory(modulation, middle) > ber { low = middle } else { high = middle }
    }
    eb_n0_db - low
}

fn es_n0(modulation: Modulation, eb_n0_db: f64) -> f32 {
    (eb_n0_db + 10.0 * (modulation.bits() as f64).log10()) as f32
}

/// Starts of a pool at some level of knowledge, with typical front ends or ideal ones: ms of signal until synced, of those that made it within
/// 100 ms.
fn starts(cell: &serde_json::Value, (level, front_ends): (&str, bool), busy: bool, snr_db: f32, count: u64) -> Vec<f64> {
    let mut all = Vec::new();
    for seed in 0..count {
        let setup = Setup { cell: cell.clone(), snr_db, carried: level != "cold", seed, ahead: 0 };
        let mut pair = Pair::new(&Setup { carried: true, snr_db: 30.0, ..setup.clone() });
        pair.until(60.0, Pair::both_synced);
        let Some(state) = pair.pool.modem.export() else { continue };
        pair.down = Channel { bursts: std::mem::take(&mut pair.down.bursts), ..Channel::new(setup.bandwidth(), 0, snr_db, seed) };
        let load = |p: &Pair| {
            if busy {
                (0..4).for_each(|_| p.far.modem.queue().push(&[9; 1000]));
            }
            false
        };
        let rate = TICK_RATE / pair.pool.ticks as f64;
        pair.down.front_ends = front_ends.then(|| FrontEnds::typical(rate, seed));
        // The pool's samples begin anywhere in the far end's frame.
        // What waits now is on the air a lead later.
        for n in 0..(60 + 50 * seed / count) * 56 / pair.pool.ticks {
            if n % 4 == 0 {
                load(&pair);
            }
            pair.step(false);
        }
        pair.pool = End::new(&setup.pool(), setup.carried, pair.pool.at);
        if level == "inherited" {
            pair.pool.modem.inherit(&state).unwrap();
        }
        let ms = pair.until(100.0, |p| load(p) || p.pool.last_sync() == Some(Sync::Synced));
        if pair.pool.last_sync() == Some(Sync::Synced) {
            all.push(ms);
        }
    }
    all.sort_by(f64::total_cmp);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn uncoded_bit_errors_are_within_1_db_of_theory() {
        for (modulation, points) in Modulation::ALL.into_iter().zip([[4.0, 7.0], [8.0, 11.0], [12.0, 15.0]]) {
            let mut bench = WhiteNoise::new(Bandwidth::Mhz5, modulation, 1);
            for point in points {
                let (wrong, all) = bench.bit_errors(es_n0(modulation, point), 0);
                let ber = wrong as f64 / all as f64;
                let loss = loss(modulation, point, ber);
                assert!((-0.3..1.0).contains(&loss), "{modulation:?} at {point} dB: {ber:.2e}, {loss:.2} dB from theory");
            }
        }
    }

    #[test]
    fn typical_front_ends_cost_little() {
        // Images and phase noise together are 33 dB down: the more bits a symbol carries, and the less noise there is, the more they weigh.
        // At the last point, 22.8 dB of symbol energy to noise density, that is 0.4 dB.
        for (modulation, most) in Modulation::ALL.into_iter().zip([0.7, 1.0, 1.3]) {
            for point in [[4.0, 7.0], [8.0, 11.0], [12.0, 15.0]][modulation as usize] {
                let of = |mut bench: WhiteNoise| {
                    let (wrong, all) = bench.bit_errors(es_n0(modulation, point), 0);
                    loss(modulation, point, wrong as f64 / all as f64)
                };
                let ideal = of(WhiteNoise::new(Bandwidth::Mhz5, modulation, 1));
                let typical = of(WhiteNoise::with_front_ends(Bandwidth::Mhz5, modulation, 1));
                println!("{modulation:?} at {point} dB: {typical:.2} dB from theory, {ideal:.2} with ideal front ends");
                let expected = (ideal - 0.1..(ideal + 0.5).min(most)).contains(&typical);
                assert!(expected, "{modulation:?} at {point} dB: {typical:.2} dB, ideal {ideal:.2}");
            }
        }
    }

    #[test]
    fn typical_front_ends_are_acquired_through() {
        for (level, most_ms) in [("cold", 200.0), ("control", 20.0), ("inherited", 6.0)] {
            let all = starts(&json!({}), (level, true), false, 25.0, 15);
            println!("{level}: {all:.1?}");
            assert!(all.len() == 15 && all[7] < most_ms, "{level}: {all:?}");
        }
    }

    #[test]
    fn acquisition_takes_as_long_as_what_has_to_be_learned() {
        let median = |level, busy| {
            let all = starts(&json!({}), (level, false), busy, 25.0, 15);
            assert_eq!(all.len(), 15, "{level}: not every start succeeded");
            all[7]
        };
        let (cold, control, inherited, busy) =
            (median("cold", false), median("control", false), median("inherited", false), median("inherited", true));
        println!(
            "synced after {cold:.1} ms cold, {control:.1} with control information, {inherited:.1} inherited, {busy:.1} with traffic"
        );
        assert!(cold < 200.0 && control < 20.0 && inherited < 6.0 && busy < 2.5);
        assert!(cold > control && control >= inherited && inherited > busy);
    }

    #[test]
    fn where_data_fails_the_broadcast_block_proves_an_inherited_timing() {
        let all = starts(&json!({"BW": 5}), ("inherited", false), true, 2.0, 15);
        println!("inherited at 2 dB: {all:.1?}");
        // Once in a frame; the search would begin after 20 ms.
        assert!(all.len() == 15 && all[7] < 15.0, "{all:?}");
    }
}
