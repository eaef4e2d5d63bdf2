//! Enlarge, freeze, mask, watch only, the mouse; and that nothing grows without bound.

use chrono::TimeDelta;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Size;

use super::{picture, press};
use crate::ui::export::{Format, text};
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Heard, Msg};
use crate::ui::place::{PanelName, Screen};
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::Level;

const SIZE: Size = Size { width: 120, height: 40 };

fn model(moment: Moment) -> Model {
    fleet::at(moment, ThemeName::Dark, false)
}

fn drawn(model: &Model) -> String {
    text(&picture(model, SIZE.width, SIZE.height))
}

fn special(model: &mut Model, code: KeyCode) {
    model.asked_ms = None;
    update(model, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

fn mouse(model: &mut Model, kind: MouseEventKind, column: u16, row: u16) {
    update(model, Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }, SIZE));
}

const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);

#[test]
fn every_panel_can_be_enlarged_by_keys() {
    let mut m = model(Moment::After);
    press(&mut m, "z");
    assert_eq!(m.zoom, Some(PanelName::Radio));
    let words = [
        ("OWNS THE RADIO", PanelName::Right),
        ("PINGS", PanelName::Pings),
        ("PHASES", PanelName::Phases),
        ("CONTROL VARIABLES", PanelName::Control),
        ("ROUTE TABLE", PanelName::Routes),
        ("LOG", PanelName::Log),
        ("parked", PanelName::Left),
    ];
    for (word, panel) in words {
        special(&mut m, KeyCode::Right);
        assert_eq!(m.zoom, Some(panel));
        let drawn = drawn(&m);
        assert!(drawn.contains(word), "{panel:?}: {drawn}");
        for (other, _) in words.iter().filter(|(other, _)| *other != word && other.chars().all(char::is_uppercase)) {
            assert!(!drawn.contains(other), "{panel:?} shows {other}");
        }
    }
    special(&mut m, KeyCode::Left);
    assert_eq!(m.zoom, Some(PanelName::Log));
    for back in ["z", "\u{1b}", "\n"] {
        m.zoom = Some(PanelName::Log);
        press(&mut m, back);
        assert_eq!(m.zoom, None, "{back:?}");
    }
    insta::assert_snapshot!("enlarged-pings-80x24", {
        m.zoom = Some(PanelName::Pings);
        text(&picture(&m, 80, 24))
    });
}

#[test]
fn a_click_enlarges_the_panel_under_it() {
    let mut m = model(Moment::After);
    for (column, row, panel) in
        [(5, 5, PanelName::Left), (60, 4, PanelName::Radio), (110, 5, PanelName::Right), (30, 17, PanelName::Pings)]
    {
        mouse(&mut m, CLICK, column, row);
        assert_eq!(m.zoom, Some(panel));
        mouse(&mut m, CLICK, column, row);
        assert_eq!(m.zoom, None);
    }
    press(&mut m, "b");
    mouse(&mut m, CLICK, 5, 5);
    assert!(m.zoom.is_none() && m.confirm.is_some(), "a question takes no clicks");
}

#[test]
fn the_log_scrolls_and_stays_where_it_is_read() {
    let mut m = model(Moment::After);
    for i in 0..100 {
        m.say(Level::Info, format!("line {i}."));
    }
    mouse(&mut m, MouseEventKind::ScrollUp, 5, 38);
    assert_eq!(m.log_scroll, 3);
    assert!(drawn(&m).contains("3 newer below") && !drawn(&m).contains("line 99."));
    m.say(Level::Info, "another");
    assert!(drawn(&m).contains("4 newer below") && drawn(&m).contains("line 96."));
    for _ in 0..60 {
        special(&mut m, KeyCode::PageUp);
    }
    assert!(drawn(&m).contains("DS: eth3 is"), "the oldest line is not reached");
    for _ in 0..60 {
        mouse(&mut m, MouseEventKind::ScrollDown, 5, 38);
    }
    assert!(m.log_scroll == 0 && drawn(&m).contains("another"));
}

