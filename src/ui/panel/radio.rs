//! The middle of the stage: the radio, the arrow to its owner, and the story of the migration.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};
use unicode_width::UnicodeWidthStr;

use super::{below, centred, line, lines, span, track};
use crate::protocol::{
    Order, Origin, Outcome, ProcessState, Progress, RadioOwner, RunRecord, SOURCE_INTERRUPTION_MS, StepState, Telemetry,
};
use crate::ui::action::Action;
use crate::ui::big;
use crate::ui::failover::Failover;
use crate::ui::model::{Model, Pending, address};
use crate::ui::pings;
use crate::ui::preflight::{before_cut, mend, plan_of};
use crate::ui::text::{clip, hertz, ms, one_line, scaled, span as length, wrap};

/// Rows of the drawing of the radio: in full, without its frequencies, with its address alone.
const RADIO_ROWS: [u16; 3] = [5, 4, 3];
/// Rows of the panel from which each of the first two is drawn: the figure that is read from the back row goes before frequencies.
const TALL: [u16; 2] = [16, 12];
/// Times the large size of a figure at most.
const MOST: usize = 3;

/// Cells from one ripple of a flow to the next, and how many a second they move: one a frame at rest.
const RIPPLE: usize = 4;
const CELLS_PER_S: f64 = 5.0;

/// From this width on, figures are explained in full.
const ROOMY: u16 = 28;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let rows = match area.height {
        h if h >= TALL[0] => RADIO_ROWS[0],
        h if h >= TALL[1] => RADIO_ROWS[1],
        h => RADIO_ROWS[2].min(h),
    };
    let (owner, style) = owner_sentence(model, usize::from(area.width));
    radio(model, Rect { height: rows, ..area }, buf);
    line(area, area.y + rows, buf, &centred(Line::from(span(clip(&owner, usize::from(area.width), "~"), style)), area.width));
    if area.height >= TALL[0] {
        let evidence = Line::from(span(evidence(model, usize::from(area.width)), model.skin.theme.dim));
        line(area, area.y + rows + 1, buf, &centred(evidence, area.width));
    }
    story(model, below(area, rows + 1 + 2 * u16::from(area.height >= TALL[0])), buf);
}

fn owner_sentence(model: &Model, room: usize) -> (String, Style) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    match model.owner() {
        // Nobody has said so, as long as one of the two was not heard.
        RadioOwner::Nobody => match model.pool().into_iter().find(|host| model.telemetry(host).is_none()) {
            Some(host) => (lang.fill("owner unknown, no {0}", &[&host]), t.warn),
            None => (lang.tr("NOBODY owns the radio").into(), t.warn),
        },
        RadioOwner::Host(host) => match model.stale_ms(&host) {
            Some(age) => {
                let full = lang.fill("{0} owned it {1} ago", &[&host, &length(age)]);
                (first_that_fits([full, lang.fill("{0}, {1} ago", &[&host, &length(age)]), host], room), t.warn)
            }
            None => match model.pool().into_iter().find(|other| *other != host && model.holds_radio(other)) {
                Some(other) => (lang.fill("{0} owns it, {1} lost", &[&host, &other]), t.warn),
                None => {
                    let full = lang.fill("{0} owns the radio", &[&host]);
                    let (with_epoch, style) = match model.ownership() {
                        Some((epoch, owner)) if owner == host => {
                            (lang.fill("{0} owns the radio, epoch {1}", &[&host, &epoch]), t.owner)
                        }
                        // The address has moved and the epoch has not, or the other way round.
                        Some((epoch, owner)) => (lang.fill("{0} has it, epoch {1} is {2}'s", &[&host, &epoch, &owner]), t.warn),
                        None => (full.clone(), t.owner),
                    };
                    (first_that_fits([with_epoch, full, lang.fill("{0} is owner", &[&host]), host], room), style)
                }
            },
        },
        RadioOwner::Conflict(hosts) => (lang.fill("CONFLICT: {0} own it", &[&hosts.join(lang.tr(" and "))]), t.bad),
    }
}

