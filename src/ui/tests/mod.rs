//! Tests of the screen: pictures, snapshots, key sequences, hostile input.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod alive;
mod figures;
mod keys;
mod live;
#[path = "../../../tests/common/pty.rs"]
#[allow(dead_code)]
mod pty;
mod robust;
mod showing;
mod snapshots;
mod themes;

use super::export;
use super::fleet::{self, Moment};
use super::model::Model;
use super::msg::{Effect, Msg};
use super::screen;
use super::theme::ThemeName;
use super::update::update;

pub fn picture(model: &Model, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    screen::draw(model, buffer.area, &mut buffer);
    buffer
}

/// Presses the keys of a text one after the other: `\n` Enter, `\t` Tab, `\u{1b}` Esc; returns all effects.
pub fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    keys.chars()
        .flat_map(|c| {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                '\u{2191}' => KeyCode::Up,
                '\u{2193}' => KeyCode::Down,
                '\u{8}' => KeyCode::Backspace,
                c => KeyCode::Char(c),
            };
            update(model, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
        })
        .collect()
}

/// Writes the moments as pictures, to be looked at: `BATON_PICTURES=/tmp/x cargo test --release pictures -- --ignored`.
#[test]
#[ignore = "draws pictures for people to look at"]
fn pictures() {
    let folder = std::path::PathBuf::from(std::env::var_os("BATON_PICTURES").expect("BATON_PICTURES names a folder"));
    let moments = [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent];
    for moment in moments {
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let model = fleet::at(moment, ThemeName::Dark, false);
            let stem = format!("{moment:?}-{width}x{height}").to_lowercase();
            export::write(&picture(&model, width, height), &stem, &folder, &stem).unwrap();
        }
    }
    let mut asked = fleet::at(Moment::Before, ThemeName::Dark, false);
    press(&mut asked, "m");
    export::write(&picture(&asked, 120, 40), "asked", &folder, "asked").unwrap();
    let mut help = fleet::at(Moment::Before, ThemeName::Dark, false);
    press(&mut help, "h");
    export::write(&picture(&help, 120, 40), "help", &folder, "help").unwrap();
    let mut typed = fleet::model(ThemeName::Dark, false);
    press(&mut typed, ":migrat");
    press(&mut typed, "\n");
    export::write(&picture(&typed, 100, 30), "typed", &folder, "typed").unwrap();
    for theme in <ThemeName as clap::ValueEnum>::value_variants() {
        let stem = format!("theme-{theme:?}").to_lowercase();
        for moment in [Moment::During, Moment::After] {
            let stem = format!("{stem}-{moment:?}").to_lowercase();
            export::write(&picture(&fleet::at(moment, *theme, false), 120, 40), &stem, &folder, &stem).unwrap();
        }
    }
    let mono = fleet::at(Moment::During, ThemeName::Mono, true);
    export::write(&picture(&mono, 120, 40), "mono", &folder, "mono-ascii").unwrap();
}
