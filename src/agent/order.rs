//! Orders: the engine's flows, carried out by this agent on itself and on others.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{OnceCell, watch};
use tokio_util::task::AbortOnDropHandle;

use super::commands;
use super::control::OrderControl;
use super::decision;
use super::reserve::{self, Reserving};
use super::restart::{self, OrderUnderWay};
use super::standby;
use super::state::Agent;
use super::store::{self, Gate};
use super::work::Work;
use crate::link::server::Scope;
use crate::migration::{self, Agents, Decision};
use config::Config;
use protocol::{Answer, Command, ErrorCode, Failure, Level, Method, Order, OrderRequest, OrderStage, Outcome, Progress, RunRecord};

/// Answers any command on the radio's work.
///
/// # Errors
/// Those of the command.
pub(super) async fn answer(agent: &Arc<Agent>, scope: Scope, command: Command) -> Result<Answer, Failure> {
    let work = &agent.work;
    match command {
        Command::Order(request) => carry_out(agent, work, &request).await.map(Answer::from),
        Command::Plan(request) => {
            let config = agent.host.config.of_order(&request)?;
            request.check(config.workload.form)?;
            let runs = migration::history(&request, &config).await;
            Ok(migration::plan::plan(&request, &config, &runs).into())
        }
        Command::Go { run } => decision::tell_order(agent, run.as_deref(), Decision::Go).map(Answer::from),
        Command::Cancel { run } => decision::tell_order(agent, run.as_deref(), Decision::Cancel).map(Answer::from),
        Command::Arm | Command::Disarm => {
            agent.participation.admit(scope.run.as_deref(), &command)?;
            let arms = command == Command::Arm;
            let done = if arms { standby::arm(agent, work).await } else { standby::disarm(agent, work).await };
            done.map(Answer::from)
        }
        Command::Drain | Command::Undrain => {
            let drains = command == Command::Drain;
            agent.drained.set(drains);
            if drains && work.standby_status().is_some_and(|standby| standby.follows.is_some()) {
                standby::make_room(agent, work).await?;
            }
            Ok(Answer::Done)
        }
        Command::RenewHold { run } => decision::renew_hold(agent, &run).map(Answer::from),
        command => commands::execute(agent, work, scope.run, command).await,
    }
}

async fn carry_out(agent: &Arc<Agent>, work: &Arc<Work>, request: &OrderRequest) -> Result<RunRecord, Failure> {
    let config = agent.host.config.of_order(request)?;
    let executor = config.executor(request.order);
    if executor != agent.host.name {
        return Err(Failure::new(
            ErrorCode::WrongAddressee,
            format!("{} is carried out by the agent of {executor}, not by that of {}", request.order, agent.host.name),
        )
        .hint(format!("send it to {executor}")));
    }
    request.check(config.workload.form)?;
    agent.drained.admit(request)?;
    let run = run_of(agent, request)?;
    let request = &OrderRequest { run: Some(run.clone()), ..request.clone() };
    let Ok(_alone) = agent.order.try_lock() else {
        let now = agent.state().progress.as_ref().map_or("an order".to_owned(), |progress| progress.order.to_string());
        return Err(
            Failure::new(ErrorCode::Busy, format!("{} is carrying out {now}", agent.host.name)).hint("ask again when it is over")
        );
    };
    if agent.stopping.is_cancelled() {
        return Err(agent.host.leaving_failure());
    }
    let _part = agent.participation.begin(&run, request.order)?;
    let (control, decisions) = OrderControl::new(&run, request.hold);
    agent.state().control = Some(control);
    // Before anything is asked of it: from here on nobody else changes the source.
    let reserving = reserve::source(agent, request, &config).await.inspect_err(|_| agent.state().control = None)?;
    let _watching = decision::watch_asker(agent, request).map(AbortOnDropHandle::new);
    let fleet = LocalFleet {
        agent: Arc::clone(agent),
        work: Arc::clone(work),
        run,
        reserving,
        order: request.order,
        way_is_made: OnceCell::new(),
        gate: gate(agent),
    };
    let record = follow_to_its_end(agent, request, &config, &fleet, decisions).await;
    agent.state().control = None;
    end(agent, &record);
    Ok(record)
}

/// The run's identity: the asker's, which is the request's own when it was sent again.
fn run_of(agent: &Agent, request: &OrderRequest) -> Result<String, Failure> {
    let Some(run) = &request.run else { return Ok(uuid::Uuid::now_v7().to_string()) };
    let parsed = uuid::Uuid::parse_str(run).map_err(|_| {
        Failure::new(ErrorCode::BadRequest, format!("the run \"{}\" is no UUID", run.escape_debug()))
            .hint("leave it out, or make a UUID")
    })?;
    let run = parsed.to_string();
    let taken = agent.state().progress.as_ref().is_some_and(|progress| progress.run == run);
    if taken {
        return Err(Failure::new(ErrorCode::BadRequest, format!("the run {run} is another order's"))
            .hint("give every order a UUID of its own"));
    }
    Ok(run)
}

