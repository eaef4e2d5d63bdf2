//! Multiplexers, corrections and impairments through the device's registers.

use super::*;
use crate::board::impairments::Impairments;
use crate::board::{Board, Equipment};
use crate::scene::{RadioChange, SceneAction};

/// Samples of a stream of this chain, its filters full, while radio 0 transmits (0.3, 0.1) of full scale.
fn heard(bench: &mut Bench, hosts: [Host; 2], chain: usize) -> Vec<Sample> {
    let header = TxHeader { sequence: 0, count: 0, start_of_burst: true, end_of_burst: false, tick: None };
    bench.set(hosts[0], &[(sr::TX_STREAM_ID, 2)]);
    bench.transmit(hosts[0], header, &[Sample::new(10_000, 3_000); 363]);
    let words = StreamCommand { mode: StreamMode::Samples(300), at: None }.words();
    bench.command_words(hosts[1], if chain == 0 { 0 } else { sr::RX1_OFFSET }, words);
    bench.pass(400 * u64::from(DECIMATION));
    let said = bench.streams(1);
    // The transmitter holds its last sample for a while after its underflow.
    bench.pass(2_000_000);
    bench.drain(0);
    let packets = said.iter().map(|datagram| RxPacket::decode(&datagram.payload).unwrap());
    let samples: Vec<Sample> = packets
        .flat_map(|packet| match packet {
            RxPacket::Data(data) => data.samples().collect::<Vec<_>>(),
            RxPacket::Context(context) => panic!("{context:?}"),
        })
        .collect();
    samples[100..].to_vec()
}

fn mean(samples: &[Sample]) -> (f64, f64) {
    let count = samples.len() as f64;
    let sum = |part: fn(&Sample) -> i16| samples.iter().map(|sample| f64::from(part(sample))).sum::<f64>() / count;
    (sum(|sample| sample.re), sum(|sample| sample.im))
}

#[test]
fn multiplexers_follow_their_registers() {
    let hosts = [Host::new(0, 1), Host::new(1, 1)];
    let mut bench = Bench::new(2);
    hosts.iter().for_each(|host| bench.ready(*host));
    bench.set(hosts[1], &[(sr::RX0_SCALE + sr::RX1_OFFSET, dsp::scale_word(dsp::Direction::Receive, 0x30D).0)]);
    // The transmit scale is halved at this rate; CORDICs and half-band filters take another percent.
    let (i, q) = (5_000.0, 1_500.0);
    for (who, register, value, chain, right) in [
        (1, sr::RX0_MUX, 0, 0, (i, q)),
        (1, sr::RX0_MUX, 1, 0, (q, i)),
        (1, sr::RX0_MUX, 2, 0, (i, 0.0)),
        (1, sr::RX0_MUX, 3, 0, (q, 0.0)),
        (1, sr::RX0_MUX, 0, 0, (i, q)),
        (1, sr::RX0_MUX + sr::RX1_OFFSET, 3, 1, (q, 0.0)),
        (1, sr::RX_SWAP, 1, 0, (q, i)),
        (1, sr::RX_SWAP, 1, 1, (i, 0.0)),
        (1, sr::RX_SWAP, 0, 0, (i, q)),
        (0, sr::TX_MUX, 0x01, 0, (q, i)),
        (0, sr::TX_MUX, 0xF0, 0, (i, 0.0)),
        (0, sr::TX_MUX, 0x0F, 0, (0.0, i)),
        (0, sr::TX_MUX, 0x10, 0, (i, q)),
        (1, sr::RX_MAGNITUDE, 65_536, 0, (i * 1.25, q)),
        (1, sr::RX_PHASE, 0x3_8000, 0, (i * 1.25, q - i * 0.125)),
    ] {
        bench.set(hosts[who], &[(register, value)]);
        let got = mean(&heard(&mut bench, hosts, chain));
        let near = |got: f64, right: f64| (got - right).abs() < 0.015 * right.abs() + 1.0;
        assert!(near(got.0, right.0) && near(got.1, right.1), "{register} := {value:#x}, chain {chain}: {got:?} for {right:?}");
    }
}

