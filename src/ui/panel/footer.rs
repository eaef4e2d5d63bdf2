//! The bottom line: what can be done now, in groups, each with its key; or the command line while it is open. A click does what the key does.

mod items;

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tui_input::Input;
use unicode_width::UnicodeWidthStr;

use super::{line, span};
use crate::ui::arguments;
use crate::ui::model::Model;
use items::{Item, items};

/// Columns between two items of a group, and what stands between two groups.
const GAPS: [usize; 2] = [2, 1];
/// Items up to this rank are what a screen is for.
const ESSENTIAL: u8 = 1;

/// Draws it; returns the column of the cursor while something is typed there.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) -> Option<u16> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    if model.command_line.open && model.confirm.is_none() {
        let (hint, complaint) = ("a command, then Enter; Tab completes, Up recalls, Esc closes", &model.command_line.complaint);
        return Some(typed(model, ":", &model.command_line.input, complaint.as_deref(), hint, area, buf));
    }
    if let Some(filter) = items::typed_filter(model) {
        return Some(typed(model, "/", &filter.input, None, "words that a line has to have; Enter keeps, Esc removes", area, buf));
    }
    if model.leaving {
        let [_, two] = model.pool();
        let text = lang.fill("ending {0}'s controller, then leaving; Ctrl-C leaves at once", &[&two]);
        line(area, area.y, buf, &Line::from(span(text, t.warn)));
        return None;
    }
    for (x, row) in pieces(model, area) {
        line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &row);
    }
    None
}

/// The key that stands at a column.
pub fn key_at(model: &Model, area: Rect, column: u16) -> Option<KeyCode> {
    if model.command_line.open || model.leaving || items::typed_filter(model).is_some() {
        return None;
    }
    let (placed, _) = layout(model, area);
    let width = |item: &Item| item.width() as u16;
    placed.iter().find(|(x, item)| (*x..x.saturating_add(width(item))).contains(&column)).and_then(|(_, item)| item.press)
}

/// What is drawn, each with its column.
fn pieces<'a>(model: &Model, area: Rect) -> Vec<(u16, Line<'a>)> {
    let t = &model.skin.theme;
    let (placed, gap) = layout(model, area);
    let mut rows = Vec::new();
    let mut before: Option<(u16, u8)> = None;
    for (x, item) in placed {
        if let Some((end, group)) = before
            && group != item.group
            && x >= end + gap
        {
            // Between two groups, in the middle of what is free there, but close where the last group stands at the edge.
            let at = if x - end > 2 * gap + 3 { x - gap - 1 } else { end + gap };
            rows.push((at, Line::from(span(model.skin.glyphs.thin.vertical_left, t.rule))));
        }
        before = Some((x + item.width() as u16, item.group));
        let (key, label) = if item.possible { (t.key, t.base) } else { (t.dim, t.dim) };
        rows.push((x, Line::from(vec![Span::styled(item.keys.clone(), key), span(format!(" {}", item.label), label)])));
    }
    rows
}

/// The items that have room, each with its column, and the gap between two. The last group stands at the right edge.
fn layout(model: &Model, area: Rect) -> (Vec<(u16, Item)>, u16) {
    let all = items(model);
    // What has to be there may stand closer, and in shorter words, where it would not fit otherwise.
    let ways = [(GAPS[0], false), (GAPS[1], false), (GAPS[1], true)];
    for (gap, brief) in ways {
        let all: Vec<Item> = all.iter().cloned().map(|item| item.brief(brief)).collect();
        let kept = with_room(&all, gap, usize::from(area.width));
        let complete =
            all.iter().filter(|item| item.rank <= ESSENTIAL).count() == kept.iter().filter(|item| item.rank <= ESSENTIAL).count();
        if complete || (gap, brief) == ways[2] {
            return (place(kept, gap, area), gap as u16);
        }
    }
    (Vec::new(), GAPS[1] as u16)
}

/// As many items as have room, those of the lowest rank first, in their order.
fn with_room(all: &[Item], gap: usize, room: usize) -> Vec<Item> {
    let mut by_rank: Vec<usize> = (0..all.len()).collect();
    by_rank.sort_by_key(|at| all[*at].rank);
    let mut kept: Vec<usize> = Vec::new();
    let mut full: Option<u8> = None;
    // What matters less does not take the place of what matters more.
    for at in by_rank {
        if full.is_some_and(|rank| all[at].rank > rank) {
            break;
        }
        let place = kept.partition_point(|other| *other < at);
        kept.insert(place, at);
        let row: Vec<&Item> = kept.iter().map(|at| &all[*at]).collect();
        if width(&row, gap) > room {
            kept.remove(place);
            full = Some(all[at].rank);
        }
    }
    kept.into_iter().map(|at| all[at].clone()).collect()
}

/// Columns of items in a row: between groups stand two gaps and a line.
fn width(items: &[&Item], gap: usize) -> usize {
    let words: usize = items.iter().map(|item| item.width()).sum();
    let between = items.windows(2).map(|pair| if pair[0].group == pair[1].group { gap } else { 2 * gap + 1 }).sum::<usize>();
    words + between
}

fn place(items: Vec<Item>, gap: usize, area: Rect) -> Vec<(u16, Item)> {
    let last = items.last().map_or(0, |item| item.group);
    let tail: Vec<&Item> = items.iter().filter(|item| item.group == last).collect();
    let tail_at = usize::from(area.right()).saturating_sub(width(&tail, gap));
    let mut x = usize::from(area.x);
    let mut group = None;
    let mut placed = Vec::new();
    for item in items {
        if group.is_some_and(|group| group != item.group) {
            x += gap + 1;
            if item.group == last {
                x = x.max(tail_at);
            }
        }
        group = Some(item.group);
        let end = x + item.width();
        if end > usize::from(area.right()) {
            break;
        }
        placed.push((x as u16, item));
        x = end + gap;
    }
    placed
}

/// A line that is being typed; returns the column of the cursor.
fn typed(model: &Model, sign: &str, input: &Input, complaint: Option<&str>, hint: &str, area: Rect, buf: &mut Buffer) -> u16 {
    let t = &model.skin.theme;
    let room = usize::from(area.width).saturating_sub(2);
    let scroll = input.visual_scroll(room.max(1));
    let shown: String = input.value().chars().skip(scroll).collect();
    let mut row = vec![span(sign, t.key), span(shown, t.strong)];
    if let Some(complaint) = complaint {
        row.push(span(format!("   {complaint}"), t.warn));
    } else if input.value().is_empty() {
        row.push(span(format!("   {}", model.skin.lang.tr(hint)), t.dim));
    } else if sign == ":" && input.value().ends_with(' ') {
        let words = arguments::completions(model.form(), input.value());
        let words: Vec<&str> = words.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        let hint = if words.is_empty() { String::new() } else { model.skin.lang.fill("Tab: {0}", &[&words.join(", ")]) };
        row.push(span(format!("   {hint}"), t.dim));
    }
    line(area, area.y, buf, &Line::from(row));
    let column = input.visual_cursor().saturating_sub(scroll) as u16;
    area.x.saturating_add(1).saturating_add(column).min(area.right().saturating_sub(1))
}

/// A key and its words take this many columns.
fn columns(keys: &str, label: &str) -> usize {
    keys.width() + 1 + label.width()
}
