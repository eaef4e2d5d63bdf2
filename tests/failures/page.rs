//! The part of docs/failures.md that is written from the table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::cells::{Cell, Fault, METHODS, ORDERS, Place, faults};
use super::table::CellResult;

const MARK: &str = "<!-- from here on written by make failures -->";
/// How many of the cells that were without service for longest are listed.
const LONGEST: usize = 10;

type Entry<'a> = (Cell, &'a CellResult);

pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md")
}

/// Keeps what is written by hand above the mark, and the machine's line when nothing was run.
pub fn write(entries: &[Entry], was_run: bool) {
    let old = fs::read_to_string(file()).unwrap();
    let (hand, generated) = old.split_once(MARK).unwrap_or((&old, ""));
    let machine =
        generated.lines().find(|line| line.starts_with("Machine: ")).filter(|_| !was_run).map_or_else(machine, str::to_owned);
    fs::write(file(), format!("{hand}{MARK}\n\n{}", format(entries, &machine))).unwrap();
}

fn machine() -> String {
    let cores: usize = std::thread::available_parallelism().map_or(1, Into::into);
    format!("Machine: {cores} cores, Linux {}.", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim())
}

pub fn format(entries: &[Entry], machine: &str) -> String {
    let mut text = String::new();
    totals(&mut text, entries);
    let _ = writeln!(text, "{machine}");
    by_method(&mut text, entries);
    by_fault(&mut text, entries);
    nobody_serves(&mut text, entries);
    failed_with_service(&mut text, entries);
    left_over(&mut text, entries);
    longest(&mut text, entries);
    text
}

fn totals(text: &mut String, entries: &[Entry]) {
    let Counts { cells, outcomes, nobody, two_owners, .. } = Counts::new(entries.iter());
    let outcomes: Vec<String> = outcomes.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let mut commits = BTreeMap::<&str, usize>::new();
    for (_, result) in entries {
        *commits.entry(&result.commit).or_default() += 1;
    }
    let commits: Vec<String> = commits.iter().map(|(commit, count)| format!("{commit} ({count} cells)")).collect();
    let _ = writeln!(text, "{cells} cells: {}. Two owners: {two_owners}. Nobody serves afterwards: {nobody}.", outcomes.join(", "));
    let _ = writeln!(text, "Commits: {}.", commits.join(", "));
}

/// The columns of a table of totals.
#[derive(Default)]
struct Counts<'a> {
    cells: usize,
    outcomes: BTreeMap<&'a str, usize>,
    nobody: usize,
    two_owners: usize,
    /// Of the cells that end with service, ms, sorted.
    silences: Vec<u64>,
}

impl<'a> Counts<'a> {
    const HEADER: &'static str = "cells | ok | rolled back | cancelled | failed | nobody serves | two owners | ms without service: median | longest |\n|---|---|---|---|---|---|---|---|---|---|";

    fn new(entries: impl Iterator<Item = &'a Entry<'a>>) -> Self {
        let mut counts = Self::default();
        for (_, result) in entries {
            counts.cells += 1;
            *counts.outcomes.entry(&result.outcome).or_default() += 1;
            counts.nobody += usize::from(result.serves.is_none());
            counts.two_owners += usize::from(!result.two_owners.is_empty());
            counts.silences.extend(result.serves.is_some().then_some(result.unserved_ms));
        }
        counts.silences.sort_unstable();
        counts
    }

    fn columns(&self) -> String {
        let outcome = |name: &str| self.outcomes.get(name).copied().unwrap_or(0);
        let [ok, back, cancelled, failed] = ["ok", "rolled back", "cancelled", "failed"].map(outcome);
        let median = self.silences.get(self.silences.len() / 2).map_or("-".into(), u64::to_string);
        let longest = self.silences.last().map_or("-".into(), u64::to_string);
        format!(
            "{} | {ok} | {back} | {cancelled} | {failed} | {} | {} | {median} | {longest} |",
            self.cells, self.nobody, self.two_owners
        )
    }
}

fn by_method(text: &mut String, entries: &[Entry]) {
    let _ = writeln!(text, "\n## By method\n\n| order, method | {}", Counts::HEADER);
    for method in METHODS {
        for order in ORDERS {
            let its = entries.iter().filter(|(cell, _)| (cell.place.order, cell.place.method) == (order, method));
            let _ = writeln!(text, "| {order} {method} | {}", Counts::new(its).columns());
        }
    }
}

fn by_fault(text: &mut String, entries: &[Entry]) {
    let _ = writeln!(text, "\n## By fault\n\n| fault | {}", Counts::HEADER);
    for fault in faults() {
        let its = entries.iter().filter(|(cell, _)| cell.fault == fault);
        let _ = writeln!(text, "| {fault} | {}", Counts::new(its).columns());
    }
}

