//! What moves now, and what an errand of the whole pool has come to.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{below, emphasise, lines, rule, span};
use crate::pool::{Course, Done};
use crate::ui::action::Action;
use crate::ui::model::Model;
use crate::ui::pool::Running;
use crate::ui::pool::rows::Row;
use crate::ui::pool::spoken::{change_words, end_words, errand_words};
use crate::ui::text::{clip, duration, ms, one_line};
use placement::Change;
use protocol::{Level, OrderStage, Progress, StepState};

/// Rows that it would like to have, its rule included; none where nothing moves and nothing was carried out.
pub fn rows_wanted(model: &Model, radios: &[Row<'_>]) -> u16 {
    let rows = all_lines(model, radios, usize::MAX).len();
    if rows == 0 && running(model).is_none() { 0 } else { u16::try_from(rows + 1).unwrap_or(u16::MAX) }
}

fn running(model: &Model) -> Option<&Running> {
    model.pool_page.as_ref()?.running.as_ref()
}

/// Draws it.
pub fn draw(model: &Model, radios: &[Row<'_>], area: Rect, buf: &mut Buffer) {
    let lang = model.skin.lang;
    let (title, bad, note) = match running(model) {
        None => (lang.tr("MOVES").to_owned(), false, String::new()),
        Some(running) if running.over_ms.is_some() => {
            let (level, text) = end_words(lang, running);
            (text, level != Level::Info, lang.tr("Esc closes").to_owned())
        }
        Some(running) => {
            let key = model.keys.key(Action::Cancel);
            (progress_words(model, running), false, lang.fill("{0} begins nothing more", &[&key]))
        }
    };
    rule(area, buf, &model.skin, &title, &note);
    if bad {
        emphasise(area, buf, &model.skin);
    }
    lines(below(area, 1), buf, all_lines(model, radios, usize::from(area.width)));
}

/// How far an errand is.
fn progress_words(model: &Model, running: &Running) -> String {
    let lang = model.skin.lang;
    let what = errand_words(lang, &running.errand);
    let took = duration(model.now_ms.saturating_sub(running.since_ms) / 1000 * 1000);
    match &running.course {
        _ if !running.marking.is_empty() => lang.fill("{0}: the server is told", &[&what]),
        Some(course) => {
            let (done, now, left) = (course.done().len(), course.under_way().len(), course.left().count());
            lang.fill("{0}: {1} done, {2} under way, {3} to come, {4}", &[&what, &done, &now, &left, &took])
        }
        None => what,
    }
}

/// What failed, what is under way, what is to come, what is done: an operator reads from above.
fn all_lines<'a>(model: &Model, radios: &[Row<'_>], width: usize) -> Vec<Line<'a>> {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let course = running(model).and_then(|running| running.course.as_ref());
    let row = |mark: &str, style: Style, rest: Vec<(String, Style)>| {
        let mut room = width.saturating_sub(2);
        let mut spans: Vec<Span<'a>> = vec![span(format!("{mark} "), style)];
        for (text, style) in rest {
            let text = clip(&text, room, g.ellipsis);
            room = room.saturating_sub(unicode_width::UnicodeWidthStr::width(text.as_str()));
            spans.push(span(text, style));
        }
        Line::from(spans)
    };
    let mut out = Vec::new();
    let over = |wanted: bool| course.into_iter().flat_map(Course::done).filter(move |done| done.ok == wanted);
    for done in over(false) {
        let why = lang.said(&one_line(done.reason.as_deref().unwrap_or(lang.tr("no reason given"))));
        out.push(row(g.step[3], t.bad, vec![(change_words(lang, &done.change), t.bad), (format!(": {why}"), t.base)]));
    }
    for radio in radios {
        let Some((_, progress)) = radio.model.under_way() else { continue };
        let what = format!("{} {} ", radio.name, order_words(model, progress));
        out.push(row(g.step[1], t.warn, vec![(what, t.strong), stage_words(model, progress)]));
    }
    // Ordered, and not yet told of by telemetry.
    let told = |change: &Change| radios.iter().any(|row| row.name.as_str() == change.radio() && row.model.under_way().is_some());
    let asked = course.into_iter().flat_map(|course| course.under_way()).filter(|change| !told(change));
    out.extend(asked.map(|change| row(g.step[1], t.warn, vec![(change_words(lang, change), t.base)])));
    let left = course.into_iter().flat_map(Course::left);
    out.extend(left.map(|change| row(g.step[0], t.dim, vec![(change_words(lang, change), t.dim)])));
    out.extend(over(true).map(|done| row(g.step[2], t.good, vec![(done_words(model, done), t.base)])));
    out
}

fn order_words(model: &Model, progress: &Progress) -> String {
    let right = model.skin.glyphs.right;
    match progress.order.is_migration() {
        true => format!("{} {right} {} ({})", progress.from, progress.to, progress.method),
        false => format!("{} {}", progress.order, progress.to),
    }
}

/// Where an order is: the step, and how many there are.
fn stage_words(model: &Model, progress: &Progress) -> (String, Style) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    if progress.stage == OrderStage::Ready {
        let key = model.keys.key(Action::Go);
        return (lang.fill("READY: waits for go ({0})", &[&key]), t.warn);
    }
    let over = progress.steps.iter().filter(|step| matches!(step.state, StepState::Done | StepState::Unmeasured)).count();
    let now = progress.steps.iter().find(|step| step.state == StepState::Running).map(|step| step.name.name().to_owned());
    let now = now.unwrap_or_else(|| one_line(&progress.now));
    match progress.steps.len() {
        0 => (now, t.base),
        all => (lang.fill("{0} of {1} steps, {2}", &[&over, &all, &now]), t.base),
    }
}

fn done_words(model: &Model, done: &Done) -> String {
    let (lang, what) = (model.skin.lang, change_words(model.skin.lang, &done.change));
    match done.interruption.as_ref().and_then(|interruption| interruption.by_phases_ms) {
        Some(felt) => lang.fill("{0}: done, interrupted for {1} ms by phases", &[&what, &ms(felt)]),
        None => lang.fill("{0}: done", &[&what]),
    }
}
