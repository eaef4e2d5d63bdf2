//! The state of the console. Panels read it; only [`update`](super::update) writes it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::action::Action;
use super::command_line::CommandPrompt;
use super::confirm::Confirm;
use super::filters::TextFilter;
pub use super::host::HostView;
use super::keymap::Keymap;
use super::latest::LatestRuns;
use super::msg::LinkState;
use super::ping_history::PingHistory;
use super::place::{PanelName, Place, Screen};
use super::pool::PoolPage;
use super::privacy::MaskedNames;
use super::runs::RunList;
use super::runs::replay::Replay;
use super::settings::Settings;
use super::theme::Skin;
use crate::migration::service::ServiceState;
use crate::migration::standing::{holds_radio, processes, radio_owner, strangers};
use config::Config;
use protocol::{Event, Level, Method, Order, Plan, ProbeOutcome, ProbeStatus, Progress, RadioOwner, Telemetry};

/// How long a complaint stays on a screen without a log, s.
const NOTICE_S: i64 = 30;
/// Telemetry older than this is shown as old, ms: twenty messages missed at 10 Hz.
const STALE_MS: u64 = 2_000;

/// An order that was sent and is not yet answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingOrder {
    /// What was ordered.
    pub order: Order,
    /// The host that was asked.
    pub host: String,
    /// When, ms since the console started.
    pub since_ms: u64,
    /// It waits for go before its cut.
    pub hold: bool,
    /// The run that the host reported then: while it still reports that one, the order has not begun.
    pub previous: Option<String>,
}

/// The console's state.
#[derive(Debug, Clone)]
pub struct Model {
    /// The cluster.
    pub config: Arc<Config>,
    /// Styles and characters.
    pub skin: Skin,
    /// Which key does what.
    pub keys: Keymap,
    /// Nothing that changes a host can be ordered.
    pub read_only: bool,
    /// Addresses and names of people are masked.
    pub privacy: bool,
    /// The panel that is as large as the screen.
    pub zoom: Option<PanelName>,
    /// Lines of the log that are newer than the last one shown.
    pub log_scroll: usize,
    /// What the screen shows while it stands still.
    pub frozen: Option<Box<Model>>,
    /// The operator as `user@host`, for the records.
    pub by: Option<String>,
    /// Monotonic, ms since the console started.
    pub now_ms: u64,
    /// Wall-clock time.
    pub at: DateTime<Utc>,
    /// Hosts by name.
    pub hosts: BTreeMap<String, HostView>,
    /// Method of the next migration.
    pub method: Method,
    /// The next migration waits for go before its cut.
    pub hold: bool,
    /// What migrations would do, as their hosts said last: one for each direction and method.
    pub plans: Vec<Plan>,
    /// The state of the service as last judged, and since when this console has seen it, ms since it started.
    pub service_since: Option<(ServiceState, u64)>,
    /// When a migration was first seen to wait for go, ms since the console started.
    pub ready_ms: Option<u64>,
    /// Which screen.
    pub screen: Screen,
    /// The screen to go back to from the help.
    pub before_help: Screen,
    /// The recorded run that Timing shows instead of the latest.
    pub opened: Option<Progress>,
    /// The history of runs.
    pub runs: RunList,
    /// A recorded run that is played again: the screens show it instead of the present.
    pub replay: Option<Replay>,
    /// The Pool page, and the radios that are not on the other screens; absent where no cluster file was read.
    pub pool_page: Option<Box<PoolPage<Self>>>,
    /// A question to the operator.
    pub confirm: Option<Confirm>,
    /// When it was asked or changed, or last given a key that it does not take; `None` once it takes keys.
    pub asked_ms: Option<u64>,
    /// The command line, open or not.
    pub command_line: CommandPrompt,
    /// Log, oldest first.
    pub log: VecDeque<Event>,
    /// Which of its lines are shown.
    pub log_filter: TextFilter,
    /// Times of the log are this machine's local ones, not UTC.
    pub local_time: bool,
    /// Runs whose end the log has from this console.
    pub said: VecDeque<String>,
    /// Which lines of the help are shown.
    pub help: TextFilter,
    /// The latest run that any host has reported.
    pub latest: LatestRuns,
    /// The method from before another one was only looked at.
    pub before_look: Option<Method>,
    /// The lab ends with this console.
    pub ends_lab: bool,
    /// Latest probes by sequence number.
    pub probes: BTreeMap<u64, ProbeOutcome>,
    /// The pings of the last minutes.
    pub pings: PingHistory,
    /// Orders sent and not yet answered.
    pub pending: Vec<PendingOrder>,
    /// `quit` is waiting for the answer to its `end`.
    pub leaving: bool,
    /// To be said after the terminal is restored.
    pub farewell: Vec<String>,
    /// Whether the screen must be drawn again.
    pub dirty: bool,
}

