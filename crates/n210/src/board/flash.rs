//! The flash memory with the images of FPGA and firmware: an M25P32, 4 MiB in sectors of 64 KiB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::device::clock::Tick;
use n210_wire::TICKS_PER_SECOND;

/// Bytes of a sector, and of the memory.
pub const SECTOR: u32 = 1 << 16;
pub const MEMORY: u32 = 1 << 22;

/// Where images begin: the FPGA's and the firmware's, and those that are there when these are broken.
const FPGA_AT: u32 = 0x18_0000;
const FIRMWARE_AT: u32 = 0x30_0000;
const SAFE_FPGA_AT: u32 = 0;
const SAFE_FIRMWARE_AT: u32 = 0x3F_0000;

/// Among the first bytes of an FPGA image: its synchronisation word. First bytes of a firmware image: a jump.
const FPGA_HEAD: usize = 64;
const FPGA_SYNC: [u8; 2] = [0xAA, 0x99];
const FIRMWARE_HEAD: [u8; 4] = [0x0B; 4];

/// How long the chip takes for a sector, typically.
const ERASE: Tick = TICKS_PER_SECOND * 6 / 10;

/// Which images the radio starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootImage {
    /// Those that are used.
    Production,
    /// Those for when one of these is no image: the firmware then has its own addresses.
    Safe,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Flash {
    /// Sectors that were written or come from a file; the others are as shipped.
    sectors: BTreeMap<u32, Box<[u8]>>,
    file: Option<File>,
    erase: Erase,
}

/// Sectors that are erased one after another; the next begins when the host asks whether all are.
#[derive(Debug, Default)]
struct Erase {
    current: u32,
    last: u32,
    busy_until: Tick,
}

/// A sector as shipped: images of nothing but their heads.
fn shipped(number: u32) -> Box<[u8]> {
    let mut bytes = vec![0xFF; SECTOR as usize].into_boxed_slice();
    match number * SECTOR {
        SAFE_FPGA_AT | FPGA_AT => bytes[FPGA_HEAD / 2..][..2].copy_from_slice(&FPGA_SYNC),
        SAFE_FIRMWARE_AT | FIRMWARE_AT => bytes[..4].copy_from_slice(&FIRMWARE_HEAD),
        _ => {}
    }
    bytes
}

