//! Before a migration: what stands for and against it, and what each method is expected to take. A screen, and part of the question.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::action::Action;
use crate::ui::methods::methods;
use crate::ui::model::Model;
use crate::ui::preflight::{findings, origin, plan};
use crate::ui::text::{clip, ms, one_line, pad, pad_left, wrap};
use protocol::{Expected, Finding, Grade, Order, Plan, PlanStep};

/// Columns of a grade, of a subject, and of a method's name.
const GRADE: usize = 9;
const SUBJECT: usize = 9;
const METHOD: usize = 10;
/// Columns of a figure with its unit.
const FIGURE: usize = 11;

/// Columns of where a prediction comes from, and of the shortest bar that says something.
const ORIGIN: usize = 26;
const LEAST_BAR: usize = 16;

/// Draws the screen from line `scroll` on.
pub fn draw(model: &Model, order: Order, scroll: u16, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let [one, two] = model.pool();
    let (from, to) = if order == Order::MB { (two, one) } else { (one, two) };
    let title = lang.fill("BEFORE {0}: {1} {2} {3}", &[&order, &from, &model.skin.glyphs.right, &to]);
    let key = model.keys.key(Action::Order(order));
    rule(area, buf, &model.skin, &title, &lang.fill("from each host's state now; {0} orders it", &[&key]));
    let body = below(area, 1);
    let width = usize::from(area.width);
    let mut rows = vec![Line::default()];
    let found = findings(model, order);
    rows.push(verdict(model, &found));
    rows.extend(finding_rows(model, &found, width, true));
    rows.push(Line::default());
    rows.push(Line::from(span(lang.tr("EXPECTED INTERRUPTION by phases, and total"), t.strong)));
    rows.extend(method_rows(model, order, width));
    rows.push(Line::default());
    match plan(model, order, model.method) {
        Some(plan) => rows.extend(plan_rows(model, plan)),
        None => rows.push(Line::from(span(lang.fill("{0} has not sent its plan yet", &[&model.config.executor(order)]), t.dim))),
    }
    let last = rows.len().saturating_sub(usize::from(body.height));
    lines(body, buf, rows.into_iter().skip(usize::from(scroll).min(last)));
}

/// The check in one line.
pub fn verdict<'a>(model: &Model, found: &[Finding]) -> Line<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let count = |grade| found.iter().filter(|finding| finding.grade == grade).count();
    let (fine, warnings, blockers) = (count(Grade::Ok), count(Grade::Warning), count(Grade::Blocker));
    let (tag, style) = match (blockers, warnings) {
        (0, 0) => (" CHECK OK ", t.owner_tag),
        (0, _) => (" CHECK OK ", t.action_tag),
        _ => (" BLOCKED ", t.bad_tag),
    };
    let text = lang.fill("  OK {0}, warnings {1}, blockers {2}", &[&fine, &warnings, &blockers]);
    Line::from(vec![span(lang.tr(tag), style), span(text, if blockers > 0 { t.bad } else { t.base })])
}

/// One finding a row or two; `all`: also those without a problem.
pub fn finding_rows<'a>(model: &Model, found: &[Finding], width: usize, all: bool) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut sorted: Vec<&Finding> = found.iter().filter(|finding| all || finding.grade != Grade::Ok).collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    let mut rows = Vec::new();
    for Finding { grade, subject, sentence, hint } in sorted {
        let (word, style) = match grade {
            Grade::Ok => ("OK", t.good),
            Grade::Warning => ("warning", t.warn),
            Grade::Blocker => ("BLOCKER", t.bad),
        };
        let room = width.saturating_sub(GRADE + SUBJECT);
        let text_style = if *grade == Grade::Ok { t.dim } else { t.base };
        for (i, part) in wrap(&lang.said(&one_line(sentence)), room).into_iter().enumerate() {
            let head = if i == 0 { [lang.tr(word), lang.offer(subject)] } else { [""; 2] };
            rows.push(Line::from(vec![
                span(pad(head[0], GRADE), style),
                span(pad(&clip(&one_line(head[1]), SUBJECT - 1, model.skin.glyphs.ellipsis), SUBJECT), t.strong),
                span(part, text_style),
            ]));
        }
        for part in hint.iter().flat_map(|hint| wrap(&lang.fill("what to do: {0}", &[&lang.said(&one_line(hint))]), room)) {
            rows.push(Line::from(span(format!("{}{part}", " ".repeat(GRADE + SUBJECT)), t.dim)));
        }
    }
    rows
}

