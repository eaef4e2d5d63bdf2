//! The load of a server's machine: now, and over the last minute.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::pen::{Pen, WIDER};
use super::span;
use crate::ui::host::{LoadHistory, LoadSample};
use crate::ui::text::{bit_rate, bytes, first_that_fits, pad};
use crate::ui::theme::Glyphs;
use protocol::HostLoad;

/// Columns of a figure before its history, and of a history at most.
const FIGURE: usize = 32;
const LONGEST: usize = 20;
/// Columns of the shortest history that says something.
const SHORTEST: usize = 2;

/// The past as it is drawn: a cell for some seconds, its height the mean.
pub struct Sparklines<'a> {
    /// The last minute.
    pub history: &'a LoadHistory,
    /// Now, ms since the console started.
    pub now_ms: u64,
    /// Characters.
    pub glyphs: &'a Glyphs,
}

impl Sparklines<'_> {
    /// A figure's last minute, `top` at full height; what was not heard is blank.
    fn draw(&self, cells: usize, top: f64, figure: fn(&LoadSample) -> f64) -> String {
        let height = |value: f64| {
            let eighths = if top > 0.0 { (value / top).clamp(0.0, 1.0) * 8.0 } else { 0.0 };
            self.glyphs.heights[(eighths.ceil() as usize).clamp(1, 8) - 1]
        };
        self.history.cells(self.now_ms, cells, figure).into_iter().map(|value| value.map_or(" ", height)).collect()
    }
}

/// Rows with what they are worth where there is no room for all: the smaller number stays.
pub fn rows<'a>(pen: &Pen<'_>, load: &HostLoad, past: &Sparklines<'_>) -> Vec<(u8, Line<'a>)> {
    let cpu = format!("{:.0}", load.cpu_percent);
    let [received, sent] = [load.rx_bytes_per_s, load.tx_bytes_per_s].map(bit_rate);
    let full = pen.lang.fill("in {0}, out {1}", &[&received, &sent]);
    let network = first_that_fits([full, pen.lang.fill("in {0}", &[&received])], pen.room());
    if !pen.wide() {
        let text = pen.lang.fill("{0} % machine", &[&cpu]);
        return vec![
            (5, pen.row("cpu", vec![span(text, pen.theme.base)])),
            (7, pen.row("net", vec![span(network, pen.theme.base)])),
        ];
    }
    if pen.width < WIDER {
        return vec![(5, pen.row("machine", brief(pen, load, past))), (7, pen.row("network", vec![span(network, pen.theme.base)]))];
    }
    let memory = pen.lang.fill("memory {0} of {1}", &[&bytes(load.memory_used), &bytes(load.memory_total)]);
    let cpu = pen.lang.fill("cpu {0} % of {1} cores", &[&cpu, &load.cores]);
    let row = |label: &str, text: String, top: f64, figure: fn(&LoadSample) -> f64| {
        let cells = LONGEST.min(usize::from(pen.width).saturating_sub(8 + FIGURE + 6));
        let past = past.draw(cells, top, figure);
        pen.row(
            label,
            vec![
                span(pad(&text, FIGURE), pen.theme.base),
                span(past, pen.theme.dim),
                span(pen.lang.tr(" 1 min").to_owned(), pen.theme.dim),
            ],
        )
    };
    vec![
        (5, row("machine", cpu, 100.0, |sample| sample.cpu)),
        (6, row("", memory, 100.0, |sample| sample.memory)),
        (7, row("network", network, past.history.highest(|sample| sample.network), |sample| sample.network)),
    ]
}

/// Processor and memory in one row.
fn brief<'a>(pen: &Pen<'_>, load: &HostLoad, past: &Sparklines<'_>) -> Vec<Span<'a>> {
    let t = pen.theme;
    let share = if load.memory_total > 0 { 100.0 * load.memory_used as f64 / load.memory_total as f64 } else { 0.0 };
    let cpu = pen.lang.fill("cpu {0} % ", &[&format!("{:.0}", load.cpu_percent)]);
    let memory = pen.lang.fill(" mem {0} % ", &[&format!("{share:.0}")]);
    let age = pen.lang.tr(" 1 m");
    let cells = usize::from(pen.width).saturating_sub(8 + cpu.width() + memory.width() + age.width()) / 2;
    if cells < SHORTEST {
        return vec![span(cpu, t.base), span(memory, t.base)];
    }
    vec![
        span(cpu, t.base),
        span(past.draw(cells, 100.0, |sample| sample.cpu), t.dim),
        span(memory, t.base),
        span(past.draw(cells, 100.0, |sample| sample.memory), t.dim),
        span(age, t.dim),
    ]
}
