//! Whether the pool's store can give a radio to whoever takes it.

use super::Answers;
use protocol::{Finding, Grade, Order};

/// Nothing starts or moves without a quorum, as far as the host knows that takes the radio.
pub(super) fn finding(order: Order, to: &str, answers: &Answers) -> Option<Finding> {
    let store = answers.get(to)?.as_ref().ok()?.store.as_ref()?;
    let takes = !matches!(order, Order::KL | Order::KR);
    let why = || store.why.clone().unwrap_or_else(|| format!("{to} has not read it yet"));
    (takes && !store.quorum).then(|| Finding::new(Grade::Blocker, "store", why()).hint("`--force` does without it"))
}