fn figure(expected: Option<Expected>) -> String {
    expected.and_then(|expected| expected.ms).map_or_else(|| "-".into(), |v| format!("{} ms", ms(v)))
}

/// Every method with its own prediction and where that comes from; the chosen one marked.
pub fn method_rows<'a>(model: &Model, order: Order, width: usize) -> Vec<Line<'a>> {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let roomy = width >= 4 + METHOD + 2 * FIGURE + 34;
    // All on one scale, where there is room for it.
    let figures = methods(model.form()).filter_map(|method| plan(model, order, method)?.interruption.ms);
    let longest = figures.fold(0.0_f64, f64::max);
    let room = width.saturating_sub(6 + METHOD + 2 * FIGURE + 10 + ORIGIN);
    methods(model.form())
        .map(|method| {
            let chosen = method == model.method;
            let plan = plan(model, order, method);
            let (name, mark): (Style, &str) = if chosen { (t.strong, g.right) } else { (t.base, " ") };
            let why = plan.map_or_else(|| lang.tr("no plan yet").to_owned(), |plan| origin(plan.interruption, lang));
            let mut row = vec![
                span(format!("  {mark} "), t.key),
                span(pad(&method.to_string(), METHOD), name),
                span(pad_left(&figure(plan.map(|p| p.interruption)), FIGURE), if chosen { t.measured } else { t.base }),
            ];
            if roomy {
                let total = lang.fill("total {0}", &[&figure(plan.map(|p| p.total))]);
                row.push(span(pad_left(&total, FIGURE + 10), t.dim));
            }
            row.push(span(format!("   {}", pad(&why, ORIGIN)), t.dim));
            if let Some(v) = plan.and_then(|plan| plan.interruption.ms).filter(|v| *v > 0.0 && room >= LEAST_BAR) {
                let cells = (v / longest * room as f64).round().max(1.0) as usize;
                row.push(span(g.lengths[7].repeat(cells.min(room)), if chosen { t.measured } else { t.dim }));
            }
            Line::from(row)
        })
        .collect()
}

/// The steps of a plan, each with its phases and what they are expected to take.
fn plan_rows<'a>(model: &Model, plan: &Plan) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut rows = vec![Line::from(span(lang.fill("STEPS of {0} {1}", &[&plan.order, &plan.method]), t.strong))];
    let relay = !model.config.terminals.is_empty();
    for (i, step) in plan.steps.iter().filter(|step| relay || !step.relay_only).enumerate() {
        let PlanStep { host, command, phases, cut, afterwards, .. } = step;
        // A phase of several steps is timed as a whole, and stands where it ends.
        let ends = |name| plan.steps.iter().rev().find(|s| s.phases.contains(name)).is_some_and(|last| std::ptr::eq(last, step));
        let timed: Vec<String> = phases
            .iter()
            .filter(|name| ends(name))
            .map(|name| {
                let expected = plan.phases.iter().find(|phase| phase.name == *name).map(|phase| phase.expected);
                format!("{} {}", name.name(), figure(expected))
            })
            .collect();
        let note = match (cut, afterwards) {
            (true, _) => lang.tr("THE CUT: the source stops here  "),
            (_, true) => lang.tr("afterwards  "),
            _ => "",
        };
        rows.push(Line::from(vec![
            span(format!("{:>4}  ", i + 1), t.dim),
            span(pad(&one_line(command), 14), if *cut { t.warn } else { t.base }),
            span(pad(&one_line(host), METHOD), t.base),
            span(note.to_owned(), t.warn),
            span(timed.join(", "), t.measured),
        ]));
    }
    rows
}
