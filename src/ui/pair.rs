//! Of a radio that more servers serve than two, the two that the screen is about.

use std::sync::Arc;

use super::model::Model;

impl Model {
    /// The screen follows the work: one of its two servers is the one that owns the radio, the other one is heard, if any is.
    pub fn follow_the_work(&mut self) {
        let config = Arc::clone(&self.config);
        let servers: Vec<&str> = config.servers().into_iter().map(|server| server.as_str()).collect();
        // Nor while a question names the two.
        if servers.len() <= 2 || self.really_under_way().is_some() || self.confirm.is_some() {
            return;
        }
        let [one, two] = self.pool();
        let owner = self.ownership().map(|(_, owner)| owner).filter(|owner| servers.contains(owner));
        let at = owner.unwrap_or(one);
        let beside = if at == one { two } else { one };
        let others = || servers.iter().copied().filter(|server| *server != at);
        let beside = if self.is_heard(beside) { beside } else { others().find(|other| self.is_heard(other)).unwrap_or(beside) };
        if [one, two].contains(&at) && [one, two].contains(&beside) {
            return;
        }
        if let Ok(between) = config.between([at, beside]) {
            self.config = Arc::new(between);
        }
    }
}
