//! Keys in, effects out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::ui::export::Written;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Msg, Purpose};
use crate::ui::place::Screen;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{Answer, Command, ErrorCode, Failure, Level, Method, Order, OrderRequest, Outcome, ProcessState, Telemetry};

/// Says a host's snapshot again with something changed.
fn change(model: &mut Model, host: &str, change: impl FnOnce(&mut Telemetry)) {
    let mut telemetry = model.telemetry(host).unwrap().clone();
    telemetry.seq += 1;
    change(&mut telemetry);
    update(model, Msg::Heard(crate::ui::msg::Heard::Telemetry(Box::new(telemetry))));
}

fn model(moment: Moment) -> Model {
    fleet::at(moment, ThemeName::Dark, false)
}

/// Presses keys; the plans that a question asks for are left out: they change nothing.
fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = super::press(model, keys);
    effects.retain(|effect| !matches!(effect, Effect::Request { purpose: Purpose::Plan(..), .. }));
    effects
}

fn order(effects: &[Effect]) -> Option<(String, Order, Method)> {
    match effects {
        [Effect::Request { host, command: Command::Order(OrderRequest { order, method, by, .. }), purpose, .. }] => {
            assert_eq!(*purpose, Purpose::Order(*order));
            assert_eq!(by.as_deref(), Some("ada@lab"));
            Some((host.clone(), *order, *method))
        }
        _ => None,
    }
}

fn answer(model: &mut Model, purpose: Purpose, result: Result<Answer, Failure>) -> Vec<Effect> {
    update(model, Msg::Answer { purpose, host: "server2".into(), result })
}

fn last_lines(model: &Model, n: usize) -> Vec<(Level, String)> {
    model.log.iter().rev().take(n).rev().map(|e| (e.level, e.text.clone())).collect()
}

#[test]
fn orders_by_key_and_by_name_go_to_the_agent_that_carries_them_out() {
    let table = [
        ("s", vec!["DS", "ds"], Order::DS, "server1", false),
        ("k", vec!["KL", "kl"], Order::KL, "server1", true),
        ("m", vec!["M", "m", "Migration", "MIGRATION"], Order::M, "server2", true),
        ("b", vec!["MB", "mb"], Order::MB, "server1", true),
        ("S", vec!["DSR", "dsr"], Order::DSR, "server2", false),
        ("K", vec!["KR", "kr"], Order::KR, "server2", true),
    ];
    for (key, names, wanted, host, asks) in table {
        // Where it is possible.
        let moment = |m: &mut Model| match wanted {
            Order::DS | Order::DSR => fleet::idle(m),
            Order::MB | Order::KR => fleet::tell_on(m, Moment::After),
            _ => {}
        };
        let expected = Some((host.to_owned(), wanted, Method::Hot));
        let sequences = std::iter::once(key.to_owned()).chain(names.into_iter().map(|name| format!(":{name}\n")));
        for keys in sequences {
            let mut m = model(Moment::Before);
            moment(&mut m);
            let effects = press(&mut m, &keys);
            if !asks {
                assert_eq!(order(&effects), expected, "{keys}");
                continue;
            }
            assert!(effects.is_empty(), "{keys} did not ask");
            assert!(press(&mut m, "x:kqgav").is_empty(), "another key answered the question");
            assert!(press(&mut m, "\u{1b}").is_empty() && m.confirm.is_none(), "Esc did not cancel");
            for yes in ["\n", "y"] {
                press(&mut m, &keys);
                assert_eq!(order(&press(&mut m, yes)), expected, "{keys}{yes}");
                m.pending.clear();
            }
            assert!(m.confirm.is_none());
        }
    }
}

#[test]
fn the_method_goes_with_the_order() {
    let mut m = model(Moment::Before);
    press(&mut m, ":method cold\nm");
    assert_eq!(order(&press(&mut m, "y")), Some(("server2".into(), Order::M, Method::Cold)));
    press(&mut m, "c");
    assert_eq!(m.method, Method::Classic);
    // The key goes through all that an operator chooses from, and a failover is none of them.
    let mut seen = vec![m.method];
    while seen.len() < 2 || seen.first() != seen.last() {
        press(&mut m, "c");
        assert!(seen.len() < 10, "it never comes round: {seen:?}");
        seen.push(m.method);
    }
    assert!(seen.contains(&Method::Hot) && seen.contains(&Method::Cold) && !seen.contains(&Method::Failover), "{seen:?}");
}

