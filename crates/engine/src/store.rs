//! The store as agents use it, on any store of keys and values.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use config::{HostName, RadioName};
use tokio::time::Instant;

use crate::access::{Access, Timing};
use crate::changes::Changes;
use crate::error::Error;
use crate::keeper;
use crate::key_value::{KeyValue, Op};
use crate::layout;
use crate::lease::{Lead, Membership};
use crate::owner_store::OwnerStore;
use crate::ownership::{Expected, Members, Ownership, Reservation, Reserved, WorkState};

/// One host's client of the store; see [`crate::Etcd`] and [`crate::Fake`]. Clones are one client.
pub struct Store<K> {
    access: Arc<Access<K>>,
}

impl<K: KeyValue> Store<K> {
    pub(crate) fn on(kv: K, host: HostName, timing: Timing) -> Self {
        Self { access: Arc::new(Access::new(kv, host, timing)) }
    }
}

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self { access: Arc::clone(&self.access) }
    }
}

impl<K> fmt::Debug for Store<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.access.host)
    }
}

#[async_trait]
impl<K: KeyValue> OwnerStore for Store<K> {
    async fn quorate(&self) -> Result<(), Error> {
        self.access.read(vec![Op::Get(layout::IDENTITY.to_owned())], self.access.deadline()).await.map(drop)
    }

    async fn join(&self) -> Result<Membership, Error> {
        keeper::join(&self.access).await
    }

    async fn members(&self) -> Result<Members, Error> {
        let answer = self.access.read(vec![Op::GetAll(layout::MEMBERS.to_owned())], self.access.deadline()).await?;
        let present = layout::hosts(&answer.found)?.into_iter().collect();
        Ok(Members { present, absences: self.access.standing(|standing| standing.absences(Instant::now())) })
    }

    async fn ownership(&self, radio: &RadioName) -> Result<Option<Ownership>, Error> {
        Ok(self.access.find(radio, self.access.deadline()).await?.radio.ownership())
    }

    async fn reserved(&self, radio: &RadioName) -> Result<Option<Reserved>, Error> {
        self.access.reserved(radio).await
    }

    async fn reserve(&self, radio: &RadioName, to: &HostName, expected: Expected, time: Duration) -> Result<Reservation, Error> {
        self.access.reserve(radio, to, expected, time).await
    }

    async fn renew(&self, reservation: &Reservation) -> Result<(), Error> {
        self.access.renew(reservation).await
    }

    async fn commit(&self, reservation: &Reservation) -> Result<u64, Error> {
        self.access.commit(reservation).await
    }

    async fn release(&self, radio: &RadioName, id: &str) -> Result<(), Error> {
        self.access.release(radio, id).await
    }

    async fn grant(&self, radio: &RadioName, host: &HostName, expected: Expected) -> Result<u64, Error> {
        self.access.grant(radio, host, expected).await
    }

    async fn set_state(&self, radio: &RadioName, epoch: u64, state: WorkState) -> Result<(), Error> {
        self.access.set_state(radio, epoch, state).await
    }

    async fn at_least(&self, radio: &RadioName, epoch: u64) -> Result<u64, Error> {
        self.access.at_least(radio, epoch).await
    }

    async fn lead(&self) -> Result<Lead, Error> {
        keeper::lead(&self.access).await
    }

    fn watch(&self) -> Changes {
        Changes::of(Arc::clone(&self.access))
    }

    async fn adopt(&self) -> Result<(), Error> {
        self.access.adopt().await
    }
}
