//! What the bottom line offers: on every screen what can be done there now, then how it is looked at, then help and the way out.

mod pool;

use crossterm::event::KeyCode;

use super::columns;
use crate::ui::action::{Action, RunsAction, TABLE, key_name};
use crate::ui::failover::Failover;
use crate::ui::filters::TextFilter;
use crate::ui::model::Model;
use crate::ui::place::{Place, Screen};
use crate::ui::possible;
use crate::ui::preflight::{before_cut, next_order, ready};
use crate::ui::service;
use crate::ui::text::trim;
use protocol::Order;

/// Groups from the left.
const DO: u8 = 0;
const HOW: u8 = 1;
const LOOK: u8 = 2;
/// The help and the way out, at the right edge.
const ALWAYS: u8 = 3;

/// A key and what it does.
#[derive(Debug, Clone)]
pub struct Item {
    /// The key, or several, as they are written.
    pub keys: String,
    /// What a click stands for.
    pub press: Option<KeyCode>,
    /// What it does, now.
    pub label: String,
    /// The same where there is no room.
    short: String,
    /// What goes first where there is no room: the highest; 0 always stays.
    pub rank: u8,
    /// Where it stands.
    pub group: u8,
    /// Whether it would be done.
    pub possible: bool,
}

impl Item {
    /// Columns.
    pub fn width(&self) -> usize {
        columns(&self.keys, &self.label)
    }

    /// The same, with the shorter word.
    pub fn brief(mut self, brief: bool) -> Self {
        if brief {
            self.label.clone_from(&self.short);
        }
        self
    }
}

/// The filter that is being typed in the bottom line.
pub fn typed_filter(model: &Model) -> Option<&TextFilter> {
    let filter = match model.screen {
        Screen::Help { .. } => &model.help,
        Screen::Operate => &model.log_filter,
        Screen::Pool => &model.pool_page.as_ref()?.filter,
        _ => return None,
    };
    Some(filter).filter(|filter| filter.typing && model.confirm.is_none())
}

/// Items of a screen.
struct Items<'a> {
    model: &'a Model,
    items: Vec<Item>,
}

impl Items<'_> {
    /// An action under its own key; an action without one, or that this operator may not use, is left out.
    fn action(&mut self, group: u8, rank: u8, action: Action, label: &str, short: &str) {
        let key = self.model.keys.keys(action).first().copied();
        let Some(key) = key.filter(|_| self.model.may(action)) else { return };
        let press = if key == '\t' { KeyCode::Tab } else { KeyCode::Char(key) };
        let possible = possible::refusal(self.model, action).is_none();
        self.push(Item {
            keys: key_name(key),
            press: Some(press),
            label: label.into(),
            short: short.into(),
            rank,
            group,
            possible,
        });
    }

    /// The same with the action's own word.
    fn plain(&mut self, group: u8, rank: u8, action: Action) {
        let label = TABLE.iter().find(|entry| entry.action == action).map_or("", |entry| entry.label);
        let label = self.model.skin.lang.tr(label).to_owned();
        self.action(group, rank, action, &label, &label);
    }

    /// A key that is no action's.
    fn key(&mut self, keys: &str, press: Option<KeyCode>, label: &str) {
        let label = self.model.skin.lang.tr(label).to_owned();
        self.push(Item { keys: keys.into(), press, short: label.clone(), label, rank: 1, group: DO, possible: true });
    }

    /// The last one goes sooner where there is no room.
    fn last_ranks(&mut self, rank: u8) {
        if let Some(item) = self.items.last_mut() {
            item.rank = rank;
        }
    }

    fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    /// What stands on every screen.
    fn always(&mut self) {
        let lang = self.model.skin.lang;
        let typed = lang.tr("type").to_owned();
        self.action(ALWAYS, 1, Action::CommandLine, &typed, &typed);
        let keys = self.model.keys.keys(Action::Help);
        // The one that other programs have, too.
        let key = keys.iter().find(|key| **key == '?').or_else(|| keys.first()).copied();
        let help = lang.tr("help").to_owned();
        let item = |key: char| Item {
            keys: key_name(key),
            press: Some(KeyCode::Char(key)),
            label: help.clone(),
            short: help.clone(),
            rank: 0,
            group: ALWAYS,
            possible: true,
        };
        self.items.extend(key.map(item));
        self.plain(ALWAYS, 0, Action::Leave);
    }
}

