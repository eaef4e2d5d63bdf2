//! What comes late: a sender that has lost a connection makes a new one and sends there again what it still waits for. What was on its way on
//! the old one, and arrives after the new one has been heard, nobody waits for any more: a `freeze` or a kill carried out then would undo
//! what the sender has done since.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use protocol::Connection;

/// Senders remembered: agents and consoles that have lost a connection.
const SENDERS: usize = 256;

/// The newest connection of each sender that had more than one.
#[derive(Debug, Default)]
pub(super) struct NewestConnections(Mutex<HashMap<String, u64>>);

impl NewestConnections {
    /// Notes a request's connection; whether its sender has been heard on a newer one. Programs without connections are never late.
    pub(super) fn is_late(&self, connection: Option<&Connection>) -> bool {
        let Some(Connection { of, number }) = connection else { return false };
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match newest.get_mut(of) {
            Some(known) => {
                *known = (*known).max(*number);
                *known > *number
            }
            None => {
                if *number > 1 {
                    if newest.len() >= SENDERS {
                        newest.clear();
                    }
                    newest.insert(of.clone(), *number);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_on_an_old_connection_is_late_once_the_new_one_was_heard() {
        let newest = NewestConnections::default();
        let late = |of: &str, number| newest.is_late(Some(&Connection { of: of.to_owned(), number }));
        assert!(!late("one", 1) && !late("one", 1));
        assert!(!late("two", 3) && !late("one", 2));
        assert!(late("one", 1) && late("two", 2));
        assert!(!late("one", 2) && !late("one", 4) && late("one", 3));
        assert!(!newest.is_late(None));
        for sender in 0..1000 {
            assert!(!late(&sender.to_string(), 2));
        }
        assert!(newest.0.lock().unwrap().len() <= SENDERS);
    }
}
