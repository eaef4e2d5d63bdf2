//! Before, during and after a migration: the question and its options, hold, go and cancel, plans, the interval of the pings.

use super::{picture, press};
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Heard, Msg, Purpose};
use crate::ui::place::Screen;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{
    Answer, Command, ErrorCode, Expected, Failure, Method, Order, OrderRequest, OrderStage, Origin, PhaseName, Plan, PlanPhase,
    StepState,
};

fn model(moment: Moment) -> Model {
    fleet::at(moment, ThemeName::Dark, false)
}

fn drawn(model: &Model, width: u16, height: u16) -> String {
    text(&picture(model, width, height))
}

/// Requests of the effects but the plans: what changes something.
fn deeds(effects: Vec<Effect>) -> Vec<(String, Command)> {
    let request = |effect| match effect {
        Effect::Request { purpose: Purpose::Plan(..), .. } => None,
        Effect::Request { host, command, .. } => Some((host, command)),
        other => panic!("{other:?}"),
    };
    effects.into_iter().filter_map(request).collect()
}

/// A plan as a host would tell it.
pub fn plan(order: Order, method: Method, ms: Option<f64>, runs: usize) -> Answer {
    let origin = if runs > 0 { Origin::History } else { Origin::NoHistory };
    let expected = |ms| Expected { ms, origin, runs };
    let phase = |name| PlanPhase { name, expected: expected(ms.map(|ms| ms / 4.0)) };
    let plan = Plan {
        order,
        method,
        from: "server1".into(),
        to: "server2".into(),
        steps: vec![],
        phases: PhaseName::ALL.map(phase).into(),
        total: expected(ms.map(|ms| ms * 1.2)),
        interruption: expected(ms),
        not_offered: None,
        standby: None,
    };
    plan.into()
}

fn answer(model: &mut Model, purpose: Purpose, result: Result<Answer, Failure>) -> Vec<Effect> {
    update(model, Msg::Answer { purpose, host: "server2".into(), result })
}

/// The plans of M as server2 would tell them.
fn told(model: &mut Model) {
    for (method, ms, runs) in [(Method::Cold, None, 0), (Method::Classic, Some(1648.0), 7), (Method::Hot, Some(3.4), 1)] {
        answer(model, Purpose::Plan(Order::M, method), Ok(plan(Order::M, method, ms, runs)));
    }
}

/// The fleet with a migration under way at a stage.
pub fn at_stage(stage: OrderStage) -> Model {
    let mut m = model(Moment::Before);
    told(&mut m);
    let mut telemetry = fleet::at(Moment::During, ThemeName::Dark, false).telemetry("server2").unwrap().clone();
    telemetry.seq += 1;
    telemetry.radio_port.addresses = vec!["192.168.20.2/24".into()];
    let progress = telemetry.migration.as_mut().unwrap();
    progress.stage = stage;
    if stage != OrderStage::Moving {
        for (i, step) in progress.steps.iter_mut().enumerate() {
            step.state = if i < 3 { StepState::Done } else { StepState::Waiting };
        }
    }
    update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    m
}

fn last_line(model: &Model) -> String {
    model.log.back().unwrap().text.clone()
}

#[test]
fn the_question_of_a_migration_asks_for_the_plan_of_every_method() {
    for (keys, order, host) in [("m", Order::M, "server2"), (":m\n", Order::M, "server2")] {
        let mut m = model(Moment::Before);
        let mut asked = Vec::new();
        for effect in press(&mut m, keys) {
            let Effect::Request { host: to, command: Command::Plan(request), purpose: Purpose::Plan(..), .. } = effect else {
                panic!("{effect:?}")
            };
            assert_eq!((to.as_str(), request.order), (host, order));
            asked.push(request.method);
        }
        assert_eq!(asked, [Method::Cold, Method::Classic, Method::Hot, Method::Seamless], "{keys:?}");
    }
}

#[test]
fn the_question_tells_every_prediction_and_where_it_comes_from() {
    let mut m = model(Moment::Before);
    told(&mut m);
    press(&mut m, "m");
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let drawn = drawn(&m, width, height);
        for part in
            ["CHECK OK", "1 648 ms", "median of 7 runs here", "3.40 ms", "one run here", "no run yet", "no hold", "every 100 ms"]
        {
            assert!(drawn.contains(part), "{part:?} is missing at {width}x{height}:\n{drawn}");
        }
        insta::assert_snapshot!(format!("migrate-{width}x{height}"), drawn);
    }
}

