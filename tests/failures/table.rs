//! docs/failures.tsv: what came of each cell, one line a cell. Lines of cells that were not run again stay as they are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::PhaseName;
use serde_json::Value;

use super::cells::{self, Cell, Place, Without, faults};

const HEADER: &str =
    "order\tmethod\tstep\tcommand\thost\tcut\tfault\toutcome\tserves\tunserved_ms\ttwo_owners\tleft_over\tcommit\toperator_sees";
/// Up to here a silence counts as none, ms: the pings themselves are 20 ms apart.
const SHORTEST_SILENCE_MS: f64 = 60.0;
const NOBODY: &str = "nobody";

/// What came of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellResult {
    pub outcome: String,
    /// The host that serves once all is settled; none when nobody does.
    pub serves: Option<String>,
    /// For how long nobody served; where nobody does in the end, until the test gave up waiting.
    pub unserved_ms: u64,
    pub two_owners: String,
    pub left_over: String,
    pub commit: String,
    pub operator_sees: String,
}

/// By the name of the cell.
pub type Results = BTreeMap<String, CellResult>;

pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.tsv")
}

/// The table, then the raw results on top of it.
pub fn results(raw: &Path) -> Results {
    let mut results = parse(&fs::read_to_string(file()).unwrap_or_default());
    results.extend(raw_rows(raw).into_iter().map(|(cell, row)| (cell, CellResult::from_raw(&row))));
    results
}

/// Raw results by the name of their cell; none without a file.
pub fn raw_rows(raw: &Path) -> Vec<(String, Value)> {
    let text = fs::read_to_string(raw).unwrap_or_default();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["cell"].as_str().unwrap().to_owned(), row)).collect()
}

impl CellResult {
    fn from_raw(row: &Value) -> Self {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let silence = row["unserved_ms"].as_f64().unwrap_or_default();
        let serves = row["serves"].as_str().map(str::to_owned);
        Self {
            outcome: row["outcome"].as_str().unwrap_or("no record").replace('_', " "),
            unserved_ms: if serves.is_some() && silence <= SHORTEST_SILENCE_MS { 0 } else { silence.round() as u64 },
            serves,
            two_owners: row["overlaps"]
                .as_array()
                .filter(|list| !list.is_empty())
                .map_or(String::new(), |_| row["overlaps"].to_string()),
            left_over: text("left"),
            commit: text("commit"),
            operator_sees: operator_sees(row),
        }
    }
}

/// The record's reason and warnings, or what the program printed where there is no record.
fn operator_sees(row: &Value) -> String {
    let warnings = row["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let warnings: Vec<String> = warnings.map(|text| format!("Warning: {text}")).collect();
    let said = row["said"].as_str().filter(|_| row["outcome"].is_null() || row["reason"].is_null() && warnings.is_empty());
    let parts = row["reason"].as_str().into_iter().map(str::to_owned).chain(warnings).chain(said.map(str::to_owned));
    let text = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse(text: &str) -> Results {
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap_or(HEADER), HEADER, "docs/failures.tsv has other columns");
    lines.filter_map(parse_line).collect()
}

/// `None` for a fault that is not injected there, or has no result yet.
fn parse_line(line: &str) -> Option<(String, CellResult)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [order, method, step, command, host, _cut, fault, outcome, serves, silence, two_owners, left_over, commit, sees] =
        fields[..]
    else {
        panic!("docs/failures.tsv: not 14 columns: {line}")
    };
    let result = CellResult {
        outcome: outcome.into(),
        serves: (serves != NOBODY).then(|| serves.into()),
        unserved_ms: silence.parse().ok()?,
        two_owners: two_owners.into(),
        left_over: left_over.into(),
        commit: commit.into(),
        operator_sees: sees.into(),
    };
    Some((format!("{order} {method} {step:>2} {command} {host}: {fault}"), result))
}

pub fn is_cut(place: &Place) -> bool {
    baton::migration::flows::of(place.order, place.method, cells::form_of(place.method))
        .steps
        .iter()
        .find(|step| step.phases.contains(&PhaseName::StopSource) || step.phases.contains(&PhaseName::Switchover))
        .is_some_and(|step| (step.ask, step.at) == (place.ask, place.side))
}

/// The columns that name a step.
fn columns_of_place(place: &Place) -> String {
    let cut = if is_cut(place) { "cut" } else { "" };
    format!("{}\t{}\t{}\t{}\t{}\t{cut}", place.order, place.method, place.number, place.command(), place.host(place.side))
}

fn columns_of_result(result: &CellResult) -> String {
    let serves = result.serves.as_deref().unwrap_or(NOBODY);
    let CellResult { outcome, unserved_ms, two_owners, left_over, commit, operator_sees, .. } = result;
    format!("{outcome}\t{serves}\t{unserved_ms}\t{two_owners}\t{left_over}\t{commit}\t{operator_sees}")
}

/// The whole table: every fault at every step of today's flows.
pub fn format(results: &Results) -> String {
    let mut text = format!("{HEADER}\n");
    for place in cells::all_places() {
        for fault in faults() {
            let result = match place.takes(fault) {
                Ok(cell) => results.get(&cell.to_string()).map_or_else(|| without_result("not run"), columns_of_result),
                Err(Without::Same) => without_result("changes nothing"),
                Err(Without::NoProcess) => without_result("no process"),
                Err(Without::NoRadio) => without_result("no radio"),
            };
            let _ = writeln!(text, "{}\t{fault}\t{result}", columns_of_place(&place));
        }
    }
    text
}

fn without_result(why: &str) -> String {
    format!("{why}\t\t\t\t\t\t")
}

/// Results of cells that today's flows have, in the order of the table.
pub fn of_today(results: &Results) -> Vec<(Cell, &CellResult)> {
    cells::all().into_iter().filter_map(|cell| results.get(&cell.to_string()).map(|result| (cell, result))).collect()
}

/// Writes the table and the page.
pub fn write(raw: &Path) {
    let results = results(raw);
    fs::write(file(), format(&results)).unwrap();
    super::page::write(&of_today(&results), raw.exists());
}

#[test]
fn a_raw_result_is_the_same_written_and_read_again() {
    let cell = cells::all()[0].to_string();
    let raw = serde_json::json!({
        "cell": cell, "outcome": "rolled_back", "serves": "server1", "unserved_ms": 412.4, "overlaps": [],
        "left": null, "reason": "server1 serves\nagain after 412 ms.", "warnings": ["one", "two"], "commit": "abc",
    });
    let result = CellResult::from_raw(&raw);
    assert_eq!(result.operator_sees, "server1 serves again after 412 ms. Warning: one Warning: two");
    assert_eq!(parse(&format(&Results::from([(cell.clone(), result.clone())]))), Results::from([(cell, result)]));
}
