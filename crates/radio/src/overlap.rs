//! Receiving beside another host's process: the radio's other receive chain is started on the sample grid of the one that is in use, while
//! its owner goes on undisturbed. Nothing of the transmit side is touched.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::attach::{self, DEADLINE, claim};
use super::chain::RxChain;
use super::control::ControlPort;
use super::delay;
use super::plan::RadioPlan;
use super::rx::LOOK_AROUND;
use super::sockets;
use n210_wire::stream_rx::RxError;
use n210_wire::{FRAME, RxPacket, StreamMode, TICKS_PER_SECOND, port, sr};

/// A chain that is in use brings a packet within this: at the slowest rate packets of the usual size come every 2 ms.
const LISTEN: Duration = Duration::from_millis(10);

/// Samples that were asked for are there within this, or do not come.
const PATIENCE: Duration = Duration::from_millis(50);

/// How far ahead of the radio's clock the first start is set, ticks; a start that came too late is tried again with twice that.
const LEAD: u64 = TICKS_PER_SECOND / 200;

/// Starts that are tried.
const TRIES: u32 = 4;

/// What a stopped chain had still under way has arrived this long after the radio's answer.
const STRAGGLERS: Duration = Duration::from_millis(1);

/// Two sc16 streams share the radio's gigabit from this decimation on.
pub const SHARED: u32 = 8;

/// Starts `chain` on the grid of samples that has one at tick `grid`, to this host's address as it is now; the tick of its first sample, as it was
/// received. The transmit socket gets its connection, and says nothing.
///
/// # Errors
/// A sentence: the radio does not answer, the chain is in use, or no start was in time and on the grid. The chain is at rest then, if it was ours.
pub fn begin(
    control: &mut ControlPort,
    rx: &UdpSocket,
    tx: &UdpSocket,
    plan: &RadioPlan,
    chain: RxChain,
    grid: u64,
) -> Result<u64, String> {
    let begun = knock(control, rx, tx, plan, chain).and_then(|()| {
        start(control, rx, plan, chain, grid).inspect_err(|_| {
            // A command that is still queued must not take effect later.
            let _ = attach::reset(control, chain, Instant::now() + PATIENCE);
        })
    });
    // The receive thread's timeout again, which begins to read now.
    let _ = rx.set_read_timeout(Some(LOOK_AROUND));
    begun
}

/// Has the chain's packets come here, and makes sure that there are none.
fn knock(control: &mut ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &RadioPlan, chain: RxChain) -> Result<(), String> {
    let device = plan.device;
    let route = |e: std::io::Error| format!("this host has no way to the radio at {device}: {e}");
    control.connect().map_err(route)?;
    control.hello(Instant::now() + DEADLINE)?;
    sockets::connect(rx, device, chain.port()).map_err(route)?;
    sockets::connect(tx, device, port::TX).map_err(route)?;
    claim(rx).map_err(route)?;
    // Whatever arrives belongs to another host, also what cannot be decoded.
    if arrives(rx, Instant::now() + LISTEN, |_| Some(())).is_none() {
        return Ok(());
    }
    let (number, port) = (chain.number(), chain.port());
    Err(format!(
        "receive chain {number} of the radio at {device} is in use by somebody else (port {port}), and this look has taken its stream away"
    ))
}

fn start(control: &mut ControlPort, rx: &UdpSocket, plan: &RadioPlan, chain: RxChain, grid: u64) -> Result<u64, String> {
    let (device, port, step) = (plan.device, chain.port(), u64::from(plan.decimation));
    control.write(&attach::receive_registers(plan, chain), Instant::now() + DEADLINE)?;
    let mut lead = LEAD;
    // What is expected; what is received decides.
    let mut late_by = delay::start(plan.rx.rate, plan.decimation);
    let mut off_grid = None;
    for _ in 0..TRIES {
        // Once more: the first may have been lost on the way.
        claim(rx).map_err(|e| format!("this host has no way to the radio at {device}: {e}"))?;
        control.write(&attach::command(chain, StreamMode::Samples(1), None), Instant::now() + DEADLINE)?;
        let Some(Reception::Samples(now)) = receive(rx, 0, Instant::now() + PATIENCE) else { continue };
        let learnt = Instant::now();
        // The sample has counted.
        control.write(&[(chain.register(sr::RX0_STREAM_ID), chain.stream_id())], learnt + DEADLINE)?;
        let since = (learnt.elapsed().as_nanos() / 10) as u64;
        let at = on_grid(now.saturating_add(since + lead + late_by), grid, step) - late_by;
        control.write(&attach::command(chain, StreamMode::Continuous, Some(at)), Instant::now() + DEADLINE)?;
        match receive(rx, at, Instant::now() + PATIENCE + Duration::from_nanos(lead * 10)) {
            Some(Reception::Samples(first)) if first % step == grid % step => return Ok(first),
            Some(Reception::Samples(first)) => (late_by, off_grid) = ((first - at) % step, Some((at, first))),
            Some(Reception::TooLate) => lead *= 2,
            None => {}
        }
        attach::reset(control, chain, Instant::now() + DEADLINE)?;
        arrives(rx, Instant::now() + STRAGGLERS, |_| None::<()>);
    }
    let number = chain.number();
    Err(off_grid.map_or_else(
        || {
            format!(
                "receive chain {number} of the radio at {device} did not start: no samples came from its port {port}, or every start was late"
            )
        },
        |(at, first)| {
            format!(
                "receive chain {number} of the radio at {device} does not start where it is told: {} ticks behind tick {at}, and no start was on the \
                 grid of the other chain's samples",
                first - at
            )
        },
    ))
}

/// The first tick of the grid that is not before `from`.
const fn on_grid(from: u64, grid: u64, step: u64) -> u64 {
    let at = from - from % step + grid % step;
    if at < from { at + step } else { at }
}

/// What came from the chain.
enum Reception {
    /// Samples, the first of this tick.
    Samples(u64),
    /// The time of a start had passed.
    TooLate,
}

/// The next packet of a chain, if one comes in time; samples only from a tick on.
fn receive(rx: &UdpSocket, from: u64, until: Instant) -> Option<Reception> {
    arrives(rx, until, |bytes| match RxPacket::decode(bytes) {
        Ok(RxPacket::Data(data)) if data.tick < from => None,
        Ok(RxPacket::Data(data)) => Some(Reception::Samples(data.tick)),
        Ok(RxPacket::Context(context)) if context.error == RxError::Late => Some(Reception::TooLate),
        Ok(RxPacket::Context(_)) | Err(_) => None,
    })
}

/// The first datagram that means something, if it comes in time.
fn arrives<T>(rx: &UdpSocket, until: Instant, read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let mut bytes = [0; FRAME];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        // An error of this is one of the next line's.
        let _ = rx.set_read_timeout(Some(left));
        // What is an error to a socket here is an ICMP of an earlier packet, or the timeout.
        let Ok(count) = rx.recv(&mut bytes) else { continue };
        if let Some(found) = read(&bytes[..count]) {
            return Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_start_is_on_the_grid_and_at_most_a_sample_later(from in 0u64..1 << 60, grid in 0u64..1 << 60, step in 1u64..512) {
            let at = on_grid(from, grid, step);
            prop_assert!((from..from + step).contains(&at));
            prop_assert_eq!(at % step, grid % step);
        }
    }
}
