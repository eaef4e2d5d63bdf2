//! What is asked over the Pool page: a server for a radio, and whether to carry a plan out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Widget};
use unicode_width::UnicodeWidthStr;

use super::{clear, lines, span};
use crate::ui::model::Model;
use crate::ui::pool::choices::choices;
use crate::ui::pool::planning::expected;
use crate::ui::pool::spoken::{change_words, errand_words};
use crate::ui::pool::{Ask, Choose, Dialog, Errand};
use crate::ui::preflight::origin;
use crate::ui::text::{ms, pad, short_name, wrap};
use placement::{Change, Plan};
use protocol::Grade;

/// Widest dialog, columns: a line that is still read at a glance.
const WIDEST: u16 = 88;
/// Columns of a server's name.
const NAME: usize = 16;

/// Draws it over `area`.
pub fn draw(model: &Model, dialog: &Dialog, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let width = WIDEST.min(area.width);
    let inner = usize::from(width.saturating_sub(6));
    let room = usize::from(area.height.saturating_sub(2));
    let (tag, rows) = match dialog {
        Dialog::Choose(chosen) => (" WHERE TO? ", choose(model, chosen, inner, room)),
        Dialog::Ask(ask) => (" ARE YOU SURE? ", plan(model, ask, inner, room)),
    };
    let height = (rows.len() as u16 + 2).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }.intersection(buf.area);
    clear(place, buf, t.base);
    let block = Block::bordered().border_set(g.thick).border_style(t.warn).title(span(lang.tr(tag), t.action_tag));
    let body = block.inner(place);
    block.render(place, buf);
    lines(body, buf, rows);
}

fn text_rows<'a>(text: &str, inner: usize, style: Style) -> Vec<Line<'a>> {
    wrap(text, inner).into_iter().map(|text| Line::from(span(format!("  {text}"), style))).collect()
}

/// The servers among which one is chosen, each with what speaks for it or against it.
fn choose<'a>(model: &Model, chosen: &Choose, inner: usize, room: usize) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let radio = model.radio();
    let title = if chosen.starts { "start {0}: on which server?" } else { "move {0}: to which server?" };
    let mut rows = text_rows(&lang.fill(title, &[radio]), inner, t.strong);
    rows.push(Line::default());
    let listed = choices(model);
    let shown = room.saturating_sub(rows.len() + 2).max(1);
    let first = chosen.row.saturating_sub(shown / 2).min(listed.len().saturating_sub(shown));
    for (at, choice) in listed.iter().enumerate().skip(first).take(shown) {
        let (mark, style) = match choice.grade {
            Grade::Ok => (lang.tr("can"), t.good),
            Grade::Warning => (lang.tr("can, but"), t.warn),
            Grade::Blocker => (lang.tr("cannot"), t.bad),
        };
        let name = pad(&short_name(&choice.server, NAME, model.skin.glyphs.ellipsis), NAME);
        let here = at == chosen.row;
        let named = if here { t.strong.add_modifier(Modifier::REVERSED) } else { t.strong };
        let why = if choice.grade == Grade::Blocker { t.dim } else { t.base };
        rows.push(Line::from(vec![
            span(if here { "> " } else { "  " }, t.key),
            span(name, named),
            span(" ", t.base),
            span(pad(mark, 10), style),
            span(choice.why.clone(), why),
        ]));
    }
    rows.push(Line::default());
    rows.push(keys(model, "this one"));
    rows
}

fn keys<'a>(model: &Model, yes: &str) -> Line<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    Line::from(vec![
        span("  Enter", t.key),
        span(lang.tr(" or "), t.dim),
        span("y", t.key),
        span(format!(" {}      ", lang.tr(yes)), t.base),
        span("Esc", t.key),
        span(lang.tr(" or "), t.dim),
        span("n", t.key),
        span(lang.tr(" no"), t.base),
    ])
}

