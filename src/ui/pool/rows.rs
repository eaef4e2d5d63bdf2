//! The radios as the page lists them: what each server is to each radio, and the verdict.

use super::{PoolPage, PoolSort};
use crate::migration::service::{Service, ServiceState};
use crate::migration::standing::processes;
use crate::ui::model::Model;
use crate::ui::service;
use config::RadioName;
use output::natural_order;
use protocol::{Order, OrderStage, StandbyState};

/// What a server is to a radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It serves.
    Serves,
    /// It is about to.
    Starts,
    /// It has the work, and nobody is served.
    Down,
    /// It has the work; whether anybody is served is not known.
    Unsure,
    /// It has the work, and is not heard.
    Lost,
    /// It follows as an armed standby.
    Follows,
    /// It is to follow, and does not yet.
    NotArmed,
    /// The work is on its way there.
    Arrives,
    /// It is ready to take the work over, and waits for go.
    Ready,
    /// Something of the work is left there.
    Left,
    /// Nothing of the work is there.
    Parked,
    /// It is not heard.
    Silent,
    /// It may not serve the radio.
    None,
}

impl Part {
    /// In one word, which tells the same without colours.
    pub fn word(self) -> &'static str {
        match self {
            Self::Serves => "SERVES",
            Self::Starts => "STARTS",
            Self::Down => "DOWN",
            Self::Unsure => "SERVES ?",
            Self::Lost => "SILENT",
            Self::Follows => "follows",
            Self::NotArmed => "waits",
            Self::Arrives => "ARRIVES",
            Self::Ready => "READY",
            Self::Left => "left over",
            Self::Parked => "parked",
            Self::Silent => "silent",
            Self::None => "-",
        }
    }
}

/// A radio, and the verdict on it.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its name.
    pub name: &'a RadioName,
    /// Its own state.
    pub model: &'a Model,
    /// The verdict; none before anything was heard.
    pub service: Option<Service>,
}

impl<'a> Row<'a> {
    fn of(name: &'a RadioName, model: &'a Model) -> Self {
        Self { name, model, service: service::verdict(model) }
    }

    /// The word of the verdict.
    pub fn state(&self) -> ServiceState {
        self.service.as_ref().map_or(ServiceState::Unknown, |service| service.state)
    }

    /// Who has the work, or had it last.
    pub fn host(&self) -> Option<&str> {
        self.service.as_ref()?.host.as_deref()
    }

    /// Whether an order under way brings its work to that server.
    pub fn comes_to(&self, server: &str) -> bool {
        let orders = self.model.config.servers().into_iter().filter_map(|host| self.model.telemetry(host)?.migration.as_ref());
        orders.filter(|order| !order.finished && !matches!(order.order, Order::KL | Order::KR)).any(|order| order.to == server)
    }

    /// What a server is to it.
    pub fn part(&self, server: &str) -> Part {
        let model = self.model;
        if !model.config.is_server(server) {
            return Part::None;
        }
        let heard = model.is_heard(server);
        if self.host() == Some(server) {
            return match self.state() {
                _ if !heard => Part::Lost,
                ServiceState::Serving => Part::Serves,
                ServiceState::Starting => Part::Starts,
                ServiceState::Down => Part::Down,
                ServiceState::Unknown => Part::Unsure,
            };
        }
        let arriving = model.under_way().filter(|(_, progress)| progress.order.is_migration() && progress.to == server);
        if let Some((_, progress)) = arriving {
            return if progress.stage == OrderStage::Ready { Part::Ready } else { Part::Arrives };
        }
        let Some(telemetry) = model.telemetry(server).filter(|_| heard) else { return Part::Silent };
        match &telemetry.standby {
            Some(standby) if standby.follows.is_some_and(|follows| follows.state == StandbyState::Armed) => Part::Follows,
            Some(_) => Part::NotArmed,
            None if processes(telemetry).is_empty() => Part::Parked,
            None => Part::Left,
        }
    }

    /// Whether the filter lets it through: its name, who serves it, and the word of the verdict.
    fn passes(&self, page: &PoolPage<Model>) -> bool {
        if page.filter.is_empty() {
            return true;
        }
        let lang = self.model.skin.lang;
        let word = self.state().word();
        page.filter.admits(&format!("{} {} {word} {}", self.name, self.host().unwrap_or_default(), lang.tr(word)))
    }
}

/// What comes first where the worst does.
fn badness(state: ServiceState) -> u8 {
    match state {
        ServiceState::Down => 0,
        ServiceState::Unknown => 1,
        ServiceState::Starting => 2,
        ServiceState::Serving => 3,
    }
}

/// Every radio, whatever is listed, by name.
pub fn all(model: &Model) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = model.radios().into_iter().map(|(name, model)| Row::of(name, model)).collect();
    rows.sort_by(|a, b| natural_order(a.name, b.name));
    rows
}

/// The radios that are listed, in their order.
pub fn rows(model: &Model) -> Vec<Row<'_>> {
    let Some(page) = &model.pool_page else { return Vec::new() };
    let mut rows = all(model);
    rows.retain(|row| row.passes(page));
    // Stable, and the rows are sorted by name.
    match page.sort {
        PoolSort::Name => {}
        PoolSort::Service => rows.sort_by_key(|row| badness(row.state())),
        PoolSort::Server => rows.sort_by(|a, b| natural_order(a.host().unwrap_or_default(), b.host().unwrap_or_default())),
    }
    if page.reverse {
        rows.reverse();
    }
    rows
}
