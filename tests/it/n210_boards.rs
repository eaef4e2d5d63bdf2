//! Boards of the software N210 under stock UHD programs: names, oscillators, EEPROMs, GPSDO.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::f64::consts::TAU;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::common::wire::{Bench, possible};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const UTILITIES: &str = "/usr/libexec/uhd/utils";

fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

#[test]
fn every_board_is_probed_under_its_name() {
    for (options, lines) in [
        (&["--board=lf"][..], &["LF RX (0x000f)", "LF TX (0x000e)", "gpsdo: none"][..]),
        (&["--board=basic"], &["Basic RX (0x0001)", "Basic TX (0x0000)"]),
        (&["--board=sbx"], &["SBX (0x0054)", "SBX (0x0055)", "SBXv3 RX", "SBXv3 TX", "lo_locked", "400.000 to 4400.000 MHz"]),
        (&["--board=wbx"], &["(0x0057)", "(0x0056)", "(0x004f)", "WBXv3 RX+GDB", "WBXv3 TX+GDB", "lo_locked"]),
        (&["--board=sbx-v4"], &["SBX v4 (0x0065)", "SBXv4 TX"]),
        (&["--board=wbx-v2"], &["(0x0053)", "WBXv2 TX+GDB", "0.0 to 25.0 step"]),
        (&["--board=wbx-v4"], &["(0x0063)", "WBXv4 RX+GDB"]),
        (&["--board=none"], &["Mboard: N210r4", "Unknown (0xffff)"]),
        (&["--board=sbx", "--eeprom=mismatched"], &["Unknown transceiver board ID combination", "SBX (0x0054)", "Unknown"]),
        (&["--board=lf", "--eeprom=mismatched"], &["LF RX (0x000f)", "Basic TX (0x0000)"]),
        (
            &["--eeprom=unprogrammed"],
            &["Unable to identify device", "Mboard: N???", "mac-addr: ff:ff:ff:ff:ff:ff", "Unknown (0xffff)"],
        ),
    ] {
        let Some(bench) = Bench::new(1, options) else { return };
        holds(&bench.run("uhd_usrp_probe", ""), lines);
    }
}

#[test]
fn a_radio_streams_whatever_its_eeproms_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    for options in [&["--eeprom=unprogrammed"][..], &["--eeprom=mismatched", "--board=sbx"], &["--board=none"], &["--board=basic"]]
    {
        let Some(bench) = Bench::new(1, options) else { return };
        bench.run("rx_samples_to_file", &format!("--rate 1e6 --freq 10e6 --setup 0.1 --nsamps 100000 --file {}", file.display()));
        let bytes = std::fs::read(&file).expect("samples");
        assert_eq!(bytes.len(), 400_000, "{options:?}");
        // Of empty slots and boards that UHD does not switch on, the converters' noise.
        assert!(bytes.iter().any(|byte| *byte != 0), "{options:?}");
    }
}

/// Level (full scale 1) of a cycle of so many samples' length in the second half of a file.
fn tone(file: &Path, cycles: f64) -> f64 {
    let bytes = std::fs::read(file).expect("samples");
    let half = &bytes[bytes.len() / 2..];
    let count = (half.len() / 4) as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, b) in half.as_chunks::<4>().0.iter().enumerate() {
        let (i, q) = (f64::from(i16::from_le_bytes([b[0], b[1]])), f64::from(i16::from_le_bytes([b[2], b[3]])));
        let (sin, cos) = (-TAU * cycles * n as f64).sin_cos();
        re += i * cos - q * sin;
        im += i * sin + q * cos;
    }
    (re * re + im * im).sqrt() / count / 32767.0
}

/// A carrier with a tone 125 kHz above 900 MHz, heard by a radio tuned 100 kHz higher; then by one turned up, and down.
#[test]
fn a_tone_crosses_the_air_between_oscillators() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    for board in ["--board=sbx", "--board=wbx", "--board=wbx-v2"] {
        let Some(bench) = Bench::new(2, &[board, "--gain-db=-30", "--noise-dbfs=-60"]) else { return };
        let mut sender = bench
            .tool(1, "tx_waveforms", "--rate 1e6 --freq 900e6 --ampl 0.3 --wave-type SINE --wave-freq 125e3 --gain 10")
            .stdout(Stdio::piped())
            .spawn()
            .expect("tx_waveforms starts");
        let lines = BufReader::new(sender.stdout.take().expect("piped")).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("Press Ctrl + C")), "tx_waveforms does not transmit");
        let hear = |freq: &str, gain: u32| {
            let arguments = format!("--rate 1e6 --freq {freq} --gain {gain} --setup 0.1 --nsamps 200000 --file {}", file.display());
            bench.run("rx_samples_to_file", &arguments);
            // Tone at 25 kHz; where it would be with the wrong sign; and as far off as a step of the oscillator.
            [0.025, 0.225, 0.026].map(|cycles| 20.0 * tone(&file, cycles).log10())
        };
        // 0.3, 10 dB up and 30 dB down.
        let expected = 20.0 * 0.3_f64.log10() - 20.0;
        let [right, mirrored, beside] = hear("900.1e6", 0);
        assert!((right - expected).abs() < 0.5 && mirrored < -70.0 && beside < -60.0, "{board}: {right} {mirrored} {beside}");
        let [right, ..] = hear("900.1e6", 6);
        assert!((right - expected - 6.0).abs() < 0.5, "{board}: {right}");
        let [right, ..] = hear("950e6", 0);
        assert!(right < -70.0, "{board}: {right}");
        let _ = kill(Pid::from_raw(sender.id().cast_signed()), Signal::SIGINT);
        let _ = sender.wait();
    }
}

