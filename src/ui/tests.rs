//! The screen, looked at.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::export;
use super::fleet::{self, Moment};
use super::model::Model;
use super::screen;
use super::theme::ThemeName;

pub fn picture(model: &Model, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    screen::draw(model, buffer.area, &mut buffer);
    buffer
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
    let light = fleet::at(Moment::After, ThemeName::Light, false);
    export::write(&picture(&light, 120, 40), "light", &folder, "light").unwrap();
    let mono = fleet::at(Moment::During, ThemeName::Mono, true);
    export::write(&picture(&mono, 120, 40), "mono", &folder, "mono-ascii").unwrap();
}
