//! What the service felt in a run: the interruption three ways, and the pings that it cost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::phases::trim;
use super::{below, lines, rule, span};
use crate::protocol::{Interruption, SOURCE_INTERRUPTION_MS, SOURCE_PINGS_LOST};
use crate::ui::shown::View;
use crate::ui::text::{clip, count, ms};

/// Rows when everything is shown: rule, heads, three ways, pings.
pub const ROWS: u16 = 6;
/// Interval of the source's pings, ms.
const SOURCE_INTERVAL_MS: f64 = 100.0;
/// Columns of a figure.
const FIGURE: usize = 8;

/// Draws it; on a single row, the pings only.
pub fn draw(view: &View<'_>, area: Rect, buf: &mut Buffer) {
    let t = &view.skin.theme;
    let felt = view.record().map(|record| &record.interruption);
    if area.height < 3 {
        lines(area, buf, [pings(view, felt)]);
        return;
    }
    rule(area, buf, view.skin, "WHAT THE SERVICE FELT", "three ways, always together");
    let loss = SOURCE_PINGS_LOST as f64 * SOURCE_INTERVAL_MS;
    let ways: [(&str, Option<f64>, Option<f64>); 3] = [
        ("by phases (the source's definition), ms", felt.and_then(|f| f.by_phases_ms), Some(SOURCE_INTERRUPTION_MS)),
        ("by lost pings x interval, ms", felt.and_then(|f| f.by_loss_ms), Some(loss)),
        ("longest gap between replies at the far end, ms", felt.and_then(|f| f.gap_ms), None),
    ];
    let name = usize::from(area.width).saturating_sub(2 * FIGURE + 1).min(48);
    let row = |text: &str, a: String, b: String, styles: [Style; 3]| {
        let [one, two, three] = styles;
        let text = clip(text, name, view.skin.glyphs.ellipsis);
        Line::from(vec![
            span(format!("{text:<name$}"), one),
            span(format!("{a:>FIGURE$}"), two),
            span(format!("{b:>FIGURE$}"), three),
        ])
    };
    let mut rows = vec![row("", "ours".into(), "source".into(), [t.dim, t.measured, t.source])];
    let figure = |v: Option<f64>| v.map_or_else(|| "-".into(), ms);
    rows.extend(
        ways.into_iter().map(|(text, ours, source)| row(text, figure(ours), figure(source), [t.base, t.measured, t.source])),
    );
    rows.push(pings(view, felt));
    lines(below(area, 1), buf, rows);
}

/// Lost pings, ours and the source's, each with its interval.
fn pings<'a>(view: &View<'_>, felt: Option<&Interruption>) -> Line<'a> {
    let t = &view.skin.theme;
    let source = format!("  source lost {SOURCE_PINGS_LOST}, one every {} ms", trim(SOURCE_INTERVAL_MS));
    let far = view.far_end.unwrap_or("the far end");
    let ours = match felt {
        None => vec![span(format!("pings lost: counted by {far} when the run is over"), t.dim)],
        Some(felt) => match (felt.probes_lost, felt.probes_sent, felt.probe_interval_ms) {
            (Some(lost), Some(sent), Some(interval)) => vec![
                span("PINGS LOST ", t.dim),
                span(count(lost), if lost > 0 { t.bad } else { t.good }),
                span(format!(" of {} sent, one every {} ms, counted by {far}", count(sent), trim(interval)), t.base),
            ],
            _ => vec![span("pings lost: not measured", t.warn)],
        },
    };
    Line::from([ours, vec![span(source, t.source)]].concat())
}
