//! Transmitting programs: what they send reaches the radio, and a radio that hears itself.

use crate::common::raw_client::TX;
use crate::common::sniffer::Sniffer;
use crate::common::wire::{Bench, DEVICE, Network, ended_well};

/// A transmit packet as it was on the wire.
struct Sent {
    sequence: u32,
    head: u32,
    samples: Vec<(i16, i16)>,
}

/// All transmit packets since the last with sequence 0, whose numbers must follow one another.
fn sent(wire: &Sniffer) -> Vec<Sent> {
    let word = |bytes: &[u8], at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut packets: Vec<Sent> = Vec::new();
    for frame in wire.drain() {
        let Some(payload) = frame.sent_to(TX).filter(|payload| payload.len() >= 12 && word(payload, 4) != 0) else { continue };
        let (sequence, head) = (word(payload, 0), word(payload, 4));
        assert_eq!((head as usize & 0xFFFF) * 4 + 4, payload.len());
        if sequence == 0 {
            packets.clear();
        }
        assert_eq!((sequence as usize, head >> 16 & 15), (packets.len(), sequence & 15));
        let from = if head & 0x0010_0000 == 0 { 8 } else { 16 };
        let samples = payload[from..payload.len() - 4].chunks_exact(4);
        let samples = samples.map(|s| (i16::from_be_bytes([s[0], s[1]]), i16::from_be_bytes([s[2], s[3]]))).collect();
        packets.push(Sent { sequence, head, samples });
    }
    packets
}

#[test]
fn every_waveform_is_transmitted() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    for wave in ["CONST --wave-freq 0", "SQUARE --wave-freq 1e3", "RAMP --wave-freq 1e3", "SINE --wave-freq 1e5"] {
        let wire = Sniffer::in_namespace(&Network::host(0));
        let said = bench.run("tx_waveforms", &format!("--rate 1e6 --freq 10e6 --nsamps 50000 --wave-type {wave}"));
        assert!(said.contains("Done!"), "{said}");
        let packets = sent(&wire);
        let count: usize = packets.iter().map(|packet| packet.samples.len()).sum();
        assert!(count > 50_000, "{wave}: {count} samples");
        assert!(packets.last().is_some_and(|packet| packet.head & 0x0100_0000 != 0), "{wave}: no end of burst");
    }
}

#[test]
fn eight_bit_waveforms_are_transmitted() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::host(0));
    let said =
        bench.run("tx_waveforms", "--rate 1e6 --freq 10e6 --nsamps 50000 --otw sc8 --ampl 0.3 --wave-type SINE --wave-freq 1e5");
    assert!(said.contains("Done!"), "{said}");
    let packets = sent(&wire);
    assert!(packets.last().is_some_and(|packet| packet.head & 0x0100_0000 != 0), "no end of burst");
    // What is a sample of sc16 are two of sc8.
    let words = packets.iter().flat_map(|packet| &packet.samples);
    let samples = words.flat_map(|(first, second)| [first.to_be_bytes(), second.to_be_bytes()]);
    let samples: Vec<(i16, i16)> = samples.map(|[i, q]| (i16::from(i as i8) * 256, i16::from(q as i8) * 256)).collect();
    assert!((50_000..52_000).contains(&samples.len()), "{} samples", samples.len());
    let tone = super::receive::measure(&samples[..50_000], 819.0 / 8192.0);
    // tx_waveforms takes 819 steps in a table of 8192. Values are in steps of 1/128, cut or rounded.
    assert!(
        (tone.amplitude - 0.3).abs() < 1.0 / 128.0 && tone.noise < 2.0 / 3.0 / 128.0_f64.powi(2),
        "{} {}",
        tone.amplitude,
        tone.noise
    );
}

#[test]
fn a_file_is_transmitted_sample_for_sample() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("to-send");
    let samples: Vec<(i16, i16)> = (0..100_000_i32).map(|n| ((n * 7 % 20_011) as i16, (n * 13 % 19_997 - 9_000) as i16)).collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|(i, q)| [i.to_le_bytes(), q.to_le_bytes()]).flatten().collect();
    std::fs::write(&file, bytes).expect("writes");
    let wire = Sniffer::in_namespace(&Network::host(0));
    bench.run("tx_samples_from_file", &format!("--rate 1e6 --freq 10e6 --file {}", file.display()));
    let on_the_wire: Vec<(i16, i16)> = sent(&wire).into_iter().flat_map(|packet| packet.samples).collect();
    assert!(on_the_wire.starts_with(&samples), "the wire does not carry the file");
    assert_eq!(on_the_wire.len(), samples.len() + 1, "and one sample to end the burst");
}

#[test]
fn the_c_interface_transmits() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let wire = Sniffer::in_namespace(&Network::host(0));
    let mut program = bench.network.at(0, "tx_samples_c");
    assert!(ended_well(program.args(["-a", DEVICE, "-f", "0", "-r", "1e6", "-n", "100000"])).contains("Success"));
    let packets = sent(&wire);
    assert!(packets.iter().map(|packet| packet.samples.len()).sum::<usize>() >= 100_000);
    assert_eq!(packets.last().map(|packet| packet.sequence as usize), Some(packets.len() - 1));
}

#[test]
fn a_radio_with_a_cable_to_itself_hears_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (scene, file) = (folder.path().join("scene.toml"), folder.path().join("heard"));
    std::fs::write(&scene, "[air]\nnoise_dbfs = -60.0\n[[path]]\nfrom = \"radio0\"\nto = \"radio0\"\ngain_db = -10.0\n")
        .expect("writes");
    let Some(bench) = Bench::new(1, &["--scene", &scene.display().to_string()]) else { return };
    let mut program = bench.network.at(0, "txrx_loopback_to_file");
    program.args(["--tx-args", DEVICE, "--rx-args", DEVICE, "--file"]).arg(&file);
    program.args("--tx-rate 1e6 --rx-rate 1e6 --tx-freq 10e6 --rx-freq 10e6 --nsamps 100000 --ampl 0.5".split(' '));
    program.args("--wave-type SINE --wave-freq 125e3 --settling 0.5".split(' '));
    assert!(ended_well(&mut program).contains("Done!"));
    let samples = super::receive::short_samples(&file);
    assert_eq!(samples.len(), 100_000);
    let tone = super::receive::measure(&samples[20_000..], 0.125);
    let gain = 20.0 * (tone.amplitude / 0.5).log10();
    assert!((gain + 10.0).abs() < 0.5, "gain {gain} dB");
}
