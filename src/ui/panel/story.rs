//! What is going on between the two servers, or how it went: a headline, the way of the work, and a figure for the back row.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{centred, lines, span, track};
use crate::metrics::measure::GAP;
use crate::migration::service::Service;
use crate::ui::action::Action;
use crate::ui::big;
use crate::ui::failover::Failover;
use crate::ui::model::{Model, PendingOrder};
use crate::ui::pings;
use crate::ui::preflight::{before_cut, plan_under_way, recovery};
use crate::ui::service;
use crate::ui::shown::Paper;
use crate::ui::text::{clip, count, duration, first_that_fits, ms, one_line, wrap};
use crate::ui::timeline;
use protocol::{Method, Order, Origin, Outcome, Progress, RunRecord, StepState};

/// Times the large size of a figure at most.
const MOST: usize = 3;

/// From this width on, figures are explained in full.
const ROOMY: u16 = 28;
/// And from this one on the longest of them do not touch the servers' frames.
const AIRY: u16 = 36;

/// Draws what is going on, or how the last migration ended.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let other = model.under_way().filter(|(_, p)| !p.order.is_migration());
    let story = match (other, model.migration()) {
        (Some((_, progress)), _) => ordered(model, progress),
        (None, Some((host, progress))) if !progress.finished => running(model, host, progress, area.width),
        (None, _) if let Some(pending) = model.waiting() => asked(model, pending),
        (None, _) if let Some(service) = service::down(model) => down(model, &service, area.width),
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

/// Nobody is served: since when, why, and what brings the service back.
fn down<'a>(model: &Model, service: &Service, width: u16) -> Story<'a> {
    let (t, room) = (&model.skin.theme, usize::from(width));
    let rows = |text: String, style| wrap(&text, room).into_iter().map(move |row| Line::from(span(row, style)));
    let key = service::mend(model, service);
    let cause = service.cause.iter().flat_map(|cause| rows(service::cause(model, cause), t.base));
    let advice = service::advice(model, service).into_iter().flat_map(|text| rows(text, t.dim));
    let mut notes: Vec<Line<'a>> = cause.collect();
    let detail = key.map_or_else(Line::default, |key| Line::from(span(first_that_fits(key, room), t.strong)));
    notes.extend(advice);
    // What the operator has just seen fail: why is on the screen still.
    if let Some((_, Progress { order, record: Some(record), .. })) = model.migration()
        && record.outcome == Outcome::Failed
    {
        let lang = model.skin.lang;
        let reason = one_line(record.reason.as_deref().unwrap_or(lang.tr("no reason given")));
        notes.extend(rows(lang.fill("{0} failed: {1}", &[order, &reason]), t.bad));
    }
    Story {
        headline: Line::from(span(model.skin.lang.fill(" SERVICE {0} ", &[&service::word(model, service)]), t.bad_tag)),
        detail,
        track: None,
        figure: None,
        notes,
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

fn asked<'a>(model: &Model, pending: &PendingOrder) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let since = duration(model.now_ms.saturating_sub(pending.since_ms) / 1000 * 1000);
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
        detail: Line::from(span(model.skin.lang.said(&one_line(&progress.now)), t.base)),
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
    let goal = |gap: &str| vec![span(tag, style), span(format!("{gap}{} {}", model.skin.glyphs.right, progress.to), t.strong)];
    let short = goal(" ");
    // The name of the goal, whole, before the blank of the tag.
    if short.iter().map(Span::width).sum::<usize>() <= usize::from(width) { short } else { goal("") }
}

fn direction<'a>(model: &Model, progress: &Progress) -> Vec<Span<'a>> {
    let t = &model.skin.theme;
    vec![span(format!("{} {} {}", progress.from, model.skin.glyphs.right, progress.to), t.strong)]
}

fn running<'a>(model: &Model, host: &str, progress: &Progress, width: u16) -> Story<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let headline = headline(model, " MIGRATING ", t.action_tag, progress, width);
    let steps = progress.steps.len();
    let current = progress.steps.iter().enumerate().find(|(_, step)| Some(step.name) == timeline::running(progress));
    let (detail, figure, paper) = match current {
        Some((i, step)) => (
            lang.fill("{0} of {1}: {2}", &[&(i + 1), &steps, &lang.tr(step.name.explanation())]),
            Some((whole_ms(step.ms), t.warn)),
            Paper::of(progress).phase_ms(step.name),
        ),
        None => (lang.said(&one_line(&progress.now)), None, None),
    };
    let roomy = width >= ROOMY;
    let note = match (current.and_then(|_| expected(model, progress)), paper) {
        (Some(v), _) => lang.fill(if roomy { "ms in this phase, expected {0}" } else { "so far, expected {0}" }, &[&ms(v)]),
        (None, Some(v)) => lang.fill(if roomy { "ms in this phase, paper {0}" } else { "so far, paper {0}" }, &[&ms(v)]),
        (None, None) => lang.tr("in this phase so far").to_owned(),
    };
    let mut notes = vec![Line::from(span(if figure.is_some() { note } else { String::new() }, t.dim))];
    if before_cut(model).is_some() && !model.read_only {
        let text = if service::down(model).is_some() { "{0} cancels; {1} does not serve" } else { "{0} cancels, {1} still serves" };
        let text = lang.fill(text, &[&model.keys.key(Action::Cancel), &progress.from]);
        notes.push(Line::from(span(clip(&text, usize::from(width), model.skin.glyphs.ellipsis), t.base)));
    }
    if let Some(age) = model.stale_ms(host) {
        notes.insert(0, Line::from(span(lang.fill("as {0} said {1} ago", &[&host, &duration(age)]), t.warn)));
    }
    let mut detail = vec![span(detail, t.strong)];
    if width < ROOMY && current.is_some() {
        // The marks of the steps instead of their number.
        detail = track::marks(model, progress);
        detail.push(span(current.map_or_else(String::new, |(_, step)| format!(" {}", step.name.name())), t.strong));
    }
    let track = track::whole(model, progress, usize::from(width.saturating_sub(2)));
    Story { headline: Line::from(headline), detail: Line::from(detail), track, figure, notes }
}

/// A running time in whole milliseconds: more digits change too fast to be read.
fn whole_ms(value: f64) -> String {
    if value.is_finite() && value >= 0.0 { count(value.round() as u64) } else { "-".into() }
}

/// What the phases that run now are expected to take together, from this pair's own history, ms: one request may carry several.
fn expected(model: &Model, progress: &Progress) -> Option<f64> {
    let plan = plan_under_way(model, progress)?;
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
            detail: Line::from(span(model.skin.lang.said(&one_line(&progress.now)), t.base)),
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
            match width {
                w if w >= AIRY => lang.fill("{0}, service interrupted for", &[&record.method]),
                w if w >= ROOMY => lang.fill("{0}, interrupted for", &[&record.method]),
                _ => lang.tr("interrupted for").into(),
            },
            t.base,
        )),
        track: None,
        figure: figure.map(|v| (ms(v), t.measured)),
        notes: vec![
            if width >= ROOMY {
                Line::from(span(lang.fill("ms measured ({0})", &[&lang.tr(what)]), t.strong))
            } else {
                Line::from(span(lang.fill("measured; paper {0}", &[&ms(Paper::of(progress).interruption_ms)]), t.paper))
            },
            Line::from(span(lang.fill("paper {0} ms", &[&ms(Paper::of(progress).interruption_ms)]), t.paper)),
        ],
    }
}

