//! A question before what cannot be taken back.

use super::action::Action;
use protocol::{Method, Order};

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    /// What is done on yes.
    pub action: Action,
    /// The question.
    pub title: String,
    /// That the service stops, where it does.
    pub alarm: Option<String>,
    /// What will happen.
    pub lines: Vec<String>,
    /// Method and hold from before the question: a no restores them.
    pub before: Option<(Method, bool)>,
    /// The interval of the far end's pings that was chosen in the question, ms: it changes on yes.
    pub interval_ms: Option<f64>,
    /// Nothing else may be chosen in it.
    pub alone: bool,
}

impl Confirm {
    /// A question in which nothing was chosen yet.
    pub fn new(action: Action, title: String, lines: Vec<String>) -> Self {
        Self { action, title, alarm: None, lines, before: None, interval_ms: None, alone: false }
    }

    /// The same with the sentence that the service stops.
    pub fn alarm(self, alarm: Option<String>) -> Self {
        Self { alarm, ..self }
    }

    /// The migration that it is about: its question has options.
    pub fn migration(&self) -> Option<Order> {
        match self.action {
            Action::Order(order) => Some(order).filter(|order| order.is_migration()),
            _ => None,
        }
    }

    /// What else may be chosen in it: its key, and what is asked or done then.
    pub fn instead(&self) -> Option<(Action, Action)> {
        match self.action {
            _ if self.alone => None,
            Action::Leave => Some((Action::End, Action::Quit)),
            Action::Quit => Some((Action::Leave, Action::Leave)),
            _ => None,
        }
    }
}
