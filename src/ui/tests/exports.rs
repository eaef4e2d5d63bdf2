//! Exports: stamped, deterministic, in every format.

use super::press;
use crate::ui::export::{self, Format, Picture};
use crate::ui::fleet::{self, Moment};
use crate::ui::msg::Msg;
use crate::ui::theme::{Skin, ThemeName};
use crate::ui::update::update;

fn screen(keys: &str, theme: ThemeName) -> Picture {
    let mut model = fleet::at(Moment::After, theme, false);
    update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
    press(&mut model, keys);
    export::screen_picture(&model, 100, 30)
}

#[test]
fn the_same_screen_gives_the_same_bytes_in_every_format() {
    for keys in ["", "t", "r"] {
        for format in Format::ALL {
            let bytes = || export::bytes(&screen(keys, ThemeName::Dark), format).unwrap();
            let first = bytes();
            assert!(!first.is_empty());
            assert_eq!(first, bytes(), "{keys:?} {format:?}");
        }
    }
}

#[test]
fn every_picture_carries_its_stamp() {
    for (keys, run) in [("", "run 019a-0001"), ("t", "run 019a-0001"), ("r", "13 runs"), ("h", "no migration yet")] {
        let picture = screen(keys, ThemeName::Mono);
        let text = String::from_utf8(export::bytes(&picture, Format::Text).unwrap()).unwrap();
        let last: String = text.lines().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" ");
        for part in [concat!("baton ", env!("CARGO_PKG_VERSION")), run, "2026-11-20 09:56:24 UTC"] {
            assert!(last.contains(part), "{keys:?}: {part:?} is not in {last:?}");
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("figures measured in the run unless marked paper"), "{text}");
        assert!(keys == "h" || !text.contains("quit"), "keys cannot be pressed on a picture:\n{text}");
        let svg = String::from_utf8(export::bytes(&picture, Format::Svg).unwrap()).unwrap();
        assert!(svg.contains(&format!("<desc>{}", picture.stamp.split('&').next().unwrap())));
    }
}

#[test]
fn a_png_is_drawn_with_the_embedded_font() {
    let picture = screen("t", ThemeName::Dark);
    let png = export::bytes(&picture, Format::Png).unwrap();
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    // 100 columns of 9 px and two margins of 10, at twice the size; 29 rows and those of the stamp.
    assert_eq!((size(16), size(20) % 2), (2 * 920, 0));
    // Letters are there: a picture of the same shapes without text is smaller.
    let blank = export::svg(&picture.buffer, "").lines().filter(|l| !l.starts_with("<text")).collect::<Vec<_>>().join("\n");
    let without = export::png(&blank).unwrap().bytes;
    assert!(png.len() > without.len() * 3 / 2, "{} against {}", png.len(), without.len());
    assert!(export::png("no picture").err().unwrap().message.contains("PNG"));
}

#[test]
fn ansi_is_the_text_with_colours() {
    let picture = screen("t", ThemeName::Dark);
    let ansi = String::from_utf8(export::bytes(&picture, Format::Ansi).unwrap()).unwrap();
    let mut plain = String::new();
    let mut rest = ansi.as_str();
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
    }
    plain.push_str(rest);
    let trimmed: String = plain.lines().map(|l| format!("{}\n", l.trim_end())).collect();
    assert_eq!(trimmed, export::text(&picture.buffer));
    assert!(ansi.contains("38;5;117"), "no colour");
    assert!(ansi.lines().all(|l| l.ends_with("\u{1b}[0m")), "a colour runs over the end of a row");
}

#[test]
fn data_holds_the_runs_on_the_screen() {
    let csv = |picture: &Picture| String::from_utf8(export::bytes(picture, Format::Csv).unwrap()).unwrap();
    let one = csv(&screen("t", ThemeName::Mono));
    assert!(one.lines().skip(1).all(|row| row.starts_with("019a-0001,2026-11-20T09:53:22.000Z,")), "{one}");
    let marked = csv(&screen("r  ", ThemeName::Mono));
    let mut runs: Vec<&str> = marked.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    runs.dedup();
    assert_eq!(runs.len(), 2, "the two marked runs");
    assert_eq!(screen("r", ThemeName::Mono).runs.len(), 13);
}

#[test]
fn files_are_written_and_a_folder_that_is_none_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let picture = screen("t", ThemeName::Dark);
    let export::Written { files, missing_glyphs } = export::write(&picture, folder.path()).unwrap();
    assert!(!missing_glyphs, "English needs no font of the machine");
    let endings: Vec<String> = files.iter().map(|f| f.extension().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(endings, ["svg", "png", "ans", "svg", "pdf", "tex", "md", "json", "csv", "txt"]);
    assert!(files[3].ends_with("baton-timing-20261120T095624Z.figure.svg"), "{:?}", files[3]);
    assert!(files[0].ends_with("baton-timing-20261120T095624Z.svg"), "{:?}", files[0]);
    let nothing = export::screen_picture(&fleet::at(Moment::Before, ThemeName::Dark, false), 80, 24);
    assert_eq!(export::write(&nothing, folder.path()).unwrap().files.len(), 4, "no run, no data");
    let failure = export::write(&picture, &folder.path().join("none")).unwrap_err();
    assert!(failure.message.contains("baton-timing") && failure.hint.unwrap().contains("--export-dir"));
}

#[test]
fn a_recorded_run_needs_no_console() {
    let record = fleet::records().runs.pop().unwrap();
    for (width, height) in [(60, 16), (120, 40), (200, 60)] {
        let picture = export::run_picture(&record, &Skin::new(ThemeName::Light, false), width, height);
        let text = export::text(&picture.buffer);
        for part in [record.run.as_str(), "by phases", "counted at the far end", "2026-11-20 10:26:22 UTC"] {
            let wanted = width > 60 || !part.contains("count");
            assert!(!wanted || text.contains(part), "{part:?} is missing:\n{text}");
        }
        assert_eq!(picture, export::run_picture(&record, &Skin::new(ThemeName::Light, false), width, height));
    }
}
