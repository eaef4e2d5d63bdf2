//! The figures that are read from the back row: how long nobody was served, and the paper's beside it, both of one size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use unicode_width::UnicodeWidthStr;

use super::{below, emphasise, line, lines, rule, span};
use crate::metrics::measure::{GAP, number};
use crate::ui::big;
use crate::ui::lang::Lang;
use crate::ui::shown::{RunOrigin, Shown, TimingView, shorter};
use crate::ui::text::{clip, ms, one_line, pad, wrap};
use crate::ui::timeline::Timeline;
use protocol::{Method, Outcome, PhaseName};

/// Times the large size that a figure is drawn at most: three rows a pixel fill a 60-row terminal.
const MOST: usize = 3;
/// Columns between our figure and the paper's.
const APART: usize = 6;
/// Columns of a figure behind its bar, with its unit.
const FIGURE: usize = 11;

/// What the large figure says.
struct Figure {
    ms: Option<f64>,
    style: Style,
    /// What it is, in the fullest wording first.
    names: Vec<String>,
    /// It can be compared with the paper's: the same definition, and over.
    comparable: bool,
}

/// Draws it: the rule, the figures, what they are, and both on one scale where there is room.
pub fn draw(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    head(view, area, buf);
    let t = &view.skin.theme;
    let body = below(area, 1);
    let failed = view.record().filter(|r| r.outcome != Outcome::Ok);
    if let Some(record) = failed {
        let word = match record.outcome {
            Outcome::Cancelled => " CANCELLED ",
            Outcome::RolledBack => " ROLLED BACK ",
            Outcome::Ok | Outcome::Failed => " FAILED ",
        };
        let lang = view.skin.lang;
        let reason = lang.said(&one_line(record.reason.as_deref().unwrap_or(lang.tr("no reason given"))));
        let mut rows = vec![Line::from(span(view.skin.lang.tr(word), t.bad_tag)), Line::default()];
        rows.extend(wrap(&reason, usize::from(area.width)).into_iter().map(|row| Line::from(span(row, t.bad))));
        lines(body, buf, rows);
        return;
    }
    let figure = figure(view);
    let bars = if body.height >= 6 { 2 } else { 0 };
    let used = figures(view, &figure, Rect { height: body.height.saturating_sub(bars), ..body }, buf);
    if bars > 0 {
        lines(below(body, used), buf, scale(view, &figure, usize::from(area.width)));
    }
}

/// The rule: which run it is, its method as a tag, and a notice or how the method moves the work, in the room that is left.
fn head(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    let lang = view.skin.lang;
    let title = title(view.run.map(|run| run.origin), view.age.as_deref(), lang);
    let method = view.run.map(|run| run.progress.method);
    let name = method.map(|method| format!(" {} ", method.to_string().to_uppercase())).unwrap_or_default();
    // Where the tag has no room beside the title it goes: the phases below name the method, too.
    let name = Some(name).filter(|name| title.width() + name.width() + 8 <= usize::from(area.width)).unwrap_or_default();
    // The tag's place belongs to the title, so that nothing is written over it.
    let titled = if name.is_empty() { title.clone() } else { format!("{title}  {name}") };
    let manner = lang.tr(method.map_or("ms", manner));
    // Beside title and tag, or not at all.
    let room = usize::from(area.width).saturating_sub(titled.width() + 10);
    rule(area, buf, view.skin, &titled, view.notice.as_deref().unwrap_or(if manner.width() <= room { manner } else { "" }));
    if view.notice.is_some() {
        emphasise(area, buf, view.skin);
    }
    if let Some(method) = method.filter(|_| !name.is_empty()) {
        let x = area.x.saturating_add(title.width() as u16).saturating_add(5);
        line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &Line::from(span(name, tag(view, method))));
    }
}

/// How a method moves the work, in a few words.
fn manner(method: Method) -> &'static str {
    match method {
        Method::Cold => "stopped first, then started from nothing",
        Method::Classic => "prepared, then stopped, then linked",
        Method::Hot => "prepared, frozen, taken over; the source ends last",
        Method::Seamless => "receives beside the source first; then transmits on",
        Method::Criu => "for comparison: dumped, copied, restored",
        Method::Vm => "for comparison: a guest that QEMU migrates",
        Method::Failover | Method::Recover => "restarted: the source no longer answered",
        Method::Takeover => "the standby went on: the source fell silent",
    }
}

