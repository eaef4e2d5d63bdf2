//! Figures, printed rather than asserted: run with `--nocapture`.

use std::time::Duration;

use super::{Channel, End, Pair, pool_control};
use crate::modem::numerology::Numerology;
use crate::modem::receive::Sync;

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
        assert_eq!(pair.pool.modem.report().link.blocks_bad, 0);
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
