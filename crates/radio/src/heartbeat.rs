//! What the USRP process that serves tells an armed standby, every two milliseconds: where it is, to go on from there, and how it fares. One signed
//! UDP packet; a number that grows makes each mean something once.

use ring::hmac;

use workload::contract::Mark;
use workload::standby::{HeartbeatKey, MAX_PROGRESS};

/// Of this form; a packet of another version is not read.
const MAGIC: [u8; 4] = *b"bhb1";

/// Bytes before the progress, and of the signature behind it.
const HEADER: usize = 52;
const TAG: usize = 32;

/// Of a notice: what a standby that has taken over tells the process that it followed.
const NOTICE: [u8; 4] = *b"bhn1";

/// Bytes of a notice: its kind, the arming, its number, the signature.
pub const NOTICE_BYTES: usize = 4 + 8 + 8 + TAG;

/// Longest heartbeat, bytes.
pub const MAX_BYTES: usize = HEADER + MAX_PROGRESS + TAG;

/// It ends in order: the standby does not take over.
const ENDS: u8 = 1;
/// It came by the radio's network.
const BY_RADIO: u8 = 2;
/// `end_tick` is known.
const HAS_END: u8 = 4;

/// Which network a heartbeat goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The radio's.
    Radio,
    /// The management network.
    Management,
}

impl Network {
    /// Its place where something is kept of each.
    pub const fn place(self) -> usize {
        match self {
            Self::Radio => 0,
            Self::Management => 1,
        }
    }
}

/// A heartbeat, but for its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Number of the arming.
    pub arming: u64,
    /// Grows with every heartbeat.
    pub number: u64,
    /// By which network.
    pub network: Network,
    /// It is the last one, and all is in order.
    pub ends: bool,
    /// Time behind the latest sample received, on the radio's clock.
    pub tick: u64,
    /// Where the transmit side is.
    pub mark: Mark,
    /// Since the latest samples came, us.
    pub samples_age_us: u32,
    /// Since the D2D process last said where it is, us.
    pub progress_age_us: u32,
}

/// Signs what is sent, and reads what comes.
#[derive(Debug)]
pub struct Signer {
    arming: u64,
    key: hmac::Key,
}

impl Signer {
    /// For one arming.
    pub fn new(arming: u64, key: &HeartbeatKey) -> Self {
        Self { arming, key: hmac::Key::new(hmac::HMAC_SHA256, &key.0) }
    }

    /// Number of the arming.
    pub const fn arming(&self) -> u64 {
        self.arming
    }

