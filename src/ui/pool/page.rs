//! The state of the Pool page. What a radio's own state is, it need not know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::pool::Course;
use crate::ui::filters::TextFilter;
use config::{HostName, RadioName, RadioViews};
use output::natural_order;
use placement::{Goal, Plan};

/// What the radios are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolSort {
    /// Their names.
    #[default]
    Name,
    /// What is worst first.
    Service,
    /// Who serves them.
    Server,
}

impl PoolSort {
    const ALL: [Self; 3] = [Self::Name, Self::Service, Self::Server];

    /// The one so many places further on; the first follows the last.
    pub fn step(self, places: isize) -> Self {
        let here = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0) as isize;
        Self::ALL[(here + places).rem_euclid(Self::ALL.len() as isize) as usize]
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "by name",
            Self::Service => "by service",
            Self::Server => "by server",
        }
    }
}

/// What is done with the whole pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Take everything off a server.
    Drain(HostName),
    /// Let it take on work again.
    Undrain(HostName),
    /// Serve elsewhere what a server had that is not heard any more.
    Failover(HostName),
    /// Spread the radios.
    Rebalance,
    /// Leave servers with nothing to do.
    Consolidate,
}

impl Errand {
    /// What is to be reached; nothing moves for an undrain.
    pub fn goal(&self) -> Option<Goal> {
        match self {
            Self::Drain(server) => Some(Goal::Drain { server: server.clone(), beyond_budget: true }),
            Self::Failover(server) => Some(Goal::Lose { server: server.clone(), beyond_budget: false }),
            Self::Rebalance => Some(Goal::Rebalance),
            Self::Consolidate => Some(Goal::Consolidate),
            Self::Undrain(_) => None,
        }
    }

    /// The server that is told whether it takes on work, and what.
    pub fn marks(&self) -> Option<(&HostName, bool)> {
        match self {
            Self::Drain(server) => Some((server, true)),
            Self::Undrain(server) => Some((server, false)),
            _ => None,
        }
    }
}

/// Where a radio's work is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choose {
    /// Nobody serves it: the work starts there.
    pub starts: bool,
    /// The server under the cursor, by its place in the list.
    pub row: usize,
}

/// A plan, before it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What for.
    pub errand: Errand,
    /// What would change; none where nothing moves by it.
    pub plan: Option<Plan>,
    /// The pool has changed since it was first shown.
    pub anew: bool,
    /// First line of the plan that is shown.
    pub scroll: usize,
}

/// What is asked over the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialog {
    /// A server for the radio under the cursor.
    Choose(Choose),
    /// Whether to carry a plan out.
    Ask(Ask),
}

/// What is carried out, or was last.
#[derive(Debug, Clone)]
pub struct Running {
    /// What for.
    pub errand: Errand,
    /// What has been done of its plan, where it has one.
    pub course: Option<Course>,
    /// Radios for which the server has not yet said that it takes on work no longer, or again.
    pub marking: BTreeSet<RadioName>,
    /// Why it did not take that order: nothing moves then.
    pub refused: Option<String>,
    /// When it began, ms since the console started.
    pub since_ms: u64,
    /// When it was over.
    pub over_ms: Option<u64>,
}

/// Who would not be served if a server were lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headroom {
    /// The server.
    pub server: HostName,
    /// The radios.
    pub without: BTreeSet<RadioName>,
    /// When it was looked at, ms since the console started.
    pub at_ms: u64,
}

/// State of the page; `M` is that of a radio.
#[derive(Debug, Clone)]
pub struct PoolPage<M> {
    /// The cluster file.
    pub views: Arc<RadioViews>,
    /// The radios that are not on the other screens.
    pub others: BTreeMap<RadioName, M>,
    /// The server under the cursor, by its place among all.
    pub server: usize,
    /// What the radios are sorted by.
    pub sort: PoolSort,
    /// The other way round.
    pub reverse: bool,
    /// Which of them are listed.
    pub filter: TextFilter,
    /// What is asked.
    pub dialog: Option<Dialog>,
    /// What is carried out.
    pub running: Option<Running>,
    /// Of the server that was under the cursor when it was last looked at.
    pub headroom: Option<Headroom>,
}

impl<M> PoolPage<M> {
    /// A page of which nothing is known yet but the cluster file.
    pub fn new(views: Arc<RadioViews>, others: BTreeMap<RadioName, M>) -> Self {
        Self {
            views,
            others,
            server: 0,
            sort: PoolSort::default(),
            reverse: false,
            filter: TextFilter::default(),
            dialog: None,
            running: None,
            headroom: None,
        }
    }

    /// The servers in the order of the columns.
    pub fn servers(&self) -> Vec<&HostName> {
        let mut servers: Vec<&HostName> = self.views.servers().keys().collect();
        servers.sort_by(|a, b| natural_order(a, b));
        servers
    }

    /// The server under the cursor.
    pub fn selected_server(&self) -> Option<&HostName> {
        self.servers().get(self.server).copied()
    }

    /// The radios that would not be served if the server under the cursor were lost, as far as that is known.
    pub fn unserved_without(&self) -> Option<&BTreeSet<RadioName>> {
        let known = self.headroom.as_ref().filter(|headroom| Some(&headroom.server) == self.selected_server());
        known.map(|headroom| &headroom.without).filter(|without| !without.is_empty())
    }

    /// Moves the cursor among the servers.
    pub fn move_server(&mut self, places: isize) {
        let last = self.views.servers().len().saturating_sub(1);
        self.server = self.server.saturating_add_signed(places).min(last);
    }

    /// Something is carried out now.
    pub fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.over_ms.is_none())
    }
}