#[test]
fn questions_say_what_happens_and_to_whom() {
    let mut m = model(Moment::Before);
    for (key, words) in [
        ("m", ["server1", "server2", "hot"]),
        ("k", ["D2D and USRP on server1", "THE SERVICE STOPS", "parks"]),
        ("K", ["D2D and USRP on server2", "does not own the radio", "not touched"]),
        ("E", ["server2's controller", "must be started by hand", "no orders"]),
        (":q\n", ["server2's controller", "must be started by hand", "then leave"]),
    ] {
        press(&mut m, key);
        let question = m.confirm.clone().expect(key);
        let text = format!("{} {} {}", question.title, question.alarm.unwrap_or_default(), question.lines.join(" "));
        for word in words {
            assert!(text.contains(word), "{key}: \"{word}\" is not in \"{text}\"");
        }
        press(&mut m, "n");
    }
}

#[test]
fn end_asks_and_tells() {
    for keys in ["E\n", ":end\ny", ":END\n\n"] {
        let mut m = model(Moment::Before);
        let effects = press(&mut m, keys);
        assert!(
            matches!(&effects[..], [Effect::Request { host, command: Command::End, purpose: Purpose::End, .. }] if host == "server2")
        );
        assert!(answer(&mut m, Purpose::End, Ok(Answer::Done)).is_empty(), "end leaves the console open");
        assert_eq!(last_lines(&m, 1)[0].1, "server2's controller has ended");
    }
}

#[test]
fn quit_ends_the_other_controller_then_leaves_also_when_that_fails() {
    for (keys, moment) in [(":quit\ny", Moment::Before), (":q\n\n", Moment::After)] {
        let mut m = model(moment);
        let effects = press(&mut m, keys);
        assert!(matches!(&effects[..], [Effect::Request { command: Command::End, purpose: Purpose::EndThenLeave, .. }]), "{keys}");
        assert!(press(&mut m, "ms:x\n").is_empty(), "orders while leaving");
        assert_eq!(answer(&mut m, Purpose::EndThenLeave, Ok(Answer::Done)), [Effect::Leave]);
        assert!(m.farewell.is_empty());
    }
    let mut m = fleet::model(ThemeName::Dark, false);
    assert_eq!(press(&mut m, ":q\ny").len(), 1);
    let failure = Failure::new(ErrorCode::Unreachable, "server2's agent did not answer");
    assert_eq!(answer(&mut m, Purpose::EndThenLeave, Err(failure)), [Effect::Leave]);
    assert_eq!(m.farewell, ["end of server2 failed: server2's agent did not answer"]);
}

#[test]
fn ctrl_c_leaves_from_everywhere() {
    let ctrl_c = || Msg::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    for keys in ["", "m", ":mig", "h", "h/", "/x", ":q\ny"] {
        let mut m = model(Moment::Before);
        press(&mut m, keys);
        assert_eq!(update(&mut m, ctrl_c()), [Effect::Leave], "after {keys:?}");
    }
}

#[test]
fn help_opens_by_key_and_name_and_closes() {
    for keys in ["h", "?", ":h\n", ":help\n", ":HELP\n"] {
        let mut m = model(Moment::Before);
        assert!(press(&mut m, keys).is_empty());
        assert_eq!(m.screen, Screen::Help { scroll: 0 }, "{keys}");
        assert!(press(&mut m, "mk\u{2193}").is_empty() && m.confirm.is_none(), "orders behind the help");
        press(&mut m, "\u{1b}");
        assert_eq!(m.screen, Screen::Operate);
    }
}

#[test]
fn unknown_commands_are_named_and_asked_again() {
    let mut m = model(Moment::Before);
    assert!(press(&mut m, ":migratoin\n").is_empty());
    assert_eq!(m.command_line.complaint.as_deref(), Some("unknown command \"migratoin\", try Migration, migrate"));
    assert!(m.command_line.open, "it asks again");
    press(&mut m, "blow up\n");
    let complaint = m.command_line.complaint.clone().unwrap();
    assert!(complaint.contains("\"blow up\", try DS, KL, M,"), "{complaint}");
    press(&mut m, "kl\n");
    assert!(m.confirm.is_some() && !m.command_line.open);
}