#[test]
fn method_hold_and_interval_are_switched_within_the_question() {
    let mut m = model(Moment::Before);
    press(&mut m, "m");
    assert_eq!(deeds(press(&mut m, "cwi")), []);
    assert!(m.confirm.as_ref().unwrap().title.contains("seamless"), "the question says what will happen");
    assert!(drawn(&m, 80, 24).contains("waits for go") && drawn(&m, 80, 24).contains("pings every 10 ms"));
    let probe = Command::ProbeStart { target: "192.168.40.9".into(), interval_ms: 10.0 };
    assert_eq!(deeds(press(&mut m, "\n")), [("server3".to_owned(), probe)]);
    let sent = answer(&mut m, Purpose::IntervalBefore(Order::M, Method::Seamless, true), Ok(Answer::Done));
    let [Effect::Request { host, command: Command::Order(request), deadline_ms, .. }] = &sent[..] else { panic!("{sent:?}") };
    let OrderRequest { order, method, hold, .. } = request;
    assert_eq!((host.as_str(), *order, *method, *hold), ("server2", Order::M, Method::Seamless, true));
    assert!(*deadline_ms >= 1_200_000, "an order that waits for go is given up after {deadline_ms} ms");
    // A question without options has none.
    press(&mut m, "kccw");
    assert_eq!((m.method, m.hold), (Method::Seamless, true));
}

#[test]
fn an_order_is_waited_for_as_long_as_it_may_take() {
    let mut m = model(Moment::Before);
    let sent = press(&mut m, "my");
    assert!(sent.iter().any(|effect| matches!(effect, Effect::Request { command: Command::Order(_), deadline_ms: 600_000, .. })));
}

#[test]
fn words_typed_behind_a_command_go_with_it() {
    let mut m = model(Moment::Before);
    let sent = deeds(press(&mut m, ":M classic hold\ny"));
    let [(_, Command::Order(request))] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((request.method, request.hold), (Method::Classic, true));
    press(&mut m, ":method cold\n");
    assert_eq!((m.method, last_line(&m).as_str()), (Method::Cold, "the next migration will be cold"));
    press(&mut m, ":hold\n");
    assert!(!m.hold);
    let sent = deeds(press(&mut m, ":interval 5ms\n"));
    assert!(matches!(&sent[..], [(host, Command::ProbeStart { interval_ms: 5.0, .. })] if host == "server3"), "{sent:?}");
    assert!(deeds(press(&mut m, ":DS now\n")).is_empty());
    assert_eq!(m.command_line.complaint.as_deref(), Some("DS takes no arguments"));
    press(&mut m, "\u{1b}:method warm\n");
    assert_eq!(m.command_line.complaint.as_deref(), Some("method does not take \"warm\", try cold, classic, hot, seamless"));
    press(&mut m, "\u{1b}:method h\t");
    assert_eq!(m.command_line.input.value(), "method hot");
}

#[test]
fn check_and_plan_show_what_is_known_before() {
    for (keys, order) in [("v", Order::M), ("p", Order::M), (":check\n", Order::M), (":plan MB hot\n", Order::MB)] {
        let mut m = model(Moment::Before);
        told(&mut m);
        assert!(deeds(press(&mut m, keys)).is_empty());
        assert_eq!(m.screen, Screen::Preflight { order, scroll: 0 }, "{keys:?}");
        let drawn = drawn(&m, 120, 40);
        assert!(drawn.contains("CHECK OK") == (order == Order::M) && drawn.contains("EXPECTED INTERRUPTION"), "{drawn}");
        press(&mut m, "\u{1b}");
        assert_eq!(m.screen, Screen::Operate);
    }
    // The work is on the other server: the migration that would be ordered is the way back.
    let mut m = model(Moment::After);
    press(&mut m, "v");
    assert_eq!(m.screen, Screen::Preflight { order: Order::MB, scroll: 0 });
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        insta::assert_snapshot!(format!("preflight-{width}x{height}"), drawn(&m, width, height));
    }
    press(&mut m, "by");
    assert_eq!(m.screen, Screen::Operate, "what was ordered is looked at");
}

#[test]
fn blockers_stand_in_the_question_and_say_what_to_do() {
    let mut m = model(Moment::Silent);
    press(&mut m, "m");
    let drawn = drawn(&m, 80, 24);
    for part in ["BLOCKED", "it is silent for 7 s", "would be refused", "baton agent --host server2"] {
        assert!(drawn.contains(part), "{part:?} is missing:\n{drawn}");
    }
    insta::assert_snapshot!("blocked-80x24", drawn);
}

