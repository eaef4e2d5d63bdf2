//! Ending the processes and parking eth3.

use super::Work;
use super::failures::all_of;
use protocol::{Failure, Unsent};

impl Work {
    /// Ends both processes and parks eth3, or ends the guest; all three are tried, and it succeeds only if all three worked. Returns what programs have sent into a
    /// frozen D2D process.
    ///
    /// # Errors
    /// The first failure, with the messages of the others.
    pub(in crate::agent) async fn kill_all(&self) -> Result<Option<Unsent>, Failure> {
        if let Some(guest) = &self.guest {
            return guest.end().await.map(|()| None);
        }
        self.end_heartbeats().await;
        let (attempts, unsent) = if self.state().frozen.is_some() {
            // D2D last: until then a program that is late with its answers gets them forwarded.
            let (usrp, eth3) = (self.usrp.kill().await, self.park_eth3().await);
            let unsent = self.unsent().await;
            ([self.d2d.kill().await, usrp, eth3], unsent)
        } else {
            ([self.d2d.kill().await, self.usrp.kill().await, self.park_eth3().await], None)
        };
        self.end_lease();
        self.end_pod_if_empty().await;
        all_of(attempts).map(|()| unsent)
    }

    /// Parks eth3, then ends the USRP process.
    ///
    /// # Errors
    /// Those of each part; a USRP process is left running when eth3 could not be parked.
    pub(in crate::agent) async fn kill_usrp(&self) -> Result<(), Failure> {
        self.end_heartbeats().await;
        self.park_eth3().await?;
        self.usrp.kill().await?;
        self.end_pod_if_empty().await;
        Ok(())
    }

    /// Ends the D2D process.
    ///
    /// # Errors
    /// [`ErrorCode::Process`](protocol::ErrorCode::Process) when the kernel does not end it.
    pub(in crate::agent) async fn kill_d2d(&self) -> Result<(), Failure> {
        self.end_heartbeats().await;
        self.d2d.kill().await?;
        self.end_pod_if_empty().await;
        Ok(())
    }

    /// As [`Self::kill_all`], because the agent ends: waits for a change that is under way.
    ///
    /// # Errors
    /// As [`Self::kill_all`].
    pub(in crate::agent) async fn kill_all_on_leaving(&self) -> Result<(), Failure> {
        let _turn = self.changes.lock().await;
        self.kill_all().await.map(drop)
    }
}
