//! Register numbers, and the words that commands to streams and flow control are made of.

/// Byte address of setting register `number` on the control port.
pub const fn setting_address(number: u8) -> u32 {
    0x7000 + 4 * number as u32
}

/// Byte address of readback word `number` on the control port.
pub const fn readback_address(number: u8) -> u32 {
    0x5C00 + 4 * number as u32
}

/// Setting registers: write-only, reached by both control ports unless said.
pub mod sr {
    /// Clock source and readiness; control port only.
    pub const CLOCK: u8 = 0;
    /// Time, high word: writing it loads the time.
    pub const TIME_HIGH: u8 = 10;
    /// Time, low word: write it before the high word.
    pub const TIME_LOW: u8 = 11;
    /// PPS edge and connector.
    pub const PPS: u8 = 12;
    /// 1 loads the time at once, 0 at the next PPS.
    pub const TIME_NOW: u8 = 13;
    /// Time from the MIMO cable.
    pub const MIMO_TIME: u8 = 15;
    /// Which UDP ports go to the FPGA.
    pub const ROUTER_PORTS: u8 = 18;
    /// SPI clock divider.
    pub const SPI_DIVIDER: u8 = 20;
    /// SPI slave, bit count, edges.
    pub const SPI_CONTROL: u8 = 21;
    /// SPI data: writing it starts the transaction.
    pub const SPI_DATA: u8 = 22;

    /// Receive front end: bit 0 exchanges I and Q.
    pub const RX_SWAP: u8 = 24;
    /// Receive front end: balance of I, 18 bits with sign.
    pub const RX_MAGNITUDE: u8 = 25;
    /// Receive front end: part of I that is added to Q, 18 bits with sign.
    pub const RX_PHASE: u8 = 26;
    /// Receive front end, DC offset of I: bit 31 keeps it, bit 30 loads it, 30 bits with sign.
    pub const RX_OFFSET_I: u8 = 27;
    /// The same of Q.
    pub const RX_OFFSET_Q: u8 = 28;

    /// Receive chain 0, stream command; then its time, high and low: writing the low word pushes the command.
    pub const RX0_COMMAND: u8 = 32;
    /// Samples and flow control.
    pub const RX0_COMMAND_TIME_HIGH: u8 = 33;
    /// Pushes the command.
    pub const RX0_COMMAND_TIME_LOW: u8 = 34;
    /// 0 is sc16, 1 sc8.
    pub const RX0_FORMAT: u8 = 35;
    /// Packet header template.
    pub const RX0_HEADER: u8 = 36;
    /// Stream id; writing it zeroes the packet count.
    pub const RX0_STREAM_ID: u8 = 37;
    /// Trailer template.
    pub const RX0_TRAILER: u8 = 38;
    /// Samples in a packet.
    pub const RX0_SAMPLES: u8 = 39;
    /// Any write stops the stream and forgets its commands.
    pub const RX0_RESET: u8 = 40;
    /// Frequency word.
    pub const RX0_FREQUENCY: u8 = 48;
    /// Scale word.
    pub const RX0_SCALE: u8 = 49;
    /// Decimation word.
    pub const RX0_DECIMATION: u8 = 50;
    /// Swap and real mode.
    pub const RX0_MUX: u8 = 51;
    /// Receive chain 1 has the registers of chain 0 this much higher.
    pub const RX1_OFFSET: u8 = 48;

    /// Transmit front end, DC offset of I: 24 bits with sign.
    pub const TX_OFFSET_I: u8 = 128;
    /// The same of Q.
    pub const TX_OFFSET_Q: u8 = 129;
    /// Transmit front end: balance of I, 18 bits with sign.
    pub const TX_MAGNITUDE: u8 = 130;
    /// Transmit front end: part of I that is added to Q, 18 bits with sign.
    pub const TX_PHASE: u8 = 131;
    /// Which of I (0), Q (1) and nothing (15) goes to converter A (bits 3 to 0) and B (7 to 4).
    pub const TX_MUX: u8 = 132;