/// What says so: the address of the owner's eth3, and which agents name the newest epoch and its owner.
fn evidence(model: &Model, room: usize) -> String {
    let lang = model.skin.lang;
    let RadioOwner::Host(host) = model.owner() else { return String::new() };
    let Some(port) = model.telemetry(&host).map(|telemetry| &telemetry.radio_port) else { return String::new() };
    let active = address(&model.config.addresses.active);
    let seen = lang.fill("its {0} has {1}", &[&one_line(&port.name), &active]);
    let newest = model.ownership();
    let agree = |host: &&str| {
        let telemetry = model.telemetry(host).filter(|_| model.is_heard(host));
        newest.is_some() && telemetry.is_some_and(|t| t.owner_epoch.zip(t.owner.as_deref()) == newest)
    };
    let agents: Vec<&str> = model.pool().into_iter().filter(agree).collect();
    let full = match (newest, agents.is_empty()) {
        (Some((epoch, _)), false) => lang.fill("{0}; epoch {1}: {2}", &[&seen, &epoch, &agents.join(lang.tr(" and "))]),
        _ => seen.clone(),
    };
    first_that_fits([full, seen], room)
}

/// The box of the radio and the arrow to each owner, drawn to the edge on the owner's side.
fn radio(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let arm = (area.width / 5).clamp(3, 12);
    if area.width < 3 * arm || area.height < 3 {
        return;
    }
    let place = Rect { x: area.x + arm, width: area.width - 2 * arm, ..area };
    let [one, two] = model.pool();
    let host = model.config.host.get(one);
    let name = host.map_or("radio", |host| host.radio.as_str());
    let block = Block::bordered().border_set(g.thin).border_style(t.base).title(centre_title(name, place.width, t.strong));
    let inner = block.inner(place);
    block.render(place, buf);
    let radio = model.config.radio.get(name);
    let address = radio.and_then(|r| r.device().ok()).map_or_else(|| "radio".into(), |a| a.to_string());
    let mut rows = vec![address];
    if let Some(radio) = radio {
        let room = usize::from(inner.width);
        let (tx, rx) = (hertz(radio.tx_freq), hertz(radio.rx_freq));
        let short = format!("tx {:.0} rx {:.0} MHz", radio.tx_freq / 1e6, radio.rx_freq / 1e6);
        if inner.height >= 3 {
            rows.push(first_that_fits([format!("tx {tx}  rx {rx}"), short, format!("tx {tx}")], room));
        }
        let (what, rate) = rate(model, radio.rate);
        rows.push(first_that_fits([format!("{} {rate}", model.skin.lang.tr(what)), rate], room));
    }
    let styles = [t.strong, t.dim, t.dim];
    lines(inner, buf, rows.into_iter().zip(styles).map(|(text, style)| centred(Line::from(span(text, style)), inner.width)));

    let y = place.y + place.height / 2;
    for (host, on_left) in [(one, true), (two, false)] {
        if !model.holds_radio(host) {
            continue;
        }
        let running = model.telemetry(host).filter(|x| x.usrp.state == ProcessState::Running && model.stale_ms(host).is_none());
        let (flows, length) = (running.is_some(), usize::from(arm) - 1);
        let shaft = match running {
            Some(telemetry) => shaft(model, telemetry, length, on_left),
            None => g.broken_shaft.repeat(length),
        };
        let text = if on_left { format!("{}{shaft}", g.left) } else { format!("{shaft}{}", g.right) };
        let x = if on_left { area.x } else { place.right() };
        let style = if flows { t.owner } else { t.warn };
        line(Rect { x, width: arm, ..area }, y, buf, &Line::from(span(text, style)));
    }
}

/// A shaft along which samples flow: its ripple moves with their number, away from the radio, and stands still when they do.
fn shaft(model: &Model, owner: &Telemetry, length: usize, on_left: bool) -> String {
    let g = &model.skin.glyphs;
    let rate =
        model.config.host.get(&owner.host).and_then(|host| model.config.radio.get(&host.radio)).map_or(0.0, |radio| radio.rate);
    let seconds = if rate > 0.0 { owner.usrp.counters.map_or(0.0, |c| c.rx_samples as f64 / rate) } else { 0.0 };
    // Finite and not negative; only the place in the period counts.
    let at = (seconds * CELLS_PER_S) as usize % RIPPLE;
    let cell = |i: usize| {
        let from_radio = if on_left { length - 1 - i } else { i };
        if from_radio % RIPPLE == at { g.ripple } else { g.shaft }
    };
    (0..length).map(cell).collect()
}

