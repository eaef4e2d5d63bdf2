//! The figure that is read from the back row: how long nobody was served, and the paper's beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use unicode_width::UnicodeWidthStr;

use super::{below, emphasise, line, lines, rule, span};
use crate::ui::big;
use crate::ui::lang::Lang;
use crate::ui::shown::{RunOrigin, Shown, TimingView};
use crate::ui::text::{clip, ms, one_line, pad, ratio, wrap};
use crate::ui::timeline::Timeline;
use protocol::{Method, Outcome, PhaseName};

/// Times the large size that a figure is drawn at most: three rows a pixel fill a 60-row terminal.
const MOST: usize = 3;
/// Columns between our figure and the paper's.
const GAP: usize = 6;

/// Columns of a method's tag with the rule's own on both sides.
const TAG: usize = 24;

/// What the huge figure says.
struct Figure {
    ms: Option<f64>,
    style: Style,
    caption: String,
    /// It can be compared with the paper's: the same definition, and over.
    comparable: bool,
}

/// Draws it: the rule, the figures, what they are, and both on one scale where there is room.
pub fn draw(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    let t = &view.skin.theme;
    let title = title(view.run.map(|run| run.origin), view.skin.lang);
    let method = view.run.map(|run| run.progress.method);
    let manner = method.map_or("ms", manner);
    let manner = view.skin.lang.tr(manner);
    // Beside title and tag, or not at all.
    let room = usize::from(area.width).saturating_sub(title.width() + TAG);
    // The tag's place belongs to the title, so that nothing is written over what stands there.
    let tagged = method.map_or_else(|| title.clone(), |method| format!("{title}  {method} "));
    rule(area, buf, view.skin, &tagged, view.notice.as_deref().unwrap_or(if manner.width() <= room { manner } else { "" }));
    if view.notice.is_some() {
        emphasise(area, buf, view.skin);
    }
    if let Some(method) = method {
        // Behind the title, with the blanks around it.
        let x = area.x.saturating_add(title.width() as u16).saturating_add(4);
        let tag = span(format!(" {} ", method.to_string().to_uppercase()), tag(view, method));
        line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &Line::from(tag));
    }
    let body = below(area, 1);
    let failed = view.record().filter(|r| r.outcome != Outcome::Ok);
    if let Some(record) = failed {
        let word = match record.outcome {
            Outcome::Cancelled => " CANCELLED ",
            Outcome::RolledBack => " ROLLED BACK ",
            Outcome::Ok | Outcome::Failed => " FAILED ",
        };
        let reason = one_line(record.reason.as_deref().unwrap_or(view.skin.lang.tr("no reason given")));
        let mut rows = vec![Line::from(span(view.skin.lang.tr(word), t.bad_tag)), Line::default()];
        rows.extend(wrap(&reason, usize::from(area.width)).into_iter().map(|row| Line::from(span(row, t.bad))));
        lines(body, buf, rows);
        return;
    }
    let figure = figure(view);
    let bars = if body.height >= 6 { 2 } else { 0 };
    let used = figures(view, &figure, Rect { height: body.height.saturating_sub(bars + 1), ..body }, buf);
    let mut rows = vec![caption(view, &figure, usize::from(area.width))];
    if bars > 0 {
        rows.extend(scale(view, &figure, usize::from(area.width)));
    }
    lines(below(body, used), buf, rows);
}

/// How a method moves the work, in a few words.
fn manner(method: Method) -> &'static str {
    match method {
        Method::Cold => "stopped first, then started from nothing",
        Method::Classic => "prepared, then stopped, then linked",
        Method::Hot => "prepared, frozen, taken over; the source ends last",
        Method::Seamless => "receives beside the source first; then transmits on",
        Method::Failover => "restarted: the source no longer answered",
    }
}

/// Each method's name has its own background colour.
fn tag(view: &TimingView<'_>, method: Method) -> Style {
    let t = &view.skin.theme;
    match method {
        Method::Cold | Method::Failover => t.bad_tag,
        Method::Classic => t.action_tag,
        Method::Hot => t.owner_tag,
        Method::Seamless => t.good.add_modifier(ratatui::style::Modifier::REVERSED),
    }
}

fn title(origin: Option<RunOrigin>, lang: Lang) -> String {
    let which = match origin {
        None => "no migration yet",
        Some(RunOrigin::Live) => "MIGRATING now",
        Some(RunOrigin::Latest) => "latest migration",
        Some(RunOrigin::Recorded) => "from the records",
        Some(RunOrigin::Replay) => "REPLAY of a record",
    };
    lang.fill("INTERRUPTION OF SERVICE: {0}", &[&lang.tr(which)])
}

fn figure(view: &TimingView<'_>) -> Figure {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let Some(shown) = view.run else {
        let caption = lang.tr("paper, published; nothing measured here yet");
        return Figure { ms: None, style: t.dim, caption: caption.into(), comparable: false };
    };
    let Some(record) = shown.record() else {
        let ms = Timeline::from_progress(shown.progress).interruption_ms();
        let caption = match ms {
            Some(_) => "so far, measured: nobody has been served since the source stopped",
            None => "so far: the source still serves",
        };
        return Figure { ms: Some(ms.unwrap_or(0.0)), style: t.warn, caption: lang.tr(caption).into(), comparable: false };
    };
    let felt = &record.interruption;
    let (ms, caption, comparable) = match (felt.by_phases_ms, felt.gap_ms) {
        (Some(v), _) => (Some(v), lang.fill("measured by phases: {0}", &[&phases(&shown)]), true),
        (None, Some(v)) => (Some(v), lang.tr("measured as the far end's longest gap; by phases it was not measured").into(), false),
        (None, None) => (None, lang.tr("not measured").into(), false),
    };
    Figure { ms, style: t.measured, caption, comparable }
}

