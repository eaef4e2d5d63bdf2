//! The one table of actions: keys, footer, help and command line are made from it.

use super::place::{Place, Screen};
use protocol::Order;

/// What the operator can have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// One of the orders.
    Order(Order),
    /// Take the work over from the server that had it and no longer answers.
    Failover,
    /// Bring the service back, whatever is left of the work.
    Recover,
    /// Have the server that does not serve follow the other one, and take over when that dies.
    Arm,
    /// Have it follow no longer.
    Disarm,
    /// Stop the destination's controller.
    End,
    /// The other method of migration.
    Method,
    /// Whether the next migration waits for `go` before its cut.
    Hold,
    /// Go on with the migration that waits for it.
    Go,
    /// Give up the migration under way, before its cut.
    Cancel,
    /// What stands for and against a migration now.
    Check,
    /// What a migration would do, and how long that is expected to take.
    Plan,
    /// Time between the far end's pings.
    Interval,
    /// Write the picture of the screen to a file.
    Export,
    /// Copy something to the terminal's clipboard.
    Copy,
    /// Show a screen.
    Show(Screen),
    /// Show the next screen.
    NextScreen,
    /// On the Runs screen, or in a replay.
    Runs(RunsAction),
    /// With the whole pool.
    Pool(PoolAction),
    /// One panel as large as the screen.
    Zoom,
    /// The screen stands still, the data goes on behind it.
    Freeze,
    /// Mask addresses and names of people.
    Privacy,
    /// Open the command line.
    CommandLine,
    /// On Operate: type a filter for the log.
    FilterLog,
    /// Show or hide the help.
    Help,
    /// Leave this console, and nothing else.
    Leave,
    /// `end`, then leave.
    Quit,
}

/// What can be done with runs; keys in the table of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsAction {
    /// Type a filter.
    Filter,
    /// Sort by the column on the right of the present one.
    SortRight,
    /// Sort by the column on the left.
    SortLeft,
    /// Reverse the order.
    Invert,
    /// Mark the run, or unmark it.
    Mark,
    /// Show or hide the comparison.
    Compare,
    /// What makes a group of the comparison.
    Group,
    /// Read the records again.
    Reload,
    /// Play the run again.
    Replay,
    /// Stop the replay's clock, or continue.
    Pause,
    /// Faster.
    Faster,
    /// Slower.
    Slower,
}

/// What can be done with the whole pool; the orders for one radio have their own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolAction {
    /// Take everything off a server.
    Drain,
    /// Let it take on work again.
    Undrain,
    /// Spread the radios over the servers.
    Rebalance,
    /// Leave as many servers with nothing to do as can be.
    Consolidate,
}

impl RunsAction {
    /// Whether it belongs to a replay, not to the list.
    pub fn is_for_replay(self) -> bool {
        matches!(self, Self::Pause | Self::Faster | Self::Slower)
    }

