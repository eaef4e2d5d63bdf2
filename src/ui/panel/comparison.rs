//! Groups of runs side by side: median, 95th percentile, smallest and largest of every figure.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{below, distribution, lines, rule, span};
use crate::metrics::history::{ComparedFigure, Comparison, Spread};
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::text::{clip, count, first_that_fits, ms, pad, pad_left, trim};

/// Columns of an explanation and of a figure.
const NAME: usize = 28;
const FIGURE: usize = 10;
/// Figures of a group, the most telling first; a narrow screen drops from the end.
const FIGURES: [(&str, Figure); 4] = [("median", |s| s.median), ("p95", |s| s.p95), ("min", |s| s.min), ("max", |s| s.max)];
/// Reads one of them.
type Figure = fn(&Spread) -> f64;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let comparison = model.runs.compared();
    let title = lang.fill("COMPARISON of {0}", &[&model.runs.compared_what(lang)]);
    rule(area, buf, &model.skin, &title, lang.tr("ms, measured; p95 by nearest rank"));
    let body = below(area, 1);
    if comparison.groups.is_empty() {
        let text = lang.tr("no migration among them: orders that move nothing have no phases to compare");
        lines(body, buf, [Line::from(span(text, t.dim))]);
        return;
    }
    let room = usize::from(area.width).saturating_sub(NAME + FIGURE + 2);
    let (groups, figures) = fitting(comparison, room);
    let mut rows = heads(model, comparison, groups, figures);
    rows.extend(comparison.rows.iter().map(|row| {
        let figure = |v: f64| value(row, v, lang);
        let mut spans: Vec<Span<'_>> =
            vec![span(pad(&clip(lang.tr(row.explanation), NAME, model.skin.glyphs.ellipsis), NAME), t.base)];
        spans.push(span(format!("{:>FIGURE$}", row.paper.map_or_else(|| "-".into(), figure)), t.paper));
        for spread in row.spreads.iter().take(groups) {
            spans.push(span("  ", t.base));
            for (_, of) in FIGURES.iter().take(figures) {
                let text = spread.as_ref().map_or_else(|| "-".into(), |s| figure(of(s)));
                spans.push(span(format!("{text:>FIGURE$}"), t.measured));
            }
        }
        Line::from(spans)
    }));
    let hidden = comparison.groups.len() - groups;
    if hidden > 0 {
        rows.push(Line::from(span(
            lang.fill("{0} more groups have no room here: `baton runs compare` prints all", &[&hidden]),
            t.warn,
        )));
    }
    let used = rows.len() as u16;
    lines(body, buf, rows);
    distribution::draw(model, comparison, below(body, used + 1), buf);
}

/// A figure of a row: what is counted in whole pings without needless decimals.
fn value(row: &ComparedFigure, value: f64, lang: Lang) -> String {
    match row.name {
        "by_loss" if value == 0.0 => lang.tr("none lost").into(),
        "lost" | "by_loss" if value.fract() == 0.0 => count(value.max(0.0) as u64),
        "lost" => trim(value),
        _ => ms(value),
    }
}

/// How many groups fit, and with how many figures each: rather all groups with fewer figures than the other way round.
fn fitting(comparison: &Comparison, room: usize) -> (usize, usize) {
    let wanted = comparison.groups.len();
    // A single run has one value: its median.
    let most = if comparison.groups.iter().all(|g| g.runs <= 1) { 1 } else { FIGURES.len() };
    let fits = |figures: usize| room / (figures * FIGURE + 2);
    let figures = (1..=most).rev().find(|figures| fits(*figures) >= wanted).unwrap_or(1);
    (fits(figures).min(wanted), figures)
}

fn heads<'a>(model: &Model, comparison: &Comparison, groups: usize, figures: usize) -> Vec<Line<'a>> {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let width = figures * FIGURE;
    let (mut names, mut counts) =
        (vec![span(format!("{:<NAME$}", ""), t.dim), span(format!("{:>FIGURE$}", ""), t.paper)], Vec::new());
    let mut words = vec![span(format!("{:<NAME$}", "ms"), t.dim), span(pad_left(lang.tr("paper"), FIGURE), t.paper)];
    counts.push(span(pad(lang.tr("successful runs"), NAME + FIGURE), t.dim));
    for group in comparison.groups.iter().take(groups) {
        names.push(span(format!("  {}", pad_left(&clip(&group.name, width, g.ellipsis), width)), t.strong));
        let out = if group.left_out > 0 { lang.fill(" (+{0} not)", &[&group.left_out]) } else { String::new() };
        // Half of a number is none.
        let runs = first_that_fits([format!("n = {}{out}", group.runs), format!("n = {}", group.runs)], width);
        counts.push(span(format!("  {}", pad_left(&runs, width)), t.base));
        words.push(span("  ", t.dim));
        words.extend(FIGURES.iter().take(figures).map(|(name, _)| span(pad_left(lang.tr(name), FIGURE), t.dim)));
    }
    vec![Line::from(names), Line::from(counts), Line::from(words)]
}
