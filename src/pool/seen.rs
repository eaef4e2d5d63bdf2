//! What all agents of a pool say, radio by radio.

use crate::migration::service::{SeenHost, Service, ServiceState, judge};
use config::{Config, HostName, RadioName, RadioViews};
use placement::{Amount, Cores, Pool, Radio, Server};
use protocol::{ErrorCode, Failure, Order, StandbyState, Telemetry};

/// What an agent said, or why it did not.
pub type Answer = (String, Result<Telemetry, Failure>);

/// A radio, the verdict on it, and who has answered.
#[derive(Debug)]
pub struct SeenRadio<'a> {
    /// Its name.
    pub name: &'a RadioName,
    /// The cluster as it sees it.
    pub view: &'a Config,
    /// What each of its hosts said.
    pub answers: Vec<Answer>,
    /// Whether it is served.
    pub service: Service,
}

/// What a radio takes of which the cluster file says nothing, cores: any server has room for it, and the number of radios decides.
const UNKNOWN_NEED: f64 = 0.001;
/// What a server has of which neither the file nor its agent says anything, cores.
const UNKNOWN_CAPACITY: f64 = 1.0;

/// The pool at a time.
#[derive(Debug)]
pub struct Seen<'a>(pub Vec<SeenRadio<'a>>);

impl<'a> SeenRadio<'a> {
    /// A radio whose hosts have said this.
    pub fn of(name: &'a RadioName, view: &'a Config, answers: Vec<Answer>) -> Self {
        let seen: Vec<SeenHost<'_>> =
            answers.iter().map(|(name, answer)| SeenHost { name, status: answer.as_ref().ok(), heard: answer.is_ok() }).collect();
        let service = judge(view, &seen);
        Self { name, view, answers, service }
    }
}

impl SeenRadio<'_> {
    /// The servers that have answered.
    pub fn heard(&self) -> impl Iterator<Item = &Telemetry> {
        let servers = self.answers.iter().filter(|(host, _)| self.view.is_server(host));
        servers.filter_map(|(_, answer)| answer.as_ref().ok())
    }

    /// Whether an order under way brings its work to that server.
    pub fn comes_to(&self, server: &str) -> bool {
        let orders = self.heard().filter_map(|status| status.migration.as_ref());
        orders.filter(|order| !order.finished).any(|order| order.to == server && !matches!(order.order, Order::KL | Order::KR))
    }

    /// The armed standby.
    pub fn standby(&self) -> Option<&str> {
        let follows = |status: &&Telemetry| status.standby.as_ref().and_then(|standby| standby.follows);
        let armed = |status: &&Telemetry| follows(status).is_some_and(|follows| follows.state == StandbyState::Armed);
        self.heard().find(armed).map(|status| status.host.as_str())
    }

    /// Who serves, or is about to.
    fn served_by(&self) -> Option<&str> {
        let Service { state, host, .. } = &self.service;
        host.as_deref().filter(|_| matches!(state, ServiceState::Serving | ServiceState::Starting))
    }

    /// The same; where that server does not answer, whoever had it last.
    fn had_by(&self) -> Option<&str> {
        let owners = self.heard().filter_map(|status| Some((status.owner_epoch?, status.owner.as_deref()?)));
        let is_lost = |host: &&str| !self.heard().any(|status| status.host == **host);
        self.served_by().or_else(|| owners.max().map(|(_, owner)| owner).filter(is_lost))
    }

    fn to_place(&self, cores: Option<f64>) -> Result<Radio, Failure> {
        let host = |name: &str| self.view.servers().into_iter().find(|server| server.as_str() == name).cloned();
        Ok(Radio {
            name: self.name.clone(),
            need: Amount { cores: cores_of(cores.unwrap_or(UNKNOWN_NEED))?, ..Amount::default() },
            measured: None,
            servers: self.view.servers().into_iter().cloned().collect(),
            forbidden: Default::default(),
            apart: Default::default(),
            prefer: Vec::new(),
            served_by: self.had_by().and_then(host),
            standby_at: self.standby().and_then(host),
            priority: 0,
            wants_standby: self.view.standby.policy == config::StandbyPolicy::Armed,
            moves_left: None,
        })
    }
}

impl Seen<'_> {
    /// Whether the server's agent answers for any radio.
    pub fn is_heard(&self, server: &str) -> bool {
        self.0.iter().flat_map(SeenRadio::heard).any(|status| status.host == server)
    }

    /// What is to be placed.
    ///
    /// # Errors
    /// [`ErrorCode::Unreachable`]: no server answers, so that nothing is known. [`ErrorCode::Config`]: the cluster file's figures do not fit together.
    pub fn pool(&self, views: &RadioViews) -> Result<Pool, Failure> {
        if self.0.iter().all(|radio| radio.heard().next().is_none()) {
            return Err(Failure::new(ErrorCode::Unreachable, "no server of the pool answers: what it serves is not known")
                .hint("look at the management network, and at whether the agents run"));
        }
        let radios: Result<Vec<Radio>, Failure> = self.0.iter().map(|radio| radio.to_place(views.need_of(radio.name))).collect();
        let servers: Result<Vec<Server>, Failure> = views.servers().keys().map(|name| self.server(views, name)).collect();
        Pool::new(servers?, radios?).map_err(|refusal| Failure::new(ErrorCode::Config, refusal.to_string()))
    }

    fn server(&self, views: &RadioViews, name: &HostName) -> Result<Server, Failure> {
        let statuses: Vec<&Telemetry> =
            self.0.iter().flat_map(SeenRadio::heard).filter(|status| status.host == name.as_str()).collect();
        let told = views.servers().get(name).and_then(|server| server.cores);
        let measured = statuses.first().map(|status| status.load.cores as f64).filter(|cores| *cores > 0.0);
        Ok(Server {
            name: name.clone(),
            capacity: Amount { cores: cores_of(told.or(measured).unwrap_or(UNKNOWN_CAPACITY))?, ..Amount::default() },
            labels: Default::default(),
            drained: statuses.iter().any(|status| status.drained),
            lost: statuses.is_empty(),
            measured: None,
        })
    }
}

fn cores_of(cores: f64) -> Result<Cores, Failure> {
    Cores::try_from(cores).map_err(|bad| Failure::new(ErrorCode::Config, bad.to_string()))
}
