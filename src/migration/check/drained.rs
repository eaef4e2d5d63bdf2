//! Whether the host that an order brings work to takes it on.

use super::Answers;
use crate::migration::flow::StepCommand;
use protocol::{ErrorCode, Failure, Finding, Grade, Order, Telemetry};

/// Nothing starts on a drained host, or moves there.
pub(super) fn finding(order: Order, to: &str, answers: &Answers) -> Option<Finding> {
    let status = answers.get(to)?.as_ref().ok()?;
    let brings_work = !matches!(order, Order::KL | Order::KR);
    (brings_work && status.drained).then(|| {
        Finding::new(Grade::Blocker, to, "it is drained: it takes on no work").hint(format!("`baton pool undrain {to}` ends that"))
    })
}

/// The same within the order: a host may have been drained since its agent took the order in. Whoever drained it sees every order that was checked
/// before.
///
/// # Errors
/// [`ErrorCode::State`] for a host that is to take the work on, and is drained.
pub fn takes_on_work(ask: StepCommand, status: &Telemetry) -> Result<(), Failure> {
    use StepCommand::{RequireFree, RequireReady, RequireReadyAlone, RequireRecoverable};
    let takes_on = matches!(ask, RequireFree | RequireReady | RequireReadyAlone | RequireRecoverable);
    if !(takes_on && status.drained) {
        return Ok(());
    }
    let host = &status.host;
    Err(Failure::new(ErrorCode::State, format!("{host} is drained: it takes on no work"))
        .hint(format!("`baton pool undrain {host}` ends that; --force overrides it once")))
}
