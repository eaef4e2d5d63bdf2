//! The I2C bus: the EEPROMs of the motherboard and of the daughterboards.

use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};

use super::flash::BootImage;
use super::{Board, Equipment, Programming};
use crate::ethernet::frame::Mac;

const SIZE: usize = 256;
const MOTHERBOARD: u8 = 0x50;
/// On a WBX: the small board with its antenna switches.
const SUB_BOARD: u8 = 0x51;
const TX_BOARD: u8 = 0x54;
const RX_BOARD: u8 = 0x55;

/// Motherboard: where its fields are.
const HARDWARE_AT: usize = 0x00;
const MAC_AT: usize = 0x02;
const MASK_AT: usize = 0x08;
const ADDRESS_AT: usize = 0x0C;
const GPSDO_AT: usize = 0x17;
const SERIAL_AT: usize = 0x18;
const NAME_AT: usize = 0x21;
const GATEWAY_AT: usize = 0x38;
const N210_R4: u16 = 0x0A11;

/// Daughterboards: first byte of an EEPROM, where a serial number and the checksum lie.
const BOARD_MAGIC: u8 = 0xDB;
const BOARD_SERIAL_AT: usize = 0x09;
const BOARD_CHECKSUM: usize = 0x1F;

/// What the firmware uses for a field that is all zeros or all ones.
const DEFAULT_MAC: Mac = [0x00, 0x50, 0xC2, 0x85, 0x3F, 0xFF];
const DEFAULT_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);
const DEFAULT_MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
const DEFAULT_GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 1);

/// Who a radio is.
#[derive(Debug, Clone)]
pub struct RadioIdentity {
    /// Name, at most 23 characters count.
    pub name: String,
    /// Serial number, at most 9 characters count.
    pub serial: String,
    /// Hardware address.
    pub mac: Mac,
    /// Address.
    pub ip: Ipv4Addr,
    /// What it is fitted with.
    pub equipment: Equipment,
    /// When it is powered up.
    pub powered_up: DateTime<Utc>,
    /// Network mask.
    pub mask: Ipv4Addr,
    /// Gateway.
    pub gateway: Ipv4Addr,
}

impl RadioIdentity {
    /// A radio of this name and address, powered up now; MAC and serial follow from the name. The network is a /24 whose first host is
    /// the gateway.
    pub fn new(name: &str, ip: Ipv4Addr) -> Self {
        // FNV-1a: distinct for distinct names, the same at every start.
        let hash = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self::numbered(name, ip, hash)
    }

    /// The same for a radio that nobody has named: another MAC and serial in every process, because UHD takes two radios of one serial for one.
    pub fn of_process(name: &str, ip: Ipv4Addr) -> Self {
        Self::numbered(name, ip, rand::random())
    }

    fn numbered(name: &str, ip: Ipv4Addr, number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        let [first, second, third, _] = ip.octets();
        // 02 marks a locally administered address.
        Self {
            name: name.into(),
            serial: format!("B{:07X}", number >> 4),
            mac: [0x02, 0xBA, a, b, c, d],
            ip,
            equipment: Equipment::default(),
            powered_up: Utc::now(),
            mask: DEFAULT_MASK,
            gateway: Ipv4Addr::new(first, second, third, 1),
        }
    }

    /// The addresses that the firmware takes when it starts: those of the EEPROM, or its own for what is not programmed and if it is the safe
    /// one.
    pub fn booted(self, bus: &Bus, image: BootImage) -> Self {
        let Some(chip) = bus.0.iter().find(|chip| chip.address == MOTHERBOARD) else { return self };
        let looks = image == BootImage::Production;
        let ip = |at, default: Ipv4Addr| chip.field(at).filter(|_| looks).map_or(default, <Ipv4Addr as From<[u8; 4]>>::from);
        Self {
            mac: chip.field(MAC_AT).filter(|_| looks).unwrap_or(DEFAULT_MAC),
            ip: ip(ADDRESS_AT, DEFAULT_ADDRESS),
            mask: ip(MASK_AT, DEFAULT_MASK),
            gateway: ip(GATEWAY_AT, DEFAULT_GATEWAY),
            ..self
        }
    }

