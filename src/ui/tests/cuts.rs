//! No number on the screen is a cut one, at any size. The drawing helpers record what they were given; what the cells show is compared
//! with it, by rules of this file's own: those of the code under test would agree with themselves.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar;

use super::{picture, pool_fleet, press, scenarios};
use crate::ui::fleet::{self, Moment};
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::msg::{Heard, Msg};
use crate::ui::text::drawn::{Drawn, recorded};
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{Event, Level, Link, ProcessState, StreamCounters, SyncState};

/// Units as the screen writes them.
const UNITS: [&str; 24] = [
    "ms", "us", "s", "m", "h", "d", "min", "%", "dB", "Hz", "kHz", "MHz", "GHz", "sps", "Msps", "ksps", "B", "kB", "MB", "GB",
    "bit/s", "kbit/s", "Mbit/s", "Gbit/s",
];

/// A number in a text: the bytes of the word that holds it, its further groups of digits, its unit.
fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || "+-.:/%_@<".contains(c);
    let (mut found, mut at): (Vec<std::ops::Range<usize>>, usize) = (Vec::new(), 0);
    while at < text.len() {
        let word: usize = text[at..].chars().take_while(|c| part(*c)).map(char::len_utf8).sum();
        if word == 0 {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let whole = &text[at..at + word];
        let core = whole.trim_end_matches(['.', ':', '-', '/']);
        let digits = core.bytes().any(|b| b.is_ascii_digit());
        let group = core.len() == 3 && core.bytes().all(|b| b.is_ascii_digit());
        let before = found.last().filter(|last| last.end + 1 == at && &text[last.end..at] == " ").cloned();
        let before = before.filter(|last| text[last.clone()].ends_with(|c: char| c.is_ascii_digit()));
        match before {
            Some(last) if UNITS.contains(&core) || (group && short_group(&text[last.clone()])) => {
                found.last_mut().unwrap().end = at + core.len();
            }
            _ if digits => found.push(at..at + core.len()),
            _ => {}
        }
        at += word;
    }
    found
}

/// Whether a number may have one more group of three digits.
fn short_group(number: &str) -> bool {
    let digits = number.bytes().rev().take_while(u8::is_ascii_digit).count();
    let rest = &number[..number.len() - digits];
    digits <= 3 && !rest.ends_with(|c: char| c.is_ascii_alphanumeric() || ".:/".contains(c))
}

/// What is wrong with a cut text.
fn cut_text(given: &str, shown: &str) -> Option<String> {
    let kept = shown.strip_suffix(['\u{2026}', '~'])?;
    let end = kept.len();
    let bad = numbers(given).into_iter().find(|n| {
        let name = n.start < end && end < n.end && given[n.start..end].chars().all(char::is_alphabetic);
        n.start < end && end <= n.end && !name
    })?;
    Some(format!("{:?} was cut in {:?}: {shown:?}", &given[bad], given))
}

/// What is wrong with the numbers on a screen.
fn complaints(model: &Model, width: u16, height: u16) -> Vec<String> {
    let (buffer, drawn) = recorded(|| picture(model, width, height));
    let mut owner = vec![0_usize; usize::from(width) * usize::from(height)];
    let at = |x: u16, y: u16| usize::from(y) * usize::from(width) + usize::from(x);
    let mut wrong = Vec::new();
    for (i, drawn) in drawn.iter().enumerate() {
        match drawn {
            Drawn::Text { x, y, room, text } => {
                let columns: usize = text.chars().filter_map(UnicodeWidthChar::width).sum();
                let end = x + (columns as u16).min(*room);
                (*x..end.min(width)).for_each(|x| owner[at(x, *y)] = i + 1);
            }
            Drawn::Cleared(Rect { x, y, width, height }) => {
                for y in *y..y + height {
                    (*x..x + width).for_each(|x| owner[at(x, y)] = 0);
                }
            }
            Drawn::Clipped { given, shown } => wrong.extend(cut_text(given, shown)),
        }
    }
    for (i, drawn) in drawn.iter().enumerate() {
        let Drawn::Text { x, y, text, .. } = drawn else { continue };
        for number in numbers(text) {
            let column: usize = text[..number.start].chars().filter_map(UnicodeWidthChar::width).sum();
            let cells = text[number.clone()].chars().zip(usize::from(*x) + column..);
            let seen: Vec<bool> = cells
                .map(|(c, x)| x < usize::from(width) && owner[at(x as u16, *y)] == i + 1 && shows(&buffer, x as u16, *y, c))
                .collect();
            if seen.contains(&true) && seen.contains(&false) {
                wrong.push(format!("{:?} of {text:?} is seen in part, in row {y}", &text[number]));
            }
        }
    }
    wrong
}

