//! The Operate screen: the stage above, pings and figures below.
//!
//! A small terminal drops, in this order: route table, control variables (of which those that differ stay longest), log (its last line
//! stays), load of the servers, preparing phases, ping figures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::ui::model::Model;
use crate::ui::panel::{control, log, phases, probe, radio, ready, routes, server};
use crate::ui::place::PanelName;

/// Rows of the stage: least, comfortable, roomy, with a figure of twice the size.
const STAGE: [u16; 4] = [6, 8, 14, 22];
/// Rows of the pings: least, with losses named, tall, taller.
const PINGS: [u16; 4] = [3, 5, 7, 10];
/// Rows of what a move that waits has to say, with its frame.
const READY: u16 = 6;
/// Rows of the log, its rule included: those that a wide screen of usual height keeps, and those that are enough where others can use
/// more.
const LOG: [u16; 2] = [6, 8];
/// Rows of the control variables: rule, heads, the fourteen of the paper.
const CONTROL: u16 = 16;
/// Rows of the middle in which all phases and sums stand.
const PHASES: u16 = 13;
/// Rows of the route table: rule, one line a server.
const ROUTES: u16 = 3;
/// Columns from which phases and control variables stand side by side.
const TWO_COLUMNS: u16 = 116;

/// Where each panel stands; `None` is dropped.
#[derive(Debug, Default, PartialEq, Eq)]
struct OperateLayout {
    servers: [Rect; 2],
    radio: Rect,
    pings: Rect,
    phases: Rect,
    control: Option<Rect>,
    routes: Option<Rect>,
    log: Rect,
}

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let layout = layout(area);
    let [one, two] = model.pool();
    server::draw(model, one, layout.servers[0], buf);
    server::draw(model, two, layout.servers[1], buf);
    radio::draw(model, layout.radio, buf);
    probe::draw(model, layout.pings, buf);
    phases::draw(model, layout.phases, buf);
    if let Some(area) = layout.control {
        control::draw(model, area, buf);
    }
    if let Some(area) = layout.routes {
        routes::draw(model, area, buf);
    }
    log::draw(model, layout.log, buf);
    // Below the pings, which show that the source still serves, and above the log where that leaves room for what it says.
    let top = layout.pings.bottom();
    let bottom = if layout.log.y >= top + READY { layout.log.y } else { area.bottom() };
    ready::draw(model, Rect { y: top, height: bottom.saturating_sub(top), ..area }, buf);
}

/// The panel at a place of the screen.
pub fn panel_at(area: Rect, at: Position) -> Option<PanelName> {
    let layout = layout(area);
    let places = [
        (PanelName::Left, Some(layout.servers[0])),
        (PanelName::Radio, Some(layout.radio)),
        (PanelName::Right, Some(layout.servers[1])),
        (PanelName::Pings, Some(layout.pings)),
        (PanelName::Phases, Some(layout.phases)),
        (PanelName::Control, layout.control),
        (PanelName::Routes, layout.routes),
        (PanelName::Log, Some(layout.log)),
    ];
    places.into_iter().find(|(_, place)| place.is_some_and(|place| place.contains(at))).map(|(panel, _)| panel)
}

fn layout(area: Rect) -> OperateLayout {
    let wide = area.width >= TWO_COLUMNS;
    let [stage, pings, middle, log] = heights(area.height, wide);
    let mut y = area.y;
    let mut next = |height: u16| {
        let place = Rect { y, height, ..area };
        y += height;
        place
    };
    let (stage, pings, middle, log) = (next(stage), next(pings), next(middle), next(log));
    let centre = (area.width * 27 / 100).clamp(20, 52);
    let side = (area.width - centre) / 2;
    let left = Rect { width: side, ..stage };
    let radio = Rect { x: left.right(), width: area.width - 2 * side, ..stage };
    let right = Rect { x: radio.right(), width: side, ..stage };
    let mut layout = OperateLayout { servers: [left, right], radio, pings, phases: middle, log, ..OperateLayout::default() };
    if wide {
        // A blank column between the two.
        let half = middle.width * 55 / 100;
        layout.phases = Rect { width: half, ..middle };
        let second = Rect { x: middle.x + half + 1, width: middle.width - half - 1, ..middle };
        let with_routes = second.height >= CONTROL + ROUTES;
        let routes = if with_routes { ROUTES } else { 0 };
        layout.control = Some(Rect { height: second.height - routes, ..second });
        layout.routes = with_routes.then(|| Rect { y: second.bottom() - routes, height: routes, ..second });
    } else if middle.height >= phases::ROWS + CONTROL {
        layout.phases = Rect { height: phases::ROWS, ..middle };
        let second = Rect { y: middle.y + phases::ROWS, height: middle.height - phases::ROWS, ..middle };
        layout.control = Some(second);
    }
    layout
}

/// Rows of stage, pings, middle and log. Together they fill the height.
fn heights(height: u16, wide: bool) -> [u16; 4] {
    let least_phases = 5;
    let mut rows = [STAGE[0], PINGS[0].min(height.saturating_sub(STAGE[0])), 0, 1];
    let mut left = height.saturating_sub(rows.iter().sum());
    let mut give = |rows: &mut [u16; 4], panel: usize, up_to: u16| {
        let more = up_to.saturating_sub(rows[panel]).min(left);
        rows[panel] += more;
        left -= more;
    };
    give(&mut rows, 2, least_phases);
    give(&mut rows, 0, STAGE[1]);
    give(&mut rows, 2, phases::ROWS - 3);
    give(&mut rows, 0, STAGE[2]);
    give(&mut rows, 3, 3);
    give(&mut rows, 2, if wide { PHASES } else { phases::ROWS });
    give(&mut rows, 1, PINGS[1]);
    // What happened is read before variables that are equal on both sides.
    give(&mut rows, 3, LOG[0]);
    give(&mut rows, 2, if wide { CONTROL } else { phases::ROWS });
    give(&mut rows, 3, 7);
    if wide {
        give(&mut rows, 2, CONTROL + ROUTES);
    } else {
        give(&mut rows, 2, phases::ROWS + CONTROL);
    }
    give(&mut rows, 1, PINGS[2]);
    give(&mut rows, 0, STAGE[2] + 3);
    // A tall terminal is for the back row: a larger figure, higher pings; then the log.
    give(&mut rows, 3, LOG[1]);
    give(&mut rows, 0, STAGE[3]);
    give(&mut rows, 1, PINGS[3]);
    give(&mut rows, 3, u16::MAX);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_five_lines_on_a_usual_screen() {
        for height in 38..80 {
            assert!(heights(height, true)[3] >= 6, "{height}: {:?}", heights(height, true));
        }
    }

    #[test]
    fn panels_fill_the_screen_and_never_overlap() {
        for (width, height) in [(60, 14), (80, 22), (100, 30), (120, 38), (200, 58), (250, 78), (61, 100)] {
            let area = Rect::new(0, 1, width, height);
            let p = layout(area);
            let mut places = vec![p.servers[0], p.servers[1], p.radio, p.pings, p.phases, p.log];
            places.extend(p.control.into_iter().chain(p.routes));
            for (i, a) in places.iter().enumerate() {
                assert_eq!(a.intersection(area), *a, "{width}x{height}: {a:?} sticks out");
                for b in &places[i + 1..] {
                    assert!(a.intersection(*b).is_empty(), "{width}x{height}: {a:?} and {b:?} overlap");
                }
            }
            assert_eq!(p.log.bottom(), area.bottom());
        }
    }
}