impl Model {
    /// A console that has heard nothing yet.
    pub fn new(config: Arc<Config>, skin: Skin, by: Option<String>, at: DateTime<Utc>) -> Self {
        let form = config.workload.form;
        let names = config.servers().into_iter().chain(config.roles.far_end.as_ref());
        let hosts = names.map(|name| (name.to_string(), HostView::default())).collect();
        Self {
            config,
            skin,
            keys: Keymap::default(),
            read_only: false,
            privacy: false,
            zoom: None,
            log_scroll: 0,
            frozen: None,
            by,
            now_ms: 0,
            at,
            hosts,
            method: form.default_method(),
            hold: false,
            plans: Vec::new(),
            service_since: None,
            ready_ms: None,
            screen: Screen::Operate,
            before_help: Screen::Operate,
            opened: None,
            runs: RunList::default(),
            replay: None,
            pool_page: None,
            confirm: None,
            asked_ms: None,
            command_line: CommandPrompt::of_form(form),
            log: VecDeque::new(),
            log_filter: TextFilter::default(),
            local_time: false,
            said: VecDeque::new(),
            help: TextFilter::default(),
            latest: LatestRuns::default(),
            before_look: None,
            ends_lab: false,
            probes: BTreeMap::new(),
            pings: PingHistory::default(),
            pending: Vec::new(),
            leaving: false,
            farewell: Vec::new(),
            dirty: true,
        }
    }

    /// Where keys of a place count: a replay, the Runs screen, the Pool page, anywhere.
    pub fn place(&self) -> Place {
        match (&self.replay, self.screen) {
            (Some(_), _) => Place::Replay,
            (None, Screen::Runs) => Place::Runs,
            (None, Screen::Pool) => Place::Pool,
            (None, Screen::Timing) if self.opened.is_some() => Place::Opened,
            (None, _) => Place::Anywhere,
        }
    }

    /// Applies the operator's settings.
    pub fn set(&mut self, settings: &Settings) {
        self.skin = settings.skin;
        self.keys = settings.keys.clone();
        (self.read_only, self.privacy) = (settings.read_only, settings.privacy);
        (self.local_time, self.ends_lab) = (settings.local_time, settings.ends_lab);
        (self.command_line.lang, self.command_line.read_only) = (settings.skin.lang, settings.read_only);
    }

    /// Whether this operator may use an action.
    pub fn may(&self, action: Action) -> bool {
        !(self.read_only && action.changes_hosts())
    }

    /// The form of the work, which decides by which methods it moves.
    pub fn form(&self) -> protocol::Form {
        self.config.workload.form
    }

    /// The two servers that the screen is about: initiator, destination.
    pub fn pool(&self) -> [&str; 2] {
        [&self.config.roles.initiator, &self.config.roles.destination]
    }

    /// Last snapshot of a host; none during a replay, which records no snapshots.
    pub fn telemetry(&self, host: &str) -> Option<&Telemetry> {
        self.host(host)?.telemetry.as_deref()
    }

    /// What is known of a host; nothing during a replay.
    pub fn host(&self, host: &str) -> Option<&HostView> {
        self.hosts.get(host).filter(|_| self.replay.is_none())
    }

    /// Age of the last snapshot of a host, ms.
    pub fn age_ms(&self, host: &str) -> Option<u64> {
        self.host(host)?.heard_ms.map(|heard| self.now_ms.saturating_sub(heard))
    }

    /// The age of a host's last snapshot, ms, if it is too old to describe the present.
    pub fn stale_ms(&self, host: &str) -> Option<u64> {
        let view = self.host(host)?;
        let age = self.age_ms(host)?;
        (age > STALE_MS || view.link != LinkState::Connected).then_some(age)
    }

    /// Whether a host's last snapshot describes the present.
    pub fn is_heard(&self, host: &str) -> bool {
        self.telemetry(host).is_some() && self.stale_ms(host).is_none()
    }

    /// How long ago a host's control variables were collected, ms.
    pub fn control_age_ms(&self, host: &str) -> Option<u64> {
        let collected = self.telemetry(host)?.control.age_ms?;
        Some(collected.saturating_add(self.stale_ms(host).unwrap_or(0)))
    }

    /// The radio's newest epoch and its owner, as far as any agent knows.
    pub fn ownership(&self) -> Option<(u64, &str)> {
        let known = |host: &String| {
            let telemetry = self.telemetry(host)?;
            Some((telemetry.owner_epoch?, telemetry.owner.as_deref()?))
        };
        self.hosts.keys().filter(|host| self.config.is_server(host)).filter_map(known).max()
    }

    /// Whether a host's radio port carries the address that the radio talks to.
    pub fn holds_radio(&self, host: &str) -> bool {
        if let Some(replay) = &self.replay {
            return replay.owner() == Some(host);
        }
        self.telemetry(host).is_some_and(|t| holds_radio(t, self.config.addresses.active.address()))
    }

