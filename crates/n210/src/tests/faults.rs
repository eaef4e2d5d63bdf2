//! Faults on demand, each on frames to and from a radio, and their end.

mod scenes;

use super::*;
use crate::scene::{self, Scene};
use n210_wire::TICKS_PER_SECOND;
use n210_wire::control::I2cData;
use n210_wire::destination::{SetDestination, UNRESOLVED};
use n210_wire::fast::{Ack, FastCommand, Operation};

const MS: u64 = TICKS_PER_SECOND / 1000;

impl Bench {
    fn tell(&mut self, line: &str) -> Result<String, String> {
        let action = scene::event(line, &self.0.names()).unwrap();
        self.0.apply(&action)
    }

    /// Radio 0 has a fault of this kind, from now on.
    fn spoil(&mut self, fault: &str) {
        self.tell(&format!("fault = {{ radio = \"radio0\", {fault} }}")).unwrap();
    }

    /// Asks once, numbered.
    fn hello(&mut self, host: Host, sequence: u32) {
        self.send(host, port::CONTROL, &Control::request(sequence, Message::Hello).encode());
    }

    /// Numbers of the replies that have come.
    fn replies(&mut self, host: Host) -> Vec<u32> {
        let datagrams = self.datagrams(host.radio).into_iter().filter(|d| d.ports.0 == port::CONTROL);
        datagrams.map(|d| Control::decode(&d.payload).unwrap().sequence).collect()
    }

    /// Asks so many times and returns the numbers of the replies that came at once.
    fn hellos(&mut self, host: Host, count: u32) -> Vec<u32> {
        (0..count).for_each(|sequence| self.hello(host, sequence));
        self.replies(host)
    }

    fn faults(&self) -> usize {
        self.0.report()["radios"][0]["faults"].as_array().unwrap().len()
    }

    fn time_low(&mut self, host: Host) -> u32 {
        self.read(host, rb::TIME_LOW)
    }

    fn read(&mut self, host: Host, word: u8) -> u32 {
        let read = Message::Register { address: register::readback_address(word), data: 0, action: Action::Read };
        let Some((_, Message::RegisterDone(value))) = self.ask(host, read) else { panic!("no answer") };
        value
    }
}

fn bench() -> (Bench, Host) {
    let (mut bench, host) = (Bench::new(2), Host::new(0, 1));
    bench.ready(host);
    bench.pass(1000);
    (bench, host)
}

#[test]
fn packets_are_dropped_one_in_so_many_or_by_chance() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"drop\", every = 3, direction = \"in\"");
    assert_eq!(bench.hellos(host, 9), [0, 1, 3, 4, 6, 7]);
    bench.spoil("kind = \"none\"");
    assert_eq!((bench.hellos(host, 3), bench.faults()), (vec![0, 1, 2], 0));
    bench.spoil("kind = \"drop\", every = 1, port = 49157");
    assert_eq!(bench.hellos(host, 3), [0, 1, 2], "another port");
    bench.spoil("kind = \"drop\", probability = 0.25, direction = \"out\"");
    let kept = bench.hellos(host, 2000).len();
    // Five standard deviations.
    assert!(kept.abs_diff(1500) < 100, "{kept}");
    let mut again = self::bench().0;
    for fault in ["kind = \"drop\", every = 3, direction = \"in\"", "kind = \"none\"", "kind = \"drop\", every = 1, port = 49157"] {
        again.spoil(fault);
    }
    again.spoil("kind = \"drop\", probability = 0.25, direction = \"out\"");
    assert_eq!(again.hellos(host, 2000).len(), kept, "the same seed, the same fate");
}

#[test]
fn chance_differs_from_seed_to_seed_and_from_fault_to_fault() {
    let fates = |seed: u64| {
        let identities = (0..2).map(|n| RadioIdentity::new(&format!("radio{n}"), DEVICE)).collect();
        let mut bench = Bench(World::new(identities, Medium { path: Path::default(), noise_dbfs: -200.0, seed }));
        [0, 1].map(|radio| {
            bench.tell(&format!("fault = {{ radio = \"radio{radio}\", kind = \"drop\", probability = 0.5 }}")).unwrap();
            bench.hellos(Host::new(radio, 1), 100)
        })
    };
    let [one, two] = fates(5);
    assert_eq!(fates(5), [one.clone(), two.clone()]);
    assert!(one != two && fates(6)[0] != one);
}

