//! The store of owners: the same suite in memory and on real members of etcd, its rules under random interleavings, and its faults.

#[cfg(feature = "etcd")]
mod cluster;
mod fake;
#[cfg(feature = "etcd")]
mod faults;
#[cfg(feature = "etcd")]
mod measure;
#[cfg(feature = "etcd")]
mod on_etcd;
mod rules;
mod suite;
#[cfg(feature = "etcd")]
mod wrong_answers;