/// Who serves and the key for the next step, then the reason of the failure and its hint.
fn reasons<'a>(model: &Model, progress: &Progress, reason: &str, width: usize) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let wrapped = |text: &str, style| wrap(&one_line(text), width).into_iter().map(move |row| Line::from(span(row, style)));
    let hint = progress.record.as_ref().and_then(|record| record.failure.as_ref()?.hint.clone());
    let mut rows: Vec<Line<'a>> = recovery(model, progress).iter().flat_map(|text| wrapped(text, t.strong)).collect();
    rows.extend(wrapped(&lang.said(reason), t.bad));
    rows.extend(hint.iter().flat_map(|hint| wrapped(&lang.fill("what to do: {0}", &[&lang.said(hint)]), t.dim)));
    rows
}

/// The interruption by the paper's definition, which can be compared with the paper's figure; else what the far end saw.
fn headline_figure(record: &RunRecord) -> (Option<f64>, &'static str) {
    let i = &record.interruption;
    match (i.by_phases_ms, i.gap_ms) {
        // Nobody served since before a failover was ordered.
        (_, Some(v)) if record.method == Method::Failover => (Some(v), GAP),
        (Some(v), _) => (Some(v), "by phases"),
        (None, Some(v)) => (Some(v), GAP),
        (None, None) => (None, "not measured"),
    }
}
