//! Boards, EEPROMs and serial lines through the device's ports.

use chrono::DateTime;

use super::*;
use crate::board::{Board, Equipment, Programming};
use n210_wire::TICKS_PER_SECOND;
use n210_wire::control::I2cData;
use n210_wire::fast::{Ack, FastCommand, Operation};

const GPS: u16 = 49172;
const EXTERNAL: u32 = 0x1C;
const INTERNAL: u32 = 0x12;
const SHAPE: [u8; 4] = [b'f', b'r', 24, 1];

fn bench(equipment: Equipment) -> (Bench, Host) {
    let powered_up = DateTime::from_timestamp(1_000_000_000, 0).unwrap();
    let identity = RadioIdentity { equipment, powered_up, ..RadioIdentity::new("radio0", DEVICE) };
    // Loud noise: what is silent is off.
    let medium = Medium { path: Path::default(), noise_dbfs: -20.0, seed: 1 };
    (Bench(World::new(vec![identity], medium)), Host::new(0, 1))
}

fn spi(bench: &mut Bench, host: Host, slaves: u32, data: u32, bits: u8) -> u32 {
    let [miso, mosi, _, readback] = SHAPE;
    match bench.ask(host, Message::Spi { slaves, data, shape: [miso, mosi, bits, readback] }) {
        Some((_, Message::SpiDone(value))) => value,
        other => panic!("{other:?}"),
    }
}

fn read(bench: &mut Bench, host: Host, address: u32) -> u32 {
    match bench.ask(host, Message::Register { address, data: 0, action: Action::Read }) {
        Some((_, Message::RegisterDone(value))) => value,
        other => panic!("{other:?}"),
    }
}

/// Reads a word through the fast control port, having written a register there.
fn fast(bench: &mut Bench, host: Host, register: u8, value: u32, word: u8) -> u32 {
    let write = FastCommand { sequence: 1, at: None, operation: Operation::Write { register, value } };
    let read = FastCommand { sequence: 2, at: None, operation: Operation::Read { word } };
    for command in [write, read] {
        bench.send(host, port::FAST, command.encode(&mut [0; 24]));
    }
    Ack::decode(&bench.datagrams(host.radio).pop().unwrap().payload).unwrap().value
}

#[test]
fn spi_reaches_the_chips_by_both_ports() {
    let (mut bench, host) = bench(Equipment::default());
    bench.ready(host);
    spi(&mut bench, host, 1, 0x00_4733, 24);
    assert_eq!(spi(&mut bench, host, 1, 0x80_4700, 24) & 0xFF, 0x33);
    assert_eq!(read(&mut bench, host, register::readback_address(rb::SPI)) & 0xFF, 0x33);
    assert_eq!(fast(&mut bench, host, sr::SPI_DATA, 0x8048_0000, rb::SPI) & 0xFF, 0);
    assert_eq!(fast(&mut bench, host, sr::SPI_DATA, 0x8047_0000, rb::SPI) & 0xFF, 0x33);
}

#[test]
fn the_clock_register_is_the_firmwares_alone() {
    let (mut bench, host) = bench(Equipment::default());
    bench.ready(host);
    for word in [0x0940, 0x0A04, 0x0400, 0x0500, 0x0605, 0x0B00, 0x0C01, 0x0847, 0x5A01] {
        spi(&mut bench, host, 1, word, 24);
    }
    let locked = |status: u32| status & 0x800 != 0;
    assert!(locked(fast(&mut bench, host, sr::CLOCK, EXTERNAL, rb::STATUS)), "the fast port does not reach it");
    for (source, lock) in [(EXTERNAL, false), (INTERNAL, true)] {
        bench.poke(host, sr::CLOCK, source);
        bench.drain(0);
        assert_eq!(locked(read(&mut bench, host, register::readback_address(rb::STATUS))), lock, "{source:#x}");
    }
}

#[test]
fn a_converter_that_is_off_gives_silence() {
    let (mut bench, host) = bench(Equipment::default());
    bench.ready(host);
    let noisy = |bench: &mut Bench| {
        bench.command(host, StreamMode::Samples(300), None);
        let later = bench.0.now() + 100_000;
        bench.0.advance(later);
        let datagram = bench.datagrams(0).pop().unwrap();
        let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { panic!("no samples") };
        data.samples().any(|sample| sample != Sample::default())
    };
    assert!(noisy(&mut bench));
    spi(&mut bench, host, 0x100, 0x14B4, 16);
    assert!(!noisy(&mut bench));
    spi(&mut bench, host, 0x100, 0x14B0, 16);
    assert!(noisy(&mut bench));
}

