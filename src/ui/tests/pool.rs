//! The Pool page: what it shows, what its keys do, and what is sent.

use insta::assert_snapshot;

use super::pool_fleet::{change, died, serve, serving, silence, silent, tick};
use super::{Model, Msg, picture, press, update};
use crate::ui::export::text;
use crate::ui::lang::Lang;
use crate::ui::msg::{Effect, Purpose};
use crate::ui::place::Screen;
use crate::ui::theme::ThemeName;
use protocol::*;

fn drawn(model: &Model, width: u16, height: u16) -> String {
    text(&picture(model, width, height))
}

/// What is asked of agents, each with its radio: the one on the screens has none.
fn requests(model: &Model, effects: &[Effect]) -> Vec<(String, String, Command, Purpose)> {
    let request = |radio: String, effect: &Effect| match effect {
        Effect::Request { host, command, purpose, .. } => Some((radio, host.clone(), command.clone(), *purpose)),
        _ => None,
    };
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::OfRadio(radio, effect) => request(radio.to_string(), effect),
            effect => request(model.radio().to_string(), effect),
        })
        .filter(|(_, _, _, purpose)| !matches!(purpose, Purpose::Plan(..) | Purpose::Recent))
        .collect()
}

fn answer(model: &mut Model, radio: &str, host: &str, purpose: Purpose, result: Result<Answer, Failure>) -> Vec<Effect> {
    let msg = Msg::Answer { purpose, host: host.into(), result };
    update(model, Msg::OfRadio(radio.parse().unwrap(), Box::new(msg)))
}

/// The record of a move that went well.
fn record(radio: &str, from: &str, to: &str) -> Answer {
    let mut record = crate::ui::fleet::records().runs.pop().unwrap();
    (record.radio, record.from, record.to) = (Some(radio.into()), from.into(), to.into());
    (record.run, record.outcome) = (format!("run-{radio}"), Outcome::Ok);
    Answer::Record(Box::new(record))
}

#[test]
fn the_page_at_four_sizes() {
    let mut model = serving(3, 3, false);
    tick(&mut model, 61_000);
    for (width, height) in [(80, 24), (100, 30), (120, 40), (200, 60)] {
        assert_snapshot!(format!("pool-{width}x{height}"), drawn(&model, width, height));
    }
}

#[test]
fn what_is_wrong_stands_out() {
    let mut model = serving(3, 4, true);
    change(&mut model, "radio2", "server3", |t| t.drained = true);
    died(&mut model, "radio4", "server1");
    silence(&mut model, &["server2"], 7_000);
    press(&mut model, "\u{2192}\u{2193}");
    for (width, height) in [(80, 24), (120, 40)] {
        assert_snapshot!(format!("pool-trouble-{width}x{height}"), drawn(&model, width, height));
    }
    // Everything is silent.
    silence(&mut model, &["server1", "server2", "server3", "far1", "far2", "far3", "far4"], 9_000);
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains("NO AGENT IS HEARD") && screen.contains("4 UNKNOWN"), "{screen}");
    assert_snapshot!("pool-all-silent-80x24", drawn(&model, 80, 24));
    // Nothing was ever heard.
    assert_snapshot!("pool-never-heard-80x24", drawn(&silent(2, 2, false), 80, 24));
}

#[test]
fn a_large_pool_scrolls_both_ways() {
    let mut model = serving(16, 40, false);
    assert_snapshot!("pool-large-80x24", drawn(&model, 80, 24));
    press(&mut model, &"\u{2192}".repeat(9));
    press(&mut model, &"\u{2193}".repeat(30));
    let screen = drawn(&model, 100, 30);
    let name = model.radio().to_string();
    assert!(screen.contains(&format!("> {name}")) && screen.contains("server10 "), "{screen}");
    assert!(screen.contains("of 40") && screen.contains("of 16"), "{screen}");
}

#[test]
fn enter_opens_a_radio_and_a_key_leads_back() {
    let mut model = serving(3, 3, false);
    press(&mut model, "\u{2193}\n");
    assert_eq!((model.screen, model.radio().as_str()), (Screen::Operate, "radio2"));
    assert!(drawn(&model, 120, 40).contains("radio2") && drawn(&model, 120, 40).contains("server2"));
    press(&mut model, "P");
    assert_eq!((model.screen, model.radio().as_str()), (Screen::Pool, "radio2"));
    press(&mut model, "\n\u{1b}");
    assert_eq!(model.screen, Screen::Pool);
    // What is heard goes to its radio, whichever is on the screen.
    change(&mut model, "radio3", "server3", |t| t.drained = true);
    press(&mut model, "\u{2193}");
    assert!(model.telemetry("server3").unwrap().drained && model.radio().as_str() == "radio3");
}

