//! The grammar of a scene: its keys and their types, and nothing of what they may say.

use serde::Deserialize;
use toml::Spanned;

use crate::board::impairments::ImpairmentSet;
use crate::board::{Board, Programming};
use crate::fault::PacketDirection;

/// A number with its place.
pub type Number = Option<Spanned<f64>>;
/// A whole number with its place.
pub type Whole = Option<Spanned<i64>>;
/// A text with its place.
pub type Text = Option<Spanned<String>>;

/// A scene file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneFile {
    /// Seed of the noise and of the faults.
    pub seed: Option<u64>,
    /// Idealised timing.
    pub kind: Option<bool>,
    /// Every path between two different radios.
    pub air: AirText,
    /// Radios.
    pub radio: Vec<RadioText>,
    /// Single paths.
    pub path: Vec<Spanned<PathText>>,
    /// The schedule.
    pub event: Vec<Spanned<EventText>>,
}

/// `[air]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AirText {
    /// Gain, dB.
    pub gain_db: Number,
    /// Delay, ticks of 10 ns.
    pub delay_ticks: Whole,
    /// Noise of every receiver, dB against full scale.
    pub noise_dbfs: Number,
}

/// `[[radio]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RadioText {
    /// Its name.
    pub name: Spanned<String>,
    /// Its address.
    pub addr: Text,
    /// Its serial number.
    pub serial: Text,
    /// Its hardware address.
    pub mac: Text,
    /// Its daughterboards.
    pub board: Option<Board>,
    /// Its EEPROMs.
    pub eeprom: Option<Programming>,
    /// A GPSDO answers.
    pub gpsdo: Option<bool>,
    /// What its oscillator is off by, Hz.
    pub carrier_offset_hz: Number,
    /// Noise of its receiver, dB against full scale.
    pub noise_dbfs: Number,
    /// What its front ends do that they should not: a set with a name.
    pub impairments: Option<ImpairmentSet>,
    /// The same one by one, over that set.
    pub front_end: Option<FrontEndText>,
}

/// `radio = {...}` of an event: what of a radio can change while it runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RadioChangeText {
    /// Its name.
    pub name: Spanned<String>,
    /// As in `[[radio]]`.
    pub carrier_offset_hz: Number,
    /// As in `[[radio]]`.
    pub noise_dbfs: Number,
    /// As in `[[radio]]`.
    pub impairments: Option<ImpairmentSet>,
    /// As in `[[radio]]`.
    pub front_end: Option<FrontEndText>,
}

/// `front_end = {...}` of a radio: single impairments.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrontEndText {
    /// DC offset of the receive converters, dB against full scale.
    pub rx_dc_offset_dbfs: Number,
    /// Gain of the receiver's Q against its I, dB.
    pub rx_iq_gain_imbalance_db: Number,
    /// Error of the receiver's quarter turn, degrees.
    pub rx_iq_phase_imbalance_degrees: Number,
    /// Noise figure of the receiving board, dB.
    pub rx_noise_figure_db: Number,
    /// Carrier of the transmitter, dB against full scale.
    pub tx_lo_leakage_dbfs: Number,
    /// Gain of the transmitter's Q against its I, dB.
    pub tx_iq_gain_imbalance_db: Number,
    /// Error of the transmitter's quarter turn, degrees.
    pub tx_iq_phase_imbalance_degrees: Number,
    /// Phase noise of each oscillator, degrees.
    pub phase_noise_degrees: Number,
    /// Time until an oscillator that was tuned is locked, ms.
    pub lock_time_ms: Number,
}

/// `[[path]]`, and `path = {...}` of an event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathText {
    /// The transmitter.
    pub from: Spanned<String>,
    /// The receiver.
    pub to: Spanned<String>,
    /// Gain, dB.
    pub gain_db: Number,
    /// Delay, ticks of 10 ns.
    pub delay_ticks: Whole,
    /// An obstacle.
    pub blocked: Option<bool>,
    /// Further rays.
    pub taps: Option<Spanned<Vec<TapText>>>,
}

/// A further ray.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapText {
    /// Delay after the direct ray, ticks of 10 ns.
    pub delay_ticks: Spanned<i64>,
    /// Gain against the direct ray, dB.
    pub gain_db: Spanned<f64>,
    /// Phase against the direct ray, degrees.
    pub phase_degrees: Number,
}

/// `[[event]]`, and a line of the command socket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventText {
    /// Seconds since power-up.
    pub at: Number,
    /// A path changes.
    pub path: Option<Spanned<PathText>>,
    /// A radio changes.
    pub radio: Option<Spanned<RadioChangeText>>,
    /// A fault begins or ends.
    pub fault: Option<Spanned<FaultText>>,
}

/// Names of the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KindText {
    /// Ends faults.
    None,
    /// Packets are lost.
    Drop,
    /// Packets are late.
    Delay,
    /// Packets come twice.
    Duplicate,
    /// Packets are overtaken by the next.
    Reorder,
    /// Nothing is received or said.
    Deaf,
    /// Power fails.
    BrownOut,
    /// The firmware takes its time.
    SlowCpu,
    /// Device time jumps.
    ClockJump,
    /// Receive chains overflow.
    Overflow,
    /// Oscillators and reference are not locked.
    LostLock,
}

/// `fault = {...}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultText {
    /// Whose.
    pub radio: Spanned<String>,
    /// What.
    pub kind: Spanned<KindText>,
    /// Only at this UDP port of the device.
    pub port: Whole,
    /// Only to the radio or from it.
    pub direction: Option<Spanned<PacketDirection>>,
    /// How long, s.
    #[serde(rename = "for")]
    pub lasts: Number,
    /// Of a packet, to be concerned.
    pub probability: Number,
    /// Each so many packets one is concerned.
    pub every: Whole,
    /// How long or how far, ticks of 10 ns.
    pub ticks: Whole,
    /// The same in milliseconds.
    pub ms: Number,
    /// Up to so much more, at random, ticks of 10 ns.
    pub jitter_ticks: Whole,
    /// The same in milliseconds.
    pub jitter_ms: Number,
}