/// A tone 125 kHz above 0 Hz, which one converter alone cannot tell from one below.
#[test]
fn subdevices_take_one_converter_or_both_in_either_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let full = 20.0 * 0.3_f64.log10() - 10.0;
    // What is heard at 125 kHz and at -125 kHz, against the whole tone: none, half, all.
    let (none, half, all) = (f64::NEG_INFINITY, full - 6.02, full);
    for board in ["--board=lf", "--board=basic"] {
        let Some(bench) = Bench::new(2, &[board, "--noise-dbfs=-70"]) else { return };
        for (transmitter, receivers) in [
            ("A:AB", &[("A:AB", all, none), ("A:BA", none, all), ("A:A", half, half), ("A:B", half, half)][..]),
            ("A:BA", &[("A:AB", none, all)]),
            ("A:A", &[("A:AB", half, half)]),
        ] {
            let mut sender = bench
                .tool(1, "tx_waveforms", "--rate 1e6 --freq 0 --ampl 0.3 --wave-type SINE --wave-freq 125e3 --subdev")
                .arg(transmitter)
                .stdout(Stdio::piped())
                .spawn()
                .expect("tx_waveforms starts");
            let lines = BufReader::new(sender.stdout.take().expect("piped")).lines();
            assert!(lines.map_while(Result::ok).any(|line| line.contains("Press Ctrl + C")), "tx_waveforms does not transmit");
            for (receiver, above, below) in receivers {
                let arguments =
                    format!("--rate 1e6 --freq 0 --setup 0.1 --nsamps 100000 --subdev {receiver} --file {}", file.display());
                bench.run("rx_samples_to_file", &arguments);
                for (cycles, right) in [(0.125, above), (-0.125, below)] {
                    let level = 20.0 * tone(&file, cycles).log10();
                    let fits = if right.is_finite() { (level - right).abs() < 0.5 } else { level < -70.0 };
                    assert!(fits, "{board} {transmitter} to {receiver} at {cycles}: {level} dB for {right}");
                }
            }
            let _ = kill(Pid::from_raw(sender.id().cast_signed()), Signal::SIGINT);
            let _ = sender.wait();
        }
    }
}

/// An LFRX radio whose EEPROMs are made to say SBX: UHD tunes an oscillator that is not there.
#[test]
fn an_unlocked_oscillator_is_reported_by_uhd() {
    let burner = format!("{UTILITIES}/usrp_burn_db_eeprom");
    if !possible(&[&burner]) {
        return;
    }
    let Some(bench) = Bench::new(1, &["--board=lf"]) else { return };
    bench.run(&burner, "--slot A --unit RX --id 0x0054");
    bench.run(&burner, "--slot A --unit TX --id 0x0055");
    holds(&bench.run("uhd_usrp_probe", ""), &["SBXv3 RX"]);
    let done =
        bench.tool(0, "rx_samples_to_file", "--rate 1e6 --freq 900e6 --nsamps 1000 --file /dev/null").output().expect("runs");
    let text = String::from_utf8_lossy(&done.stderr) + String::from_utf8_lossy(&done.stdout);
    assert!(!done.status.success());
    holds(&text, &["timed out waiting for consecutive locks on sensor \"lo_locked\""]);
}

#[test]
fn an_external_reference_is_locked_to_only_if_something_gives_one() {
    let wanted = "--rate 1e6 --freq 10e6 --ref external --nsamps 1000 --file /dev/null";
    let Some(bench) = Bench::new(1, &[]) else { return };
    let done = bench.tool(0, "rx_samples_to_file", wanted).output().expect("runs");
    let text = String::from_utf8_lossy(&done.stderr) + String::from_utf8_lossy(&done.stdout);
    holds(&text, &["timed out waiting for consecutive locks on sensor \"ref_locked\""]);
    drop(bench);
    let Some(bench) = Bench::new(1, &["--gpsdo"]) else { return };
    bench.run("rx_samples_to_file", wanted);
}

/// Each open falls on another part of the second.
#[test]
#[ignore = "more than a minute: make test-n210"]
fn no_open_of_many_takes_a_sentence_of_the_gpsdo_for_broken() {
    let Some(bench) = Bench::new(1, &["--gpsdo"]) else { return };
    for open in 0..40 {
        let probed = bench.run("uhd_usrp_probe", "");
        assert!(probed.contains("Found an internal GPSDO: GPSTCXO"), "open {open}:\n{probed}");
        assert!(!probed.contains("GPSDO string"), "open {open}:\n{probed}");
    }
}

#[test]
fn a_gpsdo_is_found_and_tells_the_time() {
    let sensors = format!("{UTILITIES}/query_gpsdo_sensors");
    if !possible(&[&sensors]) {
        return;
    }
    let Some(bench) = Bench::new(1, &["--gpsdo"]) else { return };
    let probed = bench.run("uhd_usrp_probe", "");
    holds(
        &probed,
        &["Found an internal GPSDO: GPSTCXO", "gpsdo: internal", "gps_gpgga, gps_gprmc, gps_time, gps_locked, gps_servo"],
    );
    let said = bench.run(&sensors, "");
    holds(&said, &["GPS Locked", "GPS and UHD Device time are aligned", "$GPGGA", "$GPRMC"]);
    let said = bench.run("sync_to_gps", "");
    holds(&said, &["SUCCESS: USRP time synchronized to GPS time"]);
}