    /// Writes a heartbeat and its signature; a progress beyond [`MAX_PROGRESS`] is left out.
    pub fn write<'a>(&self, beat: &Heartbeat, progress: &[u8], bytes: &'a mut [u8; MAX_BYTES]) -> &'a [u8] {
        let progress = if progress.len() <= MAX_PROGRESS { progress } else { &[] };
        let Mark { sequence, count, end_tick, chain } = beat.mark;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(beat.ends, ENDS) | flag(beat.network == Network::Radio, BY_RADIO) | flag(end_tick.is_some(), HAS_END);
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        put(&[flags, count, chain, progress.len() as u8]);
        for number in [self.arming, beat.number, beat.tick, end_tick.unwrap_or(0)] {
            put(&number.to_be_bytes());
        }
        for number in [sequence, beat.samples_age_us, beat.progress_age_us] {
            put(&number.to_be_bytes());
        }
        put(progress);
        let (signed, rest) = bytes.split_at_mut(at);
        rest[..TAG].copy_from_slice(hmac::sign(&self.key, signed).as_ref());
        &bytes[..at + TAG]
    }

    /// Reads a heartbeat of this arming; `None` for any other bytes.
    pub fn read<'a>(&self, bytes: &'a [u8]) -> Option<(Heartbeat, &'a [u8])> {
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        let (header, progress) = signed.split_first_chunk::<HEADER>()?;
        hmac::verify(&self.key, signed, tag).ok()?;
        let long = |at: usize| header[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let short = |at: usize| header[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let [_, _, _, _, flags, count, chain, length, ..] = *header;
        if header[..4] != MAGIC || long(8) != self.arming || usize::from(length) != progress.len() {
            return None;
        }
        let mark =
            Mark { sequence: short(40), count: count & 15, end_tick: (flags & HAS_END != 0).then_some(long(32)), chain: chain & 1 };
        let beat = Heartbeat {
            arming: long(8),
            number: long(16),
            network: if flags & BY_RADIO != 0 { Network::Radio } else { Network::Management },
            ends: flags & ENDS != 0,
            tick: long(24),
            mark,
            samples_age_us: short(44),
            progress_age_us: short(48),
        };
        Some((beat, progress))
    }

    /// Writes a notice that the standby has taken over and serves; its number grows with every one.
    pub fn write_notice(&self, number: u64) -> [u8; NOTICE_BYTES] {
        let mut bytes = [0; NOTICE_BYTES];
        let (signed, tag) = bytes.split_at_mut(NOTICE_BYTES - TAG);
        signed[..4].copy_from_slice(&NOTICE);
        signed[4..12].copy_from_slice(&self.arming.to_be_bytes());
        signed[12..].copy_from_slice(&number.to_be_bytes());
        tag.copy_from_slice(hmac::sign(&self.key, signed).as_ref());
        bytes
    }

    /// The number of a notice of this arming; `None` for any other bytes.
    pub fn read_notice(&self, bytes: &[u8]) -> Option<u64> {
        let bytes: &[u8; NOTICE_BYTES] = bytes.try_into().ok()?;
        let (signed, tag) = bytes.split_at(NOTICE_BYTES - TAG);
        hmac::verify(&self.key, signed, tag).ok()?;
        let (kind, rest) = signed.split_first_chunk()?;
        let (arming, number) = rest.split_first_chunk()?;
        let is_of_this = *kind == NOTICE && u64::from_be_bytes(*arming) == self.arming;
        is_of_this.then_some(u64::from_be_bytes(number.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beat() -> Heartbeat {
        let mark = Mark { sequence: 0xFFFF_FFFE, count: 14, end_tick: Some(7), chain: 1 };
        Heartbeat {
            arming: 3,
            number: 9,
            network: Network::Radio,
            ends: false,
            tick: 5,
            mark,
            samples_age_us: 300,
            progress_age_us: u32::MAX,
        }
    }

    fn signer() -> Signer {
        Signer::new(3, &HeartbeatKey([7; 32]))
    }

    #[test]
    fn only_what_this_arming_has_signed_is_read() {
        let mut bytes = [0; MAX_BYTES];
        let sent = signer().write(&beat(), b"progress", &mut bytes).to_vec();
        assert_eq!(signer().read(&sent), Some((beat(), b"progress".as_slice())));
        assert_eq!(Signer::new(4, &HeartbeatKey([7; 32])).read(&sent), None, "another arming");
        assert_eq!(Signer::new(3, &HeartbeatKey([8; 32])).read(&sent), None, "another key");
        for at in 0..sent.len() {
            let mut changed = sent.clone();
            changed[at] ^= 1;
            assert_eq!(signer().read(&changed), None, "byte {at}");
            assert_eq!(signer().read(&sent[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_notice_is_no_heartbeat_and_only_this_arming_signs_it() {
        let notice = signer().write_notice(7);
        assert_eq!(signer().read_notice(&notice), Some(7));
        assert_eq!(signer().read(&notice), None);
        assert_eq!(Signer::new(4, &HeartbeatKey([7; 32])).read_notice(&notice), None, "another arming");
        assert_eq!(Signer::new(3, &HeartbeatKey([8; 32])).read_notice(&notice), None, "another key");
        for at in 0..notice.len() {
            let mut changed = notice;
            changed[at] ^= 1;
            assert_eq!(signer().read_notice(&changed), None, "byte {at}");
            assert_eq!(signer().read_notice(&notice[..at]), None, "cut at {at}");
        }
        let mut bytes = [0; MAX_BYTES];
        assert_eq!(signer().read_notice(signer().write(&beat(), b"", &mut bytes)), None);
    }

    proptest! {
        #[test]
        fn heartbeats_survive_the_round_trip(number: u64, tick: u64, end: Option<u64>, ends: bool, radio: bool, ages: (u32, u32),
            progress in prop::collection::vec(any::<u8>(), 0..=MAX_PROGRESS)) {
            let mark = Mark { end_tick: end, ..beat().mark };
            let network = if radio { Network::Radio } else { Network::Management };
            let sent = Heartbeat { number, tick, mark, ends, network, samples_age_us: ages.0, progress_age_us: ages.1, ..beat() };
            let mut bytes = [0; MAX_BYTES];
            let written = signer().write(&sent, &progress, &mut bytes);
            prop_assert_eq!(signer().read(written), Some((sent, progress.as_slice())));
        }

        #[test]
        fn alien_packets_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(signer().read(&bytes), None);
        }
    }
}
