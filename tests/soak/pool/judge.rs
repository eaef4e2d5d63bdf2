//! Whether a pool at rest is what it is meant to be, from what is seen from outside and what it says of itself.

use std::time::Duration;

use serde_json::Value;

use super::meant::{Closed, Meant, Pool};
use super::outside::Outside;
use super::{RADIOS, SERVERS};

/// Longer than any two packets of a server that serves are apart.
const SILENT: Duration = Duration::from_secs(1);

/// A pool at rest.
#[derive(Debug)]
pub struct Rest {
    /// Who serves each radio.
    pub at: [Option<usize>; RADIOS.len()],
    pub drained: [bool; SERVERS.len()],
    /// Radios that are meant to be served and are not.
    pub unserved: Vec<usize>,
    /// What is not as it is meant to be.
    pub wrong: Vec<String>,
}

/// Who transmitted last to a radio, and how long ago.
type Sender = Option<(usize, Duration)>;

/// `before`: who served before the last orders.
pub fn judge(
    meant: &Pool,
    before: [Option<usize>; RADIOS.len()],
    seen: &Outside,
    told: &Value,
    sender: [Sender; RADIOS.len()],
    answered: [bool; RADIOS.len()],
) -> Rest {
    let mut rest = Rest { at: [None; RADIOS.len()], drained: [false; SERVERS.len()], unserved: Vec::new(), wrong: Vec::new() };
    rest.wrong.extend(seen.strays.iter().map(|stray| format!("a process is left over: {stray}")));
    rest.wrong.extend(seen.agents.iter().cloned());
    for radio in 0..RADIOS.len() {
        let told = &told["radios"][RADIOS[radio]];
        let serves = match meant.radios[radio] {
            Meant::Served => true,
            Meant::Stopped => false,
            Meant::Either => answered[radio],
        };
        let found = if serves {
            served(radio, seen, told, sender[radio], answered[radio])
        } else {
            stopped(radio, seen, told, sender[radio], answered[radio])
        };
        rest.at[radio] = found.as_ref().ok().copied().flatten();
        if let Err(wrong) = found {
            rest.wrong.push(format!("{}, {:?}: {wrong}", RADIOS[radio], meant.radios[radio]));
            rest.unserved.extend(serves.then_some(radio));
        }
    }
    for server in 0..SERVERS.len() {
        let told = &told["servers"][SERVERS[server]];
        rest.drained[server] = told["drained"] == true;
        rest.wrong.extend((told["heard"] != true).then(|| format!("{} is not heard", SERVERS[server])));
        if meant.drained[server].is_some_and(|drained| drained != rest.drained[server]) {
            rest.wrong
                .push(format!("{} is drained: {}, ordered was {:?}", SERVERS[server], rest.drained[server], meant.drained[server]));
        }
        let has = |radio: &usize| rest.at[*radio] == Some(server);
        let must_not = |radio: &usize| match meant.closed[server] {
            Closed::Open => false,
            Closed::ToNews => before[*radio] != Some(server),
            Closed::Empty => true,
        };
        let odd = (0..RADIOS.len()).filter(has).filter(must_not);
        rest.wrong.extend(odd.map(|radio| format!("{} is drained and serves {}", SERVERS[server], RADIOS[radio])));
    }
    rest
}

/// By exactly one server, which says so.
fn served(radio: usize, seen: &Outside, told: &Value, sender: Sender, answered: bool) -> Result<Option<usize>, String> {
    let service = &told["service"];
    let &[holder] = seen.holders[radio].as_slice() else {
        return Err(format!("its address is at {}: {service}", names(&seen.holders[radio])));
    };
    if !answered {
        return Err(format!("its far end is not answered: {service}"));
    }
    // A server that no longer serves keeps that on its own tun, which nobody reads (docs/spec.md).
    if !seen.tuns[radio].contains(&holder) {
        return Err(format!("{} has its address, and {} that on tun", SERVERS[holder], names(&seen.tuns[radio])));
    }
    if seen.processes[radio].iter().ne([(&holder, &2)]) {
        return Err(format!("{} has its address, and processes run by server {:?}", SERVERS[holder], seen.processes[radio]));
    }
    match sender {
        Some((sender, ago)) if sender == holder && ago < SILENT => {}
        sender => return Err(format!("{} has its address, and last transmitted {sender:?}", SERVERS[holder])),
    }
    if service["state"] != "serving" || service["host"] != SERVERS[holder] {
        return Err(format!("{} serves it, and baton says {service}", SERVERS[holder]));
    }
    Ok(Some(holder))
}

