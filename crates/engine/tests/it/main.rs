//! The store of owners: the same suite in memory and on real members of etcd, its rules under random interleavings, and its faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may panic, and says what it measures"
)]

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
