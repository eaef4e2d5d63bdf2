//! What stock benchmark_rate counts.

/// What it counts as faults, all of which must be 0.
const FAULTS: [&str; 8] = [
    "Num dropped samples",
    "Num overruns",
    "Num sequence errors (Tx)",
    "Num sequence errors (Rx)",
    "Num underruns",
    "Num late",
    "Num timeouts (Tx)",
    "Num timeouts (Rx)",
];

/// The figure on the line that begins with `name`.
pub fn figure(said: &str, name: &str) -> u64 {
    let line = said.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("no `{name}` in\n{said}"));
    line.rsplit(' ').next().and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no figure in `{line}`"))
}

pub fn assert_faultless(said: &str) {
    for fault in FAULTS {
        assert_eq!(figure(said, fault), 0, "{fault} in\n{said}");
    }
}