/// Whether a cell shows a character, or what stands for it where addresses are masked.
fn shows(buffer: &Buffer, x: u16, y: u16, c: char) -> bool {
    let symbol = buffer[(x, y)].symbol();
    symbol.chars().eq([c]) || (symbol == "x" && c.is_alphanumeric())
}

fn fail(name: &str, model: &Model, width: u16, height: u16) {
    let wrong = complaints(model, width, height);
    let screen = crate::ui::export::text(&picture(model, width, height));
    assert!(wrong.is_empty(), "{name} at {width}x{height}: {wrong:#?}\n{screen}");
}

/// Every scene of the scenarios, and the moments of a migration with the screens that keys lead to.
fn scenes() -> Vec<(String, Model)> {
    let mut scenes = Vec::new();
    scenarios::scenes(|model, name| scenes.push((name.to_owned(), model.clone())));
    for moment in [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent] {
        for keys in ["", "t", "r", "r\n", "rv", "rp\u{2192}\u{2192}", "m", "k", "F", "v", "h", "z\u{2193}\u{2193}\u{2193}", "zf"] {
            let mut model = fleet::at(moment, ThemeName::Dark, false);
            update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
            press(&mut model, keys);
            scenes.push((format!("{moment:?} {keys:?}"), model));
        }
    }
    for (servers, radios, needs) in [(2, 1, false), (3, 4, true), (12, 30, true)] {
        for keys in ["", "d", "m", "h", "B", "d\n", "\u{2192}\u{2193}"] {
            let mut model = pool_fleet::serving(servers, radios, needs);
            pool_fleet::died(&mut model, "radio1", "server1");
            pool_fleet::silence(&mut model, &["server2"], 7_000);
            press(&mut model, keys);
            scenes.push((format!("pool {servers}x{radios} {keys:?}"), model));
        }
    }
    scenes
}

#[test]
fn no_number_of_any_scene_is_cut() {
    for (name, mut model) in scenes() {
        for lang in [Lang::En, Lang::Zh] {
            model.skin.lang = lang;
            let sizes = [(60, 16), (80, 24), (120, 40), (67, 22), (100, 30), (200, 60)];
            for (width, height) in sizes.into_iter().take(if lang == Lang::En { 6 } else { 3 }) {
                fail(&name, &model, width, height);
            }
        }
    }
}

/// Sentences as hosts say them.
fn sentence() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,9}",
        "[0-9]{1,6}",
        "[0-9]{1,3} [0-9]{3} ms",
        "[0-9]{1,3}\\.[0-9]{1,2} (dB|%|Hz|s),",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        "(server|eth|run-)[0-9]{1,4}",
        "\u{4e2d}\u{65ad}[0-9]{1,4}\u{6b21}",
        "/[a-z]{2,9}/[a-z]{2,9}-[0-9]{1,8}\\.json",
    ];
    prop::collection::vec(word, 1..24).prop_map(|words| words.join(" "))
}

