use super::*;
use crate::metrics::table::tests::run;
use protocol::{Method, Order, Outcome, TracePart};

fn some() -> Vec<RunRecord> {
    let mut runs = vec![
        run(Method::Classic, 100.0, Some(2)),
        run(Method::Cold, 400.0, None),
        run(Method::Classic, 300.0, Some(4)),
        run(Method::Classic, 9e3, None),
    ];
    for (i, run) in runs.iter_mut().enumerate() {
        run.run = format!("0199-{i}abcdefg{i}");
        run.started += chrono::TimeDelta::minutes(i as i64);
    }
    runs[2].order = Order::MB;
    runs[1].by = Some("ada@lab".into());
    runs[3].outcome = Outcome::RolledBack;
    runs[3].reason = Some("no radio".into());
    runs
}

#[test]
fn filters_choose() {
    let runs = some();
    for (text, expected) in [
        ("", vec![0, 1, 2, 3]),
        ("classic", vec![0, 2, 3]),
        ("CLASSIC ok", vec![0, 2]),
        ("method:cold", vec![1]),
        ("!method:cold", vec![0, 2, 3]),
        ("by:ada", vec![1]),
        ("outcome:rolled", vec![3]),
        ("radio", vec![3]),
        ("order:mb", vec![2]),
        ("total>200 total<500", vec![1, 2]),
        ("lost>2", vec![2]),
        ("link_usrp<150", vec![0]),
        ("started:1970-01-01", vec![0, 1, 2, 3]),
        ("00:02:00", vec![2]),
        ("run:2abc", vec![2]),
        ("nonsense", vec![]),
    ] {
        let filter = Filter::parse(text).unwrap();
        let chosen: Vec<usize> = runs.iter().enumerate().filter(|(_, run)| filter.admits(run)).map(|(i, _)| i).collect();
        assert_eq!(chosen, expected, "{text}");
    }
    for (text, hint) in [("total>fast", "a number"), ("speed>3", "total"), ("who:ada", "fields are run")] {
        let failure = Filter::parse(text).unwrap_err();
        assert!(failure.message.contains(text) && failure.hint.is_some_and(|h| h.contains(hint)), "{text}");
    }
}

#[test]
fn sorted_by_every_key_and_what_was_not_measured_last() {
    let runs = some();
    let order = |key, reverse| {
        let (mut places, first) = (vec![0, 1, 2, 3], super::order(key, reverse));
        places.sort_by(|a: &usize, b| first(&runs[*a], &runs[*b]));
        places
    };
    assert_eq!(order(SortKey::Started, false), [0, 1, 2, 3]);
    assert_eq!(order(SortKey::Started, true), [3, 2, 1, 0]);
    assert_eq!(order(SortKey::Total, true), [3, 1, 2, 0]);
    assert_eq!(order(SortKey::Lost, false), [0, 2, 1, 3]);
    assert_eq!(order(SortKey::Lost, true), [2, 0, 3, 1]);
    assert_eq!(order(SortKey::Method, false), [0, 2, 3, 1]);
    assert_eq!(order(SortKey::Outcome, true)[0], 3);
    assert_eq!(SortKey::Started.step(-1), SortKey::Gap);
    assert_eq!(SortKey::Gap.step(1), SortKey::Started);
}

#[test]
fn spreads_by_nearest_rank() {
    let spread = Spread::from_values((1..=100).map(f64::from).collect()).unwrap();
    assert_eq!((spread.n, spread.median, spread.min, spread.max), (100, 50.5, 1.0, 100.0));
    assert_eq!((spread.p95, spread.p99), (95.0, 99.0));
    assert_eq!(Spread::from_values(vec![7.0, f64::NAN]).map(|s| (s.n, s.p95, s.p99)), Some((1, 7.0, 7.0)));
    assert_eq!(Spread::from_values(vec![]), None);
}

