//! Who owns which radio, for a pool of three or more servers.
//!
//! [`OwnerStore`] is what agents know of it. [`Etcd`] keeps it in etcd; [`Fake`] keeps it in memory, for tests, and can be broken in the ways in which
//! etcd breaks. Both follow the same rules (`owning`), on a store of keys and values (`key_value`). docs/decisions/0019 says why etcd.
//!
//! - Ownership has no lease: what serves goes on serving while the store is away. Its epoch is in the value and only rises.
//! - Each change is one compare-and-put. One whose answer was lost is looked up by its token before it is sent again.
//! - A reservation takes the next epoch before the cut, so that the cut itself needs no round trip; it ends by itself.
//! - Members and the leader are there by a lease. That a member is missing means something only to a host whose own lease held all the while.

mod access;
mod change;
mod changes;
mod error;
mod fake;
mod keeper;
mod key_value;
mod layout;
mod lease;
mod owner_store;
mod ownership;
mod owning;
mod standing;
mod store;

#[cfg(feature = "etcd")]
mod etcd;

pub use access::Timing;
pub use change::{Change, View};
pub use changes::Changes;
pub use error::{Attempt, Error};
#[cfg(feature = "etcd")]
pub use etcd::{Etcd, EtcdMember, EtcdMembership, EtcdSettings, MemberId, Security};
pub use fake::{Fake, FakeBackup, FakePool};
pub use lease::{Lead, Leadership, Membership};
pub use owner_store::OwnerStore;
pub use ownership::{Absences, Expected, Members, Ownership, Reservation, Reserved, WorkState};
pub use store::Store;