#[test]
fn the_command_line_completes_and_remembers() {
    let mut m = model(Moment::Before);
    let typed = |m: &Model| m.command_line.input.value().to_owned();
    press(&mut m, ":mi\t");
    assert_eq!(typed(&m), "Migration");
    press(&mut m, "\u{1b}:d\t");
    assert_eq!(typed(&m), "DS");
    press(&mut m, "\t");
    assert_eq!(typed(&m), "DSR");
    press(&mut m, "\u{1b}:first\nsecond\n");
    press(&mut m, "\u{2191}");
    assert_eq!(typed(&m), "second");
    press(&mut m, "\u{2191}\u{2191}");
    assert_eq!(typed(&m), "first");
    press(&mut m, "\u{2193}");
    assert_eq!(typed(&m), "second");
    press(&mut m, "\u{2193}\u{8}");
    assert!(!m.command_line.open, "Backspace on an empty line closes it");
    press(&mut m, ":");
    update(&mut m, Msg::Paste("KL\nKR\n".into()));
    assert_eq!(typed(&m), "KL", "pasted text is never entered by itself");
}

#[test]
fn export_is_asked_for_and_its_place_told() {
    let mut m = model(Moment::Before);
    assert_eq!(press(&mut m, "e"), [Effect::Export]);
    update(&mut m, Msg::Exported(Ok(Written { files: vec!["/x/a.svg".into(), "/x/a.txt".into()], missing_glyphs: false })));
    assert_eq!(last_lines(&m, 1)[0].1, "this screen is in /x/a.svg, also as .txt");
    update(&mut m, Msg::Exported(Ok(Written { files: vec!["/x/a.svg".into()], missing_glyphs: true })));
    assert!(last_lines(&m, 1)[0].1.starts_with("the PNG lacks characters"));
    update(&mut m, Msg::Exported(Err(Failure::new(ErrorCode::Io, "disk full").hint("free some"))));
    let lines = last_lines(&m, 2);
    assert_eq!(lines[0], (Level::Error, "export failed: disk full".into()));
    assert_eq!(lines[1].1, "what to do: free some");
}

#[test]
fn the_far_sides_reason_and_hint_reach_the_log() {
    let mut m = model(Moment::Failed);
    fleet::idle(&mut m);
    press(&mut m, "s");
    assert_eq!(m.waiting().map(|p| p.order), Some(Order::DS), "seen at once, before the host says so");
    let failure = Failure::new(ErrorCode::Busy, "M is under way on server2").hint("wait until it is over");
    answer(&mut m, Purpose::Order(Order::DS), Err(failure));
    assert!(m.pending.is_empty());
    assert_eq!(last_lines(&m, 2)[0], (Level::Warning, "DS refused: M is under way on server2".into()));
    assert_eq!(last_lines(&m, 2)[1].1, "what to do: wait until it is over");

    let mut record = m.migration().unwrap().1.record.clone().unwrap();
    answer(&mut m, Purpose::Order(Order::M), Ok(record.clone().into()));
    let line = last_lines(&m, 1).remove(0);
    assert_eq!(line.0, Level::Error);
    assert!(line.1.starts_with("M failed: the radio did not answer 8 probes"), "{}", line.1);
    record.outcome = Outcome::Ok;
    record.interruption.by_phases_ms = Some(1741.4);
    answer(&mut m, Purpose::Order(Order::M), Ok(record.into()));
    assert_eq!(last_lines(&m, 1)[0].1, "M done by server2 in 1 902 ms, service interrupted for 1 741 ms by phases");
    answer(&mut m, Purpose::Order(Order::M), Ok(Answer::Done));
    assert_eq!(last_lines(&m, 1)[0].0, Level::Warning, "an answer that is no record");
}

