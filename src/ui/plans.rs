//! The plans of migrations, as the hosts that would carry them out predict them: when they are requested, and where they are kept.

use super::methods::methods;
use super::model::Model;
use super::msg::{Effect, Purpose};
use protocol::{Answer, Command, Method, Order, OrderRequest, Plan, Telemetry};

/// Longest wait for a plan, ms.
const DEADLINE_MS: u64 = 5_000;

/// Stores a plan; one that this console cannot read is ignored.
pub fn store(model: &mut Model, answer: Answer) {
    let Ok(plan) = answer.into_result::<Plan>() else { return };
    let same = |old: &Plan| (old.order, old.method, &old.from, &old.to) == (plan.order, plan.method, &plan.from, &plan.to);
    model.plans.retain(|old| !same(old));
    model.plans.push(plan);
    model.dirty = true;
}

/// Asks for the plans of a migration, one a method.
pub fn request_all(model: &Model, order: Order) -> Vec<Effect> {
    methods(model.form()).filter_map(|method| request(model, order, method)).collect()
}

/// Plans to request after a host's newest snapshot: those of the migrations that it would carry out, when it is heard for the
/// first time and when one of its migrations is over. Never during one: reading records would disturb the measurement.
pub fn request_after(model: &Model, host: &str, before: Option<&Telemetry>) -> Vec<Effect> {
    let run = |telemetry: &Telemetry| telemetry.migration.as_ref().filter(|p| p.finished).map(|p| p.run.clone());
    let now = model.telemetry(host);
    let over = now.and_then(run);
    if model.really_under_way().is_some() || (before.is_some() && (over.is_none() || before.and_then(run) == over)) {
        return Vec::new();
    }
    let orders = [Order::M, Order::MB].into_iter().filter(|order| model.config.executor(*order) == host);
    orders.flat_map(|order| request_all(model, order)).collect()
}

/// Asks for the plan of a migration: reading only, so a host that is down is not complained of.
fn request(model: &Model, order: Order, method: Method) -> Option<Effect> {
    let host = model.config.executor(order).to_owned();
    model.telemetry(&host).filter(|_| model.stale_ms(&host).is_none())?;
    let command = Command::Plan(OrderRequest { between: model.config.roles_to_tell(), ..OrderRequest::new(order, method) });
    Some(Effect::Request { host, command, deadline_ms: DEADLINE_MS, purpose: Purpose::Plan(order, method) })
}

/// Asks for the plan of a move that is named in full.
pub fn request_of(model: &Model, wanted: OrderRequest) -> Option<Effect> {
    let host = model.config.of_order(&wanted).ok()?.executor(wanted.order).to_owned();
    model.telemetry(&host).filter(|_| model.is_heard(&host))?;
    let purpose = Purpose::Plan(wanted.order, wanted.method);
    Some(Effect::Request { host, command: Command::Plan(wanted), deadline_ms: DEADLINE_MS, purpose })
}
