//! The corpus of cluster files in tests/config: every file in `good` reads, every file in `bad` is refused with the sentence of its first line. Those of pools
//! are in `pool`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};

use config::{Config, EXAMPLE, PoolFile, RadioViews};
use protocol::{ErrorCode, Failure};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/config").join(folder).canonicalize().unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_good_file_reads_and_is_the_same_once_written() {
    let files = files("good");
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let config = Config::load(&file).unwrap_or_else(|failure| panic!("{failure}"));
        let written = toml::to_string(&config).unwrap();
        assert_eq!(Config::parse(&written).unwrap_or_else(|failure| panic!("{failure}: {written}")), config);
    }
}

#[test]
fn every_good_file_of_a_pool_reads_and_is_the_same_once_written() {
    let files = files("pool/good");
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let views = RadioViews::load(&file).unwrap_or_else(|failure| panic!("{failure}"));
        let read: PoolFile = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let written = toml::to_string(&read).unwrap();
        assert_eq!(RadioViews::parse(&written).unwrap_or_else(|failure| panic!("{failure}: {written}")), views);
    }
}

/// Write `# error:` and nothing after it into a new file, and this test says what stands there.
#[test]
fn every_bad_file_is_refused_with_its_sentence() {
    require_refused("bad", 100, |file| Config::load(file).map(drop));
}

#[test]
fn every_bad_file_of_a_pool_is_refused_with_its_sentence() {
    require_refused("pool/bad", 30, |file| RadioViews::load(file).map(drop));
}

fn require_refused(folder: &str, least: usize, load: impl Fn(&Path) -> Result<(), Failure>) {
    let files = files(folder);
    assert!(files.len() >= least, "{}", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.trim_start_matches('\u{feff}').lines().next().unwrap();
        let expected = first.strip_prefix("# error: ").unwrap_or_else(|| panic!("{} names no error", file.display()));
        let expected = format!("{}, {expected}", file.display());
        match load(&file) {
            Ok(()) => wrong.push(format!("{}: accepted", file.display())),
            Err(failure) => {
                assert_eq!((failure.code, failure.exit_code()), (ErrorCode::Config, 2), "{}", file.display());
                if failure.message != expected {
                    wrong.push(failure.message);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these files are not refused as they say:\n{}", wrong.join("\n"));
}

/// What the lab of 0.1.0 wrote is written today to the byte.
#[test]
fn the_format_of_0_1_0_is_kept() {
    for name in ["lab-0.1.0.toml", "relay-0.1.0.toml"] {
        let file = files("good").into_iter().find(|file| file.ends_with(name)).unwrap_or_else(|| panic!("no {name}"));
        let written = toml::to_string(&Config::load(&file).unwrap()).unwrap();
        assert_eq!(written, std::fs::read_to_string(&file).unwrap(), "{name}");
    }
}

#[test]
fn the_example_reads_and_so_do_its_commented_keys() {
    let plain = Config::parse(EXAMPLE).unwrap();
    assert_eq!(plain.host.len(), 3);
    let commented = ["key_file", "state", "terminals", "capabilities", "environment"];
    let keys = commented.iter().fold(EXAMPLE.to_owned(), |text, key| text.replace(&format!("# {key} ="), &format!("{key} =")));
    let all = Config::parse(&keys).unwrap();
    assert!(all.key_file.is_some() && all.state.is_some() && all.terminals.len() == 3);
    assert_eq!((all.workload.environment.len(), &all.workload.capabilities), (1, &plain.workload.capabilities));
}
