//! Orders: the engine's flows, carried out by this agent on itself and on others.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;

use super::commands;
use super::restart::{self, OrderUnderWay};
use super::state::Agent;
use super::work::Work;
use crate::migration::{self, Agents, Decision};
use protocol::{Answer, Command, ErrorCode, Failure, Level, Method, OrderRequest, OrderStage, Outcome, Progress, RunRecord};

/// Answers any command on the work of the named radio; no name stands for the only one.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for a radio that this host does not serve, and those of the command.
pub(super) async fn answer(agent: &Arc<Agent>, radio: Option<&str>, command: Command) -> Result<Answer, Failure> {
    let work = agent.work(radio)?;
    match command {
        Command::Order(request) => carry_out(agent, work, &request).await.map(Answer::from),
        Command::Plan(request) => {
            let config = &agent.host.config;
            let runs = migration::history(&request, config).await;
            Ok(migration::plan::plan(&request, config, &runs).into())
        }
        Command::Go => tell_order(agent, Decision::Go).map(Answer::from),
        Command::Cancel => tell_order(agent, Decision::Cancel).map(Answer::from),
        command => commands::execute(agent, work, command).await,
    }
}

/// Tells the order under way to go on or to give up, if it still can.
fn tell_order(agent: &Agent, decision: Decision) -> Result<(), Failure> {
    let state = agent.state();
    let none = || Failure::new(ErrorCode::State, format!("{} is carrying out no order", agent.host.name));
    let progress = state.progress.as_ref().filter(|progress| !progress.finished).ok_or_else(none)?;
    let order = progress.order;
    if !progress.is_before_cut() {
        let what = if decision == Decision::Go { "waits for go no longer" } else { "cannot be cancelled any more" };
        return Err(Failure::new(ErrorCode::State, format!("{order} on {} {what}: {}", agent.host.name, progress.now))
            .hint("watch it to its end; the record says who serves"));
    }
    state.decision.as_ref().ok_or_else(none)?.send_replace(decision);
    Ok(())
}

async fn carry_out(agent: &Arc<Agent>, work: &Arc<Work>, request: &OrderRequest) -> Result<RunRecord, Failure> {
    let executor = agent.host.config.executor(request.order);
    if executor != agent.host.name {
        return Err(Failure::new(
            ErrorCode::WrongAddressee,
            format!("{} is carried out by the agent of {executor}, not by that of {}", request.order, agent.host.name),
        )
        .hint(format!("send it to {executor}")));
    }
    let Ok(_alone) = agent.order.try_lock() else {
        let now = agent.state().progress.as_ref().map_or("an order".to_owned(), |progress| progress.order.to_string());
        return Err(
            Failure::new(ErrorCode::Busy, format!("{} is carrying out {now}", agent.host.name)).hint("ask again when it is over")
        );
    };
    let fleet = LocalFleet { agent: Arc::clone(agent), work: Arc::clone(work) };
    let tun_before = work.tun_address().await.unwrap_or_default();
    let under_way = OrderUnderWay { began: Utc::now(), request: request.clone(), tun_before, begun: false };
    restart::note_order(agent, &under_way).await;
    let (sender, decisions) = watch::channel(Decision::None);
    agent.state().decision = Some(sender);
    let mut begun = None;
    let record = migration::carry_out(request, &agent.host.config, &fleet, decisions, |progress| {
        if begun.is_none() && progress.stage != OrderStage::Checking {
            let (agent, under_way) = (Arc::clone(agent), OrderUnderWay { begun: true, ..under_way.clone() });
            begun = Some(tokio::spawn(async move { restart::note_order(&agent, &under_way).await }));
        }
        follow(agent, progress);
    })
    .await;
    if let Some(written) = begun {
        // It must not be written after the order has ended.
        let _ = written.await;
    }
    end(agent, &record);
    Ok(record)
}

fn follow(agent: &Agent, progress: &Progress) {
    agent.state().progress = Some(progress.clone());
    agent.host.notify_change();
}

/// Ends the order that this agent was carrying out when it last ended.
pub(super) async fn end_unfinished(agent: Arc<Agent>) {
    let Some(OrderUnderWay { began, request, tun_before, begun }) = restart::unfinished_order(&agent) else {
        return restart::forget_order(&agent);
    };
    let _alone = agent.order.lock().await;
    if !(begun && request.order.is_migration() && request.method != Method::Failover) {
        return restart::report_broken_order(&agent, began, request).await;
    }
    let work = match agent.work(None) {
        Ok(work) => Arc::clone(work),
        Err(failure) => return agent.host.event(Level::Error, failure.to_string()),
    };
    let fleet = LocalFleet { agent: Arc::clone(&agent), work };
    let progress = |progress: &Progress| follow(&agent, progress);
    let record = migration::bring_to_an_end(&request, began, tun_before, &agent.host.config, &fleet, progress).await;
    end(&agent, &record);
}

fn end(agent: &Agent, record: &RunRecord) {
    restart::forget_order(agent);
    let reason = record.reason.clone().map_or_else(String::new, |reason| format!(": {reason}"));
    match record.outcome {
        Outcome::Ok => agent.host.event(Level::Info, format!("{} is done{reason}", record.order)),
        _ => agent.host.event(Level::Error, format!("{} was not done{reason}", record.order)),
    }
}

/// This agent directly, the others over the link.
struct LocalFleet {
    agent: Arc<Agent>,
    work: Arc<Work>,
}

impl Agents for LocalFleet {
    async fn request(&self, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        if host != self.agent.host.name {
            return self.agent.client.request(host, command, deadline).await;
        }
        let (agent, work, name) = (Arc::clone(&self.agent), Arc::clone(&self.work), command.name());
        // A task of its own: a panic in it becomes an answer, and a deadline gives up the answer without stopping the command half-way.
        let task = tokio::spawn(async move { commands::execute(&agent, &work, command).await });
        match tokio::time::timeout(deadline, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(e)) => Err(Failure::new(ErrorCode::Internal, format!("command failed: {name}: {e}"))),
            Err(_) => Err(Failure::new(
                ErrorCode::Deadline,
                format!("{host} did not finish {name} within {:.1} s", deadline.as_secs_f64()),
            )),
        }
    }
}
