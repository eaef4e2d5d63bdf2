//! Watches whether the radio's clock is locked, once a second, on the control port: no stream is touched.

use std::time::{Duration, Instant};

use super::control::ControlPort;
use super::session::Session;
use n210_wire::register::rb;

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
            session.clock.set(None);
            continue;
        }
        let asked =
            control.connect().map_err(|_| ()).and_then(|()| control.read(rb::STATUS, Instant::now() + DEADLINE).map_err(|_| ()));
        if let Ok(word) = asked {
            session.clock.set(Some(word & REFERENCE_LOCKED != 0));
        }
    }
}
