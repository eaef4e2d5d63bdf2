//! docs/failures.md from the raw results.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cells::{self, FAULTS, METHODS, ORDERS, Place, Without};

const BEGIN: &str = "<!-- from here on written by make failures -->";
/// Silences up to here are none: the pings themselves are 20 ms apart.
const NOTHING: f64 = 60.0;

pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md")
}

/// How the row of a step begins.
pub fn label(place: &Place) -> String {
    let cut = if is_cut(place) { " (cut)" } else { "" };
    format!("| {}/{} {}. {} {}{cut} |", place.order, place.method, place.number, place.command(), place.host(place.side))
}

fn is_cut(place: &Place) -> bool {
    baton::migration::flows::of(place.order, place.method)
        .steps
        .iter()
        .find(|step| step.phases.contains(&protocol::PhaseName::StopSource))
        .is_some_and(|step| (step.ask, step.at) == (place.ask, place.side))
}

/// The latest result of each cell.
fn rows(results: &Path) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(results).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["cell"].as_str().unwrap().to_owned(), row)).collect()
}

/// Reasons by number, each once.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn number(&mut self, reason: &str) -> usize {
        let plain = without_figures(reason);
        let known = self.0.iter().position(|known| *known == plain);
        known.unwrap_or_else(|| {
            self.0.push(plain);
            self.0.len() - 1
        }) + 1
    }
}

/// "after 412 ms" is the same reason as "after 398 ms".
fn without_figures(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let word = |(index, word): (usize, &&str)| {
        let figure = word.parse::<f64>().is_ok() && words.get(index + 1).is_some_and(|next| next.starts_with("ms"));
        if figure { "...".to_owned() } else { (*word).to_owned() }
    };
    let words: Vec<String> = words.iter().enumerate().map(word).collect();
    words.join(" ").replace('|', "/")
}

