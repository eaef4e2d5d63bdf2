//! Receiving programs: what lies in their files is what left the radio, and what is to be heard.

use std::f64::consts::TAU;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::raw_client::{Control, Line, RX, RxPacket, SECOND, assert_unbroken};
use crate::sniffer::Sniffer;
use crate::wire::{Bench, DEVICE, Network, Radios, ended_well, inside, possible};

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

/// Receives from one radio what stock UHD transmits on another: the file is the wire, and the wire is what theory says.
#[test]
fn a_tone_crosses_the_air_sample_for_sample() {
    let Some(bench) = Bench::new(2, &["--gain-db=-10", "--noise-dbfs=-47"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let mut sender = bench
        .tool(1, "tx_waveforms", "--rate 1e6 --freq 10e6 --ampl 0.3 --wave-type SINE --wave-freq 125e3")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tx_waveforms starts");
    let lines = BufReader::new(sender.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("Press Ctrl + C")), "tx_waveforms does not transmit");
    let wire = Sniffer::in_namespace(&Network::host(0));
    bench.run("rx_samples_to_file", &format!("--rate 1e6 --freq 10e6 --nsamps 200000 --file {}", file.display()));
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(sender.id().cast_signed()), nix::sys::signal::SIGINT);
    let _ = sender.wait();

    let samples = short_samples(&file);
    assert_eq!(samples.len(), 200_000);
    let sent: Vec<(i16, i16)> = last_stream(&wire).into_iter().flat_map(|packet| packet.samples).collect();
    assert!(sent.get(..200_000) == Some(&samples), "the file is not what came over the wire");

    // The second half: by then the transmitter has long begun.
    let tone = measure(&samples[100_000..], 0.125);
    let gain = 20.0 * (tone.amplitude / 0.3).log10();
    assert!((gain + 10.0).abs() < 0.5, "gain {gain} dB");
    assert!((10.0 * tone.noise.log10() + 47.0).abs() < 1.0, "noise {} dBFS", 10.0 * tone.noise.log10());
    // Both radios share the clock: the frequency is off by the rounding of two registers, 0.02 Hz, and by what noise makes of it.
    assert!(tone.off.abs() * 1e6 < 0.1, "frequency off by {} Hz", tone.off * 1e6);
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
    assert_eq!((one[0].tick, one[0].error), (3 * SECOND, None));
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