/// Samples per second: measured at the owner while they flow, else as configured.
fn rate(model: &Model, configured: f64) -> (&'static str, String) {
    let flowing = match model.owner() {
        RadioOwner::Host(host) => model.host(&host).and_then(|view| view.sample_rates).filter(|_| model.stale_ms(&host).is_none()),
        RadioOwner::Nobody | RadioOwner::Conflict(_) => None,
    };
    match flowing {
        Some([rx, _]) if rx > 0.0 => ("flow", scaled(rx, "sps")),
        _ => ("set to", scaled(configured, "sps")),
    }
}

/// The first of several wordings that fits, or nothing.
fn first_that_fits<const N: usize>(wordings: [String; N], room: usize) -> String {
    wordings.into_iter().find(|text| text.width() <= room).unwrap_or_default()
}

fn centre_title<'a>(name: &str, width: u16, style: Style) -> Line<'a> {
    Line::from(span(format!(" {} ", clip(name, usize::from(width.saturating_sub(4)), "~")), style)).centered()
}

/// What is going on, or how it went.
fn story(model: &Model, area: Rect, buf: &mut Buffer) {
    let other = model.under_way().filter(|(_, p)| !p.order.is_migration());
    let story = match (other, model.migration()) {
        (Some((_, progress)), _) => ordered(model, progress),
        (None, Some((host, progress))) if !progress.finished => running(model, host, progress, area.width),
        (None, _) if let Some(pending) = model.waiting() => asked(model, pending),
        (None, _) if let Some(failover) = Failover::offered(model) => lost(model, &failover, area.width),
        (None, Some((_, progress))) => finished(model, progress, area.width),
        (None, None) => idle(model, area.width),
    };
    story.draw(model, area, buf);
}

/// A headline, a line under it, a figure, and what the figure is.
struct Story<'a> {
    headline: Line<'a>,
    detail: Line<'a>,
    /// The way of the work, where it is on it.
    track: Option<Line<'a>>,
    figure: Option<(String, Style)>,
    notes: Vec<Line<'a>>,
}

impl Story<'_> {
    fn draw(self, model: &Model, area: Rect, buf: &mut Buffer) {
        let width = area.width;
        let mut rows = vec![centred(self.headline, width)];
        // Nothing to say but why it failed: every row is for that.
        if self.detail.width() > 0 || self.figure.is_some() {
            rows.push(centred(self.detail, width));
        }
        let left = area.height.saturating_sub(2);
        if let (Some((figure, style)), 0) = (&self.figure, left) {
            // The figure before its explanation, where there is room for one line only.
            rows[1] = centred(Line::from(span(format!("{figure} ms"), *style)), width);
        } else if let Some((figure, style)) = self.figure {
            let room = usize::from(left.saturating_sub(self.notes.len().min(2) as u16));
            match largest(model, &figure, usize::from(width), room) {
                Some(big) => {
                    if room > big.len() {
                        rows.push(self.track.map_or_else(Line::default, |track| centred(track, width)));
                    }
                    rows.extend(big.into_iter().map(|row| centred(Line::from(span(row, style)), width)));
                    if room > big_height(&rows) {
                        rows.push(Line::default());
                    }
                }
                None => rows.push(centred(Line::from(span(format!("{figure} ms"), style)), width)),
            }
        }
        rows.extend(self.notes.into_iter().map(|row| centred(row, width)));
        lines(area, buf, rows);
    }
}

/// A figure as large as the room allows; the blank that groups its digits goes where it would cost size.
fn largest(model: &Model, figure: &str, width: usize, room: usize) -> Option<Vec<String>> {
    let drawn = |text: &str| big::largest(text, width, room, MOST, &model.skin.glyphs);
    let (grouped, close) = (drawn(figure), drawn(&figure.replace(' ', "")));
    let rows = |drawn: &Option<Vec<String>>| drawn.as_ref().map_or(0, Vec::len);
    if rows(&close) > rows(&grouped) { close } else { grouped }
}

/// Rows used below headline and detail.
fn big_height(rows: &[Line<'_>]) -> usize {
    rows.len().saturating_sub(2)
}

fn idle<'a>(model: &Model, width: u16) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let working = model.pool().into_iter().any(|host| model.works(host));
    let key = |order| model.keys.key(Action::Order(order));
    let next = match (working, width >= ROOMY) {
        (true, true) => lang.fill("{0} migrates, {1} migrates back", &[&key(Order::M), &key(Order::MB)]),
        (true, false) => lang.fill("{0} or {1} migrates", &[&key(Order::M), &key(Order::MB)]),
        (false, _) => lang.fill("{0} starts it (DS)", &[&key(Order::DS)]),
    };
    Story {
        headline: Line::from(span(lang.tr("no migration yet"), t.dim)),
        detail: Line::from(span(next, t.base)),
        track: None,
        figure: None,
        notes: Vec::new(),
    }
}

