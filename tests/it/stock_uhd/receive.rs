//! Receiving programs: what lies in their files is what left the radio, and what is to be heard.

use std::f64::consts::TAU;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::common::raw_client::{Control, FIRST_STAMP, Line, RX, RxPacket, SECOND, assert_unbroken};
use crate::common::sniffer::Sniffer;
use crate::common::wire::{Bench, DEVICE, Network, Radios, ended_well, inside, possible};

/// Samples of a file of sc16 in the machine's order.
pub fn short_samples(file: &Path) -> Vec<(i16, i16)> {
    let bytes = std::fs::read(file).expect("samples");
    bytes.chunks_exact(4).map(|b| (i16::from_le_bytes([b[0], b[1]]), i16::from_le_bytes([b[2], b[3]]))).collect()
}

/// Packets of the stream that ends the capture: the last with a count of 0 begins it.
fn last_stream(wire: &Sniffer) -> Vec<RxPacket> {
    let packets = wire.drain();
    let mut packets: Vec<RxPacket> =
        packets.iter().filter_map(|frame| frame.sent_from(RX[0])).filter_map(RxPacket::of_a_chain_set_up).collect();
    // make() asks for one sample to empty the chain.
    packets.retain(|packet| packet.samples.len() > 1);
    assert_unbroken(&packets);
    packets
}

pub struct Tone {
    /// Of full scale.
    pub amplitude: f64,
    /// Cycles in a sample, less those asked for.
    pub off: f64,
    /// Power of all else, of full scale.
    pub noise: f64,
}

/// Measures a tone of so many cycles in a sample.
pub fn measure(samples: &[(i16, i16)], cycles: f64) -> Tone {
    let sum = |from: usize, to: usize| {
        samples[from..to].iter().enumerate().fold((0.0, 0.0), |(re, im), (n, &(i, q))| {
            let (sin, cos) = (-TAU * cycles * (from + n) as f64).sin_cos();
            let (i, q) = (f64::from(i) / 32767.0, f64::from(q) / 32767.0);
            (re + i * cos - q * sin, im + i * sin + q * cos)
        })
    };
    let (count, half) = (samples.len(), samples.len() / 2);
    let (first, second) = (sum(0, half), sum(half, 2 * half));
    let turned = (second.1 * first.0 - second.0 * first.1).atan2(second.0 * first.0 + second.1 * first.1);
    let amplitude = (first.0 + second.0).hypot(first.1 + second.1) / count as f64;
    let power = samples.iter().map(|&(i, q)| (f64::from(i).powi(2) + f64::from(q).powi(2)) / 32767.0_f64.powi(2)).sum::<f64>();
    Tone { amplitude, off: turned / TAU / half as f64, noise: power / count as f64 - amplitude * amplitude }
}

/// Does something while stock UHD transmits a tone of 0.3 on the second radio.
fn beside_a_tone<T>(bench: &Bench, more: &str, work: impl FnOnce() -> T) -> T {
    let mut sender = bench
        .tool(1, "tx_waveforms", &format!("--rate 1e6 --freq 10e6 --ampl 0.3 --wave-type SINE {more}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tx_waveforms starts");
    let lines = BufReader::new(sender.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("Press Ctrl + C")), "tx_waveforms does not transmit");
    let done = work();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(sender.id().cast_signed()), nix::sys::signal::SIGINT);
    let _ = sender.wait();
    done
}

/// Holds a tone of 0.3 behind a path of -10 dB to its level and frequency, and what is beside it to a noise in dBFS.
fn assert_heard(samples: &[(i16, i16)], cycles: f64, noise: f64, within: f64) {
    let tone = measure(samples, cycles);
    let gain = 20.0 * (tone.amplitude / 0.3).log10();
    assert!((gain + 10.0).abs() < 0.5, "gain {gain} dB");
    let heard = 10.0 * tone.noise.log10();
    assert!((heard - noise).abs() < within, "noise {heard} dBFS, not {noise}");
    // Both radios share the clock: the frequency is off by the rounding of two registers, 0.02 Hz, and by what noise makes of it.
    assert!(tone.off.abs() * 1e6 < 0.1, "frequency off by {} Hz", tone.off * 1e6);
}

/// The part of a recording in which the sender kept up. tx_waveforms runs at normal priority and is late for some ms on a slow machine; the air
/// is silent then, which is no matter of formats.
fn unbroken(samples: &[(i16, i16)], cycles: f64) -> &[(i16, i16)] {
    const LENGTH: usize = 25_000;
    let strength = |part: &&[(i16, i16)]| measure(part, cycles).amplitude;
    let parts = samples.windows(LENGTH).step_by(LENGTH / 5);
    parts.max_by(|a, b| strength(a).total_cmp(&strength(b))).expect("a recording of more than that")
}

