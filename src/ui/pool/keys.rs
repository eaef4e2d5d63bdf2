//! Keys of the Pool page, and of what is asked over it.

use crossterm::event::{KeyCode, KeyEvent};

use super::choices::{Choice, choices};
use super::errands;
use super::rows::{Row, all, rows};
use super::{Ask, Choose, Dialog, Errand};
use crate::ui::action::{Action, PoolAction, RunsAction};
use crate::ui::model::Model;
use crate::ui::msg::Effect;
use crate::ui::place::{Place, Screen};
use crate::ui::service;
use config::HostName;
use protocol::{Grade, Level, Order};

/// Rows of a page.
const PAGE: isize = 10;

/// What became of an action on the page.
#[derive(Debug)]
pub enum Acted {
    /// It is done.
    Done(Vec<Effect>),
    /// It is done as on the other screens, for the radio under the cursor.
    As(Action),
}

/// What became of a key.
#[derive(Debug)]
pub enum Keyed {
    /// It is none of the page's.
    No,
    /// It is done.
    Done(Vec<Effect>),
    /// An order for the radio under the cursor, between the two servers that are its pair now.
    Order(Order),
}

/// Whether something is asked over the page.
pub fn asks(model: &Model) -> bool {
    model.screen == Screen::Pool && model.pool_page.as_ref().is_some_and(|page| page.dialog.is_some())
}

/// Does an action on the page. Orders are for the radio under the cursor, what is about servers for the one under it.
pub fn act(model: &mut Model, action: Action) -> Acted {
    let server = if action == Action::Failover { lost_server(model) } else { selected_server(model) };
    let errand = match (action, server) {
        (Action::Order(order), _) => return order_of_radio(model, order),
        (Action::Recover, _) => {
            if let Some([one, two]) = service::verdict(model).and_then(|service| service.between) {
                model.pair_up([&one, &two]);
            }
            return Acted::As(action);
        }
        (Action::Cancel, _) if model.pool_page.as_ref().is_some_and(|page| page.is_busy()) => {
            return Acted::Done(errands::stop(model));
        }
        // On this page nobody is the second server whose controller would be ended.
        (Action::Quit, _) => return Acted::As(Action::Leave),
        (Action::Runs(action), _) => return arrange(model, action),
        (Action::Failover, Some(server)) => Errand::Failover(server),
        (Action::Pool(PoolAction::Drain), Some(server)) => Errand::Drain(server),
        (Action::Pool(PoolAction::Undrain), Some(server)) => Errand::Undrain(server),
        (Action::Pool(PoolAction::Rebalance), _) => Errand::Rebalance,
        (Action::Pool(PoolAction::Consolidate), _) => Errand::Consolidate,
        _ => return Acted::As(action),
    };
    Acted::Done(errands::ask(model, errand))
}

fn selected_server(model: &Model) -> Option<HostName> {
    model.pool_page.as_ref().and_then(|page| page.selected_server()).cloned()
}

/// The server whose radios are to be served elsewhere: the one under the cursor, unless that is heard and the one that had the radio under the cursor is not.
fn lost_server(model: &Model) -> Option<HostName> {
    let selected = selected_server(model)?;
    let radios = all(model);
    let heard = |server: &str| radios.iter().any(|row| row.model.is_heard(server));
    let of_radio = radios.iter().find(|row| row.name == model.radio()).and_then(Row::host);
    let servers = model.pool_page.as_ref().map(|page| page.views.servers());
    let lost = of_radio.filter(|host| heard(&selected) && !heard(host));
    Some(
        lost.zip(servers)
            .and_then(|(host, servers)| servers.keys().find(|name| name.as_str() == host).cloned())
            .unwrap_or(selected),
    )
}

