//! `baton n210` against unmodified UHD programs, each radio on a wire of its own between two network namespaces.
//!
//! Needs root, `ip` and the uhd-host package; without them the tests say so and pass.

// A test ends with what it could not do.
#![allow(clippy::expect_used, clippy::panic)]

mod hosts;
#[path = "../common/raw_client.rs"]
mod raw_client;
#[path = "../common/sniffer.rs"]
mod sniffer;
#[path = "../common/wire.rs"]
mod wire;

use std::f64::consts::TAU;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use wire::{Bench, Network, inside};

#[test]
fn tools_find_and_probe_it() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let found = bench.run("uhd_find_devices", "");
    assert!(found.contains("name: radio0") && found.contains("type: usrp2"), "{found}");
    let probed = bench.run("uhd_usrp_probe", "");
    for line in ["Mboard: N210r4", "LF RX (0x000f)", "LF TX (0x000e)", "FPGA Version: 11.1", "FW Version: 12.4", "RX DSP: 1"] {
        assert!(probed.contains(line), "no `{line}` in\n{probed}");
    }
}

#[test]
fn a_million_samples_a_second_both_ways_without_a_fault() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let said = bench.run("benchmark_rate", "--rx_rate 1e6 --tx_rate 1e6 --duration 10");
    let figure = |name: &str| {
        let line =
            said.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("no `{name}` in\n{said}"));
        line.rsplit(' ').next().and_then(|figure| figure.parse::<u64>().ok()).expect("a figure")
    };
    for fault in [
        "Num dropped samples",
        "Num overruns",
        "Num sequence errors (Tx)",
        "Num sequence errors (Rx)",
        "Num underruns",
        "Num late",
        "Num timeouts (Tx)",
        "Num timeouts (Rx)",
    ] {
        assert_eq!(figure(fault), 0, "{said}");
    }
    for flow in ["Num received samples", "Num transmitted samples"] {
        assert!((9_900_000..10_600_000).contains(&figure(flow)), "{said}");
    }
}

#[test]
fn timed_streams_and_both_chains_work() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let done = |program: &str, arguments: &str, says: &str| {
        let said = bench.run(program, arguments);
        assert!(said.contains(says), "{program} does not say `{says}`:\n{said}");
    };
    done("rx_timed_samples", "--rate 1e6 --nsamps 10000 --secs 0.5", "0 full secs, 0.509801 frac secs");
    done("tx_timed_samples", "--rate 1e6 --nsamps 10000 --secs 0.5", "burst ACK... success");
    done("test_timed_commands", "", "0.000000 us\n\nDone!");
    done("test_pps_input", "", "Success!");
    let mut both = bench.tool(0, "rx_multi_samples", "--sync now --channels 0,1 --rate 1e6 --nsamps 10000 --subdev");
    let said = both.arg("A:A A:B").output().expect("the tool runs");
    assert!(said.status.success() && said.stdout.ends_with(b"Done!\n\n"), "{said:?}");
}

#[test]
fn every_event_reaches_the_host() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let said = bench.run("test_messages", "--ntests 12");
    let summary: Vec<&str> = said.lines().filter(|line| line.contains("successes")).collect();
    assert!(!summary.is_empty() && summary.iter().all(|line| line.ends_with(" 0 failures")), "{said}");
}

/// Receives from one radio what stock UHD transmits on another, and measures the tone and what is beside it.
#[test]
fn a_tone_crosses_the_air() {
    let Some(bench) = Bench::new(2, &["--gain-db=-10", "--noise-dbfs=-47"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let mut sender = bench
        .tool(1, "tx_waveforms", "--rate 1e6 --freq 10e6 --ampl 0.3 --wave-type SINE --wave-freq 125e3")
        .stdout(Stdio::piped())
        .spawn()
        .expect("tx_waveforms starts");
    let lines = BufReader::new(sender.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("Press Ctrl + C")), "tx_waveforms does not transmit");
    bench.run("rx_samples_to_file", &format!("--rate 1e6 --freq 10e6 --nsamps 200000 --file {}", file.display()));
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(sender.id().cast_signed()), nix::sys::signal::SIGINT);
    let _ = sender.wait();

    let bytes = std::fs::read(file).expect("samples");
    assert_eq!(bytes.len(), 800_000);
    // The second half: by then the transmitter has long begun.
    let samples: Vec<(f64, f64)> = bytes[400_000..]
        .chunks_exact(4)
        .map(|b| (f64::from(i16::from_le_bytes([b[0], b[1]])), f64::from(i16::from_le_bytes([b[2], b[3]]))))
        .collect();
    let count = samples.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, (i, q)) in samples.iter().enumerate() {
        let (sin, cos) = (-TAU * 0.125 * n as f64).sin_cos();
        re += i * cos - q * sin;
        im += i * sin + q * cos;
    }
    let tone = (re * re + im * im).sqrt() / count / 32767.0;
    let power = samples.iter().map(|(i, q)| i * i + q * q).sum::<f64>() / count / (32767.0 * 32767.0);
    let noise = power - tone * tone;
    assert!((20.0 * (tone / 0.3).log10() + 10.0).abs() < 0.5, "gain {} dB", 20.0 * (tone / 0.3).log10());
    assert!((10.0 * noise.log10() + 47.0).abs() < 1.0, "noise {} dBFS", 10.0 * noise.log10());
}

/// A driver may hand the kernel many datagrams at once; on a virtual wire they arrive as one frame.
#[test]
fn offloaded_segmentation_reaches_the_device_as_datagrams() {
    let Some(_bench) = Bench::new(1, &[]) else { return };
    let replies = inside(&Network::host(0), || {
        let socket = UdpSocket::bind("192.168.10.1:0").expect("binds");
        socket.connect("192.168.10.2:49152").expect("connects");
        socket.set_read_timeout(Some(Duration::from_secs(2))).expect("sets");
        setsockopt(&socket, UdpGsoSegment, &36).expect("offloads");
        let mut hello = [0; 36];
        (hello[3], hello[7]) = (12, b'a');
        socket.send(&hello.repeat(10)).expect("sends");
        let mut reply = [0; 100];
        (0..10).filter(|_| socket.recv(&mut reply).is_ok_and(|length| length == 36 && reply[7] == b'A')).count()
    });
    assert_eq!(replies, 10);
}
