//! Faults as a scene or a command orders them: which keys each kind takes, and what they may say.

use std::ops::Range;

use toml::Spanned;

use super::check::Checker;
use super::text::{FaultText, KindText, Number, Whole};
use crate::device::clock::Tick;
use crate::fault::{FaultChange, FaultKind, Lag, PORTS, PacketChoice};
use n210_wire::port;
use protocol::Failure;

/// Longest delay of a packet, ticks: 10 s.
const LONGEST: i64 = 1_000_000_000;
/// Farthest jump of a clock, ticks: about four months.
const FARTHEST: i64 = 1_000_000_000_000_000;
const TICKS_PER_MS: f64 = 100_000.0;

/// Keys that a kind of fault may have, beside radio and kind.
fn keys(kind: KindText) -> &'static [&'static str] {
    match kind {
        KindText::None => &["port", "direction"],
        KindText::Drop | KindText::Duplicate | KindText::Reorder => &["port", "direction", "for", "probability", "every"],
        KindText::Delay => &["port", "direction", "for", "ticks", "ms", "jitter_ticks", "jitter_ms"],
        KindText::Deaf => &["port", "direction", "for"],
        KindText::BrownOut | KindText::LostLock => &["for"],
        KindText::SlowCpu => &["for", "ticks", "ms", "jitter_ticks", "jitter_ms"],
        KindText::ClockJump => &["ticks", "ms"],
        KindText::Overflow => &["port"],
    }
}

/// The keys that are given.
fn given(text: &FaultText) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let number = |number: &Number| number.as_ref().map(Spanned::span);
    let whole = |whole: &Whole| whole.as_ref().map(Spanned::span);
    [
        ("port", whole(&text.port)),
        ("direction", text.direction.as_ref().map(Spanned::span)),
        ("for", number(&text.lasts)),
        ("probability", number(&text.probability)),
        ("every", whole(&text.every)),
        ("ticks", whole(&text.ticks)),
        ("ms", number(&text.ms)),
        ("jitter_ticks", whole(&text.jitter_ticks)),
        ("jitter_ms", number(&text.jitter_ms)),
    ]
    .into_iter()
    .filter_map(|(key, span)| span.map(|span| (key, span)))
}

impl Checker<'_> {
    /// A fault.
    ///
    /// # Errors
    /// A key that its kind does not have, one that it needs, or a value out of range.
    pub fn fault(&self, spanned: &Spanned<FaultText>) -> Result<FaultChange, Failure> {
        let text = spanned.get_ref();
        let radio = self.radio(&text.radio)?;
        let kind = *text.kind.get_ref();
        if let Some((key, span)) = given(text).find(|(key, _)| !keys(kind).contains(key)) {
            return self.wrong(span, &format!("a fault of this kind takes no `{key}`"));
        }
        let lasts = text.lasts.as_ref().map(|lasts| self.lasts(lasts)).transpose()?;
        let port = text.port.as_ref().map(|port| self.port(port, kind)).transpose()?;
        let kind = self.kind(text, kind)?;
        Ok(FaultChange { radio, kind, port, direction: text.direction.as_ref().map(|direction| *direction.get_ref()), lasts })
    }

    fn kind(&self, text: &FaultText, kind: KindText) -> Result<Option<FaultKind>, Failure> {
        Ok(Some(match kind {
            KindText::None => return Ok(None),
            KindText::Drop => FaultKind::Drop(self.choice(text)?),
            KindText::Duplicate => FaultKind::Duplicate(self.choice(text)?),
            KindText::Reorder => FaultKind::Reorder(self.choice(text)?),
            KindText::Delay => FaultKind::Delay(self.lag(text)?),
            KindText::SlowCpu => FaultKind::SlowCpu(self.lag(text)?),
            KindText::Deaf => FaultKind::Deaf,
            KindText::BrownOut => FaultKind::BrownOut,
            KindText::LostLock => FaultKind::LostLock,
            KindText::Overflow => FaultKind::Overflow,
            KindText::ClockJump => match self.span(&text.ticks, &text.ms, -FARTHEST..=FARTHEST)? {
                Some(ticks) => FaultKind::ClockJump(ticks),
                None => return self.wrong(text.kind.span(), "how far does the clock jump? give `ticks` or `ms`"),
            },
        }))
    }

    fn lasts(&self, lasts: &Spanned<f64>) -> Result<Tick, Failure> {
        match self.seconds(lasts)? {
            0 => self.wrong(lasts.span(), "a fault lasts longer than 0 s; without `for` it lasts until `kind = \"none\"`"),
            ticks => Ok(ticks),
        }
    }

    fn port(&self, number: &Spanned<i64>, kind: KindText) -> Result<u16, Failure> {
        let allowed: &[u16] = if kind == KindText::Overflow { &[port::RX0, port::RX1] } else { &PORTS };
        let value = *number.get_ref();
        let port = u16::try_from(value).ok().filter(|port| allowed.contains(port));
        port.map_or_else(
            || {
                let all: Vec<String> = allowed.iter().map(u16::to_string).collect();
                self.wrong(number.span(), &format!("{value} is none of the device's ports {}", all.join(", ")))
            },
            Ok,
        )
    }

    fn choice(&self, text: &FaultText) -> Result<PacketChoice, Failure> {
        match (&text.probability, &text.every) {
            (Some(probability), None) => {
                self.number(probability, 0.0..=1.0, "(it is a probability)").map(PacketChoice::Probability)
            }
            (None, Some(every)) => {
                let every = self.whole(every, 1..=1_000_000_000, "packets")?;
                Ok(PacketChoice::Every(every.unsigned_abs()))
            }
            (None, None) => self.wrong(text.kind.span(), "which packets? give `probability` or `every`"),
            (Some(_), Some(every)) => self.wrong(every.span(), "give `probability` or `every`, not both"),
        }
    }

    fn lag(&self, text: &FaultText) -> Result<Lag, Failure> {
        let limits = 0..=LONGEST;
        let Some(ticks) = self.span(&text.ticks, &text.ms, limits.clone())? else {
            return self.wrong(text.kind.span(), "how late? give `ticks` or `ms`");
        };
        let jitter = self.span(&text.jitter_ticks, &text.jitter_ms, limits)?.unwrap_or(0);
        Ok(Lag { ticks: ticks.unsigned_abs(), jitter: jitter.unsigned_abs() })
    }

    /// A span of time, in ticks or in milliseconds.
    fn span(&self, ticks: &Whole, ms: &Number, limits: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        match (ticks, ms) {
            (None, None) => Ok(None),
            (Some(ticks), None) => self.whole(ticks, limits, "ticks").map(Some),
            (None, Some(ms)) => {
                let limits = *limits.start() as f64 / TICKS_PER_MS..=*limits.end() as f64 / TICKS_PER_MS;
                self.number(ms, limits, "ms").map(|ms| Some((ms * TICKS_PER_MS).round() as i64))
            }
            (Some(_), Some(ms)) => self.wrong(ms.span(), "give ticks or milliseconds, not both"),
        }
    }
}