/// Receives from one radio what stock UHD transmits on another: the file is the wire, and the wire is what theory says.
#[test]
fn a_tone_crosses_the_air_sample_for_sample() {
    let Some(bench) = Bench::new(2, &["--gain-db=-10", "--noise-dbfs=-47"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let wire = beside_a_tone(&bench, "--wave-freq 125e3", || {
        let wire = Sniffer::in_namespace(&Network::host(0));
        bench.run("rx_samples_to_file", &format!("--rate 1e6 --freq 10e6 --nsamps 200000 --file {}", file.display()));
        wire
    });
    let samples = short_samples(&file);
    assert_eq!(samples.len(), 200_000);
    let sent: Vec<(i16, i16)> = last_stream(&wire).into_iter().flat_map(|packet| packet.samples).collect();
    assert!(sent.get(..200_000) == Some(&samples), "the file is not what came over the wire");
    // The second half: by then the transmitter has long begun.
    assert_heard(&samples[100_000..], 0.125, -47.0, 1.0);
}

/// Trailer bits of packets in sc8, and of those that end with half a word.
const EIGHT_BITS: u32 = 0x0040_0000;
const ODD: u32 = 0x0000_0400;

/// Samples of the only stream in sc8 of a capture, as they are on the wire.
fn eight_bit_samples(wire: &Sniffer) -> Vec<(i16, i16)> {
    let word = |packet: &[u8], at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
    let frames = wire.drain();
    let packets = frames.iter().filter_map(|frame| frame.sent_from(RX[0]));
    let packets = packets.filter(|packet| word(packet, 0) >> 28 == 1 && word(packet, packet.len() - 4) & EIGHT_BITS != 0);
    let mut samples = Vec::new();
    for (number, packet) in packets.enumerate() {
        assert_eq!(word(packet, 0) >> 16 & 15, number as u32 & 15, "packets are missing");
        let pairs = packet[16..packet.len() - 4].as_chunks::<2>().0.iter().map(|&[i, q]| (i16::from(i as i8), i16::from(q as i8)));
        let odd = usize::from(word(packet, packet.len() - 4) & ODD != 0);
        samples.extend(pairs.take((packet.len() - 20) / 2 - odd));
    }
    samples
}

/// Eight bits on the way from the radio, or to it: the tone keeps its level, and only the receiver's rounding adds noise worth mention.
#[test]
fn eight_bit_samples_carry_the_tone_and_the_noise_of_their_rounding() {
    let Some(bench) = Bench::new(2, &["--gain-db=-10", "--noise-dbfs=-47"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let hear = |format: &str| {
        let wire = Sniffer::in_namespace(&Network::host(0));
        let arguments = format!("--rate 1e6 --freq 10e6 --setup 0.1 --nsamps 200000 --wirefmt {format} --file {}", file.display());
        bench.run("rx_samples_to_file", &arguments);
        let samples = short_samples(&file);
        assert_eq!(samples.len(), 200_000);
        (samples, wire)
    };
    // tx_waveforms takes steps in a table of 8192, here 1008.
    let cycles = 1008.0 / 8192.0;
    let nearest = |value: i16| (f64::from(value) / 256.0).round() as i16;
    let (samples, wire) = beside_a_tone(&bench, "--wave-freq 123e3", || hear("sc8"));
    // UHD makes 256 of 1, and a little more for the rounding of the scale register.
    let bytes: Vec<(i16, i16)> = samples.iter().map(|&(i, q)| (nearest(i), nearest(q))).collect();
    assert!(eight_bit_samples(&wire).get(..200_000) == Some(&bytes), "the file is not what came over the wire");
    // Noise of 0.4 steps in I and in Q hides the tone from the rounding, whose error is uniform within a step then: a twelfth of its
    // square, twice. Together they are 1.8 dB above the air's noise.
    let rounding = 2.0 / 12.0 * (256.0_f64 / 32767.0).powi(2);
    assert_heard(unbroken(&samples, cycles), cycles, 10.0 * (10.0_f64.powf(-4.7) + rounding).log10(), 0.5);

    // What the transmitter's rounding adds is 10 dB lower than the receiver's.
    let (samples, _) = beside_a_tone(&bench, "--wave-freq 123e3 --otw sc8", || hear("sc16"));
    assert_heard(unbroken(&samples, cycles), cycles, -47.0, 1.0);
}

/// What the kernel takes apart, or the radio sends one by one, is the same to a program: at 5 Msps, many packets are due at once.
#[test]
fn offloaded_packets_are_the_same_packets() {
    if !possible(&[]) {
        return;
    }
    const FAST_DECIMATION: u64 = 20;
    const ETHERNET: usize = 1514;
    let heard = |offload: &str| {
        let _network = Network::wires(1);
        let _radios = Radios::start(1, &["--noise-dbfs=-40", "--offload", offload]);
        let wire = Sniffer::in_namespace(&Network::radio(0));
        let (control, line) = (Control::open(&Network::host(0)), Line::open(&Network::host(0), RX[0]));
        line.take();
        control.prepare_rx(0);
        // Both half-band filters and a CIC of 5.
        control.poke(50, 0x300 | (FAST_DECIMATION as u32 / 4));
        control.start(0, Some(3 * SECOND));
        let packets: Vec<RxPacket> = (0..3000).map(|_| RxPacket::of(&line.receive())).collect();
        for (number, packet) in packets.iter().enumerate() {
            let tick = 3 * SECOND + FAST_DECIMATION + 22 + number as u64 * 363 * FAST_DECIMATION;
            assert_eq!((packet.error, packet.tick, packet.count), (None, tick, number as u32 & 15), "--offload {offload}");
        }
        let frames = wire.drain();
        let longest = frames.iter().filter(|frame| frame.sent_from(RX[0]).is_some()).map(|frame| frame.0.len()).max();
        (packets, longest.expect("frames of the stream"))
    };
    let ((one_by_one, datagram), (together, run)) = (heard("never"), heard("auto"));
    assert_eq!(datagram, ETHERNET);
    assert!(run > ETHERNET, "the radio gave the kernel nothing to take apart");
    assert!(one_by_one == together, "offloading changes what a program receives");
    assert!(together.iter().any(|packet| packet.samples.iter().any(|sample| *sample != (0, 0))));
}

/// One seed, one start: one stream, whatever the machine does meanwhile.
#[test]
fn one_seed_gives_one_stream() {
    if !possible(&[]) {
        return;
    }
    let heard = |seed: &str| {
        let _network = Network::wires(1);
        let _radios = Radios::start(1, &["--noise-dbfs=-40", seed]);
        let (control, line) = (Control::open(&Network::host(0)), Line::open(&Network::host(0), RX[0]));
        line.take();
        control.prepare_rx(0);
        control.start(0, Some(3 * SECOND));
        let packets: Vec<RxPacket> = (0..100).map(|_| RxPacket::of(&line.receive())).collect();
        assert_unbroken(&packets);
        packets
    };
    let (one, same, other) = (heard("--seed=5"), heard("--seed=5"), heard("--seed=6"));
    assert_eq!((one[0].tick, one[0].error), (3 * SECOND + FIRST_STAMP, None));
    assert!(one == same, "one seed gives two streams");
    assert!(one != other, "two seeds give one stream");
}

/// C programs and those that pass samples on.
#[test]
fn other_receivers_get_their_samples() {
    let Some(bench) = Bench::new(1, &["--noise-dbfs=-40"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let wire = Sniffer::in_namespace(&Network::host(0));
    let mut c = bench.network.at(0, "rx_samples_c");
    c.args(["-a", DEVICE, "-f", "0", "-r", "1e6", "-n", "100000", "-o"]).arg(&file);
    assert!(ended_well(&mut c).contains("Success"));
    let floats = std::fs::read(&file).expect("samples");
    let floats: Vec<f32> = floats.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let sent: Vec<i16> = last_stream(&wire).into_iter().flat_map(|packet| packet.samples).flat_map(|(i, q)| [i, q]).collect();
    assert_eq!(floats.len(), 200_000);
    // The host undoes the rounding of the scale register, by one factor for all.
    let factor = floats.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
        / sent[..200_000].iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    assert!(floats.iter().zip(&sent).all(|(float, short)| (f64::from(*float) - f64::from(*short) * factor).abs() < 1e-6));
    assert!((factor * 32767.0 - 1.0).abs() < 0.01, "{factor}");

    let server = inside(&Network::host(0), || UdpSocket::bind("192.168.10.1:7124").expect("binds"));
    server.set_read_timeout(Some(Duration::from_secs(1))).expect("sets");
    bench.run("rx_samples_to_udp", "--rate 1e6 --nsamps 10000 --addr 192.168.10.1");
    let mut datagram = [0; 65_536];
    let bytes: usize = std::iter::from_fn(|| server.recv(&mut datagram).ok()).take_while(|length| *length > 0).sum();
    assert!(bytes >= 10_000 * 8, "{bytes} bytes");
}