#[test]
fn a_fault_takes_the_place_of_its_like_and_ends_by_its_direction() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"drop\", every = 1, direction = \"in\"");
    bench.spoil("kind = \"drop\", every = 1000, direction = \"in\"");
    assert_eq!((bench.hellos(host, 3).len(), bench.faults()), (3, 1));
    bench.spoil("kind = \"drop\", every = 1, direction = \"out\"");
    assert_eq!((bench.hellos(host, 3).len(), bench.faults()), (0, 2));
    bench.spoil("kind = \"none\", direction = \"in\"");
    assert_eq!((bench.hellos(host, 3).len(), bench.faults()), (0, 1));
}

#[test]
fn packets_are_delayed_to_the_tick() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"delay\", ticks = 500, direction = \"in\"");
    bench.hello(host, 1);
    bench.pass(499);
    assert!(bench.replies(host).is_empty());
    assert_eq!(bench.0.due(), bench.0.now() + 1);
    bench.pass(1);
    assert_eq!(bench.replies(host), [1]);
    // On the way in and on the way out, one fault after the other.
    bench.spoil("kind = \"delay\", ms = 0.01, direction = \"out\"");
    bench.hello(host, 2);
    bench.pass(1499);
    assert!(bench.replies(host).is_empty());
    bench.pass(1);
    assert_eq!(bench.replies(host), [2]);
    // What is on its way when the fault ends still comes.
    bench.hello(host, 3);
    bench.spoil("kind = \"none\"");
    bench.hello(host, 4);
    assert_eq!(bench.replies(host), [4]);
    bench.pass(1500);
    assert_eq!(bench.replies(host), [3]);
}

#[test]
fn jitter_lets_packets_overtake_each_other_the_same_way_each_time() {
    let order = || {
        let (mut bench, host) = bench();
        bench.spoil("kind = \"delay\", ticks = 10, jitter_ticks = 1000, direction = \"in\"");
        assert!(bench.hellos(host, 50).is_empty());
        bench.pass(1010);
        bench.replies(host)
    };
    let (first, mut sorted) = (order(), order());
    assert_eq!(first, sorted);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    assert_ne!(first, sorted);
}

#[test]
fn packets_come_twice() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"duplicate\", every = 2, port = 49152, direction = \"out\"");
    assert_eq!(bench.hellos(host, 4), [0, 1, 1, 2, 3, 3]);
}

#[test]
fn a_packet_is_overtaken_by_the_next_or_waits_10_ms() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"reorder\", every = 2, direction = \"in\"");
    assert_eq!(bench.hellos(host, 4), [0, 2, 1, 3]);
    // A packet that overtakes is not asked about: 4 is the second that is.
    bench.hello(host, 4);
    bench.pass(10 * MS - 1);
    assert!(bench.replies(host).is_empty());
    bench.pass(1);
    assert_eq!(bench.replies(host), [4]);
}

#[test]
fn a_deaf_port_answers_nothing_while_others_do() {
    let (mut bench, host) = bench();
    let who_has = arp(1, (*host.address.ip(), host.mac), DEVICE);
    bench.command(host, StreamMode::Continuous, None);
    bench.spoil("kind = \"deaf\", port = 49152, for = 0.001");
    assert!(bench.hellos(host, 3).is_empty());
    bench.0.input(0, &who_has, None);
    assert_eq!(bench.drain(0).len(), 1);
    bench.pass(MS - 1);
    assert!(bench.hellos(host, 1).is_empty());
    bench.pass(1);
    assert!(bench.hellos(host, 1) == [0] && bench.faults() == 0, "its time is over");
    bench.spoil("kind = \"deaf\"");
    bench.drain(0);
    bench.0.input(0, &who_has, None);
    bench.pass(MS);
    assert!(bench.drain(0).is_empty(), "neither ARP nor samples");
    bench.spoil("kind = \"none\", port = 49152");
    assert_eq!(bench.faults(), 1, "that was another fault");
    bench.spoil("kind = \"none\"");
    bench.pass(MS);
    assert!(!bench.drain(0).is_empty(), "the stream went on");
}