#[test]
fn impairments_come_with_events() {
    let hosts = [Host::new(0, 1), Host::new(1, 1)];
    let mut bench = Bench::new(2);
    hosts.iter().for_each(|host| bench.ready(*host));
    let impair = |bench: &mut Bench, radio: usize, impairments: Impairments| {
        bench.0.apply(&SceneAction::Radio(RadioChange { radio, impairments, ..RadioChange::default() })).unwrap()
    };
    let plain = mean(&heard(&mut bench, hosts, 0));
    let said = impair(&mut bench, 0, Impairments { tx_lo_leakage_dbfs: Some(-20.0), ..Impairments::default() });
    assert_eq!(said, "radio radio0 has other impairments");
    let leaking = mean(&heard(&mut bench, hosts, 0));
    let moved = (leaking.0 - plain.0).hypot(leaking.1 - plain.1);
    assert!((moved / 3_276.7 - 1.0).abs() < 0.015, "{plain:?} {leaking:?}");
    // A receiver's offset is there at once, and gone 20 time constants later.
    bench.set(hosts[1], &[(sr::RX_OFFSET_I, 0), (sr::RX_OFFSET_Q, 0)]);
    impair(&mut bench, 1, Impairments { rx_dc_offset_dbfs: Some(-20.0), ..Impairments::default() });
    let offset = mean(&heard(&mut bench, hosts, 0));
    let moved = (offset.0 - leaking.0).hypot(offset.1 - leaking.1);
    assert!((moved / 3_276.7 - 1.0).abs() < 0.05, "{leaking:?} {offset:?}");
    bench.pass(20 << 20);
    let settled = mean(&heard(&mut bench, hosts, 0));
    assert!((settled.0 - leaking.0).hypot(settled.1 - leaking.1) < 2.0, "{leaking:?} {settled:?}");
}

/// Words of UHD 4.3.0.0 for an SBX at 900 MHz, and its pins.
const TUNE: [u32; 7] = [0x6500_8A4A, 0x0040_0005, 0x002F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0012_0000];
const PINS: [u32; 5] = [0x4008_4008, 0x4008_400C, 0x401C_4008, 0x401C_400C, 0xFFFC_FFFC];

#[test]
fn a_lock_comes_by_itself_at_its_tick() {
    let identity = RadioIdentity {
        equipment: Equipment { board: Board::Sbx, ..Equipment::default() },
        ..RadioIdentity::new("radio0", DEVICE)
    };
    let mut bench = Bench(World::new(vec![identity], Medium { path: Path::default(), noise_dbfs: -20.0, seed: 1 }));
    let host = Host::new(0, 1);
    bench.ready(host);
    let impairments = Impairments { lock_time_ms: Some(0.5), ..Impairments::default() };
    bench.0.apply(&SceneAction::Radio(RadioChange { impairments, ..RadioChange::default() })).unwrap();
    for (register, value) in (184..).zip(PINS) {
        bench.set(host, &[(register, value)]);
    }
    bench.set(host, &[(sr::SPI_CONTROL, 0x5800_0001)]);
    for word in [0x5780, 0x5380, 0x4300, 0x4100, 0x5A01] {
        bench.set(host, &[(sr::SPI_DATA, word << 8)]);
    }
    bench.set(host, &[(sr::SPI_CONTROL, 0x6000_0010)]);
    for word in TUNE {
        bench.set(host, &[(sr::SPI_DATA, word)]);
    }
    let locked = |bench: &mut Bench| {
        let read =
            n210_wire::fast::FastCommand { sequence: 1, at: None, operation: n210_wire::fast::Operation::Read { word: rb::GPIO } };
        bench.send(host, port::FAST, read.encode(&mut [0; 24]));
        n210_wire::fast::Ack::decode(&bench.datagrams(0).pop().unwrap().payload).unwrap().value & 1
    };
    assert_eq!(locked(&mut bench), 0);
    bench.pass(49_999);
    assert_eq!(locked(&mut bench), 0);
    bench.pass(1);
    assert_eq!(locked(&mut bench), 1);
}
