//! docs/standby.tsv: what came of each cell, one line a cell. Lines of cells that were not run again stay as they are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::table::raw_rows;
use super::cells::{self, Cell};

const HEADER: &str = "serving\tfails\thow\tserves\tserved_at_its_end\tunserved_ms\ttakeovers\tarmed\tarmed_after_ms\tthen_ms\tscreen\tstandby_on_screen\twrong\tcommit";
const NOBODY: &str = "nobody";
const NOT_RUN: &str = "not run";

/// What came of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellResult {
    /// Who serves once all is settled.
    pub serves: String,
    /// Whether the far end was answered when the fault ended.
    pub served_at_end: bool,
    /// For how long nobody served, ms.
    pub unserved_ms: u64,
    /// Who took over, and why; empty where nobody did.
    pub takeovers: String,
    pub armed: String,
    /// From the fault on; 0 where it was armed all the time.
    pub armed_after_ms: u64,
    /// For how long nobody served when the one that serves was then killed, ms; empty where that was not tried.
    pub then_ms: String,
    /// Its verdicts, one after the other.
    pub screen: String,
    /// What it said of the standby.
    pub standby: String,
    /// What is wrong, if anything.
    pub wrong: String,
    pub commit: String,
}

/// By the name of the cell.
pub type Results = BTreeMap<String, CellResult>;

pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/standby.tsv")
}

/// The table, then the raw results on top of it.
pub fn results(raw: &Path) -> Results {
    let mut results = parse(&fs::read_to_string(file()).unwrap_or_default());
    results.extend(raw_rows(raw).into_iter().map(|(cell, row)| (cell, CellResult::from_raw(&row))));
    results
}

impl CellResult {
    pub fn from_raw(row: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let listed = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let takeovers: Vec<String> = listed(&row["takeovers"])
            .iter()
            .map(|one| format!("{}: {}", text(&one["to"]), text(&one["cause"]).trim_start_matches("Cause: ").trim_end_matches('.')))
            .collect();
        let host = |value: &Value| value.as_str().unwrap_or(NOBODY).to_owned();
        Self {
            serves: host(&row["serves"]),
            served_at_end: row["served_while"] == true,
            unserved_ms: row["unserved_ms"].as_f64().unwrap_or_default().round() as u64,
            takeovers: takeovers.join("; "),
            armed: host(&row["armed"]),
            armed_after_ms: row["armed_after_ms"].as_u64().unwrap_or_default(),
            then_ms: row["then"]["unserved_ms"]
                .as_f64()
                .filter(|_| row["then"]["takes_over"] == true)
                .map_or_else(String::new, |ms| ms.to_string()),
            screen: in_turn(listed(&row["screen"]).iter().map(|one| text(&one["verdict"]))),
            standby: in_turn(listed(&row["screen"]).iter().map(|one| text(&one["standby"]))),
            wrong: text(&row["complaint"]),
            commit: text(&row["commit"]),
        }
    }
}

/// What follows itself is said once.
fn in_turn(said: impl Iterator<Item = String>) -> String {
    let mut turns: Vec<String> = Vec::new();
    for text in said {
        let text = if text.is_empty() { "-".to_owned() } else { text };
        if turns.last() != Some(&text) {
            turns.push(text);
        }
    }
    turns.join(" > ")
}

fn parse(text: &str) -> Results {
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap_or(HEADER), HEADER, "docs/standby.tsv has other columns");
    lines.filter_map(parse_line).collect()
}

/// `None` of a cell without a result.
fn parse_line(line: &str) -> Option<(String, CellResult)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [serving, fails, how, serves, at_end, unserved, takeovers, armed, armed_after, then, screen, standby, wrong, commit] =
        fields[..]
    else {
        panic!("docs/standby.tsv: not 14 columns: {line}")
    };
    let result = CellResult {
        serves: serves.into(),
        served_at_end: at_end == "yes",
        unserved_ms: unserved.parse().ok()?,
        takeovers: takeovers.into(),
        armed: armed.into(),
        armed_after_ms: armed_after.parse().ok()?,
        then_ms: then.into(),
        screen: screen.into(),
        standby: standby.into(),
        wrong: wrong.into(),
        commit: commit.into(),
    };
    Some((format!("{serving} serves; {fails}: {how}"), result))
}

fn columns_of_result(result: &CellResult) -> String {
    let CellResult { serves, served_at_end, unserved_ms, takeovers, armed, .. } = result;
    let CellResult { armed_after_ms, then_ms, screen, standby, wrong, commit, .. } = result;
    let at_end = if *served_at_end { "yes" } else { "no" };
    let service = format!("{serves}\t{at_end}\t{unserved_ms}\t{takeovers}");
    format!("{service}\t{armed}\t{armed_after_ms}\t{then_ms}\t{screen}\t{standby}\t{wrong}\t{commit}")
}

/// The whole table: every fault of today with each host serving.
pub fn format(results: &Results) -> String {
    let mut text = format!("{HEADER}\n");
    for cell in cells::all() {
        let result = results.get(&cell.to_string()).map_or_else(|| format!("{NOT_RUN}{}", "\t".repeat(10)), columns_of_result);
        let _ = writeln!(text, "{}\t{}\t{}\t{result}", cell.serving, cell.fault.what(), cell.fault.how());
    }
    text
}

/// Results of today's cells, in the order of the table.
pub fn of_today(results: &Results) -> Vec<(Cell, &CellResult)> {
    cells::all().into_iter().filter_map(|cell| results.get(&cell.to_string()).map(|result| (cell, result))).collect()
}

/// Writes the table and the page.
pub fn write(raw: &Path) {
    let results = results(raw);
    fs::write(file(), format(&results)).unwrap();
    super::page::write(&of_today(&results));
}

#[test]
fn a_raw_result_is_the_same_written_and_read_again() {
    let cell = cells::all()[5].to_string();
    let raw = serde_json::json!({
        "cell": cell, "serves": "server2", "served_while": true, "unserved_ms": 24.4, "armed": "server1", "armed_after_ms": 11_500,
        "takeovers": [{"to": "server2", "cause": "Cause: server1 sent no heartbeat for 20.4 ms."}],
        "screen": [{"verdict": "SERVING", "standby": null}, {"verdict": "SERVING", "standby": "server1 armed"}], "commit": "abc",
    });
    let result = CellResult::from_raw(&raw);
    assert_eq!(result.takeovers, "server2: server1 sent no heartbeat for 20.4 ms");
    assert_eq!((result.screen.as_str(), result.standby.as_str()), ("SERVING", "- > server1 armed"));
    assert_eq!(parse(&format(&Results::from([(cell.clone(), result.clone())]))), Results::from([(cell, result)]));
}
