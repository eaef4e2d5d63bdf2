//! What the modem's receiver says: whether it is in sync, and what it measures on the air.
//!
//! Its figures are of the present while it is in sync and gets samples. After that they are shown with their age, or not at all.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::pen::{Pen, WIDER};
use super::span;
use crate::ui::text::{count, duration};
use protocol::{ProcessState, SyncState, Telemetry};

/// Block error rate from which it is a warning.
const FREQUENT: f32 = 0.1;

/// Of when the figures of a receiver are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    /// It measures now.
    Current,
    /// It measured last so long ago, ms.
    Since(u64),
    /// Not known.
    Unknown,
}

impl Freshness {
    fn of(telemetry: &Telemetry) -> Self {
        let runs = [&telemetry.d2d, &telemetry.usrp].into_iter().all(|process| process.state == ProcessState::Running);
        match telemetry.d2d.sync {
            Some(SyncState::Synced { .. } | SyncState::Unreported) if runs => Self::Current,
            Some(SyncState::Lost { for_ms }) => Self::Since(for_ms),
            _ => Self::Unknown,
        }
    }
}

/// A percentage in four columns and the sign: a value above zero never reads as zero.
fn percent(value: f32) -> String {
    match value {
        v if v > 0.0 && v < 0.1 => "<0.1 %".into(),
        v if v < 9.95 => format!("{v:.1} %"),
        v => format!("{v:.0} %"),
    }
}

impl Pen<'_> {
    /// Whether the receiver is in sync, and its signal to noise ratio.
    pub fn sync<'a>(&self, telemetry: &Telemetry) -> Line<'a> {
        let (t, lang) = (self.theme, self.lang);
        let (text, style): (String, Style) = match telemetry.d2d.sync {
            None => ("-".into(), t.dim),
            Some(SyncState::NoSamples) => (lang.tr("no samples").into(), t.warn),
            Some(SyncState::Searching) => (lang.tr("SEARCHING").into(), t.warn),
            Some(SyncState::Synced { for_ms }) if self.wide() => (lang.fill("in sync {0}", &[&duration(for_ms)]), t.good),
            Some(SyncState::Synced { .. }) => (lang.tr("in sync").into(), t.good),
            Some(SyncState::Lost { for_ms }) => (lang.fill("LOST for {0}", &[&duration(for_ms)]), t.bad),
            Some(SyncState::Unreported) => (lang.tr("not told").into(), t.dim),
        };
        let mut fields = vec![vec![span(text, style)]];
        if let Some(snr) = telemetry.d2d.link.and_then(|link| link.snr_db) {
            let snr = format!("{}{snr:.1} dB", if self.wide() { "SNR " } else { "" });
            match Freshness::of(telemetry) {
                Freshness::Current => fields.push(vec![span(format!("  {snr}"), t.base)]),
                // How long ago, says the state before it.
                Freshness::Since(_) => fields.push(vec![span(lang.fill("  was {0}", &[&snr]), t.dim)]),
                Freshness::Unknown => {}
            }
        }
        self.fields(if self.wide() { " sync" } else { "sync" }, fields)
    }

    /// What the receiver measures besides the signal to noise ratio: two rows, one where they fit into it; on the narrowest, the two
    /// figures that say most.
    pub fn link<'a>(&self, telemetry: &Telemetry) -> Vec<Line<'a>> {
        let t = self.theme;
        let Some(link) = telemetry.d2d.link else { return Vec::new() };
        let freshness = Freshness::of(telemetry);
        let style = if freshness == Freshness::Current { t.base } else { t.dim };
        let measured = |word: &'static str, text: Option<String>| match text.filter(|_| freshness != Freshness::Unknown) {
            Some(text) => vec![span(word, t.dim), span(text, style)],
            None => vec![span(word, t.dim), span("-", t.dim)],
        };
        let evm = measured("EVM ", link.evm_percent.map(percent));
        let errors = link.block_error_rate;
        let mut bler = measured("BLER ", errors.map(|rate| percent(100.0 * rate)));
        if errors.is_some_and(|rate| rate >= FREQUENT) && freshness == Freshness::Current {
            bler[1].style = t.warn;
        }
        let before = |gap: &'static str, field: Vec<Span<'a>>| [vec![Span::raw(gap)], field].concat();
        // The age stands first: figures may have no room, and then it is theirs no more.
        let age = match freshness {
            Freshness::Since(ms) => vec![span(self.lang.fill("{0} ago: ", &[&duration(ms)]), t.dim)],
            Freshness::Current | Freshness::Unknown => vec![Span::raw("")],
        };
        if !self.wide() {
            return vec![self.fields("link", [age, evm, before(" ", bler)])];
        }
        let cfo = measured("CFO ", link.cfo_hz.map(|hz| format!("{hz:+.0} Hz")));
        let lost = span(count(link.subframes_lost), if link.subframes_lost == 0 { t.base } else { t.warn });
        let unit = span(self.lang.tr(" subframes"), t.dim);
        if self.width >= WIDER {
            let lost = vec![span(self.lang.tr("  lost "), t.dim), lost, unit];
            return vec![self.fields(" link", [age, evm, before("  ", cfo), before("  ", bler), lost])];
        }
        let second = match freshness {
            // An old rate beside a count that goes on would read as one of now.
            Freshness::Since(_) => vec![vec![lost, unit]],
            Freshness::Current | Freshness::Unknown => vec![vec![lost, unit], before("  ", bler)],
        };
        vec![self.fields(" link", [age, evm, before("  ", cfo)]), self.fields(" lost", second)]
    }
}
