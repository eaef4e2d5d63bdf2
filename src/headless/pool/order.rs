//! An order about a radio and a server: from where it goes, and what it is called between these two, is found out here.

use std::process::ExitCode;

use super::super::order::report;
use super::super::{Cluster, attend, block_on, status};
use super::{MoveArgs, require_server};
use crate::migration::service::Service;
use crate::pool::{between, other};
use protocol::{ErrorCode, Failure, Method, Order, OrderRequest};

/// Moves the work to a server.
///
/// # Errors
/// [`ErrorCode::State`] when no server has the work, or that one has it; and why the order was not carried out.
pub(super) fn move_to(cluster: &Cluster, args: &MoveArgs) -> Result<ExitCode, Failure> {
    let to = args.server.as_str();
    require_server(cluster, to)?;
    let record = block_on(async {
        let from = holder(cluster).await?;
        if from == to {
            return Err(Failure::new(ErrorCode::State, format!("{to} has the work of {} already", cluster.config.moved_radio()))
                .hint("`baton pool status` shows who serves"));
        }
        let request = OrderRequest {
            budget_ms: args.budget.map(config::time::milliseconds),
            force: args.force,
            hold: args.hold,
            ..between(&cluster.config, [&from, to], Order::M, cluster.method(args.method))
        };
        attend::carry_out(cluster, request).await
    })?;
    report(&record, args.json)
}

/// Starts the work on a server, or the first one.
///
/// # Errors
/// Why the order was not carried out.
pub(super) fn start(cluster: &Cluster, server: Option<&str>, as_json: bool) -> Result<ExitCode, Failure> {
    let on = server.unwrap_or(&cluster.config.roles.initiator);
    require_server(cluster, on)?;
    let request = between(&cluster.config, [on, other(&cluster.config, on)], Order::DS, Method::default());
    report(&block_on(attend::carry_out(cluster, request))?, as_json)
}

/// Ends the work where it is.
///
/// # Errors
/// [`ErrorCode::State`] when no server has the work; and why the order was not carried out.
pub(super) fn stop(cluster: &Cluster, as_json: bool) -> Result<ExitCode, Failure> {
    let record = block_on(async {
        let at = holder(cluster).await?;
        attend::carry_out(cluster, between(&cluster.config, [&at, other(&cluster.config, &at)], Order::KL, Method::default())).await
    })?;
    report(&record, as_json)
}

/// Who has the work.
async fn holder(cluster: &Cluster) -> Result<String, Failure> {
    let answers = status::ask_all(cluster).await;
    let Service { host, .. } = status::judge(&cluster.config, &answers);
    let radio = cluster.config.moved_radio();
    let is_silent = |(host, answer): &&status::Answer| answer.is_err() && cluster.config.is_server(host);
    let silent: Vec<&str> = answers.iter().filter(is_silent).map(|(host, _)| host.as_str()).collect();
    host.ok_or_else(|| {
        let text = format!("no server that answers has the work of {radio}");
        if silent.is_empty() {
            return Failure::new(ErrorCode::State, text).hint(format!("`baton pool start {radio}` starts it"));
        }
        let silent = silent.join(" and ");
        Failure::new(ErrorCode::Unreachable, format!("{text}; not heard, so that one of them may have it: {silent}"))
            .hint("`baton pool failover SERVER` serves elsewhere what a lost server had")
    })
}
