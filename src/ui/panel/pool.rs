//! The radios as rows and the servers as columns: what each server is to each radio.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{below, line, lines, rule, span};
use crate::ui::action::{Action, PoolAction};
use crate::ui::model::Model;
use crate::ui::pool::choices::cores;
use crate::ui::pool::heads::Head;
use crate::ui::pool::rows::{Part, Row};
use crate::ui::service;
use crate::ui::text::{brief, clip, duration, pad, short_name, wrap};

/// From this width on, names and verdicts have more room.
const WIDE: u16 = 100;
/// Columns of a cell, least and most, without the gap behind it.
const CELL: [usize; 2] = [9, 14];
/// Columns of a verdict that says more than its first words.
const CAUSE: usize = 24;
/// Parts of a server in use from which it is busy, and too busy.
const BUSY: [f64; 2] = [0.75, 0.9];

/// Where the columns stand, and which servers are shown.
struct Columns {
    name: usize,
    service: usize,
    cell: usize,
    first: usize,
    shown: usize,
    cause: usize,
}

impl Columns {
    fn of(model: &Model, rows: &[Row<'_>], heads: &[Head<'_>], width: u16) -> Self {
        let wide = width >= WIDE;
        let longest = rows.iter().map(|row| row.name.as_str().width()).max().unwrap_or_default();
        let name = longest.clamp(model.skin.lang.tr("radio").width().max(6), if wide { 20 } else { 12 });
        let service = if wide { 18 } else { 13 };
        // A cell has a column more than a name needs, which a mark may take.
        let widest = |head: &Head<'_>| head.name.as_str().width().max(mark(model, head).0.width().saturating_sub(1));
        let longest = heads.iter().map(widest).max().unwrap_or_default();
        let cell = longest.clamp(CELL[0], CELL[1]) + 2;
        let room = usize::from(width).saturating_sub(2 + name + 1 + service + 1);
        let shown = (room / cell).clamp(1, heads.len().max(1));
        let server = model.pool_page.as_ref().map_or(0, |page| page.server);
        let first = server.saturating_sub(shown / 2).min(heads.len().saturating_sub(shown));
        let cause = room.saturating_sub(shown * cell);
        Self { name, service, cell, first, shown, cause: if cause >= CAUSE { cause } else { 0 } }
    }

    /// Columns before the first cell.
    fn left(&self) -> usize {
        2 + self.name + 1 + self.service + 1
    }
}

