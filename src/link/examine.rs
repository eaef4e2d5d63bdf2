//! Which keys a host's agent works with, as its handshakes tell.

use super::certificate::Credentials;
use super::dial::{NotDialled, dial_once};
use super::identity::{Identity, Operator};
use super::key::{Key, Keys};
use super::tls::Tls;
use super::zmtp::SocketType;
use config::Endpoint;
use protocol::{ErrorCode, Failure};

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// Each end accepted the other.
    Made,
    /// One of them did not.
    Refused,
}

/// Shakes hands as somebody who has `shown`, and accepts nobody but who has that or one of `trusted`.
///
/// # Errors
/// [`ErrorCode::Unreachable`] when nobody is there, [`ErrorCode::Internal`] when no certificate can be made.
pub async fn shake_hands(host: &str, endpoint: &Endpoint, shown: &Key, trusted: &[Key]) -> Result<Handshake, Failure> {
    let keys = Keys { current: shown.clone(), beside: trusted.to_vec() };
    let tls = Tls::with(Credentials::Keys(keys, Identity::Operator(Operator::here())))?;
    match dial_once(host, endpoint, Some(&tls), SocketType::Dealer).await {
        Ok(_) => Ok(Handshake::Made),
        Err(NotDialled::Stranger(_)) => Ok(Handshake::Refused),
        Err(NotDialled::Absent) => {
            let text = format!("the agent of {host} ({endpoint}) cannot be reached");
            Err(Failure::new(ErrorCode::Unreachable, text)
                .hint(format!("is it running? On {host}: systemctl status baton-agent@{host}")))
        }
    }
}
