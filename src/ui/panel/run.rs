//! Which run this is: what, from where to where, by whom, when, how timed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{below, lines, rule, span};
use crate::ui::lang::Lang;
use crate::ui::shown::{RunOrigin, Shown, TimingView};
use crate::ui::text::{clip, duration, one_line};
use protocol::Outcome;

/// Rows when everything is shown: rule, what, when and who, identity, clocks.
pub const ROWS: u16 = 6;

/// Version of this program, as exports name it.
pub const VERSION: &str = concat!("baton ", env!("CARGO_PKG_VERSION"));

/// Draws it; on a single row, the run's identity.
pub fn draw(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let Some(shown) = view.run else {
        if area.height > 1 {
            rule(area, buf, view.skin, lang.tr("RUN"), "");
        }
        let text = lang.tr("no migration in this console yet; the paper: two servers, one N210, hot switch");
        lines(below(area, u16::from(area.height > 1)), buf, [Line::from(span(text, t.dim))]);
        return;
    };
    let body = if area.height > 2 {
        rule(area, buf, view.skin, lang.tr("RUN"), VERSION);
        below(area, 1)
    } else {
        area
    };
    // One row: who, when and which; what was moved stands in the titles above.
    let rows = if body.height == 1 { vec![in_one_row(view, &shown)] } else { rows(view, &shown, usize::from(body.width)) };
    lines(body, buf, rows);
}

/// When it began and who ordered it; a record is written at the end.
fn when_and_who(shown: &Shown<'_>, lang: Lang) -> (String, String) {
    match shown.known {
        Some(r) => {
            let by = r.by.as_deref().map_or_else(|| lang.tr("not recorded").into(), one_line);
            (r.started.format("%Y-%m-%d %H:%M:%S UTC").to_string(), by)
        }
        None => (lang.tr("is under way").into(), lang.tr("known when it is over").into()),
    }
}

fn in_one_row<'a>(view: &TimingView<'_>, shown: &Shown<'_>) -> Line<'a> {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let (started, by) = when_and_who(shown, lang);
    let run = one_line(&shown.progress.run);
    Line::from(vec![
        span(lang.tr("run "), t.dim),
        span(run, t.base),
        span(format!(" {started}"), t.dim),
        span(lang.fill(" by {0}", &[&by]), t.dim),
    ])
}

fn rows<'a>(view: &TimingView<'_>, shown: &Shown<'_>, width: usize) -> Vec<Line<'a>> {
    let (t, g, lang) = (&view.skin.theme, &view.skin.glyphs, view.skin.lang);
    let p = shown.progress;
    let outcome = match shown.record().map(|r| r.outcome) {
        Some(Outcome::Ok) => span(lang.tr("done"), t.good),
        Some(Outcome::Failed) => span(lang.tr("FAILED"), t.bad),
        Some(Outcome::RolledBack) => span(lang.tr("ROLLED BACK"), t.bad),
        Some(Outcome::Cancelled) => span(lang.tr("CANCELLED"), t.warn),
        None => span(lang.said(&one_line(&p.now)), t.warn),
    };
    let mut what = vec![
        span(format!("{} {}  ", p.order, p.method), t.strong),
        span(format!("{} {} {}  ", one_line(&p.from), g.right, one_line(&p.to)), t.strong),
    ];
    let room = width.saturating_sub(what.iter().map(Span::width).sum());
    what.push(span(clip(&outcome.content, room, g.ellipsis), outcome.style));
    if let (RunOrigin::Live, Some(age)) = (shown.origin, view.stale_ms) {
        what.push(span(lang.fill("  as of {0} ago", &[&duration(age)]), t.warn));
    }
    let (started, by) = when_and_who(shown, lang);
    let far = view.far_end.unwrap_or(lang.tr("the far end"));
    let executor = one_line(shown.executor());
    let mut rows = vec![
        Line::from(what),
        Line::from(vec![span(lang.tr("started "), t.dim), span(started, t.base), span(lang.tr("  by "), t.dim), span(by, t.base)]),
        Line::from(vec![span(lang.tr("run "), t.dim), span(one_line(&p.run), t.base)]),
        Line::from(span(lang.fill("phases timed on one clock, {0}'s, to 1 us", &[&executor]), t.dim)),
        Line::from(span(lang.fill("pings and gap on {0}'s own: no clocks are compared", &[&far]), t.dim)),
    ];
    let warnings = shown.record().map(|r| r.warnings.as_slice()).unwrap_or_default();
    rows.extend(warnings.iter().map(|w| Line::from(span(format!("{}{}", lang.tr("warning: "), one_line(w)), t.warn))));
    rows
}
