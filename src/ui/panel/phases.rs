//! The phase table: the paper's figures beside ours, on one scale, the interruption bracketed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{below, line, lines, rule, span};
use crate::metrics::measure::{BY_LOSS, BY_PHASES, GAP, LOST, PAPER_BY_LOSS_MS, TOTAL, none_lost};
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::preflight::{origin, plan_under_way};
use crate::ui::shown::{Paper, shorter};
use crate::ui::text::{clip, count, ms, pad, pad_left};
use crate::ui::theme::Skin;
use crate::ui::timeline::{Timeline, interrupts, running};
use protocol::{Expected, Origin, PhaseName, Plan, Progress, RunRecord, Step, StepState};

/// Columns of a figure.
const FIGURE: usize = 8;
/// Columns of the bracket and the mark of a step.
const MARKS: usize = 4;
/// Columns of the longest explanation.
const NAME: usize = 28;
/// Rows when everything is shown: rule, phases, interruption three ways, total, ratio.
pub const ROWS: u16 = 15;

/// One row of the table.
struct PhaseRow<'a> {
    marks: String,
    name: &'a str,
    paper: Option<f64>,
    /// Expected from this pair's own history, ms, while the run is under way.
    expected: Option<f64>,
    ours: Option<f64>,
    style: Style,
    bar: bool,
    /// A count, not a time.
    whole: bool,
}

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let t = &model.skin.theme;
    let progress = model.migration().map(|(_, progress)| progress);
    // A result is not taken for the present.
    let age = model.migration_age().filter(|_| progress.is_some_and(|p| p.finished));
    let age = age.map_or_else(String::new, |age| model.skin.lang.fill("{0} ago", &[&age]));
    rule(area, buf, &model.skin, &title(progress, model.skin.lang), "");
    let plan = progress.filter(|p| !p.finished).and_then(|p| plan_under_way(model, p)).filter(|plan| has_history(plan));
    let columns = if plan.is_some() { 3 } else { 2 };
    let name_width = NAME.min(usize::from(area.width).saturating_sub(MARKS + columns * FIGURE));
    let end = heads(area, buf, &model.skin, name_width, plan.is_some());
    note_age(area, end, buf, &model.skin, &age);
    let body = below(area, 1);
    let phases = phase_rows(model, progress, plan);
    let sums = sum_rows(model, progress, plan);
    let longest = phases.iter().flat_map(|r| [r.paper, r.ours]).flatten().fold(1.0_f64, f64::max);
    let room = usize::from(area.width).saturating_sub(MARKS + name_width + columns * FIGURE + 2);
    let mut rows: Vec<Line<'_>> = Vec::new();
    // Sums stay when rows run out: the interruption matters most, the phases before the cut least.
    let keep = usize::from(body.height).saturating_sub(sums.len().min(MANDATORY_SUMS));
    // The phases before the cut go first, but never the one under way.
    let running = progress.and_then(|p| p.steps.iter().find(|s| s.state == StepState::Running));
    let running = running.and_then(|s| phases.iter().position(|row| row.name == s.name.explanation())).unwrap_or(usize::MAX);
    let skip = phases.len().saturating_sub(keep).min(running);
    // The last row says how it compares; before it goes, sums that stand elsewhere do.
    let kept = phases.len().saturating_sub(skip).min(keep);
    let sums_kept = usize::from(body.height).saturating_sub(kept + 1).max(MANDATORY_SUMS);
    for row in phases.iter().skip(skip).take(keep).chain(sums.iter().take(sums_kept)) {
        let figure = |v: f64| if row.whole { count(v.max(0.0) as u64) } else { ms(v) };
        let paper = row.paper.map_or_else(|| "-".into(), figure);
        let ours = row.ours.map_or_else(|| "-".into(), figure);
        let none = row.name == BY_LOSS && progress.and_then(|p| none_lost(&p.record.as_ref()?.interruption)).is_some();
        let ours = if none { model.skin.lang.tr("none").into() } else { ours };
        let mut spans = vec![
            span(format!("{:<MARKS$}", row.marks), row.style),
            span(pad(&clip(model.skin.lang.tr(row.name), name_width, model.skin.glyphs.ellipsis), name_width), row.style),
            span(format!("{paper:>FIGURE$}"), t.paper),
            // The column is there for the whole table or not at all.
            span(
                if plan.is_some() { pad_left(&row.expected.map_or_else(|| "-".into(), ms), FIGURE) } else { String::new() },
                t.base,
            ),
            span(pad_left(&ours, FIGURE), if row.ours.is_some() { t.measured } else { t.dim }),
        ];
        if row.bar && room >= 4 {
            let (solid, tail) = bar(&model.skin, row.ours, row.paper, longest, room);
            spans.extend([span("  ", t.base), span(solid, t.measured), span(tail, t.paper)]);
        }
        rows.push(Line::from(spans));
    }
    rows.push(verdict(model, progress, plan, usize::from(body.width)));
    lines(body, buf, rows);
}

/// Interruption by phases and total: the sums that are always shown.
const MANDATORY_SUMS: usize = 2;