/// Each method's name has its own background colour.
fn tag(view: &TimingView<'_>, method: Method) -> Style {
    let t = &view.skin.theme;
    match method {
        Method::Cold | Method::Failover | Method::Recover | Method::Takeover => t.bad_tag,
        Method::Classic | Method::Criu | Method::Vm => t.action_tag,
        Method::Hot => t.owner_tag,
        Method::Seamless => t.good.add_modifier(ratatui::style::Modifier::REVERSED),
    }
}

fn title(origin: Option<RunOrigin>, age: Option<&str>, lang: Lang) -> String {
    let which = match origin {
        None => "no migration yet",
        Some(RunOrigin::Live) => "MIGRATING now",
        Some(RunOrigin::Latest) => "latest migration",
        Some(RunOrigin::Recorded) => "from the records",
        Some(RunOrigin::Replay) => "REPLAY of a record",
    };
    let which = lang.tr(which);
    let which = age.map_or_else(|| which.to_owned(), |age| lang.fill("{0}, {1} ago", &[&which, &age]));
    lang.fill("INTERRUPTION OF SERVICE: {0}", &[&which])
}

fn figure(view: &TimingView<'_>) -> Figure {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let made = |ms, style, names: &[&str], comparable| Figure {
        ms,
        style,
        names: names.iter().map(|name| lang.tr(name).to_owned()).collect(),
        comparable,
    };
    let Some(shown) = view.run else { return made(None, t.dim, &[], false) };
    let failover = shown.progress.method == Method::Failover;
    let Some(record) = shown.record() else {
        // Nobody has served since before a failover was ordered: its phases are a part of that.
        if let (true, Some(silent)) = (failover, view.silent_ms) {
            return made(
                Some(silent),
                t.warn,
                &["so far, measured: since the last reply at the far end", "so far, since the last reply", "so far"],
                false,
            );
        }
        let ms = Timeline::from_progress(shown.progress).interruption_ms();
        return match ms {
            Some(_) => made(
                ms,
                t.warn,
                &["so far, measured: nobody has been served since the source stopped", "so far, by phases", "so far"],
                false,
            ),
            None => made(Some(0.0), t.warn, &["so far: the source still serves", "the source still serves"], false),
        };
    };
    let felt = &record.interruption;
    match (felt.by_phases_ms, felt.gap_ms) {
        (_, Some(v)) if failover => {
            let whole = "measured: from the last reply before the failure to the first one after it";
            made(Some(v), t.measured, &[whole, "measured from the last reply", GAP], false)
        }
        (Some(v), _) => {
            let mut figure = made(Some(v), t.measured, &["by phases, measured", "by phases"], true);
            figure.names.insert(0, lang.fill("measured by phases: {0}", &[&phases(&shown)]));
            figure
        }
        (None, Some(v)) => made(Some(v), t.measured, &["gap at the far end, measured; by phases it was not measured", GAP], false),
        (None, None) => made(None, t.warn, &["not measured"], false),
    }
}

/// The phases that make the interruption, by name.
fn phases(shown: &Shown<'_>) -> String {
    let axis = Timeline::from_progress(shown.progress);
    let names: Vec<&str> = axis.bars.iter().filter(|bar| bar.interrupts).map(|bar| PhaseName::name(bar.name)).collect();
    names.join(" + ")
}

/// Ours and the paper's digits. A run that was not measured must not show the paper's as its own; before the first run there is none of ours.
fn columns(view: &TimingView<'_>, figure: &Figure) -> Vec<(String, Style)> {
    let ours = view.run.map(|_| (figure.ms.map_or_else(|| "-".into(), number), figure.style));
    ours.into_iter().chain([(number(view.paper().interruption_ms), view.skin.theme.paper)]).collect()
}

/// Rows that are of use at most: with the largest figures that fit the width, the rule, the names and the bars.
pub fn most_rows(view: &TimingView<'_>, width: u16) -> u16 {
    /// Rows of the largest figures.
    const LARGEST: usize = 5 * MOST;
    let failed = view.record().is_some_and(|record| record.outcome != Outcome::Ok);
    let digits: Vec<String> = columns(view, &figure(view)).into_iter().map(|(digits, _)| digits).collect();
    let drawn = big::equal(&digits, APART, (usize::from(width), if failed { 5 } else { LARGEST }), MOST, &view.skin.glyphs);
    drawn.and_then(|(figures, _)| Some(figures.first()?.len())).unwrap_or(1) as u16 + 4
}