    /// Network mask and gateway.
    pub fn mask_and_gateway(&self) -> (Ipv4Addr, Ipv4Addr) {
        (self.mask, self.gateway)
    }
}

/// Ids that board EEPROMs hold: receive, transmit, and the sub-board's if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids {
    rx: u16,
    tx: u16,
    sub: Option<u16>,
}

/// None: no boards, no EEPROMs.
fn ids(equipment: Equipment) -> Option<Ids> {
    let plain = |rx, tx| Ids { rx, tx, sub: None };
    let wbx = |rx, tx| Ids { rx, tx, sub: Some(0x004F) };
    let of = |board| match board {
        Board::None => None,
        Board::Lf => Some(plain(0x000F, 0x000E)),
        Board::Basic => Some(plain(0x0001, 0x0000)),
        Board::Sbx => Some(plain(0x0054, 0x0055)),
        Board::SbxV4 => Some(plain(0x0065, 0x0064)),
        Board::WbxV2 => Some(wbx(0x0053, 0x0052)),
        Board::Wbx => Some(wbx(0x0057, 0x0056)),
        Board::WbxV4 => Some(wbx(0x0063, 0x0062)),
    };
    let own = of(equipment.board);
    let other = of(match equipment.board {
        Board::None => Board::None,
        Board::Lf => Board::Basic,
        Board::Basic => Board::Lf,
        Board::Sbx | Board::SbxV4 => Board::Wbx,
        Board::Wbx | Board::WbxV2 | Board::WbxV4 => Board::Sbx,
    });
    match equipment.eeprom {
        Programming::Mismatched => own.zip(other).map(|(own, other)| Ids { rx: own.rx, tx: other.tx, sub: None }),
        _ => own,
    }
}

/// One EEPROM with its address pointer.
#[derive(Debug)]
struct Eeprom {
    address: u8,
    bytes: [u8; SIZE],
    pointer: u8,
}

impl Eeprom {
    /// Bytes from an offset on; none if they are all zeros or all ones: not programmed.
    fn field<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        (bytes != [0x00; N] && bytes != [0xFF; N]).then_some(bytes)
    }
}

/// All EEPROMs.
#[derive(Debug)]
pub struct Bus(Vec<Eeprom>);

impl Bus {
    /// The EEPROMs of an N210 revision 4 and of its boards.
    pub fn new(identity: &RadioIdentity) -> Self {
        let mut chips = vec![motherboard(identity)];
        if let Some(ids) = ids(identity.equipment) {
            let boards = [(RX_BOARD, Some(ids.rx)), (TX_BOARD, Some(ids.tx)), (SUB_BOARD, ids.sub)];
            chips.extend(boards.iter().filter_map(|(address, id)| id.map(|id| board(*address, id, &identity.serial))));
        }
        if identity.equipment.eeprom == Programming::Unprogrammed {
            for chip in &mut chips {
                chip.bytes = [0xFF; SIZE];
            }
        }
        Self(chips)
    }

    /// Writes: the first byte sets the pointer, the others are stored from there. The firmware reads its addresses only when it
    /// starts.
    pub fn write(&mut self, address: u8, data: &[u8]) {
        let Some(chip) = self.0.iter_mut().find(|chip| chip.address == address) else { return };
        let Some((pointer, bytes)) = data.split_first() else { return };
        chip.pointer = *pointer;
        for byte in bytes {
            chip.bytes[usize::from(chip.pointer)] = *byte;
            chip.pointer = chip.pointer.wrapping_add(1);
        }
    }

    /// The motherboard's hardware code, as its two bytes lie in the EEPROM.
    pub fn hardware_code(&self) -> [u8; 2] {
        let chip = self.0.iter().find(|chip| chip.address == MOTHERBOARD);
        chip.and_then(|chip| chip.bytes.first_chunk().copied()).unwrap_or([0xFF; 2])
    }

