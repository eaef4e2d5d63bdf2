//! What the service felt in a run: the interruption three ways, and the pings that it cost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::shown::TimingView;
use crate::ui::text::{clip, count, ms, pad, pad_left, trim};
use protocol::{Interruption, PAPER_PINGS_LOST};

/// Rows when everything is shown: rule, heads, three ways, pings lost.
pub const ROWS: u16 = 6;
/// Interval of the paper's pings, ms.
const PAPER_INTERVAL_MS: f64 = 100.0;
/// Columns of a figure.
const FIGURE: usize = 8;

/// Draws it; where not all has room, without the rule and the pings first, on a single row nothing else.
pub fn draw(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    let felt = view.record().map(|record| &record.interruption);
    if area.height < 3 {
        lines(area, buf, [pings(view, felt)]);
        return;
    }
    let lang = view.skin.lang;
    let counted = |far: &str| lang.fill("pings counted by {0}", &[&far]);
    let note = view.far_end.map_or_else(|| lang.tr("counted at the far end").into(), counted);
    let mut rows = table(view, felt, usize::from(area.width));
    let body = if area.height >= ROWS {
        rule(area, buf, view.skin, lang.tr("WHAT THE SERVICE FELT"), &note);
        below(area, 1)
    } else {
        // The pings stand last of all; few rows begin with them, below the heads.
        rows[1..].rotate_right(1);
        area
    };
    lines(body, buf, rows);
}

fn table<'a>(view: &TimingView<'_>, felt: Option<&Interruption>, width: usize) -> Vec<Line<'a>> {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let name = width.saturating_sub(2 * FIGURE + 1).min(48);
    let row = |text: &str, a: String, b: String, styles: [Style; 3]| {
        let [one, two, three] = styles;
        let text = clip(text, name, view.skin.glyphs.ellipsis);
        Line::from(vec![span(pad(&text, name), one), span(pad_left(&a, FIGURE), two), span(pad_left(&b, FIGURE), three)])
    };
    let loss = PAPER_PINGS_LOST as f64 * PAPER_INTERVAL_MS;
    let ways: [(&str, Option<f64>, Option<f64>); 3] = [
        ("by phases (the paper's definition), ms", felt.and_then(|f| f.by_phases_ms), Some(view.paper().interruption_ms)),
        ("by lost pings x interval, ms", felt.and_then(|f| f.by_loss_ms), Some(loss)),
        ("the far end's longest gap, ms", felt.and_then(|f| f.gap_ms), None),
    ];
    let note = lang.fill("paper's pings: one every {0} ms", &[&trim(PAPER_INTERVAL_MS)]);
    let mut rows = vec![row(&note, lang.tr("ours").into(), lang.tr("paper").into(), [t.dim, t.measured, t.paper])];
    let figure = |v: Option<f64>| v.map_or_else(|| "-".into(), ms);
    rows.extend(
        ways.into_iter().map(|(text, ours, paper)| row(lang.tr(text), figure(ours), figure(paper), [t.base, t.measured, t.paper])),
    );
    let (of, lost) = match felt.map(|f| (f.probes_lost, f.probes_sent, f.probe_interval_ms)) {
        Some((Some(lost), Some(sent), Some(interval))) => {
            (lang.fill("PINGS LOST of {0} sent, one every {1} ms", &[&count(sent), &trim(interval)]), Some(lost))
        }
        Some(_) => (lang.tr("PINGS LOST: not measured").to_owned(), None),
        None => (lang.tr("PINGS LOST: counted when the run is over").to_owned(), None),
    };
    let style = match lost {
        None => t.dim,
        Some(0) => t.good,
        Some(_) => t.bad,
    };
    rows.push(row(&of, lost.map_or_else(|| "-".into(), count), count(PAPER_PINGS_LOST), [t.strong, style, t.paper]));
    rows
}

/// Lost pings in one row, ours and the paper's, each with its interval.
fn pings<'a>(view: &TimingView<'_>, felt: Option<&Interruption>) -> Line<'a> {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let ours = match felt.map(|f| (f.probes_lost, f.probes_sent, f.probe_interval_ms)) {
        None => vec![span(lang.tr("PINGS LOST: counted when the run is over"), t.dim)],
        Some((Some(lost), Some(sent), Some(interval))) => vec![
            span(lang.tr("PINGS LOST "), t.dim),
            span(count(lost), if lost > 0 { t.bad } else { t.good }),
            span(lang.fill(" of {0}, every {1} ms", &[&count(sent), &trim(interval)]), t.base),
        ],
        Some(_) => vec![span(lang.tr("PINGS LOST: not measured"), t.warn)],
    };
    let paper = lang.fill("  paper {0}, every {1} ms", &[&PAPER_PINGS_LOST, &trim(PAPER_INTERVAL_MS)]);
    Line::from([ours, vec![span(paper, t.paper)]].concat())
}
