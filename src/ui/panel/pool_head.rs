//! The whole pool in a few words: how many radios are served, and what is wrong with servers.

use ratatui::text::Span;

use super::span;
use crate::migration::service::ServiceState;
use crate::ui::model::Model;
use crate::ui::pool::heads::heads;
use crate::ui::pool::rows::all;
use crate::ui::service;

/// The worst first, as many words as fit.
pub fn summary<'a>(model: &Model, room: usize) -> Vec<Span<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let radios = all(model);
    let heads = heads(model, &radios);
    let mut parts: Vec<Vec<Span<'a>>> = Vec::new();
    let states = [ServiceState::Down, ServiceState::Unknown, ServiceState::Starting, ServiceState::Serving];
    for state in states {
        let count = radios.iter().filter(|row| row.state() == state).count();
        if count > 0 {
            let text = lang.fill(" {0} {1} ", &[&count, &lang.tr(state.word())]);
            parts.push(vec![span(" ", t.base), span(text, service::style(model, state))]);
        }
    }
    let silent = heads.iter().filter(|head| !head.heard).count();
    let drained = heads.iter().filter(|head| head.drained).count();
    if silent == heads.len() {
        parts.push(vec![span(" ", t.base), span(lang.tr(" NO AGENT IS HEARD "), t.bad_tag)]);
    } else if silent > 0 {
        parts.push(vec![span(lang.fill("  servers silent: {0}", &[&silent]), t.bad)]);
    }
    if drained > 0 {
        parts.push(vec![span(lang.fill("  drained: {0}", &[&drained]), t.warn)]);
    }
    let missed: u64 = radios.iter().flat_map(|row| row.model.hosts.values()).fold(0, |sum, host| sum.saturating_add(host.missed));
    if missed > 0 {
        parts.push(vec![span(lang.fill("  telemetry lost {0}", &[&missed]), t.warn)]);
    }
    let mut row: Vec<Span<'a>> = Vec::new();
    for part in parts {
        if row.iter().chain(&part).map(Span::width).sum::<usize>() <= room {
            row.extend(part);
        }
    }
    row
}
