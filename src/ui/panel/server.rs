//! One pool server: its agent, its two processes, its addresses, its load.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};
use unicode_width::UnicodeWidthStr;

use super::load::{self, Sparklines};
use super::pen::{Pen, WIDE, WIDER};
use super::{lines, span};
use crate::ui::model::{HostView, Model};
use crate::ui::msg::LinkState;
use crate::ui::service;
use crate::ui::text::{bytes, count, duration, one_line};
use protocol::{Port, ProcessState, ProcessStatus, StreamCounters, SyncState, Telemetry};

/// Block error rate from which it is a warning.
const FREQUENT: f32 = 0.1;

/// The owner's tag.
const OWNS: &str = " OWNS THE RADIO ";

/// Draws it.
pub fn draw(model: &Model, host: &str, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let stale = model.stale_ms(host);
    let owner = model.holds_radio(host);
    let (set, style) = match (stale, owner) {
        (Some(_), _) => (g.dashed, t.warn),
        (None, true) => (g.thick, t.owner),
        (None, false) => (g.thin, t.rule),
    };
    let down = service::down(model).filter(|service| service.host.as_deref() == Some(host));
    let style = if down.is_some() { t.bad } else { style };
    let mut block = Block::bordered().border_set(set).border_style(style);
    block = block.title(span(format!(" {host} "), if owner { t.owner_tag } else { t.strong }));
    let note = match (stale, owner) {
        (Some(age), true) => {
            let full = lang.fill(" owned the radio {0} ago ", &[&duration(age)]);
            // The name of the host stays.
            let fits = full.width() + host.width() + 4 <= usize::from(area.width);
            span(if fits { full } else { lang.fill(" owner {0} ago ", &[&duration(age)]) }, t.warn)
        }
        (Some(age), false) => span(lang.fill(" figures {0} old ", &[&duration(age)]), t.warn),
        (None, _) if let Some(service) = &down => span(lang.fill(" SERVICE {0} ", &[&lang.tr(service.state.word())]), t.bad_tag),
        (None, true) if usize::from(area.width) < lang.tr(OWNS).width() + host.width() + 6 => span(lang.tr(" OWNER "), t.owner_tag),
        (None, true) => span(lang.tr(OWNS), t.owner_tag),
        (None, false) if model.telemetry(host).is_some() => span(lang.tr(" parked "), t.dim),
        (None, false) if model.replay.is_some() => span(lang.tr(" replay "), t.dim),
        (None, false) => span(lang.tr(" not heard yet "), t.dim),
    };
    block = block.title(Line::from(note).alignment(Alignment::Right));
    let inner = block.inner(area);
    block.render(area, buf);
    let body = if inner.width >= WIDE { Rect { x: inner.x + 1, width: inner.width - 2, ..inner } } else { inner };
    lines(body, buf, rows(model, host, body));
}

