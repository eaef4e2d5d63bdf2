//! Tests of the screen: pictures, snapshots, key sequences, hostile input.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod alive;
mod cuts;
mod doing;
mod exports;
mod figures;
mod history;
mod keys;
mod live;
pub mod ordering;
mod pair;
mod pool;
mod pool_figures;
pub mod pool_fleet;
#[path = "../../tests/common/pty.rs"]
mod pty;
mod robust;
mod scenarios;
mod service;
mod showing;
mod snapshots;
mod stage;
mod themes;
mod timing;

use super::export;
use super::fleet::{self, Moment};
use super::model::Model;
use super::msg::{Effect, Heard, Msg};
use super::screen;
use super::theme::ThemeName;
use super::update::update;
use protocol::Telemetry;

pub fn picture(model: &Model, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    screen::draw(model, buffer.area, &mut buffer);
    buffer
}

/// Presses the keys of a text one after the other: `\n` Enter, `\t` Tab, `\u{1b}` Esc; returns all effects.
pub fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    keys.chars()
        .flat_map(|c| {
            // As somebody who reads each question before the next key.
            model.asked_ms = None;
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                '\u{2191}' => KeyCode::Up,
                '\u{2193}' => KeyCode::Down,
                '\u{2190}' => KeyCode::Left,
                '\u{2192}' => KeyCode::Right,
                '\u{8}' => KeyCode::Backspace,
                c => KeyCode::Char(c),
            };
            update(model, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
        })
        .collect()
}

/// Says a host's snapshot again with something changed.
pub fn change(model: &mut Model, host: &str, change: impl FnOnce(&mut Telemetry)) {
    let mut telemetry = model.telemetry(host).unwrap().clone();
    telemetry.seq += 1;
    change(&mut telemetry);
    update(model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
}

fn save(model: &Model, width: u16, height: u16, folder: &std::path::Path, stem: &str) {
    let picture = export::screen_picture(model, width, height);
    export::write(&export::Picture { stem: stem.to_owned(), ..picture }, folder).unwrap();
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
            save(&model, width, height, &folder, &stem);
        }
    }
    let mut asked = fleet::at(Moment::Before, ThemeName::Dark, false);
    press(&mut asked, "m");
    save(&asked, 120, 40, &folder, "asked");
    for (name, keys) in
        [("timing", "t"), ("list", "r"), ("compare", "r v"), ("replay", "rp\u{2192}\u{2192}\u{2192}\u{2192}\u{2192}")]
    {
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            for moment in [Moment::Before, Moment::During, Moment::After, Moment::Failed] {
                let mut model = fleet::at(moment, ThemeName::Dark, false);
                update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
                press(&mut model, keys);
                let stem = format!("{name}-{moment:?}-{width}x{height}").to_lowercase();
                save(&model, width, height, &folder, &stem);
            }
        }
    }
    scenarios::scenes(|model, name| {
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            save(model, width, height, &folder, &format!("scene-{name}-{width}x{height}"));
        }
    });
    let mut help = fleet::at(Moment::Before, ThemeName::Dark, false);
    press(&mut help, "h");
    save(&help, 120, 40, &folder, "help");
    let mut typed = fleet::model(ThemeName::Dark, false);
    press(&mut typed, ":migrat");
    press(&mut typed, "\n");
    save(&typed, 100, 30, &folder, "typed");
    for theme in <ThemeName as clap::ValueEnum>::value_variants() {
        let stem = format!("theme-{theme:?}").to_lowercase();
        for moment in [Moment::During, Moment::After] {
            let stem = format!("{stem}-{moment:?}").to_lowercase();
            save(&fleet::at(moment, *theme, false), 120, 40, &folder, &stem);
        }
    }
    for (name, keys) in [("operate", ""), ("asked", "m"), ("timing", "t"), ("compare", "rv"), ("help", "h")] {
        let mut model = fleet::at(Moment::After, ThemeName::Light, false);
        model.skin.lang = super::lang::Lang::Zh;
        update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
        press(&mut model, keys);
        save(&model, 120, 40, &folder, &format!("zh-{name}"));
    }
    let mono = fleet::at(Moment::During, ThemeName::Mono, true);
    save(&mono, 120, 40, &folder, "mono-ascii");
    pool_pictures(&folder);
}

/// The Pool page at its sizes and in its troubles.
fn pool_pictures(folder: &std::path::Path) {
    for (width, height) in [(80, 24), (100, 30), (120, 40), (200, 60)] {
        save(&pool_fleet::serving(3, 3, false), width, height, folder, &format!("pool-{width}x{height}"));
        let mut model = pool_fleet::serving(3, 4, true);
        pool_fleet::change(&mut model, "radio2", "server3", |telemetry| telemetry.drained = true);
        pool_fleet::died(&mut model, "radio4", "server1");
        pool_fleet::silence(&mut model, &["server2"], 7_000);
        save(&model, width, height, folder, &format!("pool-trouble-{width}x{height}"));
    }
    for theme in <ThemeName as clap::ValueEnum>::value_variants() {
        let mut model = pool_fleet::serving(4, 8, true);
        pool_fleet::died(&mut model, "radio4", "server4");
        model.skin = super::theme::Skin::new(*theme, false);
        save(&model, 120, 40, folder, &format!("pool-{theme:?}").to_lowercase());
    }
    for keys in ["m", "d", "h", "d\n"] {
        let mut model = pool_fleet::serving(3, 3, true);
        pool_fleet::serve(&mut model, 2, 1, 3);
        press(&mut model, keys);
        save(&model, 120, 40, folder, &format!("pool-asked-{}", keys.trim()));
    }
    save(&pool_fleet::serving(64, 40, false), 120, 40, folder, "pool-large");
}
