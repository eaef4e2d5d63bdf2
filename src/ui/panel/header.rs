//! The top line: what this is, who is who, how it is shown, the method, the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{line, pool_head, span};
use crate::ui::model::Model;
use crate::ui::place::Screen;
use crate::ui::service;
use crate::ui::text::duration;
use protocol::RadioOwner;

/// From this width on, the servers and the far end are named as well.
const WHO_IS_WHO: u16 = 140;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let missed: u64 = model.hosts.values().fold(0, |sum, host| sum.saturating_add(host.missed));
    let mut row = vec![span(" baton ", t.owner_tag)];
    let screen = match model.screen {
        Screen::Timing => " TIMING ",
        Screen::Runs => " RUNS ",
        Screen::Pool => " POOL ",
        Screen::Preflight { .. } => " PREFLIGHT ",
        Screen::Operate | Screen::Help { .. } => "",
    };
    row.push(span(lang.tr(screen), t.strong));
    if let Some(radio) = model.config.radio_to_tell().filter(|_| !matches!(model.screen, Screen::Pool | Screen::Runs)) {
        row.push(span(format!(" {radio} "), t.owner));
    }
    if let Some(replay) = &model.replay {
        // Nothing of the present is shown, so nothing of it stands in the header either.
        row.extend([span(" ", t.base), span(lang.tr(" REPLAY "), t.action_tag)]);
        row.extend(ways(model));
        row.push(span(format!(" {}", replay.words(lang)), t.strong));
        line(area, area.y, buf, &Line::from(row));
        return;
    }
    row.extend(ways(model));
    let long = model.at.format(" %Y-%m-%d %H:%M:%S UTC").to_string();
    let time = if area.width >= 90 { long } else { model.at.format(" %H:%M:%S UTC").to_string() };
    let room = usize::from(area.width).saturating_sub(time.len());
    if model.screen == Screen::Pool {
        row.extend(pool_head::summary(model, room.saturating_sub(row.iter().map(Span::width).sum())));
        line(area, area.y, buf, &Line::from(row));
        clock(model, time, area, buf);
        return;
    }
    let mut parts = vec![owner(model)];
    if let Some(service) = service::verdict(model) {
        row.push(span(" ", t.base));
        row.push(span(format!(" {} ", service::word(model, &service)), service::style(model, service.state)));
    }
    if area.width >= WHO_IS_WHO {
        let [one, two] = model.pool();
        let far = model.config.roles.far_end.as_ref().map(|far| lang.fill(", far end {0}", &[far])).unwrap_or_default();
        parts.push(vec![span(lang.fill("  {0} and {1}", &[&one, &two]) + &far, t.dim)]);
    }
    let mut method = vec![span(lang.tr("  method "), t.dim), span(model.method.to_string(), t.strong)];
    method.extend(model.hold.then(|| span(lang.tr(", hold"), t.warn)));
    let lost = (missed > 0).then(|| vec![span(lang.fill("  telemetry lost {0}", &[&missed]), t.warn)]);
    // A warning has priority over normal information.
    let kept: usize = lost.iter().flatten().map(Span::width).sum();
    for part in parts.into_iter().chain([method]) {
        if row.iter().chain(&part).map(Span::width).sum::<usize>() + kept <= room {
            row.extend(part);
        }
    }
    row.extend(lost.into_iter().flatten());
    line(area, area.y, buf, &Line::from(row));
    clock(model, time, area, buf);
}

/// The time, at the right edge.
fn clock(model: &Model, time: String, area: Rect, buf: &mut Buffer) {
    let x = area.right().saturating_sub(time.len() as u16).max(area.x);
    line(Rect { x, width: area.right() - x, ..area }, area.y, buf, &Line::from(span(time, model.skin.theme.dim)));
}

/// Who owns the radio, on every screen: as far as the addresses tell, with the epoch where that is the same host's.
fn owner<'a>(model: &Model) -> Vec<Span<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let (text, style) = match model.owner() {
        RadioOwner::Nobody if model.pool().into_iter().any(|host| model.telemetry(host).is_none()) => {
            (lang.tr("owner unknown").to_owned(), t.warn)
        }
        RadioOwner::Nobody => (lang.tr("no owner").to_owned(), t.warn),
        RadioOwner::Conflict(hosts) => (lang.fill("CONFLICT: {0}", &[&hosts.join(lang.tr(" and "))]), t.bad),
        RadioOwner::Host(host) => match (model.stale_ms(&host), model.ownership()) {
            (Some(age), _) => (lang.fill("owner {0}, {1} ago", &[&host, &duration(age)]), t.warn),
            (None, Some((epoch, owner))) if owner == host => (lang.fill("owner {0}, epoch {1}", &[&host, &epoch]), t.owner),
            (None, _) => (lang.fill("owner {0}", &[&host]), t.owner),
        },
    };
    vec![span(" ", t.base), span(text, style)]
}

/// How the screen is shown, where that is not how it usually is.
fn ways<'a>(model: &Model) -> Vec<Span<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut tags = Vec::new();
    if let Some(frozen) = &model.frozen {
        let age = duration(model.now_ms.saturating_sub(frozen.now_ms) / 1000 * 1000);
        tags.push(span(lang.fill(" FROZEN for {0} ", &[&age]), t.action_tag));
        // An order that runs behind a frozen picture is named.
        if let Some((_, progress)) = model.under_way() {
            tags.push(span(lang.fill(" {0} runs now ", &[&progress.order]), t.bad_tag));
        }
    }
    if model.read_only {
        tags.push(span(lang.tr(" READ-ONLY "), t.action_tag));
    }
    if model.privacy {
        tags.push(span(lang.tr(" MASKED "), t.action_tag));
    }
    tags.into_iter().flat_map(|tag| [span(" ", t.base), tag]).collect()
}
