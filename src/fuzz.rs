//! The doors for fuzzers: everything that arrives as bytes from outside but the radio's frames, whose door is `lab::n210::fuzz`. Not for other
//! callers. `docs/threats.md`, "Fuzzing", says how they are used.
//!
//! Each takes any bytes. A panic, an endless run and memory without bound are what a fuzzer looks for.

#![allow(clippy::panic, reason = "a fuzzer finds panics")]

mod configuration;
mod link;
mod link_client;
mod protocol;
mod zmtp;

pub use configuration::configuration;
pub use link::link;
pub use link_client::link_client;
pub use protocol::protocol;

use std::path::{Path, PathBuf};

use config::Config;

/// The example cluster on Unix sockets in a folder.
fn cluster(folder: &Path) -> Config {
    Config::parse(&config::example_in(folder)).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A folder of this process, which stays; private, as an agent's must be.
fn folder(name: &str) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;
    let folder = std::env::temp_dir().join(format!("baton-fuzz-{}-{name}", std::process::id()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    folder
}

fn write_private(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    let private = || std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
    std::fs::write(file, bytes).and_then(|()| private()).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}

/// A runtime that goes on beside the calling thread.
fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.unwrap_or_else(|e| panic!("no runtime: {e}"))
}

/// A runtime on the calling thread.
fn runtime_here() -> tokio::runtime::Runtime {
    workload::runtime::current_thread().unwrap_or_else(|e| panic!("no runtime: {e}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    type Door = fn(&[u8]);
    const DOORS: [(&str, Door); 4] = [
        ("configuration", super::configuration),
        ("link", super::link),
        ("link_client", super::link_client),
        ("protocol", super::protocol),
    ];

    /// What is written in good order, and what fuzzers found.
    #[test]
    fn every_seed_passes() {
        for (name, door) in DOORS {
            let folder = format!("{}/fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
            let seeds: Vec<Vec<u8>> =
                std::fs::read_dir(&folder).unwrap().map(|seed| std::fs::read(seed.unwrap().path()).unwrap()).collect();
            assert!(seeds.len() >= 4, "{} seeds in {folder}", seeds.len());
            for seed in &seeds {
                door(seed);
                // Cut short anywhere, as a connection or a file may be.
                for length in (0..seed.len()).step_by(seed.len() / 16 + 1) {
                    door(&seed[..length]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_make_a_door_panic(data in prop::collection::vec(any::<u8>(), 0..500)) {
            for (_, door) in DOORS {
                door(&data);
            }
        }
    }
}
