//! An order takes a radio: it reserves it in the store before anything is changed, and commits what has come of it.

use std::sync::Arc;
use std::time::Duration;

use engine::{Error, Expected, Ownership, Reservation, WorkState};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Store;
use crate::agent::work::Owner;
use config::{HostName, RadioName};
use protocol::Failure;

/// A reservation ends by itself after so long: when the agent that carries the order out has died.
const LEASE: Duration = Duration::from_secs(10);
/// Between two renewals.
const RENEWAL: Duration = Duration::from_secs(3);
/// How long the end of an order waits for the store; it is told all the same.
const TELL: Duration = Duration::from_millis(500);

/// The store, for one order on one radio.
pub(in crate::agent) struct Gate {
    store: Arc<Store>,
    radio: RadioName,
    reserved: Mutex<Option<Reserved>>,
}

struct Reserved {
    reservation: Reservation,
    _renewing: AbortOnDropHandle<()>,
}

/// As what the store has, a change of it is meant.
pub(in crate::agent) fn expected(owner: Option<&Ownership>) -> Expected {
    owner.map_or(Expected::Nobody, |owner| Expected::Epoch(owner.epoch))
}

/// Has the store know that nobody is to serve the radio, if it was this host's.
pub(super) async fn set_stopped(store: &Store, radio: &RadioName) -> Result<(), Error> {
    match store.owners.ownership(radio).await? {
        Some(owner) if owner.host == store.host => match store.owners.set_state(radio, owner.epoch, WorkState::Stopped).await {
            // It is another one's by now.
            Err(Error::Stale { .. }) => Ok(()),
            told => told,
        },
        _ => Ok(()),
    }
}

impl Gate {
    pub(in crate::agent) fn new(store: Arc<Store>, radio: RadioName) -> Self {
        Self { store, radio, reserved: Mutex::default() }
    }

    /// Reserves the radio for that host, under an epoch above the one that the agents know, until [`Gate::close`].
    ///
    /// # Errors
    /// Those of the store: no quorum, another order has the radio.
    pub(in crate::agent) async fn reserve(&self, to: &str, above: u64) -> Result<u64, Failure> {
        let to: HostName = to.parse()?;
        let owners = &self.store.owners;
        owners.at_least(&self.radio, above).await?;
        let owner = owners.ownership(&self.radio).await?;
        let reservation = owners.reserve(&self.radio, &to, expected(owner.as_ref()), LEASE).await?;
        let epoch = reservation.epoch;
        let (renewing, kept) = (Arc::clone(owners), reservation.clone());
        let renewing = tokio::spawn(async move {
            loop {
                sleep(RENEWAL).await;
                // One that has ended is committed all the same, unless somebody else has the radio by then.
                if let Err(error) = renewing.renew(&kept).await {
                    tracing::warn!("{error}");
                }
            }
        });
        *self.reserved.lock().await = Some(Reserved { reservation, _renewing: AbortOnDropHandle::new(renewing) });
        Ok(epoch)
    }

    /// The order is over, and that is the owner that this host knows now. What the store is not told here, whoever serves tells it
    /// ([`crate::agent::pool`]).
    pub(in crate::agent) async fn close(&self, owner: Option<Owner>) {
        let Some(Reserved { mut reservation, _renewing }) = self.reserved.lock().await.take() else { return };
        let owners = Arc::clone(&self.store.owners);
        let telling = tokio::spawn(async move {
            let taken = owner.filter(|owner| owner.epoch >= reservation.epoch && owner.owner == reservation.to.as_str());
            let told = match taken {
                Some(Owner { epoch, .. }) => {
                    reservation.epoch = epoch;
                    owners.commit(&reservation).await.map(drop)
                }
                None => owners.release(&reservation.radio, &reservation.id).await,
            };
            if let Err(error) = told {
                tracing::warn!("{error}");
            }
        });
        // It goes on when nobody waits for it any more.
        let _ = timeout(TELL, telling).await;
    }
}
