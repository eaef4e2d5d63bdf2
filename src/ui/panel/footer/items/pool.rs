//! What the bottom line offers on the Pool page.

use crossterm::event::KeyCode;

use super::{DO, HOW, Items, LOOK};
use crate::migration::service::ServiceState;
use crate::ui::action::{Action, PoolAction, RunsAction};
use crate::ui::place::Screen;
use crate::ui::pool::Dialog;
use crate::ui::pool::heads::{Head, heads};
use crate::ui::pool::rows::all;
use crate::ui::preflight::{before_cut, ready};
use crate::ui::service;
use protocol::Order;

/// The keys of the page, or of what is asked over it.
pub fn items(items: &mut Items<'_>) {
    let Some(page) = &items.model.pool_page else { return };
    match &page.dialog {
        Some(Dialog::Choose(_)) => {
            items.key("Up Down", None, "server");
            items.key("Enter", None, "this one");
            items.key("Esc", None, "no");
        }
        Some(Dialog::Ask(_)) => {
            items.key("Enter", None, "yes, do it");
            items.key("Esc", None, "no");
            items.key("Up Down", None, "scroll");
        }
        None => {
            verbs(items);
            look(items);
        }
    }
}

fn look(items: &mut Items<'_>) {
    items.plain(HOW, 3, Action::Runs(RunsAction::Filter));
    items.plain(HOW, 5, Action::Runs(RunsAction::SortRight));
    items.key("Enter", Some(KeyCode::Enter), "open");
    if let Some(item) = items.items.last_mut() {
        item.group = LOOK;
    }
    items.plain(LOOK, 5, Action::Show(Screen::Runs));
    items.plain(LOOK, 6, Action::Export);
    items.plain(LOOK, 7, Action::Privacy);
}

/// What can be done with the radio and the server under the cursors; what would be refused stands behind it, dim.
fn verbs(items: &mut Items<'_>) {
    let (model, lang) = (items.model, items.model.skin.lang);
    let Some(page) = &model.pool_page else { return };
    let radios = all(model);
    let heads = heads(model, &radios);
    let head = page.selected_server().and_then(|server| heads.iter().find(|head| head.name == server));
    if ready(model).is_some() {
        items.plain(DO, 0, Action::Go);
    }
    let busy = page.is_busy();
    if busy {
        items.action(DO, 0, Action::Cancel, lang.tr("begin nothing more"), lang.tr("stop"));
    } else if before_cut(model).is_some() {
        items.plain(DO, 0, Action::Cancel);
    }
    if model.read_only {
        return;
    }
    let verdict = service::verdict(model);
    let state = verdict.as_ref().map(|service| service.state);
    let mends = verdict.as_ref().and_then(|service| service.mend).map(service::action);
    let silent = |head: &Head<'_>| !head.heard;
    if heads.iter().any(silent) && head.is_some_and(silent) || mends == Some(Action::Failover) {
        items.action(DO, 0, Action::Failover, lang.tr("failover"), lang.tr("failover"));
    }
    if mends == Some(Action::Recover) {
        items.plain(DO, 0, Action::Recover);
    }
    let host = verdict.as_ref().and_then(|service| service.host.as_deref()).filter(|host| model.works(host));
    let idle = model.under_way().is_none();
    let orders = [
        (Order::M, lang.tr("move"), host.is_some() && idle, 1),
        (Order::DS, lang.tr("start"), host.is_none() && idle && state != Some(ServiceState::Serving), 1),
        (Order::KL, lang.tr("stop"), host.is_some() && idle, 3),
    ];
    let drained = head.is_some_and(|head| head.drained);
    for possible in [true, false] {
        for (order, label, _, rank) in orders.iter().filter(|(_, _, now, _)| *now == possible) {
            items.action(DO, if possible { *rank } else { 7 }, Action::Order(*order), label, label);
            mark(items, possible);
        }
        if possible {
            let heard = head.is_some_and(|head| head.heard);
            let name = head.map_or("", |head| head.name.as_str());
            let (action, label) = if drained {
                (PoolAction::Undrain, lang.fill("undrain {0}", &[&name]))
            } else {
                (PoolAction::Drain, lang.fill("drain {0}", &[&name]))
            };
            items.action(DO, 1, Action::Pool(action), &label, lang.tr(if drained { "undrain" } else { "drain" }));
            mark(items, heard && !busy);
            for (action, rank) in [(PoolAction::Rebalance, 2), (PoolAction::Consolidate, 4)] {
                items.plain(DO, rank, Action::Pool(action));
                mark(items, !busy);
            }
        }
    }
}

/// Whether the last one would be done.
fn mark(items: &mut Items<'_>, possible: bool) {
    if let Some(item) = items.items.last_mut() {
        item.possible = possible;
    }
}
