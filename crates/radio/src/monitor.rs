//! Watches the radio once a second, on the control port: whether its clock is locked, and who has last opened a UHD session on it. No stream is
//! touched.

use std::time::{Duration, Instant};

use super::control::ControlPort;
use super::session::Session;
use n210_wire::register::{firmware, rb};

const PERIOD: Duration = Duration::from_secs(1);
/// A radio that does not answer within this is asked again in a second.
const DEADLINE: Duration = Duration::from_millis(200);
/// Bit of the status word: locked to the reference.
const REFERENCE_LOCKED: u32 = 1 << 11;

/// Watches for as long as the process lives. A process that hears no samples asks nothing: the radio may be another host's by now.
pub fn run(session: &Session) {
    let Ok(mut control) = ControlPort::make(session.plan.device) else { return };
    let mut heard = 0;
    loop {
        std::thread::sleep(PERIOD);
        let now = session.counters.snapshot().rx_samples;
        let serves = session.linked() && !session.overlaps() && !session.park.is_parking() && now != heard;
        heard = now;
        if !serves {
            session.radio.forget();
            continue;
        }
        if control.connect().is_err() {
            continue;
        }
        if let Ok(word) = control.read(rb::STATUS, Instant::now() + DEADLINE) {
            session.radio.set_locked(word & REFERENCE_LOCKED != 0);
        }
        // UHD leaves the mark of its process in the radio when it opens a session; what it means that it changes, the agent knows.
        if let Ok(mark) = control.read_firmware(firmware::LOCK_OWNER, Instant::now() + DEADLINE) {
            session.radio.set_session_mark(mark);
        }
    }
}
