//! The N210 side: `baton usrp` moves samples between the radio and the D2D process.
//!
//! Made at start, linked on demand (docs/workload.md). The radio has been initialised before, by libuhd or by another host; from
//! there on everything goes through this native attach, so that linking is one path, cold or hot.
//!
//! `bridge`, `counters` and `placement` are not of the N210 alone: `baton-uhd stream` moves the samples of any other radio with them.

mod attach;
pub mod bridge;
mod burst;
mod chain;
mod contract;
mod control;
mod converters;
pub mod counters;
mod delay;
mod detector;
mod follow;
mod freshness;
mod heartbeat;
pub mod inquiry;
mod merge;
mod monitor;
mod overlap;
mod park;
pub mod placement;
mod plan;
mod radio_state;
mod rx;
mod send_heartbeats;
mod session;
mod sockets;
mod throttle;
mod timeline;
mod tx;
mod window;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use self::bridge::Bridge;
use self::plan::RadioPlan;
use self::session::Session;
pub use self::sockets::{RECEIVE_BUFFER, SEND_BUFFER};
pub use self::throttle::Throttle;
use config::Radio;
use protocol::{ErrorCode, Failure};
use workload::contract::{ENV_RADIO, ENV_SAMPLES, ENV_SOCKET, Happened};
use workload::realtime::{Rank, real_time};
use workload::serve::{Reporter, serve};

/// Lines for the log and other news that may wait to be told.
const NEWS: usize = 16;

/// How long a clean end may take to quiet the radio.
const FAREWELL: Duration = Duration::from_millis(100);

/// Options: none. Everything comes from the environment (docs/workload.md).
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {}

/// Makes the USRP entity, serves the contract, and moves samples until SIGTERM or SIGINT.
///
/// # Errors
/// The environment does not describe the work, or the system refuses sockets or threads.
pub fn run(_args: &Args) -> Result<ExitCode, Failure> {
    let (socket, samples, radio) = environment()?;
    let plan = RadioPlan::new(&radio).map_err(|sentence| Failure::new(ErrorCode::Config, sentence))?;
    // Before any thread is there, so that all of them leave the signals to this one.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(|e| environment_failure("signals cannot be held back", &e.into()))?;

    let (news, told) = sync_channel(NEWS);
    let session = Session::make(plan, news).map_err(|e| environment_failure("the radio's sockets cannot be made", &e))?;
    let (session, bridge) = (Arc::new(session), Arc::new(Bridge::default()));
    let answering = (Arc::clone(&session), Arc::clone(&bridge));
    let reporter = serve(&socket, move |ask| contract::answer(&answering.0, &answering.1, ask))
        .map_err(|e| environment_failure(&format!("the contract socket {} cannot be served", socket.display()), &e))?;
    start_threads(&session, &bridge, samples, told, reporter).map_err(|e| environment_failure("a thread cannot be started", &e))?;
    output::log_line(&format!("baton usrp: made for the radio at {}, {} samples/s; not linked", plan.device, radio.rate));

    let received = signals.wait();
    // Before anything falls silent.
    session.end_heartbeats();
    // A parked process has given the radio away: its streams are another's. Not so the receive chain of one that overlaps.
    if session.linked() && (session.overlaps() || !session.park.is_parking()) {
        // A burst that goes on has its end sent; if the thread does not get to it, the radio ends it.
        let _ = session.park.enter();
        session.quiet(Instant::now() + FAREWELL);
    }
    received.map(|_| ExitCode::SUCCESS).map_err(|e| environment_failure("signals cannot be awaited", &e.into()))
}

fn environment() -> Result<(PathBuf, PathBuf, Radio), Failure> {
    let read = |name: &str| {
        std::env::var(name).map_err(|_| {
            Failure::new(ErrorCode::Config, format!("the environment has no {name}"))
                .hint("this process is started by an agent; docs/workload.md says what it needs")
        })
    };
    let radio = serde_json::from_str(&read(ENV_RADIO)?)
        .map_err(|e| Failure::new(ErrorCode::Config, format!("{ENV_RADIO} does not describe a radio: {e}")))?;
    Ok((read(ENV_SOCKET)?.into(), read(ENV_SAMPLES)?.into(), radio))
}

fn environment_failure(what: &str, why: &io::Error) -> Failure {
    Failure::new(ErrorCode::Environment, format!("{what}: {why}"))
}

fn start_threads(
    session: &Arc<Session>,
    bridge: &Arc<Bridge>,
    samples: PathBuf,
    news: Receiver<Happened>,
    reporter: Reporter,
) -> io::Result<()> {
    let (s, b) = (Arc::clone(session), Arc::clone(bridge));
    thread::Builder::new().name("rx".into()).spawn(move || {
        if let Err(why) = real_time(Rank::Stream) {
            output::log_line(&format!("baton usrp: no real-time priority ({why}): on a busy machine samples may be lost"));
        }
        rx::run(&s, &b);
    })?;
    let (s, b) = (Arc::clone(session), Arc::clone(bridge));
    thread::Builder::new().name("tx".into()).spawn(move || {
        // The receive thread has reported a refusal already.
        let _ = real_time(Rank::Stream);
        tx::run(&s, &b, &samples);
    })?;
    let s = Arc::clone(session);
    thread::Builder::new().name("monitor".into()).spawn(move || monitor::run(&s))?;
    // Reported from a thread of its own: an agent that does not read must not hold up samples.
    thread::Builder::new().name("news".into()).spawn(move || {
        for happened in news {
            if let Happened::Note { text } = &happened {
                output::log_line(&format!("baton usrp: {text}"));
            }
            reporter.report(happened);
        }
    })?;
    Ok(())
}
