//! Every fault at every step of every migration, in real labs, seen from outside: `make failures` writes docs/failures.tsv and
//! docs/failures.md.
//!
//! Needs root.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy knows that of #[test] functions only"
)]

#[path = "../common"]
mod common {
    pub mod ends;
    pub mod lab;
    pub mod machine;
    pub mod needs;
    pub mod pty;
    pub mod transmitters;
    pub mod watch;
}

mod bench;
mod cells;
mod outside;
mod page;
mod standby;
mod strike;
mod table;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::common::lab::{alone, text};
use baton::migration::flow::Side;
use bench::Bench;
use cells::{Cell, Fault, Paused, Process, form_of};
use protocol::{Form, Method, Order};
use serde_json::Value;

/// Labs side by side: a cell mostly waits, but a lab has a modem to run all the while.
const LABS: usize = 2;

/// Where the raw results are kept.
fn results() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("failures")
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        output.map_or_else(|_| String::new(), |output| text(&output.stdout).trim().to_owned())
    };
    // docs/, where the results are kept, does not change what was tested.
    let changed = !git(&["status", "--porcelain", "--", "src", "crates", "tests", "Cargo.lock"]).is_empty();
    format!("{}{}", git(&["rev-parse", "--short", "HEAD"]), if changed { " with changes" } else { "" })
}

/// What is wrong with a cell, if anything.
fn complaint(cell: &Cell, row: &Value) -> Option<String> {
    let is_empty = |what: &Value| what.as_array().is_none_or(Vec::is_empty);
    let wrong = if row["struck"] != true {
        "the fault did not strike".to_owned()
    } else if !is_empty(&row["overlaps"]) {
        format!("two owners: {}", row["overlaps"])
    } else if !is_empty(&row["transmit_at_once"]) {
        format!("two transmitters: {}", row["transmit_at_once"])
    } else if row["outcome"].is_null() {
        "no record".to_owned()
    } else if row["serves"].is_null() && cell.fault != Fault::DeafThroughout {
        "nobody serves, and a server could".to_owned()
    } else if !row["left"].is_null() && row["outcome"] == "ok" && is_empty(&row["warnings"]) {
        format!("not said: {}", row["left"])
    } else {
        return None;
    };
    Some(format!("{cell}: {wrong}"))
}

/// What is still to be done, and what was wrong.
struct Work {
    cells: Vec<Cell>,
    wrong: Vec<String>,
    done: usize,
}

/// Takes cells that begin where the service is, until there are none left.
fn work(lab: usize, work: &Mutex<Work>, began: Instant, commit: &str) {
    let locked = || work.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("failures{lab}");
    let Some(form) = locked().cells.first().map(|cell| form_of(cell.place.method)) else { return };
    let mut bench = Bench::start(&name, form);
    loop {
        let of_form = |cell: &Cell| form_of(cell.place.method) == bench.form;
        let (cell, next) = {
            let mut work = locked();
            let fits = work.cells.iter().position(|cell| of_form(cell) && cell.place.host(Side::Source) == bench.at);
            let next = work.cells.iter().any(of_form).then_some(bench.form);
            let next = next.or_else(|| work.cells.first().map(|cell| form_of(cell.place.method)));
            (fits.map(|index| work.cells.remove(index)), next)
        };
        match next.filter(|_| cell.is_none()) {
            Some(form) if form != bench.form => {
                bench.end();
                bench = Bench::start(&name, form);
                continue;
            }
            None if cell.is_none() => break,
            _ => {}
        }
        let Some(cell) = cell else {
            bench.move_over();
            continue;
        };
        let mut row = bench.carry_out(&cell);
        row["commit"] = commit.into();
        let mut file = OpenOptions::new().create(true).append(true).open(results().join("cells.jsonl")).unwrap();
        // In one piece: the labs write side by side.
        file.write_all(format!("{row}\n").as_bytes()).unwrap();
        let mut work = locked();
        work.done += 1;
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        let (outcome, serves) = (row["outcome"].as_str().unwrap_or("-"), row["serves"].as_str().unwrap_or("NOBODY"));
        println!("{minutes:5.1} {:>4} left  {cell}: {outcome}, {serves}, {} ms", work.cells.len(), row["unserved_ms"]);
        if let Some(wrong) = complaint(&cell, &row) {
            println!("      !!! {wrong}");
            work.wrong.push(wrong);
        }
    }
    bench.end();
}

