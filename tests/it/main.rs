//! Every test of the whole that needs no process of its own: one binary, which links once.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[path = "../common"]
mod common {
    pub mod cluster;
    pub mod console;
    pub mod ends;
    pub mod faultless;
    pub mod lab;
    pub mod machine;
    pub mod needs;
    pub mod pty;
    pub mod raw_client;
    pub mod sniffer;
    pub mod transmitters;
    pub mod watch;
    pub mod wire;
}

mod agent;
mod any_uhd;
mod attach;
mod clocks;
mod config_refused;
mod conflict;
mod console;
mod console_lab;
mod criu;
mod cut;
mod demo;
mod docs;
mod failover;
mod flood;
mod flow_graphs;
mod headless;
mod hot;
mod house;
mod keys;
mod lab_at_work;
mod lab_leaves_nothing;
mod lab_pool;
mod laptop;
mod link;
mod monitoring;
mod n210_boards;
mod n210_control;
mod orders;
mod output;
mod own_program;
mod ownership;
mod partition;
mod pool;
mod pool_orders;
#[cfg(feature = "etcd")]
mod pool_setup;
mod pool_store;
mod pyzmq;
mod relay;
mod runs;
mod seamless;
mod security;
mod service;
mod setup;
mod standby;
mod stock_uhd;
mod survival;
mod systemd;
mod trust;
mod vm;

/// The agents of `common::cluster` start this binary as their workload.
#[test]
#[ignore = "the D2D process of the other tests"]
fn workload_d2d() {
    common::cluster::workload::d2d();
}

#[test]
#[ignore = "the USRP process of the other tests"]
fn workload_usrp() {
    common::cluster::workload::usrp();
}
