//! The list of recorded runs, and the details of the one under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use unicode_width::UnicodeWidthStr;

use super::{below, emphasise, line, lines, rule, span};
use crate::metrics::history::{SortKey, short};
use crate::metrics::measure::{BY_LOSS, BY_PHASES, GAP, none_lost};
use crate::metrics::table::outcome_of;
use crate::ui::action::{Action, RunsAction};
use crate::ui::model::Model;
use crate::ui::runs::Loading;
use crate::ui::text::{clip, count, duration, ms, one_line, pad, pad_left, wrap};
use protocol::{Outcome, RunRecord};

/// Rows of the details: rule, hosts, figures, phases in two rows, reason.
pub const DETAILS: u16 = 6;

/// A column: its key, its head, its width, whether figures stand in it, the width of the screen from which it is shown.
type Column = (Option<SortKey>, &'static str, usize, bool, u16);

/// Columns from the left. The ones that need the widest screen go first when it is narrow.
const COLUMNS: [Column; 10] = [
    (Some(SortKey::Started), "started (UTC)", 19, false, 0),
    (Some(SortKey::Order), "order", 5, false, 0),
    (Some(SortKey::Method), "method", 8, false, 0),
    (None, "from > to", 17, false, 116),
    (Some(SortKey::Outcome), "outcome", 11, false, 0),
    (Some(SortKey::Total), "total ms", 8, true, 0),
    (Some(SortKey::Phases), "phases ms", 9, true, 0),
    (Some(SortKey::Lost), "lost", 5, true, 0),
    (Some(SortKey::Gap), "gap ms", 7, true, 84),
    (Some(SortKey::By), "by", 16, false, 128),
];

/// Draws the list.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let t = &model.skin.theme;
    let notice = model.notice();
    rule(area, buf, &model.skin, &title(model), &notice.clone().unwrap_or_else(|| freshness(model)));
    if notice.is_some() {
        emphasise(area, buf, &model.skin);
    }
    let mut body = below(area, 1);
    if let Some(row) = filter_row(model) {
        line(body, body.y, buf, &row);
        body = below(body, 1);
    }
    if let Some(text) = empty(model) {
        lines(body, buf, wrap(&text, usize::from(area.width)).into_iter().map(|row| Line::from(span(row, t.dim))));
        return;
    }
    line(body, body.y, buf, &heads(model, area.width));
    let body = below(body, 1);
    let (cursor, rows) = (model.runs.row().unwrap_or(0), usize::from(body.height));
    let first = first_row(model, rows);
    for (i, run) in model.runs.visible().enumerate().skip(first).take(rows) {
        let y = body.y + (i - first) as u16;
        line(body, y, buf, &row(model, run, area.width, i == cursor));
        if i == cursor {
            buf.set_style(Rect { y, height: 1, ..body }.intersection(buf.area), t.strong.add_modifier(Modifier::REVERSED));
        }
    }
}

/// The first run on the screen: the cursor stays on it, in its middle where there are runs on both sides.
fn first_row(model: &Model, rows: usize) -> usize {
    let last = model.runs.visible().len().saturating_sub(rows);
    model.runs.row().unwrap_or(0).saturating_sub(rows / 2).min(last)
}

/// What can be clicked in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The head of a column by which runs are sorted.
    Head(SortKey),
    /// A run, counted from the first listed.
    Run(usize),
}

/// What of the list stands at a place of its area.
pub fn at(model: &Model, area: Rect, place: Position) -> Option<At> {
    let above = 1 + u16::from(filter_row(model).is_some());
    let heads = below(area, above);
    if empty(model).is_some() || place.y < heads.y {
        return None;
    }
    if place.y == heads.y {
        let mut x = heads.x + 2;
        return shown(area.width).find_map(|(key, _, width, ..)| {
            let here = (x..x + width as u16).contains(&place.x);
            x += width as u16 + 2;
            key.filter(|_| here).map(At::Head)
        });
    }
    let body = below(heads, 1);
    let run = first_row(model, usize::from(body.height)) + usize::from(place.y - body.y);
    (run < model.runs.visible().len()).then_some(At::Run(run))
}

