//! The run that this host takes part in. Until it is over, commands of nobody else change the work here, and a run whose work the operator has
//! ended meanwhile is told so: no roll-back starts that work again.
//!
//! The host that carries an order out takes part as long as it does; the source of a migration for as long as the other host renews its
//! reservation. All times are this host's own monotonic clock: a message says how long ago something was.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::migration::standing;
use protocol::{Command, ErrorCode, Failure, Order, RunPart};

/// Runs whose beginning is remembered: of those a late step may still come.
const REMEMBERED: usize = 8;
/// The longest that a reservation lasts without being renewed.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// A run that has this host.
#[derive(Debug, Clone)]
struct Run {
    id: String,
    order: Order,
    executor: String,
    /// When the reservation ends by itself; never for an order that is carried out here.
    until: Option<Instant>,
}

impl Run {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// What another host asks for when it reserves this one.
#[derive(Debug, Clone)]
pub(super) struct Reservation {
    pub(super) run: String,
    pub(super) order: Order,
    pub(super) executor: String,
    /// Since the run began.
    pub(super) age: Duration,
    pub(super) lease: Duration,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Run>,
    /// Runs and when they began, the latest last.
    began: VecDeque<(String, Instant)>,
    /// When the operator last ended work here, and by what.
    ended: Option<(Instant, String)>,
}

/// The run that this host takes part in.
#[derive(Debug)]
pub(super) struct Participation {
    host: String,
    state: Mutex<State>,
}

/// An order that is carried out here; over when dropped.
#[derive(Debug)]
pub(super) struct OwnRun<'a> {
    participation: &'a Participation,
    run: String,
}

impl Drop for OwnRun<'_> {
    fn drop(&mut self) {
        self.participation.release(&self.run);
    }
}

/// Whether a command changes what an order counts on: whatever changes something, but for the orders themselves, what decides about them, and the
/// probe. Who owns the radio is never refused: it has one owner.
fn disturbs(command: &Command) -> bool {
    let of_orders = matches!(
        command,
        Command::Order(_) | Command::Go { .. } | Command::Cancel { .. } | Command::Reserve { .. } | Command::Release { .. }
    );
    let of_owners = matches!(command, Command::Fence { .. } | Command::FenceHost { .. } | Command::SetOwner { .. });
    let of_the_probe = matches!(command, Command::ProbeStart { .. } | Command::ProbeStop);
    !(command.only_reads() || of_orders || of_owners || of_the_probe)
}

impl Participation {
    pub(super) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An order is carried out here from now on.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] while this host takes part in another run.
    pub(super) fn begin(&self, run: &str, order: Order) -> Result<OwnRun<'_>, Failure> {
        let mut state = self.state();
        self.require_free(&state, Some(run))?;
        state.remember(run, Instant::now());
        state.current = Some(Run { id: run.to_owned(), order, executor: self.host.clone(), until: None });
        Ok(OwnRun { participation: self, run: run.to_owned() })
    }

    /// Whether another host's run has this one already.
    pub(super) fn has(&self, run: &str) -> bool {
        self.state().current(Instant::now()).is_some_and(|current| current.id == run)
    }

    /// Another host's run has this one from now on, or for longer.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] while this host takes part in another run, [`ErrorCode::Cancelled`] when the operator has ended the work here since the run
    /// began.
    pub(super) fn reserve(&self, reservation: Reservation) -> Result<(), Failure> {
        let Reservation { run, order, executor, age, lease } = reservation;
        let now = Instant::now();
        let mut state = self.state();
        self.require_free(&state, Some(&run))?;
        let began = now.checked_sub(age).unwrap_or(now);
        state.remember(&run, began);
        self.require_work_not_ended(&state, &run)?;
        state.current = Some(Run { id: run, order, executor, until: Some(now + lease.min(LONGEST_LEASE)) });
        Ok(())
    }

    /// A run is over.
    pub(super) fn release(&self, run: &str) {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| current.id == run) {
            state.current = None;
        }
    }

    /// Lets a command through, of a run or of its own. To be asked when the command's turn has come, and not while it waits for it.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    pub(super) fn admit(&self, run: Option<&str>, command: &Command) -> Result<(), Failure> {
        if !disturbs(command) {
            return Ok(());
        }
        let mut state = self.state();
        self.require_free(&state, run)?;
        if let Some(run) = run {
            self.require_work_not_ended(&state, run)?;
        }
        let own = state.current(Instant::now()).map(|current| current.order);
        let kills = matches!(command, Command::DoubleKill | Command::KillUsrp | Command::KillD2d);
        match own {
            Some(order @ (Order::KL | Order::KR)) if kills => state.ended = Some((Instant::now(), order.to_string())),
            None if kills && run.is_none() => state.ended = Some((Instant::now(), command.name().to_owned())),
            _ => {}
        }
        Ok(())
    }

    /// The run of another host that this one takes part in.
    pub(super) fn elsewhere(&self) -> Option<RunPart> {
        let state = self.state();
        let Run { id, order, executor, .. } = state.current(Instant::now()).filter(|current| current.until.is_some())?.clone();
        Some(RunPart { run: id, order, executor })
    }

    fn require_free(&self, state: &State, run: Option<&str>) -> Result<(), Failure> {
        let Some(current) = state.current(Instant::now()).filter(|current| Some(current.id.as_str()) != run) else {
            return Ok(());
        };
        let Run { id, order, executor, until } = current;
        let host = &self.host;
        if until.is_some() {
            return Err(standing::taken(host, &RunPart { run: id.clone(), order: *order, executor: executor.clone() }));
        }
        let hint = if order.is_migration() { standing::GIVE_UP } else { "ask again when it is over" };
        Err(Failure::new(ErrorCode::Busy, format!("{host} is carrying out {order} (run {id})")).hint(hint))
    }

    fn require_work_not_ended(&self, state: &State, run: &str) -> Result<(), Failure> {
        let began = state.began.iter().find(|(known, _)| known == run).map(|(_, began)| *began);
        match state.ended.as_ref().zip(began).filter(|((ended, _), began)| ended > began) {
            None => Ok(()),
            Some(((_, by), _)) => {
                let text = format!("the work on {} was ended by {by} after this run had begun", self.host);
                Err(Failure::new(ErrorCode::Cancelled, text).hint("order it again, if it is still wanted"))
            }
        }
    }
}

