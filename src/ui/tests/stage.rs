//! What the eye follows: the owner, the flow, the way of the work, interruptions, and how methods compare.

use super::{change, picture, press};
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Heard, LinkState, Msg};
use crate::ui::pings;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{Order, ProbeOutcome, ProcessState, StreamCounters, SyncState};

fn model(moment: Moment) -> Model {
    fleet::at(moment, ThemeName::Dark, false)
}

fn drawn(model: &Model, width: u16, height: u16) -> String {
    text(&picture(model, width, height))
}

#[test]
fn the_owner_stands_on_every_screen_with_its_epoch() {
    let mut m = model(Moment::Before);
    for keys in ["", "t", "r", "oh", "\u{1b}v"] {
        press(&mut m, keys);
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let header = drawn(&m, width, height).lines().next().unwrap().to_owned();
            assert!(header.contains("owner server1, epoch 3"), "{keys:?} {width}: {header}");
            assert!(header.ends_with("UTC"), "{header}");
        }
    }
    let mut m = model(Moment::Before);
    assert!(drawn(&m, 200, 60).contains("eth3 has 192.168.10.1; epoch 3: server1, server2"));
    // One agent that has not heard of it vouches for nothing.
    change(&mut m, "server2", |t| (t.owner_epoch, t.owner) = (None, None));
    assert!(drawn(&m, 200, 60).contains("eth3 has 192.168.10.1; epoch 3: server1 "));
    // Address and epoch name different hosts: both are said, and neither is called the owner's epoch.
    change(&mut m, "server2", |t| (t.owner_epoch, t.owner) = (Some(4), Some("server2".into())));
    let screen = drawn(&m, 200, 60);
    assert!(screen.contains("server1 has it, epoch 4 is server2's") && screen.contains("owner server1  "), "{screen}");
    // Nothing is made up where no agent knows an epoch.
    for host in ["server1", "server2"] {
        change(&mut m, host, |t| (t.owner_epoch, t.owner) = (None, None));
    }
    assert!(drawn(&m, 200, 60).contains("server1 owns the radio ") && !drawn(&m, 200, 60).contains("epoch"));
}

#[test]
fn a_warning_in_the_header_stays_where_other_words_have_no_room() {
    let mut m = model(Moment::Before);
    (m.read_only, m.privacy, m.hold) = (true, true, true);
    m.hosts.get_mut("server1").unwrap().missed = 1_234;
    let header = drawn(&m, 80, 24).lines().next().unwrap().to_owned();
    assert!(header.contains("telemetry lost 1234") && header.ends_with("UTC"), "{header}");
}

/// The row of the arrow.
fn arrow(model: &Model) -> String {
    drawn(model, 120, 40).lines().find(|row| row.contains('\u{25c0}')).unwrap().to_owned()
}

#[test]
fn the_ripple_moves_with_the_samples_away_from_the_radio_and_stands_still_when_they_do() {
    let mut m = model(Moment::Before);
    let flow = |m: &mut Model, seconds: f64| {
        let counters = StreamCounters { rx_samples: (seconds * 6.25e6) as u64, ..StreamCounters::default() };
        change(m, "server1", |t| t.usrp.counters = Some(counters));
        let row = arrow(m);
        row.char_indices().filter(|(_, c)| *c == '\u{2500}').map(|(at, _)| at).collect::<Vec<_>>()
    };
    let (first, next) = (flow(&mut m, 10.05), flow(&mut m, 10.25));
    // To the left, by one cell of three bytes.
    assert!(!first.is_empty() && next.iter().any(|at| first.contains(&(at + 3))), "{first:?} then {next:?}");
    assert_eq!(flow(&mut m, 10.25), next, "nothing flowed");
    assert_eq!(flow(&mut m, 10.85), flow(&mut m, 10.05), "four cells further on it looks the same");
}