/// What the bottom line offers now.
pub fn items(model: &Model) -> Vec<Item> {
    let mut items = Items { model, items: Vec::new() };
    if model.confirm.is_some() {
        question(&mut items);
        return items.items;
    }
    if let Screen::Help { .. } = model.screen {
        help(&mut items);
        return items.items;
    }
    match model.place() {
        Place::Pool => pool::items(&mut items),
        _ if matches!(model.screen, Screen::Preflight { .. }) => preflight(&mut items),
        place @ (Place::Replay | Place::Runs | Place::Opened) if model.screen != Screen::Operate || place != Place::Replay => {
            records(&mut items, place);
        }
        _ if model.screen == Screen::Operate && model.zoom.is_some() => enlarged(&mut items),
        place @ Place::Replay => records(&mut items, place),
        _ => present(&mut items),
    }
    items.always();
    items.items
}

fn question(items: &mut Items<'_>) {
    let model = items.model;
    items.key("Enter", None, "yes, do it");
    items.key("Esc", None, "no");
    let Some(question) = &model.confirm else { return };
    if question.migration().is_some() {
        for (action, label) in [(Action::Method, "method"), (Action::Hold, "hold"), (Action::Interval, "interval")] {
            items.key(&model.keys.key(action), None, label);
        }
    }
    if let Some((key, _)) = question.instead().filter(|_| !model.read_only) {
        let label = if question.action == Action::Leave { "end the controller as well" } else { "leave only" };
        items.key(&model.keys.key(key), None, label);
    }
}

fn help(items: &mut Items<'_>) {
    let filtered = !items.model.help.is_empty();
    items.key("Esc", Some(KeyCode::Esc), if filtered { "all keys" } else { "back" });
    items.key("/", Some(KeyCode::Char('/')), "filter");
    items.key("Up Down", None, "scroll");
    items.last_ranks(2);
    let leave = items.model.keys.key(Action::Leave);
    items.key(&leave, Some(KeyCode::Esc), "close the help");
}

fn preflight(items: &mut Items<'_>) {
    let lang = items.model.skin.lang;
    items.key("Esc", Some(KeyCode::Esc), "back");
    items.key("Up Down", None, "scroll");
    let order = next_order(items.model);
    let name = order.to_string();
    items.action(DO, 1, Action::Order(order), &name, &name);
    items.action(HOW, 2, Action::Method, &lang.fill("method: {0}", &[&items.model.method]), lang.tr("method"));
}

fn enlarged(items: &mut Items<'_>) {
    items.key("Left Right", Some(KeyCode::Right), "other panel");
    if items.model.replay.is_none() {
        items.key("PgUp PgDn", None, "scroll the log");
        items.last_ranks(3);
    }
    items.key("Esc", Some(KeyCode::Esc), "back");
    items.plain(LOOK, 3, Action::FilterLog);
    items.plain(LOOK, 4, Action::Freeze);
}

/// The keys of the records, of an opened one, and of a replay.
fn records(items: &mut Items<'_>, place: Place) {
    let model = items.model;
    if model.screen == Screen::Operate && model.zoom.is_some() {
        items.key("Left Right", None, "phase");
        items.key("Up Down", None, "other panel");
        items.plain(LOOK, 2, Action::Zoom);
        return;
    }
    match place {
        Place::Replay => {
            items.key("Left Right", None, "phase");
            items.key("Esc", Some(KeyCode::Esc), "end");
        }
        Place::Runs if model.runs.typing => {
            items.key("Enter", Some(KeyCode::Enter), "keep");
            items.key("Esc", Some(KeyCode::Esc), "remove");
            return;
        }
        Place::Runs if model.runs.comparing => {
            items.key(&model.keys.key(Action::Runs(RunsAction::Compare)), Some(KeyCode::Esc), "list");
            items.plain(DO, 1, Action::Runs(RunsAction::Group));
            items.plain(LOOK, 2, Action::Export);
            items.key("Esc", Some(KeyCode::Esc), "back");
            return;
        }
        Place::Runs => {
            items.key("Enter", Some(KeyCode::Enter), "open");
            items.key("Esc", Some(KeyCode::Esc), "back");
        }
        Place::Opened | Place::Anywhere | Place::Pool => items.key("Esc", Some(KeyCode::Esc), "back to runs"),
    }
    for entry in TABLE.iter().filter(|entry| matches!(entry.action, Action::Runs(_)) && entry.action.counts_in(place)) {
        let rank = match entry.action {
            Action::Runs(RunsAction::Replay | RunsAction::Compare | RunsAction::Filter | RunsAction::Pause) => 2,
            Action::Runs(RunsAction::SortLeft | RunsAction::Invert | RunsAction::Reload) => 5,
            _ => 3,
        };
        items.plain(HOW, rank, entry.action);
    }
    items.plain(LOOK, 4, Action::Export);
    items.plain(LOOK, 4, Action::NextScreen);
}

