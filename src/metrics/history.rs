//! The history of runs: choosing and sorting them, and the spread of every figure over several.

mod compare;
mod file;
mod filter;
mod parts;
mod sort;
mod spread;

pub use compare::{ComparedFigure, Comparison, Group, GroupBy, Members, compare, grouped};
pub use file::{csv, json};
pub use filter::Filter;
pub use parts::PartRow;
pub use sort::{SortKey, order};
pub use spread::Spread;

use std::path::Path;

use crate::metrics::records;
use protocol::{ErrorCode, Failure, RunRecord};

/// The record that `id` names: the run's identity or any part that no other run has; `last` is the newest.
///
/// # Errors
/// [`ErrorCode::BadRequest`] when none, or more than one, is meant.
pub fn find<'a>(runs: &'a [RunRecord], id: &str) -> Result<&'a RunRecord, Failure> {
    if let Some(exact) = runs.iter().find(|run| run.run == id) {
        return Ok(exact);
    }
    if let (true, Some(last)) = (id.eq_ignore_ascii_case("last"), runs.last()) {
        return Ok(last);
    }
    let wanted = id.to_ascii_lowercase();
    let mut meant = runs.iter().filter(|run| !wanted.is_empty() && run.run.to_ascii_lowercase().contains(&wanted));
    match (meant.next(), meant.count()) {
        (Some(run), 0) => Ok(run),
        (None, _) => Err(Failure::new(ErrorCode::BadRequest, format!("no record of a run \"{id}\""))
            .hint("`baton runs list` shows the runs; the last one is also called last")),
        (Some(_), more) => Err(Failure::new(ErrorCode::BadRequest, format!("\"{id}\" may mean {} runs", more + 1))
            .hint("give more of the identity: its end differs most")),
    }
}

/// The same among the records of a folder; no more of them is in memory than may be meant.
///
/// # Errors
/// As [`find`], and when the records cannot be read.
pub fn find_in(folder: &Path, id: &str) -> Result<RunRecord, Failure> {
    let wanted = id.to_ascii_lowercase();
    let named = |run: &RunRecord| run.run == id || !wanted.is_empty() && run.run.to_ascii_lowercase().contains(&wanted);
    let found = match wanted == "last" {
        true => records::latest(folder, 1, u64::MAX, |_| true)?,
        false => records::select(folder, named)?,
    };
    find(&found.runs, id).cloned()
}

/// The end of a run's identity, where the identities of runs differ.
pub fn short(run: &str) -> &str {
    const LENGTH: usize = 8;
    run.char_indices().rev().nth(LENGTH - 1).map_or(run, |(at, _)| &run[at..])
}

#[cfg(test)]
mod tests;
