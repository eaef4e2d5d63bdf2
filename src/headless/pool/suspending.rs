//! Suspends servers that have nothing to do, by the operator's own program (`suspend_command`). It runs on this machine.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::process::Command;
use tokio::time::timeout;

use config::{CommandLine, HostName, RadioViews};
use protocol::{ErrorCode, Failure};

/// A management board takes some seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// What became of a server that has nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Suspended {
    server: HostName,
    pub(super) ok: bool,
    /// Why it is not suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.server;
        match &self.reason {
            None => write!(f, "{server} is suspended: its suspend_command says so"),
            Some(reason) if self.ok => write!(f, "{server} stays on: {reason}"),
            Some(reason) => write!(f, "{server} is not certainly suspended: {reason}"),
        }
    }
}

/// The program that suspends a server.
///
/// # Errors
/// [`ErrorCode::Config`]: the cluster file names none.
pub(super) fn command(views: &RadioViews) -> Result<&CommandLine, Failure> {
    views.placement().suspend_command.as_ref().ok_or_else(|| {
        Failure::new(ErrorCode::Config, "the cluster file has no suspend_command, so that nothing was done").hint(
            "name a program in it: [pool.placement] suspend_command = [\"/usr/local/sbin/suspend-server\"], or leave --suspend out",
        )
    })
}

/// Runs the command for each server, with its name as one more argument. A server with a member of the store stays on.
pub(super) async fn suspend(views: &RadioViews, command: &CommandLine, servers: &BTreeSet<HostName>) -> Vec<Suspended> {
    let mut all = Vec::new();
    for server in servers {
        let end = if has_member(views, server) {
            (true, Some("a member of the store runs there".to_owned()))
        } else {
            let failure = run(command, server).await.err();
            (failure.is_none(), failure)
        };
        all.push(Suspended { server: server.clone(), ok: end.0, reason: end.1 });
    }
    all
}

/// Whether a member of the store is at the address of the server's agent.
fn has_member(views: &RadioViews, server: &HostName) -> bool {
    let address = views.servers().get(server).and_then(|server| server.command.ipv4()).map(IpAddr::V4);
    let members = views.whole().store.iter().flat_map(|store| &store.endpoints);
    address.is_some_and(|address| members.map(std::net::SocketAddr::ip).any(|member| member == address))
}

async fn run(command: &CommandLine, server: &HostName) -> Result<(), String> {
    let mut program = Command::new(command.program());
    program.args(command.arguments()).arg(server.as_str()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(LIMIT, program.output()).await;
    let output = output.map_err(|_| format!("{command} {server} did not end within {} s", LIMIT.as_secs()))?;
    let output = output.map_err(|e| format!("{command} {server} cannot be run: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words = words.trim().lines().last().map(|line| format!(": {}", output::one_line(line))).unwrap_or_default();
    Err(format!("{command} {server} ended with {}{words}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three servers; two of them have members of the store.
    const POOL: &str = include_str!("../../../tests/config/pool/good/placement.toml");

    fn views(program: &str) -> RadioViews {
        let members = "\"10.77.0.11:2379\", \"10.77.0.12:2379\", \"10.77.0.13:2379\"";
        let text = POOL.replace(members, "\"10.77.0.11:2379\", \"10.77.0.12:2379\", \"10.77.0.99:2379\"");
        assert!(text != POOL && text.contains("[\"/usr/local/sbin/suspend\", \"--quiet\"]"));
        RadioViews::parse(&text.replace("[\"/usr/local/sbin/suspend\", \"--quiet\"]", program)).unwrap()
    }

    async fn said(program: &str, servers: &[&str]) -> Vec<String> {
        let views = views(program);
        let servers = servers.iter().map(|name| name.parse().unwrap()).collect();
        suspend(&views, command(&views).unwrap(), &servers).await.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn the_program_gets_the_servers_name_and_its_word_counts() {
        let ok = said(r#"["sh", "-c", "test $1 = server3", "sh"]"#, &["server3"]).await;
        assert_eq!(ok, ["server3 is suspended: its suspend_command says so"]);
        let failed = said(r#"["sh", "-c", "echo no power board >&2; exit 3", "sh"]"#, &["server3"]).await;
        assert!(failed[0].starts_with("server3 is not certainly suspended: sh -c "), "{failed:?}");
        assert!(failed[0].ends_with("server3 ended with exit status: 3: no power board"), "{failed:?}");
        let missing = said(r#"["/nowhere/suspend"]"#, &["server3"]).await;
        assert!(missing[0].contains("/nowhere/suspend server3 cannot be run"), "{missing:?}");
    }

    #[tokio::test]
    async fn a_member_of_the_store_stays_on() {
        let kept = said(r#"["/nowhere/suspend"]"#, &["server1", "server2"]).await;
        assert_eq!(kept, ["server1", "server2"].map(|server| format!("{server} stays on: a member of the store runs there")));
    }

    #[test]
    fn without_a_command_nothing_is_suspended() {
        let failure = command(&views("[]")).unwrap_err();
        assert!(failure.message.contains("no suspend_command") && failure.hint.unwrap().contains("suspend_command = ["));
    }
}