fn title(model: &Model) -> String {
    let runs = &model.runs;
    let lang = model.skin.lang;
    let marks = if runs.marks() > 0 { lang.fill(", {0} marked", &[&runs.marks()]) } else { String::new() };
    let way = match (runs.sort, runs.reverse) {
        (SortKey::Started, true) => "newest first",
        (SortKey::Started, false) => "oldest first",
        (_, true) => "largest first",
        (_, false) => "smallest first",
    };
    let (shown, all) = (count(runs.visible().len() as u64), count(runs.count() as u64));
    lang.fill("RUNS {0} of {1}{2}, by {3}, {4}", &[&shown, &all, &marks, &lang.tr(runs.sort.name()), &lang.tr(way)])
}

/// When the records were read: they do not change by themselves.
fn freshness(model: &Model) -> String {
    match &model.runs.loading {
        Loading::Done(at) => {
            let age = (model.at - *at).num_milliseconds();
            let read = model.skin.lang.fill("read {0} ago", &[&duration(u64::try_from(age).unwrap_or(0))]);
            match model.runs.unreadable {
                0 => read,
                n => model.skin.lang.fill("{0} lines of another version or incomplete, not shown; {1}", &[&count(n as u64), &read]),
            }
        }
        Loading::UnderWay => model.skin.lang.tr("being read").into(),
        Loading::Never | Loading::Failed(_) => String::new(),
    }
}

fn filter_row<'a>(model: &Model) -> Option<Line<'a>> {
    let (t, runs, lang) = (&model.skin.theme, &model.runs, model.skin.lang);
    let typed = runs.input.value();
    if !runs.typing && typed.is_empty() {
        return None;
    }
    let mut row = vec![span(lang.tr("filter "), t.dim), span(typed.to_owned(), t.strong)];
    if runs.typing {
        row.push(span("_", t.key));
    }
    match &runs.complaint {
        Some(failure) => {
            let hint = failure.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
            row.push(span(format!("   {failure}{hint}"), t.warn));
        }
        None if typed.is_empty() => row.push(span(lang.tr("   words, method:cold, outcome:failed, total>200, !by:ada"), t.dim)),
        None => {}
    }
    Some(Line::from(row))
}

/// Where records are.
const WHERE: &str = "An order leaves its record on the host that carried it out; in a lab that is here.";

/// What is said instead of a list.
fn empty(model: &Model) -> Option<String> {
    let runs = &model.runs;
    let (folder, lang) = (model.config.records.display(), model.skin.lang);
    match &runs.loading {
        Loading::Failed(failure) => {
            let key = model.keys.key(Action::Runs(RunsAction::Reload));
            Some(lang.fill("{0}. {1} reads the records again.", &[failure, &key]))
        }
        Loading::Never | Loading::UnderWay if runs.count() == 0 => Some(lang.fill("reading the records in {0}", &[&folder])),
        _ if runs.count() == 0 => {
            Some(format!("{} {}", lang.fill("No runs are recorded in {0} on this machine.", &[&folder]), lang.tr(WHERE)))
        }
        _ if runs.visible().len() == 0 => Some(lang.tr("No run meets the filter; Esc removes it.").into()),
        _ => None,
    }
}

fn shown(width: u16) -> impl Iterator<Item = Column> {
    COLUMNS.into_iter().filter(move |column| width >= column.4)
}

fn heads<'a>(model: &Model, width: u16) -> Line<'a> {
    let t = &model.skin.theme;
    let mut spans = vec![span("  ", t.dim)];
    for (key, head, width, figure, _) in shown(width) {
        let style = if key == Some(model.runs.sort) { t.key } else { t.dim };
        let head = model.skin.lang.tr(head);
        let pad = " ".repeat(width.saturating_sub(head.width()));
        // Underlines belong to the head, not to the blank beside it.
        let cells = if figure {
            [span(pad, t.dim), span(head.to_owned(), style)]
        } else {
            [span(head.to_owned(), style), span(pad, t.dim)]
        };
        spans.extend(cells);
        spans.push(span("  ", t.dim));
    }
    spans.push(span(model.skin.lang.tr("run").to_owned(), t.dim));
    Line::from(spans)
}

