//! What is known before a migration: what stands for and against it, and how long it is expected to take by each method.

use super::action::Action;
use super::lang::Lang;
use super::model::Model;
use super::text::duration;
use crate::migration::check::{self, Answers};
use protocol::{ErrorCode, Expected, Failure, Finding, Method, Order, OrderStage, Origin, Outcome, Plan, Progress, RadioOwner};

/// Findings for a migration, from what every host says of itself now.
pub fn findings(model: &Model, order: Order) -> Vec<Finding> {
    let answers: Answers = model
        .hosts
        .iter()
        .map(|(host, view)| {
            let silent = || match model.age_ms(host) {
                Some(age) => model.skin.lang.fill("it is silent for {0}", &[&duration(age)]),
                None => model.skin.lang.tr("it was never heard").to_owned(),
            };
            let said = view.telemetry.as_deref().filter(|_| model.stale_ms(host).is_none()).cloned();
            (host.clone(), said.ok_or_else(|| Failure::new(ErrorCode::Unreachable, silent())))
        })
        .collect();
    check::findings(Some((order, model.method)), &model.config, &answers)
}

/// Whether one of them refuses the order.
pub fn blocked(found: &[Finding]) -> bool {
    check::blocked(found)
}

/// The plan of a migration, once its host has sent it.
pub fn plan(model: &Model, order: Order, method: Method) -> Option<&Plan> {
    let ends = model.config.ends(order);
    let is_it = |plan: &&Plan| (plan.order, plan.method, (plan.from.as_str(), plan.to.as_str())) == (order, method, ends);
    model.plans.iter().find(is_it)
}

/// The plan of the migration under way.
pub fn plan_under_way<'a>(model: &'a Model, progress: &Progress) -> Option<&'a Plan> {
    plan(model, progress.order, progress.method).filter(|_| progress.order.is_migration() && model.replay.is_none())
}

/// Where an expected time comes from, in words.
pub fn origin(expected: Expected, lang: Lang) -> String {
    match expected.origin {
        Origin::History if expected.runs == 1 => lang.tr("one run here").into(),
        Origin::History => lang.fill("median of {0} runs here", &[&expected.runs]),
        Origin::Paper => lang.tr("the paper's figure").into(),
        Origin::NoHistory => lang.tr("no run yet").into(),
    }
}

/// The migration under way while it can still be cancelled, and the host that carries it out.
pub fn before_cut(model: &Model) -> Option<(&str, &Progress)> {
    model.under_way().filter(|(_, p)| p.is_before_cut() && model.replay.is_none())
}

/// The migration that waits for go, and the host that carries it out.
pub fn ready(model: &Model) -> Option<(&str, &Progress)> {
    before_cut(model).filter(|(_, p)| p.stage == OrderStage::Ready)
}

/// The migration that would be ordered now: back from the destination when the work is there.
pub fn next_order(model: &Model) -> Order {
    let [one, two] = model.pool();
    let there = model.holds_radio(two) || (model.works(two) && !model.works(one));
    if there { Order::MB } else { Order::M }
}

/// After a migration that failed: who serves all the same, and the key for the next step. Where nobody does, the verdict on the service says more.
pub fn recovery(model: &Model, progress: &Progress) -> Option<String> {
    let outcome = progress.record.as_ref().map(|record| record.outcome)?;
    if outcome == Outcome::Ok || model.replay.is_some() || model.pool().iter().any(|host| model.stale_ms(host).is_some()) {
        return None;
    }
    let RadioOwner::Host(host) = model.owner() else { return None };
    let (lang, [one, two]) = (model.skin.lang, model.pool());
    let key = |order: Order| format!("{} ({order})", model.keys.key(Action::Order(order)));
    let other = if host == one { two } else { one };
    if !model.works(&host) {
        return None;
    }
    if model.works(other) {
        let clear = key(if other == one { Order::KL } else { Order::KR });
        return Some(lang.fill("{0} serves; {1} clears {2}", &[&host, &clear, &other]));
    }
    Some(lang.fill("{0} serves; {1} tries again", &[&host, &key(next_order(model))]))
}
