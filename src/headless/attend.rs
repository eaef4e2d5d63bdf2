//! An order that this process has sent: followed to its end, also over a lost connection. A hold ends with the process that asked for it.

use std::io::Write;
use std::time::Duration;

use futures::FutureExt;
use futures::future::select_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::{Cluster, status};
use crate::migration::hold::{HOLD_LEASE, HOLD_LIMIT, ORDER_LIMIT};
use nix::sys::signal::Signal;
use protocol::{Answer, ErrorCode, Failure, Order, OrderRequest, RunRecord, ask, operator_name};
use workload::signals::is_ignored;

/// Passing cancel on.
const TELL: Duration = Duration::from_secs(5);
/// An agent that was stopped, or started again, says within this what became of a run.
const FIND_OUT: Duration = Duration::from_secs(20);
/// An agent that answers has taken an order in within this, or has never got it.
const TAKEN_IN: Duration = Duration::from_secs(5);
/// Between two looks at the host.
const LOOK: Duration = Duration::from_millis(200);
const STATUS: Duration = Duration::from_secs(3);

/// An order on its way.
struct SentOrder<'a> {
    cluster: &'a Cluster,
    host: &'a str,
    order: Order,
    run: String,
    hold: bool,
}

/// Sends an order and follows it to its record.
///
/// # Errors
/// Why it was not carried out; [`ErrorCode::Indeterminate`] where that is not known.
pub(super) async fn carry_out(cluster: &Cluster, request: OrderRequest) -> Result<RunRecord, Failure> {
    let run = uuid::Uuid::now_v7().to_string();
    // Far below u64's range.
    let lease_ms = request.hold.then_some(HOLD_LEASE.as_millis() as u64);
    let between = request.between.clone().or_else(|| cluster.config.roles_to_tell());
    let request = OrderRequest { by: Some(operator_name()), run: Some(run.clone()), lease_ms, between, ..request };
    let config = cluster.config.of_order(&request)?;
    let host = config.executor(request.order);
    let sent = SentOrder { cluster, host, order: request.order, run, hold: request.hold };
    let deadline = ORDER_LIMIT + if request.hold { HOLD_LIMIT } else { Duration::ZERO };
    let mut interrupts = Interrupts::listen()?;
    let answer = cluster.client.order(host, request, deadline).map(|answer| answer.and_then(Answer::into_result));
    match sent.unless_interrupted(answer, &mut interrupts).await {
        Err(failure) if is_open(&failure) => sent.unless_interrupted(sent.find_out(failure), &mut interrupts).await,
        result => result,
    }
}

/// Whether an order that was answered so may be carried out all the same.
fn is_open(failure: &Failure) -> bool {
    let unanswered = matches!(failure.code, ErrorCode::Unreachable | ErrorCode::Deadline | ErrorCode::Restarted);
    unanswered && !failure.not_sent
}

fn say(text: &str) {
    // Nobody need read it.
    let _ = writeln!(std::io::stderr(), "baton: {text}");
}

impl SentOrder<'_> {
    /// Waits for the end of the order. The first interrupt gives a hold up, any other leaves the order to its agent.
    async fn unless_interrupted(
        &self,
        end: impl Future<Output = Result<RunRecord, Failure>>,
        interrupts: &mut Interrupts,
    ) -> Result<RunRecord, Failure> {
        tokio::pin!(end);
        let mut holds = self.hold;
        loop {
            tokio::select! {
                biased;
                end = &mut end => return end,
                () = interrupts.next() => if !std::mem::take(&mut holds) {
                    return Err(self.open(&format!("{} goes on on {} without this command, which only asked for it", self.order, self.host)));
                },
            }
            say(&format!("the hold ends with this command: {} is given up (interrupt again to leave at once)", self.order));
            let cancel = ask::Cancel { run: Some(self.run.clone()) };
            if let Err(failure) = self.cluster.client.ask(self.host, cancel, TELL).await {
                say(&failure.message);
            }
        }
    }

    /// Asks the host what became of the run, until it says so.
    async fn find_out(&self, failure: Failure) -> Result<RunRecord, Failure> {
        say(&format!("{failure}; looking for the run on {}", self.host));
        let mut until = Instant::now() + FIND_OUT;
        let (mut seen, mut unknown_since) = (false, None);
        while Instant::now() < until {
            if let Ok(status) = status::ask_one(self.cluster, self.host, STATUS).await {
                match status.migration.filter(|progress| progress.run == self.run) {
                    Some(progress) if progress.finished => {
                        if let Some(record) = progress.record {
                            return Ok(record);
                        }
                    }
                    Some(_) => (seen, until) = (true, Instant::now() + FIND_OUT),
                    None if seen => {}
                    None if unknown_since.get_or_insert_with(Instant::now).elapsed() > TAKEN_IN => {
                        let text = format!(
                            "{} was not carried out: {failure}. {} answers now, and knows no such run",
                            self.order, self.host
                        );
                        return Err(Failure { message: text, ..failure });
                    }
                    None => {}
                }
            }
            sleep(LOOK).await;
        }
        Err(self.open(&format!("whether {} was carried out is not known: {failure}. It may go on", self.order)))
    }

    fn open(&self, text: &str) -> Failure {
        let hint = format!("`baton status` shows whether it is under way, `baton runs show {}` how it has ended", self.run);
        Failure::new(ErrorCode::Indeterminate, text).hint(hint)
    }
}

/// What asks this process to end. A signal that was ignored when it was started (`nohup`) stays so.
struct Interrupts(Vec<tokio::signal::unix::Signal>);

impl Interrupts {
    fn listen() -> Result<Self, Failure> {
        let asked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let listen = |kind: Signal| signal(SignalKind::from_raw(kind as i32));
        let signals: Result<_, _> = asked.map(listen).collect();
        signals.map(Self).map_err(|e| Failure::new(ErrorCode::Environment, format!("signals cannot be received: {e}")))
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        select_all(self.0.iter_mut().map(|signal| signal.recv().boxed())).await;
    }
}
