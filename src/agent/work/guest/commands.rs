//! What an agent is asked for where the work is a guest.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use super::GuestWork;
use crate::agent::work::Work;
use crate::mover::vm::{Guest, Role, ready_within};
use protocol::{
    Accelerator, ErrorCode, Failure, GuestCopy, GuestMigration, GuestMoment, GuestPrepared, GuestStatus, Level, Started,
};

/// A guest whose state is all there runs within some ms.
const RUNS_WITHIN: Duration = Duration::from_secs(2);
/// Giving a migration up takes QEMU as long as one pass of its loop.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(5);

impl Work {
    fn guest_work(&self) -> Result<&Arc<GuestWork>, Failure> {
        self.guest.as_ref().ok_or_else(|| {
            Failure::new(ErrorCode::State, format!("the work of {} is no guest", self.host.name))
                .hint("a lab with a guest: baton lab --form guest")
        })
    }

    /// Refuses what is for processes where the work is a guest.
    ///
    /// # Errors
    /// [`ErrorCode::State`] with the orders that start and end a guest.
    pub(in crate::agent) fn require_processes(&self) -> Result<(), Failure> {
        if self.guest.is_none() {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::State,
            format!("the work of {} is a guest, which has no D2D and no USRP process", self.host.name),
        )
        .hint("DS starts it, KL ends it, M moves it"))
    }

    /// Of a host with a guest: finds out whether guests run here, and takes up one that runs already.
    pub(in crate::agent) async fn restore_guest(&self) {
        let Some(work) = &self.guest else { return };
        if let Some(guest) = Guest::find(&work.folder).await {
            let text = format!("the guest of {} (QEMU is pid {}) runs and was taken up again", self.host.name, guest.pid());
            self.host.event(Level::Info, text);
            work.hold(guest, None, false);
        }
        let work = Arc::clone(work);
        tokio::spawn(async move { work.rehearse().await });
    }

    /// For telemetry, where the work is a guest.
    pub(in crate::agent) fn guest_status(&self) -> Option<GuestStatus> {
        self.guest.as_ref().map(|work| work.status())
    }

    /// Boots the guest and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, it cannot run here, or it does not get ready; nothing is left of it then.
    pub(in crate::agent) async fn start_guest(&self) -> Result<Started, Failure> {
        let work = self.guest_work()?;
        work.require_none()?;
        let accelerator = work.accelerator().await?;
        let guest = work.launch(Role::Boot, accelerator, self.workload()).await?;
        if let Err(failure) = guest.until_ready(ready_within(accelerator)).await {
            work.end().await?;
            return Err(failure);
        }
        Ok(Started { pid: guest.pid() })
    }

    /// Starts a guest that waits for the state of another host's.
    ///
    /// # Errors
    /// One runs already, or cannot run here on what the other one runs on; nothing is left of it then.
    pub(in crate::agent) async fn prepare_guest(&self, accelerator: Accelerator) -> Result<GuestPrepared, Failure> {
        let work = self.guest_work()?;
        work.require_none()?;
        let own = work.accelerator().await?;
        if own != accelerator {
            let text = format!("guests of {} run on {own}, and the one that is to come runs on {accelerator}", self.host.name);
            return Err(Failure::new(ErrorCode::Environment, text).hint("both hosts need a processor that runs guests, or neither"));
        }
        let at = work.reached_at()?;
        let guest = work.launch(Role::Incoming, accelerator, self.workload()).await?;
        let copy = work.settings.copy;
        match guest.await_incoming(at, copy).await {
            Ok(address) => Ok(GuestPrepared { address, copy }),
            Err(failure) => {
                work.end().await?;
                Err(failure)
            }
        }
    }

    /// Begins to move the guest to where it is waited for.
    ///
    /// # Errors
    /// None runs, or QEMU refuses.
    pub(in crate::agent) async fn migrate_guest(&self, to: SocketAddrV4, copy: GuestCopy) -> Result<(), Failure> {
        let work = self.guest_work()?;
        let migration = work.guest()?.migrate(to, copy, &work.settings).await?;
        let (host, follower) = (Arc::clone(&self.host), migration.clone());
        tokio::spawn(async move { follower.each_change(|| host.notify_change()).await });
        work.state().migration = Some(migration);
        Ok(())
    }

    /// Waits for a moment of the migration.
    ///
    /// # Errors
    /// It does not come: the migration has ended otherwise, with QEMU's words.
    pub(in crate::agent) async fn await_guest(&self, until: GuestMoment) -> Result<GuestMigration, Failure> {
        let migration = self.guest_work()?.migration()?;
        match until {
            GuestMoment::Stopped => migration.until_stopped().await?,
            GuestMoment::Gone => migration.until_gone().await?,
            GuestMoment::Completed => migration.until_ended().await.map(drop)?,
        }
        Ok(migration.report())
    }

    /// Gives the migration up, and waits until the guest runs here again.
    ///
    /// # Errors
    /// It had gone already.
    pub(in crate::agent) async fn cancel_guest(&self) -> Result<(), Failure> {
        let work = self.guest_work()?;
        match work.migration() {
            Ok(migration) => migration.give_up(GIVEN_UP_WITHIN).await?,
            Err(_) => work.guest()?.give_up_unfollowed().await?,
        }
        work.guest()?.until_running(RUNS_WITHIN).await
    }

    /// Waits until the guest that has come runs here, and tells the switches where it is.
    ///
    /// # Errors
    /// It does not run.
    pub(in crate::agent) async fn confirm_guest(&self) -> Result<(), Failure> {
        let guest = self.guest_work()?.guest()?;
        guest.until_running(RUNS_WITHIN).await?;
        guest.announce().await
    }

    /// Lets the guest go on after a move that came to nothing; whoever asks has made sure that it does not run elsewhere.
    ///
    /// # Errors
    /// Its memory is not whole here, or QEMU refuses.
    pub(in crate::agent::work) async fn resume_guest(&self, work: &GuestWork) -> Result<(), Failure> {
        match work.migration() {
            Ok(migration) => {
                migration.require_whole()?;
                migration.give_up(GIVEN_UP_WITHIN).await.or_else(|failure| match failure.code {
                    // It has gone, and what it went to has ended.
                    ErrorCode::TooLate => Ok(()),
                    _ => Err(failure),
                })?;
            }
            Err(_) => work.guest()?.give_up_unfollowed().await?,
        }
        let guest = work.guest()?;
        guest.go_on().await?;
        guest.until_running(RUNS_WITHIN).await?;
        self.host.notify_change();
        Ok(())
    }
}