    /// 1 empties the transmit queue and discards what arrives, 0 ends that.
    pub const TX_CLEAR: u8 = 144;
    /// 0 is sc16, 1 sc8.
    pub const TX_FORMAT: u8 = 145;
    /// Stream id of events; writing it makes the next expected sequence 0.
    pub const TX_STREAM_ID: u8 = 146;
    /// What to do after an underflow.
    pub const TX_UNDERFLOW_POLICY: u8 = 147;
    /// Flow control by time: [`super::flow_by_time`].
    pub const TX_FLOW_TIME: u8 = 148;
    /// Flow control by packets: [`super::flow_by_packets`].
    pub const TX_FLOW_PACKETS: u8 = 149;
    /// Frequency word.
    pub const TX_FREQUENCY: u8 = 160;
    /// Scale word.
    pub const TX_SCALE: u8 = 161;
    /// Interpolation word.
    pub const TX_INTERPOLATION: u8 = 162;

    /// First word of the table of stream destinations, 16 words for each stream.
    pub const FRAMER: u8 = 192;
}

/// Readback words.
pub mod rb {
    /// Bits received by SPI.
    pub const SPI: u8 = 0;
    /// Board GPIO, transmit in the high half; fast control port only.
    pub const GPIO: u8 = 9;
    /// Time now, high word; fast control port only.
    pub const TIME_HIGH: u8 = 10;
    /// Time now, low word.
    pub const TIME_LOW: u8 = 11;
    /// FPGA compatibility number; control port only.
    pub const COMPATIBILITY: u8 = 12;
    /// Status bits.
    pub const STATUS: u8 = 13;
    /// Time at the last PPS, high word; fast control port only.
    pub const PPS_TIME_HIGH: u8 = 14;
    /// Time at the last PPS, low word; fast control port only.
    pub const PPS_TIME_LOW: u8 = 15;
}

/// Firmware registers.
pub mod firmware {
    /// Time at which the device was last claimed, low word with bit 0 set; 0 is free.
    pub const LOCK_TIME: u32 = 0;
    /// Who claimed it.
    pub const LOCK_OWNER: u32 = 1;
    /// [`GPSDO_ABSENT`] spares the search for an oscillator.
    pub const GPSDO: u32 = 3;
    /// Minor version.
    pub const MINOR: u32 = 7;
    /// Value of [`GPSDO`]: do not search.
    pub const GPSDO_ABSENT: u32 = 0x1234_ABCD;
}

/// Packet header template of a receive chain: data with stream id, tick counts.
pub const RX_HEADER_TEMPLATE: u32 = 0x1410_0000;

/// Value of [`sr::ROUTER_PORTS`] that hands transmit and fast control packets to the FPGA.
pub const ROUTER_PORTS: u32 = ((super::port::FAST as u32) << 16) | super::port::TX as u32;

/// Value of [`sr::TX_UNDERFLOW_POLICY`]: after an error go on with the next packet.
pub const NEXT_PACKET: u32 = 2;

/// Value of [`sr::TX_UNDERFLOW_POLICY`]: after an error drop everything to the end of the burst.
pub const NEXT_BURST: u32 = 4;

/// Value of [`sr::TX_UNDERFLOW_POLICY`]: after an error stand still until [`sr::TX_CLEAR`].
pub const WAIT: u32 = 1;

/// Flow control update every so many ticks (24 bits); 0 is never.
pub const fn flow_by_time(ticks: u32) -> u32 {
    if ticks == 0 { 0 } else { 0x8000_0000 | (ticks & 0x00FF_FFFF) }
}

/// Flow control update every so many packets; 0 is never.
pub const fn flow_by_packets(packets: u16) -> u32 {
    if packets == 0 { 0 } else { 0x8000_0000 | packets as u32 }
}