/// Ours and the paper's figure in one size, each with its unit, and below them what they are; returns the rows used.
fn figures(view: &TimingView<'_>, figure: &Figure, area: Rect, buf: &mut Buffer) -> u16 {
    let (t, lang, paper) = (&view.skin.theme, view.skin.lang, view.paper());
    let published = lang.fill("{0}, published", &[&lang.tr(paper.name)]);
    let columns = columns(view, figure);
    let digits: Vec<String> = columns.iter().map(|(digits, _)| digits.clone()).collect();
    let room = (usize::from(area.width), usize::from(area.height).saturating_sub(1));
    let (drawn, with_unit) = big::equal(&digits, APART, room, MOST, &view.skin.glyphs)
        .unwrap_or_else(|| (digits.iter().map(|digits| vec![digits.clone()]).collect(), false));
    let unit = if with_unit { "" } else { " ms" };
    let width_of = |rows: &[String]| rows.iter().map(|row| row.chars().count()).max().unwrap_or(0) + unit.len();
    let (mut x, mut starts, mut used) = (area.x, Vec::new(), 0);
    for (rows, (_, style)) in drawn.iter().zip(&columns) {
        let place = Rect { x, width: area.right().saturating_sub(x), ..area };
        let last = rows.len().saturating_sub(1);
        lines(
            place,
            buf,
            rows.iter().enumerate().map(|(i, row)| Line::from(span(format!("{row}{}", if i == last { unit } else { "" }), *style))),
        );
        used = used.max(rows.len());
        starts.push(x);
        x = x.saturating_add((width_of(rows) + APART) as u16);
    }
    let names = Rect { height: 1, ..below(area, used as u16) };
    let second = starts.last().copied().unwrap_or(area.x);
    if view.run.is_some() {
        name_ours(view, figure, Rect { width: second.saturating_sub(area.x), ..names }, buf);
    }
    let mut row = vec![span(
        if view.run.is_some() { published } else { lang.tr("paper, published; nothing measured here yet").into() },
        t.paper,
    )];
    if let (true, Some(ours)) = (figure.comparable, figure.ms) {
        let ratio = format!("   {}", shorter(lang, ours, paper.interruption_ms));
        let room = usize::from(area.right().saturating_sub(second)).saturating_sub(row[0].width());
        row.extend((ratio.width() <= room).then(|| span(ratio, t.strong)));
    }
    line(Rect { x: second, width: area.right().saturating_sub(second), ..names }, names.y, buf, &Line::from(row));
    used as u16 + 1
}

/// What our figure is, in the fullest wording that fits beside the paper's.
fn name_ours(view: &TimingView<'_>, figure: &Figure, area: Rect, buf: &mut Buffer) {
    let room = usize::from(area.width).saturating_sub(1);
    let fits = figure.names.iter().find(|name| name.width() <= room);
    let name = fits.cloned().or_else(|| figure.names.last().map(|name| clip(name, room, view.skin.glyphs.ellipsis)));
    let style = if figure.comparable { view.skin.theme.strong } else { figure.style };
    line(area, area.y, buf, &Line::from(span(name.unwrap_or_default(), style)));
}

/// Ours and the paper's on one scale.
fn scale<'a>(view: &TimingView<'_>, figure: &Figure, width: usize) -> Vec<Line<'a>> {
    let (t, g, lang) = (&view.skin.theme, &view.skin.glyphs, view.skin.lang);
    // The label before a bar.
    let label = 8;
    let longest = figure.ms.unwrap_or(0.0).max(view.paper().interruption_ms);
    // Behind the longest bar, its figure.
    let room = width.saturating_sub(label + FIGURE);
    let cells = |v: f64| ((v / longest).clamp(0.0, 1.0) * room as f64).round().max(1.0) as usize;
    let bar = |v: f64| g.lengths[7].repeat(cells(v));
    let end = cells(view.paper().interruption_ms).saturating_sub(1);
    vec![
        Line::from(vec![
            span(pad(lang.tr("ours"), label), t.dim),
            figure.ms.map_or_else(|| span("-", t.dim), |v| span(bar(v), figure.style)),
            span(figure.ms.map(|v| format!(" {} ms", ms(v))).unwrap_or_default(), t.strong),
        ]),
        Line::from(vec![
            span(pad(lang.tr("paper"), label), t.dim),
            span(format!("{}{}", g.paper[0].repeat(end), g.paper[1]), t.paper),
            span(format!(" {} ms", ms(view.paper().interruption_ms)), t.paper),
        ]),
    ]
}