#[test]
fn the_way_of_the_work_grows_from_the_source_to_the_destination() {
    let mut m = model(Moment::During);
    let row = |m: &Model| drawn(m, 120, 40).lines().nth(8).unwrap().chars().skip(44).take(32).collect::<String>();
    assert_eq!(row(&m).trim(), "\u{2501}\u{2501}\u{2501} ".repeat(5) + "\u{25b6}\u{25b6}\u{25b6} \u{b7}\u{b7}\u{b7}");
    assert!(drawn(&m, 80, 24).contains("\u{25a0}\u{25a0}\u{25a0}\u{25a0}\u{25a0}\u{25b6}\u{b7} link_usrp"));
    change(&mut m, "server2", |t| {
        let progress = t.migration.as_mut().unwrap();
        (progress.order, progress.from, progress.to) = (Order::MB, "server2".into(), "server1".into());
    });
    assert!(drawn(&m, 80, 24).contains("\u{b7}\u{25c0}\u{25a0}\u{25a0}\u{25a0}\u{25a0}\u{25a0} link_usrp"));
}

#[test]
fn pings_tell_an_interruption_that_lasts_from_one_that_is_over() {
    let said = |outcomes: &[(bool, bool)]| {
        let mut m = model(Moment::Before);
        change(&mut m, "server3", |t| {
            let probe = t.probe.as_mut().unwrap();
            let recent = outcomes.iter().zip(5_000..);
            probe.recent =
                recent.map(|((lost, answered), seq)| ProbeOutcome { seq, lost: *lost, rtt_ms: answered.then_some(5.0) }).collect();
        });
        m.probes.retain(|seq, _| *seq >= 5_000);
        pings::latest(&m).map(|latest| (latest.lost, latest.ms, latest.lasts))
    };
    let (ok, lost, open) = ((false, true), (true, false), (false, false));
    assert_eq!(said(&[ok, ok, open]), None);
    assert_eq!(said(&[ok, lost, lost, open, open]), Some((2, 400.0, true)), "those not yet given up count");
    assert_eq!(said(&[lost, ok, lost, lost, lost, ok, open]), Some((3, 300.0, false)), "the latest one counts");
    // The old figure of a far end that is lost is not called the present.
    let mut m = model(Moment::During);
    assert!(drawn(&m, 120, 40).contains("NO REPLY for 900 ms, 9 lost in a row"));
    update(&mut m, Msg::Heard(Heard::Link { host: "server3".into(), state: LinkState::Silent { for_ms: 3_000 } }));
    assert!(!drawn(&m, 120, 40).contains("NO REPLY"));
}

#[test]
fn the_cut_is_marked_among_the_pings() {
    let mut m = model(Moment::Before);
    let run = model(Moment::During).telemetry("server2").unwrap().migration.clone();
    change(&mut m, "server2", |t| t.migration = run);
    // Three seconds on, of which two were lost: five cells of 600 ms.
    change(&mut m, "server3", |t| {
        for outcome in &mut t.probe.as_mut().unwrap().recent {
            outcome.seq += 30;
            (outcome.lost, outcome.rtt_ms) = if outcome.seq >= 1_224 { (true, None) } else { (false, Some(5.0)) };
        }
    });
    let screen = drawn(&m, 120, 40);
    let rows: Vec<Vec<char>> =
        screen.lines().skip_while(|row| !row.contains("PINGS")).take(4).map(|row| row.chars().collect()).collect();
    let words: String = rows[3].iter().collect();
    let cut = rows[1].iter().rposition(|c| *c == '\u{2502}').unwrap_or_else(|| panic!("{screen}"));
    assert!(words.contains("cut 20 lost"), "{screen}");
    assert_eq!(rows[2][cut], '\u{2502}', "{screen}");
    assert!(rows[1][cut + 1..].contains(&'X') && !rows[1][..cut].contains(&'X'), "{screen}");
    // Both ends of the scale: the shortest round trip, and the longest.
    assert!(rows[2].iter().collect::<String>().contains("5.00 ms"), "{screen}");
}

