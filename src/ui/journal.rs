//! The log of the console: what hosts and the console itself have said, and which of it is shown.

use chrono::{DateTime, Local, Utc};

use super::model::Model;
use super::text::{duration, one_line};
use protocol::{Event, Level};

/// Lines kept: what the agents remember and some hours of orders, bounded memory.
pub const LOG_LINES: usize = 2_000;

impl Model {
    /// Adds a line to the log.
    pub fn log(&mut self, event: Event) {
        if self.log.len() >= LOG_LINES {
            self.log.pop_front();
        }
        // The older lines that are being read stay on the screen.
        if self.log_scroll > 0 && self.log_filter.is_empty() {
            self.log_scroll = (self.log_scroll + 1).min(LOG_LINES);
        }
        let event = kept(event);
        self.log.push_back(Event { text: self.skin.lang.said(&event.text), ..event });
        self.dirty = true;
    }

    /// Adds a line from the console itself.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.log(Event { at: self.at, host: "console".into(), level, text: text.into(), radio: None, run: None, alert: false });
    }

    /// Adds a line of this console about the work, which names the radio where a pool has several.
    pub fn tell(&mut self, level: Level, text: impl Into<String>) {
        let radio = self.config.radio_to_tell();
        self.log(Event { at: self.at, host: "console".into(), level, text: text.into(), radio, run: None, alert: false });
    }

    /// The lines that the log's filter lets through, oldest first.
    pub fn shown_log(&self) -> Vec<&Event> {
        let word = |level| match level {
            Level::Info => "",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let line = |event: &Event| format!("{} {} {}", event.host, word(event.level), event.text);
        self.log.iter().filter(|event| self.log_filter.is_empty() || self.log_filter.admits(&line(event))).collect()
    }

    /// A time of the log, as this operator reads it.
    pub fn log_time(&self, at: DateTime<Utc>) -> String {
        if self.local_time { at.with_timezone(&Local).format("%H:%M:%S").to_string() } else { at.format("%H:%M:%S").to_string() }
    }

    /// Which time that is.
    pub fn log_zone(&self) -> String {
        if self.local_time { self.at.with_timezone(&Local).format("UTC%:z").to_string() } else { "UTC".into() }
    }

    /// How long ago the latest migration ended, in words; nothing of one under way, of a replay, and of one that has just ended.
    pub fn migration_age(&self) -> Option<String> {
        let (_, progress) = self.latest_migration().filter(|(_, p)| p.finished && self.replay.is_none())?;
        let record = progress.record.as_ref()?;
        let took = record.total_ms + record.held_ms.unwrap_or(0.0);
        // Beyond 1e15 ms it is no time.
        let took = if took.is_finite() { took.clamp(0.0, 1e15) as i64 } else { 0 };
        let ago = (self.at - record.started).num_milliseconds().saturating_sub(took);
        u64::try_from(ago).ok().filter(|ago| *ago >= 1_000).map(duration)
    }
}

/// A line as the log keeps it.
pub fn kept(event: Event) -> Event {
    Event { host: one_line(&event.host), text: one_line(&event.text), ..event }
}