#[test]
#[ignore = "an hour: make failures"]
fn no_fault_at_any_step_makes_two_owners_or_none() {
    let Some(_turn) = alone() else { return };
    let wanted = std::env::var("CELLS").unwrap_or_default();
    let labs = std::env::var("LABS").ok().map_or(LABS, |text| text.parse().unwrap());
    fs::create_dir_all(results()).unwrap();
    if wanted.is_empty() {
        let _ = fs::remove_file(results().join("cells.jsonl"));
    }
    let mut cells = cells::all();
    let known = table::results(&results().join("cells.jsonl"));
    cells.retain(|cell| match wanted.as_str() {
        "missing" => !known.contains_key(&cell.to_string()),
        kinds => kinds.split('|').any(|kind| kind.split('&').all(|part| cell.to_string().contains(part))),
    });
    // The source system's methods first, and the slowest of each last: most is known early.
    cells.sort_by_key(|cell| {
        let ours = matches!(cell.place.method, Method::Hot | Method::Seamless);
        (ours, cell.fault == Fault::DeafThroughout)
    });
    assert!(!cells.is_empty(), "no cell contains any of \"{wanted}\"");
    let (todo, began, commit) = (Mutex::new(Work { cells, wrong: Vec::new(), done: 0 }), Instant::now(), commit());
    let (todo, commit) = (&todo, &commit);
    let broken = thread::scope(|scope| {
        let labs: Vec<_> = (1..=labs).map(|lab| scope.spawn(move || work(lab, todo, began, commit))).collect();
        labs.into_iter().filter_map(|lab| lab.join().err()).count()
    });
    let Work { wrong, done, .. } = &*todo.lock().unwrap_or_else(PoisonError::into_inner);
    table::write(&results().join("cells.jsonl"));
    println!("{done} cells in {:.0} min, {} of them wrong", began.elapsed().as_secs_f64() / 60.0, wrong.len());
    assert!(wrong.is_empty() && broken == 0, "{broken} labs broke down; {wrong:#?}");
}

#[test]
#[ignore = "make failures: the table from the results that are there"]
fn the_table_alone() {
    table::write(&results().join("cells.jsonl"));
}

/// A handful of cells, so that every run of the tests has some.
#[test]
fn faults_of_each_kind_leave_one_owner() {
    let Some(_turn) = alone() else { return };
    let chosen = [
        (Order::M, Method::Classic, "link_usrp", Fault::Error),
        (Order::M, Method::Hot, "take_over", Fault::Lost),
        (Order::M, Method::Cold, "double_kill", Fault::DiesAfter),
        (Order::MB, Method::Hot, "prepare", Fault::Kill(Side::Destination, Process::Usrp)),
        (Order::M, Method::Classic, "make_usrp", Fault::Deaf),
        (Order::MB, Method::Classic, "link_usrp", Fault::RadioPort),
        (Order::M, Method::Hot, "take_over", Fault::Pause(Side::Destination, Paused::Agent, 1000)),
        (Order::M, Method::Hot, "take_over", Fault::OneWay),
        (Order::M, Method::Classic, "await_sync", Fault::Pause(Side::Source, Paused::Agent, 1000)),
        (Order::M, Method::Hot, "double_kill", Fault::Pause(Side::Source, Paused::Process(Process::Usrp), 1000)),
        (Order::M, Method::Hot, "freeze", Fault::OneWay),
    ];
    let mut bench = Bench::start("failures", Form::Processes);
    for (order, method, command, fault) in chosen {
        let place = cells::places(order, method).into_iter().find(|place| place.command() == command).unwrap();
        let cell = place.takes(fault).unwrap();
        if bench.at != place.host(Side::Source) {
            bench.move_over();
        }
        let row = bench.carry_out(&cell);
        println!("{cell}: {}, {}", row["outcome"], row["serves"]);
        assert_eq!(complaint(&cell, &row), None, "{row:#}");
    }
    bench.end();
}

#[test]
fn the_table_has_every_fault_at_every_step_of_today() {
    let text = fs::read_to_string(table::file()).unwrap();
    let results = table::results(Path::new("no raw results"));
    assert!(text == table::format(&results), "docs/failures.tsv is not what today's flows give: make failures CELLS=missing");
}

#[test]
fn the_page_has_the_totals_of_the_table() {
    let results = table::results(Path::new("no raw results"));
    let page = fs::read_to_string(page::file()).unwrap();
    let machine = page.lines().find(|line| line.starts_with("Machine: ")).unwrap();
    let generated = page::format(&table::of_today(&results), machine);
    assert!(
        page.ends_with(&generated),
        "docs/failures.md is not what docs/failures.tsv gives: make failures, or the test the_table_alone"
    );
}