/// The lines that fit: the least important are left out first.
fn rows<'a>(model: &'a Model, host: &str, area: Rect) -> Vec<Line<'a>> {
    let t = &model.skin.theme;
    if model.replay.is_some() {
        let said = ["processes, addresses and load", "are not in a record"];
        return said.map(|text| Line::from(span(model.skin.lang.tr(text), t.dim))).into();
    }
    let Some(view) = model.host(host) else { return Vec::new() };
    let pen = Pen { theme: t, lang: model.skin.lang, width: area.width, age_ms: model.stale_ms(host).unwrap_or(0) };
    let mut rows: Vec<(u8, Line<'a>)> = vec![(1, pen.agent(view, model.now_ms))];
    if let Some(telemetry) = &view.telemetry {
        rows.extend(pen.telemetry(telemetry, &model.config.addresses.active.to_string()));
        let history = Sparklines { history: &view.history, now_ms: model.now_ms, glyphs: &model.skin.glyphs };
        rows.extend(load::rows(&pen, &telemetry.load, &history));
    }
    while rows.len() > usize::from(area.height) {
        // The last among equals goes first.
        let worst = rows.iter().enumerate().max_by_key(|(i, (priority, _))| (*priority, *i)).map(|(i, _)| i);
        worst.map(|i| rows.remove(i));
    }
    rows.into_iter().map(|(_, row)| row).collect()
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
    fn agent<'a>(&self, view: &HostView, now_ms: u64) -> Line<'a> {
        let (t, lang) = (self.theme, self.lang);
        let silence = view.heard_ms.map_or(0, |heard| now_ms.saturating_sub(heard));
        let state = match view.link {
            LinkState::Connecting => span(lang.tr("connecting"), t.warn),
            LinkState::Connected if self.age_ms > 0 => span(lang.fill("SILENT for {0}", &[&duration(silence)]), t.bad),
            LinkState::Connected => span(lang.tr("connected"), t.good),
            LinkState::Retrying { .. } if !self.wide() => span(lang.tr("UNREACHABLE"), t.bad),
            LinkState::Retrying { in_ms } => span(lang.fill("UNREACHABLE, retry in {0}", &[&duration(in_ms)]), t.bad),
            LinkState::Silent { for_ms } => span(lang.fill("SILENT for {0}", &[&duration(for_ms.max(silence))]), t.bad),
        };
        let mut spans = vec![state];
        if let (true, Some(telemetry), 0) = (self.wide(), &view.telemetry, self.age_ms) {
            spans.push(span(lang.fill("  up {0}", &[&duration(telemetry.uptime_ms)]), t.dim));
            if self.width >= WIDER {
                spans.push(span(lang.fill("  memory {0}", &[&bytes(telemetry.load.agent.memory)]), t.dim));
            }
        }
        self.row("agent", spans)
    }

    fn telemetry<'a>(&self, telemetry: &Telemetry, active: &str) -> Vec<(u8, Line<'a>)> {
        let mut rows = vec![(0, self.process("d2d", &telemetry.d2d))];
        rows.push((2, self.sync(&telemetry.d2d)));
        rows.extend(self.link(&telemetry.d2d).into_iter().map(|row| (3, row)));
        if self.wide() {
            rows.push((6, self.load(&telemetry.d2d)));
        }
        rows.push((0, self.process("usrp", &telemetry.usrp)));
        rows.push((4, self.counters(telemetry.usrp.counters.as_ref())));
        if self.wide() {
            rows.push((6, self.load(&telemetry.usrp)));
        }
        rows.push((0, self.port(&telemetry.radio_port, "eth3", Some(active))));
        rows.push((0, self.port(&telemetry.tun, "tun", None)));
        rows
    }

    fn process<'a>(&self, label: &str, process: &ProcessStatus) -> Line<'a> {
        let t = self.theme;
        let (word, style) = match process.state {
            ProcessState::Stopped => ("stopped", t.dim),
            ProcessState::Starting => ("STARTING", t.warn),
            ProcessState::Made => ("MADE", t.warn),
            ProcessState::Running => ("RUNNING", t.good),
            ProcessState::Died => ("DIED", t.bad),
        };
        let mut spans = vec![span(self.lang.tr(word), style)];
        if process.state == ProcessState::Died {
            let words = process.last_words.as_deref().unwrap_or(self.lang.tr("no message"));
            spans.push(span(format!(": {}", self.lang.said(&one_line(words))), t.bad));
        } else if let Some(pid) = process.pid {
            let uptime = process.uptime_ms.map(duration).unwrap_or_default();
            let text = if self.wide() { format!("  pid {pid}  {uptime}") } else { format!("  {uptime}") };
            spans.push(span(text, t.base));
        }
        self.row(label, spans)
    }

    fn sync<'a>(&self, process: &ProcessStatus) -> Line<'a> {
        let (t, lang) = (self.theme, self.lang);
        let (text, style): (String, Style) = match process.sync {
            None => ("-".into(), t.dim),
            Some(SyncState::NoSamples) => (lang.tr("no samples").into(), t.warn),
            Some(SyncState::Searching) => (lang.tr("SEARCHING").into(), t.warn),
            Some(SyncState::Synced { for_ms }) if self.wide() => (lang.fill("in sync {0}", &[&duration(for_ms)]), t.good),
            Some(SyncState::Synced { .. }) => (lang.tr("in sync").into(), t.good),
            Some(SyncState::Lost { for_ms }) => (lang.fill("LOST for {0}", &[&duration(for_ms)]), t.bad),
            Some(SyncState::Unreported) => (lang.tr("not told").into(), t.dim),
        };
        let mut spans = vec![span(text, style)];
        if let Some(snr) = process.link.and_then(|link| link.snr_db) {
            let word = if self.wide() { "  SNR " } else { "  " };
            spans.push(span(format!("{word}{snr:.1} dB"), t.base));
        }
        self.row(if self.wide() { " sync" } else { "sync" }, spans)
    }

    /// What the receiver measures besides the signal to noise ratio: two rows, one where they fit into it; on the narrowest, the two
    /// figures that say most.
    fn link<'a>(&self, process: &ProcessStatus) -> Vec<Line<'a>> {
        let t = self.theme;
        let Some(link) = process.link else { return Vec::new() };
        let measured = |word: &'static str, text: Option<String>| match text {
            Some(text) => vec![span(word, t.dim), span(text, t.base)],
            None => vec![span(word, t.dim), span("-", t.dim)],
        };
        let evm = measured("EVM ", link.evm_percent.map(percent));
        let errors = link.block_error_rate;
        let mut bler = measured("BLER ", errors.map(|rate| percent(100.0 * rate)));
        if errors.is_some_and(|rate| rate >= FREQUENT) {
            bler[1].style = t.warn;
        }
        if !self.wide() {
            return vec![self.row("link", [evm, vec![Span::raw(" ")], bler].concat())];
        }
        let gap = || vec![Span::raw("  ")];
        let cfo = measured("CFO ", link.cfo_hz.map(|hz| format!("{hz:+.0} Hz")));
        let lost = span(count(link.subframes_lost), if link.subframes_lost == 0 { t.base } else { t.warn });
        let unit = span(self.lang.tr(" subframes"), t.dim);
        if self.width >= WIDER {
            let lost = vec![span(self.lang.tr("lost "), t.dim), lost, unit];
            return vec![self.row(" link", [evm, gap(), cfo, gap(), bler, gap(), lost].concat())];
        }
        vec![self.row(" link", [evm, gap(), cfo].concat()), self.row(" lost", [vec![lost, unit], gap(), bler].concat())]
    }

    fn load<'a>(&self, process: &ProcessStatus) -> Line<'a> {
        if process.pid.is_none() {
            return self.row(" load", vec![span("-", self.theme.dim)]);
        }
        let cpu = format!("{:.0}", process.load.cpu_percent);
        let text = self.lang.fill("{0} % of a core, {1}", &[&cpu, &bytes(process.load.memory)]);
        self.row(" load", vec![span(text, self.theme.base)])
    }

    fn counters<'a>(&self, counters: Option<&StreamCounters>) -> Line<'a> {
        let t = self.theme;
        let Some(c) = counters else { return self.row(" stream", vec![span("-", t.dim)]) };
        let figures = [c.overflows, c.underflows, c.late, c.rx_lost_samples];
        let wordings = [
            ["overflows ", "  underflows ", "  late ", "  lost samples "],
            ["over ", " under ", " late ", " lost "],
            ["o ", " u ", " l ", " x "],
        ];
        let columns = |words: &[&str; 4]| -> usize {
            let row = words.iter().zip(figures).map(|(word, figure)| self.lang.tr(word).width() + count(figure).width());
            8 + row.sum::<usize>()
        };
        // Large figures need shorter words.
        let [.., shortest] = wordings;
        let words = wordings.into_iter().find(|words| columns(words) <= usize::from(self.width)).unwrap_or(shortest);
        let mut spans = Vec::new();
        for (word, figure) in words.into_iter().zip(figures) {
            spans.push(span(self.lang.tr(word), t.dim));
            spans.push(span(count(figure), if figure == 0 { t.base } else { t.warn }));
        }
        self.row(" stream", spans)
    }

    fn port<'a>(&self, port: &Port, label: &str, active: Option<&str>) -> Line<'a> {
        let t = self.theme;
        let holds = active.is_some_and(|active| port.addresses.iter().any(|a| a == active));
        let addresses = if port.addresses.is_empty() { self.lang.tr("no address").to_owned() } else { port.addresses.join(", ") };
        let style = match (port.addresses.is_empty(), holds) {
            (true, _) => t.dim,
            (_, true) => t.owner,
            _ => t.strong,
        };
        let mut spans = vec![span(one_line(&addresses), style)];
        if !port.up {
            spans.push(span(self.lang.tr("  DOWN"), t.bad));
        } else if self.wide() && active.is_some() {
            spans.push(span(self.lang.tr(if holds { "  to the radio" } else { "  parked" }), t.dim));
        }
        let name = if port.name.is_empty() { label } else { &port.name };
        self.row(name, spans)
    }
}
