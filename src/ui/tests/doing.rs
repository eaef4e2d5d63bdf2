//! What the operator can do, and what is not done by accident: leaving, refusals, cancelled questions, the help, the bottom line.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Size;

use super::{change, picture, press};
use crate::metrics::history::SortKey;
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Heard, LinkState, Msg, Purpose};
use crate::ui::place::Screen;
use crate::ui::tests::ordering::at_stage;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{Answer, Command, ErrorCode, Event, Failure, Level, Method, Order, OrderStage, Outcome, ProcessState, RecentEvents};

fn model(moment: Moment) -> Model {
    fleet::at(moment, ThemeName::Dark, false)
}

fn drawn(model: &Model, width: u16, height: u16) -> String {
    text(&picture(model, width, height))
}

fn last_line(model: &Model) -> String {
    model.log.back().unwrap().text.clone()
}

/// Presses keys; the plans that a question asks for are left out: they change nothing.
fn deeds(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = press(model, keys);
    effects.retain(|effect| !matches!(effect, Effect::Request { purpose: Purpose::Plan(..), .. }));
    effects
}

fn ends(effects: &[Effect]) -> bool {
    matches!(effects, [Effect::Request { command: Command::End, purpose: Purpose::EndThenLeave, .. }])
}

#[test]
fn the_key_q_leaves_and_leaves_the_service_alone() {
    for moment in [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent] {
        let mut m = model(moment);
        assert_eq!(press(&mut m, "q"), [Effect::Leave], "{moment:?}: nothing of this console is at stake");
        assert_eq!(press(&mut m, ":leave\n"), [Effect::Leave]);
    }
}

#[test]
fn leaving_names_the_orders_of_this_console_first() {
    let mut m = model(Moment::Before);
    press(&mut m, "wmy");
    assert!(press(&mut m, "q").is_empty());
    let question = m.confirm.clone().unwrap();
    let text = question.lines.join(" ");
    assert!(text.contains("M on server2 has a hold of this console") && text.contains("is given up"), "{question:?}");
    assert_eq!(question.alarm, None);
    assert_eq!(press(&mut m, "y"), [Effect::Leave]);
    // Without a hold it goes on.
    let mut m = model(Moment::Before);
    press(&mut m, "myq");
    let text = m.confirm.clone().unwrap().lines.join(" ");
    assert!(text.contains("it goes on, on server2") && text.contains("no controller is ended"), "{text}");
    assert!(press(&mut m, "\u{1b}").is_empty() && m.confirm.is_none());
}

/// Ending the other controller is chosen by itself, and says what it does where that server serves.
#[test]
fn ending_the_controller_is_a_choice_of_its_own_that_says_that_the_service_stops() {
    let mut m = model(Moment::After);
    press(&mut m, "bnby");
    assert!(press(&mut m, "q").is_empty());
    assert!(drawn(&m, 80, 24).contains("end server2's controller as well: THE SERVICE STOPS"), "{}", drawn(&m, 80, 24));
    assert!(press(&mut m, "E").is_empty(), "it asks");
    let question = m.confirm.clone().unwrap();
    assert!(question.alarm.as_ref().unwrap().starts_with("THE SERVICE STOPS: server2 owns the radio"), "{question:?}");
    assert!(ends(&press(&mut m, "y")));
    // Where server1 serves, nothing stops.
    let mut m = model(Moment::Before);
    press(&mut m, "myq");
    assert!(drawn(&m, 80, 24).contains("end server2's controller as well") && !drawn(&m, 80, 24).contains("SERVICE STOPS"));
}

#[test]
fn typed_quit_ends_and_leaves_and_always_asks() {
    for keys in [":q\n", ":quit\n", ":QUIT\n"] {
        for (moment, stops) in [(Moment::Before, false), (Moment::After, true)] {
            let mut m = model(moment);
            assert!(press(&mut m, keys).is_empty() && m.confirm.is_some(), "{keys:?}");
            assert_eq!(drawn(&m, 120, 40).contains("THE SERVICE STOPS"), stops, "{keys:?} {moment:?}");
            assert!(ends(&press(&mut m, "\n")), "{keys:?}");
        }
    }
    // The leave key in that question leaves, without ending anything.
    let mut m = model(Moment::After);
    assert_eq!(press(&mut m, ":quit\nq"), [Effect::Leave]);
    let mut m = fleet::model(ThemeName::Dark, false);
    assert!(press(&mut m, ":quit\n").is_empty() && m.confirm.is_some(), "also where nothing is known");
}

