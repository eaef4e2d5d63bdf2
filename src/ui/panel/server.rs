//! One pool server: its agent, its two processes, its addresses, its load.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::guest;
use super::load::{self, Sparklines};
use super::pen::{Pen, WIDE, WIDER};
use super::{framed, lines, span};
use crate::migration::standing::is_armed;
use crate::ui::model::{HostView, Model};
use crate::ui::msg::LinkState;
use crate::ui::service;
use crate::ui::standby;
use crate::ui::text::{bytes, count, duration, first_that_fits, one_line, short_name};
use protocol::{Port, ProcessState, ProcessStatus, StreamCounters, Telemetry};

/// Columns of the name of a host that stay.
const LEAST_NAME: usize = 7;

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
    let title = span(format!(" {host} "), if owner { t.owner_tag } else { t.strong });
    // The name of the host stays.
    let room = usize::from(area.width).saturating_sub(title.width() + 2);
    let note = match (stale, owner) {
        (Some(age), owner) => {
            let age = duration(age);
            let full = if owner { " owned the radio {0} ago " } else { " figures {0} old " };
            let short = if owner { " owner {0} ago " } else { " {0} old " };
            let wordings = [full, short, " {0} old "].map(|text| lang.fill(text, &[&age]));
            span(first_that_fits(wordings, room), t.warn)
        }
        (None, _) if let Some(service) = &down => {
            let word = lang.tr(service.state.word());
            span(first_that_fits([lang.fill(" SERVICE {0} ", &[&word]), format!(" {word} ")], room), t.bad_tag)
        }
        (None, true) if has_guest(model, host) => span(lang.tr(" RUNS THE GUEST "), t.owner_tag),
        (None, false) if has_guest(model, host) => span(lang.tr(" runs no guest "), t.dim),
        (None, true) if usize::from(area.width) < lang.tr(OWNS).width() + host.width() + 6 => span(lang.tr(" OWNER "), t.owner_tag),
        (None, true) => span(lang.tr(OWNS), t.owner_tag),
        (None, false) if model.telemetry(host).is_some_and(|telemetry| telemetry.drained) => span(lang.tr(" DRAINED "), t.warn),
        (None, false) if model.telemetry(host).is_some_and(is_armed) => span(lang.tr(" ARMED STANDBY "), t.good),
        (None, false) if model.telemetry(host).is_some() => span(lang.tr(" parked "), t.dim),
        (None, false) if model.replay.is_some() => span(lang.tr(" replay "), t.dim),
        (None, false) => span(lang.tr(" not heard yet "), t.dim),
    };
    // The name gives way to what it is: its beginning and its end tell it from the other's.
    let columns = usize::from(area.width).saturating_sub(note.width() + 5).max(LEAST_NAME);
    let title = span(format!(" {} ", short_name(host, columns, g.ellipsis)), title.style);
    let inner = framed(area, buf, (set, style), &Line::from(title), &Line::from(note));
    let body = if inner.width >= WIDE { Rect { x: inner.x + 1, width: inner.width - 2, ..inner } } else { inner };
    lines(body, buf, rows(model, host, body));
}

fn has_guest(model: &Model, host: &str) -> bool {
    model.telemetry(host).is_some_and(|telemetry| telemetry.guest.is_some())
}

