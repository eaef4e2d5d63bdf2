//! `baton-uhd stream`: a USRP process for any radio that libuhd knows.
//!
//! libuhd has the radio for itself from opening it to its end, and initialises it each time. So the process opens nothing before `link`, and cannot be
//! frozen, followed or overlapped: its work moves by the method cold.
//!
//! Times are UHD's own: the tick of a sample is its time stamp, and a block is sent at its tick. What filters and converters add is not in them.

mod contract;
mod receive;
mod session;
pub mod ticks;
mod transmit;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::thread;
use std::time::Duration;

use config::Radio;
use nix::sys::signal::{SigSet, Signal};
use radio::bridge::Bridge;
use workload::contract::{ENV_SAMPLES, ENV_SOCKET, Happened};
use workload::realtime::{Rank, real_time};
use workload::serve::{Reporter, serve};

use self::session::Session;

/// Lines for the log and other news that may wait to be told.
const NEWS: usize = 16;
/// How long the streams may take to come to rest at the end.
const FAREWELL: Duration = Duration::from_millis(150);
/// Between two looks at what the radio says of its reference.
const LOOK: Duration = Duration::from_secs(1);

/// Serves the contract and moves samples until SIGTERM or SIGINT.
///
/// # Errors
/// A sentence: the environment does not describe the work, the rate is none of the sample socket, or the system refuses sockets or threads.
pub fn run(radio: &Radio) -> Result<(), String> {
    let path = |name: &str| -> Result<PathBuf, String> {
        std::env::var_os(name)
            .map(PathBuf::from)
            .ok_or_else(|| format!("the environment has no {name}; an agent starts this process (docs/workload.md)"))
    };
    let (socket, samples) = (path(ENV_SOCKET)?, path(ENV_SAMPLES)?);
    let decimation = ticks::decimation(radio.rate)?;
    // Before any thread is there, so that all of them, libuhd's too, leave the signals to this one.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(|e| format!("signals cannot be held back: {e}"))?;
    let failed = |what: &str, why: &io::Error| format!("{what}: {why}");

    let (news, told) = sync_channel(NEWS);
    let (to_rx, rx_streams) = channel();
    let (to_tx, tx_streams) = channel();
    let session = Session::make(radio.clone(), decimation, session::Threads { rx: to_rx, tx: to_tx }, news)
        .map_err(|e| failed("a thread cannot be told of others", &e))?;
    let (session, bridge) = (Arc::new(session), Arc::new(Bridge::default()));
    let answering = Arc::clone(&session);
    let reporter = serve(&socket, move |ask| contract::answer(&answering, ask))
        .map_err(|e| failed(&format!("the contract socket {} cannot be served", socket.display()), &e))?;
    let (s, b) = (Arc::clone(&session), Arc::clone(&bridge));
    streaming("rx", &session, move || receive::run(&s, &b, &rx_streams)).map_err(|e| failed("a thread cannot be started", &e))?;
    let s = Arc::clone(&session);
    streaming("tx", &session, move || transmit::run(&s, &bridge, &samples, &tx_streams))
        .map_err(|e| failed("a thread cannot be started", &e))?;
    attend(&session, told, reporter).map_err(|e| failed("a thread cannot be started", &e))?;
    output::log_line(&format!(
        "baton-uhd stream: made for the radio ({}), {} samples/s; not linked",
        radio.args.as_str(),
        radio.rate
    ));

    let received = signals.wait();
    session.rest(FAREWELL);
    session.close();
    received.map(drop).map_err(|e| format!("signals cannot be awaited: {e}"))
}

/// Starts a thread that keeps up with the radio.
fn streaming(name: &str, session: &Arc<Session>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let session = Arc::clone(session);
    thread::Builder::new().name(name.into()).spawn(move || {
        if let Err(why) = real_time(Rank::Stream) {
            session.note(format!("no real-time priority ({why}): on a busy machine samples may be lost"));
        }
        work();
    })?;
    Ok(())
}

/// Starts what must not hold up samples: news for an agent that may not read, and questions to the radio.
fn attend(session: &Arc<Session>, news: Receiver<Happened>, reporter: Reporter) -> io::Result<()> {
    thread::Builder::new().name("news".into()).spawn(move || {
        for happened in news {
            if let Happened::Note { text } = &happened {
                output::log_line(&format!("baton-uhd stream: {text}"));
            }
            reporter.report(happened);
        }
    })?;
    let session = Arc::clone(session);
    thread::Builder::new().name("monitor".into()).spawn(move || {
        loop {
            thread::sleep(LOOK);
            session.look_at_reference();
        }
    })?;
    Ok(())
}