#[test]
fn eeproms_change_at_once_and_addresses_at_the_next_start() {
    let (mut bench, host) = bench(Equipment::default());
    bench.ask(host, Message::I2cWrite { address: 0x50, data: I2cData::new(&[0x0F, 77]) });
    bench.ask(host, Message::I2cWrite { address: 0x50, data: I2cData::new(&[0x0F]) });
    let (_, answer) = bench.ask(host, Message::I2cRead { address: 0x50, count: 1 }).unwrap();
    assert_eq!(answer, Message::I2cReadDone(I2cData::new(&[77])));
    assert_eq!(bench.ask(host, Message::Hello).unwrap().1, Message::HelloReply(DEVICE));
}

#[test]
fn without_a_programmed_eeprom_the_firmware_has_its_own_addresses() {
    let equipment = Equipment { eeprom: Programming::Unprogrammed, board: Board::Sbx, ..Equipment::default() };
    let identity = RadioIdentity { equipment, ..RadioIdentity::new("radio0", Ipv4Addr::new(10, 0, 0, 9)) };
    let mut bench = Bench(World::new(vec![identity], Medium { path: Path::default(), noise_dbfs: -20.0, seed: 1 }));
    let host = Host::new(0, 1);
    bench.0.input(0, &arp(1, (*host.address.ip(), host.mac), DEVICE), None);
    assert_eq!(bench.drain(0).pop().unwrap()[22..28], [0x00, 0x50, 0xC2, 0x85, 0x3F, 0xFF]);
}

#[test]
fn a_gpsdo_speaks_to_who_wrote_last() {
    let (mut bench, host) = bench(Equipment { gpsdo: true, ..Equipment::default() });
    bench.send(host, GPS, b"");
    bench.send(host, GPS, b"*IDN?\r\nGPS:GPRMC 1\r\n");
    assert!(bench.0.due() < 10_000, "the first byte is under way");
    bench.0.advance(TICKS_PER_SECOND / 2);
    let said = |bench: &mut Bench| -> Vec<String> {
        let datagrams = bench.datagrams(0);
        let lines = datagrams.iter().filter(|d| d.ports == (GPS, host.address.port()));
        lines.map(|d| String::from_utf8(d.payload.clone()).unwrap()).collect()
    };
    assert_eq!(said(&mut bench), ["GPSTCXO,Firmware Rev 0.929\r", "\n"]);
    bench.0.advance(TICKS_PER_SECOND + TICKS_PER_SECOND / 2);
    let sentences = said(&mut bench);
    assert!(sentences.len() == 2 && sentences[0].starts_with("$GPRMC,014641.00,A,"), "{sentences:?}");
    // Its listener's port is gone.
    let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 28, 0, 0, 0x40, 0, 32, 17, 0, 0, 192, 168, 10, 2, 192, 168, 10, 1];
    icmp.extend(GPS.to_be_bytes());
    icmp.extend([0x13, 0x88, 0, 8, 0, 0]);
    let mut frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, 1), Bench::mac(0)), &icmp[8..]);
    frame[23] = 1;
    frame[34..].copy_from_slice(&icmp);
    bench.0.input(0, &frame, None);
    bench.0.advance(3 * TICKS_PER_SECOND);
    assert_eq!(said(&mut bench), [""; 0]);
}

#[test]
fn without_a_gpsdo_and_on_other_lines_there_is_silence() {
    for (gpsdo, to) in [(false, GPS), (true, 49170), (true, 49171), (true, 49173)] {
        let (mut bench, host) = bench(Equipment { gpsdo, ..Equipment::default() });
        bench.send(host, to, b"*IDN?\r\nGPS:GPRMC 1\r\n");
        bench.0.advance(3 * TICKS_PER_SECOND);
        assert!(bench.drain(0).is_empty());
    }
}

#[test]
fn memory_that_is_not_modelled_reads_as_nothing() {
    let (mut bench, host) = bench(Equipment::default());
    // Packet RAM, SPI flash, setting registers, the MAC, and words of the readback block that do not exist.
    for (address, value) in [
        (0x4000, 0),
        (0xB000, 0),
        (register::setting_address(0), 0),
        (register::setting_address(8), 0),
        (0x6000, 0),
        (register::readback_address(1), u32::MAX),
        (register::readback_address(rb::GPIO), u32::MAX),
    ] {
        bench.poke(host, 8, 0xABCD);
        bench.drain(0);
        assert_eq!(read(&mut bench, host, address), value, "{address:#x}");
    }
}
