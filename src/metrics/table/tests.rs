use super::*;
use protocol::{Interruption, Order, Phase};

/// A migration with these figures.
pub fn run(method: Method, link_ms: f64, lost: Option<u64>) -> RunRecord {
    let phase = |name: PhaseName, ms| Phase { name, ms, paper_ms: name.paper_ms() };
    RunRecord {
        radio: None,
        run: "0".into(),
        started: chrono::DateTime::UNIX_EPOCH,
        order: Order::M,
        method,
        from: "server1".into(),
        to: "server2".into(),
        relay: false,
        taken_up: false,
        by: None,
        outcome: Outcome::Ok,
        reason: None,
        failure: None,
        warnings: Vec::new(),
        phases: vec![phase(PhaseName::TunIp, 0.4), phase(PhaseName::StopSource, 12.0), phase(PhaseName::LinkUsrp, link_ms)],
        trace: Vec::new(),
        handover: None,
        mechanism: None,
        packets_forwarded: 0,
        total_ms: link_ms + 12.4,
        interruption: Interruption {
            by_phases_ms: Some(link_ms),
            probe_interval_ms: lost.map(|_| 100.0),
            probes_sent: lost.map(|_| 50),
            probes_lost: lost,
            by_loss_ms: lost.map(|lost| lost as f64 * 100.0),
            gap_ms: lost.map(|lost| lost as f64 * 100.0 + 3.25),
        },
        rollback: None,
        held_ms: None,
    }
}

#[test]
fn medians() {
    for (values, expected) in [
        (vec![], None),
        (vec![3.0], Some(3.0)),
        (vec![4.0, 1.0], Some(2.5)),
        (vec![9.0, 1.0, 2.0], Some(2.0)),
        (vec![1.0, 2.0, 3.0, 100.0], Some(2.5)),
    ] {
        assert_eq!(median(values.clone()), expected, "{values:?}");
    }
}

#[test]
fn the_table_has_a_column_for_each_method_and_leaves_failures_out() {
    let mut failed = run(Method::Classic, 9999.0, Some(99));
    failed.outcome = Outcome::Failed;
    let runs =
        [run(Method::Classic, 100.0, Some(2)), failed, run(Method::Cold, 2500.0, None), run(Method::Classic, 300.0, Some(4))];
    let table = TimingTable::from_runs(&runs);
    let column = |method, runs| Column { method, relay: false, runs };
    assert_eq!(table.columns, [column(Method::Classic, 2), column(Method::Cold, 1)]);
    let row = |name: &str| table.rows.iter().find(|r| r.name == name).unwrap();
    assert_eq!(row("link_usrp").figures, [Some(200.0), Some(2500.0)]);
    assert_eq!(row("lost").figures, [Some(3.0), None]);
    assert_eq!(row("stop_source").paper, None);
    assert!(table.rows.iter().all(|r| r.name != "set_route"));
    let text = table.text();
    assert!(text.is_ascii());
    let (table, resolution) = text.trim_end().rsplit_once('\n').unwrap();
    let widths: Vec<usize> = table.lines().map(str::len).collect();
    assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    assert!(resolution.contains("100 ms at rest"), "{text}");
    assert!(table.lines().any(|row| row.starts_with("lost") && row.contains(" 3 ")), "a count has decimals:\n{text}");
}

#[test]
fn a_relay_has_a_column_of_its_own_beside_the_paper() {
    let relay = RunRecord { relay: true, ..run(Method::Classic, 300.0, Some(4)) };
    let table = TimingTable::from_runs(&[run(Method::Classic, 100.0, Some(2)), relay]);
    assert_eq!(table.columns.iter().map(|column| column.relay).collect::<Vec<_>>(), [false, true]);
    let row = |name: &str| table.rows.iter().find(|r| r.name == name).unwrap();
    assert_eq!(row("by_phases").figures, [Some(100.0), Some(300.0)]);
    assert_eq!((row("by_phases").paper_relay, row("total").paper_relay), (Some(1858.0), Some(2173.0)));
    let text = table.text();
    assert!(text.contains("classic, relay") && text.contains("2173"), "{text}");
}

#[test]
fn an_empty_table_shows_the_paper() {
    assert!(TimingTable::from_runs(&[]).text().contains("1743"));
}

#[test]
fn a_run_says_what_was_counted_at_the_cut() {
    let mut moved = run(Method::Seamless, 1.0, None);
    assert!(!outcome(&moved).contains("at the cut"));
    moved.packets_forwarded = 3;
    assert!(outcome(&moved).ends_with("  at the cut: 3 packets of the source's programs forwarded\n"));
    moved.handover = Some(Handover { payloads_again: 12, payloads_missing: 1, packets_left_behind: 2 });
    let line = "  at the cut: 12 payloads received by both hosts and delivered once, 1 by neither, 2 waiting packets left behind, \
                3 packets of the source's programs forwarded\n";
    assert!(outcome(&moved).ends_with(line));
}

#[test]
fn a_failed_run_says_why_and_what_to_do() {
    let mut failed = run(Method::Classic, 1.0, None);
    failed.outcome = Outcome::RolledBack;
    failed.reason = Some("link_usrp on server2: no radio. server1 still serves.".into());
    failed.failure = Some(protocol::Failure::new(protocol::ErrorCode::Radio, "no radio").hint("look at its lamps"));
    failed.warnings.push("the probe was late".into());
    let text = outcome(&failed);
    for part in ["M classic: server1 -> server2: rolled back", "server1 still serves.", "look at its lamps", "warning: the probe"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(list(&[failed]).lines().count(), 3);
}

/// The paper's figure was called `source_ms` up to 0.2.0.
#[test]
fn records_of_0_2_0_are_read() {
    for name in ["paper_ms", "source_ms"] {
        let phase: Phase = serde_json::from_str(&format!("{{\"name\": \"eth3\", \"ms\": 1.0, \"{name}\": 6.0}}")).unwrap();
        assert_eq!(phase, Phase { name: PhaseName::Eth3, ms: 1.0, paper_ms: Some(6.0) });
    }
    let origin: protocol::Origin = serde_json::from_str("\"source\"").unwrap();
    assert_eq!(origin, protocol::Origin::Paper);
}
