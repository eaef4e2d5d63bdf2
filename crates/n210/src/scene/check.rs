//! From what a scene says to what it means: ranges, names, and what belongs together.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use super::text::{EventText, Number, PathText, RadioChangeText, RadioText, SceneFile, TapText, Text, Whole};
use super::{PathChange, RadioChange, Scene, SceneAction, Timed};
use crate::air::medium::Tap;
use crate::board::given_identity::{self, GivenIdentity};
use crate::device::clock::Tick;
use crate::device::pipeline::Timing;
use config::TomlSource;
use n210_wire::TICKS_PER_SECOND;
use protocol::Failure;

/// Gains of paths and rays, dB.
const GAIN: RangeInclusive<f64> = -200.0..=60.0;
/// Noise against full scale, dB.
const NOISE: RangeInclusive<f64> = -200.0..=20.0;
/// What oscillators are off by, Hz: half of what the converters span.
const OFFSET: RangeInclusive<f64> = -50e6..=50e6;
/// Delay, ticks: 10 ms, light's way over 3000 km.
const DELAY: RangeInclusive<i64> = 0..=1_000_000;
/// Any phase will do; a wrong exponent will not.
const PHASE: RangeInclusive<f64> = -360_000.0..=360_000.0;
/// Seconds: about four months.
pub const SECONDS: RangeInclusive<f64> = 0.0..=1e7;
/// Most rays beside the direct one.
const MAX_TAPS: usize = 32;

/// Turns a scene's text into the scene, over what the command line says.
///
/// # Errors
/// What is wrong, with its place.
pub fn scene(source: &TomlSource, text: &SceneFile, mut scene: Scene) -> Result<Scene, Failure> {
    if let ([only], [name]) = (&text.radio[..], &mut scene.names[..]) {
        name.clone_from(only.name.get_ref());
        Checker { source, names: &[] }.is_name(&only.name)?;
    }
    if let Some(kind) = text.kind {
        let timing = if kind { Timing::Ideal } else { Timing::Device };
        scene.radios.iter_mut().for_each(|fitting| fitting.equipment.timing = timing);
    }
    let names = scene.names.clone();
    let checker = Checker { source, names: &names };
    checker.air(text, &mut scene)?;
    checker.radios(text, &mut scene)?;
    scene.paths = checker.paths(&text.path)?;
    scene.schedule = text.event.iter().map(|event| checker.timed(event)).collect::<Result<_, _>>()?;
    scene.schedule.sort_by_key(|timed| timed.at);
    Ok(scene)
}

/// What a text is checked against.
pub struct Checker<'a> {
    /// The text.
    pub source: &'a TomlSource<'a>,
    /// The radios.
    pub names: &'a [String],
}

