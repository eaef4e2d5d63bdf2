//! Waits until a member that was started takes part.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::{Cluster, Member};
use protocol::{ErrorCode, Failure};

/// etcd follows within some seconds, one that fetches all data on a slow disk later.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two looks. etcd tells nobody but systemd when it is ready.
const AGAIN: Duration = Duration::from_millis(200);
/// Whether somebody listens shows within this time.
const CONNECT: Duration = Duration::from_secs(1);

/// How far a member has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reached {
    /// It follows the quorum.
    Follows,
    /// Too few members run for a quorum: how many.
    Few(usize),
}

/// Whether etcd listens there, ready or not.
pub(super) async fn listens(endpoint: SocketAddr) -> bool {
    timeout(CONNECT, TcpStream::connect(endpoint)).await.is_ok_and(|connected| connected.is_ok())
}

/// Returns when the member follows a quorum, or listens while too few others do.
///
/// # Errors
/// [`ErrorCode::Process`] when it does not in a minute.
pub(super) async fn reached(cluster: &Cluster, member: &Member) -> Result<Reached, Failure> {
    let asked = cluster.ask([member.endpoint].into_iter(), Duration::from_secs(2))?;
    let until = Instant::now() + LONGEST;
    loop {
        let run = join_all(cluster.members.iter().map(|member| listens(member.endpoint))).await;
        let own = cluster.members.iter().zip(&run).any(|(other, runs)| other == member && *runs);
        let count = run.iter().filter(|runs| **runs).count();
        if own && !super::standing::is_quorum(cluster.members.len(), count) {
            return Ok(Reached::Few(count));
        }
        let why = match asked.quorate().await {
            Ok(()) => return Ok(Reached::Follows),
            Err(error) => error,
        };
        if Instant::now() >= until {
            let text =
                format!("etcd of {} was started and does not follow the others within {} s: {why}", member.name, LONGEST.as_secs());
            let hint = format!(
                "journalctl -u etcd -n 30 on this machine says why; TCP to the ports {} and {} of every member has to pass; then run this again",
                member.endpoint.port(),
                member.peer().port()
            );
            return Err(Failure::new(ErrorCode::Process, text).hint(hint));
        }
        sleep(AGAIN).await;
    }
}
