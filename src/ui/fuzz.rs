//! The door for fuzzers: what other hosts say and what an operator writes, to a console. Not for other callers.

use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::Model;
use super::msg::{Heard, Msg};
use super::place::Screen;
use super::screen;
use super::settings;
use super::theme::{Skin, ThemeName};
use super::update::update;
use crate::metrics::records::Records;
use config::Config;
use protocol::{RunRecord, Telemetry};

/// The smallest screen with all its panels, and a large one.
const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

fn console(config: Config) -> Model {
    Model::new(Arc::new(config), Skin::new(ThemeName::Dark, false), None, DateTime::UNIX_EPOCH)
}

fn draw(model: &mut Model, shown: &[Screen]) {
    update(model, Msg::Tick { now_ms: 1000, at: DateTime::UNIX_EPOCH });
    for &shown in shown {
        model.screen = shown;
        for (width, height) in SIZES {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            screen::draw(model, buffer.area, &mut buffer);
        }
    }
}

/// Hears telemetry as if it were that of each of the cluster's pool hosts, and draws it.
pub fn telemetry(config: Config, telemetry: &Telemetry) {
    let hosts = [config.roles.initiator.to_string(), config.roles.destination.to_string()];
    let mut model = console(config);
    for host in hosts {
        update(&mut model, Msg::Heard(Heard::Telemetry(Box::new(Telemetry { host, ..telemetry.clone() }))));
    }
    draw(&mut model, &[Screen::Operate, Screen::Timing]);
}

/// Lists a record beside itself, and draws it.
pub fn record(config: Config, record: RunRecord) {
    let mut model = console(config);
    let records = Records { runs: vec![record.clone(), record], ..Records::default() };
    update(&mut model, Msg::RunsLoaded(Ok(records)));
    draw(&mut model, &[Screen::Runs, Screen::Timing]);
}

/// Reads a settings file.
///
/// # Panics
/// It is refused without a word.
pub fn settings(text: &str) {
    if let Err(failure) = settings::check(Path::new("console.toml"), text) {
        assert!(failure.message.starts_with("console.toml") && failure.hint.is_some(), "{failure:?}");
    }
}