/// What a host may report on top of a scene.
fn busy(model: &mut Model, text: &str, count: u64, ms: f64, snr: f32, down: bool) {
    for host in [model.pool()[0].to_owned(), model.pool()[1].to_owned()] {
        let Some(mut t) = model.hosts.get(&host).and_then(|view| view.telemetry.clone()) else { continue };
        t.seq += 1;
        (t.d2d.state, t.d2d.last_words) =
            if down { (ProcessState::Died, Some(text.into())) } else { (ProcessState::Running, None) };
        (t.d2d.uptime_ms, t.d2d.sync) = (
            Some(count / 1_000),
            Some(if down { SyncState::Lost { for_ms: count / 7_000 } } else { SyncState::Synced { for_ms: count / 9_000 } }),
        );
        t.d2d.link = Some(Link {
            snr_db: Some(snr),
            evm_percent: Some(snr.abs()),
            cfo_hz: Some(snr * 100.0),
            block_error_rate: Some(0.25),
            subframes_lost: count / 50,
            ..Link::default()
        });
        t.usrp.counters = Some(StreamCounters {
            overflows: count / 11,
            underflows: count / 3,
            late: 0,
            rx_lost_samples: count,
            ..StreamCounters::default()
        });
        (t.usrp.load.memory, t.load.rx_bytes_per_s, t.load.tx_bytes_per_s) = (count, count / 5, count / 2);
        t.usrp.warnings = vec![text.into()];
        t.radio_port.up = !down;
        t.radio_port.addresses.push(format!("10.{}.7.{}/16", count % 256, count % 199));
        t.control.age_ms = Some(count / 100);
        t.control.meanings.insert("BW".into(), text.into());
        t.route_list.extend((0..count % 9).map(|n| protocol::Route { dest_id: n as u16 * 37, nexthop: n as u16 * 11 }));
        if let Some(progress) = &mut t.migration {
            progress.steps.iter_mut().for_each(|step| step.ms = ms);
            progress.now = text.into();
            if let Some(record) = &mut progress.record {
                (record.total_ms, record.interruption.by_phases_ms, record.interruption.gap_ms) =
                    (2.0 * ms, Some(ms), Some(1.1 * ms));
                record.reason = record.reason.is_some().then(|| text.to_owned());
                record.warnings = vec![text.to_owned()];
            }
        }
        update(model, Msg::Heard(Heard::Telemetry(t)));
        let event = Event { at: model.at, host, level: Level::Warning, text: text.into(), radio: None, run: None, alert: false };
        update(model, Msg::Heard(Heard::Event(event)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_number_is_cut_at_any_size(
        scene in any::<prop::sample::Index>(),
        (width, height) in (60_u16..=200, 16_u16..=60),
        (chinese, masked, ascii, changed, down) in any::<(bool, bool, bool, bool, bool)>(),
        text in sentence(),
        (count, ms, snr) in (0_u64..20_000_000_000, 0.01_f64..2e7, -40.0_f32..60.0),
    ) {
        thread_local! {
            static SCENES: Vec<(String, Model)> = scenes();
        }
        let (name, mut model) = SCENES.with(|scenes| scene.get(scenes).clone());
        (model.privacy, model.skin.lang) = (masked, if chinese { Lang::Zh } else { Lang::En });
        if ascii && !chinese {
            model.skin.glyphs = crate::ui::theme::Glyphs::ASCII;
        }
        if changed {
            busy(&mut model, &text, count, ms, snr, down);
        }
        let wrong = complaints(&model, width, height);
        prop_assert!(wrong.is_empty(), "{}: {:#?}\n{}", name, wrong, crate::ui::export::text(&picture(&model, width, height)));
    }

    #[test]
    fn no_number_is_cut_by_wrapping(text in sentence(), width in 16_usize..90) {
        let (rows, drawn) = recorded(|| crate::ui::text::wrap(&text, width));
        for row in &rows {
            prop_assert!(row.chars().filter_map(UnicodeWidthChar::width).sum::<usize>() <= width, "{row:?}");
        }
        for drawn in drawn {
            if let Drawn::Clipped { given, shown } = drawn {
                prop_assert_eq!(cut_text(&given, &shown), None);
            }
        }
        // Nothing is lost, and the numbers of the rows are those of the text, in their order.
        let close = |text: &str| text.replace(' ', "");
        prop_assert!(rows.iter().any(|row| row.contains('\u{2026}')) || close(&rows.concat()) == close(&text), "{rows:?}");
        // What was broken behind a mark is in two pieces.
        if rows.iter().all(|row| !row.ends_with(['/', '-', '\u{2026}'])) {
            let all = |text: &str| numbers(text).into_iter().map(|n| text[n].to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(rows.iter().flat_map(|row| all(row)).collect::<Vec<_>>(), all(&text));
        }
    }
}
