//! The verdict on the service on every screen: what it says, and what its key does.

use clap::ValueEnum;
use insta::assert_snapshot;
use ratatui::buffer::Cell;
use ratatui::style::Style;

use super::{change, picture, press};
use crate::migration::service::ServiceState;
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Heard, Msg, Purpose};
use crate::ui::service::verdict;
use crate::ui::theme::{Skin, Theme, ThemeName};
use crate::ui::update::update;
use protocol::{Command, Level, Method, Order, OrderRequest, OrderStage, ProcessState, RunPart, RunRecord, SyncState};

const SIZES: [(u16, u16); 4] = [(80, 24), (100, 30), (120, 40), (200, 60)];

/// The far end's latest pings get no answer.
fn unanswered(model: &mut Model, pings: usize) {
    change(model, "server3", |status| {
        let recent = &mut status.probe.as_mut().unwrap().recent;
        recent.iter_mut().rev().take(pings).for_each(|ping| ping.rtt_ms = None);
    });
}

/// Server1 serves, and then this happens to it.
fn broken(theme: ThemeName, lang: Lang, fault: impl FnOnce(&mut Model)) -> Model {
    let mut model = fleet::at(Moment::Before, theme, false);
    model.skin.lang = lang;
    unanswered(&mut model, 34);
    fault(&mut model);
    model
}

fn usrp_died(model: &mut Model) {
    change(model, "server1", |status| {
        status.usrp.state = ProcessState::Died;
        status.usrp.last_words = Some("signal: 9 (SIGKILL)".into());
    });
}

type Fault = fn(&mut Model);

const FAULTS: [(&str, Fault); 6] = [
    ("died", usrp_died),
    ("hung", |model| change(model, "server1", |status| status.d2d.unanswered_ms = Some(2_400))),
    ("cable", |model| {
        change(model, "server1", |status| {
            status.radio_port.up = false;
            status.radio_port.addresses.clear();
        });
    }),
    ("radio", |model| change(model, "server1", |status| status.d2d.sync = Some(SyncState::NoSamples))),
    ("far", |model| change(model, "server3", |status| status.d2d.sync = Some(SyncState::Searching))),
    ("nowhere", |model| {
        change(model, "server1", |status| {
            (status.d2d, status.usrp) = Default::default();
            status.radio_port.addresses = vec!["192.168.20.1/24".into()];
        });
    }),
];

#[test]
fn a_service_that_is_down_is_told_with_its_cause_and_its_key() {
    for (lang, code) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        for (name, fault) in FAULTS {
            let model = broken(ThemeName::Dark, lang, fault);
            for (width, height) in SIZES {
                let drawn = text(&picture(&model, width, height));
                assert_snapshot!(format!("down-{name}-{code}-{width}x{height}"), drawn);
            }
        }
    }
}

/// Timing, whose move is over and whose host has died.
fn timing(lang: Lang) -> Model {
    let mut model = fleet::at(Moment::After, ThemeName::Dark, false);
    model.skin.lang = lang;
    unanswered(&mut model, 34);
    change(&mut model, "server2", |status| status.usrp.state = ProcessState::Died);
    press(&mut model, "t");
    model
}

#[test]
fn timing_and_ready_give_way_to_it() {
    for (lang, code) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        for (width, height) in SIZES {
            let (timing, ready) = (timing(lang), ready(lang));
            assert_snapshot!(format!("timing-down-{code}-{width}x{height}"), text(&picture(&timing, width, height)));
            assert_snapshot!(format!("ready-down-{code}-{width}x{height}"), text(&picture(&ready, width, height)));
        }
    }
}

/// A move that waits for go, whose source has died.
fn ready(lang: Lang) -> Model {
    let mut model = super::ordering::at_stage(OrderStage::Ready);
    model.skin.lang = lang;
    change(&mut model, "server1", |status| {
        status.takes_part = Some(RunPart { run: "019a-0001".into(), order: Order::M, executor: "server2".into() });
        status.usrp.state = ProcessState::Died;
    });
    unanswered(&mut model, 34);
    model
}

