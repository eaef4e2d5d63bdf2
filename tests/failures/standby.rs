//! The truth table of the armed standby: everything that may fail, while one serves and the other one is armed, in real labs, seen from outside and on
//! the real console. `make standby-table` writes docs/standby.tsv and the end of docs/standby.md.

mod bench;
mod cells;
mod page;
mod screen;
mod strike;
mod table;
mod verdict;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::{commit, results};
use crate::common::lab::alone;
use bench::Bench;
use cells::{Cell, Cut, Fault, Network, Part, Role, other};
use serde_json::Value;

/// Where nobody serves for so long, the radio being well, somebody could have, ms: several take-overs, and a restart of the work.
const TOO_LONG_MS: f64 = 2_500.0;

/// Where the raw results are kept.
fn raw() -> PathBuf {
    results().join("standby.jsonl")
}

/// What is wrong with a cell, if anything.
fn complaint(cell: &Cell, row: &Value) -> Option<String> {
    let is_empty = |what: &Value| what.as_array().is_none_or(Vec::is_empty);
    let serves = row["serves"].as_str();
    let expected = if cell.fault.moves() { other(cell.serving) } else { cell.serving };
    if !is_empty(&row["overlaps"]) {
        Some(format!("two owners: {}", row["overlaps"]))
    } else if !is_empty(&row["transmit_at_once"]) {
        Some(format!("two transmitters: {}", row["transmit_at_once"]))
    } else if let Some(wrong) = row["wrong"].as_str() {
        Some(wrong.to_owned())
    } else if serves != Some(expected) {
        Some(format!("{} serves and not {expected}", serves.unwrap_or("nobody")))
    } else if is_empty(&row["takeovers"]) == cell.fault.moves() {
        Some(format!("{} take-overs are recorded", row["takeovers"].as_array().map_or(0, Vec::len)))
    } else if !cell.fault.is_the_radios() && row["unserved_ms"].as_f64().is_some_and(|ms| ms > TOO_LONG_MS) {
        Some(format!("nobody served for {} ms, and one could", row["unserved_ms"]))
    } else if row["then"]["takes_over"] == false {
        Some(format!("and then it does not take over: {}", row["then"]["else"].as_str().unwrap_or_default()))
    } else {
        row["wrong_verdict"].as_str().map(str::to_owned)
    }
}

/// The result with what is wrong with it.
fn judged(cell: &Cell, mut row: Value) -> Value {
    row["complaint"] = complaint(cell, &row).into();
    row
}

/// The row of a cell, carried out in this lab or, where that is needed, in a new one, which is then left in the place of it.
fn carry_out(bench: &mut Option<Bench>, name: &str, cell: &Cell) -> Value {
    let mut there = bench.take().unwrap_or_else(|| Bench::start(name, cell.serving));
    let (row, is_good) = there.carry_out(cell);
    if is_good {
        *bench = Some(there);
    } else {
        there.end();
    }
    judged(cell, row)
}

/// What is still to be done, and what was wrong.
struct Work {
    cells: Vec<Cell>,
    wrong: Vec<String>,
}

/// Takes cells, those first that begin where the service is, until there are none left.
fn work(name: &str, work: &Mutex<Work>, began: Instant, commit: &str) {
    let locked = || work.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bench: Option<Bench> = None;
    loop {
        let cell = {
            let cells = &mut locked().cells;
            let fits = cells.iter().position(|cell| bench.as_ref().is_some_and(|bench| bench.at == cell.serving));
            if cells.is_empty() { break } else { cells.remove(fits.unwrap_or(0)) }
        };
        let mut row = carry_out(&mut bench, name, &cell);
        row["commit"] = commit.into();
        let mut file = OpenOptions::new().create(true).append(true).open(raw()).unwrap();
        // In one piece: the labs write side by side.
        file.write_all(format!("{row}\n").as_bytes()).unwrap();
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        let (serves, unserved) = (row["serves"].as_str().unwrap_or("NOBODY"), &row["unserved_ms"]);
        let mut work = locked();
        println!(
            "{minutes:5.1} {:>4} left  {cell}: {serves}, {unserved} ms, armed after {} ms",
            work.cells.len(),
            row["armed_after_ms"]
        );
        if let Some(text) = row["complaint"].as_str() {
            println!("      !!! {text}");
            work.wrong.push(format!("{cell}: {text}"));
        }
    }
    if let Some(bench) = bench {
        bench.end();
    }
}