/// The keys of the present.
fn present(items: &mut Items<'_>) {
    verbs(items);
    how(items);
    let model = items.model;
    let here = Action::Show(model.screen);
    if model.has_others() {
        items.plain(LOOK, 2, Action::Show(Screen::Pool));
    }
    for screen in [Screen::Operate, Screen::Timing, Screen::Runs] {
        if Action::Show(screen) != here {
            items.plain(LOOK, 3, Action::Show(screen));
        }
    }
    items.plain(LOOK, 7, Action::NextScreen);
    if model.screen == Screen::Operate {
        items.plain(LOOK, 5, Action::Zoom);
        let lang = model.skin.lang;
        let filter = model.log_filter.input.value().trim();
        let label = if filter.is_empty() { lang.tr("filter log").to_owned() } else { lang.fill("log: {0}", &[&filter]) };
        items.action(LOOK, if filter.is_empty() { 6 } else { 2 }, Action::FilterLog, &label, &label);
    }
    items.plain(LOOK, 6, Action::Freeze);
    items.plain(LOOK, 5, Action::Export);
    items.plain(LOOK, 7, Action::Copy);
    items.plain(LOOK, 7, Action::Privacy);
}

/// What can be done with the work now; what would be refused stands behind it, dim.
fn verbs(items: &mut Items<'_>) {
    let (model, lang) = (items.model, items.model.skin.lang);
    let [one, two] = model.pool();
    if ready(model).is_some() {
        items.plain(DO, 0, Action::Go);
    }
    if before_cut(model).is_some() {
        // While one can still be given up, no other order is taken, and nothing is prepared for the next.
        items.plain(DO, 0, Action::Cancel);
        return;
    }
    if let Some(Failover { to, .. }) = Failover::offered(model) {
        items.action(DO, 0, Action::Failover, &lang.fill("failover to {0}", &[&to]), lang.tr("failover"));
    }
    if model.read_only {
        return;
    }
    let mend = service::verdict(model).and_then(|service| service.mend);
    if let Some(mend) = mend.filter(|mend| service::action(*mend) == Action::Recover) {
        let to = model.config.executor(mend.order);
        items.action(DO, 0, Action::Recover, &lang.fill("recover on {0}", &[&to]), lang.tr("recover"));
    }
    let orders = [
        (Order::DS, lang.fill("start {0}", &[&one]), lang.tr("start")),
        (Order::DSR, lang.fill("start {0}", &[&two]), lang.tr("start")),
        (Order::M, lang.fill("move to {0}", &[&two]), lang.tr("move")),
        (Order::MB, lang.fill("move to {0}", &[&one]), lang.tr("move")),
        (Order::KL, lang.fill("stop {0}", &[&one]), lang.tr("stop")),
        (Order::KR, lang.fill("stop {0}", &[&two]), lang.tr("stop")),
    ];
    // Stopping what does not run is possible, and of no use.
    let useful = |order: Order| match order {
        Order::KL => model.works(one) || model.holds_radio(one),
        Order::KR => model.works(two) || model.holds_radio(two),
        _ => true,
    };
    // A host that is not heard may be lost: an order that needs it is not offered first.
    let heard = |order: Order| match order {
        Order::M | Order::MB => model.is_heard(one) && model.is_heard(two),
        _ => model.is_heard(model.config.executor(order)),
    };
    let now = |order: Order| possible::refusal(model, Action::Order(order)).is_none() && useful(order) && heard(order);
    for possible in [true, false] {
        for (order, label, short) in orders.iter().filter(|(order, ..)| now(*order) == possible) {
            let rank = match (possible, order) {
                (false, _) => 6,
                (true, Order::KL | Order::KR) => 2,
                (true, _) => 1,
            };
            items.action(DO, rank, Action::Order(*order), label, short);
            if let Some(item) = items.items.last_mut() {
                item.possible = possible;
            }
        }
    }
    items.action(DO, 6, Action::End, &lang.fill("end {0}", &[&two]), lang.tr("end"));
}

/// How the next migration is done.
fn how(items: &mut Items<'_>) {
    let (model, lang) = (items.model, items.model.skin.lang);
    if before_cut(model).is_some() {
        return;
    }
    items.action(HOW, 2, Action::Method, &lang.fill("method: {0}", &[&model.method]), lang.tr("method"));
    let hold = lang.tr(if model.hold { "hold: yes" } else { "hold: no" }).to_owned();
    items.action(HOW, 4, Action::Hold, &hold, lang.tr("hold"));
    items.plain(HOW, 4, Action::Check);
    items.plain(HOW, 5, Action::Plan);
    if let Some(probe) = model.probe() {
        let label = lang.fill("pings: {0} ms", &[&trim(probe.interval_ms)]);
        items.action(HOW, 5, Action::Interval, &label, lang.tr("interval"));
        // The pings of a run are counted under one interval.
        if let Some(item) = items.items.last_mut().filter(|item| item.label == label) {
            item.possible = model.under_way().is_none();
        }
    }
}
