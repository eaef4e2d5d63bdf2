//! Wireshark's VITA-49 dissector reads what stock programs and the radio say to each other.

use std::path::Path;
use std::process::Command;

use crate::common::raw_client::{FAST, FIRST_STAMP, RX, TX};
use crate::common::sniffer::{Frame, Sniffer, write_pcap};
use crate::common::wire::{Bench, Network, ended_well, possible};

/// One packet as the dissector reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Read {
    kind: u64,
    count: u64,
    words: u64,
    stream: Option<u64>,
    tick: Option<u64>,
    trailer: Option<u64>,
}

const FIELDS: [&str; 8] =
    ["_ws.malformed", "_ws.expert", "vrt.type", "vrt.seq", "vrt.len", "vrt.sid", "vrt.ts_frac_sample", "vrt.trailer"];

fn number(text: &str) -> Option<u64> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())
}

/// Has the dissector read frames, each of which must come out whole.
fn read(folder: &Path, port: u16, frames: &[Frame]) -> Vec<Read> {
    let file = folder.join(format!("{port}.pcap"));
    write_pcap(&file, frames);
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-d", &format!("udp.port=={port},vrt"), "-T", "fields", "-E", "separator=;"]);
    tshark.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let said = ended_well(tshark.stderr(std::process::Stdio::null()));
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(';')).collect();
    assert_eq!(lines.len(), frames.len(), "{said}");
    let packets = lines.iter().map(|line| {
        let fields: Vec<&str> = line.split(';').collect();
        let [malformed, expert, kind, count, words, stream, tick, trailer] = fields[..] else { panic!("{line}") };
        // A chat is no complaint: to a port of the kernel's choice from 33434 on, it asks whether this is a traceroute.
        let complains = expert.matches("Expert Info (").count() > expert.matches("Expert Info (Chat/").count();
        assert!(malformed.is_empty() && !complains, "the dissector complains: {line}");
        let must = |text| number(text).unwrap_or_else(|| panic!("not read as VITA-49: {line}"));
        let (stream, tick, trailer) = (number(stream), number(tick), number(trailer));
        Read { kind: must(kind), count: must(count), words: must(words), stream, tick, trailer }
    });
    packets.collect()
}

/// The transport word in front of what a host sends is not VITA-49's.
fn without_transport_word(frame: &Frame, port: u16) -> Option<Frame> {
    let payload = frame.sent_to(port)?;
    (payload.len() > 8).then(|| frame.with_payload(&payload[4..]))
}

#[test]
fn the_vita_49_dissector_reads_both_directions() {
    if !possible(&["/usr/bin/tshark"]) {
        return;
    }
    let Some(bench) = Bench::new(1, &[]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let wire = Sniffer::in_namespace(&Network::host(0));
    bench.run("rx_timed_samples", "--rate 1e6 --nsamps 100000 --secs 0.5");
    bench.run("tx_timed_samples", "--rate 1e6 --nsamps 100000 --secs 0.5");
    bench.run("test_messages", "--ntests 10 --test-chain");
    let frames = wire.drain();
    let from = |port: u16| frames.iter().filter(|frame| frame.sent_from(port).is_some()).cloned().collect::<Vec<_>>();
    let to = |port: u16| frames.iter().filter_map(|frame| without_transport_word(frame, port)).collect::<Vec<_>>();

    // Samples: a stream of type 1 with counts that go on and ticks that follow from them.
    let samples: Vec<Read> = read(folder.path(), RX[0], &from(RX[0])).into_iter().filter(|packet| packet.kind == 1).collect();
    let first = samples.iter().position(|packet| packet.tick == Some(50_000_000 + FIRST_STAMP)).expect("the timed start");
    let burst = &samples[first..first + 276];
    for (number, packet) in burst.iter().enumerate() {
        let last = number == 275;
        let expected = Read {
            kind: 1,
            count: number as u64 % 16,
            words: if last { 175 + 5 } else { 368 },
            stream: Some(3),
            tick: Some(50_000_000 + FIRST_STAMP + number as u64 * 36_300),
            trailer: Some(if last { 0x0010_0100 } else { 0x0010_0000 }),
        };
        assert_eq!(*packet, expected);
    }
    // What a host transmits: type 0, without a stream.
    let transmitted = read(folder.path(), TX, &to(TX));
    assert!(transmitted.len() > 276 && transmitted.iter().all(|packet| packet.kind == 0 && packet.stream.is_none()));
    assert!(transmitted.iter().any(|packet| packet.tick == Some(50_000_000) && packet.words == 367));
    // Events and flow control, errors of the receive chain, and acknowledgements are extension context packets.
    let events = read(folder.path(), TX, &from(TX));
    assert!(events.iter().all(|event| (event.kind, event.words) == (5, 6) && event.tick.is_some()), "{events:?}");
    assert!(events.iter().any(|event| event.stream == Some(2)));
    let acks = read(folder.path(), FAST, &from(FAST));
    assert!(acks.len() > 100 && acks.iter().all(|ack| (ack.kind, ack.words, ack.stream) == (5, 4, Some(0))), "{acks:?}");
    // Commands are context packets without a stream identifier, which no standard has: the dissector names them so.
    let commands = read(folder.path(), FAST, &to(FAST));
    assert_eq!(commands.len(), acks.len());
}