#[test]
fn one_direction_may_be_deaf() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"deaf\", direction = \"out\"");
    bench.poke(host, sr::TIME_NOW, 1);
    bench.poke(host, sr::TIME_HIGH, 1);
    bench.spoil("kind = \"none\"");
    assert!(bench.replies(host).is_empty());
    assert_eq!(bench.time_low(host), 0, "what came in had its effect");
}

#[test]
fn a_brown_out_leaves_the_radio_as_after_power_up() {
    let (mut bench, host) = bench();
    let written = I2cData::new(&[0x40, 0x77]);
    bench.ask(host, Message::I2cWrite { address: 0x50, data: written });
    bench.command(host, StreamMode::Continuous, None);
    bench.pass(MS);
    assert!(!bench.drain(0).is_empty());
    bench.spoil("kind = \"brown-out\", for = 0.002");
    bench.pass(2 * MS - 1);
    assert_eq!((bench.hellos(host, 1), bench.drain(0).len()), (Vec::<u32>::new(), 0));
    bench.pass(1 + 123);
    assert_eq!(bench.faults(), 0);
    // Nobody is in the ARP cache but the one who asks.
    let other = Host::new(0, 9);
    bench.send(other, port::RX0, SetDestination::Named(host.address).encode(&mut [0; 16]));
    assert_eq!(bench.datagrams(0).pop().unwrap().payload, UNRESOLVED.to_be_bytes());
    // Not routed, no destination, no stream: what would be for the FPGA goes to the firmware, which knows nothing of it.
    let last = TxHeader { end_of_burst: true, ..TxHeader::default() };
    bench.transmit(host, last, &[Sample::default()]);
    bench.send(
        host,
        port::FAST,
        FastCommand { sequence: 1, at: None, operation: Operation::Read { word: 11 } }.encode(&mut [0; 24]),
    );
    bench.pass(MS);
    assert!(bench.datagrams(0).iter().all(|reply| reply.payload.len() == 4), "taken for destinations at most");
    assert_eq!(u64::from(bench.time_low(host)), 123 + MS, "time counts from power-up");
    bench.ask(host, Message::I2cWrite { address: 0x50, data: I2cData::new(&[0x40]) });
    let Some((_, Message::I2cReadDone(data))) = bench.ask(host, Message::I2cRead { address: 0x50, count: 1 }) else { panic!() };
    assert_eq!(data.bytes(), [0x77], "the EEPROM is what stays");
}

#[test]
fn a_brown_out_loses_what_was_on_its_way_to_the_radio() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"delay\", ticks = 5000, direction = \"in\"");
    bench.hello(host, 1);
    bench.spoil("kind = \"brown-out\", for = 0.00001");
    bench.pass(10_000);
    bench.hello(host, 2);
    bench.pass(10_000);
    assert_eq!(bench.replies(host), [2]);
}

#[test]
fn a_brown_out_without_an_end_is_ended_by_hand() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"brown-out\"");
    bench.pass(5000 * MS);
    assert!(bench.hellos(host, 1).is_empty());
    bench.spoil("kind = \"none\"");
    assert_eq!((bench.hellos(host, 1), bench.time_low(host)), (vec![0], 0));
}

#[test]
fn a_slow_cpu_is_slow_in_what_the_firmware_does_and_only_there() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"slow-cpu\", ms = 1");
    bench.hellos(host, 2);
    let last = TxHeader { end_of_burst: true, ..TxHeader::default() };
    bench.transmit(host, last, &[Sample::default()]);
    bench.pass(52);
    assert_eq!(bench.events(host).len(), 1, "the FPGA is as fast as ever");
    bench.pass(MS - 52);
    assert_eq!(bench.replies(host), [0]);
    bench.pass(MS - 1);
    assert!(bench.replies(host).is_empty());
    bench.pass(1);
    assert_eq!(bench.replies(host), [1], "one after the other");
}