#[test]
fn in_a_demo_the_question_says_that_the_lab_ends() {
    let mut m = model(Moment::Before);
    m.ends_lab = true;
    assert!(press(&mut m, "q").is_empty());
    let said = m.confirm.clone().unwrap().alarm.unwrap();
    assert_eq!(said, "The lab ends with this console, and the work on server1 with it.");
    assert_eq!(press(&mut m, "y"), [Effect::Leave]);
    let mut idle = fleet::model(ThemeName::Dark, false);
    idle.ends_lab = true;
    assert_eq!(press(&mut idle, "q"), [Effect::Leave]);
}

/// Nobody who asks for something that is there already is told how to stop it.
#[test]
fn what_is_not_possible_is_answered_with_what_was_meant() {
    let table = [
        (Moment::Before, "s", "DS was not ordered: server1 already serves; to move the work to server2: m"),
        (Moment::Before, ":DS\n", "DS was not ordered: server1 already serves; to move the work to server2: m"),
        (Moment::Before, "S", "DSR was not ordered: server1 serves; to move the work to server2: m"),
        (Moment::Before, "b", "MB was not ordered: server1 already serves; to move the work to server2: m"),
        (Moment::After, "m", "M was not ordered: server2 already serves; to move the work to server1: b"),
        (Moment::After, "s", "DS was not ordered: server2 serves; to move the work to server1: b"),
        (Moment::After, "S", "DSR was not ordered: server2 already serves; to move the work to server1: b"),
        (Moment::During, "k", "KL was not ordered: M is under way on server2; wait until it is over"),
    ];
    for (moment, keys, said) in table {
        let mut m = model(moment);
        assert!(deeds(&mut m, keys).is_empty() && m.confirm.is_none() && m.pending.is_empty(), "{moment:?} {keys}");
        assert_eq!(last_line(&m), said, "{moment:?} {keys}");
    }
    // What is left and does not serve is in the way, and may go.
    let mut m = model(Moment::Before);
    change(&mut m, "server1", |t| t.usrp.state = ProcessState::Died);
    press(&mut m, "s");
    assert_eq!(last_line(&m), "DS was not ordered: server1 does not serve, but D2D is left there; R recovers it on server1");
    // Twice the same: the second waits for the first.
    let mut m = model(Moment::Before);
    fleet::idle(&mut m);
    press(&mut m, "b");
    assert_eq!(last_line(&m), "MB was not ordered: there is no work that could be moved; to start it on server2: S");
    assert_eq!(deeds(&mut m, "ss").len(), 1);
    assert_eq!(last_line(&m), "DS was not ordered: DS was just ordered from server1");
}

#[test]
fn a_cancelled_question_changes_nothing() {
    for (keys, no) in [("mccwi", "\u{1b}"), ("mcwii", "n"), (":M cold hold\nc", "\u{1b}"), (":M seamless\nwi", "n")] {
        let mut m = model(Moment::Before);
        let before = (m.method, m.hold);
        let lines = m.log.len();
        assert!(deeds(&mut m, keys).is_empty(), "{keys}: the interval changes on yes");
        assert!(m.confirm.is_some(), "{keys}");
        assert!(deeds(&mut m, no).is_empty());
        assert_eq!((m.method, m.hold), before, "{keys}");
        assert_eq!(m.log.len(), lines, "{keys}: {:?}", m.log.back());
    }
    // Refused ones, and a method that was named to look at it.
    let mut m = model(Moment::Before);
    press(&mut m, ":MB cold hold\n");
    assert_eq!((m.method, m.hold), (Method::Hot, false));
    press(&mut m, ":plan M cold\n");
    assert!(drawn(&m, 120, 40).contains("STEPS of M cold") || m.method == Method::Cold);
    press(&mut m, "\u{1b}");
    assert_eq!(m.method, Method::Hot);
}

