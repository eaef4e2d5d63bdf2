//! Who asks the agents for which radio, and the holds that this console has asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::held::{self, HeldOrder};
use super::lang::Lang;
use crate::link::client::Client;
use config::{RadioName, RadioViews};
use protocol::{Command, Failure, Order, OrderRequest};

/// A client for each radio that something was asked about, and the orders of each that may wait for go.
pub struct Clients {
    views: Arc<RadioViews>,
    made: BTreeMap<RadioName, Client>,
    held: Vec<(RadioName, HeldOrder)>,
}

impl Clients {
    /// Clients for the radios of a cluster file; each is made when it is first needed.
    pub fn new(views: Arc<RadioViews>) -> Self {
        Self { views, made: BTreeMap::new(), held: Vec::new() }
    }

    /// The client for a radio.
    ///
    /// # Errors
    /// The cluster key cannot be read, or there is no such radio.
    pub fn of(&mut self, radio: &RadioName) -> Result<Client, Failure> {
        if let Some(client) = self.made.get(radio) {
            return Ok(client.clone());
        }
        let view = match self.views.radios().get(radio) {
            Some(view) => view.clone(),
            None => RadioViews::clone(&self.views).into_view(Some(radio))?,
        };
        let client = Client::new(Arc::new(view))?;
        self.made.insert(radio.clone(), client.clone());
        Ok(client)
    }

    /// The command as it is sent: an order with a run of its own, which is remembered where it holds.
    pub fn identified(&mut self, radio: &RadioName, host: &str, command: Command) -> Command {
        let Command::Order(request) = command else { return command };
        let request = held::identified(request);
        if let OrderRequest { order, hold: true, run: Some(run), .. } = &request {
            let held = HeldOrder { host: host.to_owned(), order: *order, run: run.clone() };
            self.held.push((radio.clone(), held));
        }
        Command::Order(request)
    }

    /// An order was answered: it holds no longer.
    pub fn answered(&mut self, radio: &RadioName, order: Order, host: &str) {
        self.held.retain(|(of, held)| (of, held.order, held.host.as_str()) != (radio, order, host));
    }

    /// The holds of a radio; this console gives them up now.
    pub fn take_holds_of(&mut self, radio: &RadioName) -> Vec<HeldOrder> {
        let (taken, kept) = std::mem::take(&mut self.held).into_iter().partition(|(of, _)| of == radio);
        self.held = kept;
        let taken: Vec<(RadioName, HeldOrder)> = taken;
        taken.into_iter().map(|(_, held)| held).collect()
    }

    /// Gives all holds up; a line for each on what became of it.
    pub async fn give_up(mut self, lang: Lang) -> Vec<String> {
        let mut lines = Vec::new();
        for (radio, held) in std::mem::take(&mut self.held) {
            match self.of(&radio) {
                Ok(client) => lines.extend(held::give_up(&client, vec![held], lang).await),
                Err(failure) => lines.push(failure.to_string()),
            }
        }
        lines
    }
}