fn row<'a>(model: &Model, run: &RunRecord, width: u16, cursor: bool) -> Line<'a> {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let columns = usize::from(width);
    let mark = if model.runs.is_marked(&run.run) { "*" } else { " " };
    let at = if cursor { ">" } else { " " };
    let moves = run.order.is_migration();
    let number = |figure: Option<f64>| figure.map_or_else(|| "-".into(), ms);
    let mut spans: Vec<Span<'_>> = vec![span(at, t.key), span(mark, t.key)];
    for (key, _, width, figure, _) in shown(width) {
        let (text, style) = match key {
            Some(SortKey::Started) => (run.started.format("%Y-%m-%d %H:%M:%S").to_string(), t.base),
            Some(SortKey::Order) => (run.order.to_string(), t.strong),
            Some(SortKey::Method) => (if moves { run.method.to_string() } else { "-".into() }, t.base),
            Some(SortKey::Outcome) => {
                let style = match run.outcome {
                    Outcome::Ok => t.good,
                    // Given up or refused: nothing failed.
                    _ if run.outcome == Outcome::Cancelled || !run.began() => t.dim,
                    _ => t.bad,
                };
                (model.skin.lang.tr(outcome_of(run)).into(), style)
            }
            Some(SortKey::Total) => (number(run.total()), t.measured),
            Some(SortKey::Phases) => (number(run.interruption.by_phases_ms), t.measured),
            Some(SortKey::Lost) => (run.interruption.probes_lost.map_or_else(|| "-".into(), count), t.measured),
            Some(SortKey::Gap) => (number(run.interruption.gap_ms), t.measured),
            Some(SortKey::By) => (run.by.clone().unwrap_or_else(|| "-".into()), t.dim),
            None if moves => (format!("{} > {}", run.from, run.to), t.base),
            None => (run.to.clone(), t.base),
        };
        let text = clip(&one_line(&text), width, g.ellipsis);
        spans.push(span(format!("{}  ", if figure { pad_left(&text, width) } else { pad(&text, width) }), style));
    }
    // Whole or not at all; the blanks behind the last figure are no text.
    let id = one_line(short(&run.run));
    if spans.iter().map(Span::width).sum::<usize>() + id.width() <= columns {
        spans.push(span(id, t.dim));
    }
    Line::from(spans)
}

/// Draws what the list has no room for.
pub fn details(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let Some(run) = model.runs.selected() else { return };
    rule(area, buf, &model.skin, &lang.fill("RUN {0}", &[&one_line(&run.run)]), lang.tr("ms, measured"));
    let by = run.by.as_deref().map_or_else(|| lang.tr("not recorded").into(), one_line);
    let felt = &run.interruption;
    let figure = |v: Option<f64>| v.map_or_else(|| "-".into(), ms);
    let mut rows = vec![Line::from(vec![
        span(format!("{} > {}  ", one_line(&run.from), one_line(&run.to)), t.strong),
        span(lang.tr("by "), t.dim),
        span(by, t.base),
    ])];
    let lost = none_lost(felt).map_or_else(|| figure(felt.by_loss_ms), |_| lang.tr("none lost").into());
    let felt = [(BY_PHASES, figure(felt.by_phases_ms)), (BY_LOSS, lost), (GAP, figure(felt.gap_ms))];
    let figures =
        felt.map(|(name, figure)| vec![span(format!("{} ", lang.tr(name)), t.dim), span(format!("{figure}   "), t.measured)]);
    rows.push(Line::from(figures.concat()));
    let phases: Vec<String> = run.phases.iter().map(|p| format!("{} {}", p.name.name(), ms(p.ms))).collect();
    let phases = if phases.is_empty() { lang.tr("no phases").into() } else { phases.join(",  ") };
    let width = usize::from(area.width);
    rows.extend(wrap(&phases, width).into_iter().map(|row| Line::from(span(row, t.base))));
    let hint = run.failure.as_ref().and_then(|f| f.hint.as_ref()).map(|hint| lang.fill("what to do: {0}", &[&lang.said(hint)]));
    let reason = run.reason.as_ref().map(|reason| lang.said(reason));
    for text in reason.iter().chain(hint.as_ref()) {
        rows.extend(wrap(&one_line(text), width).into_iter().map(|row| Line::from(span(row, t.bad))));
    }
    rows.extend(
        run.warnings.iter().map(|w| Line::from(span(format!("{}{}", lang.tr("warning: "), lang.said(&one_line(w))), t.warn))),
    );
    lines(below(area, 1), buf, rows);
}
