//! What an armed standby is asked and tells: it receives beside the process that serves, follows its heartbeats, and takes over when they say so or
//! fail to come.
//!
//! The heartbeats go from USRP process to USRP process. What a D2D process adds to them is its own affair: a *progress* of at most
//! [`MAX_PROGRESS`] bytes, which crosses the sample socket as a [`Packet`].

use serde::{Deserialize, Serialize};

pub use protocol::{FollowStatus, HeartbeatKey, HeartbeatRequest, StandbyState, TakeoverCause, TookOver};

/// Longest progress of a D2D process, bytes: a heartbeat is one packet of any network.
pub const MAX_PROGRESS: usize = 255;

/// What crosses the sample socket beside blocks of samples: kind u8, 3 bytes zero, u32 length, u64 tick (host byte order), then so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// D2D to USRP, kind 3: where the D2D process is.
    Progress(&'a [u8]),
    /// USRP to D2D of a standby, kind 4: where the D2D process is that serves.
    Followed(&'a [u8]),
    /// USRP to D2D of a standby, kind 5: go on where the other one was.
    GoOn {
        /// Nothing may be on the air before this tick: the other one may still be heard.
        not_before: u64,
        /// Where it was.
        progress: &'a [u8],
    },
}

/// Bytes before the progress, as before samples.
const HEADER: usize = 16;

impl<'a> Packet<'a> {
    const fn parts(&self) -> (u8, u64, &'a [u8]) {
        match *self {
            Self::Progress(progress) => (3, 0, progress),
            Self::Followed(progress) => (4, 0, progress),
            Self::GoOn { not_before, progress } => (5, not_before, progress),
        }
    }

    /// Appends its bytes; a progress beyond [`MAX_PROGRESS`] is cut, and then understood by nobody.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, tick, progress) = self.parts();
        let progress = &progress[..progress.len().min(MAX_PROGRESS)];
        out.push(kind);
        out.extend_from_slice(&[0; 3]);
        out.extend_from_slice(&(progress.len() as u32).to_ne_bytes());
        out.extend_from_slice(&tick.to_ne_bytes());
        out.extend_from_slice(progress);
    }

    /// Reads one; `None` when the bytes are something else.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (header, progress) = bytes.split_first_chunk::<HEADER>()?;
        let [kind, _, _, _, a, b, c, d, tick @ ..] = *header;
        if u32::from_ne_bytes([a, b, c, d]) as usize != progress.len() || progress.len() > MAX_PROGRESS {
            return None;
        }
        match kind {
            3 => Some(Self::Progress(progress)),
            4 => Some(Self::Followed(progress)),
            5 => Some(Self::GoOn { not_before: u64::from_ne_bytes(tick), progress }),
            _ => None,
        }
    }
}

/// Whose heartbeats to follow, and when to take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// Number of the arming.
    pub arming: u64,
    /// What the heartbeats are signed with.
    pub key: HeartbeatKey,
    /// Silence on both networks, or of the other one's samples or D2D process, for longer than this: take over, us.
    pub takeover_after_us: u64,
    /// UDP port at which the heartbeats come; absent: one of the kernel's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Where the heartbeats are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    /// UDP port, of every address of the host.
    pub port: u16,
}

/// What became of a following that was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfollowed {
    /// It has come to a take-over before: this process serves.
    pub has_taken_over: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packets_survive_the_round_trip(tick: u64, progress in prop::collection::vec(any::<u8>(), 0..MAX_PROGRESS)) {
            for packet in [Packet::Progress(&progress), Packet::Followed(&progress), Packet::GoOn { not_before: tick, progress: &progress }] {
                let mut bytes = Vec::new();
                packet.encode(&mut bytes);
                prop_assert_eq!(Packet::decode(&bytes), Some(packet));
                prop_assert_eq!(Packet::decode(&bytes[..bytes.len() - 1]), None);
            }
        }

        #[test]
        fn alien_packets_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Packet::decode(&bytes);
        }
    }
}
