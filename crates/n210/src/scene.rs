//! A scene: the radios' equipment, the paths between them, and what happens when, as one TOML file says.
//!
//! `text` is the grammar, `check` and `fault` turn it into what is meant, `stage` keeps the
//! paths and the schedule while the radios run.

mod check;
mod fault;
mod front_end;
pub mod stage;
mod text;

use std::path::Path as FilePath;

use super::air::medium::{Medium, Tap};
use super::board::Equipment;
use super::board::given_identity::GivenIdentity;
use super::board::impairments::{ImpairmentSet, Impairments};
use super::device::clock::Tick;
use super::fault::FaultChange;
use config::TomlSource;
use protocol::{ErrorCode, Failure};

/// Longest scene file, bytes.
const LONGEST: u64 = 1 << 20;

/// Everything about a set of radios that does not come over the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Names of the radios.
    pub names: Vec<String>,
    /// What is the same for all.
    pub medium: Medium,
    /// One for each radio.
    pub radios: Vec<Fitting>,
    /// Single paths.
    pub paths: Vec<PathChange>,
    /// What happens when, in order.
    pub schedule: Vec<Timed>,
}

/// A radio.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitting {
    /// Who it is said to be.
    pub given: GivenIdentity,
    /// What it is fitted with.
    pub equipment: Equipment,
    /// Its oscillator and noise.
    pub change: RadioChange,
}

/// What of a radio can change; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RadioChange {
    /// Its number.
    pub radio: usize,
    /// What its oscillator is off by, Hz.
    pub carrier_offset_hz: Option<f64>,
    /// Noise of its receiver, dB against full scale.
    pub noise_dbfs: Option<f32>,
    /// Impairments that take the place of those that it has.
    pub impairment_set: Option<ImpairmentSet>,
    /// Single impairments.
    pub impairments: Impairments,
}

impl RadioChange {
    /// Whether it says something about impairments.
    pub fn is_about_impairments(&self) -> bool {
        self.impairment_set.is_some() || self.impairments != Impairments::default()
    }
}

/// What of a path changes; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PathChange {
    /// Number of the transmitter.
    pub from: usize,
    /// Number of the receiver.
    pub to: usize,
    /// Gain of the direct ray, dB.
    pub gain_db: Option<f32>,
    /// Delay of the direct ray, ticks.
    pub delay: Option<u64>,
    /// An obstacle.
    pub blocked: Option<bool>,
    /// Further rays.
    pub taps: Option<Vec<Tap>>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum SceneAction {
    /// A path changes.
    Path(PathChange),
    /// A radio changes.
    Radio(RadioChange),
    /// A fault begins or ends.
    Fault(FaultChange),
}

/// Something that happens at a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// When.
    pub at: Tick,
    /// What.
    pub action: SceneAction,
}

/// What the command line says, and a scene may overrule.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// The air.
    pub medium: Medium,
    /// Every radio.
    pub equipment: Equipment,
}

impl Scene {
    /// What is there without a scene file.
    pub fn plain(names: Vec<String>, defaults: Defaults) -> Self {
        let fitting = |radio| Fitting {
            given: GivenIdentity::default(),
            equipment: defaults.equipment,
            change: RadioChange { radio, ..RadioChange::default() },
        };
        Self { radios: (0..names.len()).map(fitting).collect(), names, medium: defaults.medium, paths: vec![], schedule: vec![] }
    }

    /// Reads a scene file for radios of these names.
    ///
    /// # Errors
    /// The file cannot be read, or what it says is wrong: with file, line and key.
    pub fn load(file: &FilePath, names: Vec<String>, defaults: Defaults) -> Result<Self, Failure> {
        let text = read(file)?;
        Self::parse(Some(&file.display().to_string()), &text, names, defaults)
    }

    /// The scene that a text describes, for radios of these names. A single radio takes the name of the only one described.
    ///
    /// # Errors
    /// What the text says is wrong: with file, line and key.
    pub fn parse(file: Option<&str>, text: &str, names: Vec<String>, defaults: Defaults) -> Result<Self, Failure> {
        let source = file.map_or_else(|| TomlSource::of_text(text), |file| TomlSource::of_file(file.as_ref(), text));
        check::scene(&source, &source.read()?, Self::plain(names, defaults))
    }
}

/// The text of a scene file.
///
/// # Errors
/// It cannot be read, is not text or far too long.
pub fn read(file: &FilePath) -> Result<String, Failure> {
    let fail = |what: String| Failure::new(ErrorCode::Config, format!("the scene {} cannot be read: {what}", file.display()));
    let length = std::fs::metadata(file).map_err(|error| fail(error.to_string()))?.len();
    if length > LONGEST {
        return Err(fail(format!("it has {length} bytes, a scene has at most {LONGEST}")));
    }
    std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))
}

/// One event, as a line of the command socket: the grammar of `[[event]]` without its time.
///
/// # Errors
/// What the line says is wrong, with the key.
pub fn event(line: &str, names: &[String]) -> Result<SceneAction, Failure> {
    let source = TomlSource::of_line("the event", line);
    let text: text::EventText = source.read()?;
    if let Some(at) = &text.at {
        return Err(source.wrong(Some(at.span()), "an event that is told happens at once; a time belongs in a scene file"));
    }
    check::Checker { source: &source, names }.action(&text, 0..line.len())
}

#[cfg(test)]
mod tests;