#[test]
fn a_frozen_screen_stands_still_while_the_data_goes_on() {
    let mut m = model(Moment::Before);
    press(&mut m, "f");
    // What can be done is of the present.
    let body = |drawn: String| drawn.lines().skip(1).take(38).map(str::to_owned).collect::<Vec<_>>();
    let before = body(drawn(&m));
    let (now_ms, at) = (m.now_ms + 12_000, m.at + TimeDelta::seconds(12));
    update(&mut m, Msg::Tick { now_ms, at });
    fleet::tell_on(&mut m, Moment::During);
    let frozen = drawn(&m);
    assert!(frozen.lines().next().unwrap().contains("FROZEN for 12 s"), "{frozen}");
    assert!(frozen.lines().next().unwrap().contains("M runs now"), "{frozen}");
    assert_eq!(body(frozen), before);
    assert!(m.migration().is_some_and(|(_, p)| !p.finished), "data goes on behind");
    // What is looked at may change, what is asked is of the present.
    press(&mut m, "z");
    assert!(drawn(&m).contains("no migration yet"), "{}", drawn(&m));
    press(&mut m, "z\u{1b}");
    assert!(m.frozen.is_none() && drawn(&m).contains("MIGRATING"));
}

#[test]
fn masked_screens_show_no_address_and_no_name() {
    for moment in [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent] {
        let mut m = model(moment);
        m.say(Level::Info, "ordered by ada@lab from 10.77.0.12, /home/ada");
        press(&mut m, "x");
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let buffer = picture(&m, width, height);
            for drawn in [text(&buffer), crate::ui::export::svg(&buffer, "x")] {
                for secret in ["192.168", "10.77", "ada@", "/ada"] {
                    assert!(!drawn.contains(secret), "{secret} is shown at {width}x{height}:\n{drawn}");
                }
            }
        }
        assert!(drawn(&m).contains("MASKED") && drawn(&m).contains("xxx.xxx.xx.x/24"));
        press(&mut m, "x");
        assert!(drawn(&m).contains("192.168.20.2"));
    }
}

/// What is frozen, enlarged, masked and removed on the screens of runs.
#[test]
fn the_screens_of_runs_freeze_enlarge_and_mask_where_that_says_something() {
    let mut m = model(Moment::Before);
    update(&mut m, Msg::RunsLoaded(Ok(fleet::records())));
    press(&mut m, "tf");
    let before: Vec<String> = drawn(&m).lines().skip(1).take(38).map(str::to_owned).collect();
    fleet::tell_on(&mut m, Moment::During);
    let frozen = drawn(&m);
    assert!(frozen.contains("FROZEN for") && frozen.lines().skip(1).take(38).eq(before.iter()), "{frozen}");
    let picture = crate::ui::export::screen_picture(&m, 120, 40);
    assert!(picture.runs.is_empty() && picture.stamp.contains("no migration yet, frozen at 09:5"), "{}", picture.stamp);
    press(&mut m, "\u{1b}");
    assert!(m.frozen.is_none() && drawn(&m).contains("MIGRATING"));
    press(&mut m, "z");
    assert!(m.zoom.is_none() && m.screen == Screen::Timing);
    assert_eq!(m.log.back().unwrap().text, "panels are enlarged on Operate (o)");
    // A list and a replay have nothing to freeze; going to them ends it.
    press(&mut m, "fr");
    assert!(m.frozen.is_none());
    press(&mut m, "f");
    assert!(m.frozen.is_none() && m.log.back().unwrap().text.contains("nothing to freeze"));
    mouse(&mut m, MouseEventKind::ScrollDown, 5, 20);
    assert_eq!(m.runs.row(), Some(3));

    let mut m = model(Moment::After);
    update(&mut m, Msg::RunsLoaded(Ok(fleet::records())));
    press(&mut m, "rpf");
    assert!(m.frozen.is_none() && m.log.back().unwrap().text.contains("Space pauses the replay"));
    press(&mut m, "oz\u{2193}");
    assert_eq!(m.zoom, Some(PanelName::Right), "Up and Down choose: Left and Right are the replay's");
    press(&mut m, "\u{1b}");
    assert!(m.zoom.is_none() && m.replay.is_some(), "one step back");
    press(&mut m, "\u{1b}");
    assert!(m.replay.is_none());
}