fn order_of_radio(model: &mut Model, order: Order) -> Acted {
    let (lang, radio) = (model.skin.lang, model.radio().clone());
    let host = service::verdict(model).and_then(|service| service.host);
    let nobody = |model: &mut Model| {
        let key = model.keys.key(Action::Order(Order::DS));
        let text = lang.fill("no server that is heard has the work of {0}; {1} starts it", &[&radio, &key]);
        model.say(Level::Warning, text);
    };
    match (order, host) {
        (Order::DS | Order::DSR, Some(host)) if model.works(&host) && model.is_heard(&host) => {
            let key = model.keys.key(Action::Order(Order::M));
            model.say(Level::Warning, lang.fill("{0} has the work of {1} already; {2} moves it", &[&host, &radio, &key]));
        }
        (Order::DS | Order::DSR, _) => choose(model, true),
        (_, None) => nobody(model),
        (Order::M | Order::MB, Some(_)) => choose(model, false),
        (Order::KL | Order::KR, Some(host)) => {
            let order = named(model, &host, Order::KL);
            return Acted::As(Action::Order(order));
        }
    }
    Acted::Done(Vec::new())
}

/// Opens the list of servers, at the one under the cursor if it can take the work, else at the first that can.
fn choose(model: &mut Model, starts: bool) {
    let choices = choices(model);
    let selected = model.pool_page.as_ref().and_then(|page| page.selected_server());
    let possible = |choice: &Choice| choice.grade != Grade::Blocker;
    let here = choices.iter().position(|choice| Some(&choice.server) == selected && possible(choice));
    let best = choices.iter().position(|choice| choice.grade == Grade::Ok);
    let row = here.or(best).or_else(|| choices.iter().position(possible)).unwrap_or(0);
    if let Some(page) = &mut model.pool_page {
        page.dialog = Some(Dialog::Choose(Choose { starts, row }));
    }
}

/// What an order for one server is called in the radio's pair, which it becomes one of.
fn named(model: &mut Model, server: &str, order: Order) -> Order {
    let other = crate::pool::other(&model.config, server).to_owned();
    let beside = model.pool().into_iter().find(|host| *host != server).map_or(other, str::to_owned);
    model.pair_up([server, &beside]);
    let first = model.pool()[0] == server;
    match (order, first) {
        (Order::DS, false) => Order::DSR,
        (Order::KL, false) => Order::KR,
        _ => order,
    }
}

/// What a move to a server is called.
fn move_to(model: &mut Model, server: &str) -> Option<Order> {
    let from = service::verdict(model).and_then(|service| service.host)?;
    model.pair_up([&from, server]);
    Some(if model.pool()[0] == from { Order::M } else { Order::MB })
}

fn arrange(model: &mut Model, action: RunsAction) -> Acted {
    if let Some(page) = &mut model.pool_page {
        match action {
            RunsAction::Filter => page.filter.typing = true,
            RunsAction::SortLeft => page.sort = page.sort.step(-1),
            RunsAction::SortRight => page.sort = page.sort.step(1),
            RunsAction::Invert => page.reverse = !page.reverse,
            _ => return Acted::As(Action::Runs(action)),
        }
    }
    Acted::Done(Vec::new())
}

/// Handles a key that moves the cursor on the page, opens the radio under it, or goes one step back.
pub fn on_key(model: &mut Model, key: KeyEvent) -> Keyed {
    if model.screen != Screen::Pool {
        return Keyed::No;
    }
    let Some(page) = &mut model.pool_page else { return Keyed::No };
    match key.code {
        KeyCode::Left => page.move_server(-1),
        KeyCode::Right => page.move_server(1),
        KeyCode::Up => move_radio(model, -1),
        KeyCode::Down => move_radio(model, 1),
        KeyCode::PageUp => move_radio(model, -PAGE),
        KeyCode::PageDown => move_radio(model, PAGE),
        KeyCode::Home => move_radio(model, isize::MIN),
        KeyCode::End => move_radio(model, isize::MAX),
        KeyCode::Enter => model.screen = Screen::Operate,
        KeyCode::Esc if !page.filter.is_empty() => page.filter = Default::default(),
        KeyCode::Esc if !page.is_busy() => page.running = None,
        KeyCode::Esc => {}
        _ => return Keyed::No,
    }
    Keyed::Done(Vec::new())
}