#[test]
#[ignore = "most of an hour: make standby-table"]
fn the_standby_does_what_its_table_says() {
    let Some(_turn) = alone() else { return };
    let wanted = std::env::var("CELLS").unwrap_or_default();
    let labs = std::env::var("LABS").ok().map_or(1, |text| text.parse().unwrap());
    fs::create_dir_all(results()).unwrap();
    if wanted.is_empty() {
        let _ = fs::remove_file(raw());
    }
    let known = table::results(&raw());
    let mut cells = cells::all();
    cells.retain(|cell| match wanted.as_str() {
        "missing" => !known.contains_key(&cell.to_string()),
        kinds => kinds.split('|').any(|kind| kind.split('&').all(|part| cell.to_string().contains(part))),
    });
    assert!(!cells.is_empty(), "no cell contains any of \"{wanted}\"");
    let (todo, began, commit) = (Mutex::new(Work { cells, wrong: Vec::new() }), Instant::now(), commit());
    let (todo, commit) = (&todo, &commit);
    let broken = thread::scope(|scope| {
        let start = |lab| scope.spawn(move || work(&format!("standby-table{lab}"), todo, began, commit));
        let labs: Vec<_> = (1..=labs).map(start).collect();
        labs.into_iter().filter_map(|lab| lab.join().err()).count()
    });
    table::write(&raw());
    let wrong = &todo.lock().unwrap_or_else(PoisonError::into_inner).wrong;
    assert!(wrong.is_empty() && broken == 0, "{broken} labs broke down; {wrong:#?}");
}

#[test]
#[ignore = "make standby-table: the table from the results that are there"]
fn the_standbys_table_alone() {
    table::write(&raw());
}

/// A handful of cells, so that every run of the tests has some.
#[test]
fn a_standby_takes_over_when_it_has_to_and_stays_when_not() {
    let Some(_turn) = alone() else { return };
    let chosen = [
        Fault::Cut(Role::Serving, Network::Management, Cut::Sends),
        Fault::Kill(Role::Standby, Part::D2d),
        Fault::Kill(Role::Serving, Part::Host),
    ];
    let mut bench = None;
    for fault in chosen {
        let cell = Cell { serving: "server1", fault };
        let row = carry_out(&mut bench, "standby-cells", &cell);
        println!("{cell}: {}, {} ms", row["serves"], row["unserved_ms"]);
        assert!(row["complaint"].is_null(), "{row:#}");
    }
    bench.unwrap().end();
}

#[test]
fn the_standbys_table_has_every_fault_of_today() {
    let text = fs::read_to_string(table::file()).unwrap();
    let results = table::results(Path::new("no raw results"));
    assert!(text == table::format(&results), "docs/standby.tsv has other cells than today's: make standby-table CELLS=missing");
    let missing: Vec<String> = cells::all().iter().map(Cell::to_string).filter(|cell| !results.contains_key(cell)).collect();
    assert!(missing.is_empty(), "docs/standby.tsv has no result of {missing:#?}: make standby-table CELLS=missing");
}

#[test]
fn the_standbys_page_is_what_its_table_gives() {
    let results = table::results(Path::new("no raw results"));
    let page = fs::read_to_string(page::file()).unwrap();
    assert!(
        page.ends_with(&page::format(&table::of_today(&results))),
        "docs/standby.md is not what docs/standby.tsv gives: make standby-table, or the test the_standbys_table_alone"
    );
}