/// The characters are the dark theme's, which the snapshots show, and every cell means in its theme what it means in the dark one.
#[test]
fn every_theme_draws_the_snapshots_of_the_dark_one_in_its_own_styles() {
    for lang in [Lang::En, Lang::Zh] {
        let mut states: Vec<Model> = FAULTS.iter().map(|(_, fault)| broken(ThemeName::Dark, lang, fault)).collect();
        states.extend([timing(lang), ready(lang)]);
        for mut model in states {
            for theme in ThemeName::value_variants() {
                let meanings = meanings(*theme);
                for (width, height) in SIZES {
                    model.skin = Skin { lang, ..Skin::new(ThemeName::Dark, false) };
                    let dark = picture(&model, width, height);
                    model.skin = Skin { lang, ..Skin::new(*theme, false) };
                    let drawn = picture(&model, width, height);
                    assert_eq!(text(&drawn), text(&dark), "{theme:?}");
                    let both = drawn.content.iter().zip(&dark.content).enumerate();
                    // The other half of a wide character has no look of its own.
                    for (at, (cell, of)) in both.filter(|(_, (_, of))| **of != Cell::EMPTY) {
                        let place = drawn.pos_of(at);
                        assert!(
                            meanings.contains(&(of.style(), cell.style())),
                            "{theme:?} {place:?} of {width}x{height}: {of:?} is {cell:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Looks of the dark theme and of another one that mean the same: every style, by itself or over another one, whose modifiers it keeps.
fn meanings(theme: ThemeName) -> Vec<(Style, Style)> {
    let (dark, to) = (Theme::new(ThemeName::Dark), Theme::new(theme));
    let on =
        |theme: Theme, under: Style, over: Style| Cell::default().set_style(theme.base).set_style(under).set_style(over).style();
    let both: Vec<(Style, Style)> = dark.all().into_iter().zip(to.all()).collect();
    let pairs = both.iter().flat_map(|under| both.iter().map(move |over| (*under, *over)));
    pairs.map(|(under, over)| (on(dark, under.0, over.0), on(to, under.1, over.1))).collect()
}

#[test]
fn the_word_is_told_on_every_screen_in_every_theme_and_without_colours() {
    for theme in ThemeName::value_variants() {
        let mut model = broken(*theme, Lang::En, usrp_died);
        model.read_only = true;
        for keys in ["", "t", "r", "oh"] {
            press(&mut model, keys);
            for (width, height) in SIZES {
                let drawn = picture(&model, width, height);
                let header = text(&drawn).lines().next().unwrap().to_owned();
                assert!(header.contains(" DOWN for 3 s ") && header.ends_with("UTC"), "{theme:?} {keys:?} {width}: {header}");
                let at = header.find("DOWN").unwrap() as u16;
                let plain = drawn[(header.len() as u16 - 1, 0)].style();
                assert_ne!(drawn[(at, 0)].style(), plain, "{theme:?}: it stands out");
            }
        }
    }
}

#[test]
fn what_was_served_stays_served_and_is_said_to_be_back() {
    let mut model = broken(ThemeName::Dark, Lang::En, |_| ());
    let said = |model: &Model| model.log.back().unwrap().text.clone();
    assert!(said(&model).starts_with("service DOWN: "), "{}", said(&model));
    let lines = model.log.len();
    unanswered(&mut model, 36);
    assert_eq!(model.log.len(), lines, "told once");
    change(&mut model, "server3", |status| {
        status.probe.as_mut().unwrap().recent.iter_mut().for_each(|ping| ping.rtt_ms = Some(7.0));
    });
    assert_eq!(said(&model), "the service is back");
    let header = text(&picture(&model, 120, 40)).lines().next().unwrap().to_owned();
    assert!(header.contains(" SERVING ") && !header.contains("DOWN"), "{header}");
}

/// Right after a take-over the loser still carries the radio's address, and the winner serves from its parked one: nothing is wrong with that.
#[test]
fn a_take_over_is_no_alarm() {
    let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
    let lines = model.log.len();
    change(&mut model, "server1", |status| status.usrp.state = ProcessState::Died);
    let works = model.telemetry("server1").unwrap().d2d.clone();
    change(&mut model, "server2", |status| {
        (status.serves_parked, status.d2d) = (true, works);
        (status.usrp.state, status.owner, status.owner_epoch) = (ProcessState::Running, Some("server2".into()), Some(4));
    });
    let service = verdict(&model).unwrap();
    assert_eq!((service.state, service.host.as_deref()), (ServiceState::Serving, Some("server2")), "{service:?}");
    assert_eq!(model.owner(), protocol::RadioOwner::Host("server2".into()));
    let drawn = text(&picture(&model, 200, 60));
    assert!(drawn.contains("eth3 has 192.168.20.2") && !drawn.contains("CONFLICT"), "{drawn}");
    change(&mut model, "server1", |status| status.radio_port.addresses = vec!["192.168.20.2/24".into()]);
    assert_eq!(verdict(&model).unwrap().state, ServiceState::Serving);
    let told = model.log.iter().skip(lines).filter(|line| line.level == Level::Error).count();
    // The moment before the standby has said so is not the standby's.
    assert!(told <= 1, "{:?}", model.log);
    // Without pings it is judged by what it says.
    unanswered(&mut model, 34);
    assert_eq!(verdict(&model).unwrap().state, ServiceState::Down);
}

/// Whoever looks away hears of a take-over, once, in the console's language, and of no other line.
#[test]
fn a_line_that_is_an_alert_rings() {
    for (lang, words) in [
        (Lang::En, "server2 has taken over: server1 sent no heartbeat for 20.4 ms"),
        (Lang::Zh, "server2 \u{5df2}\u{63a5}\u{66ff}"),
    ] {
        let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
        model.skin.lang = lang;
        let event = |alert| protocol::Event {
            at: model.at,
            host: "server2".into(),
            radio: None,
            level: Level::Warning,
            text: "server2 has taken over: server1 sent no heartbeat for 20.4 ms".into(),
            run: None,
            alert,
        };
        let (told, silent) = (event(true), event(false));
        let effects = update(&mut model, Msg::Heard(Heard::Event(told)));
        assert!(matches!(effects.as_slice(), [Effect::Notify(text)] if text.starts_with(words)), "{effects:?}");
        assert!(update(&mut model, Msg::Heard(Heard::Event(silent))).is_empty());
        let warnings = model.log.iter().filter(|line| line.host == "server2" && line.text.starts_with(words)).count();
        assert_eq!(warnings, 2, "the log has both");
    }
}

fn ordered(effects: &[Effect]) -> Option<(&str, &OrderRequest)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Request { host, command: Command::Order(request), .. } => Some((host.as_str(), request)),
        _ => None,
    })
}

#[test]
fn the_key_asks_and_then_does_what_mends_it() {
    for (fault, host, order) in [(0, "server1", Order::DS), (2, "server2", Order::DSR)] {
        let mut model = broken(ThemeName::Dark, Lang::En, FAULTS[fault].1);
        assert!(ordered(&press(&mut model, "R")).is_none());
        let question = text(&picture(&model, 120, 40));
        assert!(question.contains(&format!("recover: start the work anew on {host}?")), "{question}");
        let effects = press(&mut model, "\n");
        let (asked, request) = ordered(&effects).unwrap();
        assert_eq!((asked, request.order, request.method, request.force), (host, order, Method::Recover, false));
        // The same, typed.
        let mut model = broken(ThemeName::Dark, Lang::En, FAULTS[fault].1);
        press(&mut model, ":recover\n");
        assert!(ordered(&press(&mut model, "\n")).is_some());
    }
    // A work that runs nowhere is started by its own key; R does that, too.
    let mut model = broken(ThemeName::Dark, Lang::En, FAULTS[5].1);
    let effects = press(&mut model, "R\n");
    assert_eq!(ordered(&effects).map(|(_, request)| request.order), Some(Order::DS));
    assert_ne!(ordered(&effects).map(|(_, request)| request.method), Some(Method::Recover));
}

#[test]
fn nothing_is_recovered_that_serves_or_that_no_order_mends() {
    let mut serving = fleet::at(Moment::Before, ThemeName::Dark, false);
    assert!(press(&mut serving, "R\n").is_empty());
    assert!(serving.log.back().unwrap().text.ends_with("it serves: there is nothing to recover; m moves the work"));
    let mut far = broken(ThemeName::Dark, Lang::En, FAULTS[4].1);
    assert!(ordered(&press(&mut far, "R\n")).is_none());
    assert!(far.log.back().unwrap().text.contains("at the far end: server3 does not find the signal"));
    let mut watching = broken(ThemeName::Dark, Lang::En, usrp_died);
    (watching.read_only, watching.command_line.read_only) = (true, true);
    assert!(press(&mut watching, "R\n").is_empty() && watching.confirm.is_none());
    assert!(!text(&picture(&watching, 120, 40)).contains("R recovers"));
}

/// The answer of a start comes before the snapshot that shows what has been started: that is no fault.
#[test]
fn an_answer_that_overtakes_the_snapshots_raises_no_alarm() {
    let mut model = fleet::at(Moment::During, ThemeName::Dark, false);
    change(&mut model, "server1", |status| status.radio_port.addresses = vec!["192.168.20.2/24".into()]);
    change(&mut model, "server2", |status| {
        let progress = status.migration.as_mut().unwrap();
        (progress.order, progress.from, progress.to) = (Order::DSR, "server2".into(), "server2".into());
    });
    unanswered(&mut model, 34);
    assert_eq!(verdict(&model).unwrap().state, ServiceState::Starting);
    let run = model.telemetry("server2").unwrap().migration.clone().unwrap();
    let record = RunRecord { run: run.run, order: Order::DSR, ..crate::metrics::table::tests::run(Method::Cold, 1.0, None) };
    let before = model.log.len();
    update(&mut model, Msg::Answer { purpose: Purpose::Order(Order::DSR), host: "server2".into(), result: Ok(record.into()) });
    assert!(model.under_way().is_none(), "the next order need not wait");
    assert_eq!(verdict(&model).unwrap().state, ServiceState::Starting);
    assert!(model.log.iter().skip(before).all(|line| line.level != Level::Error), "{:?}", model.log);
    // What the next snapshot says counts.
    change(&mut model, "server2", |status| status.migration.as_mut().unwrap().finished = true);
    assert_eq!(verdict(&model).unwrap().state, ServiceState::Down);
}
