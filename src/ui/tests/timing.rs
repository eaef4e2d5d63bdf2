//! The Timing screen: what it says before, during and after a migration, and of a run from the records.

use insta::assert_snapshot;

use super::{picture, press};
use crate::metrics::records::Records;
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Heard, Msg};
use crate::ui::place::Screen;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{Interruption, Method, Outcome, TracePart};

fn model(moment: Moment, theme: ThemeName) -> Model {
    let mut model = fleet::at(moment, theme, false);
    update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
    model
}

fn shot(model: &Model, width: u16, height: u16) -> String {
    text(&picture(model, width, height))
}

#[test]
fn timing_before_during_and_after_a_migration() {
    for (name, moment) in
        [("before", Moment::Before), ("during", Moment::During), ("after", Moment::After), ("failed", Moment::Failed)]
    {
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let mut m = model(moment, ThemeName::Mono);
            press(&mut m, "t");
            let drawn = shot(&m, width, height);
            assert_snapshot!(format!("timing-{name}-{width}x{height}"), drawn);
            let mut dark = model(moment, ThemeName::Dark);
            press(&mut dark, "t");
            assert_eq!(shot(&dark, width, height), drawn, "colour carries a meaning alone");
        }
    }
}

#[test]
fn the_smallest_terminal_keeps_the_claim() {
    let mut m = model(Moment::After, ThemeName::Mono);
    press(&mut m, "t");
    let drawn = shot(&m, 60, 16);
    for kept in ["by phases, measured", "link", " 1 741 ms ", "pings lost", "019a-0001"] {
        assert!(drawn.contains(kept), "{kept} is missing:\n{drawn}");
    }
}

/// Every figure says whether it was measured, and in which unit.
#[test]
fn figures_are_labelled() {
    let mut m = model(Moment::After, ThemeName::Mono);
    press(&mut m, "t");
    let drawn = shot(&m, 120, 40);
    for label in [
        "measured by phases: eth3 + link_usrp + sync",
        "paper, published",
        "1.1x shorter",
        " 1 741 ms",
        " 1 855 ms",
        "nobody serves, 1 741 ms",
        "starts are not recorded",
        "total, measured 1 902 ms",
        "pings lost of 43, one every 100 ms           19        19",
        "pings counted by server3",
        "paper's pings: one every 100 ms",
        "one clock, server2's",
        "no clocks are compared",
        "started 2026-11-20 09:53:22 UTC  by ada@lab",
        "run 019a-0001",
        concat!("baton ", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(drawn.contains(label), "{label:?} is missing:\n{drawn}");
    }
    let mut m = model(Moment::Before, ThemeName::Mono);
    press(&mut m, "t");
    let drawn = shot(&m, 120, 40);
    assert!(
        drawn.contains("no migration yet") && drawn.contains("paper, published") && !drawn.contains("measured by phases"),
        "{drawn}"
    );
}

#[test]
fn a_run_from_the_records_is_opened_and_left() {
    let mut m = model(Moment::After, ThemeName::Mono);
    assert_eq!(press(&mut m, "r"), [Effect::LoadRuns]);
    press(&mut m, "\u{2193}\u{2193}\n");
    assert_eq!(m.screen, Screen::Timing);
    let drawn = shot(&m, 120, 40);
    let run = m.runs.selected().unwrap().run.clone();
    assert!(drawn.contains("from the records") && drawn.contains(&run), "{drawn}");
    assert!(!drawn.contains("PINGS server3 to"), "the strip of the moment is another run's:\n{drawn}");
    press(&mut m, "\u{1b}");
    assert_eq!((m.screen, m.opened.is_none()), (Screen::Runs, true));
    // A migration that is ordered is what Timing shows next.
    press(&mut m, "\ntby");
    assert!(m.opened.is_none() && m.screen == Screen::Timing);
}

#[test]
fn a_replay_shows_the_record_and_nothing_of_the_present() {
    let mut m = model(Moment::Before, ThemeName::Mono);
    press(&mut m, "rp");
    let drawn = shot(&m, 80, 24);
    assert!(
        drawn.contains("the source still serves") && drawn.contains(" 0.00 ms"),
        "the paper's figure stands for ours:\n{drawn}"
    );
    press(&mut m, "\u{1b}p\u{2192}\u{2192}\u{2192}\u{2192}\u{2192}");
    assert_eq!(m.screen, Screen::Timing);
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        assert_snapshot!(format!("replay-timing-{width}x{height}"), shot(&m, width, height));
    }
    press(&mut m, "\t");
    assert_eq!(m.screen, Screen::Operate, "a replay has two screens");
    assert_snapshot!("replay-operate-120x40", shot(&m, 120, 40));
    assert!(press(&mut m, "smkE").is_empty() && m.confirm.is_none(), "an order was taken on a picture of the past");
    assert!(m.log.back().unwrap().text.contains("this is a replay"));
    let drawn = shot(&m, 120, 40);
    assert!(!drawn.contains("4312") && !drawn.contains("phy_cell_ID"), "the present shows through:\n{drawn}");
    press(&mut m, "\u{1b}");
    assert_eq!((m.screen, m.replay.is_none()), (Screen::Runs, true));
}

