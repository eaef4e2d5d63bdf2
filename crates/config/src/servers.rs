//! Which servers a radio has, and between which two an order is meant.

use std::borrow::Cow;

use crate::{Config, HostName, Roles, check};
use protocol::{ErrorCode, Failure, Order, OrderRequest};

impl Config {
    /// The servers of the radio whose work is moved: initiator, destination, and whoever may serve it besides.
    pub fn servers(&self) -> Vec<&HostName> {
        let roles = [&self.roles.initiator, &self.roles.destination];
        let others = self.host.iter().filter(|(name, host)| !roles.contains(name) && host.radio == *self.moved_radio());
        roles.into_iter().chain(others.map(|(name, _)| name)).collect()
    }

    /// Whether a host is one of them.
    pub fn is_server(&self, host: &str) -> bool {
        let Roles { initiator, destination, .. } = &self.roles;
        [initiator, destination].into_iter().any(|role| role.as_str() == host)
            || self.host.get(host).is_some_and(|host| host.radio == *self.moved_radio())
    }

    /// The cluster with these two of the radio's servers as initiator and destination.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`]: one of them does not serve the radio, or they are one.
    pub fn between(&self, [initiator, destination]: [&str; 2]) -> Result<Self, Failure> {
        let servers = self.servers();
        let find = |name: &str| {
            servers.iter().find(|server| server.as_str() == name).map(|server| (*server).clone()).ok_or_else(|| {
                let text = format!("{name} is no server of the radio {}", self.moved_radio());
                Failure::new(ErrorCode::BadRequest, text)
                    .hint(format!("its servers are {}", check::listed(servers.iter().map(|s| s.as_str()))))
            })
        };
        let (initiator, destination) = (find(initiator)?, find(destination)?);
        if initiator == destination {
            return Err(Failure::new(
                ErrorCode::BadRequest,
                format!("an order is between two servers, and {initiator} is named twice"),
            ));
        }
        Ok(Self { roles: Roles { initiator, destination, ..self.roles.clone() }, ..self.clone() })
    }

    /// What an order has to name so that its words are meant of this cluster's roles: nothing where the radio has no other servers.
    pub fn roles_to_tell(&self) -> Option<[String; 2]> {
        let Roles { initiator, destination, .. } = &self.roles;
        (self.servers().len() > 2).then(|| [initiator.to_string(), destination.to_string()])
    }

    /// The cluster as an order means it.
    ///
    /// # Errors
    /// As [`Self::between`].
    pub fn of_order(&self, request: &OrderRequest) -> Result<Cow<'_, Self>, Failure> {
        match &request.between {
            None => Ok(Cow::Borrowed(self)),
            Some([one, two]) => self.between([one, two]).map(Cow::Owned),
        }
    }

    /// From which host to which an order moves the work; orders that move nothing name one host twice.
    pub fn ends(&self, order: Order) -> (&str, &str) {
        let (one, two) = (self.roles.initiator.as_str(), self.roles.destination.as_str());
        match order {
            Order::DS | Order::KL => (one, one),
            Order::M => (one, two),
            Order::MB => (two, one),
            Order::DSR | Order::KR => (two, two),
        }
    }

    /// The host whose agent carries an order out: the one that the work goes to (it pulls the work to itself).
    pub fn executor(&self, order: Order) -> &str {
        self.ends(order).1
    }
}
