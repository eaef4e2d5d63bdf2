//! The log: what happened, oldest above; a long line goes on below itself.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::{below, line, lines, rule, span};
use crate::ui::model::Model;
use crate::ui::text::{clip, pad, wrap};
use protocol::{Event, Level};

/// Columns of the time, and of the name of who speaks.
const TIME: usize = 9;
const NAME: usize = 8;

/// Draws it; with a single row, only the newest line without a rule.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let lang = model.skin.lang;
    let shown = model.shown_log();
    if area.height <= 1 {
        if let Some(event) = shown.len().checked_sub(1 + newer(model, &shown, area.width, 1)).and_then(|at| shown.get(at)) {
            line(area, area.y, buf, &in_one_row(model, event, usize::from(area.width)));
        }
        return;
    }
    let body = below(area, 1);
    let rows = usize::from(body.height);
    let newer = newer(model, &shown, area.width, rows);
    let zone = model.log_zone();
    let note = if newer > 0 { lang.fill("{0} newer below, {1}", &[&newer, &zone]) } else { zone };
    let title = lang.tr(if model.replay.is_some() { "LOG of the present" } else { "LOG" });
    let filter = model.log_filter.input.value().trim();
    let sizes: [&dyn std::fmt::Display; 4] = [&title, &filter, &shown.len(), &model.log.len()];
    let title = if filter.is_empty() { title.to_owned() } else { lang.fill("{0} with \"{1}\": {2} of {3}", &sizes) };
    rule(area, buf, &model.skin, &title, &note);
    lines(body, buf, newest(model, &shown, newer, usize::from(area.width), rows));
}

/// Draws these events, the newest below, under a rule of their own.
pub fn draw_these(model: &Model, shown: &[&Event], area: Rect, buf: &mut Buffer) {
    rule(area, buf, &model.skin, model.skin.lang.tr("LOG of all radios"), &model.log_zone());
    let body = below(area, 1);
    lines(body, buf, newest(model, shown, 0, usize::from(area.width), usize::from(body.height)));
}

/// How many events are newer than the last one shown: never further back than to a full panel of the oldest ones.
fn newer(model: &Model, shown: &[&Event], width: u16, rows: usize) -> usize {
    if model.log_scroll == 0 {
        return 0;
    }
    let mut used = 0;
    let full = shown.iter().take_while(|event| {
        let before = used;
        used += if rows > 1 { event_rows(model, event, usize::from(width)).len() } else { 1 };
        before < rows
    });
    model.log_scroll.min(shown.len() - full.count())
}

/// The rows that fit, from the newest event that is shown upwards. Of one that does not fit the beginning is shown.
fn newest<'a>(model: &Model, shown: &[&Event], newer: usize, width: usize, rows: usize) -> Vec<Line<'a>> {
    let mut events = Vec::new();
    let mut left = rows;
    for event in shown.iter().rev().skip(newer) {
        let mut own = event_rows(model, event, width);
        if own.len() > left {
            own.truncate(left);
            mark(model, &mut own, width);
        }
        left -= own.len();
        events.push(own);
        if left == 0 {
            break;
        }
    }
    events.into_iter().rev().flatten().collect()
}

/// Says at the end of the last row that there is more.
fn mark(model: &Model, rows: &mut [Line<'_>], width: usize) {
    let Some(last) = rows.last_mut() else { return };
    let (more, base) = (model.skin.glyphs.ellipsis, model.skin.theme.dim);
    if last.width() + 2 <= width {
        last.push_span(span(format!(" {more}"), base));
    } else if let Some(text) = last.spans.pop() {
        // Longer than it may be, so that it is cut.
        let room = text.content.width().saturating_sub(1);
        last.push_span(span(clip(&text.content, room, more), text.style));
    }
}

/// An event in rows of so many columns; all but the first begin below its text.
fn event_rows<'a>(model: &Model, event: &Event, width: usize) -> Vec<Line<'a>> {
    let t = &model.skin.theme;
    let (text, style) = said(model, event);
    let name = name(model, event);
    let indent = TIME + name.width();
    wrap(&text, width.saturating_sub(indent))
        .into_iter()
        .enumerate()
        .map(|(i, part)| match i {
            0 => Line::from(vec![span(time(model, event), t.dim), span(name.clone(), t.dim), span(part, style)]),
            _ => Line::from(vec![span(" ".repeat(indent), t.dim), span(part, style)]),
        })
        .collect()
}

/// An event in a single row: who speaks goes before words do.
fn in_one_row<'a>(model: &Model, event: &Event, width: usize) -> Line<'a> {
    let t = &model.skin.theme;
    let (text, style) = said(model, event);
    let mut row = vec![span(time(model, event), t.dim), span(name(model, event), t.dim), span(text, style)];
    if row.iter().map(|span| span.content.width()).sum::<usize>() > width {
        row.remove(1);
    }
    Line::from(row)
}

fn time(model: &Model, event: &Event) -> String {
    model.log_time(event.at) + " "
}

fn name(model: &Model, event: &Event) -> String {
    let host = if event.host == "console" { model.skin.lang.tr("console") } else { &event.host };
    pad(&clip(host, 2 * NAME, model.skin.glyphs.ellipsis), NAME) + " "
}

fn said(model: &Model, event: &Event) -> (String, Style) {
    let t = &model.skin.theme;
    let (word, style) = match event.level {
        Level::Info => ("", t.base),
        Level::Warning => ("warning: ", t.warn),
        Level::Error => ("ERROR: ", t.bad),
    };
    (format!("{}{}", model.skin.lang.tr(word), event.text), style)
}