/// By nobody, and nobody says so.
fn stopped(radio: usize, seen: &Outside, told: &Value, sender: Sender, answered: bool) -> Result<Option<usize>, String> {
    let service = &told["service"];
    if answered || sender.is_some_and(|(_, ago)| ago < SILENT) {
        return Err(format!("its far end is answered: {answered}, and last transmitted {sender:?}: {service}"));
    }
    if !seen.holders[radio].is_empty() || !seen.processes[radio].is_empty() {
        return Err(format!("its address is at {}, processes run at {:?}", names(&seen.holders[radio]), seen.processes[radio]));
    }
    if service["state"] != "down" {
        return Err(format!("it is stopped, and baton says {service}"));
    }
    Ok(None)
}

fn names(servers: &[usize]) -> String {
    if servers.is_empty() {
        "no server".into()
    } else {
        servers.iter().map(|server| SERVERS[*server]).collect::<Vec<_>>().join(" and ")
    }
}

#[test]
fn a_radio_is_served_by_one_server_that_says_so() {
    use serde_json::json;
    let seen = || Outside {
        holders: std::array::from_fn(|radio| vec![radio]),
        tuns: std::array::from_fn(|radio| vec![radio]),
        processes: std::array::from_fn(|radio| [(radio, 2)].into()),
        ..Outside::default()
    };
    let told = json!({
        "radios": RADIOS.iter().zip(SERVERS).map(|(radio, server)| {
            ((*radio).to_owned(), json!({"service": {"state": "serving", "host": server}}))
        }).collect::<serde_json::Map<_, _>>(),
        "servers": SERVERS.map(|server| (server.to_owned(), json!({"heard": true, "drained": false})))
            .into_iter().collect::<serde_json::Map<_, _>>(),
    });
    let meant = Pool {
        radios: [Meant::Served; RADIOS.len()],
        drained: [Some(false); SERVERS.len()],
        closed: [Closed::Open; SERVERS.len()],
    };
    let before = std::array::from_fn(Some);
    let sender = std::array::from_fn(|radio| Some((radio, Duration::ZERO)));
    let wrong = |meant: &Pool, seen: &Outside, sender, answered| judge(meant, before, seen, &told, sender, answered).wrong.len();
    let good = judge(&meant, before, &seen(), &told, sender, [true; RADIOS.len()]);
    assert_eq!((good.wrong, good.at), (Vec::<String>::new(), before));
    assert_eq!(wrong(&meant, &seen(), sender, [true, true, false]), 1);
    let mut two = seen();
    two.holders[0].push(2);
    assert_eq!(wrong(&meant, &two, sender, [true; RADIOS.len()]), 1);
    let mut left = seen();
    left.processes[1].insert(0, 1);
    assert_eq!(wrong(&meant, &left, sender, [true; RADIOS.len()]), 1);
    assert_eq!(wrong(&meant, &seen(), [None; RADIOS.len()], [true; RADIOS.len()]), RADIOS.len());
    let stopped = Pool { radios: [Meant::Stopped, Meant::Served, Meant::Served], ..meant };
    assert_eq!(wrong(&stopped, &seen(), sender, [true; RADIOS.len()]), 1);
    let drained = Pool { closed: [Closed::Empty, Closed::ToNews, Closed::Open], ..meant };
    assert_eq!(wrong(&drained, &seen(), sender, [true; RADIOS.len()]), 1, "what server2 had it may keep");
}
