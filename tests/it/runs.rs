//! `baton runs` as the operator calls it: list, show, compare, export, with exit codes and sentences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};

use baton::metrics::records;
use protocol::{Interruption, Method, Order, Outcome, Phase, PhaseName, RunRecord};
use serde_json::Value;

fn record(n: u32, method: Method, factor: f64) -> RunRecord {
    let phases = PhaseName::ALL.into_iter().filter(|name| name.paper_ms().is_some());
    RunRecord {
        radio: None,
        run: format!("01990000-0000-7000-8000-00000000000{n}"),
        started: "2026-11-20T09:53:22Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap() + chrono::TimeDelta::minutes(n.into()),
        order: if n.is_multiple_of(2) { Order::M } else { Order::MB },
        method,
        from: "server1".into(),
        to: "server2".into(),
        relay: false,
        taken_up: false,
        by: Some("ada@lab".into()),
        outcome: if n == 5 { Outcome::RolledBack } else { Outcome::Ok },
        reason: (n == 5).then(|| "link_usrp on server2: no radio. server1 serves.".into()),
        failure: None,
        warnings: vec![],
        phases: phases.map(|name| Phase { name, ms: 2.0 * factor, paper_ms: name.paper_ms() }).collect(),
        total_ms: 13.0 * factor,
        held_ms: None,
        trace: Vec::new(),
        handover: None,
        mechanism: None,
        packets_forwarded: 0,
        interruption: Interruption {
            by_phases_ms: (n != 5).then_some(6.0 * factor),
            probe_interval_ms: Some(1.0),
            probes_sent: Some(2000),
            probes_lost: Some(n.into()),
            by_loss_ms: Some(n.into()),
            gap_ms: None,
        },
        rollback: None,
    }
}

/// A cluster file, and six records in its folder.
fn recorded(folder: &Path) -> String {
    let records = folder.join("records");
    for n in 0..6 {
        records::append(&records, &record(n, if n < 3 { Method::Classic } else { Method::Cold }, f64::from(n + 1))).unwrap();
    }
    let file = folder.join("baton.toml");
    let text = config::example_in(folder);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn runs(file: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(["--config", file, "runs"]).args(arguments).env_remove("BATON_CONFIG").output().unwrap()
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(file: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(runs(file, arguments))).unwrap()
}

#[test]
fn runs_are_listed_filtered_and_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let ends = |arguments: &[&str]| -> String {
        let document = json(&file, arguments);
        document["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().chars().last().unwrap()).collect()
    };
    assert_eq!(ends(&["--json"]), "012345");
    assert_eq!(ends(&["--last", "2", "--json"]), "45");
    assert_eq!(ends(&["list", "--filter", "classic", "--json"]), "012");
    assert_eq!(ends(&["list", "--filter", "cold !outcome:ok", "--json"]), "5");
    assert_eq!(ends(&["list", "--sort", "total", "--reverse", "--json"]), "543210");
    assert_eq!(ends(&["list", "--sort", "phases", "--reverse", "--json"]), "432105", "what was not measured stands last");
    let text = stdout(runs(&file, &["list", "--filter", "lost>3"]));
    assert!(text.contains("rolled back") && text.contains("no radio") && text.lines().count() > 10, "{text}");
    assert!(stdout(runs(&file, &["--filter", "nobody"])).contains("None of the 6 runs"));
}

#[test]
fn a_run_is_shown_and_runs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    assert_eq!(json(&file, &["show", "--json"])["reason"], "link_usrp on server2: no radio. server1 serves.");
    let text = stdout(runs(&file, &["show", "0002"]));
    for part in ["run 01990000-0000-7000-8000-000000000002", "by ada@lab", "link_usrp", "2000 pings sent", "one clock, server2's"] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    let two = json(&file, &["compare", "0001", "0004", "--json"]);
    assert_eq!(two["groups"].as_array().unwrap().len(), 2);
    let all = json(&file, &["compare", "--json"]);
    let groups: Vec<(&str, u64, u64)> = all["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (g["name"].as_str().unwrap(), g["runs"].as_u64().unwrap(), g["left_out"].as_u64().unwrap()))
        .collect();
    assert_eq!(groups, [("classic", 3, 0), ("cold", 2, 1)]);
    let link = all["rows"].as_array().unwrap().iter().find(|row| row["name"] == "link_usrp").unwrap();
    assert_eq!(link["spreads"][0], serde_json::json!({"n": 3, "median": 4.0, "p95": 6.0, "p99": 6.0, "min": 2.0, "max": 6.0}));
    assert_eq!(link["paper"], 1743.0);
    assert!(stdout(runs(&file, &["compare", "--filter", "cold"])).contains("cold (n = 2, 1 left out)"));
}

#[test]
fn exports_are_the_same_bytes_for_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    for format in ["svg", "png", "text", "ansi", "json", "csv"] {
        let out = folder.path().join(format!("run.{format}"));
        let out = out.to_str().unwrap();
        assert!(stdout(runs(&file, &["export", "0002", "--format", format, "--out", out])).is_empty());
        let piped = runs(&file, &["export", "0002", "--format", format]);
        assert!(piped.status.success());
        let written = std::fs::read(out).unwrap();
        assert_eq!(piped.stdout, written, "{format}");
        // The run's identity is in the pixels of a PNG, where no test reads it.
        let readable = String::from_utf8_lossy(&written).contains("01990000-0000-7000-8000-000000000002");
        assert_eq!(readable, format != "png", "{format}");
    }
    let last = stdout(runs(&file, &["export", "--last", "--format", "text", "--columns", "80", "--rows", "24"]));
    assert!(last.contains("ROLLED BACK") && last.lines().all(|line| line.chars().count() <= 80), "{last}");
}