#[test]
fn what_was_chosen_in_a_question_applies_on_yes_and_the_interval_first() {
    let mut m = model(Moment::Before);
    let effects = deeds(&mut m, "mcwiy");
    let [Effect::Request { command: Command::ProbeStart { interval_ms, .. }, purpose, .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!((*interval_ms - 10.0).abs() < 1e-9);
    assert!(m.pending.is_empty(), "the run waits for the interval under which it is counted");
    let (purpose, host) = (*purpose, "server3".to_owned());
    let sent = update(&mut m.clone(), Msg::Answer { purpose, host: host.clone(), result: Ok(Answer::Done) });
    let [Effect::Request { command: Command::Order(request), .. }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((request.order, request.method, request.hold), (Order::M, Method::Seamless, true));
    let failure = Failure::new(ErrorCode::BadRequest, "no such interval");
    assert!(update(&mut m, Msg::Answer { purpose, host, result: Err(failure) }).is_empty());
    assert!(last_line(&m).starts_with("the interval was not changed, so M was not ordered"), "{}", last_line(&m));
}

#[test]
fn the_help_is_modal_and_filtered() {
    let mut m = model(Moment::Before);
    press(&mut m, "?");
    for key in "skmbSKFEgacwvpieotrzfx:<> +-u".chars() {
        let before = (m.method, m.hold, m.privacy, m.zoom, m.log.len());
        assert!(press(&mut m, &key.to_string()).is_empty(), "{key}");
        assert!(matches!(m.screen, Screen::Help { .. }) && m.confirm.is_none() && !m.command_line.open, "{key}");
        assert_eq!((m.method, m.hold, m.privacy, m.zoom, m.log.len()), before, "{key}");
    }
    press(&mut m, "/migrate back");
    let shown = drawn(&m, 120, 40);
    assert!(shown.contains("move the work from server2 to server1") && !shown.contains("kill local"), "{shown}");
    press(&mut m, "\n");
    assert!(!m.help.typing && drawn(&m, 120, 40).contains("HELP with \"migrate back\""));
    press(&mut m, "/q");
    assert!(matches!(m.screen, Screen::Help { .. }), "a letter of the filter closed the help");
    press(&mut m, "\u{1b}");
    assert!(m.help.is_empty() && matches!(m.screen, Screen::Help { .. }));
    press(&mut m, "\u{1b}");
    for close in ["\u{1b}", "h", "?", "q"] {
        press(&mut m, "?");
        assert!(matches!(m.screen, Screen::Help { .. }));
        assert!(press(&mut m, close).is_empty() && m.screen == Screen::Operate, "{close:?}");
    }
}

fn footer(model: &Model, width: u16, height: u16) -> String {
    drawn(model, width, height).lines().last().unwrap().to_owned()
}

const SIZES: [(u16, u16); 5] = [(60, 16), (80, 24), (100, 30), (120, 40), (200, 60)];

#[test]
fn help_and_the_way_out_stand_on_every_screen_at_every_size() {
    for moment in [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent] {
        for lang in [crate::ui::lang::Lang::En, crate::ui::lang::Lang::Zh] {
            for keys in ["", "t", "r", "v", "z", "rp", "rpo", "r\n", "rv"] {
                let mut m = model(moment);
                m.skin.lang = lang;
                update(&mut m, Msg::RunsLoaded(Ok(fleet::records())));
                press(&mut m, keys);
                for (width, height) in SIZES {
                    let row = footer(&m, width, height);
                    let [help, leave] = ["help", "leave"].map(|word| lang.tr(word));
                    assert!(
                        row.contains(&format!("? {help}")) && row.trim_end().ends_with(&format!("q {leave}")),
                        "{keys:?} {width}: {row}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_bottom_line_has_verbs_for_what_can_be_done_now() {
    for (moment, has, has_not) in [
        (Moment::Before, ["m move to server2", "k stop server1", "c method: hot"], "s start"),
        (Moment::After, ["b move to server1", "K stop server2", "c method: hot"], "m move"),
    ] {
        let row = footer(&model(moment), 120, 40);
        assert!(has.iter().all(|verb| row.contains(verb)) && !row.contains(has_not), "{row}");
        // A wide screen shows the others, too, dim.
        let wide = footer(&model(moment), 250, 60);
        assert!(wide.contains(has_not), "{wide}");
    }
    let narrow = footer(&model(Moment::Before), 60, 16);
    assert!(narrow.contains("m move to server2"), "{narrow}");
    let held = footer(&at_stage(OrderStage::Ready), 60, 16);
    assert!(held.contains("g go") && held.contains("a cancel") && !held.contains("m move"), "{held}");
    for (name, moment) in
        [("before", Moment::Before), ("during", Moment::During), ("after", Moment::After), ("silent", Moment::Silent)]
    {
        let rows: Vec<String> = SIZES.iter().map(|(width, height)| footer(&model(moment), *width, *height)).collect();
        insta::assert_snapshot!(format!("footer-{name}"), rows.join("\n"));
    }
}

const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);

fn click(model: &mut Model, column: usize, row: usize) -> Vec<Effect> {
    let size = Size { width: 120, height: 40 };
    let event = MouseEvent { kind: CLICK, column: column as u16, row: row as u16, modifiers: KeyModifiers::NONE };
    let mut effects = update(model, Msg::Mouse(event, size));
    effects.retain(|effect| !matches!(effect, Effect::Request { purpose: Purpose::Plan(..), .. }));
    effects
}

/// Column and row of words on the screen.
fn place(model: &Model, words: &str) -> (usize, usize) {
    let shown = drawn(model, 120, 40);
    let (row, line) =
        shown.lines().enumerate().filter(|(_, line)| line.contains(words)).last().unwrap_or_else(|| panic!("{words}: {shown}"));
    (line[..line.find(words).unwrap()].chars().count(), row)
}

#[test]
fn a_click_in_the_bottom_line_does_what_the_key_does() {
    let mut m = model(Moment::Before);
    let (x, y) = place(&m, "m move to server2");
    for column in [x, x + 5, x + 16] {
        let mut m = m.clone();
        assert!(click(&mut m, column, y).is_empty() && m.confirm.is_some(), "it asks, as the key does");
    }
    assert!(click(&mut m, x + 17, y).is_empty() && m.confirm.is_none(), "beside it");
    let (x, y) = place(&m, "c method: hot");
    click(&mut m, x, y);
    assert_eq!(m.method, Method::Seamless);
    let (x, y) = place(&m, "q leave");
    assert_eq!(click(&mut m, x, y), [Effect::Leave]);
    press(&mut m, "m");
    assert!(click(&mut m, x, y).is_empty() && m.confirm.is_some(), "a question takes no clicks");
}

#[test]
fn runs_and_heads_of_columns_are_clicked() {
    let mut m = model(Moment::After);
    press(&mut m, "r");
    update(&mut m, Msg::RunsLoaded(Ok(fleet::records())));
    let (x, y) = place(&m, "total ms");
    click(&mut m, x + 3, y);
    assert_eq!((m.runs.sort, m.runs.reverse), (SortKey::Total, true));
    click(&mut m, x + 3, y);
    assert_eq!((m.runs.sort, m.runs.reverse), (SortKey::Total, false));
    let third = m.runs.visible().nth(2).unwrap().run.clone();
    click(&mut m, 10, y + 3);
    assert_eq!(m.runs.selected().unwrap().run, third);
    assert_eq!(m.screen, Screen::Runs);
    click(&mut m, 10, y + 3);
    assert!(m.screen == Screen::Timing && m.opened.as_ref().unwrap().run == third, "the second click opens it");
}

#[test]
fn the_command_line_knows_screens_aliases_and_near_misses_with_arguments() {
    for (typed, screen) in
        [("operate", Screen::Operate), ("timing", Screen::Timing), ("RUNS", Screen::Runs), ("keys", Screen::Help { scroll: 0 })]
    {
        let mut m = model(Moment::Before);
        press(&mut m, &format!(":{typed}\n"));
        assert_eq!(m.screen, screen, "{typed}");
    }
    let mut m = model(Moment::Before);
    press(&mut m, ":migrate cold\n");
    assert!(m.confirm.is_some() && m.method == Method::Cold);
    let mut m = model(Moment::Before);
    press(&mut m, ":migrtae hot\n");
    assert_eq!(m.command_line.complaint.as_deref(), Some("unknown command \"migrtae hot\", try migrate hot"));
    press(&mut m, "\t");
    assert_eq!(m.command_line.input.value(), "migrate hot", "Tab takes what was meant");
    press(&mut m, "\u{1b}:M hto\n");
    assert_eq!(m.command_line.complaint.as_deref(), Some("M does not take \"hto\", try hot"));
    press(&mut m, "\t\n");
    assert!(m.confirm.is_some() && m.method == Method::Hot);
}

#[test]
fn the_log_is_filtered() {
    let mut m = model(Moment::After);
    m.say(Level::Warning, "one thing");
    assert!(press(&mut m, "/linked radio").is_empty());
    let shown = drawn(&m, 120, 40);
    assert!(shown.contains("linked to the radio after 2 probes") && !shown.contains("one thing"), "{shown}");
    assert!(m.confirm.is_none() && m.log_filter.typing, "a letter of the filter was taken for an order");
    press(&mut m, "\n");
    assert!(drawn(&m, 120, 40).contains("LOG with \"linked radio\": 1 of ") && !m.log_filter.typing);
    press(&mut m, "\u{1b}");
    assert!(m.log_filter.is_empty() && drawn(&m, 120, 40).contains("one thing"));
    press(&mut m, "/warning\n");
    assert_eq!(m.shown_log().len(), 1, "by its level, too");
}

#[test]
fn what_was_said_before_is_asked_for_at_every_connection_and_merged() {
    let mut m = fleet::model(ThemeName::Dark, false);
    let link = |m: &mut Model, state| update(m, Msg::Heard(Heard::Link { host: "server1".into(), state }));
    let asked =
        |effects: &[Effect]| matches!(effects, [Effect::Request { command: Command::RecentEvents, host, .. }] if host == "server1");
    assert!(asked(&link(&mut m, LinkState::Connected)));
    link(&mut m, LinkState::Silent { for_ms: 1_000 });
    assert!(link(&mut m, LinkState::Connected).is_empty(), "it was silent, not gone");
    link(&mut m, LinkState::Retrying { in_ms: 250 });
    link(&mut m, LinkState::Connecting);
    assert!(asked(&link(&mut m, LinkState::Connected)), "what was said meanwhile was not heard");

    let at = |s: i64| fleet::start() + chrono::TimeDelta::seconds(s);
    let event = |s: i64, text: &str| Event {
        at: at(s),
        host: "server1".into(),
        radio: None,
        level: Level::Info,
        text: text.into(),
        run: None,
        alert: false,
    };
    m.log.clear();
    update(&mut m, Msg::Heard(Heard::Event(event(5, "five"))));
    for _ in 0..2 {
        let events = vec![event(-60, "long ago"), event(3, "three"), event(5, "five")];
        let result = Ok(RecentEvents { events }.into());
        update(&mut m, Msg::Answer { purpose: Purpose::Recent, host: "server1".into(), result });
    }
    let texts: Vec<&str> = m.log.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, ["long ago", "three", "five"]);
    let failure = Failure::new(ErrorCode::UnknownCommand, "no such command");
    update(&mut m, Msg::Answer { purpose: Purpose::Recent, host: "server1".into(), result: Err(failure) });
    assert_eq!(m.log.len(), 3, "an agent of an older version has nothing to tell");
}

#[test]
fn an_outcome_stands_once_in_the_log() {
    for answer_first in [false, true] {
        let mut m = model(Moment::After);
        let record = m.migration().unwrap().1.record.clone().unwrap();
        m.log.clear();
        let event = |m: &mut Model| {
            let said = Event {
                at: m.at,
                host: "server2".into(),
                radio: None,
                level: Level::Info,
                text: "M is done".into(),
                run: Some(record.run.clone()),
                alert: false,
            };
            update(m, Msg::Heard(Heard::Event(said)));
        };
        let answer = |m: &mut Model| {
            let result = Ok(Answer::from(record.clone()));
            update(m, Msg::Answer { purpose: Purpose::Order(Order::M), host: "server2".into(), result });
        };
        if answer_first {
            answer(&mut m);
            event(&mut m);
        } else {
            event(&mut m);
            assert_eq!(m.log.len(), 1, "who did not order it has the agent's word");
            answer(&mut m);
        }
        let texts: Vec<&str> = m.log.iter().map(|event| event.text.as_str()).collect();
        assert_eq!(texts, ["M done by server2 in 1 902 ms, service interrupted for 1 741 ms by phases"], "{answer_first}");
    }
}

#[test]
fn what_was_refused_is_no_error_and_no_run() {
    let mut m = model(Moment::After);
    let mut record = m.migration().unwrap().1.record.clone().unwrap();
    record.run = "019a-0009".into();
    (record.outcome, record.total_ms, record.phases) = (Outcome::RolledBack, 0.0, vec![]);
    record.reason = Some("M was not begun: server2 already runs D2D. server1 still serves.".into());
    record.failure = Some(Failure::new(ErrorCode::State, "server2 already runs D2D").hint("it does not serve: KR clears it"));
    let result = Ok(Answer::from(record.clone()));
    update(&mut m, Msg::Answer { purpose: Purpose::Order(Order::M), host: "server2".into(), result });
    let lines: Vec<(Level, &str)> = m.log.iter().rev().take(2).map(|e| (e.level, e.text.as_str())).collect();
    assert_eq!(lines[1], (Level::Warning, "M refused: server2 already runs D2D. server1 still serves."));
    // Nothing of it is shown as the latest migration.
    let shown = m.latest_migration().unwrap().1.run.clone();
    change(&mut m, "server2", |t| {
        let progress = t.migration.as_mut().unwrap();
        (progress.run, progress.record) = (record.run.clone(), Some(record.clone()));
    });
    assert_eq!(m.latest_migration().unwrap().1.run, shown);
    // Listed, but neither opened nor played nor compared.
    let mut records = fleet::records();
    records.runs.push(record);
    update(&mut m, Msg::RunsLoaded(Ok(records)));
    press(&mut m, "r/019a-0009\n");
    assert!(drawn(&m, 120, 40).contains("refused"), "{}", drawn(&m, 120, 40));
    press(&mut m, "\np");
    assert!(m.opened.is_none() && m.replay.is_none() && last_line(&m).contains("was not begun"), "{}", last_line(&m));
    press(&mut m, "v");
    assert!(m.runs.compared().groups.is_empty());
}

#[test]
fn the_latest_migration_is_told_by_its_run_and_ends_with_what_changes_its_result() {
    let mut m = model(Moment::After);
    let latest = m.migration().unwrap().1.clone();
    // The other host still tells of an older one, and this one of another order.
    change(&mut m, "server1", |t| {
        let mut older = latest.clone();
        (older.run, older.order) = ("019a-0000".into(), Order::MB);
        older.record.as_mut().unwrap().run = "019a-0000".into();
        t.migration = Some(older);
    });
    assert_eq!(m.migration().unwrap().1.run, "019a-0001");
    change(&mut m, "server2", |t| {
        let mut other = latest.clone();
        (other.run, other.order) = ("019a-0002".into(), Order::KR);
        let record = other.record.as_mut().unwrap();
        (record.run, record.order) = ("019a-0002".into(), Order::KR);
        t.migration = Some(other);
    });
    assert!(m.migration().is_none(), "the work was stopped since: nothing of the migration is current");
    assert_eq!(m.latest_migration().unwrap().1.run, "019a-0001", "and no older one takes its place");
    press(&mut m, "t");
    let shown = drawn(&m, 120, 40);
    assert!(shown.contains("latest migration, 2 m ") || shown.contains("latest migration, 3 m "), "{shown}");
}
