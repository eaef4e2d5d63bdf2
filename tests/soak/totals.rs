//! What happened, in numbers.

use std::collections::BTreeMap;

/// By name, in the order of their names.
#[derive(Debug, Default)]
pub struct Totals(BTreeMap<String, u64>);

impl Totals {
    pub fn count(&mut self, what: &str) {
        self.add(what, 1);
    }

    pub fn add(&mut self, what: &str, count: u64) {
        *self.0.entry(what.to_owned()).or_default() += count;
    }

    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    pub fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|(what, count)| self.add(&what, count));
    }

    pub fn line(&self) -> String {
        self.0.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
    }
}