#[test]
fn a_replay_moves_pauses_and_ends_for_the_present() {
    let mut m = model(Moment::Before, ThemeName::Mono);
    press(&mut m, "rp");
    let tick = |m: &mut Model, ms: u64| {
        m.dirty = false;
        let (now_ms, at) = (m.now_ms + ms, m.at);
        update(m, Msg::Tick { now_ms, at });
        m.dirty
    };
    assert!(tick(&mut m, 500), "it moves");
    press(&mut m, " ");
    assert!(!tick(&mut m, 500), "it is paused");
    let words = m.replay.as_ref().unwrap().words(Lang::En);
    press(&mut m, " +");
    assert!(tick(&mut m, 50));
    assert_ne!(m.replay.as_ref().unwrap().words(Lang::En), words);
    // A migration that begins elsewhere ends it.
    let other = fleet::at(Moment::During, ThemeName::Mono, false);
    let telemetry = other.telemetry("server2").unwrap().clone();
    update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    assert!(m.replay.is_none());
    assert_eq!(m.log.back().unwrap().text, "M is under way on server2: the replay is ended");
}

#[test]
fn a_failed_run_gives_its_reason_where_the_figure_would_stand() {
    let mut m = model(Moment::Failed, ThemeName::Mono);
    press(&mut m, "t");
    assert_eq!(m.migration().unwrap().1.record.as_ref().unwrap().outcome, Outcome::Failed);
    let drawn = shot(&m, 80, 24);
    assert!(drawn.contains("FAILED") && drawn.contains("the radio did not answer 8 probes"), "{drawn}");
    assert!(!drawn.contains("shorter"), "{drawn}");
}

/// A migration with a relay has the paper's figures of its relay scenario, on both screens; phases of that are not published.
#[test]
fn a_relays_run_stands_beside_the_papers_relay() {
    let mut run = fleet::at(Moment::After, ThemeName::Dark, false).migration().unwrap().1.clone();
    run.record.as_mut().unwrap().relay = true;
    let mut telemetry = fleet::telemetry("server2", true, true);
    telemetry.migration = Some(run);
    let mut m = model(Moment::Before, ThemeName::Mono);
    update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    for keys in ["o", "t"] {
        press(&mut m, keys);
        let drawn = shot(&m, 120, 40);
        for (figure, stands) in [("1 858", true), ("2 173", true), ("1 855", false), ("1 969", false), ("1 743", false)] {
            assert_eq!(drawn.contains(figure), stands, "{figure} on {keys}:\n{drawn}");
        }
    }
}

/// One rounding: what the record sums is what every place shows.
#[test]
fn one_interruption_has_one_figure() {
    let mut records = hot_record();
    let run = &mut records.runs[0];
    // As records were written that summed before they rounded.
    let figures = [1.1, 48.2, 13.9, 2.31, 0.524, 1.944, 2.617];
    run.phases.iter_mut().zip(figures).for_each(|(phase, ms)| phase.ms = ms);
    run.interruption.by_phases_ms = Some(5.084);
    let mut m = model(Moment::After, ThemeName::Mono);
    update(&mut m, Msg::RunsLoaded(Ok(records)));
    press(&mut m, "r\n");
    let drawn = shot(&m, 120, 40);
    assert!(drawn.contains("nobody serves, 5.08 ms") && !drawn.contains("5.09"), "{drawn}");
}

