//! The help, made from the action table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::action::{Action, TABLE, key_name};
use crate::ui::explanation::explanation;
use crate::ui::model::Model;
use crate::ui::place::Place;
use crate::ui::text::{pad, wrap};

/// Draws it from line `scroll` on.
pub fn draw(model: &Model, scroll: u16, area: Rect, buf: &mut Buffer) {
    let lang = model.skin.lang;
    let note = lang.tr("keys on the left; what may be typed at : beside them, in any case");
    let filter = model.help.input.value().trim();
    let title = if filter.is_empty() { lang.tr("HELP").to_owned() } else { lang.fill("HELP with \"{0}\"", &[&filter]) };
    rule(area, buf, &model.skin, &title, note);
    let body = below(area, 1);
    let text = |block: &[Line<'_>]| block.iter().flat_map(|row| &row.spans).map(|span| span.content.as_ref()).collect::<String>();
    let mut blocks = blocks(model, usize::from(area.width));
    if !model.help.is_empty() {
        blocks.retain(|block| model.help.admits(&text(block)) && block.iter().any(|row| row.width() > 0));
        if blocks.is_empty() {
            blocks.push(vec![Line::from(span(format!("  {}", lang.tr("no line has these words")), model.skin.theme.dim))]);
        }
        blocks.insert(0, vec![Line::default()]);
    }
    let rows: Vec<Line<'_>> = blocks.into_iter().flatten().collect();
    let last = rows.len().saturating_sub(usize::from(body.height));
    lines(body, buf, rows.into_iter().skip(usize::from(scroll).min(last)));
}

/// Columns of the keys and of what may be typed.
const KEYS: usize = 7;
const NAMES: usize = 15;

/// The names that have room: those of the specification stand first.
fn names(all: &[&str]) -> String {
    let mut names = String::new();
    for name in all {
        let more = if names.is_empty() { (*name).to_owned() } else { format!("{names}, {name}") };
        if more.len() >= NAMES {
            break;
        }
        names = more;
    }
    names
}

/// A key, what may be typed for it, and what it does, in as many rows as that takes.
fn block<'a>(model: &Model, keys: &str, names: &str, text: &str, width: usize) -> Vec<Line<'a>> {
    let t = &model.skin.theme;
    let room = width.saturating_sub(KEYS + NAMES).max(20);
    let first = |i: usize, text: &str| if i == 0 { text.to_owned() } else { String::new() };
    let rows = wrap(text, room).into_iter().enumerate();
    rows.map(|(i, text)| {
        let keys = pad(&first(i, &format!("  {keys}")), KEYS);
        Line::from(vec![span(keys, t.key), span(pad(&first(i, names), NAMES), t.strong), span(text, t.base)])
    })
    .collect()
}

fn blocks<'a>(model: &Model, width: usize) -> Vec<Vec<Line<'a>>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut blocks = vec![vec![Line::default()]];
    let of_pool = model.explains_pool();
    // What the whole pool has is explained where it is seen, and what it has not is not.
    let here = |action: Action| if of_pool { action.counts_in(Place::Pool) } else { !matches!(action, Action::Pool(_)) };
    for entry in TABLE.iter().filter(|entry| model.may(entry.action) && here(entry.action)) {
        let keys: Vec<String> = model.keys.keys(entry.action).iter().copied().map(key_name).collect();
        let asks = if entry.dangerous && !model.read_only { lang.tr(", asks first") } else { "" };
        let text = explanation(entry.action, model) + asks;
        blocks.push(block(model, &keys.join(" "), &names(entry.names), &text, width));
    }
    let always = [("Ctrl-C", "leave at once, also from a question"), ("Ctrl-Z", "suspend; `fg` in the shell brings it back")];
    blocks.extend(always.map(|(key, what)| {
        let row = vec![span(pad(&format!("  {key}"), KEYS + NAMES), t.key), span(lang.tr(what), t.base)];
        vec![Line::from(row)]
    }));
    blocks.push(vec![Line::default()]);
    if model.read_only {
        let text = lang.tr("This console was started with --read-only: orders, end and the method are removed.");
        blocks.extend([vec![Line::from(span(format!("  {text}"), t.warn))], vec![Line::default()]]);
    }
    let reading = if of_pool { reading_pool(model) } else { reading(model) };
    blocks.extend(reading.into_iter().map(|row| vec![row]));
    blocks
}

/// How the Pool page is read.
fn reading_pool<'a>(model: &Model) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let words = [
        ("SERVES", "has the work, and the far end is answered"),
        ("DOWN", "has the work, and nobody is served; the line below the list says why, and which key mends it"),
        ("SILENT", "has the work, and its agent is not heard"),
        ("follows", "an armed standby: it takes over when the other one dies; waits: it is not armed yet"),
        ("ARRIVES", "a move brings the work there; READY: it waits for go before its cut"),
        ("left over", "something of the work is left there, and it does not serve"),
        ("parked", "nothing of the work is there; -: it may not serve this radio"),
    ];
    let head = Line::from(span(format!("  {}", lang.tr("What a server is to a radio")), t.strong));
    let rows = words.into_iter().map(|(word, text)| {
        Line::from(vec![span(pad(&format!("  {}", lang.tr(word)), KEYS + NAMES), t.strong), span(lang.tr(text), t.base)])
    });
    std::iter::once(head).chain(rows).collect()
}

/// How the screen is read.
fn reading<'a>(model: &Model) -> Vec<Line<'a>> {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let head = |text: &str| Line::from(span(format!("  {}", lang.tr(text)), t.strong));
    let say = |text: String| Line::from(span(format!("  {text}"), t.base));
    let (active, parked) = (&model.config.addresses.active, &model.config.addresses.parked);
    let (flows, not_yet) = (g.shaft.repeat(3) + g.right, g.broken_shaft.repeat(3) + g.right);
    let paper = g.paper[0].repeat(3) + g.paper[1];
    vec![
        head("How to read the screen"),
        say(lang.fill("The radio talks to the one server whose eth3 is {0}; the other is parked on {1}.", &[active, parked])),
        say(lang.fill(
            "The owner's box has a thick frame, and the arrow of the radio points at it: {0} samples flow, {1} not yet.",
            &[&flows, &not_yet],
        )),
        say(lang.tr("A box with a dotted frame shows old figures; its age is in the frame.").into()),
        say(lang.fill(
            "Pings: the last minute, newest on the right; height is the longest round trip of a cell; {0} lost, {1} not yet answered.",
            &[&g.lost, &g.waiting],
        )),
        say(lang.fill(
            "Phases: {0} measured in this run, {1} the paper's figure, on one scale; the bracket holds the interruption.",
            &[&g.lengths[7], &paper],
        )),
        say(lang
            .tr("Interruption: by phases (the paper's definition), by lost pings x interval, and as the gap seen at the far end.")
            .into()),
        Line::default(),
        head("A small terminal drops, in this order"),
        say(lang
            .tr("route table, control variables, log (its last line stays), load of the servers, preparing phases, ping figures.")
            .into()),
    ]
}