    /// Whether it arranges a list, which the Pool page has as well.
    pub fn arranges(self) -> bool {
        matches!(self, Self::Filter | Self::SortLeft | Self::SortRight | Self::Invert)
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Entry {
    /// What it does.
    pub action: Action,
    /// Keys; the first is the one that the footer shows. None where it is only typed.
    pub keys: &'static [char],
    /// What may be typed at `:`, in any case; the first is the name. None where there is only a key.
    pub names: &'static [&'static str],
    /// What the settings file calls it, and the footer where it has no verb of its own.
    pub label: &'static str,
    /// Purpose about first, once: it stops or moves a service.
    pub dangerous: bool,
}

/// Every action, in the order of the footer and the help.
pub const TABLE: &[Entry] = &[
    Entry { action: Action::Order(Order::DS), keys: &['s'], names: &["DS", "start"], label: "DS", dangerous: false },
    Entry { action: Action::Order(Order::KL), keys: &['k'], names: &["KL"], label: "KL", dangerous: true },
    Entry {
        action: Action::Order(Order::M),
        keys: &['m'],
        names: &["M", "Migration", "migrate", "move"],
        label: "M",
        dangerous: true,
    },
    Entry { action: Action::Order(Order::MB), keys: &['b'], names: &["MB", "back"], label: "MB", dangerous: true },
    Entry { action: Action::Order(Order::DSR), keys: &['S'], names: &["DSR"], label: "DSR", dangerous: false },
    Entry { action: Action::Order(Order::KR), keys: &['K'], names: &["KR"], label: "KR", dangerous: true },
    Entry { action: Action::Failover, keys: &['F'], names: &["failover"], label: "failover", dangerous: true },
    Entry { action: Action::Recover, keys: &['R'], names: &["recover"], label: "recover", dangerous: true },
    Entry { action: Action::Arm, keys: &['A'], names: &["arm"], label: "arm", dangerous: false },
    Entry { action: Action::Disarm, keys: &['D'], names: &["disarm"], label: "disarm", dangerous: false },
    Entry { action: Action::End, keys: &['E'], names: &["end"], label: "end", dangerous: true },
    Entry { action: Action::Go, keys: &['g'], names: &["go"], label: "go", dangerous: false },
    Entry { action: Action::Cancel, keys: &['a'], names: &["cancel"], label: "cancel", dangerous: false },
    Entry { action: Action::Method, keys: &['c'], names: &["method"], label: "method", dangerous: false },
    Entry { action: Action::Hold, keys: &['w'], names: &["hold"], label: "hold", dangerous: false },
    Entry { action: Action::Check, keys: &['v'], names: &["check"], label: "check", dangerous: false },
    Entry { action: Action::Plan, keys: &['p'], names: &["plan"], label: "plan", dangerous: false },
    Entry { action: Action::Interval, keys: &['i'], names: &["interval"], label: "interval", dangerous: false },
    Entry { action: Action::Export, keys: &['e'], names: &["export"], label: "export", dangerous: false },
    Entry { action: Action::Copy, keys: &['y'], names: &["copy"], label: "copy", dangerous: false },
    Entry { action: Action::Show(Screen::Operate), keys: &['o'], names: &["operate"], label: "operate", dangerous: false },
    Entry { action: Action::Show(Screen::Timing), keys: &['t'], names: &["timing"], label: "timing", dangerous: false },
    Entry { action: Action::Show(Screen::Runs), keys: &['r'], names: &["runs", "records"], label: "runs", dangerous: false },
    Entry { action: Action::Show(Screen::Pool), keys: &['P'], names: &["pool"], label: "pool", dangerous: false },
    Entry { action: Action::Pool(PoolAction::Drain), keys: &['d'], names: &["drain"], label: "drain", dangerous: true },
    Entry { action: Action::Pool(PoolAction::Undrain), keys: &['u'], names: &["undrain"], label: "undrain", dangerous: true },
    Entry { action: Action::Pool(PoolAction::Rebalance), keys: &['B'], names: &["rebalance"], label: "rebalance", dangerous: true },
    Entry {
        action: Action::Pool(PoolAction::Consolidate),
        keys: &['C'],
        names: &["consolidate"],
        label: "consolidate",
        dangerous: true,
    },
    Entry { action: Action::NextScreen, keys: &['\t'], names: &[], label: "next", dangerous: false },
    Entry { action: Action::Zoom, keys: &['z'], names: &["enlarge", "zoom"], label: "enlarge", dangerous: false },
    Entry { action: Action::Freeze, keys: &['f'], names: &["freeze"], label: "freeze", dangerous: false },
    Entry { action: Action::Privacy, keys: &['x'], names: &["mask"], label: "mask", dangerous: false },
    Entry { action: Action::CommandLine, keys: &[':'], names: &[], label: "command", dangerous: false },
    Entry { action: Action::FilterLog, keys: &['/'], names: &["log"], label: "filter log", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Filter), keys: &['/'], names: &[], label: "filter", dangerous: false },
    Entry { action: Action::Runs(RunsAction::SortLeft), keys: &['<'], names: &[], label: "sort back", dangerous: false },
    Entry { action: Action::Runs(RunsAction::SortRight), keys: &['>'], names: &[], label: "sort", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Invert), keys: &['i'], names: &[], label: "invert", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Mark), keys: &[' '], names: &[], label: "mark", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Compare), keys: &['v'], names: &[], label: "compare", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Group), keys: &['g'], names: &[], label: "group", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Reload), keys: &['u'], names: &[], label: "reload", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Replay), keys: &['p'], names: &[], label: "play", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Pause), keys: &[' '], names: &[], label: "pause", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Faster), keys: &['+'], names: &[], label: "faster", dangerous: false },
    Entry { action: Action::Runs(RunsAction::Slower), keys: &['-'], names: &[], label: "slower", dangerous: false },
    Entry { action: Action::Help, keys: &['h', '?'], names: &["h", "help", "keys"], label: "help", dangerous: false },
    Entry { action: Action::Leave, keys: &['q'], names: &["leave"], label: "leave", dangerous: true },
    Entry { action: Action::Quit, keys: &[], names: &["q", "quit"], label: "quit", dangerous: true },
];

/// A key as it is written: Tab and Space by their names.
pub fn key_name(key: char) -> String {
    match key {
        '\t' => "Tab".into(),
        ' ' => "Space".into(),
        key => key.to_string(),
    }
}

impl Action {
    /// Whether its key counts in a place; an action without a place counts everywhere.
    pub fn counts_in(self, place: Place) -> bool {
        match self {
            Self::Runs(RunsAction::Replay) => matches!(place, Place::Runs | Place::Opened),
            Self::Runs(action) if action.is_for_replay() => place == Place::Replay,
            Self::Runs(action) if action.arranges() => matches!(place, Place::Runs | Place::Pool),
            Self::Runs(_) => place == Place::Runs,
            Self::Pool(_) => place == Place::Pool,
            _ if place == Place::Pool && self.changes_hosts() => self.is_of_one_radio(),
            // What moves work is ordered where the work is seen.
            _ if self.changes_hosts() => place != Place::Runs,
            Self::Check | Self::Plan | Self::FilterLog => place == Place::Anywhere,
            _ => true,
        }
    }