#[test]
fn a_clock_jumps_and_the_stream_with_it() {
    let (mut bench, host) = bench();
    let packet = 363 * u64::from(DECIMATION);
    bench.command(host, StreamMode::Continuous, Some(2000));
    bench.0.advance(2000 + FIRST + packet);
    bench.spoil("kind = \"clock-jump\", ticks = 1000000");
    bench.pass(packet);
    bench.spoil("kind = \"clock-jump\", ticks = -1000005");
    bench.pass(2 * packet);
    let ticks: Vec<u64> = heard(&bench.datagrams(0)).into_iter().map(|packet| packet.unwrap().0).collect();
    // The time of a packet is that of its first sample: the one under way when the clock jumps keeps it.
    let first = 2000 + FIRST;
    assert_eq!(ticks, [first, first + packet, first + 2 * packet + 1_000_000, first + 3 * packet - 5]);
    assert_eq!(u64::from(bench.time_low(host)), bench.0.now() - 5);
}

#[test]
fn a_running_chain_overflows_on_demand() {
    let (mut bench, host) = bench();
    let refused = bench.tell("fault = { radio = \"radio0\", kind = \"overflow\" }").unwrap_err();
    assert!(refused.contains("no receive chain of radio0 runs"), "{refused}");
    bench.command(host, StreamMode::Continuous, None);
    assert!(bench.tell("fault = { radio = \"radio0\", kind = \"overflow\", port = 49158 }").is_err());
    bench.spoil("kind = \"overflow\", port = 49156");
    bench.pass(10 * MS);
    assert_eq!(heard(&bench.datagrams(0)), [Err(RxError::Overflow)]);
    bench.command(host, StreamMode::Continuous, None);
    bench.pass(MS);
    assert!(!bench.datagrams(0).is_empty(), "until a new command");
}

#[test]
fn all_running_chains_overflow_and_go_on_with_what_is_queued() {
    let (mut bench, host) = bench();
    bench.command(host, StreamMode::Samples(100_000), None);
    bench.command(host, StreamMode::Samples(5), Some(2_000_000));
    bench.command_words(host, sr::RX1_OFFSET, StreamCommand { mode: StreamMode::Continuous, at: None }.words());
    bench.spoil("kind = \"overflow\"");
    bench.0.advance(3_000_000);
    let (first, second): (Vec<_>, Vec<_>) = bench.streams(0).into_iter().partition(|datagram| datagram.ports.0 == port::RX0);
    assert_eq!(heard(&first), [Err(RxError::Overflow), Ok((2_000_000 + FIRST, 5, true))]);
    assert_eq!(heard(&second), [Err(RxError::Overflow)]);
}

#[test]
fn locks_are_lost_and_found() {
    let (mut bench, host) = bench();
    // The clock chip's charge pump on: then it locks to the internal reference.
    for data in [0x0940, 0x0A04, 0x0400, 0x0500, 0x0605, 0x0B00, 0x0C01, 0x0847, 0x5A01] {
        bench.ask(host, Message::Spi { slaves: 1, data, shape: *b"fr\x18\x01" });
    }
    bench.pass(MS);
    assert_eq!(bench.read(host, rb::STATUS), 0x1800);
    bench.spoil("kind = \"lost-lock\", for = 0.001");
    let status = bench.read(host, rb::STATUS);
    bench.send(
        host,
        port::FAST,
        FastCommand { sequence: 1, at: None, operation: Operation::Read { word: rb::GPIO } }.encode(&mut [0; 24]),
    );
    let acks = bench.datagrams(0);
    assert_eq!((status, Ack::decode(&acks[0].payload).unwrap().value & 0x0001_0001), (0x1000, 0));
    bench.pass(MS);
    assert_eq!(bench.read(host, rb::STATUS), 0x1800);
}

#[test]
fn offloaded_datagrams_meet_their_fate_one_by_one() {
    let (mut bench, host) = bench();
    bench.spoil("kind = \"drop\", every = 5, direction = \"in\"");
    let hello = Control::request(1, Message::Hello).encode();
    let to = (SocketAddrV4::new(DEVICE, port::CONTROL), Bench::mac(0));
    let frame = frame::host_udp((host.address, host.mac), to, &hello.repeat(7));
    bench.0.input(0, &frame, Some(hello.len()));
    assert_eq!(bench.replies(host).len(), 6);
}