/// What a receive chain is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamMode {
    /// Until a stop.
    Continuous,
    /// Stop; its time is not looked at.
    Stop,
    /// So many samples, at most [`StreamCommand::MAX_SAMPLES`], then stop.
    Samples(u32),
    /// So many samples, and another command follows.
    SamplesAndMore(u32),
}

/// A stream command: three registers, of which the third pushes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamCommand {
    /// What to do.
    pub mode: StreamMode,
    /// At which tick; none is at once.
    pub at: Option<u64>,
}

impl StreamCommand {
    /// Most samples a command counts.
    pub const MAX_SAMPLES: u32 = 0x0FFF_FFFF;
    /// Bit of the first word: at once.
    pub const NOW: u32 = 0x8000_0000;
    /// Bit of the first word: another command follows.
    pub const CHAIN: u32 = 0x4000_0000;
    /// Bit of the first word: with `CHAIN`, the same again until another command has come.
    pub const RELOAD: u32 = 0x2000_0000;
    /// Bit of the first word: stop.
    pub const STOP: u32 = 0x1000_0000;

    /// The three words for [`sr::RX0_COMMAND`] and the two after it.
    pub fn words(&self) -> [u32; 3] {
        let mode = match self.mode {
            StreamMode::Continuous => Self::CHAIN | Self::RELOAD | 1,
            StreamMode::Stop => Self::STOP,
            StreamMode::Samples(n) => n & Self::MAX_SAMPLES,
            StreamMode::SamplesAndMore(n) => Self::CHAIN | (n & Self::MAX_SAMPLES),
        };
        match self.at {
            None => [Self::NOW | mode, 0, 0],
            Some(tick) => [mode, (tick >> 32) as u32, tick as u32],
        }
    }

    /// Reads the three words.
    pub fn from_words([command, high, low]: [u32; 3]) -> Self {
        let count = command & Self::MAX_SAMPLES;
        let mode = if command & Self::STOP != 0 {
            StreamMode::Stop
        } else if command & Self::RELOAD != 0 {
            StreamMode::Continuous
        } else if command & Self::CHAIN != 0 {
            StreamMode::SamplesAndMore(count)
        } else {
            StreamMode::Samples(count)
        };
        let at = (command & Self::NOW == 0).then_some((u64::from(high) << 32) | u64::from(low));
        Self { mode, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stream_commands_are_the_words_uhd_writes() {
        let word = |mode, at| StreamCommand { mode, at }.words()[0];
        for (mode, now, timed) in [
            (StreamMode::Continuous, 0xE000_0001, 0x6000_0001),
            (StreamMode::Samples(1), 0x8000_0001, 1),
            (StreamMode::SamplesAndMore(7), 0xC000_0007, 0x4000_0007),
        ] {
            assert_eq!(word(mode, None), now);
            assert_eq!(word(mode, Some(5)), timed);
        }
        assert_eq!(word(StreamMode::Stop, None), 0x9000_0000);
    }

    #[test]
    fn the_defaults_of_flow_control() {
        assert_eq!(flow_by_time(5_000_000), 0x804C_4B40);
        assert_eq!(flow_by_packets(89), 0x8000_0059);
        assert_eq!(ROUTER_PORTS, 0xC007_C005);
        assert_eq!(readback_address(rb::COMPATIBILITY), 0x5C30);
    }

    proptest! {
        #[test]
        fn stream_commands_survive_the_round_trip(at: Option<u64>, n in 0..=StreamCommand::MAX_SAMPLES, which in 0..4) {
            let mode = match which {
                0 => StreamMode::Continuous,
                1 => StreamMode::Stop,
                2 => StreamMode::Samples(n),
                _ => StreamMode::SamplesAndMore(n),
            };
            let command = StreamCommand { mode, at };
            prop_assert_eq!(StreamCommand::from_words(command.words()), command);
        }
    }
}
