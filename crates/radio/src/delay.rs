//! What the radio's signal chains add to the times of samples, in ticks: laws of the published logic (duc_chain, ddc_chain, vita_tx_control and
//! vita_rx_control of the N210), checked in a Verilog simulator at rates of every kind. The converters' own latency is not in them. No hardware was at
//! hand.

/// Half-band filters of a rate register. Bit 8: the 31-tap one of a receiver, the 7-tap one of a transmitter; bit 9: the other one.
const BIT_8: u32 = 0x100;
const BIT_9: u32 = 0x200;

/// CIC rate of a rate register.
const fn cic(word: u32) -> u64 {
    (word & 0xFF) as u64
}

/// From the time of a sample that is sent to the moment when it leaves for the converter, for a transmit rate register: group delay of CIC and
/// half-band filters, and their pipelines.
pub const fn transmit(word: u32) -> u64 {
    let cic = cic(word);
    let small = match cic {
        _ if word & BIT_8 == 0 => 0,
        1 => 15,
        2 => 11,
        3..=7 => 9,
        _ => 7,
    };
    let large = match cic {
        _ if word & BIT_9 == 0 => 0,
        1 => 46,
        2..=4 => 42,
        _ => 38,
    };
    32 + (8 + small + large) * cic
}

/// From the moment when a signal comes from the converter to the time stamp of its sample, for a receive rate register.
pub const fn receive(word: u32) -> u64 {
    let cic = cic(word);
    match (word & BIT_9 != 0, word & BIT_8 != 0) {
        (false, false) => 33 + 8 * cic,
        (false, true) => 43 + 24 * cic,
        (true, false) => 42 + 11 * cic,
        // At its full rate the CIC filter has no tick to spare.
        (true, true) if cic == 1 => 95,
        (true, true) => 50 + 44 * cic,
    }
}

/// From the time at which a stream is told to start to its first time stamp, for a receive rate register and so many ticks a sample. The first packet
/// says what it really was; this is where a start is aimed.
pub const fn start(word: u32, decimation: u32) -> u64 {
    let filters = match (word & BIT_9 != 0, word & BIT_8 != 0) {
        (false, false) => 5,
        (true, false) => 12,
        (false, true) => 15,
        (true, true) => 22,
    };
    decimation as u64 + filters
}

#[cfg(test)]
mod tests {
    use super::*;
    use n210_wire::dsp::{Direction, decimation_word};

    /// Impulses in the simulated logic: centroid of what leaves for the converter, and the filters' centre with the pipeline's latency that fits a
    /// step best. (ticks a sample, transmit, receive, first time stamp)
    const SIMULATED: [(u32, u64, u64, u64); 12] = [
        (4, 101, 95, 26),
        (5, 72, 73, 10),
        (8, 154, 138, 30),
        (10, 117, 163, 25),
        (13, 136, 137, 18),
        (16, 268, 226, 38),
        (18, 167, 259, 33),
        (28, 417, 358, 50),
        (52, 721, 622, 74),
        (56, 774, 666, 78),
        (100, 1357, 1150, 122),
        (512, 6816, 5682, 534),
    ];

    #[test]
    fn the_laws_give_what_was_simulated() {
        for (d, sent, received, first) in SIMULATED {
            let word = |direction| decimation_word(direction, d).unwrap();
            let rx = word(Direction::Receive);
            assert_eq!((transmit(word(Direction::Transmit)), receive(rx), start(rx, d)), (sent, received, first), "{d}");
        }
    }

    /// Linear phase through both chains, from transmitted to received time stamp, in a simulation of its own (docs/n210.md).
    #[test]
    fn both_ways_together_are_the_delay_of_a_loop() {
        for (d, loop_delay) in
            [(4, 196), (8, 292), (10, 280), (13, 273), (16, 494), (25, 465), (52, 1343), (100, 2507), (512, 12_498)]
        {
            let word = |direction| decimation_word(direction, d).unwrap();
            let both = transmit(word(Direction::Transmit)) + receive(word(Direction::Receive));
            assert_eq!(both, loop_delay, "{d}");
        }
    }
}
