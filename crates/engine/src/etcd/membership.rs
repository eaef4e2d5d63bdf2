//! The members of etcd themselves, for whoever sets them up: who they are, one more, one less.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::EtcdSettings;
use super::gateway;
use super::member::{EtcdMember, MemberId};
use super::members::{Members, Read, Said};
use crate::access::Timing;
use crate::error::Error;
use crate::key_value::{NoAnswer, Op, Txn};
use crate::layout::IDENTITY;

/// Changes who is a member. It knows nothing of radios.
#[derive(Debug, Clone)]
pub struct EtcdMembership {
    members: Members,
    settings: EtcdSettings,
}

impl EtcdMembership {
    /// By these endpoints. Nothing is connected before the first call; it needs a tokio runtime then.
    pub fn new(settings: EtcdSettings) -> Self {
        let EtcdSettings { endpoints, security, attempt, .. } = settings.clone();
        let connector = security.map(|security| security.connector);
        Self { members: Members::new(endpoints, connector.as_ref(), attempt), settings }
    }

    /// The same by one endpoint alone, each call for so long: what that one knows, and whether it follows the quorum.
    pub fn at(&self, endpoint: SocketAddr, deadline: Duration) -> Self {
        let timing = Timing { deadline, ..self.settings.timing };
        Self::new(EtcdSettings { endpoints: vec![endpoint.to_string()], timing, ..self.settings.clone() })
    }

    /// Returns when one of the endpoints has read what a quorum agrees on.
    ///
    /// # Errors
    /// [`Error::NoQuorum`], [`Error::Unreachable`] or [`Error::NotEtcd`] after the deadline of the settings.
    pub async fn quorate(&self) -> Result<(), Error> {
        let read = Txn { then: vec![Op::Get(IDENTITY.to_owned())], ..Txn::default() };
        self.call("/v3/kv/txn", gateway::txn(&read), gateway::answer).await.map(drop)
    }

    /// Everybody, those too that have never started.
    ///
    /// # Errors
    /// Those of [`Self::quorate`]: a member that is cut off may know of others that are none any more, and is not believed.
    pub async fn list(&self) -> Result<Vec<EtcdMember>, Error> {
        self.quorate().await?;
        self.call("/v3/cluster/member/list", gateway::no_words(), gateway::members).await
    }

    /// Makes a member of whoever is to be reached there; one that is a member already stays one. It is to be started afterwards.
    /// Returns everybody.
    ///
    /// # Errors
    /// Those of [`Self::quorate`], and [`Error::Refused`] in etcd's own words.
    pub async fn add(&self, peer_url: &str) -> Result<Vec<EtcdMember>, Error> {
        let added = self.call("/v3/cluster/member/add", gateway::new_member(peer_url), gateway::members).await;
        self.unless(added, |members| members.iter().any(|member| member.peer_urls.iter().any(|url| url == peer_url))).await
    }

    /// Takes a member out; that there is none is no error. Its process ends by itself. Returns everybody who is left.
    ///
    /// # Errors
    /// Those of [`Self::quorate`], and [`Error::Refused`] in etcd's own words: it takes nobody out without whom there would be no quorum.
    pub async fn remove(&self, id: MemberId) -> Result<Vec<EtcdMember>, Error> {
        let removed = self.call("/v3/cluster/member/remove", gateway::member(id.0), gateway::members).await;
        self.unless(removed, |members| members.iter().all(|member| member.id != id)).await
    }

    /// An answer that was lost, or a change that was made before, counts as long as the members show it.
    async fn unless(
        &self,
        changed: Result<Vec<EtcdMember>, Error>,
        is_so: impl Fn(&[EtcdMember]) -> bool,
    ) -> Result<Vec<EtcdMember>, Error> {
        match changed {
            Ok(members) => Ok(members),
            Err(error) => self.list().await.ok().filter(|members| is_so(members)).ok_or(error),
        }
    }

    /// Each change may be repeated: what was done already is refused, and looked up.
    async fn call<T>(&self, path: &str, body: bytes::Bytes, read: Read<T>) -> Result<T, Error> {
        let deadline = Instant::now() + self.settings.timing.deadline;
        match self.members.call(path, body, read, true, deadline).await.map_err(NoAnswer::into_error)? {
            Said::Answer(answer) => Ok(answer),
            Said::NoLease | Said::LeaseExists => {
                let endpoint = "the pool's store".to_owned();
                Err(Error::NotEtcd { endpoint, what: "it speaks of leases, of which there is none".to_owned() })
            }
        }
    }
}