impl State {
    fn current(&self, now: Instant) -> Option<&Run> {
        self.current.as_ref().filter(|run| !run.is_over(now))
    }

    fn remember(&mut self, run: &str, began: Instant) {
        if self.began.iter().any(|(known, _)| known == run) {
            return;
        }
        if self.began.len() >= REMEMBERED {
            self.began.pop_front();
        }
        self.began.push_back((run.to_owned(), began));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(5);

    fn reservation(run: &str, age: Duration) -> Reservation {
        Reservation { run: run.into(), order: Order::M, executor: "two".into(), age, lease: LEASE }
    }

    fn code(result: Result<(), Failure>) -> Option<ErrorCode> {
        result.err().map(|failure| failure.code)
    }

    #[tokio::test(start_paused = true)]
    async fn a_reserved_host_obeys_its_run_alone_until_that_is_over_or_silent() {
        let one = Participation::new("one");
        assert_eq!(code(one.admit(None, &Command::DoubleKill)), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        one.reserve(reservation("a", Duration::ZERO)).unwrap();
        assert_eq!(code(one.admit(Some("a"), &Command::DoubleKill)), None);
        for (run, command) in [
            (None, Command::KillUsrp),
            (Some("b"), Command::KillUsrp),
            (None, Command::FreezePod),
            (Some("b"), Command::RestorePod),
            (None, Command::CancelGuest),
        ] {
            let failure = one.admit(run, &command).unwrap_err();
            assert_eq!(failure.message, "one takes part in M, which two is carrying out (run a)");
            assert_eq!(failure.code, ErrorCode::Busy);
        }
        assert_eq!(code(one.admit(None, &Command::Status)), None);
        let fence = Command::Fence { epoch: 1, owner: "two".into() };
        assert_eq!(code(one.admit(None, &fence)), None, "the radio has one owner");
        assert_eq!(code(one.begin("b", Order::KL).map(drop)), Some(ErrorCode::Busy));
        assert_eq!(code(one.reserve(reservation("b", Duration::ZERO))), Some(ErrorCode::Busy));
        tokio::time::advance(LEASE).await;
        assert_eq!(code(one.begin("b", Order::KL).map(drop)), None, "its executor is not heard any more");
        one.reserve(reservation("c", Duration::ZERO)).unwrap();
        one.release("a");
        assert!(one.has("c"), "the word of an earlier run ends no later one");
        one.release("c");
        assert_eq!(code(one.admit(None, &Command::KillUsrp)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_whose_work_was_ended_meanwhile_is_told_so() {
        for kl in [false, true] {
            let one = Participation::new("one");
            one.reserve(reservation("a", Duration::ZERO)).unwrap();
            // The agent of two is stopped, and the operator ends the work.
            tokio::time::advance(2 * LEASE).await;
            if kl {
                let own = one.begin("k", Order::KL).unwrap();
                assert_eq!(code(one.admit(Some("k"), &Command::DoubleKill)), None);
                drop(own);
            } else {
                assert_eq!(code(one.admit(None, &Command::DoubleKill)), None);
            }
            tokio::time::advance(LEASE).await;
            let failure = one.reserve(reservation("a", 3 * LEASE)).unwrap_err();
            let by = if kl { "KL" } else { "double_kill" };
            assert_eq!(failure.message, format!("the work on one was ended by {by} after this run had begun"));
            assert_eq!(code(one.admit(Some("a"), &Command::DoubleKill)), Some(ErrorCode::Cancelled));
            // An agent that was started again meanwhile knows it by the age of the run alone.
            assert_eq!(code(one.reserve(reservation("d", 4 * LEASE))), Some(ErrorCode::Cancelled));
            assert_eq!(code(one.reserve(reservation("e", Duration::ZERO))), None, "a run that began later is free to start");
            assert_eq!(code(one.admit(Some("e"), &Command::DoubleKill)), None);
            assert_eq!(code(one.reserve(reservation("e", Duration::ZERO))), None, "a run's own kill is none of the operator's");
        }
    }
}
