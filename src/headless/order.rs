//! One operator command. An agent carries it out; this process only sends it and waits for the answer.

use std::process::ExitCode;
use std::time::Duration;

use super::{Cluster, attend, block_on, json, print, service, standby, status};
use crate::metrics::table::{TimingTable, outcome};
use crate::migration::service::ServiceState;
use config::{ClusterFile, Config};
use protocol::{Command, ErrorCode, Failure, Method, Order, OrderRequest, Outcome, Progress, RunRecord, ask};

/// Passing go or cancel on.
const TELL_DEADLINE: Duration = Duration::from_secs(5);
/// Ending the workload and answering.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// What may be commanded from a shell; `h` and `q` make sense on a screen only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellCommand {
    /// An order.
    Order(Order),
    /// Go on with the order that waits for it.
    Go,
    /// Give up the order that is under way.
    Cancel,
    /// Bring the service back, whatever is left of the work.
    Recover,
    /// Have the host that does not serve follow the other one.
    Arm,
    /// Have it follow no longer.
    Disarm,
    /// End the destination's controller.
    End,
}

/// Reads a command before any host is asked, so that a typing error is reported even when no host answers.
fn parse_command(text: &str) -> Result<ShellCommand, String> {
    match text.to_ascii_lowercase().as_str() {
        "end" => return Ok(ShellCommand::End),
        "go" => return Ok(ShellCommand::Go),
        "cancel" => return Ok(ShellCommand::Cancel),
        "recover" => return Ok(ShellCommand::Recover),
        "arm" => return Ok(ShellCommand::Arm),
        "disarm" => return Ok(ShellCommand::Disarm),
        _ => {}
    }
    let order = text.parse().map_err(|failure: Failure| [Some(failure.message), failure.hint].into_iter().flatten());
    order.map(ShellCommand::Order).map_err(|words| words.collect::<Vec<_>>().join("; "))
}

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// DS, KL, M (or Migration), MB, DSR, KR or end; go or cancel for a migration under way; recover when nobody is served; arm or disarm the standby.
    #[arg(value_parser = parse_command)]
    pub command: ShellCommand,
    /// How to migrate, for M and MB; without it hot, or the method of the work's form.
    #[arg(long, value_enum)]
    pub method: Option<Method>,
    /// Refuse a migration for which a longer interruption is to be expected, e.g. 200ms.
    #[arg(long, value_name = "TIME", value_parser = config::time::parse)]
    pub budget: Option<Duration>,
    /// Migrate whatever the budget says; recover or fail over although another host has the radio's address.
    #[arg(long)]
    pub force: bool,
    /// Stop before the cut, ready, and wait for `baton do go` or `baton do cancel`. The hold ends with this command.
    #[arg(long)]
    pub hold: bool,
    /// One JSON document on stdout: the record of the run.
    #[arg(long)]
    pub json: bool,
}

/// Runs it. Exit code 0 when the order was carried out, 1 when it failed, 3 when a host could not be reached, 4 when it is not known whether it was
/// carried out.
///
/// # Errors
/// Why the agent could not be asked.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let order = match args.command {
        ShellCommand::Order(order) => Some(order),
        ShellCommand::Go => return tell_executor(file, |run| Command::Go { run }, args.json),
        ShellCommand::Cancel => return tell_executor(file, |run| Command::Cancel { run }, args.json),
        ShellCommand::Arm => return standby::run(file, true, args.json),
        ShellCommand::Disarm => return standby::run(file, false, args.json),
        ShellCommand::End => return end(file, args.json),
        ShellCommand::Recover => None,
    };
    let cluster = Cluster::load(file)?;
    let plain = match order {
        Some(order) => OrderRequest::new(order, cluster.method(args.method)),
        None => block_on(async { mend(&cluster.config, &status::ask_all(&cluster).await) })?,
    };
    let request =
        OrderRequest { budget_ms: args.budget.map(config::time::milliseconds), force: args.force, hold: args.hold, ..plain };
    report(&block_on(attend::carry_out(&cluster, request))?, args.json)
}

