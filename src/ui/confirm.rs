//! A question before what cannot be taken back.

use super::action::Action;
use protocol::Order;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// What is done on yes.
    pub action: Action,
    /// The question.
    pub title: String,
    /// What will happen.
    pub lines: Vec<String>,
}

impl Confirm {
    /// The migration that it is about: its question has options.
    pub fn migration(&self) -> Option<Order> {
        match self.action {
            Action::Order(order) => Some(order).filter(|order| order.is_migration()),
            _ => None,
        }
    }
}