    /// Who holds the radio, as far as the addresses tell.
    pub fn owner(&self) -> RadioOwner {
        let holders: Vec<String> = self.pool().into_iter().filter(|host| self.holds_radio(host)).map(str::to_owned).collect();
        // The report of a lost host is old: only current reports make a conflict.
        let fresh: Vec<String> = holders.iter().filter(|host| self.stale_ms(host).is_none()).cloned().collect();
        let holders = if holders.len() > 1 && !fresh.is_empty() && fresh.len() < holders.len() { fresh } else { holders };
        // One that has taken over has it alone.
        let took_over = |host: &&String| self.stale_ms(host).is_none() && self.telemetry(host).is_some_and(|t| t.serves_parked);
        let taker = holders.iter().find(took_over).cloned();
        let current = self.pool().into_iter().filter(|host| self.replay.is_none() && self.stale_ms(host).is_none());
        let seen = strangers(current.filter_map(|host| self.telemetry(host)));
        radio_owner(taker.map_or(holders, |taker| vec![taker]), &seen)
    }

    /// The run that a host reports.
    pub fn run_on(&self, host: &str) -> Option<&str> {
        self.telemetry(host)?.migration.as_ref().map(|progress| progress.run.as_str())
    }

    /// An order that was sent and has not begun, as far as its host says.
    pub fn waiting(&self) -> Option<&PendingOrder> {
        self.pending.iter().filter(|_| self.replay.is_none()).find(|p| self.run_on(&p.host) == p.previous.as_deref())
    }

    /// Whether D2D or USRP are there on a host.
    pub fn works(&self, host: &str) -> bool {
        self.telemetry(host).is_some_and(|telemetry| !processes(telemetry).is_empty())
    }

    /// The order under way, if there is one, and the host that carries it out.
    pub fn under_way(&self) -> Option<(&str, &Progress)> {
        self.progress().find(|(_, p)| !p.finished)
    }

    /// The migration under way, else the latest one while no other order has changed what it left.
    pub fn migration(&self) -> Option<(&str, &Progress)> {
        self.moving().or_else(|| self.latest.current().filter(|_| self.replay.is_none()))
    }

    /// The migration under way, else the latest one, whatever has been done since.
    pub fn latest_migration(&self) -> Option<(&str, &Progress)> {
        self.moving().or_else(|| self.latest.migration().filter(|_| self.replay.is_none()))
    }

    /// The migration under way; in a replay, the replayed run.
    fn moving(&self) -> Option<(&str, &Progress)> {
        let shown = |p: &Progress| p.order.is_migration() && (!p.finished || self.replay.is_some());
        self.progress().filter(|(_, p)| shown(p)).max_by(|a, b| a.1.run.cmp(&b.1.run))
    }

    /// What each pool server says of its last order; in a replay, the replayed run.
    fn progress(&self) -> impl Iterator<Item = (&str, &Progress)> {
        let replayed = self.replay.as_ref().map(|replay| (replay.progress().to.as_str(), replay.progress()));
        let hosts = self.hosts.iter().filter(|_| self.replay.is_none());
        let said = hosts.filter_map(|(name, view)| Some((name.as_str(), view.telemetry.as_deref()?.migration.as_ref()?)));
        replayed.into_iter().chain(said)
    }

    /// The order that a host reports as under way now, also while the screen shows a replay.
    pub fn really_under_way(&self) -> Option<&Progress> {
        self.hosts.values().filter_map(|view| view.telemetry.as_deref()?.migration.as_ref()).find(|p| !p.finished)
    }

    /// The far end's probe.
    pub fn probe(&self) -> Option<&ProbeStatus> {
        self.telemetry(self.config.roles.far_end.as_deref()?)?.probe.as_ref()
    }

    /// The notice on a screen without a log: an order that has not begun, or a complaint of the last half minute.
    pub fn notice(&self) -> Option<String> {
        if let Some(pending) = self.waiting() {
            return Some(self.skin.lang.fill("{0}{1} ordered from {2}", &[&pending.order, &"", &pending.host]));
        }
        let last = self.log.back()?;
        let fresh = (self.at - last.at).num_seconds() < NOTICE_S;
        let word = self.skin.lang.tr(if last.level == Level::Error { "ERROR: " } else { "warning: " });
        (fresh && last.level != Level::Info).then(|| format!("{word}{}", last.text))
    }

    /// MaskedNames that are hidden where names are masked.
    pub fn names(&self) -> MaskedNames {
        let said = self.hosts.values().filter_map(|view| view.telemetry.as_deref()?.migration.as_ref()?.record.as_ref());
        let opened = self.opened.as_ref().and_then(|progress| progress.record.as_ref());
        let records = said.chain(opened).chain(self.replay.as_ref().map(Replay::record)).chain(self.runs.visible());
        MaskedNames::from_operators(self.by.as_deref(), records.filter_map(|record| record.by.as_deref()))
    }
}