/// A modem that has lost its signal has no figures of the present.
#[test]
fn the_figures_of_a_receiver_without_a_signal_are_not_of_now() {
    let mut m = model(Moment::Before);
    assert!(drawn(&m, 120, 40).contains("SNR 23.4 dB "));
    change(&mut m, "server1", |t| t.d2d.sync = Some(SyncState::Lost { for_ms: 7_000 }));
    let screen = drawn(&m, 120, 40);
    assert!(screen.contains("LOST for 7 s  was SNR 23.4 dB") && screen.contains("link   7 s ago: EVM 6.8 %"), "{screen}");
    assert!(!screen.contains("BLER 0.3 %"), "{screen}");
    for sync in [SyncState::NoSamples, SyncState::Searching] {
        change(&mut m, "server1", |t| t.d2d.sync = Some(sync));
        let screen = drawn(&m, 120, 40);
        assert!(!screen.contains("23.4 dB") && screen.contains("EVM -  CFO -"), "{screen}");
    }
    // In sync by its own words, but its samples have ended.
    change(&mut m, "server1", |t| (t.d2d.sync, t.usrp.state) = (Some(SyncState::Synced { for_ms: 1 }), ProcessState::Died));
    assert!(!drawn(&m, 120, 40).contains("23.4 dB"));
}

/// What a host said that is not heard is dim, and its frame says how old it is.
#[test]
fn old_figures_are_dim() {
    let mut m = model(Moment::Before);
    update(&mut m, Msg::Heard(Heard::Link { host: "server1".into(), state: LinkState::Silent { for_ms: 3_000 } }));
    let buffer = picture(&m, 120, 40);
    let row = (0..40).find(|y| text(&buffer).lines().nth(usize::from(*y)).unwrap().contains("RUNNING")).unwrap();
    let dim = m.skin.theme.dim.fg;
    let styles: Vec<_> = (3..40).filter(|x| buffer[(*x, row)].symbol() != " ").map(|x| Some(buffer[(x, row)].fg)).collect();
    assert!(styles.iter().all(|fg| *fg == dim), "{styles:?}");
}

#[test]
fn compared_methods_lie_on_one_logarithmic_scale() {
    let mut m = model(Moment::After);
    let mut records = fleet::records();
    // Three decades apart, which the table's figures hide and the bars do not.
    for run in records.runs.iter_mut().filter(|run| run.method == protocol::Method::Cold) {
        run.interruption.by_phases_ms = run.interruption.by_phases_ms.map(|ms| ms / 1_000.0);
    }
    update(&mut m, Msg::RunsLoaded(Ok(records)));
    press(&mut m, "rv");
    let screen = drawn(&m, 120, 40);
    let median = |name: &str| {
        let rows: Vec<&str> = screen.lines().skip_while(|row| !row.contains("INTERRUPTION BY PHASES of each group")).collect();
        let row = rows.iter().find(|row| row.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}:\n{screen}"));
        row.chars().position(|c| c == '\u{2588}' || c == '\u{2524}').unwrap()
    };
    assert!(median("cold") + 30 < median("classic"), "{screen}");
    assert!(median("classic") <= median("paper, published"), "{screen}");
    for decade in ["\u{2502}1 ms", "\u{2502}10 ", "\u{2502}100 ", "\u{2502}1 000 "] {
        assert!(screen.contains(decade), "{decade}:\n{screen}");
    }
}

#[test]
fn the_figure_for_the_back_row_is_as_precise_as_the_table() {
    let mut m = model(Moment::After);
    change(&mut m, "server2", |t| {
        let record = t.migration.as_mut().unwrap().record.as_mut().unwrap();
        record.interruption.by_phases_ms = Some(2.67);
    });
    assert!(drawn(&m, 80, 24).contains(" 2.67 ms "), "{}", drawn(&m, 80, 24));
}
