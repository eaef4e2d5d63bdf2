//! The door for fuzzers: radios that take any sequence of frames and time. Not for other callers.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::air::medium::{Medium, Path};
use crate::board::Equipment;
use crate::board::eeprom::RadioIdentity;
use crate::device::clock::Tick;
use crate::ethernet::frame::{self, Mac};
use crate::ethernet::outbox::{MAX_FRAME, Outbox};
use crate::scene::{self, Defaults, Scene};
use crate::world::World;
use n210_wire::control::{Action, Control, Message};
use n210_wire::register::{ROUTER_PORTS, setting_address, sr};
use n210_wire::{TICKS_PER_SECOND, port};

const RADIOS: usize = 2;

const DEVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);

/// Bytes of a record before its payload: kind, time, and the payload's length as a little-endian u16.
pub const HEAD: usize = 4;

/// Bit of the kind: the other radio.
pub const RADIO: u8 = 0x10;
/// Bit of the kind: the other host.
pub const HOST: u8 = 0x20;
/// Bit of the kind: the datagrams of one frame, as offloaded segmentation hands them over; or transport words that count on.
pub const SPECIAL: u8 = 0x40;

/// Low four bits of the kind: port of a datagram by its place here, then the two others.
pub const PORTS: [u16; 8] =
    [port::CONTROL, port::RX0, port::TX, port::RX1, port::FAST, port::GPSDO, port::CONTROL + 1, port::UPDATE];
/// Kind of a register write through the control port: the payload is the register's number and a big-endian value.
pub const REGISTER: u8 = 8;
/// Kind of a whole Ethernet frame.
pub const FRAME: u8 = 9;

/// Most ticks of a record, as the power of 2, and of a run: a streaming radio makes real work of them.
const LONGEST_STEP: u8 = 20;
const LONGEST_RUN: Tick = TICKS_PER_SECOND / 50;

/// Payload of one datagram in an offloaded frame.
const SEGMENT: usize = 36;

/// Reads a text as a scene for two radios, and as a line of the command socket.
///
/// # Panics
/// It is refused without a word. That, any other panic and not ending are what a fuzzer looks for.
pub fn scene(text: &str) {
    let names: Vec<String> = ["pool", "far"].map(str::to_owned).into();
    let medium = Medium { path: Path::default(), noise_dbfs: -60.0, seed: 1 };
    let defaults = Defaults { medium, equipment: Equipment::default() };
    let scene = Scene::parse(Some("scene.toml"), text, names.clone(), defaults).map(drop);
    for failure in [scene, scene::event(text, &names).map(drop)].into_iter().filter_map(Result::err) {
        assert!(!failure.message.is_empty());
    }
}

struct Run {
    world: World,
    sequence: [u32; RADIOS],
}

/// Feeds radios that hosts already stream with the records of `data`: kind, time, length, payload; time passes before a record by
/// 2^(time modulo 21) - 1 ticks. A record cut short counts with what is there.
///
/// # Panics
/// A radio sent a frame that no Ethernet carries. That, any other panic and not ending are what a fuzzer looks for.
pub fn frames(data: &[u8]) {
    let identities = (0..RADIOS).map(|radio| RadioIdentity::new(&format!("radio{radio}"), DEVICE)).collect();
    let medium = Medium { path: Path::default(), noise_dbfs: -60.0, seed: 1 };
    let mut run = Run { world: World::new(identities, medium), sequence: [0; RADIOS] };
    for radio in 0..RADIOS {
        run.prepare(radio);
    }
    let mut rest = data;
    while let Some((&[kind, time, low, high], after)) = rest.split_first_chunk::<HEAD>() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (payload, next) = after.split_at(length);
        rest = next;
        let step = (1 << (time % (LONGEST_STEP + 1))) - 1;
        run.world.advance((run.world.now() + step).min(LONGEST_RUN));
        run.record(kind, payload);
        run.check();
    }
    run.world.advance((run.world.now() + TICKS_PER_SECOND / 1000).min(LONGEST_RUN));
    run.check();
}

fn mac(last: u8) -> Mac {
    [2, 0, 0, 0, 0, last]
}