#[test]
fn records_of_others_are_masked_on_the_screen_and_in_files() {
    let mut m = model(Moment::After);
    let mut records = fleet::records();
    for run in &mut records.runs {
        (run.by, run.reason) = (Some("magdalena-von-und-zu@server1".into()), Some("magdalena-von-und-zu has 192.168.10.1".into()));
    }
    update(&mut m, Msg::RunsLoaded(Ok(records)));
    press(&mut m, "x");
    for keys in ["r", "\n", "p", "o"] {
        press(&mut m, keys);
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let picture = crate::ui::export::screen_picture(&m, width, height);
            for format in [Format::Text, Format::Svg, Format::Json, Format::Csv] {
                let bytes = crate::ui::export::bytes(&picture, format).unwrap();
                let content = String::from_utf8(bytes).unwrap();
                for secret in ["192.168", "magdalena", "ada@"] {
                    assert!(!content.contains(secret), "{keys:?}, {format:?}: {secret} is shown:\n{content}");
                }
                assert!(keys != "r" || width < 120 || format != Format::Text || content.contains("server1"), "{content}");
            }
        }
    }
}

#[test]
fn a_console_that_only_watches_orders_nothing() {
    let mut m = model(Moment::Before);
    (m.read_only, m.command_line.read_only) = (true, true);
    for key in ["s", "k", "m", "b", "S", "K", "E", "c"] {
        assert!(press(&mut m, key).is_empty() && m.confirm.is_none(), "{key}");
        for screen in ["t", "r"] {
            press(&mut m, screen);
            assert!(press(&mut m, key).is_empty() && m.confirm.is_none(), "{key} on {screen}");
            assert!(m.log.back().unwrap().text.contains("read-only"), "{key} on {screen}");
        }
        press(&mut m, "o");
    }
    for name in ["DS", "kl", "M", "Migration", "MB", "DSR", "KR", "end"] {
        assert!(press(&mut m, &format!(":{name}\n")).is_empty() && m.confirm.is_none(), "{name}");
        let complaint = m.command_line.complaint.clone().unwrap();
        assert!(complaint.contains("not available: this console is read-only"), "{complaint}");
        press(&mut m, "\u{1b}");
    }
    press(&mut m, ":d\t");
    assert_eq!(m.command_line.input.value(), "d", "what is removed is not completed");
    press(&mut m, "\u{1b}");
    let drawn_now = drawn(&m);
    assert!(drawn_now.contains("READ-ONLY") && !drawn_now.contains("m move"), "{drawn_now}");
    press(&mut m, "h");
    assert!(drawn(&m).contains("--read-only") && !drawn(&m).contains("kill local"));
    press(&mut m, "h");
    assert_eq!(press(&mut m, "q"), [Effect::Leave], "leaving ends nobody's controller");
    assert_eq!(press(&mut m, ":quit\n"), [Effect::Leave]);
}

#[test]
fn ctrl_z_suspends_from_everywhere() {
    for keys in ["", "m", ":mig", "h", "z", "f"] {
        let mut m = model(Moment::Before);
        press(&mut m, keys);
        let key = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
        assert_eq!(update(&mut m, Msg::Key(key)), [Effect::Suspend], "after {keys:?}");
    }
}

/// A day at ten messages a second from three hosts would be 2.6 million; what is kept does not depend on how many came.
#[test]
fn a_day_of_data_stays_within_its_bounds() {
    let mut m = model(Moment::Before);
    let (one, far) = (m.telemetry("server1").unwrap().clone(), m.telemetry("server3").unwrap().clone());
    for i in 0..5_000_u64 {
        let mut telemetry = if i % 2 == 0 { one.clone() } else { far.clone() };
        telemetry.seq += i;
        if let Some(probe) = &mut telemetry.probe {
            probe.recent.iter_mut().for_each(|outcome| outcome.seq += i);
        }
        update(&mut m, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
        fleet::event(&mut m, &format!("host{i}"), Level::Info, &"x".repeat(10_000));
        press(&mut m, &format!(":c{i}\n\u{1b}ff"));
    }
    assert!(m.log.len() <= 2_000 && m.probes.len() <= 1024 && m.hosts.len() == 3 && m.pending.is_empty());
    assert!(m.log.iter().all(|event| event.text.len() <= 600 && event.host.len() <= 600));
    assert!(m.farewell.is_empty() && m.frozen.is_none());
}