/// What became of an order: on stdout and as an exit code.
///
/// # Errors
/// The record has no JSON form.
pub(super) fn report(record: &RunRecord, as_json: bool) -> Result<ExitCode, Failure> {
    print(&if as_json { json(record)? } else { text(record) });
    Ok(exit_code(record))
}

/// The order that brings the service back.
///
/// # Errors
/// [`ErrorCode::State`]: it serves or is starting, or no order could help.
fn mend(config: &Config, answers: &[status::Answer]) -> Result<OrderRequest, Failure> {
    let service = status::judge(config, answers);
    let refused = |text: String| Failure::new(ErrorCode::State, text);
    match (service.state, service.mend) {
        (_, Some(mend)) => {
            let plain = OrderRequest::new(mend.order, mend.method.unwrap_or_default());
            Ok(OrderRequest { between: service.between, ..plain })
        }
        (ServiceState::Serving, None) => {
            Err(refused("it serves: there is nothing to recover".into()).hint("to move the work: M or MB"))
        }
        (ServiceState::Starting, None) => {
            Err(refused("an order is under way, and is to serve soon".into()).hint("`baton wait serving` returns when it does"))
        }
        (ServiceState::Down | ServiceState::Unknown, None) => {
            let failure =
                refused(format!("no order brings the service back: {}", service::line(&service, config.in_pool.as_deref())));
            let advice = service.cause.as_ref().and_then(|cause| cause.advice());
            Err(advice.map_or(failure.clone(), |advice| failure.hint(advice)))
        }
    }
}

/// Has an order carried out and waits for its record.
pub(super) async fn carry_out(cluster: &Cluster, order: Order, method: Method) -> Result<RunRecord, Failure> {
    attend::carry_out(cluster, OrderRequest::new(order, method)).await
}

/// Passes go or cancel on to the host that carries an order out, for the run that it reports and no other.
fn tell_executor(file: &ClusterFile, command: impl Fn(Option<String>) -> Command, as_json: bool) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let (host, Progress { order, run, .. }) = block_on(async {
        let (host, progress) = under_way(&cluster).await?;
        cluster.client.request(&host, command(Some(progress.run.clone())), TELL_DEADLINE).await?;
        Ok((host, progress))
    })?;
    let said = command(None).name();
    let report = serde_json::json!({"ok": true, "host": host, "order": order, "run": run, "said": said});
    print(&if as_json {
        json(&report)?
    } else {
        format!("{host} was told {said} for {order}; the order's own answer says how it ends.")
    });
    Ok(ExitCode::SUCCESS)
}

/// The host that carries an order out, and what it says of it.
async fn under_way(cluster: &Cluster) -> Result<(String, Progress), Failure> {
    let mut silent = None;
    for (host, answer) in status::ask_all(cluster).await {
        match answer {
            Ok(status) => {
                if let Some(progress) = status.migration.filter(|progress| !progress.finished) {
                    return Ok((host, progress));
                }
            }
            Err(failure) => silent = Some(failure),
        }
    }
    let none = Failure::new(ErrorCode::State, "no host that answers is carrying out an order");
    Err(silent.map_or(none.clone(), |failure| none.hint(format!("not every host answers: {failure}"))))
}

fn end(file: &ClusterFile, as_json: bool) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let host = cluster.config.roles.destination.as_str();
    block_on(cluster.client.ask(host, ask::End {}, END_DEADLINE))?;
    let report = serde_json::json!({"ok": true, "ended": host});
    print(&if as_json { json(&report)? } else { format!("{host}'s agent has ended.") });
    Ok(ExitCode::SUCCESS)
}

fn text(record: &RunRecord) -> String {
    let table = TimingTable::from_runs(std::slice::from_ref(record));
    let table = if table.columns.is_empty() { String::new() } else { format!("\n{}", table.text()) };
    format!("{}{table}", outcome(record))
}

fn exit_code(record: &RunRecord) -> ExitCode {
    match (record.outcome, record.failure.as_ref().map(|f| f.code)) {
        (Outcome::Ok, _) => ExitCode::SUCCESS,
        (_, Some(ErrorCode::Unreachable)) => ExitCode::from(3),
        _ => ExitCode::FAILURE,
    }
}
