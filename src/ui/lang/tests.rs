//! Nothing on the screen is left untranslated, and every Chinese text fits where it stands.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::metrics::records::Records;
use crate::ui::action::TABLE as ACTIONS;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::Msg;
use crate::ui::tests::ordering::at_stage;
use crate::ui::tests::{picture, pool_fleet, press};
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::OrderStage;

thread_local! {
    /// Texts that the table did not have.
    pub static MISSED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

const MOMENTS: [Moment; 5] = [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent];

fn chinese(moment: Moment) -> Model {
    let mut model = fleet::at(moment, ThemeName::Dark, false);
    model.skin.lang = Lang::Zh;
    model.command_line.lang = Lang::Zh;
    model
}

/// String literals that stand in `tr(...)` and `fill(...)` in a file of the console.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for call in ["tr(", "fill("] {
        for (at, _) in source.match_indices(call) {
            // `push_str(` is another call.
            if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = source[at + call.len()..].trim_start();
            let Some(rest) = rest.strip_prefix('"') else { continue };
            // To the first quote that is not escaped.
            let end = rest.match_indices('"').map(|(i, _)| i).find(|i| !rest[..*i].ends_with('\\')).unwrap();
            found.push(rest[..end].replace("\\\"", "\""));
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "tests") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("lang/tests.rs") && !path.ends_with("svg.rs") {
            found.extend(literals(&std::fs::read_to_string(path).unwrap()));
        }
    }
}

#[test]
fn no_text_is_missing() {
    let mut wanted = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui"), &mut wanted);
    assert!(wanted.len() > 100, "only {} texts were found: the search is wrong", wanted.len());
    wanted.extend(ACTIONS.iter().map(|entry| entry.label.to_owned()));
    let missing: BTreeSet<&String> = wanted.iter().filter(|text| !table().contains_key(text.as_str())).collect();
    assert!(missing.is_empty(), "not in the table: {missing:#?}");
}

/// Keys that lead to screens of the present.
const OPERATING: &[&str] = &[
    "",
    "h",
    "m",
    "mcc",
    "mw",
    "v",
    "p",
    "w",
    "g",
    "a",
    "i",
    ":plan MB\n",
    ":DS x\n",
    "k",
    "K",
    "E",
    "q",
    "cm",
    ":",
    ":zzz\n",
    "z",
    "f",
    "z\u{2193}\u{2193}",
    "x",
];
/// Keys that lead to the records, read or not.
const LOOKING_BACK: &[&str] = &[
    "t",
    "r",
    "rv",
    "r v",
    "r  v",
    "rvg",
    "rvgg",
    "r/x",
    "r/total>x\n",
    "r>",
    "r>>>i",
    "ri",
    "r\n",
    "rp",
    "rp+ ",
    "rpo",
    "rpoz",
    "rh",
    "rp\u{2192}\u{2192}\u{2192}\u{2192}\u{2192}",
    "tz",
    "tf",
    "rf",
    "rpf",
    "rm",
    "rpm",
    "r<<<",
    "r<<<<<i",
];

fn draw_at_all_sizes(model: &Model) {
    for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        picture(model, width, height);
    }
}

fn draw_the_records(moment: Moment, keys: &str) {
    let mut model = chinese(moment);
    for records in [None, Some(Records::default()), Some(fleet::records())] {
        if let Some(records) = records {
            update(&mut model, Msg::RunsLoaded(Ok(records)));
        }
        press(&mut model, "\u{1b}\u{1b}\u{1b}\u{1b}o");
        press(&mut model, keys);
        draw_at_all_sizes(&model);
    }
}

/// What is asked for by a variable, not by a literal: found by drawing.
#[test]
fn nothing_drawn_is_missing() {
    MISSED.take();
    for moment in MOMENTS {
        for keys in OPERATING {
            let mut model = chinese(moment);
            press(&mut model, keys);
            draw_at_all_sizes(&model);
        }
        for keys in LOOKING_BACK {
            draw_the_records(moment, keys);
        }
    }
    for stage in [OrderStage::Preparing, OrderStage::Ready, OrderStage::Moving] {
        for keys in ["", "t", "g", "a", "i"] {
            let mut model = at_stage(stage);
            model.skin.lang = Lang::Zh;
            press(&mut model, keys);
            draw_at_all_sizes(&model);
        }
    }
    let missed = MISSED.take();
    assert!(missed.is_empty(), "not in the table: {missed:#?}");
}