/// The owner is not heard: who can take over, and what the pings say meanwhile.
fn lost<'a>(model: &Model, failover: &Failover<'_>, width: u16) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let key = model.keys.key(Action::Failover);
    let full = lang.fill("{0}: {1} takes the work over", &[&key, &failover.to]);
    let offer = first_that_fits([full, lang.fill("{0}: {1} takes over", &[&key, &failover.to])], usize::from(width));
    let said = if width >= ROOMY { pings::sentence(model) } else { pings::brief(model) };
    let pings = said.into_iter().flat_map(|text| wrap(&text, usize::from(width)));
    Story {
        headline: Line::from(span(lang.fill(" {0} IS NOT HEARD ", &[&failover.from]), t.bad_tag)),
        detail: Line::from(span(offer, t.strong)),
        track: None,
        figure: None,
        notes: pings.map(|row| Line::from(span(row, t.base))).collect(),
    }
}

fn asked<'a>(model: &Model, pending: &Pending) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let since = length(model.now_ms.saturating_sub(pending.since_ms) / 1000 * 1000);
    Story {
        headline: Line::from(span(lang.fill(" {0} ordered ", &[&pending.order]), t.action_tag)),
        detail: Line::from(span(lang.fill("{0} asked, {1}", &[&pending.host, &since]), t.base)),
        track: None,
        figure: None,
        notes: Vec::new(),
    }
}

fn ordered<'a>(model: &Model, progress: &Progress) -> Story<'a> {
    let t = &model.skin.theme;
    Story {
        headline: Line::from(span(model.skin.lang.fill(" {0} on {1} ", &[&progress.order, &progress.to]), t.action_tag)),
        detail: Line::from(span(one_line(&progress.now), t.base)),
        track: None,
        figure: None,
        notes: Vec::new(),
    }
}

/// A tag and the direction of the migration; where there is no room for both ends, its goal.
fn headline<'a>(model: &Model, tag: &str, style: Style, progress: &Progress, width: u16) -> Vec<Span<'a>> {
    let t = &model.skin.theme;
    let tag = model.skin.lang.tr(tag);
    let mut full = vec![span(tag, style), span(" ", t.base)];
    full.extend(direction(model, progress));
    if full.iter().map(Span::width).sum::<usize>() <= usize::from(width) {
        return full;
    }
    vec![span(tag, style), span(format!(" {} {}", model.skin.glyphs.right, progress.to), t.strong)]
}

fn direction<'a>(model: &Model, progress: &Progress) -> Vec<Span<'a>> {
    let t = &model.skin.theme;
    vec![span(format!("{} {} {}", progress.from, model.skin.glyphs.right, progress.to), t.strong)]
}

fn running<'a>(model: &Model, host: &str, progress: &Progress, width: u16) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let headline = headline(model, " MIGRATING ", t.action_tag, progress, width);
    let steps = progress.steps.len();
    let current = progress.steps.iter().enumerate().find(|(_, step)| step.state == StepState::Running);
    let (detail, figure, source) = match current {
        Some((i, step)) => (
            lang.fill("{0} of {1}: {2}", &[&(i + 1), &steps, &lang.tr(step.name.explanation())]),
            Some((ms(step.ms.round()), t.warn)),
            step.name.source_ms(),
        ),
        None => (one_line(&progress.now), None, None),
    };
    let roomy = width >= ROOMY;
    let note = match (current.and_then(|_| expected(model, progress)), source) {
        (Some(v), _) => lang.fill(if roomy { "ms in this phase, expected {0}" } else { "so far, expected {0}" }, &[&ms(v)]),
        (None, Some(v)) => lang.fill(if roomy { "ms in this phase, source {0}" } else { "so far, source {0}" }, &[&ms(v)]),
        (None, None) => lang.tr("in this phase so far").to_owned(),
    };
    let mut notes = vec![Line::from(span(if figure.is_some() { note } else { String::new() }, t.dim))];
    if before_cut(model).is_some() && !model.read_only {
        let text = lang.fill("{0} cancels, {1} still serves", &[&model.keys.key(Action::Cancel), &progress.from]);
        notes.push(Line::from(span(clip(&text, usize::from(width), model.skin.glyphs.ellipsis), t.base)));
    }
    if let Some(age) = model.stale_ms(host) {
        notes.insert(0, Line::from(span(lang.fill("as {0} said {1} ago", &[&host, &length(age)]), t.warn)));
    }
    let mut detail = vec![span(detail, t.strong)];
    if width < ROOMY && current.is_some() {
        // The way instead of its number.
        detail = track::marks(model, progress);
        detail.push(span(current.map_or_else(String::new, |(_, step)| format!(" {}", step.name.name())), t.strong));
    }
    let track = track::whole(model, progress, usize::from(width.saturating_sub(2)));
    Story { headline: Line::from(headline), detail: Line::from(detail), track, figure, notes }
}

