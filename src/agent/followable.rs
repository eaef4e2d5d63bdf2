//! Whether this host may follow the other one as an armed standby.

use std::time::Duration;

use super::state::Agent;
use super::work::Work;
use protocol::{ErrorCode, Failure, FollowsNext, Form};

/// So many take-overs in so long, and no more: two hosts that take the radio from each other serve nobody.
const OFTEN: (usize, Duration) = (3, Duration::from_secs(300));

const NO_ROOM: &str =
    "at this rate the receive streams of both hosts do not fit on the radio's gigabit together: no standby can follow";

/// Refuses what no standby can follow.
///
/// # Errors
/// [`ErrorCode::State`] for a pod, a guest, and a rate at which two receive streams do not fit.
pub(super) fn require_followable(agent: &Agent) -> Result<(), Failure> {
    let config = &agent.host.config;
    if !config.radio_of(&agent.host.name)?.has_room_for_two_streams() {
        return Err(Failure::new(ErrorCode::State, NO_ROOM).hint("a rate of 12.5 MHz or less has room for both"));
    }
    let what = match config.form_of(&agent.host.name) {
        Form::Pod => "a work in a pod",
        Form::Guest => "a virtual machine",
        Form::Processes => return Ok(()),
    };
    Err(Failure::new(ErrorCode::State, format!("no standby can follow {what}"))
        .hint("move it by an order; docs/standby.md says what can be followed"))
}

/// Why it no longer follows by itself, after too many take-overs.
pub(super) fn too_often(agent: &Agent, work: &Work) -> Option<Failure> {
    let (often, within) = OFTEN;
    (work.takeovers_within(within) >= often).then(|| {
        let text =
            format!("{often} take-overs within {} minutes: {} no longer follows by itself", within.as_secs() / 60, agent.host.name);
        Failure::new(ErrorCode::State, text).hint("find the cause in `baton runs`; `baton do arm` arms it again")
    })
}

/// On a host that serves: whether it would follow the one that has the work next.
pub(super) fn follows_next(agent: &Agent, work: &Work) -> Option<FollowsNext> {
    if !work.usrp().is_linked() || !is_of_the_pool(agent) {
        return None;
    }
    let unwanted = || {
        let text = format!("{} does not follow by itself", agent.host.name);
        (!work.standby_is_wanted()).then(|| Failure::new(ErrorCode::State, text).hint("`baton do arm` afterwards arms it"))
    };
    let failure = require_followable(agent).err().or_else(|| too_often(agent, work)).or_else(unwanted);
    let (why_not, hint) = failure.map_or((None, None), |failure| (Some(failure.message), failure.hint));
    Some(FollowsNext { why_not, hint })
}

/// Whether this host is one of those that serve the radio.
pub(super) fn is_of_the_pool(agent: &Agent) -> bool {
    agent.host.config.is_server(&agent.host.name)
}
