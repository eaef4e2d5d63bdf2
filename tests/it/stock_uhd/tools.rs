//! Tools that find, describe, measure and exercise the radio.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};

use crate::common::faultless::{faultless, figure};
use crate::common::raw_client::{RX, TX};
use crate::common::sniffer::Sniffer;
use crate::common::wire::{Bench, DEVICE, EXAMPLES, Network, ended_well, inside};

#[test]
fn tools_find_and_probe_it() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let config = ended_well(bench.network.at(0, "uhd_config_info").arg("--print-all"));
    assert!(config.contains("UHD 4.3.0"), "the tests were written for another version:\n{config}");
    let found = bench.run("uhd_find_devices", "");
    assert!(found.contains("name: radio0") && found.contains("type: usrp2"), "{found}");
    let probed = bench.run("uhd_usrp_probe", "");
    for line in ["Mboard: N210r4", "LF RX (0x000f)", "LF TX (0x000e)", "FPGA Version: 11.1", "FW Version: 12.4", "RX DSP: 1"] {
        assert!(probed.contains(line), "no `{line}` in\n{probed}");
    }
    let sensors = bench.run("usrp_list_sensors", "");
    assert!(sensors.contains("Ref: locked"), "{sensors}");
}

#[test]
fn a_million_samples_a_second_both_ways_without_a_fault() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let said = faultless(|| bench.run("benchmark_rate", "--rx_rate 1e6 --tx_rate 1e6 --duration 10 --priority high"));
    for flow in ["Num received samples", "Num transmitted samples"] {
        assert!((9_900_000..10_600_000).contains(&figure(&said, flow)), "{said}");
    }
}

#[test]
fn eight_bit_samples_go_both_ways_without_a_fault() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::host(0));
    let rates = "--rx_rate 1e6 --tx_rate 1e6 --rx_otw sc8 --tx_otw sc8 --duration 5 --priority high";
    let said = faultless(|| {
        // Only the frames of the run that counts.
        wire.drain();
        bench.run("benchmark_rate", rates)
    });
    for flow in ["Num received samples", "Num transmitted samples"] {
        assert!((4_900_000..5_600_000).contains(&figure(&said, flow)), "{said}");
    }
    // Half as many full packets as sc16 would need, each way.
    let frames = wire.drain();
    let full = |payload: Option<&[u8]>| payload.is_some_and(|payload| payload.len() > 1400);
    let (from, to) = frames.iter().fold((0, 0), |(from, to), frame| {
        (from + u32::from(full(frame.sent_from(RX[0]))), to + u32::from(full(frame.sent_to(TX))))
    });
    assert!((6_000..8_000).contains(&from) && (6_000..8_000).contains(&to), "{from} packets from the radio, {to} to it");
}

#[test]
fn both_receive_chains_and_the_transmitter_at_once_without_a_fault() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let rates = "--rx_rate 1e6 --tx_rate 1e6 --rx_channels 0,1 --tx_channels 0 --duration 5 --priority high --rx_subdev";
    let said = faultless(|| ended_well(bench.tool(0, "benchmark_rate", rates).arg("A:A A:B")));
    assert!((9_900_000..10_600_000).contains(&figure(&said, "Num received samples")), "{said}");
}

#[test]
fn timed_streams_and_commands_work() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let done = |program: &str, arguments: &str, says: &str| {
        let said = bench.run(program, arguments);
        assert!(said.contains(says), "{program} does not say `{says}`:\n{said}");
    };
    done("rx_timed_samples", "--rate 1e6 --nsamps 10000 --secs 0.5", "0 full secs, 0.509802 frac secs");
    done("tx_timed_samples", "--rate 1e6 --nsamps 10000 --secs 0.5", "burst ACK... success");
    done("tx_bursts", "--rate 1e6 --nsamps 5000 --secs 0.5", "burst ACK... success");
    // The first time stamp is a sample and 22 ticks after the start, as the device has it.
    done("test_timed_commands", "", "1.220000 us\n\nDone!");
    done("test_pps_input", "", "Success!");
    let mut both = bench.tool(0, "rx_multi_samples", "--sync now --channels 0,1 --rate 1e6 --nsamps 10000 --subdev");
    assert!(ended_well(both.arg("A:A A:B")).contains("Done!"));
}

/// So many draws that a kind is left out once in a million runs.
#[test]
fn every_event_reaches_the_host() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let said = bench.run("test_messages", "--ntests 80 --test-chain");
    let summary: Vec<&str> = said.lines().filter(|line| line.contains("successes")).collect();
    for kind in ["Burst ACK", "Underflow", "Time Error", "Late Command", "Broken Chain"] {
        let line =
            summary.iter().find(|line| line.starts_with(&format!("Test {kind} "))).unwrap_or_else(|| panic!("{kind}:\n{said}"));
        assert!(line.ends_with(" 0 failures") && !line.contains(" 0 successes"), "{line} in\n{said}");
    }
}

#[test]
fn an_answer_in_time_is_transmitted_in_time() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    // It waits 100 ms for an acknowledgement, and so long a busy machine may take: of three runs, one must be clean.
    let runs: Vec<String> = (0..3).map(|_| bench.run("latency_test", "--rate 1e6 --nruns 20 --rtt 0.06")).collect();
    let clean = |said: &&String| {
        said.contains("ACKs received:    20/20")
            && ["Underruns:", "Late packets:", "Other errors:"].iter().all(|fault| figure(said, fault) == 0)
    };
    assert!(runs.iter().any(|said| clean(&said)), "{runs:?}");
}

/// It draws on a terminal, until somebody types q.
#[test]
fn the_spectrum_on_a_terminal_is_drawn() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let command = format!("{EXAMPLES}/rx_ascii_art_dft --args {DEVICE} --rate 1e6 --freq 10e6 --frame-rate 20 --ref-lvl -40");
    let mut terminal = bench
        .network
        .at(0, "script")
        .args(["-qfec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env("COLUMNS", "100")
        .env("LINES", "30")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script (bsdutils) runs");
    let mut keys = terminal.stdin.take().expect("piped");
    let mut screen = terminal.stdout.take().expect("piped");
    let (mut drawn, mut piece) = (Vec::new(), [0; 4096]);
    // Each frame begins by clearing the screen.
    while drawn.windows(4).filter(|four| *four == b"\x1b[2J").count() < 4 {
        let length = screen.read(&mut piece).expect("reads");
        drawn.extend(&piece[..length]);
        assert!(length > 0, "it ended by itself:\n{}", String::from_utf8_lossy(&drawn));
    }
    let said = String::from_utf8_lossy(&drawn);
    assert!(said.contains("req: 10.000 MHz") && said.contains("||"), "{said}");
    keys.write_all(b"q").expect("types");
    let mut rest = String::new();
    screen.read_to_string(&mut rest).expect("reads to the end");
    let status = terminal.wait().expect("ends");
    assert!(status.success(), "{status}:\n{rest}");
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
