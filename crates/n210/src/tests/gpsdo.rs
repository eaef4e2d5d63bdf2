//! A host that looks for a GPSDO as UHD 4.3.0.0 does, at every millisecond of a second.

use chrono::DateTime;

use super::*;
use crate::board::Equipment;
use crate::device::clock::Tick;
use n210_wire::TICKS_PER_SECOND;

const MILLISECOND: Tick = TICKS_PER_SECOND / 1000;

/// How long the host waits for a line before it asks again, and how long it takes to answer one.
const PATIENCE: Tick = 200 * MILLISECOND;
const THINKING: Tick = MILLISECOND / 5;

const QUESTION: &[u8] = b"*IDN?\r\n";

/// The lines that a host hears which asks who is there at a tick, and again at every line that is neither that nor NMEA, until it knows; it
/// listens for a second.
fn heard(bench: &mut Bench, host: Host, from: Tick) -> Vec<String> {
    bench.0.advance(from);
    bench.drain(0);
    let (mut lines, mut rest, mut known) = (Vec::new(), Vec::new(), false);
    let mut ask_at = Some(from);
    let mut quiet_since = from;
    while bench.0.now() < from + TICKS_PER_SECOND {
        let due = bench.0.due().min(ask_at.unwrap_or(Tick::MAX)).min(quiet_since + PATIENCE);
        bench.0.advance(due.max(bench.0.now() + 1));
        let now = bench.0.now();
        if ask_at.is_some_and(|at| at <= now) {
            ask_at = None;
            bench.send(host, port::GPSDO, QUESTION);
        }
        for datagram in bench.datagrams(0) {
            rest.extend(datagram.payload);
        }
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8(rest.drain(..=end).collect()).unwrap();
            quiet_since = now;
            known |= line.contains("GPSTCXO");
            if !known && !line.starts_with("$GP") {
                ask_at = Some(now + THINKING);
            }
            lines.push(line);
        }
        if now >= quiet_since + PATIENCE {
            quiet_since = now;
            ask_at = ask_at.or(Some(now)).filter(|_| !known);
        }
    }
    lines
}

#[test]
fn a_host_that_looks_for_it_at_any_time_hears_its_name_once_and_whole_sentences() {
    for phase in 0..1000 {
        let powered_up = DateTime::from_timestamp(1_000_000_000, 0).unwrap();
        let equipment = Equipment { gpsdo: true, ..Equipment::default() };
        let identity = RadioIdentity { equipment, powered_up, ..RadioIdentity::new("radio0", DEVICE) };
        let mut bench = Bench(World::new(vec![identity], Medium { path: Path::default(), noise_dbfs: -200.0, seed: 1 }));
        // Another program has been there before.
        let before = Host { address: SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, 1), 4000), ..Host::new(0, 1) };
        bench.send(before, port::GPSDO, b"GPS:GPGGA 1\r\nGPS:GPRMC 1\r\nSERV:TRAC 1\r\n");
        let lines = heard(&mut bench, Host::new(0, 1), TICKS_PER_SECOND + phase * MILLISECOND);
        let named = lines.iter().filter(|line| line.contains("GPSTCXO")).count();
        assert_eq!(named, 1, "{phase} ms behind the PPS: {lines:?}");
        for line in &lines {
            let whole =
                matches!(line.as_bytes(), [b'$', b'G', b'P', .., b'*', _, _, b'\r', b'\n'] | [b'0', b'1', b'-', .., b'\r', b'\n']);
            // The end of a line whose beginning went to the other host.
            assert!(whole || line.starts_with("GPSTCXO") || line == "\n", "{phase} ms behind the PPS: {line:?}");
        }
    }
}