    /// Writes the address with which the firmware starts the next time.
    pub fn set_address(&mut self, ip: Ipv4Addr) {
        let [a, b, c, d] = ip.octets();
        self.write(MOTHERBOARD, &[ADDRESS_AT as u8, a, b, c, d]);
    }

    /// Reads from the pointer on; an address without a chip reads as 0xFF.
    pub fn read(&mut self, address: u8, out: &mut [u8]) {
        out.fill(0xFF);
        let Some(chip) = self.0.iter_mut().find(|chip| chip.address == address) else { return };
        for slot in out {
            *slot = chip.bytes[usize::from(chip.pointer)];
            chip.pointer = chip.pointer.wrapping_add(1);
        }
    }
}

fn motherboard(identity: &RadioIdentity) -> Eeprom {
    let mut bytes = [0xFF; SIZE];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(HARDWARE_AT, &N210_R4.to_le_bytes());
    put(MAC_AT, &identity.mac);
    put(MASK_AT, &identity.mask.octets());
    put(ADDRESS_AT, &identity.ip.octets());
    put(GPSDO_AT, &[u8::from(identity.equipment.gpsdo)]);
    put(SERIAL_AT, &text::<9>(&identity.serial));
    put(NAME_AT, &text::<23>(&identity.name));
    put(GATEWAY_AT, &identity.gateway.octets());
    Eeprom { address: MOTHERBOARD, bytes, pointer: 0 }
}

/// Printable ASCII, zero-filled.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    for (slot, byte) in field.iter_mut().zip(text.bytes().filter(|b| (32..127).contains(b))) {
        *slot = byte;
    }
    field
}

