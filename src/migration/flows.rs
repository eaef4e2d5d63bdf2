//! The flows, one table each: who is asked for what, the phase that its time counts under, and the clean-up when it fails.
//!
//! The order of steps and the clean-up are the paper's (docs/spec.md, "Flows"). Ours are the checks, the wait for
//! synchronisation and the clean-up of steps that nobody answered.

use super::flow::Side::*;
use super::flow::StepCommand::*;
use super::flow::{Flow, Return, Step, Undo, When, step};
use protocol::PhaseName as P;
use protocol::{Form, Method, Order};

mod guest;

/// The flow of an order on a work of that form.
pub fn of(order: Order, method: Method, form: Form) -> &'static Flow {
    if form == Form::Guest {
        return of_guest(order, method);
    }
    match (order, method) {
        (Order::DS | Order::DSR, Method::Recover) => &RECOVER,
        (Order::DS, _) => &DS,
        (Order::DSR, _) => &DSR,
        (Order::KL | Order::KR, _) => &KILL,
        (Order::M, Method::Classic) => &M_CLASSIC,
        (Order::MB, Method::Classic) => &MB_CLASSIC,
        (Order::M | Order::MB, Method::Cold) => &COLD,
        (Order::M | Order::MB, Method::Hot) => &HOT,
        (Order::M | Order::MB, Method::Failover) => &FAILOVER,
        (Order::M | Order::MB, Method::Seamless) => &SEAMLESS,
        (Order::M | Order::MB, Method::Criu) => &CRIU,
        // Refused where the order comes in; of what can move work it is the one that asks nothing of the source.
        (Order::M | Order::MB, Method::Recover | Method::Vm | Method::Takeover) => &FAILOVER,
    }
}

fn of_guest(order: Order, method: Method) -> &'static Flow {
    match (order, method) {
        (Order::DS | Order::DSR, Method::Recover) => &guest::RECOVER,
        (Order::DS | Order::DSR, _) => &guest::START,
        (Order::KL | Order::KR, _) => &KILL,
        (Order::M | Order::MB, Method::Failover | Method::Recover) => &guest::FAILOVER,
        // Others are refused where the order comes in.
        (Order::M | Order::MB, _) => &guest::VM,
    }
}

const MOVE_CHECKS: &[Step] = &[step(Source, RequireAtWork), step(Destination, RequireReady)];
// A start that another host's eth3 may contradict would put the radio between two masters.
const START_CHECKS: &[Step] = &[step(Destination, RequireFree), step(Other, RequireParked)];

/// What the source lacks, and no more: the radio is configured, so a link is enough.
const MEND: Return = Return {
    at: Source,
    steps: &[
        step(Source, SetRoute).when(When::RelayLacks),
        step(Source, StartD2dAgain).timed(&[P::StartD2d]).when(When::D2dLacks),
        step(Source, MakeUsrp).timed(&[P::MakeUsrp]).when(When::UsrpLacks).undo(&[(Source, DoubleKill)]),
        step(Source, LinkUsrp).timed(&[P::Eth3, P::LinkUsrp]).when(When::LinkLacks).undo(&[(Source, DoubleKill)]),
        step(Source, PointEth3).timed(&[P::Eth3]).when(When::PortLacks),
        step(Source, AwaitSync).timed(&[P::Sync]),
    ],
};

/// A source whose freeze could not be ended in order: nothing more is done to it, but it has to be seen to serve.
const SEE: Return = Return { at: Source, steps: &[step(Source, AwaitSync).timed(&[P::Sync]).when(When::Unresumed)] };

/// A source that answered neither the freeze nor its end. It goes on by itself where nobody has taken over, so that it is not ended to make sure:
/// one that is asked to go on and does already loses nothing.
const ASK_AGAIN: Return = Return {
    at: Source,
    steps: &[
        step(Source, Resume).timed(&[P::LinkUsrp]).when(When::Unanswered),
        step(Source, AwaitSync).timed(&[P::Sync]).when(When::Unanswered),
    ],
};

