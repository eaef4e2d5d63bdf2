//! Goals that cannot be planned for are refused here.

use std::collections::BTreeMap;

use config::{HostName, RadioName};

use crate::goal::{Goal, OrderedMove, Policy};
use crate::model::{Radio, Server};
use crate::pool::Pool;
use crate::refusal::{Refusal, listed};

/// Refuses a goal or a policy that has no meaning for the pool.
pub(crate) fn check(pool: &Pool, goal: &Goal, policy: &Policy) -> Result<(), Refusal> {
    limits(policy)?;
    match goal {
        Goal::Start { radio } => start(pool, radio),
        Goal::Move { moves, .. } => ordered(pool, moves),
        Goal::Drain { server, .. } => drain(pool, server),
        Goal::Undrain { server } => undrain(pool, server),
        Goal::Lose { server, .. } => the_server(pool, server).map(|_| ()),
        Goal::Rebalance | Goal::Consolidate | Goal::PlaceStandbys => Ok(()),
    }
}

fn limits(policy: &Policy) -> Result<(), Refusal> {
    let limits = policy.limits;
    for (limit, of) in [(limits.total, "in all"), (limits.per_server, "of a server"), (limits.per_link, "of a link")] {
        if limit == 0 {
            return Err(Refusal::NoMoveAllowed(of));
        }
    }
    Ok(())
}

fn the_server<'a>(pool: &'a Pool, name: &HostName) -> Result<&'a Server, Refusal> {
    let unknown = || Refusal::UnknownServer { server: name.clone(), known: listed(pool.servers().keys()) };
    pool.servers().get(name).ok_or_else(unknown)
}

fn the_radio<'a>(pool: &'a Pool, name: &RadioName) -> Result<&'a Radio, Refusal> {
    let unknown = || Refusal::UnknownRadio { radio: name.clone(), known: listed(pool.radios().keys()) };
    pool.radios().get(name).ok_or_else(unknown)
}

/// The server that serves a radio, which is not lost.
fn serving<'a>(pool: &'a Pool, radio: &'a Radio) -> Result<Option<&'a HostName>, Refusal> {
    match &radio.served_by {
        Some(server) if the_server(pool, server)?.lost => {
            Err(Refusal::ServedByLost { radio: radio.name.clone(), server: server.clone() })
        }
        served_by => Ok(served_by.as_ref()),
    }
}

fn start(pool: &Pool, radio: &RadioName) -> Result<(), Refusal> {
    match serving(pool, the_radio(pool, radio)?)? {
        Some(server) => Err(Refusal::AlreadyServed { radio: radio.clone(), server: server.clone() }),
        None => Ok(()),
    }
}

fn ordered(pool: &Pool, moves: &[OrderedMove]) -> Result<(), Refusal> {
    if moves.is_empty() {
        return Err(Refusal::NoMove);
    }
    let mut arriving: BTreeMap<&RadioName, &HostName> = BTreeMap::new();
    for OrderedMove { radio: name, to } in moves {
        let (radio, server) = (the_radio(pool, name)?, the_server(pool, to)?);
        match serving(pool, radio)? {
            None => return Err(Refusal::NotServed(name.clone())),
            Some(from) if from == to => return Err(Refusal::AlreadyThere { radio: name.clone(), server: to.clone() }),
            Some(_) => {}
        }
        if !radio.may_be_at(to) {
            let allowed = listed(radio.servers.difference(&radio.forbidden));
            return Err(Refusal::MayNotServe { radio: name.clone(), server: to.clone(), allowed });
        }
        if server.lost {
            return Err(Refusal::ServerLost(to.clone()));
        }
        if server.drained {
            return Err(Refusal::ServerDrained(to.clone()));
        }
        if let Some((other, _)) = arriving.iter().find(|(other, at)| **at == to && radio.apart.contains(**other)) {
            return Err(Refusal::MovedTogether { radio: name.clone(), other: (*other).clone(), server: to.clone() });
        }
        if arriving.insert(name, to).is_some() {
            return Err(Refusal::MovedTwice(name.clone()));
        }
    }
    Ok(())
}

fn drain(pool: &Pool, name: &HostName) -> Result<(), Refusal> {
    let server = the_server(pool, name)?;
    if server.lost {
        return Err(Refusal::ServerLost(name.clone()));
    }
    // What a drain had to leave may find a place later: only of an empty server is it over.
    let busy = pool.radios().values().any(|radio| radio.served_by.iter().chain(&radio.standby_at).any(|at| at == name));
    if server.drained && !busy { Err(Refusal::DrainedAlready(name.clone())) } else { Ok(()) }
}

fn undrain(pool: &Pool, name: &HostName) -> Result<(), Refusal> {
    if the_server(pool, name)?.drained { Ok(()) } else { Err(Refusal::NotDrained(name.clone())) }
}