fn board(address: u8, id: u16, serial: &str) -> Eeprom {
    let mut bytes = [0xFF; SIZE];
    bytes[..BOARD_CHECKSUM].fill(0);
    bytes[0] = BOARD_MAGIC;
    bytes[1..3].copy_from_slice(&id.to_le_bytes());
    bytes[BOARD_SERIAL_AT..BOARD_SERIAL_AT + 9].copy_from_slice(&text::<9>(serial));
    let sum = bytes[..BOARD_CHECKSUM].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[BOARD_CHECKSUM] = sum.wrapping_neg();
    Eeprom { address, bytes, pointer: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(board: Board, eeprom: Programming) -> (RadioIdentity, Bus) {
        let equipment = Equipment { board, eeprom, gpsdo: true, ..Equipment::default() };
        let identity = RadioIdentity { equipment, ..RadioIdentity::new("pool", Ipv4Addr::new(10, 1, 2, 3)) };
        let bus = Bus::new(&identity);
        (identity, bus)
    }

    fn read(bus: &mut Bus, address: u8) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bus.write(address, &[0]);
        bus.read(address, &mut bytes);
        bytes
    }

    /// Id of a board if its EEPROM passes UHD's checks.
    fn id(bus: &mut Bus, address: u8) -> Option<u16> {
        let bytes = read(bus, address);
        let sum = bytes[..0x20].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        (bytes[0] == 0xDB && sum == 0).then(|| u16::from_le_bytes([bytes[1], bytes[2]]))
    }

    #[test]
    fn every_board_has_its_ids_and_checksums() {
        use Programming::{Mismatched, Programmed, Unprogrammed};
        for (kind, eeprom, rx, tx, sub) in [
            (Board::Lf, Programmed, Some(0x0F), Some(0x0E), None),
            (Board::Basic, Programmed, Some(0x01), Some(0x00), None),
            (Board::Sbx, Programmed, Some(0x54), Some(0x55), None),
            (Board::Wbx, Programmed, Some(0x57), Some(0x56), Some(0x4F)),
            (Board::SbxV4, Programmed, Some(0x65), Some(0x64), None),
            (Board::WbxV2, Programmed, Some(0x53), Some(0x52), Some(0x4F)),
            (Board::WbxV4, Programmed, Some(0x63), Some(0x62), Some(0x4F)),
            (Board::None, Programmed, None, None, None),
            (Board::Lf, Mismatched, Some(0x0F), Some(0x00), None),
            (Board::Basic, Mismatched, Some(0x01), Some(0x0E), None),
            (Board::Sbx, Mismatched, Some(0x54), Some(0x56), None),
            (Board::Wbx, Mismatched, Some(0x57), Some(0x55), None),
            (Board::None, Mismatched, None, None, None),
            (Board::Wbx, Unprogrammed, None, None, None),
        ] {
            let (_, mut bus) = bus(kind, eeprom);
            let found = [RX_BOARD, TX_BOARD, SUB_BOARD].map(|address| id(&mut bus, address));
            assert_eq!(found, [rx, tx, sub], "{kind:?} {eeprom:?}");
        }
    }

    #[test]
    fn a_radio_without_a_name_is_another_in_every_process() {
        let identity = |name| RadioIdentity::of_process(name, DEFAULT_ADDRESS);
        let (one, two) = (identity("n210"), identity("n210"));
        assert!(one.mac != two.mac && one.serial != two.serial && one.name == two.name);
        assert_eq!(one.mac[0] & 3, 2, "locally administered, of one host");
        assert_eq!(RadioIdentity::new("pool", DEFAULT_ADDRESS).mac, RadioIdentity::new("pool", DEFAULT_ADDRESS).mac);
    }

    #[test]
    fn the_motherboard_says_who_it_is() {
        let (identity, mut bus) = bus(Board::Lf, Programming::Programmed);
        let bytes = read(&mut bus, MOTHERBOARD);
        assert_eq!((&bytes[..2], &bytes[2..8]), (&[0x11, 0x0A][..], &identity.mac[..]));
        assert_eq!((&bytes[0x08..0x10], bytes[0x17]), (&[255, 255, 255, 0, 10, 1, 2, 3][..], 1));
        assert_eq!((&bytes[0x18..0x21], &bytes[0x21..0x26]), (&text::<9>(&identity.serial)[..], &b"pool\0"[..]));
        assert_eq!(bytes[0x38..0x3C], [10, 1, 2, 1]);
    }

    #[test]
    fn addresses_are_the_eeproms_at_the_next_start() {
        let (identity, mut bus) = bus(Board::Lf, Programming::Programmed);
        let booted = identity.clone().booted(&bus, BootImage::Production);
        assert_eq!((booted.ip, booted.mac), (identity.ip, identity.mac));
        bus.write(MOTHERBOARD, &[ADDRESS_AT as u8, 10, 1, 2, 9]);
        // Not programmed is all zeros as well as all ones.
        bus.write(MOTHERBOARD, &[MAC_AT as u8, 0, 0, 0, 0, 0, 0]);
        let booted = booted.booted(&bus, BootImage::Production);
        assert_eq!((booted.ip, booted.mac), (Ipv4Addr::new(10, 1, 2, 9), DEFAULT_MAC));
        let (identity, bus) = self::bus(Board::Lf, Programming::Unprogrammed);
        let booted = identity.booted(&bus, BootImage::Production);
        assert_eq!((booted.ip, booted.mac, booted.mask_and_gateway().1), (DEFAULT_ADDRESS, DEFAULT_MAC, DEFAULT_GATEWAY));
        let (identity, mut bus) = self::bus(Board::Lf, Programming::Programmed);
        bus.set_address(Ipv4Addr::new(10, 1, 2, 8));
        let safe = identity.clone().booted(&bus, BootImage::Safe);
        assert_eq!((safe.ip, safe.mac, safe.mask_and_gateway().1), (DEFAULT_ADDRESS, DEFAULT_MAC, DEFAULT_GATEWAY));
        assert_eq!(safe.booted(&bus, BootImage::Production).ip, Ipv4Addr::new(10, 1, 2, 8));
        assert_eq!(bus.hardware_code(), [0x11, 0x0A]);
    }
}
