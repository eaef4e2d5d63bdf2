//! Chips with 8-bit registers behind an instruction: read or write, how many bytes, from which address down.

/// Bits of a byte.
const BYTE: u32 = 8;

/// Shifts `bits` bits through a chip whose instruction is `header` bits long: the top bit reads, the next two say how many bytes
/// (3 is as many as come), the lowest seven or five are the address. Returns what the chip shifts out.
pub fn exchange<const N: usize>(file: &mut [u8; N], header: u32, mosi: u128, bits: u32) -> u128 {
    let Some(body) = bits.checked_sub(header).filter(|_| bits <= u128::BITS) else { return 0 };
    let instruction = (mosi >> body) as usize;
    let read = instruction >> (header - 1) & 1 == 1;
    let wanted = match instruction >> (header - 3) & 3 {
        3 => u32::MAX,
        n => n as u32 + 1,
    };
    let mut address = instruction % N;
    let mut miso = 0;
    for byte in 0..(body / BYTE).min(wanted) {
        let shift = body - (byte + 1) * BYTE;
        if read {
            miso |= u128::from(file[address]) << shift;
        } else {
            file[address] = (mosi >> shift) as u8;
        }
        // Most significant bit first goes with descending addresses.
        address = address.checked_sub(1).unwrap_or(N - 1);
    }
    miso
}

#[cfg(test)]
mod tests {
    use super::exchange;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_written_and_read_downwards() {
        let mut file = [0; 32];
        // Two bytes from address 5 down.
        assert_eq!(exchange(&mut file, 8, 0b0010_0101_1010_1011_1100_1101, 24), 0);
        assert_eq!((file[5], file[4]), (0xAB, 0xCD));
        assert_eq!(exchange(&mut file, 8, 0x85_00, 16), 0xAB);
        assert_eq!(exchange(&mut file, 8, 0x85, 8), 0, "an instruction without data does nothing");
    }

    proptest! {
        #[test]
        fn no_bits_panic(mosi: u128, bits in 0_u32..=128, long: bool) {
            exchange(&mut [0; 128], if long { 16 } else { 8 }, mosi, bits);
        }
    }
}
