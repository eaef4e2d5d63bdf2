//! How servers are chosen for the radios of a pool.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{BadValue, CommandLine, command_line, number};

/// Most moves at once: beyond any pool that one network carries.
const MOST_AT_ONCE: i64 = 64;

/// How servers are chosen among those that a radio prefers equally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// As few radios on a server as can be.
    Spread,
    /// The busiest cores or link of each server equally busy, as measured.
    #[default]
    Balance,
    /// As few servers as can be.
    Consolidate,
}

/// How servers are chosen for radios, and how many move at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolPlacement {
    /// How servers are chosen; absent: [`Strategy::Balance`] where every radio has a need, else [`Strategy::Spread`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Moves under way at once in all, 1 to 64.
    #[serde(deserialize_with = "at_once")]
    pub moves_at_once: u32,
    /// Moves under way at once on one server, which counts as source and as destination, 1 to 64.
    #[serde(deserialize_with = "at_once")]
    pub moves_per_server: u32,
    /// Percent of a server by which a move has to relieve the busier of its two servers, or a rebalance that balances leaves the radio.
    #[serde(deserialize_with = "number::gain_percent")]
    pub least_gain_percent: f64,
    /// Consolidate empties no server without which the loss of another could not be made good.
    pub keep_headroom: bool,
    /// Program that suspends a server which consolidate has left empty; it gets the server's name as one more argument.
    #[serde(deserialize_with = "command_line::optional", skip_serializing_if = "Option::is_none")]
    pub suspend_command: Option<CommandLine>,
}

impl Default for PoolPlacement {
    fn default() -> Self {
        Self {
            strategy: None,
            moves_at_once: 4,
            moves_per_server: 2,
            least_gain_percent: 10.0,
            keep_headroom: true,
            suspend_command: None,
        }
    }
}

impl PoolPlacement {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn at_once<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let moves = i64::deserialize(from)?;
    let allowed = u32::try_from(moves).ok().filter(|_| (1..=MOST_AT_ONCE).contains(&moves));
    let wrong = || BadValue::new(format_args!("{moves} is out of range"), format_args!("moves at once are 1 to {MOST_AT_ONCE}"));
    allowed.ok_or_else(|| D::Error::custom(wrong()))
}

pub(crate) fn priority<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let priority = i64::deserialize(from)?;
    let wrong =
        || BadValue::new(format_args!("{priority} is out of range"), "a priority is 0 to 255, and the greatest is served first");
    u8::try_from(priority).map_err(|_| D::Error::custom(wrong()))
}