/// Moves the cursor among the listed radios; from one that the filter hides, to the first.
pub fn move_radio(model: &mut Model, places: isize) {
    let listed: Vec<String> = rows(model).iter().map(|row| row.name.to_string()).collect();
    let here = listed.iter().position(|name| name == model.radio().as_str());
    let last = listed.len().saturating_sub(1);
    let to = here.map_or(0, |here| here.saturating_add_signed(places).min(last));
    if let Some(radio) = listed.get(to) {
        model.show_radio(radio);
    }
}

/// A radio that the filter hides is not acted upon: the cursor goes to the first that is listed.
pub fn settle(model: &mut Model) {
    let hidden = model.screen == Screen::Pool && !rows(model).iter().any(|row| row.name == model.radio());
    if hidden {
        move_radio(model, 0);
    }
}

/// A key while something is asked; what does not answer it leaves it open.
pub fn on_dialog_key(model: &mut Model, code: KeyCode) -> Keyed {
    let dialog = model.pool_page.as_mut().and_then(|page| page.dialog.take());
    let Some(dialog) = dialog else { return Keyed::No };
    let yes = matches!(code, KeyCode::Enter | KeyCode::Char('y' | 'Y'));
    if matches!(code, KeyCode::Esc | KeyCode::Char('n' | 'N')) {
        return Keyed::Done(Vec::new());
    }
    match dialog {
        Dialog::Choose(chosen) if yes => choose_server(model, chosen),
        Dialog::Ask(ask) if yes => Keyed::Done(errands::go(model, ask)),
        dialog => {
            let dialog = moved(model, dialog, code);
            if let Some(page) = &mut model.pool_page {
                page.dialog = Some(dialog);
            }
            // A question can be shown to others, too.
            let exports = |key| model.keys.entry(key, Place::Pool).is_some_and(|entry| entry.action == Action::Export);
            let export = matches!(code, KeyCode::Char(key) if exports(key));
            Keyed::Done(if export { vec![Effect::Export] } else { Vec::new() })
        }
    }
}

/// What is asked, after a key that moves in it.
fn moved(model: &Model, dialog: Dialog, code: KeyCode) -> Dialog {
    let places: isize = match code {
        KeyCode::Up => -1,
        KeyCode::Down => 1,
        KeyCode::PageUp => -PAGE,
        KeyCode::PageDown => PAGE,
        _ => return dialog,
    };
    match dialog {
        Dialog::Choose(chosen) => {
            let last = choices(model).len().saturating_sub(1);
            Dialog::Choose(Choose { row: chosen.row.saturating_add_signed(places).min(last), ..chosen })
        }
        Dialog::Ask(ask) => {
            let changes = ask.plan.as_ref().map_or(0, |plan| plan.changes().count());
            Dialog::Ask(Ask { scroll: ask.scroll.saturating_add_signed(places).min(changes), ..ask })
        }
    }
}

/// The server under the cursor of the list takes the work, or it is said why it cannot.
fn choose_server(model: &mut Model, chosen: Choose) -> Keyed {
    let Some(choice) = choices(model).into_iter().nth(chosen.row) else { return Keyed::Done(Vec::new()) };
    if choice.grade == Grade::Blocker {
        model.say(Level::Warning, model.skin.lang.fill("{0}: {1}", &[&choice.server, &choice.why]));
        if let Some(page) = &mut model.pool_page {
            page.dialog = Some(Dialog::Choose(chosen));
        }
        return Keyed::Done(Vec::new());
    }
    let order = if chosen.starts { Some(named(model, &choice.server, Order::DS)) } else { move_to(model, &choice.server) };
    order.map_or_else(|| Keyed::Done(Vec::new()), Keyed::Order)
}
