//! Stock calibration against front ends that need it: they measure over the way inside the board (antenna CAL), search, and store what
//! they found.

use std::path::Path;

use crate::common::wire::{Bench, ended_well, possible};

/// A radio whose front ends are typical, with little noise of their own.
const SCENE: &str = "[air]\nnoise_dbfs = -70.0\n[[radio]]\nname = \"radio0\"\nimpairments = \"typical\"\n";

/// A program, what it calls its result, and what it finds before it corrects anything, by the scene: the image 36.7 dB below the tone, or the
/// carrier 40 dB below full scale, 31.5 (31) dB of gain up and 50 dB of isolation down.
const PROGRAMS: [(&str, &str, f64); 3] = [
    ("/usr/bin/uhd_cal_rx_iq_balance", "RX IQ", 36.7),
    ("/usr/bin/uhd_cal_tx_iq_balance", "TX IQ", 36.7),
    ("/usr/bin/uhd_cal_tx_dc_offset", "TX DC", -58.5),
];

/// What a program gains at least, dB.
const GAINED: f64 = 20.0;

/// Frequency in MHz, what there was before and what was gained in dB, of each line of a result.
fn results(said: &str, name: &str) -> Vec<[f64; 3]> {
    let lines = said.lines().filter(|line| line.contains(&format!("{name}: ")));
    let figures = lines.map(|line| {
        let words: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [frequency, left, corrected] = words[..] else { panic!("not three figures: {line}") };
        // A suppression grows, an offset shrinks.
        let before = if left < 0.0 { left + corrected } else { left - corrected };
        [frequency, before, corrected]
    });
    figures.collect()
}

/// Calibrates. UHD 4.3.0 does not wait for its transmitting thread, so that the first frequencies may be measured in silence: what there was before
/// tells those that count.
fn calibrate(board: &str, frequencies: &str) {
    let programs = PROGRAMS.map(|(program, ..)| program);
    if !possible(&programs) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let scene = folder.path().join("typical.toml");
    std::fs::write(&scene, SCENE).expect("written");
    let Some(bench) = Bench::new(1, &[board, "--scene", &scene.display().to_string()]) else { return };
    for (program, name, expected) in PROGRAMS {
        let mut tool = bench.tool(0, program, &format!("--verbose {frequencies}"));
        // What it stores would be loaded by other tests.
        let said = ended_well(tool.env("XDG_DATA_HOME", folder.path()).env_remove("UHD_CAL_DATA_PATH"));
        let mut heard = results(&said, name);
        heard.retain(|[_, before, _]| (before - expected).abs() < 3.0);
        assert!(!heard.is_empty(), "{board} {program} finds nothing at {expected} dB:\n{said}");
        for [frequency, _, corrected] in heard {
            assert!(corrected > GAINED, "{board} {program} at {frequency} MHz gains only {corrected} dB:\n{said}");
        }
        assert!(stored(folder.path()), "{program} has stored nothing");
    }
}

/// Whether there is a file of calibration data somewhere below; it is removed.
fn stored(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.fold(false, |found, path| {
        let is_one = path.extension().is_some_and(|ending| ending == "cal");
        if is_one {
            std::fs::remove_file(&path).expect("removed");
        }
        is_one || path.is_dir() && stored(&path) || found
    })
}

#[test]
fn calibration_converges() {
    calibrate("--board=sbx", "--freq_start 900e6 --freq_stop 915e6");
}

#[test]
#[ignore = "a minute: make test-n210"]
fn calibration_converges_on_every_board_and_across_the_band() {
    calibrate("--board=sbx", "--freq_start 500e6 --freq_stop 4300e6 --freq_step 950e6");
    calibrate("--board=sbx-v4", "--freq_start 2400e6 --freq_stop 2415e6");
    calibrate("--board=wbx", "--freq_start 100e6 --freq_stop 2100e6 --freq_step 500e6");
    calibrate("--board=wbx-v4", "--freq_start 900e6 --freq_stop 915e6");
}
