//! Operate in every theme at three sizes: which style every cell has. The characters are in the snapshots of the dark theme.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::ValueEnum;
use insta::assert_snapshot;
use ratatui::buffer::{Buffer, Cell};

use super::picture;
use crate::ui::fleet::{self, Moment};
use crate::ui::theme::ThemeName;

fn style(cell: &Cell) -> String {
    format!("{:?} on {:?} {:?}", cell.fg, cell.bg, cell.modifier)
}

/// Rows as lengths and letters of styles, after a legend of the letters in the order of the styles' names.
fn styles(buffer: &Buffer) -> String {
    let mut letters: BTreeMap<String, char> = buffer.content.iter().map(|cell| (style(cell), ' ')).collect();
    letters.values_mut().zip('a'..).for_each(|(place, letter)| *place = letter);
    let mut out = String::new();
    for (style, letter) in &letters {
        let _ = writeln!(out, "{letter} {style}");
    }
    for y in buffer.area.top()..buffer.area.bottom() {
        let row: Vec<char> = (buffer.area.left()..buffer.area.right()).map(|x| letters[&style(&buffer[(x, y)])]).collect();
        let runs = row.chunk_by(|a, b| a == b).map(|run| format!("{}{}", run.len(), run[0]));
        let _ = writeln!(out, "{}", runs.collect::<Vec<_>>().join(" "));
    }
    out
}

#[test]
fn operate_in_every_theme() {
    for theme in ThemeName::value_variants() {
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let drawn = picture(&fleet::at(Moment::During, *theme, false), width, height);
            let name = format!("theme-{theme:?}-{width}x{height}").to_lowercase();
            assert_snapshot!(name, styles(&drawn));
        }
    }
}

#[test]
fn operate_in_ascii() {
    for (width, height) in [(80, 24), (200, 60)] {
        let drawn = crate::ui::export::text(&picture(&fleet::at(Moment::After, ThemeName::Mono, true), width, height));
        assert!(drawn.is_ascii());
        assert_snapshot!(format!("ascii-after-{width}x{height}"), drawn);
    }
}
