//! How a workload process speaks with its agent and with its sibling: the contract socket and the sample socket.
//!
//! Used by `radio` and `modem` (the processes) and by `agent` (their keeper). `docs/workload.md` documents both sockets so that a
//! laboratory's own program can take the place of either process.

pub mod clock;
pub mod contract;
pub mod keeper;
pub mod log;
pub mod realtime;
pub mod runtime;
pub mod samples;
pub mod seqpacket;
pub mod serve;
pub mod signals;
pub mod standby;
pub mod tun;
pub mod waker;
