//! What a terminal of a group adds to the soft state: every neighbour's timing, and the route table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::relay::LONGEST;
use protocol::Route;

/// What a terminal knows of its group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupState {
    /// The terminal's own index.
    pub index: u8,
    /// The others that it receives.
    pub neighbours: Vec<NeighbourState>,
    /// Its route table.
    pub routes: Vec<Route>,
}

/// What is known of a neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighbourState {
    /// Its index.
    pub index: u8,
    /// Some tick at which a subframe 0 of it arrives, modulo a frame.
    pub origin: u64,
    /// Carrier frequency offset, Hz.
    pub cfo_hz: f32,
    /// Number of its frame at the state's tick.
    pub frame: Option<u16>,
    /// Tick up to which its subframes have been decoded.
    pub decoded: u64,
    /// Sequence number of its next payload.
    pub expected: Option<u16>,
    /// What has arrived of a packet of which more is to come, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving: Option<String>,
}

impl GroupState {
    /// What has arrived of packets, by neighbour.
    ///
    /// # Errors
    /// A sentence when one of them is not a packet.
    pub fn parts(&self) -> Result<Vec<Option<Vec<u8>>>, String> {
        let read = |text: &String| match STANDARD.decode(text) {
            Ok(part) if part.len() <= LONGEST => Ok(part),
            Ok(part) => Err(format!("the soft state carries a packet of {} bytes; they have at most {LONGEST}", part.len())),
            Err(why) => Err(format!("a packet in the soft state is not base64: {why}")),
        };
        self.neighbours.iter().map(|neighbour| neighbour.receiving.as_ref().map(read).transpose()).collect()
    }
}