impl Checker<'_> {
    /// A failure at a place.
    pub fn wrong<T>(&self, at: Range<usize>, what: &str) -> Result<T, Failure> {
        Err(self.source.wrong(Some(at), what))
    }

    /// A number within limits.
    pub fn number(&self, number: &Spanned<f64>, limits: RangeInclusive<f64>, unit: &str) -> Result<f64, Failure> {
        let value = *number.get_ref();
        if limits.contains(&value) {
            return Ok(value);
        }
        self.wrong(number.span(), &format!("{value} is not from {} to {} {unit}", limits.start(), limits.end()))
    }

    /// A whole number within limits.
    pub fn whole(&self, number: &Spanned<i64>, limits: RangeInclusive<i64>, unit: &str) -> Result<i64, Failure> {
        let value = *number.get_ref();
        if limits.contains(&value) {
            return Ok(value);
        }
        self.wrong(number.span(), &format!("{value} is not from {} to {} {unit}", limits.start(), limits.end()))
    }

    fn decibels(&self, number: &Number, limits: RangeInclusive<f64>) -> Result<Option<f32>, Failure> {
        number.as_ref().map(|number| self.number(number, limits, "dB").map(|value| value as f32)).transpose()
    }

    fn delay(&self, ticks: &Whole) -> Result<Option<u64>, Failure> {
        let ticks = ticks.as_ref().map(|ticks| self.whole(ticks, DELAY, "ticks")).transpose()?;
        Ok(ticks.map(i64::unsigned_abs))
    }

    /// Seconds as ticks.
    pub fn seconds(&self, number: &Spanned<f64>) -> Result<Tick, Failure> {
        self.number(number, SECONDS, "s").map(|seconds| (seconds * TICKS_PER_SECOND as f64).round() as Tick)
    }

    /// Number of the radio of that name.
    pub fn radio(&self, name: &Spanned<String>) -> Result<usize, Failure> {
        let known = self.names.iter().position(|known| known == name.get_ref());
        known.map_or_else(
            || {
                let all: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
                self.wrong(name.span(), &format!("no radio `{}` runs; there is {}", name.get_ref(), all.join(", ")))
            },
            Ok,
        )
    }

    fn is_name(&self, name: &Spanned<String>) -> Result<(), Failure> {
        let text = name.get_ref();
        if text.is_empty() || text.starts_with('.') || text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
            return self.wrong(name.span(), &format!("{text:?} is no name for a radio"));
        }
        Ok(())
    }

    fn air(&self, text: &SceneFile, scene: &mut Scene) -> Result<(), Failure> {
        let medium = &mut scene.medium;
        medium.seed = text.seed.unwrap_or(medium.seed);
        medium.path.gain_db = self.decibels(&text.air.gain_db, GAIN)?.unwrap_or(medium.path.gain_db);
        medium.path.delay = self.delay(&text.air.delay_ticks)?.unwrap_or(medium.path.delay);
        medium.noise_dbfs = self.decibels(&text.air.noise_dbfs, NOISE)?.unwrap_or(medium.noise_dbfs);
        Ok(())
    }

    fn radios(&self, text: &SceneFile, scene: &mut Scene) -> Result<(), Failure> {
        for (n, radio) in text.radio.iter().enumerate() {
            let number = self.radio(&radio.name)?;
            if text.radio[..n].iter().any(|other| other.name == radio.name) {
                return self.wrong(radio.name.span(), &format!("radio `{}` is described twice", radio.name.get_ref()));
            }
            let Some(fitting) = scene.radios.get_mut(number) else { continue };
            fitting.given = self.identity(radio)?;
            let equipment = &mut fitting.equipment;
            equipment.board = radio.board.unwrap_or(equipment.board);
            equipment.eeprom = radio.eeprom.unwrap_or(equipment.eeprom);
            equipment.gpsdo = radio.gpsdo.unwrap_or(equipment.gpsdo);
            let change = self.oscillator(number, &radio.carrier_offset_hz, &radio.noise_dbfs)?;
            let impairments = self.front_end(radio.front_end.as_ref())?;
            fitting.change = RadioChange { impairment_set: radio.impairments, impairments, ..change };
        }
        Ok(())
    }

    fn identity(&self, radio: &RadioText) -> Result<GivenIdentity, Failure> {
        Ok(GivenIdentity {
            ip: self.parsed(&radio.addr, given_identity::ip)?,
            mac: self.parsed(&radio.mac, given_identity::mac)?,
            serial: self.parsed(&radio.serial, given_identity::serial)?,
        })
    }

    fn parsed<T>(&self, text: &Text, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Failure> {
        let Some(text) = text else { return Ok(None) };
        parse(text.get_ref()).map_or_else(|why| self.wrong(text.span(), &why), |value| Ok(Some(value)))
    }

    fn oscillator(&self, radio: usize, offset: &Number, noise: &Number) -> Result<RadioChange, Failure> {
        let carrier_offset_hz = offset.as_ref().map(|offset| self.number(offset, OFFSET, "Hz")).transpose()?;
        Ok(RadioChange { radio, carrier_offset_hz, noise_dbfs: self.decibels(noise, NOISE)?, ..RadioChange::default() })
    }

    fn paths(&self, paths: &[Spanned<PathText>]) -> Result<Vec<PathChange>, Failure> {
        let mut checked: Vec<PathChange> = Vec::new();
        for text in paths {
            let path = self.path(text.get_ref())?;
            if checked.iter().any(|other| (other.from, other.to) == (path.from, path.to)) {
                let PathText { from, to, .. } = text.get_ref();
                return self
                    .wrong(from.span(), &format!("the path from `{}` to `{}` is given twice", from.get_ref(), to.get_ref()));
            }
            checked.push(path);
        }
        Ok(checked)
    }

    fn path(&self, text: &PathText) -> Result<PathChange, Failure> {
        let taps = text.taps.as_ref().map(|taps| self.taps(taps)).transpose()?;
        Ok(PathChange {
            from: self.radio(&text.from)?,
            to: self.radio(&text.to)?,
            gain_db: self.decibels(&text.gain_db, GAIN)?,
            delay: self.delay(&text.delay_ticks)?,
            blocked: text.blocked,
            taps,
        })
    }

    fn taps(&self, taps: &Spanned<Vec<TapText>>) -> Result<Vec<Tap>, Failure> {
        let count = taps.get_ref().len();
        if count > MAX_TAPS {
            return self.wrong(taps.span(), &format!("{count} taps are more than the {MAX_TAPS} that a path may have"));
        }
        taps.get_ref().iter().map(|tap| self.tap(tap)).collect()
    }

    fn tap(&self, text: &TapText) -> Result<Tap, Failure> {
        let phase = text.phase_degrees.as_ref().map(|phase| self.number(phase, PHASE, "degrees")).transpose()?;
        Ok(Tap {
            delay: self.whole(&text.delay_ticks, DELAY, "ticks")?.unsigned_abs(),
            gain_db: self.number(&text.gain_db, GAIN, "dB")? as f32,
            phase_degrees: phase.unwrap_or(0.0) as f32,
        })
    }

    fn timed(&self, event: &Spanned<EventText>) -> Result<Timed, Failure> {
        let Some(at) = &event.get_ref().at else {
            return self.wrong(event.span(), "an event of a scene needs a time: `at`, in seconds since power-up");
        };
        Ok(Timed { at: self.seconds(at)?, action: self.action(event.get_ref(), event.span())? })
    }

    /// The one thing that an event does.
    ///
    /// # Errors
    /// None or several, or what is wrong with it.
    pub fn action(&self, event: &EventText, whole: Range<usize>) -> Result<SceneAction, Failure> {
        match (&event.path, &event.radio, &event.fault) {
            (Some(path), None, None) => self.path(path.get_ref()).map(SceneAction::Path),
            (None, Some(radio), None) => self.change(radio.get_ref()).map(SceneAction::Radio),
            (None, None, Some(fault)) => self.fault(fault).map(SceneAction::Fault),
            (None, None, None) => self.wrong(whole, "an event needs one of `path`, `radio` and `fault`"),
            (path, radio, fault) => {
                let starts =
                    [path.as_ref().map(Spanned::span), radio.as_ref().map(Spanned::span), fault.as_ref().map(Spanned::span)];
                let second = starts.into_iter().flatten().max_by_key(|span| span.start).unwrap_or(whole);
                self.wrong(second, "an event does one thing; put the other one into an event of its own")
            }
        }
    }

    fn change(&self, text: &RadioChangeText) -> Result<RadioChange, Failure> {
        let change = self.oscillator(self.radio(&text.name)?, &text.carrier_offset_hz, &text.noise_dbfs)?;
        let impairments = self.front_end(text.front_end.as_ref())?;
        Ok(RadioChange { impairment_set: text.impairments, impairments, ..change })
    }
}
