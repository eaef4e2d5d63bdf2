//! The plan for a goal, from what is seen, by the rules of the cluster file.

use std::collections::BTreeSet;

use super::seen::Seen;
use config::{HostName, RadioName, RadioViews, Strategy};
use placement::{Goal, Limits, NoHeadroom, Plan, Policy};
use protocol::{ErrorCode, Failure};

/// The plan for a goal, from what was seen.
///
/// # Errors
/// [`ErrorCode::BadRequest`]: there is nothing to plan, and why; [`ErrorCode::Config`]: the cluster file's figures do not fit together.
pub fn plan(seen: &Seen<'_>, views: &RadioViews, goal: &Goal) -> Result<Plan, Failure> {
    let policy = policy(views);
    // A drain or a failover finds places by what the file says: that a machine is busy just now is no reason to leave a radio unserved.
    let by_load = matches!(goal, Goal::Rebalance | Goal::Consolidate) && policy.strategy != Strategy::Spread;
    let pool = seen.pool(views, by_load)?;
    placement::plan(&pool, goal, &policy).map_err(|refusal| Failure::new(ErrorCode::BadRequest, refusal.to_string()))
}

/// Servers whose loss could not be made good as things are; none where nothing is known.
pub fn no_headroom(seen: &Seen<'_>, views: &RadioViews) -> Vec<NoHeadroom> {
    seen.pool(views, false).map_or_else(|_| Vec::new(), |pool| placement::no_headroom(&pool, &policy(views)))
}

/// The radios that would not be served if that server were lost.
pub fn unserved_without(seen: &Seen<'_>, views: &RadioViews, server: &HostName) -> BTreeSet<RadioName> {
    let pool = seen.pool(views, false);
    pool.map_or_else(|_| BTreeSet::new(), |pool| placement::unserved_without(&pool, &policy(views), server))
}

/// Servers that a plan leaves with nothing to do and that may be off.
pub fn spare(plan: &Plan, views: &RadioViews) -> BTreeSet<HostName> {
    placement::spare(&plan.after, &policy(views))
}

/// The rules of the cluster file.
fn policy(views: &RadioViews) -> Policy {
    let rules = views.placement();
    // Without needs there is nothing to balance by but the number of radios.
    let has_needs = views.radios().keys().all(|radio| views.need_of(radio).is_some());
    let usual = if has_needs { Strategy::Balance } else { Strategy::Spread };
    // The file allows 0.1 to 100 percent.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let least_gain = (rules.least_gain_percent * 10.0).round() as u32;
    Policy {
        strategy: rules.strategy.unwrap_or(usual),
        limits: Limits { total: rules.moves_at_once, per_server: rules.moves_per_server, per_link: rules.moves_per_server },
        least_gain,
        keep_headroom: rules.keep_headroom,
    }
}

#[cfg(test)]
#[path = "tests/planning.rs"]
mod tests;
