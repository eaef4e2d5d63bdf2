//! Pseudo-random sequences (3GPP TS 36.211, 7.2): length-31 Gold sequences.

/// How far both registers run before the first output.
const NC: usize = 1600;

/// The sequence c(n) for an initial value, as an endless iterator of bits.
#[derive(Debug, Clone)]
pub struct Gold {
    x1: u32,
    x2: u32,
}

impl Gold {
    /// The sequence initialised with `c_init` (31 bits).
    pub fn new(c_init: u32) -> Self {
        let mut gold = Self { x1: 1, x2: c_init & 0x7fff_ffff };
        for _ in 0..NC {
            gold.step();
        }
        gold
    }

    fn step(&mut self) -> u8 {
        let out = (self.x1 ^ self.x2) & 1;
        let new1 = (self.x1 ^ (self.x1 >> 3)) & 1;
        let new2 = (self.x2 ^ (self.x2 >> 1) ^ (self.x2 >> 2) ^ (self.x2 >> 3)) & 1;
        self.x1 = (self.x1 >> 1) | (new1 << 30);
        self.x2 = (self.x2 >> 1) | (new2 << 30);
        out as u8
    }
}

impl Iterator for Gold {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        Some(self.step())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of 36.211, 7.2, word by word, with the bits in arrays.
    fn by_definition(c_init: u32, length: usize) -> Vec<u8> {
        let total = NC + length + 31;
        let (mut x1, mut x2) = (vec![0u8; total + 31], vec![0u8; total + 31]);
        x1[0] = 1;
        for (i, bit) in x2.iter_mut().take(31).enumerate() {
            *bit = ((c_init >> i) & 1) as u8;
        }
        for n in 0..total {
            x1[n + 31] = (x1[n + 3] + x1[n]) % 2;
            x2[n + 31] = (x2[n + 3] + x2[n + 2] + x2[n + 1] + x2[n]) % 2;
        }
        (0..length).map(|n| (x1[n + NC] + x2[n + NC]) % 2).collect()
    }

    #[test]
    fn the_registers_agree_with_the_definition() {
        for c_init in [0, 1, 0x1234_5678, 0x7fff_ffff, 504 * 1024] {
            assert_eq!(Gold::new(c_init).take(500).collect::<Vec<_>>(), by_definition(c_init, 500), "c_init {c_init}");
        }
    }

    #[test]
    fn the_sequence_is_balanced() {
        let ones: usize = Gold::new(99).take(10_000).map(usize::from).sum();
        assert!((4800..5200).contains(&ones), "{ones} ones in 10000");
    }
}