/// Everything anew, the radio's configuration included.
const RESTART: Return = Return {
    at: Source,
    steps: &[
        step(Source, DoubleKill).timed(&[P::StopSource]),
        step(Source, SetRoute).when(When::Relay),
        step(Source, StartD2dAgain).timed(&[P::StartD2d]),
        step(Source, StartUsrp).timed(&[P::Eth3, P::MakeUsrp, P::LinkUsrp]).undo(&[(Source, DoubleKill)]),
        step(Source, AwaitSync).timed(&[P::Sync]),
    ],
};

/// The same on the destination, for a source that cannot serve any more.
const RESTART_THERE: Return = Return {
    at: Destination,
    steps: &[
        step(Destination, DoubleKill).timed(&[P::StopSource]),
        step(Destination, SetRoute).when(When::Relay),
        step(Destination, StartD2dAgain).timed(&[P::StartD2d]),
        step(Destination, StartUsrp).timed(&[P::Eth3, P::MakeUsrp, P::LinkUsrp]).undo(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).timed(&[P::Sync]),
    ],
};

// A `set_tun_ip` that changes nothing is answered only when the kill before it is over, whose own answer did not come.
const CUT_UNANSWERED: &[Undo] = &[(Destination, DoubleKill), (Source, SetTunIp)];

/// Server1 -> server2, as the paper does it. The routes go before all else.
pub const M_CLASSIC: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        step(Source, GetControl).timed(&[P::StartD2d]),
        step(Destination, SetRoute).timed(&[P::SetRoute]).in_relay(),
        step(Source, GetTunIp).timed(&[P::TunIp]),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Destination, StartD2dWithControl).timed(&[P::StartD2d]).unanswered(&[(Destination, KillD2d)]),
        step(Destination, MakeUsrp).timed(&[P::MakeUsrp]).undo(&[(Destination, KillD2d)]).unanswered(&[(Destination, DoubleKill)]),
        step(Source, DoubleKill).timed(&[P::StopSource]).undo(&[(Destination, DoubleKill)]).unanswered(CUT_UNANSWERED),
        step(Destination, LinkUsrp).timed(&[P::Eth3, P::LinkUsrp]).undo(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).timed(&[P::Sync]),
    ],
    afterwards: &[],
    returns: &[MEND, RESTART, RESTART_THERE, RESTART],
};

/// Server2 -> server1, as the paper does it: its USRP process is killed before the cut, its D2D process afterwards.
pub const MB_CLASSIC: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        step(Source, GetTunIp).timed(&[P::TunIp]),
        step(Source, GetControl).timed(&[P::StartD2d]),
        step(Destination, SetRoute).timed(&[P::SetRoute]).in_relay(),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Destination, StartD2dWithControl).timed(&[P::StartD2d]).unanswered(&[(Destination, KillD2d)]),
        step(Destination, MakeUsrp).timed(&[P::MakeUsrp]).undo(&[(Destination, KillD2d)]).unanswered(&[(Destination, DoubleKill)]),
        step(Source, KillUsrp).timed(&[P::StopSource]).undo(&[(Destination, DoubleKill)]).unanswered(CUT_UNANSWERED),
        step(Destination, LinkUsrp).timed(&[P::Eth3, P::LinkUsrp]).undo(&[(Destination, DoubleKill)]),
        // The destination keeps the radio and goes on trying, so the source's D2D process has to go all the same.
        step(Destination, AwaitSync).timed(&[P::Sync]).undo(&[(Source, KillD2d)]),
    ],
    afterwards: &[step(Source, KillD2d).or_warn()],
    returns: &[MEND, RESTART, RESTART_THERE, RESTART],
};

/// Either way without hot switching: stop at the source, then start at the destination as `DSR` does. The baseline.
pub const COLD: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        step(Source, GetTunIp).timed(&[P::TunIp]),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Source, DoubleKill).timed(&[P::StopSource]).unanswered(&[(Source, SetTunIp)]),
        step(Destination, StartD2dPlain).timed(&[P::StartD2d]).unanswered(&[(Destination, KillD2d)]),
        step(Destination, StartUsrp)
            .timed(&[P::Eth3, P::MakeUsrp, P::LinkUsrp])
            .undo(&[(Destination, KillD2d)])
            .unanswered(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).timed(&[P::Sync]),
    ],
    afterwards: &[],
    returns: &[RESTART, RESTART_THERE, RESTART],
};