#[test]
fn a_migration_that_waits_is_seen_from_the_back_row_and_goes_by_a_key() {
    let mut m = at_stage(OrderStage::Ready);
    let now_ms = m.now_ms + 12_000;
    let at = m.at;
    update(&mut m, Msg::Tick { now_ms, at });
    for host in ["server1", "server2", "server3"] {
        let mut telemetry = m.telemetry(host).unwrap().clone();
        telemetry.seq += 1;
        update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    }
    for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        let drawn = drawn(&m, width, height);
        for part in
            ["WAITS FOR GO", "server2 is ready to take over; server1 still serves", "seen waiting for 12 s", "g  go", "a  cancel"]
        {
            assert!(drawn.contains(part), "{part:?} is missing at {width}x{height}:\n{drawn}");
        }
        insta::assert_snapshot!(format!("ready-{width}x{height}"), drawn);
    }
    for keys in ["g", ":go\n", "tg"] {
        assert_eq!(deeds(press(&mut m.clone(), keys)), [("server2".to_owned(), Command::Go { run: seen(&m) })], "{keys:?}");
    }
    for keys in ["a", ":cancel\n", "ta"] {
        assert_eq!(deeds(press(&mut m.clone(), keys)), [("server2".to_owned(), Command::Cancel { run: seen(&m) })], "{keys:?}");
    }
    answer(&mut m, Purpose::Go(Order::M), Ok(Answer::Done));
    assert_eq!(last_line(&m), "server2 was told to go on with M");
    let failure = Failure::new(ErrorCode::State, "M on server2 waits for go no longer");
    answer(&mut m, Purpose::Go(Order::M), Err(failure));
    assert_eq!(last_line(&m), "go failed: M on server2 waits for go no longer");
}

/// The run that the console shows: what is decided is decided on that one.
fn seen(m: &Model) -> Option<String> {
    m.under_way().map(|(_, progress)| progress.run.clone())
}

#[test]
fn cancel_is_possible_until_the_cut_and_offered_only_then() {
    let mut m = at_stage(OrderStage::Preparing);
    let shown = drawn(&m, 120, 40);
    assert!(shown.contains("a cancels, server1 still serves") && shown.lines().last().unwrap().contains("a cancel"), "{shown}");
    assert!(!shown.lines().last().unwrap().contains("g go"));
    assert_eq!(deeds(press(&mut m, "a")), [("server2".to_owned(), Command::Cancel { run: seen(&m) })]);
    assert!(press(&mut m, "g").is_empty() && last_line(&m).contains("not ready yet"));
    let mut m = at_stage(OrderStage::Moving);
    assert!(press(&mut m, "a").is_empty() && last_line(&m).contains("cannot be cancelled any more"));
    assert!(!drawn(&m, 120, 40).lines().last().unwrap().contains("a cancel"));
    let mut m = model(Moment::Before);
    assert!(press(&mut m, "a").is_empty() && last_line(&m) == "no migration is under way that could be cancelled");
    assert!(press(&mut m, "g").is_empty() && last_line(&m) == "no migration waits for go");
}

#[test]
fn a_console_that_watches_can_neither_go_nor_cancel() {
    let mut m = at_stage(OrderStage::Ready);
    m.read_only = true;
    m.command_line.read_only = true;
    for keys in ["g", "a", "w", "i", ":go\n", "\u{1b}:cancel\n", "\u{1b}"] {
        assert!(press(&mut m, keys).is_empty(), "{keys:?}");
    }
    assert!(!drawn(&m, 120, 40).contains("g  go"));
    assert!(deeds(press(&mut m, "v")).is_empty() && matches!(m.screen, Screen::Preflight { .. }), "looking is allowed");
}

#[test]
fn elapsed_and_expected_stand_beside_each_other() {
    let m = at_stage(OrderStage::Moving);
    let drawn = drawn(&m, 120, 40);
    let row = drawn.lines().find(|line| line.contains("link entity to radio") && line.contains("1 743")).unwrap();
    let figures: Vec<&str> = row.split_whitespace().filter(|word| word.parse::<f64>().is_ok()).collect();
    assert_eq!(figures[..4], ["1", "743", "412", "812"], "paper, expected, ours: {row}");
    assert!(drawn.contains("expected: median of 7 runs here") && drawn.contains("ms in this phase, expected 412"), "{drawn}");
    let mut timing = m;
    press(&mut timing, "t");
    let drawn = self::drawn(&timing, 120, 40);
    assert!(drawn.lines().any(|line| line.contains("link entity") && line.contains("812") && line.contains("412")), "{drawn}");
}

