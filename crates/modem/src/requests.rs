//! Requests of the agent to the modem itself. The modem's own thread performs them between two blocks: another thread that held the modem
//! would make its bursts late.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::core::Modem;
use super::outlet::Outlet;
use super::soft_state::ModemSoftState;
use protocol::Route;
use workload::waker::Waker;

/// The modem's thread gets to a request after a block, some hundred microseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the agent asks the modem to do.
#[derive(Debug)]
pub enum ModemRequest {
    /// Tell the soft state.
    Export,
    /// Take a soft state.
    Import(Box<ModemSoftState>),
    /// Give nothing out any more.
    Freeze,
    /// Go on.
    Resume,
    /// Tell what has come from tun since the freeze.
    Unsent,
    /// Send what another modem could not.
    Forward(Vec<String>),
    /// Take a route table.
    SetRoutes(Vec<Route>),
}

type Answer = Result<Value, String>;

/// Requests that wait, and what wakes the modem's thread.
#[derive(Debug)]
pub struct ModemRequests {
    waiting: Mutex<VecDeque<(ModemRequest, SyncSender<Answer>)>>,
    /// Wakes it when there is a request.
    pub waker: Waker,
}

impl ModemRequests {
    /// No requests yet.
    ///
    /// # Errors
    /// Of the system.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waiting: Mutex::default(), waker: Waker::new()? })
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(ModemRequest, SyncSender<Answer>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits a request and waits for its answer.
    ///
    /// # Errors
    /// A sentence of the modem, or that it is too busy.
    pub fn submit(&self, request: ModemRequest) -> Answer {
        let (sender, answer) = sync_channel(1);
        self.waiting().push_back((request, sender));
        self.waker.wake();
        answer.recv_timeout(PATIENCE).unwrap_or_else(|why| {
            Err(match why {
                RecvTimeoutError::Timeout => "the modem is too busy to answer; ask again".into(),
                RecvTimeoutError::Disconnected => "the modem has ended".into(),
            })
        })
    }

    /// The next request, and where its answer goes.
    pub fn next(&self) -> Option<(ModemRequest, SyncSender<Answer>)> {
        self.waiting().pop_front()
    }
}

impl ModemRequest {
    /// Performs it.
    ///
    /// # Errors
    /// A sentence; the modem is as before.
    pub fn perform(self, modem: &mut Modem, out: &mut impl Outlet) -> Answer {
        match self {
            Self::Export => state(modem)?.ok_or_else(|| "the modem is not in sync: it has no soft state yet".into()),
            Self::Import(state) => modem.inherit(&state).map(|()| Value::Null),
            Self::Freeze => {
                modem.freeze();
                Ok(json!({ "state": state(modem)? }))
            }
            Self::Resume => {
                let resumed = modem.resume(out);
                serde_json::to_value(resumed).map_err(|e| format!("the answer cannot be written: {e}"))
            }
            Self::Unsent => Ok(json!({ "packets": modem.unsent() })),
            Self::Forward(packets) => modem.forward(&packets).map(|()| Value::Null),
            Self::SetRoutes(routes) => modem.set_routes(&routes, out).map(|()| Value::Null),
        }
    }
}

fn state(modem: &Modem) -> Result<Option<Value>, String> {
    let state = modem.export().map(serde_json::to_value).transpose();
    state.map_err(|e| format!("the soft state cannot be written: {e}"))
}