#[test]
fn a_radio_moves_to_the_server_that_is_chosen() {
    let mut model = serving(3, 3, false);
    change(&mut model, "radio1", "server2", |t| t.drained = true);
    press(&mut model, "m");
    assert_snapshot!("pool-choose-80x24", drawn(&model, 80, 24));
    // The cursor is on the first that can take it; the drained one cannot.
    let effects = press(&mut model, "\u{2191}\n");
    assert!(requests(&model, &effects).is_empty() && model.log.back().unwrap().text.contains("drained"));
    press(&mut model, "\u{2193}\n");
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains("radio1: M: move the work from server1 to server3 (hot)?"), "{screen}");
    let effects = press(&mut model, "\n");
    let sent = requests(&model, &effects);
    let [(radio, host, Command::Order(order), _)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((radio.as_str(), host.as_str(), order.order), ("radio1", "server3", Order::M));
    assert_eq!(order.between, Some(["server1".into(), "server3".into()]));
}

#[test]
fn of_two_servers_the_cluster_file_says_which_is_which() {
    let mut model = serving(2, 2, false);
    // radio2 begins on server2 in the file, so that a move away from it is M.
    press(&mut model, "\u{2193}m\n");
    let effects = press(&mut model, "\n");
    let sent = requests(&model, &effects);
    let [(_, host, Command::Order(order), _)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((host.as_str(), order.order, order.between.clone()), ("server1", Order::M, None));
}

#[test]
fn a_radio_is_started_and_stopped_where_it_is() {
    let mut model = serving(3, 2, false);
    press(&mut model, "k");
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains("radio1: KL: stop D2D and USRP on server1?") && screen.contains("THE SERVICE STOPS"), "{screen}");
    let effects = press(&mut model, "\n");
    assert!(matches!(&requests(&model, &effects)[..], [(_, host, Command::Order(_), _)] if host == "server1"));
    // A radio that nobody serves: the list, then the start.
    let mut model = silent(3, 1, false);
    serve(&mut model, 1, 9, 3);
    press(&mut model, "s");
    let effects = press(&mut model, "\u{2193}\n");
    let sent = requests(&model, &effects);
    let [(_, host, Command::Order(order), _)] = sent.as_slice() else { panic!("{sent:?}\n{}", drawn(&model, 120, 40)) };
    assert_eq!((host.as_str(), order.order.is_migration()), ("server2", false));
}

#[test]
fn a_drain_shows_its_plan_marks_the_server_and_moves_in_waves() {
    let mut model = serving(3, 3, false);
    serve(&mut model, 2, 1, 3);
    serve(&mut model, 3, 1, 3);
    press(&mut model, "d");
    assert_snapshot!("pool-plan-120x40", drawn(&model, 120, 40));
    let effects = press(&mut model, "\n");
    // First the server is told, for every radio; nothing moves before.
    let told = requests(&model, &effects);
    assert!(
        told.len() == 3 && told.iter().all(|(_, host, command, _)| host == "server1" && *command == Command::Drain),
        "{told:?}"
    );
    let mut effects = Vec::new();
    for (radio, host, _, purpose) in told {
        assert!(requests(&model, &effects).is_empty());
        effects = answer(&mut model, &radio, &host, purpose, Ok(Answer::Done));
    }
    // Two at once on a server.
    let moves = requests(&model, &effects);
    assert_eq!(moves.len(), 2, "{moves:?}");
    assert_snapshot!("pool-draining-120x40", drawn(&model, 120, 40));
    let mut next = Vec::new();
    for (radio, host, _, purpose) in moves {
        assert!(requests(&model, &next).is_empty());
        next = answer(&mut model, &radio, &host, purpose, Ok(record(&radio, "server1", &host)));
    }
    let last = requests(&model, &next);
    assert_eq!(last.len(), 1, "{last:?}");
    // The last one fails: said, and the page shows why.
    let failure = Failure::new(ErrorCode::State, "the radio did not answer 8 probes");
    let (radio, host, _, purpose) = last[0].clone();
    answer(&mut model, &radio, &host, purpose, Err(failure));
    tick(&mut model, 62_600);
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains(&format!("drain server1 failed at {radio}: 2 done, 0 not begun")), "{screen}");
    assert_snapshot!("pool-failed-80x24", drawn(&model, 80, 24));
    press(&mut model, "\u{1b}");
    assert!(!drawn(&model, 120, 40).contains("Esc closes"));
}

