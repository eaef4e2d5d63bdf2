//! A screen for export: a stamp replaces the keys, and the runs on it are included.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::metrics::history::short;
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::panel::{line, run::VERSION, span};
use crate::ui::place::Screen;
use crate::ui::privacy::{self, MaskedNames};
use crate::ui::screen;
use crate::ui::shown::{Shown, TimingView};
use crate::ui::text::{one_line, wrap};
use crate::ui::theme::Skin;
use crate::ui::timeline;
use protocol::RunRecord;

/// What the figures of a picture are.
const MEASURED: &str = "figures measured in the run unless marked paper";

/// A screen to be exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Its cells, the stamp below.
    pub buffer: Buffer,
    /// Program, run, time, what was measured.
    pub stamp: String,
    /// The runs on it, with their records.
    pub runs: Vec<RunRecord>,
    /// File name without ending: sorts by time.
    pub stem: String,
}

/// The console's screen as it is now.
pub fn screen_picture(model: &Model, width: u16, height: u16) -> Picture {
    let name = match model.screen {
        Screen::Operate => "Operate",
        Screen::Timing => "Timing",
        Screen::Runs => "Runs",
        Screen::Pool => "Pool",
        Screen::Preflight { .. } => "Preflight",
        Screen::Help { .. } => "Help",
    };
    // A frozen screen is exported as it is shown.
    let seen = model.frozen.as_deref().unwrap_or(model);
    let shown = Shown::current(seen);
    let mut runs: Vec<RunRecord> = match model.screen {
        Screen::Runs => model.runs.marked_or_listed().cloned().collect(),
        Screen::Preflight { .. } | Screen::Help { .. } | Screen::Pool => Vec::new(),
        Screen::Operate => seen.migration().and_then(|(_, p)| p.record.clone()).into_iter().collect(),
        Screen::Timing => shown.and_then(|s| s.record().cloned()).into_iter().collect(),
    };
    let on_screen = match model.screen {
        Screen::Operate => seen.migration().map(|(_, p)| p.run.clone()),
        Screen::Timing => shown.map(|s| s.progress.run.clone()),
        Screen::Runs | Screen::Preflight { .. } | Screen::Help { .. } | Screen::Pool => None,
    };
    let run = match (on_screen, model.screen) {
        (Some(run), _) => format!("run {}", one_line(&run)),
        (None, Screen::Runs) if runs.len() == 1 => "1 run".into(),
        (None, Screen::Runs) => format!("{} runs", runs.len()),
        (None, Screen::Pool) => format!("{} radios", model.radios().len()),
        (None, _) => "no migration yet".into(),
    };
    if model.privacy {
        let names = model.names();
        runs.iter_mut().for_each(|run| *run = names.record(run));
    }
    let frozen = model.frozen.as_ref().map(|f| format!(", frozen at {}", f.at.format("%H:%M:%S UTC"))).unwrap_or_default();
    let replay = model.replay.as_ref().map(|r| format!(", replay at {}", r.words(Lang::En))).unwrap_or_default();
    let time = model.at.format("%Y-%m-%d %H:%M:%S UTC");
    let stamp = format!("{VERSION}, screen {name}, {run}{replay}{frozen}, {time}; {MEASURED}");
    let mut drawn = Buffer::empty(Rect::new(0, 0, width, height));
    screen::draw(model, drawn.area, &mut drawn);
    let stem = format!("baton-{}-{}", name.to_lowercase(), model.at.format("%Y%m%dT%H%M%SZ"));
    Picture { buffer: stamped(&drawn, &model.skin, &stamp), stamp, runs, stem }
}

/// A recorded run on the Timing screen. The time of the stamp is the run's own: the same record gives the same picture.
pub fn run_picture(record: &RunRecord, skin: &Skin, width: u16, height: u16) -> Picture {
    let progress = timeline::finished(record.clone());
    let time = record.started.format("%Y-%m-%d %H:%M:%S UTC");
    let stamp = format!("{VERSION}, run {}, {time}; {MEASURED}", one_line(&record.run));
    let mut drawn = Buffer::empty(Rect::new(0, 0, width, height));
    drawn.set_style(drawn.area, skin.theme.base);
    let run = Some(Shown::recorded(&progress));
    let view = TimingView { skin, run, far_end: None, stale_ms: None, silent_ms: None, age: None, plan: None, notice: None };
    let inset = u16::from(width >= 100);
    // The last row is the stamp's.
    let body = Rect { x: inset, y: 0, width: width - 2 * inset, height: height.saturating_sub(1) };
    screen::run_alone(&view, false, body, &mut drawn);
    screen::show_controls(&mut drawn);
    let stem = format!("baton-run-{}", short(&record.run));
    Picture { buffer: stamped(&drawn, skin, &stamp), stamp, runs: vec![record.clone()], stem }
}

/// The same with addresses and names masked; for a screen of the console, which masks itself, there is no need.
pub fn masked(mut picture: Picture) -> Picture {
    let names = MaskedNames::from_operators(None, picture.runs.iter().filter_map(|run| run.by.as_deref()));
    let area = picture.buffer.area;
    privacy::mask(&mut picture.buffer, area, &names);
    picture.runs.iter_mut().for_each(|run| *run = names.record(run));
    picture
}

/// The cells with the stamp instead of the last row, in as many rows as it needs.
fn stamped(drawn: &Buffer, skin: &Skin, stamp: &str) -> Buffer {
    let area = drawn.area;
    let inset = u16::from(area.width >= 100);
    let rows = wrap(stamp, usize::from(area.width.saturating_sub(2 * inset)));
    let kept = area.height.saturating_sub(1);
    // A screen has fewer rows than u16 holds, and a stamp has a handful.
    let height = kept.saturating_add(rows.len() as u16);
    let mut buffer = Buffer::empty(Rect { height, ..area });
    buffer.set_style(buffer.area, skin.theme.base);
    let cells = usize::from(kept) * usize::from(area.width);
    for (to, from) in buffer.content.iter_mut().zip(drawn.content.iter().take(cells)) {
        *to = from.clone();
    }
    let place = Rect { x: area.x + inset, y: kept, width: area.width.saturating_sub(2 * inset), height: height - kept };
    for (y, row) in (kept..).zip(rows) {
        line(place, y, &mut buffer, &Line::from(span(row, skin.theme.dim)));
    }
    buffer
}