/// Rows above the first radio: the rule, the servers' names, their load, what they do; one more where cores are known.
pub fn head_rows(heads: &[Head<'_>]) -> u16 {
    if heads.iter().any(|head| head.cores.is_some()) { 5 } else { 4 }
}

/// Draws it.
pub fn draw(model: &Model, rows: &[Row<'_>], heads: &[Head<'_>], area: Rect, buf: &mut Buffer) {
    let columns = Columns::of(model, rows, heads, area.width);
    let above = head_rows(heads).min(area.height);
    let body = below(area, above);
    let shown = usize::from(body.height);
    let cursor = rows.iter().position(|row| row.name == model.radio());
    let first = cursor.unwrap_or(0).saturating_sub(shown / 2).min(rows.len().saturating_sub(shown));
    rule(area, buf, &model.skin, &title(model, rows), &note(model, rows.len(), heads.len(), first, shown, &columns));
    lines(Rect { height: above.saturating_sub(1), ..below(area, 1) }, buf, head_lines(model, heads, &columns));
    if rows.is_empty() {
        let text = model.skin.lang.tr("No radio meets the filter; Esc removes it.");
        line(body, body.y, buf, &Line::from(span(format!("  {text}"), model.skin.theme.dim)));
    }
    let drawn = rows.iter().enumerate().skip(first).take(shown);
    lines(body, buf, drawn.map(|(at, row)| row_line(model, row, heads, &columns, cursor == Some(at))));
}

fn title(model: &Model, rows: &[Row<'_>]) -> String {
    let (lang, page) = (model.skin.lang, model.pool_page.as_ref());
    let sort = page.map_or("", |page| lang.tr(page.sort.name()));
    let all = model.radios().len();
    let filter = page.map_or("", |page| page.filter.input.value().trim());
    let servers = page.map_or(0, |page| page.views.servers().len());
    if filter.is_empty() {
        return lang.fill("RADIOS {0} on {1} servers, {2}", &[&all, &servers, &sort]);
    }
    lang.fill("RADIOS with \"{0}\": {1} of {2}, {3}", &[&filter, &rows.len(), &all, &sort])
}

/// Which part of the pool is shown, where that is not all.
fn note(model: &Model, rows: usize, heads: usize, first: usize, shown: usize, columns: &Columns) -> String {
    let lang = model.skin.lang;
    let radios = (rows > shown && shown > 0)
        .then(|| lang.fill("radios {0} to {1} of {2}", &[&(first + 1), &(first + shown).min(rows), &rows]));
    let servers = (heads > columns.shown)
        .then(|| lang.fill("servers {0} to {1} of {2}", &[&(columns.first + 1), &(columns.first + columns.shown), &heads]));
    radios.into_iter().chain(servers).collect::<Vec<_>>().join(", ")
}

/// What stands above the radios.
fn head_lines<'a>(model: &Model, heads: &[Head<'_>], columns: &Columns) -> Vec<Line<'a>> {
    let (t, lang, more) = (&model.skin.theme, model.skin.lang, model.skin.glyphs.ellipsis);
    let selected = model.pool_page.as_ref().map_or(0, |page| page.server);
    let shown = || heads.iter().enumerate().skip(columns.first).take(columns.shown);
    let cell = |text: &str, style: Style| {
        let text = clip(text, columns.cell - 1, more);
        let gap = " ".repeat(columns.cell.saturating_sub(text.width()));
        [span(text, style), span(gap, t.base)]
    };
    // Labels stand at the right edge of what is left of the cells.
    let label = |text: &str| span(format!("{} ", output::pad_left(text, columns.left() - 1)), t.dim);
    let named = format!("  {} {} ", pad(lang.tr("radio"), columns.name), pad(lang.tr("service"), columns.service));
    let names = shown().flat_map(|(at, head)| {
        let style = if head.heard { t.strong } else { t.bad };
        let style = if at == selected { style.add_modifier(Modifier::REVERSED) } else { style };
        cell(&short_name(head.name, columns.cell - 1, more), style)
    });
    let mut out = vec![Line::from(std::iter::once(span(named, t.dim)).chain(names).collect::<Vec<_>>())];
    let cpu = shown().flat_map(|(_, head)| match head.cpu_percent {
        Some(percent) => cell(&format!("{percent:.0} %"), load_style(model, f64::from(percent) / 100.0)),
        None => cell("-", t.dim),
    });
    out.push(Line::from(std::iter::once(label(lang.tr("cpu, measured"))).chain(cpu).collect::<Vec<_>>()));
    if heads.iter().any(|head| head.cores.is_some()) {
        let needed = shown().flat_map(|(_, head)| match head.cores {
            Some((needed, has)) => {
                cell(&lang.fill("{0} of {1}", &[&cores(needed), &cores(has)]), load_style(model, head.use_of().unwrap_or(0.0)))
            }
            None => cell("-", t.dim),
        });
        out.push(Line::from(std::iter::once(label(lang.tr("cores needed"))).chain(needed).collect::<Vec<_>>()));
    }
    let marks = shown().flat_map(|(_, head)| {
        let (text, style) = mark(model, head);
        cell(&text, style)
    });
    out.push(Line::from(std::iter::once(label(lang.tr("server"))).chain(marks).collect::<Vec<_>>()));
    out
}

fn load_style(model: &Model, part: f64) -> Style {
    let t = &model.skin.theme;
    match part {
        part if part > BUSY[1] => t.bad,
        part if part > BUSY[0] => t.warn,
        _ => t.base,
    }
}

/// What a server does, in a word; what is not as usual comes first.
fn mark(model: &Model, head: &Head<'_>) -> (String, Style) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    match (head.heard, head.silent_ms, head.drained) {
        (false, Some(ms), _) => (format!("{} {}", lang.tr("silent"), brief(ms / 1000 * 1000)), t.bad),
        (false, None, _) => (lang.tr("not heard").to_owned(), t.bad),
        (true, _, true) => (lang.tr("DRAINED").to_owned(), t.warn),
        (true, _, false) => (lang.fill("serves {0}", &[&head.serves.len()]), t.base),
    }
}

