//! What all agents of a pool say, radio by radio.

use super::amounts::{Load, amount, server_load, work_load};
use crate::migration::service::{SeenHost, Service, ServiceState, judge};
use config::{Config, HostName, PoolRadio, RadioName, RadioViews};
use placement::{Pool, Preference, Preferred, Radio, Server};
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

    fn to_place(&self, views: &RadioViews, by_load: bool) -> Result<Radio, Failure> {
        let host = |name: &str| self.view.servers().into_iter().find(|server| server.as_str() == name).cloned();
        let member = views.member(self.name);
        let need =
            (member.and_then(|member| member.need_cores).unwrap_or(UNKNOWN_NEED), member.and_then(|member| member.need_link));
        let load = self.load().filter(|_| by_load).map(|cores| amount(cores, need.1)).transpose()?;
        let standby = self.view.standby.policy == config::StandbyPolicy::Armed;
        let plain = Radio {
            name: self.name.clone(),
            need: amount(need.0, need.1)?,
            measured: load,
            servers: self.view.servers().into_iter().cloned().collect(),
            forbidden: Default::default(),
            apart: Default::default(),
            prefer: Vec::new(),
            served_by: self.had_by().and_then(host),
            standby_at: self.standby().and_then(host),
            priority: 0,
            wants_standby: standby,
            moves_left: None,
        };
        let Some(member) = member else { return Ok(plain) };
        let forbidden = member.forbid.iter().flat_map(|named| views.meant(named)).cloned().collect();
        let apart = member.apart.iter().cloned().collect();
        Ok(Radio { forbidden, apart, prefer: preferences(views, member), priority: member.priority, ..plain })
    }

    /// What its processes use on the server that serves it, cores, as measured.
    fn load(&self) -> Option<f64> {
        let host = self.served_by()?;
        self.heard().find(|status| status.host == host).and_then(work_load)
    }

    /// What its processes use on a server, cores; nothing where that is not known.
    fn load_at(&self, server: &str) -> f64 {
        self.heard().find(|status| status.host == server).and_then(work_load).unwrap_or(0.0)
    }
}

/// What a radio prefers, one more than all behind it together.
fn preferences(views: &RadioViews, member: &PoolRadio) -> Vec<Preference> {
    let ranked = member.prefer.iter().zip((0..member.prefer.len()).rev()).map(|(named, behind)| {
        let server = views.servers().get_key_value(named.as_str()).map(|(server, _)| Preferred::Server(server.clone()));
        // The file allows 16 of them.
        Preference { preferred: server.unwrap_or_else(|| Preferred::Label(named.clone())), weight: 1 << behind.min(31) }
    });
    ranked.collect()
}

impl Seen<'_> {
    /// Whether the server's agent answers for any radio.
    pub fn is_heard(&self, server: &str) -> bool {
        self.0.iter().flat_map(SeenRadio::heard).any(|status| status.host == server)
    }

    /// What is to be placed; with `by_load` what is measured counts beside what the file says: cores and links in use, by radios and by all else.
    ///
    /// # Errors
    /// [`ErrorCode::Unreachable`]: no server answers, so that nothing is known. [`ErrorCode::Config`]: the cluster file's figures do not fit together.
    pub fn pool(&self, views: &RadioViews, by_load: bool) -> Result<Pool, Failure> {
        if self.0.iter().all(|radio| radio.heard().next().is_none()) {
            return Err(Failure::new(ErrorCode::Unreachable, "no server of the pool answers: what it serves is not known")
                .hint("look at the management network, and at whether the agents run"));
        }
        let radios: Result<Vec<Radio>, Failure> = self.0.iter().map(|radio| radio.to_place(views, by_load)).collect();
        let servers: Result<Vec<Server>, Failure> = views.servers().keys().map(|name| self.server(views, name, by_load)).collect();
        Pool::new(servers?, radios?).map_err(|refusal| Failure::new(ErrorCode::Config, refusal.to_string()))
    }

    fn server(&self, views: &RadioViews, name: &HostName, by_load: bool) -> Result<Server, Failure> {
        let statuses: Vec<&Telemetry> =
            self.0.iter().flat_map(SeenRadio::heard).filter(|status| status.host == name.as_str()).collect();
        let told = views.servers().get(name);
        let load = statuses.iter().max_by_key(|status| status.at).map(|status| &status.load);
        let machine = load.map(|load| load.cores as f64).filter(|cores| *cores > 0.0);
        let (cores, link) = (told.and_then(|server| server.cores), told.and_then(|server| server.link));
        let capacity = cores.or(machine).unwrap_or(UNKNOWN_CAPACITY);
        let radios = self.0.iter().map(|radio| radio.load_at(name)).sum();
        let measured = load.filter(|_| by_load && machine.is_some()).map(|load| server_load(load, Load { radios, capacity, link }));
        Ok(Server {
            name: name.clone(),
            capacity: amount(capacity, link)?,
            labels: told.map(|server| server.labels.iter().cloned().collect()).unwrap_or_default(),
            drained: statuses.iter().any(|status| status.drained),
            lost: statuses.is_empty(),
            measured: measured.transpose()?,
        })
    }
}