#[test]
fn a_server_that_does_not_take_the_drain_moves_nothing() {
    let mut model = serving(3, 3, false);
    press(&mut model, "d");
    let effects = press(&mut model, "\n");
    let told = requests(&model, &effects);
    let mut effects = Vec::new();
    for (i, (radio, host, _, purpose)) in told.into_iter().enumerate() {
        let result = if i == 1 { Err(Failure::new(ErrorCode::Unreachable, "nobody there")) } else { Ok(Answer::Done) };
        effects.extend(answer(&mut model, &radio, &host, purpose, result));
    }
    assert!(requests(&model, &effects).is_empty());
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains("drain server1 was refused, and nothing was moved: nobody there"), "{screen}");
}

#[test]
fn a_pool_that_has_changed_is_asked_about_again() {
    let mut model = serving(3, 3, false);
    press(&mut model, "d");
    serve(&mut model, 2, 1, 3);
    let effects = press(&mut model, "\n");
    assert!(requests(&model, &effects).is_empty());
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains("The pool has changed since the plan was shown") && screen.contains("radio2 from server1"), "{screen}");
}

#[test]
fn what_is_not_begun_can_be_stopped() {
    let mut model = serving(3, 3, false);
    serve(&mut model, 2, 1, 3);
    serve(&mut model, 3, 1, 3);
    press(&mut model, "d");
    let effects = press(&mut model, "\n");
    let told = requests(&model, &effects);
    let mut moves = Vec::new();
    for (radio, host, _, purpose) in told {
        moves = answer(&mut model, &radio, &host, purpose, Ok(Answer::Done));
    }
    press(&mut model, "a");
    let mut after = Vec::new();
    for (radio, host, _, purpose) in requests(&model, &moves) {
        after.extend(answer(&mut model, &radio, &host, purpose, Ok(record(&radio, "server1", &host))));
    }
    assert!(requests(&model, &after).is_empty());
    assert!(drawn(&model, 120, 40).contains("drain server1 was stopped: 2 done, 1 not begun"), "{}", drawn(&model, 120, 40));
}

#[test]
fn a_silent_server_is_failed_over_and_one_that_is_heard_is_not() {
    let mut model = serving(3, 3, false);
    press(&mut model, "F");
    assert!(model.log.back().unwrap().text.contains("server1 is heard"), "{:?}", model.log.back());
    silence(&mut model, &["server1"], 7_000);
    press(&mut model, "F");
    assert_snapshot!("pool-failover-80x24", drawn(&model, 80, 24));
    let effects = press(&mut model, "y");
    let sent = requests(&model, &effects);
    let [(radio, _, Command::Order(order), _)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((radio.as_str(), order.method), ("radio1", Method::Failover));
}

#[test]
fn the_list_is_filtered_and_sorted() {
    let mut model = serving(3, 6, false);
    press(&mut model, "/server2\n");
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains("RADIOS with \"server2\": 2 of 6") && !screen.contains("  radio3"), "{screen}");
    // What is hidden is not acted upon.
    press(&mut model, "\u{2193}");
    assert!(["radio2", "radio5"].contains(&model.radio().as_str()));
    press(&mut model, "\u{1b}");
    died(&mut model, "radio5", "server2");
    press(&mut model, ">");
    let screen = drawn(&model, 120, 40);
    let row = |text: &str| screen.lines().position(|row| row.contains(text)).unwrap();
    assert!(screen.contains("by service") && row("radio5 DOWN") < row("radio1 SERVING"), "{screen}");
}

#[test]
fn who_only_watches_orders_nothing() {
    let mut model = serving(3, 3, false);
    model.read_only = true;
    for keys in ["m", "d", "B", "C", "s", "k", "F", "u"] {
        assert!(press(&mut model, keys).is_empty());
        assert!(model.pool_page.as_ref().unwrap().dialog.is_none() && model.confirm.is_none(), "{keys}");
    }
}