/// What the phases that run now are expected to take together, from this pair's own history, ms: one request may carry several.
fn expected(model: &Model, progress: &Progress) -> Option<f64> {
    let plan = plan_of(model, progress)?;
    let running = progress.steps.iter().filter(|step| step.state == StepState::Running);
    let figures = running.map(|step| {
        let phase = plan.phases.iter().find(|phase| phase.name == step.name)?;
        phase.expected.ms.filter(|_| phase.expected.origin == Origin::History)
    });
    figures.sum()
}

fn finished<'a>(model: &Model, progress: &Progress, width: u16) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let Some(record) = &progress.record else {
        return Story {
            headline: Line::from(direction(model, progress)),
            detail: Line::from(span(one_line(&progress.now), t.base)),
            track: None,
            figure: None,
            notes: Vec::new(),
        };
    };
    let (word, style) = match record.outcome {
        Outcome::Ok => (" MOVED ", t.owner_tag),
        Outcome::Failed => (" FAILED ", t.bad_tag),
        Outcome::RolledBack => (" ROLLED BACK ", t.bad_tag),
        Outcome::Cancelled => (" CANCELLED ", t.action_tag),
    };
    let headline = headline(model, word, style, progress, width);
    if record.outcome != Outcome::Ok {
        let reason = record.reason.clone().unwrap_or_else(|| lang.tr("no reason given").into());
        return Story {
            headline: Line::from(headline),
            detail: Line::default(),
            track: None,
            figure: None,
            notes: reasons(model, progress, &reason, usize::from(width)),
        };
    }
    let (figure, what) = headline_figure(record);
    Story {
        headline: Line::from(headline),
        detail: Line::from(span(
            if width >= ROOMY {
                lang.fill("{0}, service interrupted for", &[&record.method])
            } else {
                lang.tr("interrupted for").into()
            },
            t.base,
        )),
        track: None,
        figure: figure.map(|v| (ms(v.round()), t.measured)),
        notes: vec![
            if width >= ROOMY {
                Line::from(span(lang.fill("ms measured ({0})", &[&lang.tr(what)]), t.strong))
            } else {
                Line::from(span(lang.fill("measured; source {0}", &[&ms(SOURCE_INTERRUPTION_MS)]), t.source))
            },
            Line::from(span(lang.fill("source {0} ms", &[&ms(SOURCE_INTERRUPTION_MS)]), t.source)),
        ],
    }
}

/// Who serves and the key that goes on from there, then the far side's words and its hint.
fn reasons<'a>(model: &Model, progress: &Progress, reason: &str, width: usize) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let wrapped = |text: &str, style| wrap(&one_line(text), width).into_iter().map(move |row| Line::from(span(row, style)));
    let hint = progress.record.as_ref().and_then(|record| record.failure.as_ref()?.hint.clone());
    let mut rows: Vec<Line<'a>> = mend(model, progress).iter().flat_map(|text| wrapped(text, t.strong)).collect();
    rows.extend(wrapped(reason, t.bad));
    rows.extend(hint.iter().flat_map(|hint| wrapped(&lang.fill("what to do: {0}", &[hint]), t.dim)));
    rows
}

/// The interruption by the source's definition, which is what the source's figure can be held against; else what the far end saw.
fn headline_figure(record: &RunRecord) -> (Option<f64>, &'static str) {
    let i = &record.interruption;
    match (i.by_phases_ms, i.gap_ms) {
        (Some(v), _) => (Some(v), "by phases"),
        (None, Some(v)) => (Some(v), "far end's gap"),
        (None, None) => (None, "not measured"),
    }
}