fn row_line<'a>(model: &Model, row: &Row<'_>, heads: &[Head<'_>], columns: &Columns, cursor: bool) -> Line<'a> {
    let (t, more) = (&model.skin.theme, model.skin.glyphs.ellipsis);
    let selected = model.pool_page.as_ref().map_or(0, |page| page.server);
    let name = pad(&short_name(row.name, columns.name, more), columns.name);
    let at_cursor = |style: Style| if cursor { style.add_modifier(Modifier::REVERSED) } else { style };
    let mut spans: Vec<Span<'a>> =
        vec![span(if cursor { "> " } else { "  " }, t.key), span(name, at_cursor(t.strong)), span(" ", t.base)];
    let (word, style) = verdict(model, row, columns.service);
    // A tag's ground is the word's alone.
    let gap = " ".repeat((columns.service + 1).saturating_sub(word.width()));
    spans.extend([span(word, style), span(gap, t.base)]);
    for (at, head) in heads.iter().enumerate().skip(columns.first).take(columns.shown) {
        let part = row.part(head.name);
        let word = clip(model.skin.lang.tr(part.word()), columns.cell - 1, more);
        let gap = " ".repeat(columns.cell.saturating_sub(word.width()));
        let style = if at == selected { at_cursor(part_style(model, part)) } else { part_style(model, part) };
        spans.extend([span(word, style), span(gap, t.base)]);
    }
    let cause = row.service.as_ref().and_then(|service| service.cause.as_ref()).filter(|_| columns.cause > 0);
    spans.extend(cause.map(|cause| span(clip(&service::cause(model, cause), columns.cause, more), t.base)));
    Line::from(spans)
}

/// The word of the verdict, with its age where it is not as it should be and where that has room.
fn verdict(model: &Model, row: &Row<'_>, room: usize) -> (String, Style) {
    let lang = model.skin.lang;
    let style = service::style(model, row.state());
    let word = lang.tr(row.state().word()).to_owned();
    let Some(service) = &row.service else { return (word, style) };
    let long = service::word(row.model, service);
    let short = match service::age_ms(row.model, service) / 1000 {
        0 => word.clone(),
        seconds => format!("{word} {}", duration(seconds * 1000)),
    };
    let aged = long != word;
    let fits = [long, short].into_iter().filter(|_| aged).find(|text| text.width() <= room);
    (fits.unwrap_or(word), style)
}

fn part_style(model: &Model, part: Part) -> Style {
    let t = &model.skin.theme;
    match part {
        Part::Serves => t.owner,
        Part::Starts | Part::Arrives | Part::Unsure | Part::NotArmed | Part::Left | Part::Silent => t.warn,
        Part::Down | Part::Lost => t.bad,
        Part::Ready => t.action_tag,
        Part::Follows => t.good,
        Part::Parked | Part::None => t.dim,
    }
}

/// The radio and the server under the cursors in full: the verdict with its cause and the key that mends it, and what the server does.
pub fn details<'a>(model: &Model, rows: &[Row<'_>], heads: &[Head<'_>], width: usize) -> Vec<Line<'a>> {
    let t = &model.skin.theme;
    let mut out = Vec::new();
    let mut say = |name: &str, text: &str, style: Style| {
        for (i, part) in wrap(&format!("{name}: {text}"), width).into_iter().enumerate() {
            // The name stands out in the first row.
            let named = part.strip_prefix(name).filter(|_| i == 0).map(str::to_owned);
            out.push(match named {
                Some(rest) => Line::from(vec![span(name.to_owned(), t.strong), span(rest, style)]),
                None => Line::from(span(part, style)),
            });
        }
    };
    if let Some(row) = rows.iter().find(|row| row.name == model.radio()) {
        let text = row.service.as_ref().map_or_else(
            || model.skin.lang.tr("no agent of its servers has been heard yet").to_owned(),
            |service| service::sentence(row.model, service),
        );
        say(row.name, &text, t.base);
    }
    let selected = model.pool_page.as_ref().map_or(0, |page| page.server);
    if let Some(head) = heads.get(selected) {
        say(head.name, &server_words(model, head), t.base);
    }
    out
}

/// What the server under the cursor does.
fn server_words(model: &Model, head: &Head<'_>) -> String {
    let lang = model.skin.lang;
    let listed = |names: &[&str]| if names.is_empty() { lang.tr("nothing").to_owned() } else { names.join(", ") };
    let mut text = match (head.heard, head.silent_ms) {
        (true, _) if head.drained => {
            let key = model.keys.key(Action::Pool(PoolAction::Undrain));
            lang.fill("drained; {0} lets it take on work again; serves {1}", &[&key, &listed(&head.serves)])
        }
        (true, _) => lang.fill("serves {0}", &[&listed(&head.serves)]),
        (false, ms) => {
            let key = model.keys.key(Action::Failover);
            let silent = ms.map_or_else(
                || lang.tr("never heard").to_owned(),
                |ms| lang.fill("silent for {0}", &[&duration(ms / 1000 * 1000)]),
            );
            lang.fill("{0}; {1} serves elsewhere what it had: {2}", &[&silent, &key, &listed(&head.serves)])
        }
    };
    if !head.follows.is_empty() {
        text = lang.fill("{0}; follows {1}", &[&text, &listed(&head.follows)]);
    }
    if let Some(without) = model.pool_page.as_ref().and_then(|page| page.unserved_without()) {
        let names: Vec<&str> = without.iter().map(|radio| radio.as_str()).collect();
        text = lang.fill("{0}; if it were lost, nobody would serve {1}", &[&text, &listed(&names)]);
    }
    text
}