#[test]
fn an_export_is_masked_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("records");
    let file = recorded(folder.path());
    let mut secret = record(7, Method::Hot, 1.0);
    secret.outcome = Outcome::Failed;
    secret.reason = Some("192.168.10.2 did not answer grace@ship".into());
    secret.by = Some("grace@ship".into());
    records::append(&records, &secret).unwrap();
    for format in ["svg", "text", "ansi", "json", "csv"] {
        let plain = stdout(runs(&file, &["export", "--last", "--format", format]));
        let masked = stdout(runs(&file, &["export", "--last", "--format", format, "--privacy"]));
        for word in ["192.168.10.2", "grace@ship"] {
            assert!(plain.contains(word) || format == "csv", "{format} does not hold {word}: nothing is shown by masking it");
            assert!(!masked.contains(word), "{format} shows {word}");
        }
        assert!(masked.contains("01990000-0000-7000-8000-000000000007"), "{format}");
    }
    let png = |options: &[&str]| runs(&file, &[&["export", "--last", "--format", "png"], options].concat()).stdout;
    assert_ne!(png(&[]), png(&["--privacy"]));
}

/// Of a later version, or torn: the rest is shown.
#[test]
fn lines_that_can_not_be_read_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let path = folder.path().join("records").join(records::FILE);
    let known = std::fs::read_to_string(&path).unwrap();
    let later = known.lines().next().unwrap().replace("\"classic\"", "\"teleport\"");
    assert!(later.contains("teleport"));
    std::fs::write(&path, format!("{later}\n{known}{{\"run\":")).unwrap();
    let output = runs(&file, &["list"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("2 lines") && stderr.contains("line 1 is the first"), "{stderr}");
    assert_eq!(stdout(output).lines().filter(|line| line.starts_with("2026-11-20")).count(), 6);
}

#[test]
fn a_hot_run_is_shown_with_the_parts_of_its_cut() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let mut hot = record(8, Method::Hot, 0.1);
    let part = |host: &str, part: &str, at_us, us| protocol::TracePart { host: host.into(), part: part.into(), at_us, us };
    hot.trace = vec![part("server1", "freeze D2D", 1_000_000, 412), part("server2", "eth3 to the radio", 77, 650)];
    records::append(&folder.path().join("records"), &hot).unwrap();
    let shown = stdout(runs(&file, &["show"]));
    let row = |what: &str| shown.lines().find(|line| line.ends_with(what)).unwrap_or_else(|| panic!("{what}: {shown}")).to_owned();
    assert!(row("freeze D2D").starts_with("server1            0       412  #"), "{shown}");
    assert!(row("eth3 to the radio").contains("######"), "{shown}");
}

#[test]
fn what_is_not_there_is_a_sentence_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let nowhere = folder.path().join("none/x.svg").display().to_string();
    let table: [(&[&str], i32, &str); 7] = [
        (&["show", "zz"], 2, "no record of a run \"zz\""),
        (&["show", "0199"], 2, "may mean 6 runs"),
        (&["compare", "0001", "zz"], 2, "no record"),
        (&["list", "--filter", "total>much"], 2, "a number stands after"),
        (&["export"], 2, "<RUN>"),
        (&["export", "--last", "--columns", "20"], 2, "60"),
        (&["export", "--last", "--out", &nowhere], 1, "cannot be written"),
    ];
    for (arguments, code, sentence) in table {
        let output = runs(&file, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(sentence), "{arguments:?}: {stderr}");
    }
}
