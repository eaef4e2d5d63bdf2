//! Prints what a received sample costs the software N210, case by case.
//!
//!     cargo bench -p n210 --features bench --bench reception
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that panics has failed"
)]

fn main() {
    n210::nanoseconds_per_sample(&mut |line| println!("{line}"));
}