fn nobody_serves(text: &mut String, entries: &[Entry]) {
    let none: Vec<&Entry> = entries.iter().filter(|(_, result)| result.serves.is_none()).collect();
    let _ = writeln!(text, "\n## Where nobody serves afterwards\n");
    if none.is_empty() {
        let _ = writeln!(text, "Nowhere.");
        return;
    }
    let _ = writeln!(text, "| cells | fault | could a server serve? | cells in all | the operator sees |\n|---|---|---|---|---|");
    let mut alike = BTreeMap::<(String, String), Vec<&Cell>>::new();
    for (cell, result) in none {
        alike.entry((reason(&result.operator_sees), cell.fault.to_string())).or_default().push(cell);
    }
    for ((sees, fault), cells) in alike {
        let could = if cells.iter().all(|cell| cell.fault == Fault::DeafThroughout) { "no" } else { "**yes**" };
        let _ = writeln!(text, "| {} | {fault} | {could} | {} | {sees} |", steps(&cells), cells.len());
    }
}

/// "M classic 1 to 7": a flow's steps, those that follow one another in one piece.
fn steps(cells: &[&Cell]) -> String {
    let mut pieces: Vec<(Place, usize)> = Vec::new();
    for cell in cells {
        let place = cell.place;
        match pieces.last_mut() {
            Some((first, last)) if (first.order, first.method, *last + 1) == (place.order, place.method, place.number) => {
                *last = place.number
            }
            _ => pieces.push((place, place.number)),
        }
    }
    let piece = |(first, last): &(Place, usize)| {
        let to = if first.number == *last { String::new() } else { format!(" to {last}") };
        format!("{} {} {}{to}", first.order, first.method, first.number)
    };
    pieces.iter().map(piece).collect::<Vec<_>>().join(", ")
}

fn failed_with_service(text: &mut String, entries: &[Entry]) {
    let is_listed =
        |result: &CellResult| !["ok", "rolled back", "cancelled"].contains(&result.outcome.as_str()) && result.serves.is_some();
    let failed = entries.iter().filter(|(_, result)| is_listed(result));
    list(text, "Failed, and a server serves", "serves", failed, |result| result.serves.clone().unwrap_or_default());
}

fn left_over(text: &mut String, entries: &[Entry]) {
    let left = entries.iter().filter(|(_, result)| !result.left_over.is_empty() && result.serves.is_some());
    list(text, "What was left over", "left over", left, |result| result.left_over.clone());
}

fn longest(text: &mut String, entries: &[Entry]) {
    let mut served: Vec<&Entry> = entries.iter().filter(|(_, result)| result.serves.is_some()).collect();
    served.sort_by_key(|(_, result)| std::cmp::Reverse(result.unserved_ms));
    let title = "The longest without service, of those that end with it";
    list(text, title, "ms", served.into_iter().take(LONGEST), |result| result.unserved_ms.to_string());
}

/// A table of cells with one column of its own; nothing when it has no line.
fn list<'a>(
    text: &mut String,
    title: &str,
    column: &str,
    entries: impl Iterator<Item = &'a Entry<'a>>,
    value: impl Fn(&CellResult) -> String,
) {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n## {title}\n\n| cell | {column} | the operator sees |\n|---|---|---|");
    for (cell, result) in entries {
        let _ = writeln!(text, "| {cell} | {} | {} |", value(result), reason(&result.operator_sees));
    }
}

/// Without figures: "after 412 ms" is the same reason as "after 398 ms". Only the reason where warnings follow it.
fn reason(sees: &str) -> String {
    let reason = sees.split_once(" Warning: ").map_or(sees, |(reason, _)| reason);
    let words: Vec<&str> = reason.split_whitespace().collect();
    let word = |(index, word): (usize, &&str)| {
        let is_figure = word.parse::<f64>().is_ok() && words.get(index + 1).is_some_and(|next| next.starts_with("ms"));
        if is_figure { "...".to_owned() } else { (*word).to_owned() }
    };
    let words: Vec<String> = words.iter().enumerate().map(word).collect();
    words.join(" ").replace('|', "/")
}

#[test]
fn reasons_that_differ_in_figures_only_are_one() {
    assert_eq!(reason("server1 serves again after 412 ms. Warning: slow"), "server1 serves again after ... ms.");
    assert_eq!(reason("server1 serves again after 3980 ms."), reason("server1 serves again after 412 ms."));
    assert_ne!(reason("server1 serves again after 412 ms."), reason("server1 still serves."));
}

#[test]
fn steps_that_follow_one_another_are_one_piece() {
    let all = super::cells::all();
    let cells: Vec<&Cell> =
        all.iter().filter(|cell| cell.fault == Fault::Error && [1, 2, 3, 5].contains(&cell.place.number)).take(5).collect();
    assert_eq!(steps(&cells), "M classic 1 to 3, M classic 5, MB classic 1");
}
