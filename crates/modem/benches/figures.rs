//! Prints the modem's figures in the simulated channel as JSON lines: those named on the command line, or all.
//!
//!     cargo bench -p modem --features bench --bench figures -- ber acquisition
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that panics has failed"
)]

use modem::figures::ALL;

fn main() {
    // Cargo adds --bench.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|name| ALL.iter().all(|(known, _)| known != name)) {
        let known = ALL.map(|(name, _)| name).join(", ");
        eprintln!("there is no figure \"{unknown}\"; there are {known}");
        std::process::exit(2);
    }
    for (name, measure) in ALL {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(&mut |record| println!("{record}"));
        }
    }
}