fn title(progress: Option<&Progress>, lang: Lang) -> String {
    match progress {
        None => lang.tr("PHASES, ms").into(),
        Some(p) => lang.fill("PHASES of {0} {1}, ms", &[&p.order, &p.method]),
    }
}

/// Whether any of it comes from this pair's own runs: the paper's figures stand beside it anyway.
fn has_history(plan: &Plan) -> bool {
    history(plan.total).is_some()
}

fn history(expected: Expected) -> Option<f64> {
    expected.ms.filter(|_| expected.origin == Origin::History)
}

/// The age at the end of the rule, where the heads leave room for it.
fn note_age(area: Rect, heads_end: u16, buf: &mut Buffer, skin: &Skin, age: &str) {
    let note = Line::from(span(format!(" {age} "), skin.theme.dim));
    let x = area.right().saturating_sub(note.width() as u16 + 2);
    if !age.is_empty() && x > heads_end {
        line(Rect { x, width: area.right() - x, ..area }, area.y, buf, &note);
    }
}

/// Draws the heads and the legend; returns the column behind them.
fn heads(area: Rect, buf: &mut Buffer, skin: &Skin, name_width: usize, with_expected: bool) -> u16 {
    let (t, g, lang) = (&skin.theme, &skin.glyphs, skin.lang);
    // Heads stand over their right-aligned figures, on a gap in the rule.
    let x = area.x + (MARKS + name_width).saturating_sub(1) as u16;
    let heads = Line::from(vec![
        span(pad_left(lang.tr("paper"), FIGURE + 1), t.paper),
        span(if with_expected { pad_left(lang.tr("expect"), FIGURE) } else { String::new() }, t.base),
        span(pad_left(lang.tr("ours"), FIGURE) + " ", t.measured),
    ]);
    line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &heads);
    let columns = if with_expected { 3 } else { 2 };
    let x = area.x + (MARKS + name_width + columns * FIGURE) as u16;
    let legend = Line::from(vec![
        span("  ", t.base),
        span(g.lengths[7], t.measured),
        span(lang.tr(" ours, measured  "), t.dim),
        span(format!("{}{}", g.paper[0].repeat(2), g.paper[1]), t.paper),
        span(lang.tr(" paper "), t.dim),
    ]);
    let short = Line::from(vec![
        span(" ", t.base),
        span(g.lengths[7], t.measured),
        span(lang.tr(" ours "), t.dim),
        span(g.paper[1], t.paper),
        span(lang.tr(" paper "), t.dim),
    ]);
    let room = area.right().saturating_sub(x);
    let Some(legend) = [legend, short].into_iter().find(|l| l.width() <= usize::from(room)) else { return x };
    line(Rect { x, width: room, ..area }, area.y, buf, &legend);
    x + legend.width() as u16
}

/// The paper's phases always, unless the run is of a method for comparison; the others where the run has them.
fn shown(name: PhaseName, progress: Option<&Progress>) -> bool {
    let has = progress.is_some_and(|p| p.steps.iter().any(|s| s.name == name));
    let elsewhere = progress.is_some_and(|p| p.method.is_for_comparison());
    has || !(elsewhere || name == PhaseName::SetRoute || name.is_for_comparison())
}

fn phase_rows<'a>(model: &Model, progress: Option<&Progress>, plan: Option<&Plan>) -> Vec<PhaseRow<'a>> {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let names: Vec<PhaseName> = PhaseName::ALL.into_iter().filter(|name| shown(*name, progress)).collect();
    let interrupts: Vec<bool> = names.iter().map(|name| interrupts(progress, *name)).collect();
    let first = interrupts.iter().position(|x| *x);
    let last = interrupts.iter().rposition(|x| *x);
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let bracket = match interrupts[i] {
                false => " ",
                true if first == last => g.bracket[3],
                true if Some(i) == first => g.bracket[0],
                true if Some(i) == last => g.bracket[2],
                true => g.bracket[1],
            };
            let step = progress.and_then(|p| p.steps.iter().find(|s| s.name == name));
            let (mark, style) = match step.map(|s| s.state) {
                None => (" ", t.base),
                Some(StepState::Waiting) => (g.step[0], t.dim),
                Some(StepState::Running) => (g.step[1], t.warn),
                Some(StepState::Done) => (g.step[2], t.base),
                Some(StepState::Failed) => (g.step[3], t.bad),
                Some(StepState::Unmeasured) => (g.step[2], t.dim),
            };
            // What a request of several phases has taken so far stands once.
            let again = |s: &Step| s.state == StepState::Running && progress.and_then(running) != Some(s.name);
            let ours = step.filter(|s| !matches!(s.state, StepState::Waiting | StepState::Unmeasured) && !again(s)).map(|s| s.ms);
            let ours = ours.or_else(|| recorded(progress, name));
            PhaseRow {
                marks: format!("{bracket}{mark} "),
                name: name.explanation(),
                paper: paper(progress).phase_ms(name),
                expected: plan.and_then(|plan| history(plan.phases.iter().find(|phase| phase.name == name)?.expected)),
                ours,
                style,
                bar: true,
                whole: false,
            }
        })
        .collect()
}

