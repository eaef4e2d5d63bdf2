//! libuhd, in its own executable.

use crate::setup::facts::{Facts, UhdFacts};
use protocol::Examined;
use protocol::Precondition::Uhd;

/// The library's versions that this project was tested with begin so.
const TESTED: &str = "4.";

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let UhdFacts { program, version } = &facts.uhd;
    vec![match version {
        Ok(version) if version.starts_with(TESTED) => Examined::ok(Uhd, format!("{program} stands on libuhd {version}")),
        Ok(version) => Examined::warning(Uhd, format!("{program} stands on libuhd {version}; baton was tested with libuhd 4.3"))
            .hint("its images of firmware and FPGA must be those that baton knows: see the radio's numbers"),
        Err(why) if why.starts_with("does not tell") => Examined::warning(Uhd, format!("{program} {why}"))
            .hint("a program of your own need not; the package baton-uhd brings ours"),
        Err(why) => Examined::blocker(Uhd, format!("{program} {why}"))
            .hint("install the package baton-uhd, as `apt install ./baton-uhd_*.deb` does, or name the program as uhd in the cluster file, on every host"),
    }]
}
