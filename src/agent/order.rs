//! Orders: the engine's flows, carried out by this agent on itself and on others.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;

use super::commands;
use super::memory::{self, UnderWay};
use super::state::Agent;
use crate::migration::{self, Agents, Decision};
use protocol::{Answer, Command, ErrorCode, Failure, Level, Method, OrderRequest, OrderStage, Outcome, Progress, RunRecord};

/// Answers any command.
pub async fn answer(agent: &Arc<Agent>, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Order(request) => carry_out(agent, &request).await.map(Answer::from),
        Command::Plan(request) => {
            let runs = migration::history(&agent.config.records).await;
            Ok(migration::plan::plan(&request, &agent.config, &runs).into())
        }
        Command::Go => wish(agent, Decision::Go).map(Answer::from),
        Command::Cancel => wish(agent, Decision::Cancel).map(Answer::from),
        command => commands::execute(agent, command).await,
    }
}

/// Passes on what the operator wants of the order under way, if it can still have it.
fn wish(agent: &Agent, wish: Decision) -> Result<(), Failure> {
    let state = agent.state();
    let none = || Failure::new(ErrorCode::State, format!("{} is carrying out no order", agent.host));
    let progress = state.progress.as_ref().filter(|progress| !progress.finished).ok_or_else(none)?;
    let order = progress.order;
    if !progress.is_before_cut() {
        let what = if wish == Decision::Go { "waits for go no longer" } else { "can not be cancelled any more" };
        return Err(Failure::new(ErrorCode::State, format!("{order} on {} {what}: {}", agent.host, progress.now))
            .hint("watch it to its end; the record says who serves"));
    }
    state.wish.as_ref().ok_or_else(none)?.send_replace(wish);
    Ok(())
}

async fn carry_out(agent: &Arc<Agent>, request: &OrderRequest) -> Result<RunRecord, Failure> {
    let executor = agent.config.executor(request.order);
    if executor != agent.host {
        return Err(Failure::new(
            ErrorCode::WrongAddressee,
            format!("{} is carried out by the agent of {executor}, not by that of {}", request.order, agent.host),
        )
        .hint(format!("send it to {executor}")));
    }
    let Ok(_alone) = agent.order.try_lock() else {
        let now = agent.state().progress.as_ref().map_or("an order".to_owned(), |progress| progress.order.to_string());
        return Err(
            Failure::new(ErrorCode::Busy, format!("{} is carrying out {now}", agent.host)).hint("ask again when it is over")
        );
    };
    let fleet = Fleet { agent: Arc::clone(agent) };
    let tun_before = agent.ports.address(&agent.settings().tun).await.unwrap_or_default();
    let under_way = UnderWay { began: Utc::now(), request: request.clone(), tun_before, begun: false };
    memory::begin(agent, &under_way).await;
    let (sender, wishes) = watch::channel(Decision::None);
    agent.state().wish = Some(sender);
    let mut begun = None;
    let record = migration::carry_out(request, &agent.config, &fleet, wishes, |progress| {
        if begun.is_none() && progress.stage != OrderStage::Checking {
            let (agent, under_way) = (Arc::clone(agent), UnderWay { begun: true, ..under_way.clone() });
            begun = Some(tokio::spawn(async move { memory::begin(&agent, &under_way).await }));
        }
        follow(agent, progress);
    })
    .await;
    if let Some(written) = begun {
        // It would otherwise be written after it is over.
        let _ = written.await;
    }
    end(agent, &record);
    Ok(record)
}

fn follow(agent: &Agent, progress: &Progress) {
    agent.state().progress = Some(progress.clone());
    agent.changed.notify_one();
}

/// Brings to its end what an earlier life of this agent was doing when it ended.
pub async fn take_up(agent: Arc<Agent>) {
    let Some(UnderWay { began, request, tun_before, begun }) = memory::under_way(&agent) else { return memory::over(&agent) };
    let _alone = agent.order.lock().await;
    if !(begun && request.order.is_migration() && request.method != Method::Failover) {
        return memory::report_broken_order(&agent, began, request).await;
    }
    let fleet = Fleet { agent: Arc::clone(&agent) };
    let progress = |progress: &Progress| follow(&agent, progress);
    let record = migration::bring_to_an_end(&request, began, tun_before, &agent.config, &fleet, progress).await;
    end(&agent, &record);
}

fn end(agent: &Agent, record: &RunRecord) {
    memory::over(agent);
    let reason = record.reason.clone().map_or_else(String::new, |reason| format!(": {reason}"));
    match record.outcome {
        Outcome::Ok => agent.event(Level::Info, format!("{} is done{reason}", record.order)),
        _ => agent.event(Level::Error, format!("{} was not done{reason}", record.order)),
    }
}

/// This agent directly, the others over the link.
struct Fleet {
    agent: Arc<Agent>,
}

impl Agents for Fleet {
    async fn request(&self, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        if host != self.agent.host {
            return self.agent.client.request(host, command, deadline).await;
        }
        let (agent, name) = (Arc::clone(&self.agent), command.name());
        // A task of its own: a panic in it is an answer, and a deadline gives up the answer but breaks nothing off half-way.
        let task = tokio::spawn(async move { commands::execute(&agent, command).await });
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