#[test]
fn groups_stand_side_by_side_and_failures_are_counted_not_mixed_in() {
    let runs = some();
    let runs: Vec<&RunRecord> = runs.iter().collect();
    let by_method = compare(&runs, GroupBy::Method);
    let groups: Vec<(&str, usize, usize)> = by_method.groups.iter().map(|g| (g.name.as_str(), g.runs, g.left_out)).collect();
    assert_eq!(groups, [("classic", 2, 1), ("cold", 1, 0)]);
    let link = by_method.rows.iter().find(|row| row.name == "link_usrp").unwrap();
    assert_eq!(
        link.spreads.iter().map(|s| s.map(|s| (s.median, s.max))).collect::<Vec<_>>(),
        [Some((200.0, 300.0)), Some((400.0, 400.0))]
    );
    assert_eq!(link.paper, Some(1743.0));
    assert_eq!(compare(&runs, GroupBy::Run).groups.len(), 4);
    let names: Vec<String> = compare(&runs, GroupBy::Direction).groups.into_iter().map(|g| g.name).collect();
    assert_eq!(names, ["classic M", "cold M", "classic MB"]);
    let lost = |of: &[&RunRecord]| compare(of, GroupBy::Method).rows.iter().find(|row| row.name == "lost").unwrap().spreads[0];
    assert_eq!(lost(&[runs[0], runs[2]]).map(|s| s.median), Some(3.0));
    let mut faster = runs[2].clone();
    faster.interruption.probe_interval_ms = Some(1.0);
    assert_eq!(lost(&[runs[0], &faster]), None, "counts at two intervals do not compare");
    let mut relay = runs[0].clone();
    relay.relay = true;
    assert_eq!(compare(&[runs[0], &relay], GroupBy::Method).groups.len(), 2, "a relay's figures stand apart");
    let text = by_method.text();
    assert!(text.contains("classic (n = 2, 1 left out)") && text.contains("200 / 300 / 100 / 300"), "{text}");
}

#[test]
fn the_parts_of_a_cut_are_taken_together_by_what_a_host_was_not_by_its_name() {
    let part = |host: &str, part: &str, at_us, us| TracePart { host: host.into(), part: part.into(), at_us, us };
    let mut there = run(Method::Hot, 1.0, Some(0));
    let mut back = there.clone();
    (there.from, there.to) = ("one".into(), "two".into());
    (back.from, back.to) = ("two".into(), "one".into());
    there.trace = vec![part("two", "claim", 900, 40), part("one", "freeze", 100, 10), part("one", "away", 110, 5)];
    back.trace = vec![part("two", "freeze", 7, 30), part("two", "away", 57, 5), part("one", "claim", 9, 60)];
    let comparison = compare(&[&there, &back], GroupBy::Method);
    let medians = |spreads: &[Option<Spread>]| spreads.iter().map(|s| s.map(|s| s.median)).collect::<Vec<_>>();
    let rows: Vec<_> =
        comparison.parts.iter().map(|p| (p.side.as_str(), p.part.as_str(), medians(&p.begins_us), medians(&p.took_us))).collect();
    assert_eq!(
        rows,
        [
            ("source", "freeze", vec![Some(0.0)], vec![Some(20.0)]),
            ("source", "away", vec![Some(30.0)], vec![Some(5.0)]),
            ("destination", "claim", vec![Some(0.0)], vec![Some(50.0)]),
        ]
    );
    assert!(comparison.parts_text().contains("30 / 5 / 5 / 5"), "{}", comparison.parts_text());
    let other = run(Method::Cold, 1.0, Some(0));
    assert_eq!(compare(&[&other, &there], GroupBy::Method).parts[0].took_us[0], None, "a method that keeps none has none");
    assert_eq!(compare(&[&other], GroupBy::Method).parts_text(), "");
}

#[test]
fn a_run_is_found_by_any_part_of_its_own() {
    let runs = some();
    assert_eq!(find(&runs, "last").unwrap(), &runs[3]);
    assert_eq!(find(&runs, "g1").unwrap(), &runs[1]);
    assert!(find(&runs, "0199").unwrap_err().message.contains("4 runs"));
    assert!(find(&runs, "zz").unwrap_err().message.contains("no record"));
    assert!(find(&[], "last").is_err());
    assert_eq!(short(&runs[0].run), "abcdefg0");
    assert_eq!(short("a\u{e9}"), "a\u{e9}");
}

#[test]
fn files_carry_their_stamp_and_keep_their_columns() {
    let mut runs = some();
    runs[1].by = Some("=cmd|'a,b\"".into());
    let runs: Vec<&RunRecord> = runs.iter().collect();
    let text = csv(&runs[..2]);
    assert!(text.contains("0199-0abcdefg0,1970-01-01T00:00:00.000Z,"), "{text}");
    assert!(text.contains(",link_usrp,link entity to radio,ms,100,1743\n"), "{text}");
    assert!(text.contains("\"'=cmd|'a,b\"\"\""), "{text}");
    assert!(text.contains(",lost,pings lost,count,,19\n"), "not measured is empty: {text}");
    assert_eq!(text, csv(&runs[..2]));
    let document = json(&runs);
    assert_eq!(document["runs"].as_array().map(Vec::len), Some(4));
    assert_eq!(document["baton"], env!("CARGO_PKG_VERSION"));
}