fn words(row: &Value) -> String {
    let warnings = row["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let warnings: Vec<String> = warnings.map(|text| format!("Warning: {text}")).collect();
    let said = row["said"].as_str().filter(|_| row["outcome"].is_null() || row["reason"].is_null() && warnings.is_empty());
    let parts = row["reason"].as_str().into_iter().map(str::to_owned).chain(warnings).chain(said.map(str::to_owned));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn milliseconds(row: &Value) -> String {
    match (row["unserved_ms"].as_f64().unwrap_or_default(), row["serves"].is_null()) {
        (ms, true) => format!("over {ms:.0}"),
        (ms, false) if ms <= NOTHING => "0".into(),
        (ms, false) => format!("{ms:.0}"),
    }
}

fn cell(place: &Place, row: Option<&Value>, reasons: &mut Reasons) -> String {
    let Some(row) = row else { return format!("not run ({place})") };
    let outcome = row["outcome"].as_str().unwrap_or("no record").replace('_', " ");
    let serves = row["serves"].as_str().map_or("**none**".to_owned(), |host| host.replace("server", "s"));
    let owners = if row["overlaps"].as_array().is_some_and(|list| !list.is_empty()) { " **two owners**" } else { "" };
    let left = if row["left"].is_null() { "" } else { " *" };
    let text = words(row);
    let reason = if text.is_empty() { String::new() } else { format!(" [{}]", reasons.number(&text)) };
    format!("{outcome}, {serves}, {}{left}{owners}{reason}", milliseconds(row))
}

fn flow(text: &mut String, places: &[Place], rows: &BTreeMap<String, Value>) {
    let (order, method) = (places[0].order, places[0].method);
    let from_to =
        if places[0].host(baton::migration::flow::Side::Source) == "server1" { "server1 to server2" } else { "server2 to server1" };
    let heads: Vec<String> = FAULTS.iter().map(ToString::to_string).collect();
    let _ =
        writeln!(text, "\n## {order} {method}, {from_to}\n\n| step | {} |\n|---{}|", heads.join(" | "), "|---".repeat(heads.len()));
    let mut reasons = Reasons::default();
    for place in places {
        let cells = FAULTS.iter().map(|&fault| match place.takes(fault) {
            Ok(it) => cell(place, rows.get(&it.to_string()), &mut reasons),
            Err(Without::Same) => "changes nothing".into(),
            Err(Without::NoProcess) => "no process".into(),
        });
        let _ = writeln!(text, "{} {} |", label(place), cells.collect::<Vec<_>>().join(" | "));
    }
    let _ = writeln!(text);
    for (index, reason) in reasons.0.iter().enumerate() {
        let _ = writeln!(text, "{}. {reason}", index + 1);
    }
}

fn left_over(text: &mut String, rows: &BTreeMap<String, Value>) {
    let left: Vec<&Value> = rows.values().filter(|row| !row["left"].is_null() && !row["serves"].is_null()).collect();
    if left.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## What was left over (\\*)\n\n| cell | left over | the operator sees |\n|---|---|---|");
    for row in left {
        let name = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(text, "| {} | {} | {} |", name("cell"), name("left"), without_figures(&words(row)));
    }
}

fn nobody(text: &mut String, rows: &BTreeMap<String, Value>) {
    let none: Vec<&Value> = rows.values().filter(|row| row["serves"].is_null()).collect();
    let _ = writeln!(text, "\n## Where nobody serves afterwards\n");
    if none.is_empty() {
        let _ = writeln!(text, "Nowhere.");
        return;
    }
    let silent = cells::Fault::DeafThroughout.to_string();
    let mut alike = BTreeMap::<(String, &str), Vec<&str>>::new();
    for row in none {
        let could = if row["fault"] == silent.as_str() { "no" } else { "**yes**" };
        let sees = row["reason"].as_str().map_or_else(|| words(row), str::to_owned);
        alike.entry((without_figures(&sees), could)).or_default().push(row["cell"].as_str().unwrap_or_default());
    }
    let _ = writeln!(text, "| the operator sees | could a server serve? | cells |\n|---|---|---|");
    for ((sees, could), cells) in alike {
        let _ = writeln!(text, "| {sees} | {could} | {} |", cells.join("<br>"));
    }
}

fn totals(text: &mut String, rows: &BTreeMap<String, Value>) {
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for row in rows.values() {
        *outcomes.entry(row["outcome"].as_str().unwrap_or("no record")).or_default() += 1;
    }
    let count = |what: fn(&Value) -> bool| rows.values().filter(|row| what(row)).count();
    let two = count(|row| row["overlaps"].as_array().is_some_and(|list| !list.is_empty()));
    let none = count(|row| row["serves"].is_null());
    let outcomes: Vec<String> = outcomes.iter().map(|(name, count)| format!("{} {count}", name.replace('_', " "))).collect();
    let mut commits: Vec<&str> = rows.values().filter_map(|row| row["commit"].as_str()).collect();
    commits.sort_unstable();
    commits.dedup();
    let _ = writeln!(
        text,
        "Commit {}. {} cells: {}. Two owners: {two}. Nobody serves afterwards: {none}.",
        commits.join(", "),
        rows.len(),
        outcomes.join(", ")
    );
    let cores: usize = std::thread::available_parallelism().map_or(1, Into::into);
    let _ = writeln!(text, "Machine: {cores} cores, {}.", release());
}

fn release() -> String {
    format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim())
}

/// Keeps what is written by hand above the mark.
pub fn write(results: &Path) {
    let rows = rows(results);
    let old = fs::read_to_string(file()).unwrap();
    let hand = old.split(BEGIN).next().unwrap_or_default();
    let mut text = format!("{hand}{BEGIN}\n\n");
    totals(&mut text, &rows);
    nobody(&mut text, &rows);
    left_over(&mut text, &rows);
    for method in METHODS {
        for order in ORDERS {
            flow(&mut text, &cells::places(order, method), &rows);
        }
    }
    fs::write(file(), text).unwrap();
}

#[test]
fn reasons_that_differ_in_figures_only_are_one() {
    let mut reasons = Reasons::default();
    assert_eq!(reasons.number("server1 serves again after 412 ms."), 1);
    assert_eq!(reasons.number("server1 still serves."), 2);
    assert_eq!(reasons.number("server1 serves again after 3980 ms."), 1);
}
