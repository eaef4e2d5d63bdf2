//! Attaching to an N210 that is already initialised: everything that a stream needs, and nothing of clocks, converters and boards.
//!
//! All of it goes through the control port, so that a host that attaches does not disturb another that uses the fast one.

use std::io;
use std::net::UdpSocket;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::chain::RxChain;
use super::control::{ControlPort, Write};
use super::plan::RadioPlan;
use super::sockets;
use n210_wire::register::{NEXT_PACKET, ROUTER_PORTS, RX_HEADER_TEMPLATE, flow_by_packets, flow_by_time};
use n210_wire::stream_tx::STREAM_ID as TX_STREAM;
use n210_wire::{SetDestination, StreamCommand, StreamMode, port, sr};

/// A radio that is silent for this long is not there: a present one answers in milliseconds.
pub const DEADLINE: Duration = Duration::from_secs(1);

/// The radio reports room in its transmit queue this often: every 50 ms, and eight times in a full queue.
const REPORT_TICKS: u32 = (n210_wire::TICKS_PER_SECOND / 20) as u32;
const REPORT_PACKETS: u16 = (n210_wire::stream_tx::WINDOW / 8) as u16;

/// 16-bit samples on the wire.
const SC16: u32 = 0;

/// Sets up both streams: destinations, rates, frequencies, flow control, sequences. The receive stream is left stopped.
///
/// # Errors
/// A sentence that names what did not answer.
pub fn attach(control: &mut ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &RadioPlan, chain: RxChain) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    let device = plan.device;
    let route = |e: io::Error| format!("this host has no way to the radio at {device}: {e}");
    control.connect().map_err(route)?;
    control.hello(deadline)?;
    sockets::connect(rx, device, chain.port()).map_err(route)?;
    sockets::connect(tx, device, port::TX).map_err(route)?;
    // Stopped first, so that nothing of the former owner's stream comes this way.
    reset(control, chain, deadline)?;
    claim(rx).and_then(|()| claim(tx)).map_err(route)?;
    control.write(&receive_registers(plan, chain), deadline)?;
    control.write(&transmit_registers(plan), deadline)
}

/// Asks a data port to send to this socket from now on.
///
/// # Errors
/// Of the socket.
pub fn claim(socket: &UdpSocket) -> io::Result<()> {
    socket.send(SetDestination::Sender.encode(&mut [0; 16])).map(drop)
}

/// Asks both data ports to send here from now on, over the connections that there are: a socket that is connected again is closed for a
/// moment, and the ICMP of that moment would stop a stream. Only where this host's address has changed they are.
///
/// # Errors
/// A sentence when there is no way to the radio.
pub fn claim_both(control: &ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &RadioPlan, chain: RxChain) -> Result<(), String> {
    let both = || claim(rx).and_then(|()| claim(tx));
    // An earlier ICMP shows as the first call's error, without a meaning for this one.
    if both().or_else(|_| both()).is_ok() {
        return Ok(());
    }
    let device = plan.device;
    let again = control
        .connect()
        .and_then(|()| sockets::connect(rx, device, chain.port()))
        .and_then(|()| sockets::connect(tx, device, port::TX))
        .and_then(|()| both());
    again.map_err(|e| format!("this host has no way to the radio at {device}: {e}"))
}

/// Has streams that run for another host come here instead: settings, transmit queue and sequence are as that one left them. The streams are
/// asked for first, and no acknowledgement is waited for: samples are the answer.
///
/// # Errors
/// A sentence when there is no way to the radio.
pub fn join(control: &mut ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &RadioPlan, chain: RxChain) -> Result<(), String> {
    let device = plan.device;
    let joined = sockets::connect(rx, device, chain.port())
        .and_then(|()| claim(rx))
        .and_then(|()| sockets::connect(tx, device, port::TX))
        .and_then(|()| claim(tx))
        .and_then(|()| control.connect())
        // A stray ICMP of the former owner's host turns the reports of room off.
        .and_then(|()| control.post(&flow_registers()));
    joined.map_err(|e| format!("this host has no way to the radio at {device}: {e}"))
}

/// Has the reports of the transmit side come here, over a connection that there is: what is in its queue goes out, and our first packet is the
/// next in sequence. No acknowledgement is waited for.
///
/// # Errors
/// A sentence when there is no way to the radio.
pub fn take_transmit_side(control: &mut ControlPort, tx: &UdpSocket, plan: &RadioPlan) -> Result<(), String> {
    let claimed = claim(tx).or_else(|_| claim(tx)).and_then(|()| control.post(&flow_registers()));
    claimed.map_err(|e| format!("this host has no way to the radio at {}: {e}", plan.device))
}

/// Has running streams come to the address that this host has towards the radio now, without the loss of a sample: the receive socket takes
/// what comes to any address while both are on their way.
///
/// # Errors
/// A sentence when there is no way to the radio, or it does not acknowledge.
pub fn move_streams(
    control: &mut ControlPort,
    rx: &UdpSocket,
    tx: &UdpSocket,
    plan: &RadioPlan,
    chain: RxChain,
    sending: &Mutex<()>,
) -> Result<(), String> {
    let (device, deadline) = (plan.device, Instant::now() + DEADLINE);
    let route = |e: io::Error| format!("this host has no way to the radio at {device}: {e}");
    control.connect().map_err(route)?;
    control.hello(deadline)?;
    {
        // A burst that is sent meanwhile would find no connection.
        let _between_bursts = sending.lock().unwrap_or_else(PoisonError::into_inner);
        sockets::connect(tx, device, port::TX).and_then(|()| claim(tx)).map_err(route)?;
    }
    sockets::disconnect(rx).map_err(route)?;
    rx.send_to(SetDestination::Sender.encode(&mut [0; 16]), (device, chain.port())).map_err(route)?;
    // A report to the old address may have been answered with an ICMP. With the second answer all that went to the old address is here.
    control.write(&flow_registers(), deadline)?;
    control.hello(deadline)?;
    sockets::connect(rx, device, chain.port()).map_err(route)
}

