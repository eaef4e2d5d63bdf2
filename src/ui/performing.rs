//! What every action does, once it is allowed and answered for.

use super::action::Action;
use super::filters::TextFilter;
use super::methods::next_method;
use super::model::Model;
use super::msg::{Effect, Purpose};
use super::ordering;
use super::place::Screen;
use super::plans;
use super::pool::keys::{Acted, act};
use super::preflight;
use super::runs;
use super::standby;
use super::typing;
use super::view;
use protocol::{Level, Order};

/// Logged when a read-only console is asked to change a host.
pub const READ_ONLY: &str = "this console is read-only: nothing was sent";

/// Shows a screen; the records are read whenever they are looked at.
fn show_screen(model: &mut Model, screen: Screen) -> Vec<Effect> {
    if screen == Screen::Pool {
        return show_pool(model);
    }
    model.screen = screen;
    if screen != Screen::Runs {
        return Vec::new();
    }
    // Records stand still by themselves, and a frozen copy of them would not follow the cursor.
    model.frozen = None;
    runs::keys::load(model)
}

/// Shows the pool as it is now: a replay and a frozen screen are of one radio.
fn show_pool(model: &mut Model) -> Vec<Effect> {
    if model.pool_page.is_none() {
        model.say(Level::Warning, model.skin.lang.tr("no cluster file was read: there is no pool to show"));
        return Vec::new();
    }
    (model.frozen, model.replay, model.opened, model.zoom) = (None, None, None, None);
    model.screen = Screen::Pool;
    Vec::new()
}

/// Does something with the whole pool, on its page.
fn for_pool(model: &mut Model, action: Action) -> Vec<Effect> {
    let mut effects = show_pool(model);
    if model.screen == Screen::Pool
        && let Acted::Done(more) = act(model, action)
    {
        effects.extend(more);
    }
    effects
}

/// Whether an action is not allowed for this operator, or not now; logs why.
pub fn refuse(model: &mut Model, action: Action) -> bool {
    if !model.may(action) {
        model.say(Level::Warning, model.skin.lang.tr(READ_ONLY));
        return true;
    }
    let replayed = model.replay.is_some() && action.changes_hosts();
    if replayed {
        model.say(Level::Warning, model.skin.lang.tr("this is a replay, not the present: Esc ends it, then orders are taken"));
    }
    replayed
}

/// Opens the preflight screen.
pub fn open_preflight(model: &mut Model, order: Option<Order>) -> Vec<Effect> {
    if !matches!(model.screen, Screen::Preflight { .. } | Screen::Help { .. }) {
        model.before_help = model.screen;
    }
    let order = order.unwrap_or_else(|| preflight::next_order(model));
    model.screen = Screen::Preflight { order, scroll: 0 };
    plans::request_all(model, order)
}

/// Does it.
pub fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Order(order) => return ordering::order(model, order),
        Action::Failover => return ordering::failover(model),
        Action::Recover => return ordering::recover(model),
        Action::Arm => return standby::arm(model),
        Action::Disarm => return standby::disarm(model),
        Action::End => return ordering::end(model, Purpose::End),
        Action::Leave => return vec![Effect::Leave],
        Action::Quit if model.read_only => return vec![Effect::Leave],
        Action::Quit => {
            model.leaving = true;
            return ordering::end(model, Purpose::EndThenLeave);
        }
        Action::FilterLog => typing::open_log(model),
        Action::Method => {
            model.method = next_method(model.form(), model.method);
            model.before_look = None;
            model.say(Level::Info, model.skin.lang.fill("the next migration will be {0}", &[&model.method]));
        }
        Action::Hold => {
            model.hold = !model.hold;
            let text =
                if model.hold { "the next migration will wait for go before its cut" } else { "the next migration will not wait" };
            model.say(Level::Info, model.skin.lang.tr(text).to_owned());
        }
        Action::Go => return ordering::go(model),
        Action::Cancel => return ordering::cancel(model),
        Action::Interval => return ordering::interval(model, None),
        Action::Check | Action::Plan => return open_preflight(model, None),
        Action::Export => return vec![Effect::Export],
        // The command line completes what can be copied.
        Action::Copy => model.command_line.open_with("copy "),
        Action::Zoom => view::zoom(model),
        Action::Freeze => view::freeze(model),
        Action::Privacy => model.privacy = !model.privacy,
        Action::CommandLine => model.command_line.open(),
        Action::Show(screen) => return show_screen(model, screen),
        Action::NextScreen => {
            let next = match model.screen {
                Screen::Operate => Screen::Timing,
                // A replay has two screens: the records are not played.
                Screen::Timing if model.replay.is_none() => Screen::Runs,
                Screen::Runs if model.has_others() => Screen::Pool,
                _ => Screen::Operate,
            };
            return show_screen(model, next);
        }
        Action::Runs(action) => return runs::keys::perform(model, action),
        Action::Pool(_) => return for_pool(model, action),
        Action::Help => {
            if !matches!(model.screen, Screen::Preflight { .. }) {
                model.before_help = model.screen;
            }
            model.help = TextFilter::default();
            model.screen = Screen::Help { scroll: 0 };
        }
    }
    Vec::new()
}
