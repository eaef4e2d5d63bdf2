//! Whether the host that an order brings work to takes it on.

use super::Answers;
use protocol::{Finding, Grade, Order};

/// Nothing starts on a drained host, or moves there.
pub(super) fn finding(order: Order, to: &str, answers: &Answers) -> Option<Finding> {
    let status = answers.get(to)?.as_ref().ok()?;
    let brings_work = !matches!(order, Order::KL | Order::KR);
    (brings_work && status.drained).then(|| {
        Finding::new(Grade::Blocker, to, "it is drained: it takes on no work").hint(format!("`baton pool undrain {to}` ends that"))
    })
}