/// Starts the receive stream at once.
///
/// # Errors
/// The radio does not acknowledge in time.
pub fn start(control: &mut ControlPort, chain: RxChain, within: Duration) -> Result<(), String> {
    control.write(&command(chain, StreamMode::Continuous, None), Instant::now() + within)
}

/// Stops the receive stream.
///
/// # Errors
/// The radio does not acknowledge by `deadline`.
pub fn stop(control: &mut ControlPort, chain: RxChain, deadline: Instant) -> Result<(), String> {
    control.write(&command(chain, StreamMode::Stop, None), deadline)
}

/// Stops a receive chain without an answer packet, and clears its commands.
///
/// # Errors
/// The radio does not acknowledge by `deadline`.
pub fn reset(control: &mut ControlPort, chain: RxChain, deadline: Instant) -> Result<(), String> {
    control.write(&reset_registers(chain), deadline)
}

/// What stops a receive chain.
pub const fn reset_registers(chain: RxChain) -> [Write; 1] {
    [(chain.register(sr::RX0_RESET), 0)]
}

/// Turns the reports of room in the transmit queue on again: a stray ICMP turns them off.
///
/// # Errors
/// The radio does not acknowledge.
pub fn report_room(control: &mut ControlPort) -> Result<(), String> {
    control.write(&flow_registers(), Instant::now() + DEADLINE)
}

/// A command to a receive chain, at a tick or at once.
pub fn command(chain: RxChain, mode: StreamMode, at: Option<u64>) -> [Write; 3] {
    let registers = [sr::RX0_COMMAND, sr::RX0_COMMAND_TIME_HIGH, sr::RX0_COMMAND_TIME_LOW].map(|of_zero| chain.register(of_zero));
    let [first, second, third] = StreamCommand { mode, at }.words();
    [(registers[0], first), (registers[1], second), (registers[2], third)]
}

/// Settings of a receive chain.
pub fn receive_registers(plan: &RadioPlan, chain: RxChain) -> Vec<Write> {
    let mut writes = vec![
        (sr::RX0_HEADER, RX_HEADER_TEMPLATE),
        (sr::RX0_STREAM_ID, chain.stream_id()),
        (sr::RX0_TRAILER, 0),
        (sr::RX0_FORMAT, SC16),
        (sr::RX0_SAMPLES, plan.samples_per_packet as u32),
        (sr::RX0_DECIMATION, plan.rx.rate),
        (sr::RX0_SCALE, plan.rx.scale),
    ];
    writes.extend(plan.rx.frequency.map(|word| (sr::RX0_FREQUENCY, word)));
    writes.into_iter().map(|(of_zero, value)| (chain.register(of_zero), value)).collect()
}

fn transmit_registers(plan: &RadioPlan) -> Vec<Write> {
    let mut writes = vec![
        (sr::ROUTER_PORTS, ROUTER_PORTS),
        // What the former owner left in the queue would go out with our carrier, or block it until its time comes.
        (sr::TX_CLEAR, 1),
        (sr::TX_CLEAR, 0),
        (sr::TX_STREAM_ID, TX_STREAM),
        (sr::TX_UNDERFLOW_POLICY, NEXT_PACKET),
        (sr::TX_FORMAT, SC16),
        (sr::TX_INTERPOLATION, plan.tx.rate),
        (sr::TX_SCALE, plan.tx.scale),
    ];
    writes.extend(plan.tx.frequency.map(|word| (sr::TX_FREQUENCY, word)));
    writes.extend(flow_registers());
    writes
}

/// Has the radio report the room in its transmit queue.
pub fn flow_registers() -> [Write; 2] {
    [(sr::TX_FLOW_TIME, flow_by_time(REPORT_TICKS)), (sr::TX_FLOW_PACKETS, flow_by_packets(REPORT_PACKETS))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::radio;

    #[test]
    fn registers_are_written_in_the_order_that_the_radio_needs() {
        let plan = RadioPlan::new(&radio()).unwrap();
        let rx = receive_registers(&plan, RxChain::Zero);
        assert!(rx.contains(&(36, 0x1410_0000)) && rx.contains(&(39, 363)) && rx.contains(&(48, 0xCCCC_CCCD)));
        let other = receive_registers(&plan, RxChain::One);
        assert!(other.contains(&(84, 0x1410_0000)) && other.contains(&(85, 4)) && other.contains(&(96, 0xCCCC_CCCD)));
        let tx = transmit_registers(&plan);
        let at = |register| tx.iter().position(|(r, _)| *r == register).unwrap();
        assert!(at(144) < at(146), "the queue is emptied before its sequence begins");
        assert_eq!(tx[tx.len() - 2..], [(148, 0x804C_4B40), (149, 0x8000_0059)]);
        assert_eq!(command(RxChain::Zero, StreamMode::Continuous, None), [(32, 0xE000_0001), (33, 0), (34, 0)]);
        assert_eq!(command(RxChain::Zero, StreamMode::Stop, None)[0], (32, 0x9000_0000));
        let timed = command(RxChain::One, StreamMode::Continuous, Some((1 << 32) + 5));
        assert_eq!(timed, [(80, 0x6000_0001), (81, 1), (82, 5)]);
    }
}