/// The lines that fit: the least important are left out first.
fn rows<'a>(model: &'a Model, host: &str, area: Rect) -> Vec<Line<'a>> {
    let t = &model.skin.theme;
    if model.replay.is_some() {
        let said = ["processes, addresses and load", "are not in a record"];
        return said.map(|text| Line::from(span(model.skin.lang.tr(text), t.dim))).into();
    }
    let Some(view) = model.host(host) else { return Vec::new() };
    let ellipsis = model.skin.glyphs.ellipsis;
    let pen = Pen {
        theme: t,
        lang: model.skin.lang,
        width: area.width,
        age_ms: model.stale_ms(host).map_or(0, |age| age.max(1)),
        ellipsis,
    };
    let mut rows: Vec<(u8, Line<'a>)> = vec![(1, pen.agent(view, model.now_ms))];
    if let Some(standby) = view.telemetry.as_ref().and_then(|telemetry| telemetry.standby.as_ref()) {
        let (wordings, good) = standby::words(model, standby);
        let words = span(first_that_fits(wordings, pen.room()), if good { t.good } else { t.warn });
        rows.push((1, pen.fields("standby", vec![vec![words]])));
    }
    if let Some(telemetry) = &view.telemetry {
        rows.extend(pen.telemetry(telemetry, &model.config.addresses.active.to_string()));
        let history = Sparklines { history: &view.history, now_ms: model.now_ms, glyphs: &model.skin.glyphs };
        rows.extend(load::rows(&pen, &telemetry.load, &history));
    }
    if pen.age_ms > 0 {
        // Nothing of it is of the present; the frame says its age.
        for span in rows.iter_mut().skip(1).flat_map(|(_, row)| &mut row.spans) {
            span.style = t.dim;
        }
    }
    while rows.len() > usize::from(area.height) {
        // The last among equals goes first.
        let worst = rows.iter().enumerate().max_by_key(|(i, (priority, _))| (*priority, *i)).map(|(i, _)| i);
        worst.map(|i| rows.remove(i));
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

impl Pen<'_> {
    fn agent<'a>(&self, view: &HostView, now_ms: u64) -> Line<'a> {
        let (t, lang) = (self.theme, self.lang);
        let silence = view.heard_ms.map_or(0, |heard| now_ms.saturating_sub(heard));
        let fitting = |wordings| span(first_that_fits(wordings, self.room()), t.bad);
        let silent = |ms: u64| {
            let since = duration(ms);
            fitting([lang.fill("SILENT for {0}", &[&since]), lang.fill("SILENT {0}", &[&since]), lang.tr("SILENT").into()])
        };
        let state = match view.link {
            LinkState::Connecting => span(lang.tr("connecting"), t.warn),
            LinkState::Connected if self.age_ms > 0 => silent(silence),
            LinkState::Connected => span(lang.tr("connected"), t.good),
            LinkState::Retrying { in_ms } => {
                let [full, short] = ["UNREACHABLE, retry in {0}", "UNREACHABLE"].map(|text| lang.fill(text, &[&duration(in_ms)]));
                fitting([full, short.clone(), short])
            }
            LinkState::Silent { for_ms } => silent(for_ms.max(silence)),
        };
        let mut fields = vec![vec![state]];
        if let (true, Some(telemetry), 0) = (self.wide(), &view.telemetry, self.age_ms) {
            fields.push(vec![span(lang.fill("  up {0}", &[&duration(telemetry.uptime_ms)]), t.dim)]);
            if self.width >= WIDER {
                fields.push(vec![span(lang.fill("  memory {0}", &[&bytes(telemetry.load.agent.memory)]), t.dim)]);
            }
        }
        self.fields("agent", fields)
    }

    fn telemetry<'a>(&self, telemetry: &Telemetry, active: &str) -> Vec<(u8, Line<'a>)> {
        if let Some(guest) = &telemetry.guest {
            let mut rows = guest::rows(self, guest);
            rows.push((4, self.port(&telemetry.radio_port, "eth3", None)));
            return rows;
        }
        let mut rows = vec![(0, self.process("d2d", &telemetry.d2d))];
        rows.push((2, self.sync(telemetry)));
        rows.extend(self.link(telemetry).into_iter().map(|row| (3, row)));
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
        let word = self.lang.tr(word).to_owned();
        if process.state == ProcessState::Died {
            let words = process.last_words.as_deref().unwrap_or(self.lang.tr("no message"));
            let words = self.lang.said(&one_line(words));
            return self.row(label, vec![span(word, style), span(format!(": {words}"), t.bad)]);
        }
        let mut fields = vec![vec![span(word.clone(), style)]];
        if let Some(pid) = process.pid {
            if self.wide() {
                fields.push(vec![span(format!("  pid {pid}"), t.base)]);
            }
            let uptime = process.uptime_ms.map(duration).unwrap_or_default();
            // Its larger unit alone, where there is room for no more.
            let larger = uptime.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
            let room = self.room().saturating_sub(word.width() + 2);
            let uptime = if self.wide() { uptime } else { first_that_fits([uptime, larger], room) };
            fields.push(vec![span(format!("  {uptime}"), t.base)]);
        }
        self.fields(label, fields)
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
        let label = if self.wide() { " stream" } else { "flow" };
        let Some(c) = counters else { return self.row(label, vec![span("-", t.dim)]) };
        let figures = [c.overflows, c.underflows, c.late, c.rx_lost_samples];
        let wordings = [
            ["overflows ", "  underflows ", "  late ", "  lost samples "],
            ["over ", " under ", " late ", " lost "],
            ["o ", " u ", " l ", " x "],
        ];
        let columns = |words: &[&str; 4]| -> usize {
            words.iter().zip(figures).map(|(word, figure)| self.lang.tr(word).width() + count(figure).width()).sum()
        };
        // Large figures need shorter words.
        let [.., shortest] = wordings;
        let words = wordings.into_iter().find(|words| columns(words) <= self.room());
        let mut fields: Vec<(u64, Vec<Span<'a>>)> = Vec::new();
        for (word, figure) in words.unwrap_or(shortest).into_iter().zip(figures) {
            let style = if figure == 0 { t.base } else { t.warn };
            fields.push((figure, vec![span(self.lang.tr(word), t.dim), span(count(figure), style)]));
        }
        if words.is_none() {
            // Not all have room: what was counted goes before what was not.
            fields.sort_by_key(|(figure, _)| *figure == 0);
        }
        self.fields(label, fields.into_iter().map(|(_, field)| field))
    }

    fn port<'a>(&self, port: &Port, label: &str, active: Option<&str>) -> Line<'a> {
        let t = self.theme;
        let holds = active.is_some_and(|active| port.addresses.iter().any(|a| a == active));
        let style = match (port.addresses.is_empty(), holds) {
            (true, _) => t.dim,
            (_, true) => t.owner,
            _ => t.strong,
        };
        let name = if port.name.is_empty() { label } else { &port.name };
        let down = if port.up { "" } else { self.lang.tr("down") };
        // A port that is down is told before its address.
        let room = self.room().saturating_sub(if port.up { 0 } else { down.width() + 2 });
        let addresses = span(self.addresses(port, room), style);
        if !port.up {
            return match addresses.content.is_empty() {
                true => self.row(name, vec![span(down, t.bad)]),
                false => self.row(name, vec![addresses, span(format!("  {down}"), t.bad)]),
            };
        }
        let mut fields = vec![vec![addresses]];
        if self.wide() && active.is_some() {
            fields.push(vec![span(self.lang.tr(if holds { "  to the radio" } else { "  parked" }), t.dim)]);
        }
        self.fields(name, fields)
    }

    /// The addresses of a port in so many columns: all, without the lengths of their networks, or the first one and how many more there
    /// are; nothing where not even that fits.
    fn addresses(&self, port: &Port, room: usize) -> String {
        let Some(first) = port.addresses.first() else { return self.lang.tr("no address").to_owned() };
        let bare = |address: &str| one_line(address.split('/').next().unwrap_or(address));
        let full = one_line(&port.addresses.join(", "));
        let short = port.addresses.iter().map(|a| bare(a)).collect::<Vec<_>>().join(", ");
        let more = match port.addresses.len() - 1 {
            0 => String::new(),
            n => format!(" +{n}"),
        };
        let alone = bare(first);
        first_that_fits([full, short, format!("{}{more}", one_line(first)), format!("{alone}{more}"), alone], room)
    }
}