/// Back to a source that is frozen: first the destination leaves the radio alone. What is left of it is cleared away when the source serves.
pub const BACK: &[Undo] = &[(Destination, ParkEth3), (Source, Resume), (Destination, DoubleKill)];

/// The same where eth3 of the destination could not be parked.
pub const BACK_BY_FORCE: &[Undo] = &[(Destination, DoubleKill), (Source, Resume)];

/// What is still to be cleaned up when a clean-up has failed: a destination that may still hold the radio's address has to be ended before
/// the source gets it back, and when that fails as well the source does not.
pub fn without_fence(failed: Undo, rest: &'static [Undo]) -> &'static [Undo] {
    match (failed, rest) {
        ((Destination, ParkEth3), [(Source, Resume), ..]) => BACK_BY_FORCE,
        ((Destination, _), [(Source, Resume), rest @ ..]) => rest,
        (_, rest) => rest,
    }
}

/// Either way: everything that can be is done before the cut, and the source ends only after the destination's first good subframe.
pub const HOT: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        // Refused here where the source cannot be frozen and followed; nothing is changed yet.
        step(Source, Export).timed(&[P::StartD2d]),
        step(Source, GetControl).timed(&[P::StartD2d]),
        step(Destination, SetRoute).timed(&[P::SetRoute]).in_relay(),
        step(Source, GetTunIp).timed(&[P::TunIp]),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Destination, StartD2dWithControl).timed(&[P::StartD2d]).unanswered(&[(Destination, KillD2d)]),
        step(Destination, MakeUsrp).timed(&[P::MakeUsrp]).undo(&[(Destination, KillD2d)]).unanswered(&[(Destination, DoubleKill)]),
        step(Destination, Prepare).timed(&[P::MakeUsrp]).undo(&[(Destination, DoubleKill)]),
        step(Source, Freeze).timed(&[P::StopSource]).undo(&[(Source, Resume), (Destination, DoubleKill)]),
        step(Destination, TakeOver).timed(&[P::Eth3, P::LinkUsrp]).undo(BACK),
        step(Destination, ConfirmSync).timed(&[P::Sync]).undo(BACK),
    ],
    afterwards: &[step(Source, DoubleKill).or_warn(), step(Destination, Commit).or_warn()],
    // The undo of a step has tried the quick way.
    returns: &[ASK_AGAIN, SEE, RESTART, RESTART_THERE, RESTART],
};

/// Either way: as hot, and before the cut the destination receives beside the source and is in sync, so that the cut is of the transmit side only.
pub const SEAMLESS: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        // Refused here where the source cannot be frozen and followed; nothing is changed yet.
        step(Source, Export).timed(&[P::StartD2d]),
        step(Source, GetControl).timed(&[P::StartD2d]),
        step(Destination, SetRoute).timed(&[P::SetRoute]).in_relay(),
        step(Source, GetTunIp).timed(&[P::TunIp]),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Destination, StartD2dWithControl).timed(&[P::StartD2d]).unanswered(&[(Destination, KillD2d)]),
        step(Destination, MakeUsrp).timed(&[P::MakeUsrp]).undo(&[(Destination, KillD2d)]).unanswered(&[(Destination, DoubleKill)]),
        step(Destination, Prepare).timed(&[P::MakeUsrp]).undo(&[(Destination, DoubleKill)]),
        step(Destination, Overlap).timed(&[P::Sync]).undo(&[(Destination, DoubleKill)]),
        step(Source, Freeze).timed(&[P::StopSource]).undo(&[(Source, Resume), (Destination, DoubleKill)]),
        step(Destination, TakeOver).timed(&[P::Eth3, P::LinkUsrp]).undo(BACK),
        // It was in sync before the cut, and has to be still.
        step(Destination, ConfirmSync).timed(&[P::LinkUsrp]).undo(BACK),
    ],
    afterwards: HOT.afterwards,
    returns: HOT.returns,
};

