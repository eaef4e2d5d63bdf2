//! What `baton usrp` costs: 5 s of both ways against a radio of the test's own, which costs nothing. Needs root.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement ends with what it could not do"
)]
#![allow(dead_code, reason = "the tests use more of these files")]

#[path = "../tests/common"]
mod common {
    pub mod machine;
    pub mod needs;
}

#[path = "../tests/it/attach"]
mod attach {
    pub mod fake;
    pub mod process;
    pub mod streams;
}

use attach::streams::{exercise, linked};

fn main() {
    let Some((_network, _folder, _fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    let (percent, counters) = exercise(&mut usrp, &mut d2d, 5000);
    println!("{percent:.1} % of a core, {counters:?}");
}