#[test]
fn a_silent_host_is_said_once_and_said_to_be_back() {
    let mut m = model(Moment::Silent);
    let said = |m: &Model| m.log.iter().filter(|e| e.text.contains("agent")).map(|e| e.text.clone()).collect::<Vec<_>>();
    for state in [
        crate::ui::msg::LinkState::Silent { for_ms: 8_000 },
        crate::ui::msg::LinkState::Retrying { in_ms: 250 },
        crate::ui::msg::LinkState::Connecting,
        crate::ui::msg::LinkState::Retrying { in_ms: 500 },
    ] {
        update(&mut m, Msg::Heard(crate::ui::msg::Heard::Link { host: "server2".into(), state }));
    }
    assert_eq!(said(&m), ["server2's agent is silent"]);
    assert!(m.stale_ms("server2").is_some());
    let telemetry = m.telemetry("server2").unwrap().clone();
    update(&mut m, Msg::Heard(crate::ui::msg::Heard::Telemetry(Box::new(telemetry))));
    assert_eq!(said(&m), ["server2's agent is silent", "server2's agent is heard again"]);
    assert_eq!(m.stale_ms("server2"), None);
}

/// An order must not wait for a lost host and be carried out later, when nobody expects it.
#[test]
fn nothing_is_sent_to_a_host_that_is_down() {
    let mut m = model(Moment::Silent);
    let state = crate::ui::msg::LinkState::Retrying { in_ms: 250 };
    update(&mut m, Msg::Heard(crate::ui::msg::Heard::Link { host: "server2".into(), state }));
    change(&mut m, "server1", |t| {
        (t.d2d.state, t.usrp.state) = (ProcessState::Stopped, ProcessState::Stopped);
        t.radio_port.addresses = vec!["192.168.20.2/24".into()];
    });
    assert!(press(&mut m, "S").is_empty() && m.pending.is_empty());
    assert_eq!(last_lines(&m, 2)[0], (Level::Error, "DSR failed: server2's agent cannot be reached; nothing was sent".into()));
    assert_eq!(press(&mut m, ":q\ny"), [Effect::Leave]);
    assert_eq!(m.farewell, ["end of server2 failed: server2's agent cannot be reached; nothing was sent"]);
}

/// Nothing is drawn when nothing on the screen has changed.
#[test]
fn only_changes_make_the_screen_dirty() {
    let mut m = model(Moment::Before);
    m.dirty = false;
    let at = m.at;
    let now_ms = m.now_ms + 100;
    update(&mut m, Msg::Tick { now_ms, at: at + chrono::TimeDelta::milliseconds(100) });
    assert!(!m.dirty);
    update(&mut m, Msg::Tick { now_ms, at: at + chrono::TimeDelta::seconds(1) });
    assert!(m.dirty);
}

/// Pasted text without brackets, or a key that was meant for what stood there before.
#[test]
fn a_question_takes_no_key_that_came_with_the_one_that_asked_it() {
    let key = |m: &mut Model, c: char| {
        let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
        update(m, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    };
    let later = |m: &mut Model, ms: u64| update(m, Msg::Tick { now_ms: m.now_ms + ms, at: m.at });
    for pasted in ["k\n", "ky", "m\n", "E\n", ":q\ny", ":KL\n\n"] {
        let mut m = model(Moment::Before);
        let mut effects: Vec<Effect> = pasted.chars().flat_map(|c| key(&mut m, c)).collect();
        effects.retain(|effect| !matches!(effect, Effect::Request { purpose: Purpose::Plan(..), .. }));
        assert_eq!(effects, [], "{pasted:?}");
        assert!(m.confirm.is_some(), "{pasted:?}");
        // A slow line: every key that is not taken keeps the question closed to the next one.
        for _ in 0..40 {
            later(&mut m, 60);
            assert_eq!(key(&mut m, '\n'), [], "{pasted:?}");
        }
        later(&mut m, 150);
        assert!(!key(&mut m, '\n').is_empty() && m.confirm.is_none(), "{pasted:?}");
    }
    // A question that changed is another one.
    let mut m = model(Moment::Before);
    press(&mut m, "m");
    later(&mut m, 150);
    key(&mut m, 'c');
    assert_eq!(key(&mut m, '\n'), []);
    assert!(m.confirm.is_some());
}
