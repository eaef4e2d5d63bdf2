//! Which key does what: the table's keys, and what the operator's settings put in their place.

use super::action::{Action, Entry, TABLE, entry, key_name};
use super::place::Place;

/// Keys by action. Ctrl-C, Ctrl-Z and the keys of dialogs are not in it: they always work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap(Vec<(Action, Vec<char>)>);

impl Default for Keymap {
    fn default() -> Self {
        Self(TABLE.iter().map(|entry| (entry.action, entry.keys.to_vec())).collect())
    }
}

impl Keymap {
    /// The entry of a key in a place.
    pub fn entry(&self, key: char, place: Place) -> Option<&'static Entry> {
        self.0.iter().find(|(action, keys)| keys.contains(&key) && action.counts_in(place)).and_then(|(action, _)| entry(*action))
    }

    /// The keys of an action; the first is the one that the footer shows.
    pub fn keys(&self, action: Action) -> &[char] {
        self.0.iter().find(|(a, _)| *a == action).map_or(&[], |(_, keys)| keys)
    }

    /// The first key of an action, for a sentence.
    pub fn key(&self, action: Action) -> String {
        self.keys(action).first().copied().map_or_else(String::new, key_name)
    }

    /// Gives an action other keys.
    pub fn bind(&mut self, action: Action, keys: Vec<char>) {
        if let Some((_, old)) = self.0.iter_mut().find(|(a, _)| *a == action) {
            *old = keys;
        }
    }

    /// A key that two actions share in one place, with both.
    pub fn conflict(&self) -> Option<(char, Action, Action)> {
        let mut seen: Vec<(char, Action)> = Vec::new();
        for (action, keys) in &self.0 {
            for key in keys {
                let meet = |other: &Action| Place::ALL.iter().any(|place| action.counts_in(*place) && other.counts_in(*place));
                if let Some((_, other)) = seen.iter().find(|(k, other)| k == key && meet(other)) {
                    return Some((*key, *other, *action));
                }
                seen.push((*key, *action));
            }
        }
        None
    }
}
