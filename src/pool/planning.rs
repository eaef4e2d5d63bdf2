//! The plan for a goal, from what is seen.

use super::seen::Seen;
use config::RadioViews;
use placement::{Goal, Plan, Policy, Strategy};
use protocol::{ErrorCode, Failure};

/// The plan for a goal, from what was seen.
///
/// # Errors
/// [`ErrorCode::BadRequest`]: there is nothing to plan, and why; [`ErrorCode::Config`]: the cluster file's figures do not fit together.
pub fn plan(seen: &Seen<'_>, views: &RadioViews, goal: &Goal) -> Result<Plan, Failure> {
    let pool = seen.pool(views)?;
    // Without needs there is nothing to balance by but the number of radios.
    let has_needs = views.radios().keys().all(|radio| views.need_of(radio).is_some());
    let strategy = match goal {
        Goal::Consolidate => Strategy::Consolidate,
        _ if has_needs => Strategy::Balance,
        _ => Strategy::Spread,
    };
    placement::plan(&pool, goal, &Policy { strategy, ..Policy::default() })
        .map_err(|refusal| Failure::new(ErrorCode::BadRequest, refusal.to_string()))
}