/// Either way, for comparison: the pod is frozen as in hot, CRIU dumps its processes and makes them again at the destination, and the source
/// ends only after the destination's first good subframe. The memory travels with all that is in it, so that nothing is asked but the address of
/// tun, which the destination's next start needs.
pub const CRIU: Flow = Flow {
    checks: MOVE_CHECKS,
    steps: &[
        step(Source, GetTunIp).timed(&[P::TunIp]),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Destination, PreparePod).timed(&[P::PreparePod]).undo(&[(Destination, DoubleKill)]),
        step(Source, FreezePod).timed(&[P::StopSource]).undo(&[(Source, Resume), (Destination, DoubleKill)]),
        step(Source, DumpPod).timed(&[P::Dump]).undo(BACK),
        step(Destination, CopyImages).timed(&[P::Copy]).undo(BACK),
        step(Destination, RestorePod).timed(&[P::Restore]).undo(BACK),
        step(Destination, ConnectPod).timed(&[P::Network]).undo(BACK),
        step(Destination, GoOn).timed(&[P::Resume]).undo(BACK),
        step(Destination, AwaitSync).timed(&[P::Sync]).undo(BACK),
    ],
    afterwards: HOT.afterwards,
    returns: HOT.returns,
};

/// Either way from a host that no longer answers, to one that starts with what it has collected of it. Nobody serves, so that there is no cut and
/// no way back. Where the operator has named no program that switches the other one off, the ARP probe of `start_usrp` is what tells whether it
/// still holds the radio's address.
pub const FAILOVER: Flow = Flow {
    // First whether it is a case for a failover at all: a host that answers has the address, too.
    checks: &[step(Source, RequireSilent), step(Destination, RequireReadyAlone)],
    steps: &[
        step(Destination, GetCollected).timed(&[P::StartD2d]),
        // Before anything of the radio is claimed, and after the one thing without which nothing can be started.
        step(Destination, FenceSource),
        step(Destination, SetRoute).timed(&[P::SetRoute]).in_relay(),
        step(Destination, SetTunIp).timed(&[P::TunIp]),
        step(Destination, StartD2dAgain).timed(&[P::StartD2d]).unanswered(&[(Destination, KillD2d)]),
        step(Destination, StartUsrp)
            .timed(&[P::Eth3, P::MakeUsrp, P::LinkUsrp])
            .undo(&[(Destination, KillD2d)])
            .unanswered(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).timed(&[P::Sync]).or_warn(),
    ],
    afterwards: &[],
    returns: &[],
};

/// Double start on server1.
pub const DS: Flow = Flow {
    checks: START_CHECKS,
    steps: &[
        step(Destination, PointEth3).unanswered(&[(Destination, ParkEth3)]),
        step(Destination, StartD2dPlain).undo(&[(Destination, ParkEth3)]).unanswered(&[(Destination, DoubleKill)]),
        step(Destination, StartUsrp)
            .undo(&[(Destination, ParkEth3), (Destination, KillD2d)])
            .unanswered(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).or_warn(),
    ],
    afterwards: &[],
    returns: &[],
};

/// Double start on server2.
pub const DSR: Flow = Flow {
    checks: START_CHECKS,
    steps: &[
        step(Destination, StartD2dPlain).unanswered(&[(Destination, KillD2d)]),
        step(Destination, StartUsrp).undo(&[(Destination, KillD2d)]).unanswered(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).or_warn(),
    ],
    afterwards: &[],
    returns: &[],
};

/// Double start on either server, whatever is left of the work on both: what is left is ended, a host that does not answer is fenced, and the
/// work starts anew with what is known of it.
pub const RECOVER: Flow = Flow {
    checks: &[step(Other, RequireEndable), step(Destination, RequireRecoverable)],
    steps: &[
        step(Other, DoubleKill).when(When::OtherAnswers),
        // Where nothing is configured that could, the ARP probe of `start_usrp` is what tells whether it still has the radio's address.
        step(Destination, FenceSource).when(When::OtherSilent),
        step(Destination, DoubleKill),
        step(Destination, SetRoute).in_relay(),
        step(Destination, SetTunIp).when(When::TunKnown),
        step(Destination, StartD2dAgain).unanswered(&[(Destination, DoubleKill)]),
        step(Destination, StartUsrp).undo(&[(Destination, DoubleKill)]),
        step(Destination, AwaitSync).or_warn(),
    ],
    afterwards: &[],
    returns: &[],
};

/// Kill local and kill remote.
pub const KILL: Flow = Flow { checks: &[], steps: &[step(Destination, DoubleKill)], afterwards: &[], returns: &[] };
