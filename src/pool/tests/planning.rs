//! Plans by what a cluster file says.

use super::*;
use crate::migration::fleet::telemetry_of;
use crate::pool::SeenRadio;
use protocol::{ProcessState, SyncState, Telemetry};

/// Three servers and three radios. `alpha` prefers server2, then rack-2, is forbidden where `spare` is and kept apart from `beta`.
const WISHES: &str = include_str!("../../../tests/config/pool/good/placement.toml");

fn views(changes: &[(&str, &str)]) -> RadioViews {
    let text = changes.iter().fold(WISHES.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    RadioViews::parse(&text).unwrap()
}

/// What each server says: who serves which radio, by their names, and how busy each is, percent of its two cores.
fn seen<'a>(views: &'a RadioViews, serves: &[(&str, &str)], busy: &[(&str, f32)]) -> Seen<'a> {
    let radios = views.radios().iter().map(|(name, view)| {
        let answers = view.servers().into_iter().map(|host| {
            let here = serves.contains(&(name.as_str(), host.as_str()));
            let load = busy.iter().find(|(server, _)| host == server).map_or(10.0, |(_, percent)| *percent);
            (host.to_string(), Ok(said(view, host, here, load)))
        });
        SeenRadio::of(name, view, answers.collect())
    });
    Seen(radios.collect())
}

fn said(view: &config::Config, host: &str, serves: bool, percent: f32) -> Telemetry {
    let mut status = telemetry_of(host);
    (status.load.cores, status.load.cpu_percent) = (2, percent);
    let address = if serves { view.addresses.active } else { view.parked_of(host) };
    status.radio_port.addresses = vec![address.to_string()];
    (status.owner_epoch, status.owner) = (Some(3), serves.then(|| host.to_owned()));
    if serves {
        (status.d2d.state, status.usrp.state) = (ProcessState::Running, ProcessState::Running);
        (status.d2d.load.cpu_percent, status.usrp.load.cpu_percent) = (20.0, 10.0);
        status.d2d.sync = Some(SyncState::Synced { for_ms: 60_000 });
    }
    status
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.changes().map(ToString::to_string).collect()
}

fn server(name: &str) -> HostName {
    name.parse().unwrap()
}

#[test]
fn what_the_file_says_is_planned_with() {
    let views = views(&[]);
    let seen = seen(&views, &[("alpha", "server1"), ("beta", "server3"), ("gamma", "server1")], &[]);
    let pool = seen.pool(&views, false).unwrap();
    let alpha = &pool.radios()["alpha"];
    assert_eq!(alpha.prefer.iter().map(|preference| preference.weight).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(alpha.forbidden.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["server3"]);
    assert_eq!((alpha.priority, pool.radios()["beta"].priority), (200, 0));
    assert!(pool.radios()["beta"].apart.contains("alpha"));
    assert_eq!(f64::from(*alpha.need.links.values().next().unwrap()), 250.0);
    assert!(pool.servers()["server3"].labels.iter().any(|label| label.as_str() == "spare"));
    assert!(alpha.measured.is_none() && pool.servers()["server1"].measured.is_none());
    // It prefers server2, and a rebalance brings it there.
    let plan = plan(&seen, &views, &Goal::Rebalance).unwrap();
    assert!(lines(&plan).contains(&"move alpha from server1 to server2".to_owned()), "{plan}");
}

#[test]
fn a_forbidden_server_and_one_with_a_radio_to_be_kept_apart_take_nothing() {
    let views = views(&[]);
    let seen = seen(&views, &[("alpha", "server2"), ("beta", "server1"), ("gamma", "server2")], &[]);
    let plan = plan(&seen, &views, &Goal::Drain { server: server("server2"), beyond_budget: true }).unwrap();
    // server3 is forbidden to alpha and preferred by beta, which goes there to make room.
    assert_eq!(lines(&plan)[..2], ["move beta from server1 to server3", "move alpha from server2 to server1"], "{plan}");
}

#[test]
fn rebalance_goes_by_what_is_measured_and_a_drain_does_not() {
    // Nobody prefers anything.
    let views = views(&[("prefer = [\"server2\", \"rack-2\"]\n", ""), ("prefer = [\"spare\"]\n", "")]);
    let at = [("alpha", "server1"), ("beta", "server2"), ("gamma", "server1")];
    assert_eq!(lines(&plan(&seen(&views, &at, &[]), &views, &Goal::Rebalance).unwrap()), [""; 0]);
    // All else on server2 takes its cores: what it has goes where nothing is.
    let busy = seen(&views, &at, &[("server2", 95.0)]);
    assert_eq!(lines(&plan(&busy, &views, &Goal::Rebalance).unwrap()), ["move beta from server2 to server3"]);
    let measured = busy.pool(&views, true).unwrap();
    assert_eq!(f64::from(measured.radios()["beta"].measured.as_ref().unwrap().cores), 0.3);
    // A server that is busy just now takes what would not be served otherwise.
    let full = seen(&views, &at, &[("server2", 100.0), ("server3", 100.0)]);
    let drain = plan(&full, &views, &Goal::Drain { server: server("server1"), beyond_budget: true }).unwrap();
    assert!(drain.is_whole() && drain.changes().count() >= 2, "{drain}");
}

#[test]
fn the_policy_is_the_files() {
    let told = policy(&views(&[]));
    assert_eq!((told.strategy, told.least_gain, told.keep_headroom), (Strategy::Balance, 50, false));
    assert_eq!((told.limits.total, told.limits.per_server, told.limits.per_link), (2, 1, 1));
    let section = WISHES.split("[pool.placement]").nth(1).unwrap().split("[pool.radio.alpha]").next().unwrap();
    let silent = views(&[(section, "\n")]);
    // Two radios have no need: their number decides, as before there was such a section.
    assert_eq!(policy(&silent), Policy { strategy: Strategy::Spread, ..Policy::default() });
}

#[test]
fn headroom_and_what_is_spare_are_told() {
    let narrow = [
        ("cores = 2.0", "cores = 0.7"),
        ("need_cores = 0.5", "need_cores = 0.5\n"),
        ("prefer = [\"spare\"]\n", "need_cores = 0.5\n"),
    ];
    let views = views(&narrow);
    let seen = seen(&views, &[("alpha", "server1"), ("beta", "server2"), ("gamma", "server1")], &[]);
    let said: Vec<String> = no_headroom(&seen, &views).iter().map(ToString::to_string).collect();
    // server3 is forbidden to alpha; beta makes room for it on server2 by going there.
    assert_eq!(said, [""; 0]);
    let drained = Seen(
        seen.0
            .into_iter()
            .map(|radio| {
                let answers = radio.answers.into_iter().map(|(host, status)| {
                    let drained = host == "server3";
                    (host, status.map(|status| Telemetry { drained, ..status }))
                });
                SeenRadio::of(radio.name, radio.view, answers.collect())
            })
            .collect(),
    );
    let said: Vec<String> = no_headroom(&drained, &views).iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("there is no headroom for the loss of server1: alpha would not be served"), "{said:?}");
    let without = |name: &str| unserved_without(&drained, &views, &server(name)).into_iter().map(String::from).collect::<Vec<_>>();
    assert_eq!((without("server1"), without("server2"), without("server3")), (vec!["alpha".into()], vec!["beta".into()], vec![]));
}