/// The same of the Pool page: what servers are to radios, what is asked, what is carried out.
#[test]
fn nothing_of_the_pool_is_missing() {
    MISSED.take();
    for keys in [
        "",
        "h",
        "m",
        "m\n",
        "d",
        "d\n",
        "B",
        "C",
        "F",
        "u",
        "s",
        "k",
        "a",
        "P",
        "/x",
        ">",
        ">>i",
        "\u{2192}\u{2193}d",
        "q",
        "f",
        ":",
    ] {
        for needs in [false, true] {
            let mut model = pool_fleet::serving(3, 4, needs);
            pool_fleet::died(&mut model, "radio4", "server1");
            pool_fleet::change(&mut model, "radio2", "server3", |telemetry| telemetry.drained = true);
            model.skin.lang = Lang::Zh;
            model.share_settings();
            press(&mut model, keys);
            draw_at_all_sizes(&model);
            press(&mut model, "\u{1b}");
            pool_fleet::silence(&mut model, &["server2"], 7_000);
            press(&mut model, keys);
            draw_at_all_sizes(&model);
        }
    }
    let missed = MISSED.take();
    assert!(missed.is_empty(), "not in the table: {missed:#?}");
}

#[test]
fn both_languages_have_the_same_blanks_to_fill() {
    let blanks = |text: &str| (0..5).filter(|i| text.contains(&format!("{{{i}}}"))).collect::<Vec<_>>();
    let mut keys = BTreeSet::new();
    for (en, zh) in entries() {
        assert_eq!(blanks(en), blanks(zh), "{en}");
        assert!(keys.insert(en), "{en} stands twice in the table");
        let ends = |text: &str| (text.starts_with(' '), text.ends_with(' '));
        assert!(ends(en) == ends(zh) || en.is_empty(), "{en}: blanks at the ends differ");
    }
}

/// Places of a fixed width at 120x40, columns.
#[test]
fn every_text_fits_its_place() {
    let fits = |text: &str, columns: usize| {
        let zh = Lang::Zh.tr(text);
        assert!(zh.width() <= columns, "{zh} ({text}) is {} columns wide, its place {columns}", zh.width());
    };
    for label in ["agent", "sync", " sync", "link", " link", " lost", " load", " stream", "cpu", "machine", "network"] {
        fits(label, 7);
    }
    for label in ["sync", "link", "machine", "network", "agent"] {
        fits(label, 5);
    }
    for phase in protocol::PhaseName::ALL {
        fits(phase.explanation(), 28);
    }
    for row in ["interruption by phases", "total", "interruption by lost pings", "gap at the far end", "pings lost"] {
        fits(row, 28);
    }
    for head in ["paper", "ours"] {
        fits(head, 8);
    }
    fits("name", 13);
    fits("no migration yet", 28);
    fits("NOBODY owns the radio", 28);
    // Drawn at 120x40 nothing is marked as cut but what other machines said.
    for moment in MOMENTS {
        let mut model = chinese(moment);
        for keys in ["", "h", "m"] {
            press(&mut model, keys);
            let drawn = crate::ui::export::text(&picture(&model, 120, 40));
            let cut = drawn.lines().filter(|line| line.contains('\u{2026}'));
            for line in cut {
                let before = line.split('\u{2026}').next().and_then(|text| text.chars().last());
                assert!(before.is_some_and(|c| c.is_ascii()), "cut: {line}");
            }
            press(&mut model, "\u{1b}");
        }
    }
}

/// A dialog over a wide character neither hides behind it nor leaves half of it.
#[test]
fn no_wide_character_reaches_into_another() {
    for moment in MOMENTS {
        for keys in ["m", "k", "F", "E", "z", ":m", "h", "t"] {
            let mut model = chinese(moment);
            press(&mut model, keys);
            for (width, height) in [(60, 16), (80, 24), (97, 31), (98, 31), (120, 40), (121, 40), (200, 60)] {
                let buffer = picture(&model, width, height);
                for y in 0..height {
                    for x in (0..width).filter(|x| buffer[(*x, y)].symbol().width() > 1) {
                        let behind = buffer.cell((x + 1, y)).map(|cell| cell.symbol().to_owned());
                        assert_eq!(behind.as_deref(), Some(" "), "{moment:?} {keys:?} {width}x{height}: column {x} of row {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn screens_and_question_in_chinese() {
    for (name, moment, keys, size) in [
        ("timing", Moment::After, "t", (120, 40)),
        ("timing", Moment::During, "t", (80, 24)),
        ("runs", Moment::After, "r", (120, 40)),
        ("compare", Moment::After, "rv", (120, 40)),
        ("replay", Moment::After, "rp\u{2192}\u{2192}\u{2192}\u{2192}\u{2192}", (120, 40)),
        ("after", Moment::After, "", (120, 40)),
        ("during", Moment::During, "", (80, 24)),
        ("before", Moment::Before, "", (200, 60)),
        ("silent", Moment::Silent, "", (120, 40)),
        ("help", Moment::Before, "h", (120, 40)),
        ("question", Moment::Before, "m", (120, 40)),
    ] {
        let mut model = chinese(moment);
        update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
        press(&mut model, keys);
        let drawn = crate::ui::export::text(&picture(&model, size.0, size.1));
        insta::assert_snapshot!(format!("zh-{name}-{}x{}", size.0, size.1), drawn);
    }
}
