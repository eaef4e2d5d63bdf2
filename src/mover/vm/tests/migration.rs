//! The machine against what QEMU 10.0 said while it moved guests on this machine: answers to `query-migrate` every 50 ms and events, as they came.
//! `cancelled` has some answers left out in the middle.

use proptest::prelude::*;

use super::super::message::{Line, read_return};
use super::*;

const COMPLETED: &str = include_str!("completed.jsonl");
const CANCELLED: &str = include_str!("cancelled.jsonl");
const FAILED: &str = include_str!("failed.jsonl");
const POSTCOPY: &str = include_str!("postcopy.jsonl");
const PAUSED: &str = include_str!("paused.jsonl");

fn hear(machine: &mut Machine, text: &str) -> Wish {
    match Line::read(text).unwrap() {
        Line::Return => machine.told(&read_return(text).unwrap()),
        Line::Event(Some(event)) => machine.heard(event),
        Line::Event(None) => Wish::Nothing,
        line => panic!("{line:?}"),
    }
}

/// The states that pass, and the wishes beside nothing.
fn follow(machine: &mut Machine, transcript: &str) -> (Vec<State>, Vec<Wish>) {
    let (mut states, mut wishes) = (Vec::new(), Vec::new());
    for text in transcript.lines() {
        let wish = hear(machine, text);
        wishes.extend(Some(wish).filter(|wish| *wish != Wish::Nothing));
        let state = machine.report().state;
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    (states, wishes)
}

#[test]
fn the_states_pass_as_qemu_tells_them() {
    use State::{Active, Cancelled, Cancelling, Completed, Device, Failed, PostcopyActive, PreSwitchover, Setup};
    for (copy, transcript, states, ended) in [
        (GuestCopy::Pre, COMPLETED, &[Setup, Active, Device, Completed][..], Some(Ended::Completed)),
        (GuestCopy::Pre, CANCELLED, &[Setup, Active, Cancelling, Cancelled], Some(Ended::Cancelled)),
        (GuestCopy::Pre, FAILED, &[Setup, Active, Failed], Some(Ended::Failed)),
        (GuestCopy::Post, POSTCOPY, &[Setup, Active, Device, PostcopyActive, Completed], Some(Ended::Completed)),
        (GuestCopy::Pre, PAUSED, &[Setup, Active, PreSwitchover], None),
    ] {
        let mut machine = Machine::new(copy);
        let (passed, wishes) = follow(&mut machine, transcript);
        assert_eq!((passed.as_slice(), machine.ended()), (states, ended));
        let wished = if copy == GuestCopy::Post { vec![Wish::StartPostcopy] } else { vec![] };
        assert_eq!(wishes, wished, "{states:?}");
    }
}

#[test]
fn the_figures_are_those_of_the_last_answer() {
    let mut machine = Machine::new(GuestCopy::Pre);
    follow(&mut machine, COMPLETED);
    let report = machine.report();
    assert_eq!((report.downtime_ms, report.total_ms), (Some(19), Some(1126)));
    assert!(report.iteration > 1 && report.transferred_bytes > 1 << 20 && report.page_bytes == 4096, "{report:?}");
    assert_eq!(report.remaining_bytes, 0);
}

#[test]
fn a_guest_that_qemu_holds_before_the_switch_stands_still() {
    let mut machine = Machine::new(GuestCopy::Pre);
    follow(&mut machine, PAUSED);
    assert!(machine.has_stopped() && !machine.has_gone());
}

#[test]
fn a_guest_goes_on_here_after_a_failure_and_after_giving_up() {
    for transcript in [FAILED, CANCELLED] {
        let mut machine = Machine::new(GuestCopy::Pre);
        follow(&mut machine, transcript);
        assert!(!machine.has_stopped() && !machine.has_gone() && !machine.postcopied);
    }
    let mut machine = Machine::new(GuestCopy::Pre);
    follow(&mut machine, FAILED);
    assert!(machine.why().is_some(), "QEMU says why");
}

#[test]
fn what_breaks_in_post_copy_is_lost() {
    let begun = POSTCOPY.lines().take_while(|text| !text.contains("completed"));
    for after in [State::Failed, State::PostcopyPaused] {
        let mut machine = Machine::new(GuestCopy::Post);
        for text in begun.clone() {
            hear(&mut machine, text);
        }
        assert!(machine.has_gone() && machine.cancel() == Wish::Nothing);
        machine.heard(QmpEvent::Migration(after));
        assert_eq!(machine.ended(), Some(Ended::Lost));
    }
}

#[test]
fn giving_up_is_asked_for_once_and_ends_the_wish_for_post_copy() {
    let mut machine = Machine::new(GuestCopy::Post);
    machine.heard(QmpEvent::Migration(State::Active));
    assert_eq!([machine.cancel(), machine.cancel()], [Wish::Cancel, Wish::Nothing]);
    let ram = super::super::message::RamInfo { dirty_sync_count: 5, ..Default::default() };
    assert_eq!(machine.told(&MigrationInfo { ram: Some(ram), ..MigrationInfo::default() }), Wish::Nothing);
    machine.heard(QmpEvent::Migration(State::Completed));
    assert_eq!((machine.ended(), machine.cancel()), (Some(Ended::Completed), Wish::Nothing));
}

proptest! {
    /// Events and answers come on different ways here: what is older than what is known changes nothing.
    #[test]
    fn the_end_does_not_depend_on_the_order(seed in proptest::collection::vec(any::<prop::sample::Index>(), 1..200)) {
        for (copy, transcript, ended) in [
            (GuestCopy::Pre, COMPLETED, Ended::Completed),
            (GuestCopy::Pre, CANCELLED, Ended::Cancelled),
            (GuestCopy::Pre, FAILED, Ended::Failed),
            (GuestCopy::Post, POSTCOPY, Ended::Completed),
        ] {
            let mut lines: Vec<&str> = transcript.lines().collect();
            for (at, index) in seed.iter().enumerate().take(lines.len()) {
                let other = index.index(lines.len());
                lines.swap(at, other);
            }
            let mut machine = Machine::new(copy);
            let (states, _) = follow(&mut machine, &lines.join("\n"));
            prop_assert!(states.windows(2).all(|pair| rank(pair[0]) < rank(pair[1])), "{:?}", states);
            // A failure after post-copy has begun is known by what was heard before it alone.
            prop_assert_eq!(machine.ended(), Some(ended));
        }
    }
}
