//! The interruption of groups of runs on one logarithmic scale: methods that differ by a thousand times, side by side.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use unicode_width::UnicodeWidthStr;

use super::{below, line, lines, rule, span};
use crate::metrics::history::{Comparison, Spread};
use crate::metrics::measure::BY_PHASES;
use crate::ui::model::Model;
use crate::ui::text::{clip, first_that_fits, ms, pad};

/// The row of a comparison that is drawn.
const ROW: &str = "by_phases";
/// Columns of a group's name; the figure behind its bar.
const NAME: usize = 28;
const FIGURE: usize = 10;
/// Rows besides the groups: rule, axis, the paper.
const FRAME: u16 = 3;
/// Columns of the shortest axis that says something.
const SHORTEST: usize = 20;

/// Draws it, where there is room for every group that has a figure.
pub fn draw(model: &Model, comparison: &Comparison, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let Some(row) = comparison.rows.iter().find(|row| row.name == ROW) else { return };
    let groups: Vec<(&str, &Spread)> = comparison
        .groups
        .iter()
        .zip(&row.spreads)
        .filter_map(|(group, spread)| Some((group.name.as_str(), spread.as_ref()?)))
        .collect();
    let width = usize::from(area.width).saturating_sub(NAME + FIGURE);
    // Blank rows between the groups, where they are few.
    let pitch = if usize::from(area.height.saturating_sub(FRAME)) >= 2 * groups.len() { 2 } else { 1 };
    if groups.is_empty() || width < SHORTEST || usize::from(area.height) < usize::from(FRAME) + pitch * groups.len() {
        return;
    }
    let figures = groups.iter().flat_map(|(_, spread)| [spread.min, spread.max]).chain(row.paper);
    let Some(scale) = Scale::spanning(figures, width) else { return };
    let legend = lang.fill("{0} min to p95  {1} median  {2} max, logarithmic", &[&g.shaft, &g.lengths[7], &g.paper[1]]);
    let title = lang.fill("{0} of each group, ms", &[&lang.tr(BY_PHASES).to_uppercase()]);
    let room = usize::from(area.width).saturating_sub(title.width() + 10);
    let legend = first_that_fits([legend, lang.tr("logarithmic").into()], room);
    rule(area, buf, &model.skin, &title, &legend);
    let body = below(area, 1);
    axis(model, &scale, body, buf);
    let mut rows: Vec<Line<'_>> = Vec::new();
    for (name, spread) in groups {
        let mut row = vec![span(pad(&clip(name, NAME - 1, g.ellipsis), NAME), t.strong)];
        row.extend(bar(model, &scale, spread));
        row.push(span(format!("{:>FIGURE$}", ms(spread.median)), t.measured));
        rows.push(Line::from(row));
        rows.extend((1..pitch).map(|_| Line::default()));
    }
    if let Some(paper) = row.paper {
        let cells = format!("{}{}", " ".repeat(scale.cell(paper)), g.paper[1]);
        rows.push(Line::from(vec![
            span(pad(lang.tr("paper, published"), NAME), t.paper),
            span(pad(&cells, width), t.paper),
            span(format!("{:>FIGURE$}", ms(paper)), t.paper),
        ]));
    }
    lines(below(body, 1), buf, rows);
}

/// From the smallest to the largest figure, by decades.
struct Scale {
    /// Logarithms of the ends.
    from: f64,
    to: f64,
    cells: usize,
}

impl Scale {
    fn spanning(figures: impl Iterator<Item = f64>, cells: usize) -> Option<Self> {
        let positive = figures.filter(|v| v.is_finite() && *v > 0.0).map(f64::log10);
        let (from, to) = positive.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), v| (from.min(v), to.max(v)));
        // Whole decades: their marks are where the eye looks.
        let (from, to) = (from.floor(), to.ceil());
        (from < to && to - from < 12.0).then_some(Self { from, to, cells })
    }

    fn cell(&self, value: f64) -> usize {
        let at = (value.max(f64::MIN_POSITIVE).log10() - self.from) / (self.to - self.from);
        ((at.clamp(0.0, 1.0) * self.cells as f64) as usize).min(self.cells - 1)
    }
}

fn axis(model: &Model, scale: &Scale, area: Rect, buf: &mut Buffer) {
    let t = &model.skin.theme;
    // Few: a scale spans less than twelve decades.
    for decade in scale.from as i32..scale.to as i32 {
        let value = 10_f64.powi(decade);
        let label = if value >= 1.0 { crate::ui::text::count(value as u64) } else { format!("{value}") };
        let unit = if decade == scale.from as i32 { " ms" } else { "" };
        let x = area.x + (NAME + scale.cell(value)) as u16;
        let mark = vec![span(model.skin.glyphs.thin.vertical_left, t.rule), span(format!("{label}{unit}"), t.dim)];
        line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &Line::from(mark));
    }
    let head = format!("{:>FIGURE$}", model.skin.lang.tr("median"));
    let x = area.right().saturating_sub(FIGURE as u16);
    line(Rect { x, width: FIGURE as u16, ..area }, area.y, buf, &Line::from(span(head, t.dim)));
}

/// From the smallest to the 95th percentile heavy, on to the largest light, the median a block.
fn bar<'a>(model: &Model, scale: &Scale, spread: &Spread) -> Vec<Span<'a>> {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let [min, median, p95, max] = [spread.min, spread.median, spread.p95, spread.max].map(|v| scale.cell(v));
    let cells = (0..scale.cells).map(|i| match i {
        i if i == median => g.lengths[7],
        i if i < min || i > max => " ",
        i if i <= p95 => g.shaft,
        i if i == max => g.paper[1],
        _ => g.paper[0],
    });
    vec![span(cells.collect::<String>(), t.measured)]
}