    /// Whether it is ordered on the Pool page as well, for the radio under the cursor: there a radio has no first and second server.
    fn is_of_one_radio(self) -> bool {
        let order = matches!(self, Self::Order(Order::DS | Order::M | Order::KL) | Self::Failover | Self::Recover);
        order || matches!(self, Self::Go | Self::Cancel | Self::Method | Self::Hold)
    }

    /// Whether it changes something on a host, or prepares such a change: a console that only reads does not have it.
    pub fn changes_hosts(self) -> bool {
        let prepares = matches!(self, Self::Go | Self::Cancel | Self::Method | Self::Hold | Self::Interval);
        prepares
            || matches!(
                self,
                Self::Order(_) | Self::Failover | Self::Recover | Self::Arm | Self::Disarm | Self::End | Self::Pool(_)
            )
    }
}

/// The action of a typed command.
pub fn by_name(text: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.names.iter().any(|name| name.eq_ignore_ascii_case(text)))
}

/// The entry of an action.
pub fn entry(action: Action) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.action == action)
}

/// Every name that may be typed.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|entry| entry.names.iter().copied())
}

/// The names nearest to a mistyped one, best first, at most three.
pub fn near_misses(text: &str) -> Vec<&'static str> {
    nearest(text, names())
}

/// The words nearest to a mistyped one, best first, at most three.
pub fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = text.to_ascii_lowercase();
    // With half the letters wrong it is no longer a typing error.
    let limit = (wanted.chars().count() / 2).max(1);
    let mut ranked: Vec<(usize, &str)> = words
        .map(|word| (strsim::damerau_levenshtein(&wanted, &word.to_ascii_lowercase()), word))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    ranked.sort_by_key(|(distance, word)| (*distance, word.len()));
    ranked.into_iter().map(|(_, word)| word).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec.md, section 3.
    const SPEC: [&str; 12] = ["DS", "KL", "M", "Migration", "MB", "DSR", "KR", "end", "h", "help", "q", "quit"];

    #[test]
    fn the_command_line_knows_the_names_of_the_specification_and_ours() {
        let ours = [
            "failover",
            "recover",
            "arm",
            "disarm",
            "go",
            "cancel",
            "method",
            "hold",
            "check",
            "plan",
            "interval",
            "copy",
            "export",
            "log",
            "leave",
            "drain",
            "undrain",
            "rebalance",
            "consolidate",
        ];
        let screens = ["pool", "operate", "timing", "runs", "enlarge", "freeze", "mask"];
        let aliases = ["start", "migrate", "move", "back", "records", "zoom", "keys"];
        let ours: Vec<&str> = ours.into_iter().chain(screens).chain(aliases).collect();
        let mut known: Vec<&str> = names().collect();
        let mut spec: Vec<&str> = SPEC.into_iter().chain(ours).collect();
        known.sort_unstable();
        spec.sort_unstable();
        assert_eq!(known, spec);
        for name in SPEC {
            assert!(by_name(&name.to_uppercase()).is_some() && by_name(&name.to_lowercase()).is_some(), "{name}");
        }
    }

    #[test]
    fn every_action_has_a_key_of_its_own() {
        for place in Place::ALL {
            let here = TABLE.iter().filter(|e| e.action.counts_in(place));
            let mut keys: Vec<char> = here.flat_map(|e| e.keys.iter().copied()).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), all, "{place:?}");
        }
        // What stops a service beside leaving is typed, or chosen in a question.
        assert!(TABLE.iter().all(|e| (!e.keys.is_empty() || e.action == Action::Quit) && entry(e.action).is_some()));
        // The settings file calls an action by its label.
        let labels: std::collections::BTreeSet<&str> = TABLE.iter().map(|e| e.label).collect();
        assert_eq!(labels.len(), TABLE.len());
    }

    #[test]
    fn the_manual_knows_every_key_and_name() {
        let manual = include_str!("../../docs/console.md");
        for entry in TABLE {
            let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{}`", key_name(*key))).collect();
            let names: Vec<String> = entry.names.iter().map(|name| format!("`{name}`")).collect();
            let row = format!("| {} | {}", keys.join(", "), names.join(", ")).replace("|  |", "| |");
            assert!(manual.contains(row.trim_end()), "docs/console.md has no row \"{row}\"");
        }
    }

    #[test]
    fn slips_of_the_finger_find_their_command() {
        for (typed, first) in [
            ("migratoin", "Migration"),
            ("migrtae", "migrate"),
            ("timng", "timing"),
            ("hlep", "help"),
            ("DSL", "DS"),
            ("ned", "end"),
            ("qiut", "quit"),
        ] {
            assert_eq!(near_misses(typed).first(), Some(&first), "{typed}");
        }
        assert!(near_misses("restart everything").is_empty());
    }
}
