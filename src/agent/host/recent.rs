//! The lines of the log that an agent has published of late: a console that attaches later asks for them.

use std::collections::VecDeque;
use std::sync::Mutex;

use protocol::{Event, RecentEvents};

/// Lines kept.
const MOST: usize = 1_000;
/// Characters kept of a line: the last words of a program may be long, and all lines go in one answer.
const LONGEST: usize = 400;

/// What was published of late.
#[derive(Debug, Default)]
pub struct EventMemory(Mutex<VecDeque<Event>>);

impl EventMemory {
    /// Keeps a line; the oldest makes room.
    pub fn remember(&self, mut event: Event) {
        if let Some((end, _)) = event.text.char_indices().nth(LONGEST) {
            event.text.truncate(end);
        }
        // Nothing panics while it is locked.
        let Ok(mut kept) = self.0.lock() else { return };
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back(event);
    }

    /// What is kept, oldest first.
    pub fn newest(&self) -> RecentEvents {
        RecentEvents { events: self.0.lock().map_or_else(|_| Vec::new(), |kept| kept.iter().cloned().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Level;

    #[test]
    fn the_newest_thousand_are_kept_and_fit_into_one_answer() {
        let memory = EventMemory::default();
        for i in 0..MOST + 7 {
            let text = format!("{i} {}", "\u{6f22}".repeat(2 * LONGEST));
            let event = Event {
                at: chrono::Utc::now(),
                host: "server1".into(),
                level: Level::Info,
                text,
                radio: None,
                run: None,
                alert: false,
            };
            memory.remember(event);
        }
        let RecentEvents { events } = memory.newest();
        assert_eq!(events.len(), MOST);
        assert!(events[0].text.starts_with("7 ") && events[MOST - 1].text.starts_with("1006 "));
        // A client reads answers of at most 1 MiB.
        let latin: Vec<Event> = events.iter().map(|event| Event { text: "x".repeat(LONGEST), ..event.clone() }).collect();
        assert!(serde_json::to_vec(&RecentEvents { events: latin }).unwrap().len() < 4 * protocol::MAX_FRAME);
    }
}