#[test]
fn the_smallest_pool_is_one_of_two_servers() {
    let views = config::RadioViews::parse(&crate::ui::fleet::cluster()).unwrap();
    let mut model = crate::ui::fleet::model(ThemeName::Dark, false);
    model.in_pool(std::sync::Arc::new(views));
    crate::ui::fleet::tell(&mut model, crate::ui::fleet::Moment::Before);
    assert_eq!(model.screen, Screen::Operate);
    press(&mut model, "P");
    assert_snapshot!("pool-smallest-80x24", drawn(&model, 80, 24));
    press(&mut model, "m\n");
    assert!(drawn(&model, 80, 24).contains("move the work from server1 to server2"));
}

#[test]
fn themes_and_ascii_change_no_meaning() {
    let mut model = serving(3, 4, true);
    died(&mut model, "radio4", "server1");
    let dark = drawn(&model, 120, 40);
    for theme in <ThemeName as clap::ValueEnum>::value_variants() {
        model.skin = crate::ui::theme::Skin::new(*theme, false);
        assert_eq!(drawn(&model, 120, 40), dark, "{theme:?}");
    }
    model.skin = crate::ui::theme::Skin::new(ThemeName::Mono, true);
    assert!(drawn(&model, 120, 40).is_ascii());
}

#[test]
fn the_page_in_chinese() {
    let mut model = serving(3, 4, true);
    died(&mut model, "radio4", "server1");
    model.skin.lang = Lang::Zh;
    model.share_settings();
    assert_snapshot!("zh-pool-120x40", drawn(&model, 120, 40));
    press(&mut model, "d");
    assert_snapshot!("zh-pool-plan-80x24", drawn(&model, 80, 24));
}

#[test]
fn the_help_is_of_the_page() {
    let mut model = serving(3, 3, false);
    press(&mut model, "h");
    assert_snapshot!("pool-help-120x40", drawn(&model, 120, 40));
}

#[test]
fn names_are_in_the_order_of_their_numbers() {
    let mut model = serving(11, 12, false);
    let screen = drawn(&model, 200, 60);
    let row = |text: &str| screen.lines().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(row("radio2 ") < row("radio10 ") && row("radio9 ") < row("radio10 ") && row("radio11 ") < row("radio12 "), "{screen}");
    let heads = screen.lines().find(|line| line.contains("server1 ")).unwrap();
    assert!(heads.find("server2 ") < heads.find("server10 "), "{heads}");
    // The cursor goes by the columns.
    press(&mut model, "\u{2192}");
    assert_eq!(model.pool_page.as_ref().unwrap().selected_server().unwrap().as_str(), "server2");
}

#[test]
fn how_long_a_server_is_silent_stands_in_its_column() {
    for (for_ms, said) in [(7_000, "silent 7 s"), (12_000, "silent 12 s"), (200_000, "silent 3 m"), (47_000_000, "silent 13 h")] {
        let mut model = serving(3, 3, false);
        silence(&mut model, &["server2"], for_ms);
        let screen = drawn(&model, 80, 24);
        let marks = screen.lines().find(|line| line.contains("serves 1")).unwrap();
        assert!(marks.contains(&format!("{said} ")), "{screen}");
    }
}

#[test]
fn a_server_that_nobody_can_stand_in_for_is_told_in_full() {
    let mut model = serving(3, 4, true);
    let said = "if it were lost, nobody would serve radio1, radio4";
    assert!(!drawn(&model, 120, 40).contains("if it were lost"));
    change(&mut model, "radio2", "server3", |t| t.drained = true);
    silence(&mut model, &["server2"], 12_000);
    look_again(&mut model);
    let screen = drawn(&model, 120, 40);
    assert!(screen.contains(said), "{screen}");
    assert_snapshot!("pool-no-headroom-80x24", drawn(&model, 80, 24));
    // It is said of the server that was looked at alone.
    press(&mut model, "\u{2192}");
    assert!(!drawn(&model, 120, 40).contains("if it were lost"));
    press(&mut model, "\u{2190}");
    change(&mut model, "radio2", "server3", |t| t.drained = false);
    look_again(&mut model);
    assert!(!drawn(&model, 120, 40).contains("if it were lost"));
}

/// Another server comes under the cursor, and the first one again.
fn look_again(model: &mut Model) {
    for keys in ["\u{2192}", "\u{2190}"] {
        press(model, keys);
        let now = model.now_ms + 250;
        tick(model, now);
    }
}
