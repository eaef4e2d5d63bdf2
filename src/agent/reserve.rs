//! Keeps the source of a migration for the run that this agent carries out: renewed while the run lasts, given back when it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::control::OrderControl;
use super::state::Agent;
use crate::link::client::Client;
use crate::migration::Decision;
use config::Config;
use protocol::{ErrorCode, Failure, Level, Method, OrderRequest, ask};

/// The source is free again by itself when this agent is not heard for so long.
const LEASE: Duration = Duration::from_secs(5);
/// Between two renewals.
const RENEWAL: Duration = Duration::from_secs(1);
/// Taking it may have to wait for a change that is under way there.
const TAKE: Duration = Duration::from_secs(3);
/// What is answered at once.
const ANSWER: Duration = Duration::from_secs(1);

/// A host that is kept, if there is one.
#[derive(Debug, Default)]
pub(super) struct Reserving(Option<Kept>);

#[derive(Debug)]
struct Kept {
    host: String,
    run: String,
    renewing: AbortOnDropHandle<()>,
}

/// The source that has to be reserved for an order: another host that is to answer.
fn source_of<'a>(config: &'a Config, request: &OrderRequest) -> Option<&'a str> {
    let (from, to) = config.ends(request.order);
    (request.order.is_migration() && request.method != Method::Failover && from != to).then_some(from)
}

fn reservation(agent: &Agent, request: &OrderRequest, age: Duration) -> ask::Reserve {
    ask::Reserve {
        run: request.run.clone().unwrap_or_default(),
        order: request.order,
        executor: agent.host.name.clone(),
        // Far below u64's range.
        age_ms: age.as_millis() as u64,
        lease_ms: LEASE.as_millis() as u64,
    }
}

/// Reserves the source of an order that begins.
///
/// # Errors
/// [`ErrorCode::Busy`]: it takes part in another run.
pub(super) async fn source(agent: &Arc<Agent>, request: &OrderRequest, config: &Config) -> Result<Reserving, Failure> {
    let Some(host) = source_of(config, request) else { return Ok(Reserving::default()) };
    match agent.client.ask(host, reservation(agent, request, Duration::ZERO), TAKE).await {
        Err(failure) if matches!(failure.code, ErrorCode::Busy | ErrorCode::Cancelled) => return Err(failure),
        Err(failure) if failure.code == ErrorCode::UnknownCommand => {
            let text = format!("the agent of {host} is older: it does not keep others from changing the work there meanwhile");
            agent.host.event(Level::Warning, text);
            return Ok(Reserving::default());
        }
        // The order asks it for its status next, and tells better what is wrong.
        _ => {}
    }
    let control = agent.state().control.clone();
    Ok(Reserving::keep(agent, host, request, Duration::ZERO, control))
}

/// Gives back what an earlier life of this agent reserved for an order that is not gone on with.
pub(super) async fn release_unfinished(agent: &Agent, request: &OrderRequest, config: &Config) {
    if let (Some(host), Some(run)) = (source_of(config, request), request.run.clone()) {
        drop(agent.client.ask(host, ask::Release { run }, ANSWER).await);
    }
}

impl Reserving {
    /// The same for a run that an earlier life of this agent began. Where the operator has ended the work on the source since, the run is told.
    pub(super) async fn go_on(
        agent: &Arc<Agent>,
        request: &OrderRequest,
        config: &Config,
        age: Duration,
        control: &OrderControl,
    ) -> Self {
        let Some(host) = source_of(config, request) else { return Self::default() };
        if let Err(failure) = agent.client.ask(host, reservation(agent, request, age), TAKE).await
            && failure.code == ErrorCode::Cancelled
        {
            control.override_with(Decision::WorkEnded);
        }
        Self::keep(agent, host, request, age, Some(control.clone()))
    }

    fn keep(agent: &Arc<Agent>, host: &str, request: &OrderRequest, age: Duration, control: Option<OrderControl>) -> Self {
        let (agent, request, kept) = (Arc::clone(agent), request.clone(), host.to_owned());
        let run = request.run.clone().unwrap_or_default();
        let began = Instant::now();
        let renewing = tokio::spawn(async move {
            loop {
                sleep(RENEWAL).await;
                // A host within a cut has no time for questions; the lease is longer than that.
                if agent.host.priority.is_raised() {
                    continue;
                }
                let renewal = reservation(&agent, &request, age + began.elapsed());
                let result = agent.client.ask(&kept, renewal, ANSWER).await;
                if let (Err(failure), Some(control)) = (&result, &control)
                    && failure.code == ErrorCode::Cancelled
                {
                    agent.host.event(Level::Warning, format!("{}: {failure}", request.order));
                    return control.override_with(Decision::WorkEnded);
                }
            }
        });
        Self(Some(Kept { host: host.to_owned(), run, renewing: AbortOnDropHandle::new(renewing) }))
    }

    /// The run is over. A source that does not hear of it is free when the lease ends.
    pub(super) async fn release(&self, client: &Client) {
        let Some(Kept { host, run, renewing }) = &self.0 else { return };
        renewing.abort();
        drop(client.ask(host, ask::Release { run: run.clone() }, ANSWER).await);
    }
}
