//! A cluster file that a lab of baton 0.1.0 has written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

#[test]
fn a_cluster_file_of_0_1_0_is_read() {
    let config = config::Config::parse(include_str!("golden/cluster-0.1.0.toml")).unwrap();
    let hosts: Vec<&str> = config.host.keys().map(|name| name.as_str()).collect();
    assert_eq!(hosts, ["server1", "server2", "server3"]);
    assert_eq!(config.radio["pool"].rate, 6.25e6);
}
