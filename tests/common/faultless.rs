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

/// Runs of the tool until one is without faults. A shared machine that stands still for some milliseconds costs samples as well; a radio
/// that loses them does so in every run.
const RUNS: usize = 3;

/// The figure on the line that begins with `name`.
pub fn figure(said: &str, name: &str) -> u64 {
    let line = said.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("no `{name}` in\n{said}"));
    line.rsplit(' ').next().and_then(|figure| figure.parse().ok()).expect("a figure")
}

/// What `run` prints, once it is without a fault.
pub fn faultless(run: impl Fn() -> String) -> String {
    let mut all = String::new();
    for _ in 0..RUNS {
        let said = run();
        if FAULTS.iter().all(|fault| figure(&said, fault) == 0) {
            return said;
        }
        all += &said;
    }
    panic!("faults in each of {RUNS} runs:\n{all}");
}
