//! The help, made from the action table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::action::{TABLE, key_name};
use crate::ui::explanation::explanation;
use crate::ui::model::Model;

/// Draws it from line `scroll` on.
pub fn draw(model: &Model, scroll: u16, area: Rect, buf: &mut Buffer) {
    let lang = model.skin.lang;
    let note = lang.tr("keys on the left; what may be typed at : beside them, in any case");
    rule(area, buf, &model.skin, lang.tr("HELP"), note);
    let body = below(area, 1);
    let rows = rows(model);
    let last = rows.len().saturating_sub(usize::from(body.height));
    lines(body, buf, rows.into_iter().skip(usize::from(scroll).min(last)));
}

fn rows<'a>(model: &Model) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut rows = vec![Line::default()];
    for entry in TABLE.iter().filter(|entry| model.may(entry.action)) {
        let keys: Vec<String> = model.keys.keys(entry.action).iter().copied().map(key_name).collect();
        let asks = if entry.dangerous && !model.read_only { lang.tr(", asks first") } else { "" };
        rows.push(Line::from(vec![
            span(format!("  {:<5}", keys.join(" ")), t.key),
            span(format!("{:<14}", entry.names.join(", ")), t.strong),
            span(explanation(entry.action, model), t.base),
            span(asks, t.dim),
        ]));
    }
    let always = [("Ctrl-C", "leave at once, also from a question"), ("Ctrl-Z", "suspend; `fg` in the shell brings it back")];
    rows.extend(always.map(|(key, what)| {
        Line::from(vec![span(format!("  {key:<7}"), t.key), span(format!("{:12}{}", "", lang.tr(what)), t.base)])
    }));
    rows.push(Line::default());
    if model.read_only {
        let text = lang.tr("This console was started with --read-only: orders, end and the method are removed.");
        rows.extend([Line::from(span(format!("  {text}"), t.warn)), Line::default()]);
    }
    rows.extend(reading(model));
    rows
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