/// The phases that make the interruption, by name.
fn phases(shown: &Shown<'_>) -> String {
    let axis = Timeline::from_progress(shown.progress);
    let names: Vec<&str> = axis.bars.iter().filter(|bar| bar.interrupts).map(|bar| PhaseName::name(bar.name)).collect();
    names.join(" + ")
}

/// Ours as large as the room allows, the paper's beside it; returns the rows used.
fn figures(view: &TimingView<'_>, figure: &Figure, area: Rect, buf: &mut Buffer) -> u16 {
    let (t, g) = (&view.skin.theme, &view.skin.glyphs);
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let paper_text = ms(view.paper().interruption_ms);
    let paper =
        |most| big::largest(&paper_text, width / 2, height.min(most), 1, g).unwrap_or_else(|| vec![format!("{paper_text} ms")]);
    // Before the first run the paper's figure stands alone; a run that was not measured must not show it as its own.
    let unmeasured = view.run.is_some().then(|| "-".to_owned());
    let Some(ours) = figure.ms.map(ms).or(unmeasured) else {
        let rows = big::largest(&paper_text, width, height, MOST, g).unwrap_or_else(|| vec![format!("{paper_text} ms")]);
        let used = rows.len() as u16;
        lines(area, buf, rows.into_iter().map(|row| Line::from(span(row, t.paper))));
        return used;
    };
    let side = paper(5);
    let side_width = side.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(side_width + GAP);
    let rows = big::largest(&ours, room, height, MOST, g).unwrap_or_else(|| vec![format!("{ours} ms")]);
    let ours_width = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let used = rows.len().max(side.len());
    // Both stand on one line, as figures of different sizes do.
    let drop = |n: usize| used - n;
    let pad = |rows: &[String], i: usize| i.checked_sub(drop(rows.len())).and_then(|i| rows.get(i).cloned()).unwrap_or_default();
    let out = (0..used).map(|i| {
        Line::from(vec![
            span(format!("{:<ours_width$}", pad(&rows, i)), figure.style),
            span(" ".repeat(GAP), t.base),
            span(pad(&side, i), t.paper),
        ])
    });
    lines(area, buf, out);
    used as u16
}

/// What the figures are, in the fullest of three wordings that fits.
fn caption<'a>(view: &TimingView<'_>, figure: &Figure, width: usize) -> Line<'a> {
    let (t, paper, lang) = (&view.skin.theme, view.paper(), view.skin.lang);
    let name = lang.tr(paper.name);
    let Some(ours) = figure.ms else {
        if view.run.is_some() {
            let published = format!("   {}", lang.fill("{0}, published: {1} ms", &[&name, &ms(paper.interruption_ms)]));
            return Line::from(vec![span(figure.caption.clone(), t.warn), span(published, t.paper)]);
        }
        return Line::from(span(clip(&figure.caption, width, view.skin.glyphs.ellipsis), t.paper));
    };
    let published = lang.fill("{0}, published: {1} ms", &[&name, &ms(paper.interruption_ms)]);
    let short = format!("{name} {} ms", ms(paper.interruption_ms));
    let brief = figure.caption.split([':', '\u{ff1a}']).next().unwrap_or_default().to_owned();
    let wording = |caption: &str, published: &str| {
        let mut row =
            vec![span(format!("{} ms {caption}", ms(ours)), t.strong), span("   ", t.base), span(published.to_owned(), t.paper)];
        if figure.comparable {
            row.push(span(lang.tr("   ours / paper "), t.dim));
            row.push(span(ratio(ours / view.paper().interruption_ms), t.strong));
        }
        Line::from(row)
    };
    let wordings = [wording(&figure.caption, &published), wording(&brief, &published), wording(&brief, &short)];
    let [.., last] = &wordings;
    wordings.iter().find(|row| row.width() <= width).unwrap_or(last).clone()
}

/// Ours and the paper's on one scale.
fn scale<'a>(view: &TimingView<'_>, figure: &Figure, width: usize) -> Vec<Line<'a>> {
    let (t, g, lang) = (&view.skin.theme, &view.skin.glyphs, view.skin.lang);
    // The label before a bar.
    let label = 8;
    let longest = figure.ms.unwrap_or(0.0).max(view.paper().interruption_ms);
    let room = width.saturating_sub(label);
    let cells = |v: f64| ((v / longest).clamp(0.0, 1.0) * room as f64).round().max(1.0) as usize;
    let bar = |v: f64| g.lengths[7].repeat(cells(v));
    let end = cells(view.paper().interruption_ms).saturating_sub(1);
    vec![
        Line::from(vec![
            span(pad(lang.tr("ours"), label), t.dim),
            figure.ms.map_or_else(|| span("-", t.dim), |v| span(bar(v), figure.style)),
        ]),
        Line::from(vec![
            span(pad(lang.tr("paper"), label), t.dim),
            span(format!("{}{}", g.paper[0].repeat(end), g.paper[1]), t.paper),
        ]),
    ]
}
