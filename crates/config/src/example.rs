//! A cluster file with every key explained.

/// A complete cluster file: two hosts that share one radio, and a far end that probes. Users copy it; tests read it.
pub const EXAMPLE: &str = include_str!("example.toml");