#[test]
fn plans_are_asked_for_at_the_first_snapshot_and_after_a_run_but_never_during_one() {
    let mut m = fleet::model(ThemeName::Dark, false);
    let hear = |m: &mut Model, moment: Moment| {
        let telemetry = fleet::at(moment, ThemeName::Dark, false).telemetry("server2").unwrap().clone();
        update(m, Msg::Heard(Heard::Telemetry(Box::new(telemetry)))).len()
    };
    assert_eq!(hear(&mut m, Moment::Before), 4, "at first, of every method");
    assert_eq!(hear(&mut m, Moment::Before), 0, "not at every one");
    assert_eq!(hear(&mut m, Moment::During), 0, "a run is disturbed");
    assert_eq!(hear(&mut m, Moment::After), 4, "it is over: the history has one run more");
    assert_eq!(hear(&mut m, Moment::After), 0);
    answer(&mut m, Purpose::Plan(Order::M, Method::Hot), Ok(Answer::Done));
    assert!(m.plans.is_empty(), "what cannot be read is no plan");
}

#[test]
fn a_failure_names_the_key_that_goes_on_from_there() {
    let drawn = drawn(&model(Moment::Failed), 120, 40);
    assert!(drawn.contains("R recovers it on server1") && drawn.contains("M failed: "), "{drawn}");
}

#[test]
fn the_interval_is_not_changed_under_a_run() {
    let mut m = at_stage(OrderStage::Preparing);
    assert!(press(&mut m, "i").is_empty() && last_line(&m).contains("a run is under way"));
    let mut m = fleet::model(ThemeName::Dark, false);
    assert!(press(&mut m, "i").is_empty() && last_line(&m).contains("server3 reports no probe yet"));
}

#[test]
fn a_failover_is_asked_about_offered_and_ordered_from_the_other_server() {
    for (keys, moment) in [("F", Moment::Silent), (":failover\n", Moment::Before), ("F", Moment::After), ("F", Moment::Before)] {
        let mut m = model(moment);
        // Who would be taken over from is lost, or is not.
        let back = moment == Moment::After;
        assert!(deeds(press(&mut m, keys)).is_empty(), "{keys} did not ask");
        let question = m.confirm.clone().unwrap();
        let (from, to) = if back { ("server2", "server1") } else { ("server1", "server2") };
        assert_eq!(question.title, format!("failover: {to} takes the work over from {from}?"));
        assert!(
            question.lines[0].starts_with(&format!("{from} answers. A failover is for a server that does not")),
            "{question:?}"
        );
        let sent = deeds(press(&mut m, "y"));
        let [(host, Command::Order(request))] = &sent[..] else { panic!("{sent:?}") };
        let order = if back { Order::MB } else { Order::M };
        assert_eq!((host.as_str(), request.order, request.method, request.hold), (to, order, Method::Failover, false));
        assert_ne!(m.method, Method::Failover, "the next migration is none");
    }
    let mut watching = model(Moment::Before);
    watching.read_only = true;
    assert!(press(&mut watching, "F").is_empty() && watching.confirm.is_none());
}

#[test]
fn the_question_of_a_failover_is_of_the_present() {
    let mut m = model(Moment::Before);
    let later = |m: &mut Model, now_ms: u64| {
        let at = fleet::start() + chrono::TimeDelta::milliseconds(now_ms as i64);
        update(m, Msg::Tick { now_ms, at });
    };
    later(&mut m, 190_000);
    press(&mut m, "F");
    let lines = |m: &Model| m.confirm.clone().unwrap().lines.join(" ");
    assert!(lines(&m).contains("If it still runs, two servers may drive the radio until it is fenced."), "{}", lines(&m));
    assert!(lines(&m).contains("collected 11 s ago"), "{}", lines(&m));
    later(&mut m, 200_000);
    assert!(lines(&m).contains("collected 21 s ago"), "{}", lines(&m));
    let mut telemetry = m.telemetry("server1").unwrap().clone();
    telemetry.seq += 1;
    update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    later(&mut m, 201_000);
    assert!(lines(&m).contains("server1 answers"), "{}", lines(&m));
}
