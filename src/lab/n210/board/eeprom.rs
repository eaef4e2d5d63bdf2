//! The I2C bus: the EEPROMs of the motherboard and of the LFRX and LFTX boards.

use std::net::Ipv4Addr;

use super::Equipment;
use crate::lab::n210::ethernet::frame::Mac;

const SIZE: usize = 256;
const MOTHERBOARD: u8 = 0x50;
const RX_BOARD: u8 = 0x55;
const TX_BOARD: u8 = 0x54;
const N210_R4: u16 = 0x0A11;
const LFRX: u16 = 0x000F;
const LFTX: u16 = 0x000E;
/// First byte of a daughterboard's EEPROM, and where its checksum lies.
const BOARD_MAGIC: u8 = 0xDB;
const BOARD_CHECKSUM: usize = 0x1F;

/// Who a radio is.
#[derive(Debug, Clone)]
pub struct Identity {
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
}

impl Identity {
    /// A radio of this name and address; MAC and serial follow from the name.
    pub fn new(name: &str, ip: Ipv4Addr) -> Self {
        // FNV-1a: distinct for distinct names, the same at every start.
        let hash = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let [a, b, c, d] = hash.to_be_bytes();
        // 02 marks a locally administered address.
        Self {
            name: name.into(),
            serial: format!("B{:07X}", hash >> 4),
            mac: [0x02, 0xBA, a, b, c, d],
            ip,
            equipment: Equipment::default(),
        }
    }

    /// Network mask and gateway: a /24 whose first host is the gateway, as unprogrammed devices assume.
    pub fn mask_and_gateway(&self) -> (Ipv4Addr, Ipv4Addr) {
        let [a, b, c, _] = self.ip.octets();
        (Ipv4Addr::new(255, 255, 255, 0), Ipv4Addr::new(a, b, c, 1))
    }
}

/// One EEPROM with its address pointer.
#[derive(Debug)]
struct Eeprom {
    address: u8,
    bytes: [u8; SIZE],
    pointer: u8,
}

/// All EEPROMs.
#[derive(Debug)]
pub struct Bus([Eeprom; 3]);

impl Bus {
    /// The EEPROMs of an N210 revision 4 with LFRX and LFTX.
    pub fn new(identity: &Identity) -> Self {
        Self([motherboard(identity), board(RX_BOARD, LFRX), board(TX_BOARD, LFTX)])
    }

    /// Writes: the first byte sets the pointer, the others are stored from there.
    pub fn write(&mut self, address: u8, data: &[u8]) {
        let Some(chip) = self.0.iter_mut().find(|chip| chip.address == address) else { return };
        let Some((pointer, bytes)) = data.split_first() else { return };
        chip.pointer = *pointer;
        for byte in bytes {
            chip.bytes[usize::from(chip.pointer)] = *byte;
            chip.pointer = chip.pointer.wrapping_add(1);
        }
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

fn motherboard(identity: &Identity) -> Eeprom {
    let (mask, gateway) = identity.mask_and_gateway();
    let mut bytes = [0xFF; SIZE];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0x00, &N210_R4.to_le_bytes());
    put(0x02, &identity.mac);
    put(0x08, &mask.octets());
    put(0x0C, &identity.ip.octets());
    put(0x17, &[0]);
    put(0x18, &text::<9>(&identity.serial));
    put(0x21, &text::<23>(&identity.name));
    put(0x38, &gateway.octets());
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

fn board(address: u8, id: u16) -> Eeprom {
    let mut bytes = [0xFF; SIZE];
    bytes[..BOARD_CHECKSUM].fill(0);
    bytes[0] = BOARD_MAGIC;
    bytes[1..3].copy_from_slice(&id.to_le_bytes());
    let sum = bytes[..BOARD_CHECKSUM].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[BOARD_CHECKSUM] = sum.wrapping_neg();
    Eeprom { address, bytes, pointer: 0 }
}