/// What would change, wave by wave, then all that is to be known about it.
fn plan<'a>(model: &Model, ask: &Ask, inner: usize, room: usize) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let what = errand_words(lang, &ask.errand);
    let count = ask.plan.as_ref().map_or(0, |plan| plan.changes().count());
    let title = match (&ask.plan, count) {
        (None, _) => lang.fill("{0}?", &[&what]),
        (Some(_), 0) => lang.fill("{0}: nothing moves?", &[&what]),
        (Some(_), 1) => lang.fill("{0}: 1 change?", &[&what]),
        (Some(_), _) => lang.fill("{0}: {1} changes?", &[&what, &count]),
    };
    let mut above = text_rows(&title, inner, t.strong);
    if ask.anew {
        let text = "The pool has changed since the plan was shown: this is the plan for the pool as it is now.";
        above.extend(text_rows(lang.tr(text), inner, t.warn));
    }
    above.push(Line::default());
    let mut below: Vec<Line<'a>> = Vec::new();
    for (text, style) in remarks(model, ask) {
        below.extend(text_rows(&text, inner, style));
    }
    below.push(Line::default());
    below.push(keys(model, "yes"));
    let changes = ask.plan.as_ref().map_or_else(Vec::new, |plan| changes(model, plan, inner));
    // Rows for the changes, and one that says how many are not shown.
    let shown = room.saturating_sub(above.len() + below.len() + 1).max(1);
    let first = ask.scroll.min(changes.len().saturating_sub(shown));
    let (hidden, all) = (changes.len().saturating_sub(shown), changes.len());
    above.extend(changes.into_iter().skip(first).take(shown));
    if hidden > 0 {
        let text = lang.fill("lines {0} to {1} of {2}", &[&(first + 1), &(first + shown).min(all), &all]);
        above.push(Line::from(span(format!("  {text}"), t.dim)));
    } else if all > 0 {
        above.push(Line::default());
    }
    above.extend(below);
    above
}

/// A line for each change, with its wave and what it is expected to cost.
fn changes<'a>(model: &Model, plan: &Plan, inner: usize) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut out = Vec::new();
    for (wave, number) in plan.waves.iter().zip(1_usize..) {
        for change in &wave.0 {
            let what = format!("  {number}. {}", change_words(lang, change));
            let felt = match change {
                Change::Move { radio, from, to, .. } => expected(model, radio, from, to),
                _ => None,
            };
            let cost = felt.and_then(|felt| {
                let text = lang.fill("about {0} ms ({1})", &[&ms(felt.ms?), &origin(felt, lang)]);
                Some(text)
            });
            let mut spans = vec![span(what.clone(), t.base)];
            let room = (inner + 2).saturating_sub(what.width() + 2);
            spans.extend(cost.filter(|cost| cost.width() <= room).map(|cost| span(format!("  {cost}"), t.measured)));
            out.push(Line::from(spans));
        }
    }
    out
}

/// What else is to be known.
fn remarks(model: &Model, ask: &Ask) -> Vec<(String, Style)> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut out = Vec::new();
    match &ask.errand {
        Errand::Drain(server) => {
            out.push((lang.fill("{0} takes on no work from now on, until it is undrained.", &[server]), t.base));
        }
        Errand::Undrain(server) => {
            out.push((lang.fill("{0} takes on work again. Nothing moves by itself; rebalance brings it some.", &[server]), t.base));
        }
        Errand::Failover(server) => {
            let risk = "{0} is not heard. If it still runs, two servers may drive a radio until it is fenced.";
            out.push((lang.fill(risk, &[server]), t.bad));
        }
        Errand::Rebalance | Errand::Consolidate => {}
    }
    let Some(plan) = &ask.plan else { return out };
    if plan.changes().count() > 1 {
        let text = "Changes of one number run side by side. After one that fails nothing more is begun.";
        out.push((lang.tr(text).to_owned(), t.dim));
    }
    out.extend(plan.unplaced.iter().map(|unplaced| (lang.said(&unplaced.to_string()), t.bad)));
    if ask.errand == Errand::Consolidate && !plan.empty.is_empty() {
        let names: Vec<&str> = plan.empty.iter().map(|server| server.as_str()).collect();
        out.push((lang.fill("with nothing to do afterwards: {0}", &[&names.join(", ")]), t.base));
    }
    out.extend(plan.no_headroom.iter().map(|lacking| (lang.said(&lacking.to_string()), t.warn)));
    out
}
