//! What the service felt in a run: the interruption three ways, and the pings that it cost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::metrics::measure::{BY_LOSS, BY_PHASES, GAP, LOST, PAPER_BY_LOSS_MS, PAPER_PING_INTERVAL_MS, none_lost};
use crate::ui::shown::TimingView;
use crate::ui::text::{clip, count, first_that_fits, ms, pad, pad_left, trim};
use protocol::Interruption;

/// Rows when everything is shown: rule, heads, three ways, pings lost.
pub const ROWS: u16 = 6;
/// Columns of a figure.
const FIGURE: usize = 10;

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
    let (t, lang, paper) = (&view.skin.theme, view.skin.lang, view.paper());
    let name = width.saturating_sub(2 * FIGURE + 1).min(48);
    let row = |text: [String; 2], a: String, b: String, styles: [Style; 3]| {
        let [one, two, three] = styles;
        let [_, short] = &text;
        let fallback = clip(short, name, view.skin.glyphs.ellipsis);
        let text = Some(first_that_fits(text, name)).filter(|text| !text.is_empty()).unwrap_or(fallback);
        Line::from(vec![span(pad(&text, name), one), span(pad_left(&a, FIGURE), two), span(pad_left(&b, FIGURE), three)])
    };
    let interval = felt.and_then(|felt| felt.probe_interval_ms).map(trim);
    let none_lost = felt.is_some_and(|felt| none_lost(felt).is_some());
    // A name with what limits the figure, where that is known and has room.
    let named = |name: &str, detail: &str| {
        let plain = lang.fill("{0}, ms", &[&lang.tr(name)]);
        let detailed =
            interval.as_ref().filter(|_| !detail.is_empty()).map(|interval| lang.fill(detail, &[&lang.tr(name), interval]));
        [detailed.unwrap_or_else(|| plain.clone()), plain]
    };
    let figure = |v: Option<f64>| v.map_or_else(|| "-".into(), ms);
    let by_loss = if none_lost {
        lang.tr("none lost").to_owned()
    } else {
        felt.and_then(|f| f.by_loss_ms).map_or_else(|| "-".into(), whole_ms)
    };
    let papers_loss = paper.pings_lost().map_or_else(|| "-".into(), |_| whole_ms(PAPER_BY_LOSS_MS));
    let measured = [t.base, t.measured, t.paper];
    let note = lang.fill("paper's pings: one every {0} ms", &[&trim(PAPER_PING_INTERVAL_MS)]);
    let resolution = if none_lost { "{0} (resolution {1} ms)" } else { "" };
    let (of, lost) = lost(view, felt);
    let style = match lost {
        None => t.dim,
        Some(0) => t.good,
        Some(_) => t.bad,
    };
    let papers_count = paper.pings_lost().map_or_else(|| "-".into(), count);
    vec![
        row([note.clone(), note], lang.tr("ours").into(), lang.tr("paper").into(), [t.dim, t.measured, t.paper]),
        row(named(BY_PHASES, ""), figure(felt.and_then(|f| f.by_phases_ms)), figure(Some(paper.interruption_ms)), measured),
        row(named(BY_LOSS, resolution), by_loss, papers_loss, measured),
        row(named(GAP, "{0} (at rest {1} ms)"), figure(felt.and_then(|f| f.gap_ms)), "-".into(), measured),
        row(of, lost.map_or_else(|| "-".into(), count), papers_count, [t.strong, style, t.paper]),
    ]
}

/// A multiple of the interval of the pings: without decimals where it has none.
fn whole_ms(value: f64) -> String {
    if value.fract() == 0.0 && value >= 0.0 { count(value as u64) } else { ms(value) }
}

/// The name of the row of lost pings, longest first, and their number.
fn lost(view: &TimingView<'_>, felt: Option<&Interruption>) -> ([String; 2], Option<u64>) {
    let lang = view.skin.lang;
    match felt.map(|f| (f.probes_lost, f.probes_sent, f.probe_interval_ms)) {
        Some((Some(lost), Some(sent), Some(interval))) => {
            let of = lang.fill("pings lost of {0}, one every {1} ms", &[&count(sent), &trim(interval)]);
            ([of, lang.tr(LOST).to_owned()], Some(lost))
        }
        Some(_) => ([lang.tr("pings lost: not measured").to_owned(), lang.tr(LOST).to_owned()], None),
        None => ([lang.tr("pings lost: counted when the run is over").to_owned(), lang.tr(LOST).to_owned()], None),
    }
}

/// Lost pings in one row, ours and the paper's, each with its interval.
fn pings<'a>(view: &TimingView<'_>, felt: Option<&Interruption>) -> Line<'a> {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let ours = match (felt, lost(view, felt)) {
        (Some(felt), (_, Some(lost))) => {
            let interval = felt.probe_interval_ms.unwrap_or_default();
            let of = lang.fill(" of {0}, every {1} ms", &[&count(felt.probes_sent.unwrap_or_default()), &trim(interval)]);
            let number = span(count(lost), if lost > 0 { t.bad } else { t.good });
            vec![span(format!("{} ", lang.tr(LOST)), t.dim), number, span(of, t.base)]
        }
        (_, ([text, _], _)) => vec![span(text, if felt.is_some() { t.warn } else { t.dim })],
    };
    let paper =
        view.paper().pings_lost().map(|lost| lang.fill("  paper {0}, every {1} ms", &[&lost, &trim(PAPER_PING_INTERVAL_MS)]));
    Line::from([ours, vec![span(paper.unwrap_or_default(), t.paper)]].concat())
}