/// Less than one ping cannot be told from nothing: that is said, instead of a zero with two decimals.
#[test]
fn no_ping_lost_has_a_resolution() {
    let mut records = hot_record();
    let felt = &mut records.runs[0].interruption;
    (felt.probes_lost, felt.by_loss_ms, felt.probe_interval_ms, felt.gap_ms) = (Some(0), Some(0.0), Some(100.0), Some(101.2));
    for (width, height, full) in [(80, 50, true), (200, 60, true), (120, 40, false)] {
        let mut m = model(Moment::After, ThemeName::Mono);
        update(&mut m, Msg::RunsLoaded(Ok(records.clone())));
        press(&mut m, "r\n");
        let drawn = shot(&m, width, height);
        assert!(drawn.contains("none lost") && drawn.contains("gap at the far end (at rest 100 ms)"), "{drawn}");
        assert_eq!(drawn.contains("interruption by lost pings (resolution 100 ms)"), full, "{width}x{height}:\n{drawn}");
    }
}

/// An order that was refused, or cancelled before its first step, has nothing to show.
#[test]
fn what_was_refused_is_no_run() {
    let mut run = fleet::at(Moment::Failed, ThemeName::Dark, false).migration().unwrap().1.clone();
    run.steps.iter_mut().for_each(|step| (step.state, step.ms) = (protocol::StepState::Waiting, 0.0));
    let record = run.record.as_mut().unwrap();
    (record.phases, record.total_ms) = (Vec::new(), 0.0);
    record.failure = Some(protocol::Failure::new(protocol::ErrorCode::State, "M was not begun"));
    let mut telemetry = fleet::telemetry("server2", false, false);
    telemetry.migration = Some(run);
    let mut m = model(Moment::Before, ThemeName::Mono);
    update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    press(&mut m, "t");
    let drawn = shot(&m, 120, 40);
    assert!(drawn.contains("no migration yet") && !drawn.contains("FAILED"), "{drawn}");
}

/// Nobody served since before a failover was ordered: its phases are a part of that.
#[test]
fn a_failover_counts_from_the_last_reply() {
    let mut records = hot_record();
    (records.runs[0].method, records.runs[0].interruption.by_phases_ms) = (Method::Failover, None);
    records.runs[0].interruption.gap_ms = Some(3_210.0);
    let mut m = model(Moment::After, ThemeName::Mono);
    update(&mut m, Msg::RunsLoaded(Ok(records)));
    press(&mut m, "r\n");
    let drawn = shot(&m, 120, 40);
    for part in ["measured from the last reply", " 3 210 ms", "nobody serves, 3 210 ms from the last reply"] {
        assert!(drawn.contains(part), "{part:?} is missing:\n{drawn}");
    }
    assert!(!drawn.contains("shorter"), "another definition than the paper's:\n{drawn}");
}

/// The record of one hot migration, with the parts of its cut.
fn hot_record() -> Records {
    let mut run = fleet::at(Moment::After, ThemeName::Dark, false).migration().unwrap().1.record.clone().unwrap();
    (run.run, run.method, run.total_ms) = ("019a-0009".into(), Method::Hot, 71.4);
    let figures = [1.1, 48.2, 13.9, 2.31, 0.52, 1.94, 0.83];
    run.phases.iter_mut().zip(figures).for_each(|(phase, ms)| phase.ms = ms);
    run.interruption = Interruption {
        by_phases_ms: Some(3.29),
        probe_interval_ms: Some(1.0),
        probes_sent: Some(412),
        probes_lost: Some(5),
        by_loss_ms: Some(5.0),
        gap_ms: Some(7.1),
    };
    run.trace = [
        ("server1", "freeze D2D", 8_100_000, 1_204),
        ("server1", "freeze USRP", 8_101_210, 688),
        ("server1", "eth3 away", 8_101_903, 402),
        ("server2", "eth3 to the radio", 511_000, 517),
        ("server2", "ask USRP to take over", 511_520, 1_911),
        ("server2", "claim streams until samples flow", 511_702, 1_602),
        ("server2", "import soft state", 511_002, 903),
    ]
    .map(|(host, part, at_us, us)| TracePart { host: host.into(), part: part.into(), at_us, us })
    .into();
    Records { runs: vec![run], unreadable: 2, ..Records::default() }
}

/// The parts of a hot run's cut, where there is room; and its method at a glance at every size.
#[test]
fn a_hot_run_shows_the_parts_of_its_cut() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut m = model(Moment::After, ThemeName::Dark);
        update(&mut m, Msg::RunsLoaded(Ok(hot_record())));
        press(&mut m, "r\n");
        let drawn = shot(&m, width, height);
        assert!(drawn.contains(" HOT "), "{drawn}");
        let parts = drawn.contains("THE CUT IN PARTS, us") && drawn.contains("freeze D2D");
        assert_eq!(parts, height >= 40, "{width}x{height}:\n{drawn}");
        assert_snapshot!(format!("timing-hot-{width}x{height}"), drawn);
    }
}