impl Run {
    /// A host has opened the radio: destinations are set, the router hands transmit and fast control packets to the FPGA.
    fn prepare(&mut self, radio: usize) {
        for to in [port::CONTROL, port::RX0, port::RX1, port::TX, port::FAST] {
            self.datagram(radio, 1, to, &[0; 8], None);
        }
        self.register(radio, 1, sr::ROUTER_PORTS, ROUTER_PORTS);
        self.check();
    }

    fn record(&mut self, kind: u8, payload: &[u8]) {
        let radio = usize::from(kind & RADIO != 0);
        let host = if kind & HOST == 0 { 1 } else { 3 };
        let special = kind & SPECIAL != 0;
        match kind & 15 {
            REGISTER => {
                let mut word = [0; 5];
                let shared = payload.len().min(word.len());
                word[..shared].copy_from_slice(&payload[..shared]);
                let [register, value @ ..] = word;
                self.register(radio, host, register, u32::from_be_bytes(value));
            }
            FRAME => self.world.input(radio, payload, special.then_some(SEGMENT)),
            place => {
                let to = PORTS.get(usize::from(place)).copied().unwrap_or(port::TX);
                if special && to == port::TX {
                    let payload = self.in_sequence(radio, payload);
                    self.datagram(radio, host, to, &payload, None);
                } else {
                    self.datagram(radio, host, to, payload, special.then_some(SEGMENT));
                }
            }
        }
    }

    /// The packet with the sequence, count and length that the radio expects if all before were such: no fuzzer guesses them.
    fn in_sequence(&mut self, radio: usize, payload: &[u8]) -> Vec<u8> {
        let mut packet = payload.to_vec();
        packet.resize(packet.len().max(12) & !3, 0);
        let sequence = self.sequence[radio];
        self.sequence[radio] = sequence.wrapping_add(1);
        packet[..4].copy_from_slice(&sequence.to_be_bytes());
        packet[5] = packet[5] & 0xF0 | (sequence & 15) as u8;
        packet[6..8].copy_from_slice(&(((payload.len().max(12) - 4) / 4) as u16).to_be_bytes());
        packet
    }

    fn register(&mut self, radio: usize, host: u8, register: u8, data: u32) {
        let message = Message::Register { address: setting_address(register), data, action: Action::Write };
        self.datagram(radio, host, port::CONTROL, &Control::request(1, message).encode(), None);
    }

    fn datagram(&mut self, radio: usize, host: u8, to: u16, payload: &[u8], segment: Option<usize>) {
        let own = RadioIdentity::new(&format!("radio{radio}"), DEVICE).mac;
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, host), 5000);
        let mut frame = Outbox::default();
        let path = frame::Peers { from: (*from.ip(), mac(host)), to: (DEVICE, own) };
        let slot = frame::udp(&mut frame, &path, from.port(), to, payload.len());
        let shared = slot.len().min(payload.len());
        slot[..shared].copy_from_slice(&payload[..shared]);
        for frame in frame.frames() {
            self.world.input(radio, frame, segment);
        }
    }

    fn check(&mut self) {
        for radio in 0..RADIOS {
            let Some(out) = self.world.outbox(radio) else { continue };
            assert!(out.frames().all(|frame| (42..=MAX_FRAME).contains(&frame.len())), "a frame of an impossible length");
            out.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HEAD, frames};

    fn record(kind: u8, time: u8, payload: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, time];
        record.extend((payload.len() as u16).to_le_bytes());
        assert_eq!(record.len(), HEAD);
        record.extend(payload);
        record
    }

    /// What stock programs send, cut, and what fuzzers found.
    #[test]
    fn every_seed_passes() {
        let seeds = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/n210")).unwrap();
        let tried = seeds.map(|seed| frames(&std::fs::read(seed.unwrap().path()).unwrap())).count();
        assert!(tried >= 10, "{tried} seeds");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn no_sequence_of_frames_makes_it_panic(
            records in prop::collection::vec((any::<u8>(), 0_u8..21, prop::collection::vec(any::<u8>(), 0..80)), 0..40)
        ) {
            frames(&records.iter().flat_map(|(kind, time, payload)| record(*kind, *time, payload)).collect::<Vec<u8>>());
        }
    }
}
