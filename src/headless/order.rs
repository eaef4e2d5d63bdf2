//! One operator command, carried out by the agent whose task it is; this process only asks and waits.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::{Cluster, block_on, json, orderer, print};
use crate::metrics::table::{Table, outcome};
use crate::protocol::{Command, ErrorCode, Failure, Method, Order, OrderRequest, Outcome, RunRecord};

/// The longest that any order takes when every one of its steps meets its own deadline.
const ORDER_DEADLINE: Duration = Duration::from_secs(300);
/// Ending the workload and answering.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// What may be commanded from a shell; `h` and `q` make sense on a screen only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commanded {
    /// An order.
    Order(Order),
    /// End the destination's controller.
    End,
}

/// Reads a command before any host is looked for: a slip of the pen is one in any state of the world.
fn commanded(text: &str) -> Result<Commanded, String> {
    if text.eq_ignore_ascii_case("end") {
        return Ok(Commanded::End);
    }
    let order = text.parse().map_err(|failure: Failure| [Some(failure.message), failure.hint].into_iter().flatten());
    order.map(Commanded::Order).map_err(|words| words.collect::<Vec<_>>().join("; "))
}

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// DS, KL, M (or Migration), MB, DSR, KR or end.
    #[arg(value_parser = commanded)]
    pub command: Commanded,
    /// How to migrate, for M and MB.
    #[arg(long, value_enum, default_value_t)]
    pub method: Method,
    /// One JSON document on stdout: the record of the run.
    #[arg(long)]
    pub json: bool,
}

/// Runs it. Exit code 0 when the order was carried out, 1 when it failed, 3 when a host could not be reached.
///
/// # Errors
/// Why the agent could not be asked.
pub fn run(file: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let Commanded::Order(order) = args.command else { return end(file, args.json) };
    let cluster = Cluster::load(file)?;
    let record = block_on(carry_out(&cluster, order, args.method))?;
    print(&if args.json { json(&record)? } else { text(&record) })?;
    Ok(exit_code(&record))
}

/// Has an order carried out and waits for its record.
pub(super) async fn carry_out(cluster: &Cluster, order: Order, method: Method) -> Result<RunRecord, Failure> {
    let executor = cluster.config.executor(order);
    let request = OrderRequest { order, method, by: Some(orderer()) };
    let answer = cluster.client.request(executor, Command::Order(request), ORDER_DEADLINE).await?;
    serde_json::from_value(answer).map_err(|e| {
        Failure::new(ErrorCode::Internal, format!("the record that {executor} answered could not be read: {e}"))
            .hint("run the same baton on every host")
    })
}

fn end(file: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let host = cluster.config.roles.destination.clone();
    block_on(cluster.client.request(&host, Command::End, END_DEADLINE))?;
    let report = serde_json::json!({"ok": true, "ended": host});
    print(&if as_json { json(&report)? } else { format!("{host}'s agent has ended.") })?;
    Ok(ExitCode::SUCCESS)
}

fn text(record: &RunRecord) -> String {
    let table = Table::of(std::slice::from_ref(record));
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
