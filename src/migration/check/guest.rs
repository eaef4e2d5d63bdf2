//! What stands for and against an order where the work is a virtual machine. Whether guests run on a host is known from a rehearsal there.

use std::net::Ipv4Addr;

use super::{check_port, finding, left_over};
use crate::migration::flow::StepCommand;
use crate::migration::standing::{self, Orders};
use protocol::{Accelerator, Failure, Finding, Grade, GuestRehearsal, GuestState, GuestStatus, Telemetry};

/// What a flow's check asks of a host.
pub(super) fn of_host(ask: StepCommand, status: &Telemetry, guest: &GuestStatus, orders: Orders, active: Ipv4Addr) -> Vec<Finding> {
    let host = status.host.as_str();
    let graded = |result: Result<(), Failure>, fine: &str| match result {
        Ok(()) => Finding::new(Grade::Ok, host, fine),
        Err(failure) => finding(Grade::Blocker, host, failure),
    };
    match ask {
        StepCommand::RequireFree => {
            vec![graded(standing::check_free(status, active, orders), "runs no guest"), rehearsed(host, guest)]
        }
        StepCommand::RequireParked => vec![graded(standing::check_parked(status, active, orders), "runs no guest")],
        StepCommand::RequireReady | StepCommand::RequireReadyAlone => vec![
            graded(standing::check_free(status, active, orders), "runs no guest"),
            graded(check_port(status, active), "its eth3 is up"),
            rehearsed(host, guest),
        ],
        StepCommand::RequireAtWork => at_work(status, guest, orders),
        StepCommand::RequireEndable => vec![left_over(status)],
        StepCommand::RequireRecoverable => vec![left_over(status), rehearsed(host, guest)],
        _ => Vec::new(),
    }
}

fn rehearsed(host: &str, guest: &GuestStatus) -> Finding {
    match &guest.rehearsal {
        GuestRehearsal::UnderWay => {
            Finding::new(Grade::Warning, host, "whether guests run here is being tried: the order waits for that")
        }
        GuestRehearsal::Ready { accelerator: Accelerator::Kvm, after_ms } => {
            Finding::new(Grade::Ok, host, format!("a rehearsal guest ran on the processor itself (KVM), ready after {after_ms} ms"))
        }
        GuestRehearsal::Ready { accelerator: Accelerator::Tcg, after_ms } => Finding::new(
            Grade::Ok,
            host,
            format!(
                "a rehearsal guest ran on an emulated processor (TCG), ready after {after_ms} ms: no figure of it is the modem's"
            ),
        ),
        GuestRehearsal::Failed { failure } => finding(Grade::Blocker, host, failure.clone()),
    }
}

fn at_work(status: &Telemetry, guest: &GuestStatus, orders: Orders) -> Vec<Finding> {
    let host = status.host.as_str();
    if let Err(failure) = standing::check_at_work(status, orders) {
        return vec![finding(Grade::Blocker, host, failure)];
    }
    let runs = match guest.state {
        GuestState::Running => Finding::new(Grade::Ok, host, "runs a guest"),
        _ => Finding::new(Grade::Blocker, host, "its guest stands still, and cannot be copied while it runs")
            .hint(format!("{} ends it; recover starts it anew", orders.stop)),
    };
    let damage = guest.damage.as_ref().map(|damage| {
        Finding::new(Grade::Warning, host, format!("its guest found its memory damaged: {damage}")).hint("recover starts it anew")
    });
    [Some(runs), damage].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ErrorCode, Order};

    const ORDERS: Orders = Orders { start: Order::DS, stop: Order::KL };

    fn grades(ask: StepCommand, guest: GuestStatus) -> Vec<Grade> {
        let mut status = crate::migration::fleet::telemetry_of("server1");
        status.guest = Some(guest.clone());
        of_host(ask, &status, &guest, ORDERS, Ipv4Addr::new(192, 168, 10, 1)).into_iter().map(|found| found.grade).collect()
    }

    fn ready() -> GuestRehearsal {
        GuestRehearsal::Ready { accelerator: Accelerator::Tcg, after_ms: 4000 }
    }

    #[test]
    fn a_host_on_which_no_guest_runs_starts_none() {
        let failure = Failure::new(ErrorCode::Environment, "QEMU is not in target/qemu");
        for (rehearsal, grade) in
            [(GuestRehearsal::UnderWay, Grade::Warning), (ready(), Grade::Ok), (GuestRehearsal::Failed { failure }, Grade::Blocker)]
        {
            let guest = GuestStatus { rehearsal, ..GuestStatus::default() };
            assert_eq!(grades(StepCommand::RequireFree, guest.clone()), [Grade::Ok, grade]);
            assert_eq!(grades(StepCommand::RequireReady, guest).last(), Some(&grade));
        }
    }

    #[test]
    fn a_guest_that_stands_still_is_not_moved() {
        for (state, grade) in [
            (GuestState::Running, Grade::Ok),
            (GuestState::Paused, Grade::Blocker),
            (GuestState::Incoming, Grade::Blocker),
            (GuestState::Stopped, Grade::Blocker),
            (GuestState::Died, Grade::Blocker),
        ] {
            assert_eq!(grades(StepCommand::RequireAtWork, GuestStatus { state, ..GuestStatus::default() }), [grade], "{state:?}");
        }
    }

    #[test]
    fn there_is_one_guest_only() {
        let runs = GuestStatus { state: GuestState::Running, rehearsal: ready(), ..GuestStatus::default() };
        assert_eq!(grades(StepCommand::RequireParked, runs.clone()), [Grade::Blocker]);
        assert_eq!(grades(StepCommand::RequireReady, runs)[0], Grade::Blocker);
    }
}
