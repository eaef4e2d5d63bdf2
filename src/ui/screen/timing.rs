//! The Timing screen, for the projector and the picture: how long nobody was served, and where the time went.
//!
//! A small terminal drops, in this order: the pings of the moment, the second row of each bar, the parts of the cut, the run's details (one line stays), the
//! three ways side by side (the lost pings stay), the bars under the figure, the phases before the cut.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::model::Model;
use crate::ui::panel::{below, line, span};
use crate::ui::panel::{felt, interruption, probe, ready, run, trace, waterfall};
use crate::ui::service;
use crate::ui::shown::{RunOrigin, TimingView};
use crate::ui::text::clip;

/// Columns from which the run stands beside what the service felt.
const TWO_COLUMNS: u16 = 116;
/// Rows of the figure: least, with bars, large, twice and thrice as large.
const FIGURE: [u16; 5] = [5, 7, 9, 14, 19];
/// Rows that the parts need at least.
const LEAST: u16 = 14;
/// Rows of the strip of pings.
const PINGS: u16 = 7;

/// Rows of each part, from the top.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Heights {
    figure: u16,
    waterfall: u16,
    felt: u16,
    run: u16,
    trace: u16,
    pings: u16,
}

/// Draws it for the console.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let view = TimingView::current(model);
    // Whatever the figure below tells of the past.
    let area = match service::down(model) {
        Some(service) if area.height > LEAST => {
            let text = format!(" {} ", service::sentence(model, &service));
            line(
                area,
                area.y,
                buf,
                &Line::from(span(clip(&text, area.width.into(), model.skin.glyphs.ellipsis), model.skin.theme.bad_tag)),
            );
            below(area, 1)
        }
        _ => area,
    };
    // The strip is of the moment: beside a run from the records it would be another run's.
    let live = view.run.is_none_or(|run| matches!(run.origin, RunOrigin::Live | RunOrigin::Latest));
    if let Some(place) = run_alone(&view, live, area, buf) {
        probe::draw(model, place, buf);
    }
    ready::draw(model, Rect { height: area.height.saturating_sub(PINGS), ..area }, buf);
}

/// Draws a run without a console around it; returns the place of the strip of pings, where one is wanted and fits.
pub fn run_alone(view: &TimingView<'_>, with_pings: bool, area: Rect, buf: &mut Buffer) -> Option<Rect> {
    let phases = view.timeline().bars.len() as u16;
    let wide = area.width >= TWO_COLUMNS;
    let most = interruption::most_rows(view, area.width);
    let h = heights(area.height, phases, trace::rows(view), wide, with_pings, most);
    let mut y = area.y;
    let mut next = |height: u16| {
        let place = Rect { y, height, ..area };
        y += height;
        place
    };
    interruption::draw(view, next(h.figure), buf);
    waterfall::draw(view, next(h.waterfall), buf);
    let felt = next(h.felt);
    if wide && h.run == 0 {
        // A blank column between the two.
        let half = felt.width / 2;
        felt::draw(view, Rect { width: half - 1, ..felt }, buf);
        run::draw(view, Rect { x: felt.x + half, width: felt.width - half, ..felt }, buf);
    } else {
        felt::draw(view, felt, buf);
        run::draw(view, next(h.run), buf);
    }
    if h.trace > 0 {
        trace::draw(view, next(h.trace), buf);
    }
    (h.pings > 0).then(|| next(h.pings))
}

/// How the rows are shared out; together never more than there are.
fn heights(height: u16, phases: u16, trace: u16, wide: bool, live: bool, most: u16) -> Heights {
    let mut h = Heights { figure: FIGURE[0], waterfall: waterfall::FRAME + 3, felt: 1, run: 1, trace: 0, pings: 0 };
    let mut left = height.saturating_sub(h.figure + h.waterfall + h.felt + h.run);
    let mut give = |part: &mut u16, up_to: u16| {
        let more = up_to.saturating_sub(*part).min(left);
        *part += more;
        left -= more;
    };
    give(&mut h.waterfall, waterfall::FRAME + phases);
    give(&mut h.figure, FIGURE[1]);
    if wide && height >= h.figure + h.waterfall + felt::ROWS.max(run::ROWS) {
        // Side by side: the row of the run is free again.
        left += std::mem::take(&mut h.run);
        let mut give = |part: &mut u16, up_to: u16| {
            let more = up_to.saturating_sub(*part).min(left);
            *part += more;
            left -= more;
        };
        give(&mut h.felt, felt::ROWS.max(run::ROWS));
        give(&mut h.figure, FIGURE[2]);
        return spread(h, left, phases, trace, live, most);
    }
    // Figures that are read from the back row go before the details of the run, where what the service felt has room beside them.
    if height >= FIGURE[2] + h.waterfall + felt::ROWS + h.run {
        give(&mut h.figure, FIGURE[2]);
    }
    give(&mut h.felt, felt::ROWS);
    give(&mut h.run, run::ROWS);
    give(&mut h.figure, FIGURE[2]);
    spread(h, left, phases, trace, live, most)
}

/// What is left goes to the back row: larger figures, thicker bars; then to the pings.
fn spread(mut h: Heights, mut left: u16, phases: u16, trace: u16, live: bool, most: u16) -> Heights {
    // All or nothing: half a step would only leave blank rows.
    let mut give = |part: &mut u16, to: u16| {
        let more = to.saturating_sub(*part);
        if more <= left {
            *part += more;
            left -= more;
        }
    };
    give(&mut h.trace, trace);
    give(&mut h.figure, FIGURE[3].min(most));
    give(&mut h.waterfall, waterfall::FRAME + 2 * phases);
    if live {
        give(&mut h.pings, PINGS);
    }
    give(&mut h.figure, FIGURE[4].min(most));
    h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_never_need_more_rows_than_there_are() {
        for height in 14..120 {
            for (wide, live) in [(false, false), (true, false), (false, true), (true, true)] {
                for trace in [0, 9] {
                    let h = heights(height, 8, trace, wide, live, FIGURE[4]);
                    let sum = h.figure + h.waterfall + h.felt + h.run + h.trace + h.pings;
                    assert!(sum <= height, "{height}: {h:?}");
                    assert!(h.figure >= FIGURE[0] && h.waterfall >= waterfall::FRAME + 3 && h.felt > 0, "{height}: {h:?}");
                }
            }
        }
    }
}
