//! The help, made from the action table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::action::{TABLE, explanation, key_name};
use crate::ui::model::Model;

/// Draws it from line `scroll` on.
pub fn draw(model: &Model, scroll: u16, area: Rect, buf: &mut Buffer) {
    rule(area, buf, &model.skin, "HELP", "keys on the left; what may be typed at : beside them, in any case");
    let body = below(area, 1);
    let rows = rows(model);
    let last = rows.len().saturating_sub(usize::from(body.height));
    lines(body, buf, rows.into_iter().skip(usize::from(scroll).min(last)));
}

fn rows<'a>(model: &Model) -> Vec<Line<'a>> {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let mut rows = vec![Line::default()];
    for entry in TABLE {
        let keys: Vec<String> = entry.keys.iter().copied().map(key_name).collect();
        let asks = if entry.dangerous { ", asks first" } else { "" };
        rows.push(Line::from(vec![
            span(format!("  {:<5}", keys.join(" ")), t.key),
            span(format!("{:<14}", entry.names.join(", ")), t.strong),
            span(explanation(entry.action, &model.config), t.base),
            span(asks, t.dim),
        ]));
    }
    rows.push(Line::from(vec![span("  Ctrl-C ", t.key), span("            leave at once, also out of a question", t.base)]));
    let head = |text: &str| Line::from(span(format!("  {text}"), t.strong));
    let say = |text: String| Line::from(span(format!("  {text}"), t.base));
    let (active, parked) = (&model.config.addresses.active, &model.config.addresses.parked);
    rows.extend([
        Line::default(),
        head("How to read the screen"),
        say(format!("The radio talks to the one server whose eth3 is {active}; the other is parked on {parked}.")),
        say(format!(
            "The owner's box has a thick frame, and the arrow of the radio points at it: {}{} samples flow, {}{} not yet.",
            g.shaft.repeat(3),
            g.right,
            g.broken_shaft.repeat(3),
            g.right
        )),
        say("A box with a dotted frame shows old figures; its age is in the frame.".into()),
        say(format!(
            "Pings: one cell each, newest on the right, height is the round trip; {} lost, {} not yet answered.",
            g.lost, g.waiting
        )),
        say(format!(
            "Phases: {} measured in this run, {}{} the source's figure, on one scale; the bracket holds the interruption.",
            g.lengths[7],
            g.source[0].repeat(3),
            g.source[1]
        )),
        say("Interruption: by phases (the source's definition), by lost pings x interval, and as the gap seen at the far end."
            .into()),
        Line::default(),
        head("A small terminal drops, in this order"),
        say("route table, control variables, log (its last line stays), load of the servers, preparing phases, ping figures."
            .into()),
    ]);
    rows
}
