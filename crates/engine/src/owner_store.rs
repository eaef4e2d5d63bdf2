//! What agents know of the store.

use std::time::Duration;

use async_trait::async_trait;
use config::{HostName, RadioName};

use crate::changes::Changes;
use crate::error::Error;
use crate::lease::{Lead, Membership};
use crate::ownership::{Expected, Members, Ownership, Reservation, Reserved, WorkState};

/// Who owns which radio, as one host's agent asks and changes it.
///
/// All reads are linearizable: they see every change that was answered before they began. Every method ends within the deadline that the store
/// was made with ([`crate::Timing`]) and the time of one attempt, in which the reason is found out. Dropping a call's future leaves open whether its change happens.
///
/// # Errors
/// All methods: [`Error::NoQuorum`], [`Error::Unreachable`], [`Error::Rebuilt`], [`Error::NotEtcd`], [`Error::Malformed`], [`Error::Refused`].
/// Those that change something: [`Error::DiskFull`], and [`Error::Unknown`] when the answer was lost and could not be looked up.
#[async_trait]
pub trait OwnerStore: Send + Sync {
    /// Whether there is a quorum that answers.
    async fn quorate(&self) -> Result<(), Error>;

    /// Makes this host a member, until the membership is dropped or left. Its lease is renewed by a task, and taken anew where it was broken.
    async fn join(&self) -> Result<Membership, Error>;

    /// Who is there.
    async fn members(&self) -> Result<Members, Error>;

    /// Who owns the radio; `None` before the first.
    async fn ownership(&self, radio: &RadioName) -> Result<Option<Ownership>, Error>;

    /// Who has reserved the radio.
    async fn reserved(&self, radio: &RadioName) -> Result<Option<Reserved>, Error>;

    /// Reserves the radio for `to`, for so long (rounded up to seconds; etcd takes no less than 1 or 2 s). To be done before the cut.
    ///
    /// # Errors
    /// [`Error::Stale`] when the owner is not as expected, [`Error::Reserved`] when it is reserved, by this host or another one,
    /// [`Error::EpochTooHigh`] when there are no more epochs.
    async fn reserve(&self, radio: &RadioName, to: &HostName, expected: Expected, time: Duration) -> Result<Reservation, Error>;

    /// Has the reservation hold for its whole time from now.
    ///
    /// # Errors
    /// [`Error::ReservationOver`] when it holds no longer.
    async fn renew(&self, reservation: &Reservation) -> Result<(), Error>;

    /// Makes `to` the owner, serving, and ends the reservation. To be done after the cut. It is [`Reservation::epoch`] that is returned, or a
    /// higher one where a host has reported a higher one meanwhile. A reservation that has ended is no hindrance as long as the owner is still
    /// the one from before and nobody else has reserved the radio. Doing it twice does it once.
    ///
    /// # Errors
    /// [`Error::Stale`] when somebody else has become the owner, [`Error::Reserved`] when somebody else has reserved the radio.
    async fn commit(&self, reservation: &Reservation) -> Result<u64, Error>;

    /// Ends the reservation with this id, anybody's. That it has ended already is no error.
    async fn release(&self, radio: &RadioName, id: &str) -> Result<(), Error>;

    /// Makes `host` the owner, serving, under an epoch that nobody has had, and returns that.
    ///
    /// # Errors
    /// As [`OwnerStore::reserve`].
    async fn grant(&self, radio: &RadioName, host: &HostName, expected: Expected) -> Result<u64, Error>;

    /// Sets what the owner is to do. The epoch stays.
    ///
    /// # Errors
    /// [`Error::Stale`] when the radio has another owner than the one under this epoch.
    async fn set_state(&self, radio: &RadioName, epoch: u64, state: WorkState) -> Result<(), Error>;

    /// Tells the store that a host has had this epoch, of which a rebuilt store knows nothing: all that it gives from now on are higher. Returns
    /// the highest that it knows.
    ///
    /// # Errors
    /// [`Error::EpochTooHigh`] for an epoch above [`protocol::MAX_EPOCH`].
    async fn at_least(&self, radio: &RadioName, epoch: u64) -> Result<u64, Error>;

    /// Has this host lead, if nobody does. Whether it still leads, the leadership says.
    async fn lead(&self) -> Result<Lead, Error>;

    /// What changes from now on, beginning with all there is. It never ends by itself, and needs a tokio runtime.
    fn watch(&self) -> Changes;

    /// Takes the store that is there now for the store, after [`Error::Rebuilt`]: raises all epochs that this host knows of, and goes on with it.
    /// To be done once it is certain that the other one is gone for good.
    async fn adopt(&self) -> Result<(), Error>;
}