impl Flash {
    /// The memory that a file holds; one that is not there is made, as shipped.
    ///
    /// # Errors
    /// It cannot be read, written or made, is not of the size of the memory, or another radio has it.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        if file.try_lock().is_err() {
            return Err(io::Error::other("another radio has it"));
        }
        if file.metadata()?.len() == 0 {
            for number in 0..MEMORY / SECTOR {
                file.write_all_at(&shipped(number), u64::from(number * SECTOR))?;
            }
        }
        if file.metadata()?.len() != u64::from(MEMORY) {
            return Err(io::Error::other(format!("it is not of {MEMORY} bytes, as the memory is")));
        }
        let mut sectors = BTreeMap::new();
        for number in 0..MEMORY / SECTOR {
            let mut bytes = vec![0; SECTOR as usize].into_boxed_slice();
            (&file).read_exact(&mut bytes)?;
            sectors.insert(number, bytes);
        }
        Ok(Self { sectors, file: Some(file), erase: Erase::default() })
    }

    fn sector(&mut self, number: u32) -> &mut [u8] {
        self.sectors.entry(number).or_insert_with(|| shipped(number))
    }

    /// Reads from an address on; behind the last byte comes the first.
    pub fn read(&self, address: u32, out: &mut [u8]) {
        let mut unwritten: Option<(u32, Box<[u8]>)> = None;
        for (at, slot) in (address % MEMORY..).zip(out) {
            let (number, offset) = (at % MEMORY / SECTOR, (at % SECTOR) as usize);
            *slot = if let Some(bytes) = self.sectors.get(&number) {
                bytes[offset]
            } else {
                let (_, bytes) = match unwritten.take() {
                    Some(sector) if sector.0 == number => unwritten.insert(sector),
                    _ => unwritten.insert((number, shipped(number))),
                };
                bytes[offset]
            };
        }
    }

    /// Clears the bits that are 0 in `data`. What reaches beyond the memory is not written at all.
    pub fn program(&mut self, address: u32, data: &[u8]) {
        if u64::from(address) + data.len() as u64 > u64::from(MEMORY) {
            return;
        }
        for (at, byte) in (address..).zip(data) {
            self.sector(at / SECTOR)[(at % SECTOR) as usize] &= byte;
        }
        let mut now = vec![0; data.len()];
        self.read(address, &mut now);
        self.keep(address, &now);
    }

    /// Begins to erase the sectors of a range; none if it is empty or reaches beyond the memory.
    pub fn erase(&mut self, address: u32, length: u32, now: Tick) {
        let end = u64::from(address) + u64::from(length);
        if length == 0 || end > u64::from(MEMORY) {
            self.erase = Erase { busy_until: self.erase.busy_until, ..Erase::default() };
            return;
        }
        self.erase = Erase { current: address / SECTOR, last: (address + length - 1) / SECTOR, busy_until: now };
        self.erase_sector(now);
    }

    /// Whether all is erased; if not, and the chip is free, goes on with the next sector.
    pub fn is_erased(&mut self, now: Tick) -> bool {
        if now < self.erase.busy_until {
            return false;
        }
        if self.erase.current == self.erase.last {
            return true;
        }
        self.erase.current += 1;
        self.erase_sector(now);
        false
    }

    fn erase_sector(&mut self, now: Tick) {
        let number = self.erase.current;
        self.sector(number).fill(0xFF);
        self.erase.busy_until = now.saturating_add(ERASE);
        self.keep(number * SECTOR, &vec![0xFF; SECTOR as usize]);
    }

    /// Writes to the file what the memory holds from an address on.
    fn keep(&self, address: u32, bytes: &[u8]) {
        if let Some(file) = &self.file
            && let Err(error) = file.write_all_at(bytes, address.into())
        {
            tracing::warn!("the file of the flash memory does not take what was written: {error}");
        }
    }

    /// What the radio starts with now.
    pub fn boots(&self) -> BootImage {
        let mut fpga = [0; FPGA_HEAD];
        let mut firmware = [0; FIRMWARE_HEAD.len()];
        self.read(FPGA_AT, &mut fpga);
        self.read(FIRMWARE_AT, &mut firmware);
        let whole = fpga.windows(2).any(|two| two == FPGA_SYNC) && firmware == FIRMWARE_HEAD;
        if whole { BootImage::Production } else { BootImage::Safe }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(flash: &Flash, address: u32, count: usize) -> Vec<u8> {
        let mut out = vec![0; count];
        flash.read(address, &mut out);
        out
    }

    #[test]
    fn writing_clears_bits_and_erasing_sets_a_sector() {
        let mut flash = Flash::default();
        assert!(flash.is_erased(0));
        flash.program(SECTOR - 2, &[0xF0, 0x0F, 0xAA]);
        flash.program(SECTOR - 2, &[0x3C, 0xFF, 0xFF]);
        assert_eq!(bytes(&flash, SECTOR - 3, 5), [0xFF, 0x30, 0x0F, 0xAA, 0xFF]);
        // Two sectors by one byte each, the second begun when it is asked for.
        flash.erase(SECTOR - 1, 2, 100);
        assert_eq!(bytes(&flash, SECTOR - 2, 4), [0xFF, 0xFF, 0xAA, 0xFF]);
        let asked = [100 + ERASE - 1, 100 + ERASE, 100 + 2 * ERASE - 1, 100 + 2 * ERASE];
        assert_eq!(asked.map(|at| flash.is_erased(at)), [false, false, false, true]);
        assert_eq!(bytes(&flash, SECTOR - 2, 4), [0xFF; 4]);
    }

    #[test]
    fn nothing_beyond_the_memory_is_touched() {
        let mut flash = Flash::default();
        let before = bytes(&flash, 0, 256);
        flash.program(MEMORY - 1, &[0, 0]);
        flash.erase(MEMORY - 1, 2, 0);
        flash.erase(u32::MAX, u32::MAX, 0);
        flash.erase(0, 0, 0);
        assert!(flash.is_erased(0) && flash.sectors.is_empty());
        assert_eq!(bytes(&flash, MEMORY - 1, 257), [&[0xFF][..], &before].concat());
        assert_eq!(bytes(&flash, u32::MAX, 1), [0xFF]);
    }

    #[test]
    fn a_broken_image_makes_it_start_with_the_safe_ones() {
        for address in [FPGA_AT, FIRMWARE_AT] {
            let mut flash = Flash::default();
            assert_eq!(flash.boots(), BootImage::Production);
            flash.erase(address, 1, 0);
            assert_eq!(flash.boots(), BootImage::Safe, "{address:#x}");
            let head = if address == FPGA_AT { FPGA_SYNC.to_vec() } else { FIRMWARE_HEAD.to_vec() };
            flash.program(address, &head);
            assert_eq!(flash.boots(), BootImage::Production, "{address:#x}");
        }
    }

    #[test]
    fn a_file_keeps_what_was_written_and_is_one_radios() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flash");
        let mut flash = Flash::in_file(&path).unwrap();
        assert_eq!(flash.boots(), BootImage::Production);
        assert!(Flash::in_file(&path).is_err_and(|error| error.to_string().contains("another radio")));
        flash.erase(FIRMWARE_AT, 1, 0);
        flash.program(FIRMWARE_AT + 7, b"image");
        drop(flash);
        let flash = Flash::in_file(&path).unwrap();
        assert_eq!((bytes(&flash, FIRMWARE_AT + 6, 7), flash.boots()), (b"\xFFimage\xFF".to_vec(), BootImage::Safe));
        drop(flash);
        std::fs::write(&path, b"short").unwrap();
        assert!(Flash::in_file(&path).is_err_and(|error| error.to_string().contains("4194304 bytes")));
        assert!(Flash::in_file(folder.path()).is_err());
    }
}
