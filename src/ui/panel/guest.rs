//! A guest in its server's box: what it does, what runs it, whether its memory is whole, and its migration in QEMU's words.

use ratatui::text::Line;

use super::pen::Pen;
use super::span;
use crate::ui::text::{bytes, count, one_line};
use protocol::{Accelerator, GuestMigration, GuestMigrationState, GuestRehearsal, GuestState, GuestStatus};

/// The rows, each with how soon it gives way.
pub fn rows<'a>(pen: &Pen<'_>, guest: &GuestStatus) -> Vec<(u8, Line<'a>)> {
    let mut rows = vec![(0, state(pen, guest)), (1, what_it_is(pen, guest)), (2, memory(pen, guest))];
    if let Some(migration) = &guest.migration {
        rows.extend([(0, progress(pen, migration)), (1, figures(pen, migration))]);
    }
    rows
}

fn state<'a>(pen: &Pen<'_>, guest: &GuestStatus) -> Line<'a> {
    let (t, lang) = (pen.theme, pen.lang);
    let (word, style) = match guest.state {
        GuestState::Stopped => ("stopped", t.dim),
        GuestState::Starting => ("STARTING", t.warn),
        GuestState::Incoming => ("WAITS FOR THE GUEST", t.warn),
        GuestState::Running => ("RUNNING", t.good),
        GuestState::Paused => ("STANDS STILL", t.warn),
        GuestState::Died => ("DIED", t.bad),
    };
    let word = span(lang.tr(word), style);
    if let (GuestState::Died, Some(words)) = (guest.state, &guest.last_words) {
        return pen.row("guest", vec![word, span(format!(": {}", lang.said(&one_line(words))), t.bad)]);
    }
    let pid = guest.pid.map(|pid| vec![span(format!("  pid {pid}"), t.base)]);
    pen.fields("guest", [Some(vec![word]), pid].into_iter().flatten())
}

/// What no reader of a figure must miss.
fn what_it_is<'a>(pen: &Pen<'_>, guest: &GuestStatus) -> Line<'a> {
    let (t, lang) = (pen.theme, pen.lang);
    let (text, style) = match (&guest.rehearsal, guest.accelerator) {
        (GuestRehearsal::Failed { failure }, _) => {
            return pen.row(" runs", vec![span(lang.said(&one_line(&failure.message)), t.bad)]);
        }
        (_, Some(Accelerator::Tcg)) => ("guest without the modem, emulated processor", t.warn),
        (_, Some(Accelerator::Kvm)) => ("guest without the modem, KVM", t.base),
        (GuestRehearsal::UnderWay, None) => ("trying whether guests run here", t.warn),
        (GuestRehearsal::Ready { .. }, None) => ("-", t.dim),
    };
    pen.row(" runs", vec![span(lang.tr(text), style)])
}

fn memory<'a>(pen: &Pen<'_>, guest: &GuestStatus) -> Line<'a> {
    let (t, lang) = (pen.theme, pen.lang);
    match &guest.damage {
        Some(damage) => pen.row(" memory", vec![span(lang.fill("DAMAGED: {0}", &[damage]), t.bad)]),
        None => pen.row(" memory", vec![span(lang.fill("checked {0} times, whole", &[&count(guest.memory_passes)]), t.base)]),
    }
}

/// The state in QEMU's own word, which its documents have; and how far it is.
fn progress<'a>(pen: &Pen<'_>, migration: &GuestMigration) -> Line<'a> {
    let (t, lang) = (pen.theme, pen.lang);
    let style = match migration.state {
        GuestMigrationState::Completed => t.good,
        GuestMigrationState::Failed | GuestMigrationState::PostcopyPaused => t.bad,
        _ => t.strong,
    };
    let pass = lang.fill("  pass {0}", &[&migration.iteration]);
    let left = lang.fill("  left {0}", &[&bytes(migration.remaining_bytes)]);
    let moved = lang.fill("  moved {0}", &[&bytes(migration.transferred_bytes)]);
    let last = if migration.state.is_over() { moved } else { left };
    pen.fields("move", [span(migration.state.word(), style), span(pass, t.base), span(last, t.base)].map(|field| vec![field]))
}

fn figures<'a>(pen: &Pen<'_>, migration: &GuestMigration) -> Line<'a> {
    let (t, lang) = (pen.theme, pen.lang);
    let dirty = bytes(migration.dirty_pages_per_s.saturating_mul(migration.page_bytes));
    let mut fields = vec![vec![span(lang.fill("changes {0}/s", &[&dirty]), t.base)]];
    let downtime = match (migration.downtime_ms, migration.expected_downtime_ms) {
        (Some(ms), _) => Some(lang.fill("  downtime {0} ms", &[&ms])),
        (None, Some(ms)) => Some(lang.fill("  expected downtime {0} ms", &[&ms])),
        (None, None) => None,
    };
    fields.extend(downtime.map(|text| vec![span(text, t.base)]));
    pen.fields("", fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::lang::Lang;
    use crate::ui::theme::{Theme, ThemeName};

    fn said(guest: &GuestStatus, lang: Lang, width: u16) -> Vec<String> {
        let theme = Theme::new(ThemeName::Dark);
        let pen = Pen { theme: &theme, lang, width, age_ms: 0, ellipsis: "~" };
        rows(&pen, guest).into_iter().map(|(_, row)| row.to_string()).collect()
    }

    fn copying() -> GuestStatus {
        let migration = GuestMigration {
            state: GuestMigrationState::Active,
            iteration: 2,
            dirty_pages_per_s: 5000,
            page_bytes: 4096,
            remaining_bytes: 33_000_000,
            expected_downtime_ms: Some(30),
            ..GuestMigration::default()
        };
        let state = GuestState::Running;
        GuestStatus {
            state,
            accelerator: Some(Accelerator::Tcg),
            migration: Some(migration),
            memory_passes: 12,
            ..GuestStatus::default()
        }
    }

    #[test]
    fn a_migration_is_told_in_qemus_words_and_figures() {
        let rows = said(&copying(), Lang::En, 70);
        assert!(rows[1].contains("guest without the modem, emulated processor"), "{rows:?}");
        assert!(rows[2].contains("checked 12 times, whole"), "{rows:?}");
        assert!(rows[3].contains("active  pass 2  left 33 MB"), "{rows:?}");
        assert!(rows[4].contains("changes 20.5 MB/s  expected downtime 30 ms"), "{rows:?}");
    }

    #[test]
    fn what_no_reader_may_miss_is_told_in_both_languages_and_has_room() {
        for lang in [Lang::En, Lang::Zh] {
            for row in said(&copying(), lang, 60) {
                assert!(unicode_width::UnicodeWidthStr::width(row.as_str()) <= 60, "{row}");
            }
        }
        assert!(said(&copying(), Lang::Zh, 60)[1].contains("处理器为仿真"));
    }

    #[test]
    fn damage_and_death_are_told() {
        let damaged = GuestStatus { damage: Some("page 3".into()), ..copying() };
        assert!(said(&damaged, Lang::En, 60)[2].contains("DAMAGED: page 3"));
        let died = GuestStatus { state: GuestState::Died, last_words: Some("killed".into()), ..GuestStatus::default() };
        assert!(said(&died, Lang::En, 60)[0].contains("DIED: killed"));
    }
}
