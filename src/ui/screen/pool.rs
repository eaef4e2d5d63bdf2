//! The Pool page: radios and servers, the two under the cursors in full, what moves, the log of all.
//!
//! A small terminal drops: lines of the log, lines of moves, then radios, which scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::model::Model;
use crate::ui::panel::{lines, log, pool, pool_moves};
use crate::ui::pool::heads::heads;
use crate::ui::pool::rows::{all, rows};
use crate::ui::pool::spoken;

/// Rows of the log with its rule: those that it keeps, and those from which radios come first.
const LOG: [u16; 2] = [3, 6];
/// Radios that are shown in any case.
const RADIOS: u16 = 3;
/// Lines of moves with their rule that are kept before the log grows.
const MOVES: u16 = 4;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let radios = all(model);
    let (listed, heads) = (rows(model), heads(model, &radios));
    let details = pool::details(model, &radios, &heads, usize::from(area.width));
    let moves = pool_moves::rows_wanted(model, &radios);
    let wanted = [pool::head_rows(&heads) + listed.len().max(1) as u16, details.len() as u16, moves];
    let [table, details_rows, moves, log_rows] = heights(area.height, pool::head_rows(&heads), wanted);
    let mut y = area.y;
    let mut next = |height: u16| {
        let place = Rect { y, height, ..area };
        y += height;
        place
    };
    pool::draw(model, &listed, &heads, next(table), buf);
    lines(next(details_rows), buf, details);
    if moves > 0 {
        pool_moves::draw(model, &radios, next(moves), buf);
    }
    if log_rows > 0 {
        let events = spoken::log(model, usize::from(log_rows));
        log::draw_these(model, &events.iter().collect::<Vec<_>>(), next(log_rows), buf);
    }
}

/// Rows of the table, the details, the moves and the log. Together they fill the height.
fn heights(height: u16, head: u16, [table, details, moves]: [u16; 3]) -> [u16; 4] {
    let mut rows = [(head + RADIOS).min(height), 0, 0, 0];
    let mut left = height - rows[0];
    let mut give = |panel: usize, up_to: u16| {
        let more = up_to.saturating_sub(rows[panel]).min(left);
        rows[panel] += more;
        left -= more;
    };
    give(1, details.min(2));
    give(3, LOG[0]);
    give(2, moves.min(MOVES));
    give(1, details);
    give(0, table);
    give(3, LOG[1]);
    give(2, moves);
    give(3, u16::MAX);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_the_height_and_radios_are_always_seen() {
        for height in 14..80 {
            for wanted in [[8, 2, 0], [260, 4, 0], [8, 3, 9], [260, 6, 40]] {
                let rows = heights(height, 4, wanted);
                assert_eq!(rows.iter().sum::<u16>(), height, "{height} {wanted:?}: {rows:?}");
                assert!(rows[0] >= 4 + RADIOS, "{height} {wanted:?}: {rows:?}");
            }
        }
    }
}