async fn follow_to_its_end(
    agent: &Arc<Agent>,
    request: &OrderRequest,
    config: &Config,
    fleet: &LocalFleet,
    decisions: watch::Receiver<Decision>,
) -> RunRecord {
    let tun_before = agent.work.tun_address().await.unwrap_or_default();
    let under_way = OrderUnderWay {
        began: Utc::now(),
        began_boot_ms: Some(restart::boot_time().as_millis() as u64),
        request: request.clone(),
        tun_before,
        begun: false,
    };
    restart::note_order(agent, &under_way).await;
    let mut begun = None;
    let record = migration::carry_out(request, config, fleet, decisions, |progress| {
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
    record
}

fn follow(agent: &Agent, progress: &Progress) {
    agent.state().progress = Some(progress.clone());
    agent.host.notify_change();
}

/// Ends the order that this agent was carrying out when it last ended.
pub(super) async fn end_unfinished(agent: Arc<Agent>) {
    let Some(unfinished) = restart::unfinished_order(&agent) else {
        return restart::forget_order(&agent);
    };
    let age = unfinished.age();
    let OrderUnderWay { began, request, tun_before, begun, .. } = unfinished;
    let config = match agent.host.config.of_order(&request) {
        Ok(config) => config.into_owned(),
        Err(failure) => {
            let text = format!("what is left of {} is not brought to an end: {failure}", request.order);
            agent.host.event(Level::Error, text);
            return restart::forget_order(&agent);
        }
    };
    let _alone = agent.order.lock().await;
    if !(begun && request.order.is_migration() && request.method != Method::Failover) {
        reserve::release_unfinished(&agent, &request, &config).await;
        return restart::report_broken_order(&agent, began, request, &config).await;
    }
    let work = Arc::clone(&agent.work);
    // The same run: the source knows since when it has been in it, and whether the operator has ended the work there since.
    let run = request.run.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let request = OrderRequest { run: Some(run.clone()), ..request };
    let _part = match agent.participation.begin(&run, request.order) {
        Ok(part) => part,
        Err(failure) => return agent.host.event(Level::Error, failure.to_string()),
    };
    let (control, decisions) = OrderControl::new(&run, false);
    let reserving = Reserving::go_on(&agent, &request, &config, age, &control).await;
    agent.state().control = Some(control);
    let way_is_made = OnceCell::new_with(Some(()));
    let gate = gate(&agent);
    let fleet = LocalFleet { agent: Arc::clone(&agent), work, run, reserving, order: request.order, way_is_made, gate };
    let progress = |progress: &Progress| follow(&agent, progress);
    let record = migration::bring_to_an_end(&request, began, tun_before, &config, &fleet, decisions, progress).await;
    agent.state().control = None;
    end(&agent, &record);
}

fn end(agent: &Agent, record: &RunRecord) {
    restart::forget_order(agent);
    if let (Order::KL | Order::KR, Outcome::Ok, Some((store, radio))) = (record.order, record.outcome, &agent.store) {
        store::tell_stopped(store, radio);
    }
    agent.counted.ended(record);
    let reason = record.reason.clone().map_or_else(String::new, |reason| format!(": {reason}"));
    let (level, end) = match record.outcome {
        Outcome::Ok => (Level::Info, "is done"),
        Outcome::Cancelled => (Level::Info, "was cancelled"),
        // Refused: nothing is worse than before.
        _ if !record.began() => (Level::Warning, "was refused"),
        _ => (Level::Error, "was not done"),
    };
    agent.host.end_of_run(level, format!("{} {end}{reason}", record.order), &record.run);
}

/// This agent directly, the others over the link.
struct LocalFleet {
    agent: Arc<Agent>,
    work: Arc<Work>,
    run: String,
    reserving: Reserving,
    order: Order,
    /// A standby of this host has made way.
    way_is_made: OnceCell<()>,
    /// To the pool's store, where there is one.
    gate: Option<Gate>,
}

fn gate(agent: &Agent) -> Option<Gate> {
    agent.store.as_ref().map(|(store, radio)| Gate::new(Arc::clone(store), radio.clone()))
}

impl LocalFleet {
    /// Before the first deed: an order that is refused by what the hosts say ends no standby.
    async fn make_way(&self) -> Result<(), Failure> {
        let make_way = || standby::make_way(&self.agent, &self.work, self.order, &self.run);
        self.way_is_made.get_or_try_init(make_way).await.map(drop)
    }
}

impl Agents for LocalFleet {
    async fn request(&self, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        if !command.only_reads() {
            self.make_way().await?;
        }
        if host != self.agent.host.name {
            return self.agent.client.request_in(Some(&self.run), host, command, deadline).await;
        }
        let (agent, work, name) = (Arc::clone(&self.agent), Arc::clone(&self.work), command.name());
        let run = Some(self.run.clone());
        // A task of its own: a panic in it becomes an answer, and a deadline gives up the answer without stopping the command half-way.
        let task = tokio::spawn(async move { commands::execute(&agent, &work, run, command).await });
        match tokio::time::timeout(deadline, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(e)) => Err(Failure::new(ErrorCode::Internal, format!("command failed: {name}: {e}"))),
            Err(_) => Err(Failure::new(
                ErrorCode::Deadline,
                format!("{host} did not finish {name} within {:.1} s", deadline.as_secs_f64()),
            )),
        }
    }

    async fn reserve(&self, to: &str, above: u64) -> Result<Option<u64>, Failure> {
        match &self.gate {
            Some(gate) => gate.reserve(to, above).await.map(Some),
            None => Ok(None),
        }
    }

    async fn release(&self) {
        if let Some(gate) = &self.gate {
            gate.close(self.work.owner()).await;
        }
        self.agent.participation.release(&self.run);
        self.reserving.release(&self.agent.client).await;
    }
}