fn recorded(progress: Option<&Progress>, name: PhaseName) -> Option<f64> {
    progress?.record.as_ref()?.phases.iter().find(|p| p.name == name).map(|p| p.ms)
}

/// The paper's figures for the scenario of the run.
fn paper(progress: Option<&Progress>) -> Paper {
    progress.map_or(Paper::PLAIN, Paper::of)
}

fn sum_rows<'a>(model: &Model, progress: Option<&Progress>, plan: Option<&Plan>) -> Vec<PhaseRow<'a>> {
    let t = &model.skin.theme;
    let record = progress.and_then(|p| p.record.as_ref());
    let felt = record.map(|r| &r.interruption);
    let row = |name, paper, ours, style| PhaseRow {
        marks: String::new(),
        name,
        paper,
        expected: None,
        ours,
        style,
        bar: false,
        whole: false,
    };
    let paper = paper(progress);
    // Elapsed times of a run under way.
    let so_far = progress.filter(|p| !p.finished).map(Timeline::from_progress);
    let interruption = felt.and_then(|i| i.by_phases_ms).or_else(|| so_far.as_ref()?.interruption_ms());
    let total = record.map(|r| r.total_ms).or_else(|| so_far.as_ref().map(|axis| axis.elapsed_ms));
    vec![
        PhaseRow {
            expected: plan.and_then(|plan| history(plan.interruption)),
            ..row(BY_PHASES, Some(paper.interruption_ms), interruption, t.strong)
        },
        PhaseRow { expected: plan.and_then(|plan| history(plan.total)), ..row(TOTAL, Some(paper.total_ms), total, t.strong) },
        PhaseRow {
            whole: true,
            ..row(BY_LOSS, paper.pings_lost().map(|_| PAPER_BY_LOSS_MS), felt.and_then(|i| i.by_loss_ms), t.base)
        },
        row(GAP, None, felt.and_then(|i| i.gap_ms), t.base),
        PhaseRow {
            whole: true,
            ..row(LOST, paper.pings_lost().map(|n| n as f64), felt.and_then(|i| i.probes_lost).map(|n| n as f64), t.base)
        },
    ]
}

/// The last line: ours against the paper's, the total where it has room.
fn verdict<'a>(model: &Model, progress: Option<&Progress>, plan: Option<&Plan>, width: usize) -> Line<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    if let Some(plan) = plan {
        return Line::from(span(lang.fill("    so far; expected: {0}", &[&origin(plan.total, lang)]), t.dim));
    }
    let record: Option<&RunRecord> = progress.and_then(|p| p.record.as_ref());
    let Some((record, ours)) = record.and_then(|r| Some((r, r.interruption.by_phases_ms?))) else {
        return Line::from(span(lang.tr("    paper: two servers, one N210, hot switch"), t.dim));
    };
    let interruption = vec![
        span(lang.tr("    beside the paper: interruption "), t.dim),
        span(shorter(lang, ours, paper(progress).interruption_ms), t.strong),
    ];
    let total = vec![span(lang.tr(", total "), t.dim), span(shorter(lang, record.total_ms, paper(progress).total_ms), t.strong)];
    let both: usize = interruption.iter().chain(&total).map(Span::width).sum();
    Line::from(if both <= width { [interruption, total].concat() } else { interruption })
}

/// Ours as a solid bar with an eighth of a cell resolution, the paper's as a line that ends in a tick, over `width` cells.
fn bar(skin: &Skin, ours: Option<f64>, paper: Option<f64>, longest: f64, width: usize) -> (String, String) {
    let g = &skin.glyphs;
    let cells = |v: f64| (v / longest).clamp(0.0, 1.0) * width as f64;
    let eighths = ours.map_or(0, |v| if v > 0.0 { ((cells(v) * 8.0).round() as usize).max(1) } else { 0 });
    let mut solid = g.lengths[7].repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        solid.push_str(g.lengths[eighths % 8 - 1]);
    }
    let used = eighths.div_ceil(8);
    let end = paper.map_or(0, |v| (cells(v).round() as usize).clamp(1, width));
    let tail = if end > used { format!("{}{}", g.paper[0].repeat(end - used - 1), g.paper[1]) } else { String::new() };
    (solid, tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::theme::ThemeName;

    #[test]
    fn bars_share_one_scale() {
        let skin = Skin::new(ThemeName::Mono, true);
        assert_eq!(bar(&skin, Some(50.0), Some(100.0), 100.0, 10), ("#####".into(), "----|".into()));
        assert_eq!(bar(&skin, Some(100.0), Some(10.0), 100.0, 10), ("#".repeat(10), String::new()));
        assert_eq!(bar(&skin, Some(0.001), None, 100.0, 10), ("#".into(), String::new()), "nothing measured is invisible");
        assert_eq!(bar(&skin, None, Some(1.0), 100.0, 10), (String::new(), "|".into()));
    }
}
