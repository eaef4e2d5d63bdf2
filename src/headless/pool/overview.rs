//! Which server serves which radio.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::super::service::{self, ServiceReport};
use super::super::{block_on, json, print};
use super::look::look;
use config::RadioViews;
use output::{natural_order, one_line, pad};
use placement::NoHeadroom;
use protocol::{Failure, StoreStatus};

/// A radio, and what is done for it.
#[derive(Debug, Serialize)]
struct RadioReport {
    service: ServiceReport,
    /// The armed standby.
    follows: Option<String>,
    /// Those that may serve it.
    servers: Vec<String>,
    #[serde(skip)]
    line: String,
    #[serde(skip)]
    exit_code: u8,
}

/// A server, and what it does.
#[derive(Debug, Default, Serialize)]
struct ServerReport {
    /// Its agent answers for every radio.
    heard: bool,
    /// It takes on no work.
    drained: bool,
    /// Radios whose work it has.
    serves: Vec<String>,
    /// Radios for which it is the armed standby.
    follows: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PoolReport {
    radios: BTreeMap<String, RadioReport>,
    servers: BTreeMap<String, ServerReport>,
    /// Servers whose loss could not be made good, each with the radios that would not be served.
    no_headroom: Vec<NoHeadroom>,
    /// The store of owners, where the pool has one: as the server sees it that sees most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<StoreStatus>,
}

/// Shows the pool. Exit code 0 when every radio is served, else that of the radio which fares worst.
///
/// # Errors
/// The key cannot be read, or the report not be written.
pub(super) fn run(views: &RadioViews, as_json: bool) -> Result<ExitCode, Failure> {
    let report = block_on(report(views))?;
    print(&if as_json { json(&report)? } else { text(&report) });
    Ok(ExitCode::from(report.radios.values().map(|radio| radio.exit_code).max().unwrap_or_default()))
}

async fn report(views: &RadioViews) -> Result<PoolReport, Failure> {
    let mut servers: BTreeMap<String, ServerReport> = BTreeMap::new();
    let mut radios = BTreeMap::new();
    let mut store: Option<StoreStatus> = None;
    let seen = look(views).await?;
    let no_headroom = crate::pool::no_headroom(&seen, views);
    for seen in seen.0 {
        let stores =
            seen.heard().filter_map(|status| status.store.clone()).map(|store| StoreStatus { owner: None, epoch: None, ..store });
        store = stores.chain(store).max_by_key(|store| (store.quorum, store.members.len()));
        for (host, answer) in seen.answers.iter().filter(|(host, _)| seen.view.is_server(host)) {
            let server = servers.entry(host.clone()).or_insert_with(|| ServerReport { heard: true, ..ServerReport::default() });
            server.heard &= answer.is_ok();
            server.drained |= answer.as_ref().is_ok_and(|status| status.drained);
        }
        let (serves, follows) = (seen.service.host.clone(), seen.standby().map(str::to_owned));
        if let Some(server) = serves.and_then(|host| servers.get_mut(&host)) {
            server.serves.push(seen.name.to_string());
        }
        if let Some(server) = follows.as_deref().and_then(|host| servers.get_mut(host)) {
            server.follows.push(seen.name.to_string());
        }
        let report = RadioReport {
            line: service::line(&seen.service, seen.view.in_pool.as_deref()),
            exit_code: service::exit_code(seen.service.state),
            service: ServiceReport::new(&seen.service, seen.view.in_pool.as_deref(), chrono::Utc::now()),
            follows,
            servers: seen.view.servers().into_iter().map(ToString::to_string).collect(),
        };
        radios.insert(seen.name.to_string(), report);
    }
    Ok(PoolReport { radios, servers, no_headroom, store })
}

fn line_of(store: &StoreStatus) -> String {
    if !store.quorum {
        let why = store.why.as_deref().unwrap_or("it was not read yet");
        return format!("store: no quorum, so that nothing starts or moves without --force: {why}");
    }
    let leads = store.leader.as_ref().map_or_else(|| "nobody leads".to_owned(), |leader| format!("{leader} leads"));
    format!("store: a quorum, {leads}, members {}", store.members.join(", "))
}

/// By name, as people count.
fn in_order<T>(named: &BTreeMap<String, T>) -> Vec<(&String, &T)> {
    let mut all: Vec<(&String, &T)> = named.iter().collect();
    all.sort_by(|(a, _), (b, _)| natural_order(a, b));
    all
}

fn text(report: &PoolReport) -> String {
    let mut text = format!("{:<12} {:<12} {:<12} verdict\n", "radio", "served by", "follows");
    let or_nobody = |name: Option<&str>| pad(&one_line(name.unwrap_or("-")), 12);
    for (name, radio) in in_order(&report.radios) {
        let (serves, follows) = (or_nobody(radio.service.host()), or_nobody(radio.follows.as_deref()));
        let _ = writeln!(text, "{} {serves} {follows} {}", pad(&one_line(name), 12), one_line(&radio.line));
    }
    let _ = writeln!(text, "\n{:<12} {:<12} {:<30} follows", "server", "agent", "serves");
    let listed = |names: &[String]| if names.is_empty() { "-".to_owned() } else { one_line(&names.join(", ")).into_owned() };
    for (name, server) in in_order(&report.servers) {
        let heard = match (server.heard, server.drained) {
            (false, _) => "not heard",
            (true, true) => "drained",
            (true, false) => "up",
        };
        let (serves, follows) = (pad(&listed(&server.serves), 30), listed(&server.follows));
        let _ = writeln!(text, "{} {heard:<12} {serves} {follows}", pad(&one_line(name), 12));
    }
    if !report.no_headroom.is_empty() {
        text.push('\n');
    }
    for lacking in &report.no_headroom {
        let _ = writeln!(text, "{}", one_line(&lacking.to_string()));
    }
    if let Some(store) = &report.store {
        let _ = writeln!(text, "\n{}", one_line(&line_of(store)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_headroom_is_told_and_nothing_else() {
        let server = |serves: &str| ServerReport { heard: true, serves: vec![serves.to_owned()], ..ServerReport::default() };
        let mut report = PoolReport {
            radios: BTreeMap::new(),
            servers: BTreeMap::from([("server10".to_owned(), server("radio1")), ("server2".to_owned(), server("radio2"))]),
            no_headroom: Vec::new(),
            store: None,
        };
        let quiet = text(&report);
        assert!(!quiet.contains("headroom"), "{quiet}");
        assert!(quiet.find("server2 ") < quiet.find("server10 "), "{quiet}");
        report.no_headroom = vec![NoHeadroom { server: "server2".parse().unwrap(), without: ["radio2".parse().unwrap()].into() }];
        let said = text(&report);
        assert_eq!(
            said.strip_prefix(&quiet).unwrap(),
            "\nthere is no headroom for the loss of server2: radio2 would not be served; free room on other servers\n"
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["no_headroom"][0]["without"][0], "radio2");
    }
}
