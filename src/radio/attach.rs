//! Attaching to an N210 that is already initialised: everything that a stream needs, and nothing of clocks, converters and boards.
//!
//! All of it goes through the control port, so that a host that attaches does not disturb another that uses the fast one.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::control::{ControlPort, Write};
use super::plan::Plan;
use super::wire::register::{NEXT_PACKET, ROUTER_PORTS, RX_HEADER_TEMPLATE, flow_by_packets, flow_by_time};
use super::wire::stream_rx::STREAM_ID as RX_STREAM;
use super::wire::stream_tx::STREAM_ID as TX_STREAM;
use super::wire::{SetDestination, StreamCommand, StreamMode, port, sr};
use super::{sockets, wire};

/// The radio's silence is an answer after this: a present one answers in milliseconds.
pub const DEADLINE: Duration = Duration::from_secs(1);

/// The radio reports room in its transmit queue this often: every 50 ms, and eight times in a full queue.
const REPORT_TICKS: u32 = (wire::TICKS_PER_SECOND / 20) as u32;
const REPORT_PACKETS: u16 = (wire::stream_tx::WINDOW / 8) as u16;

/// 16-bit samples on the wire.
const SC16: u32 = 0;

/// Sets up both streams: destinations, rates, frequencies, flow control, sequences. The receive stream is left stopped.
///
/// # Errors
/// A sentence that names what did not answer.
pub fn attach(control: &mut ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &Plan) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    let device = plan.device;
    let route = |e: io::Error| format!("this host has no way to the radio at {device}: {e}");
    control.connect().map_err(route)?;
    control.hello(deadline)?;
    sockets::connect(rx, device, port::RX0).map_err(route)?;
    sockets::connect(tx, device, port::TX).map_err(route)?;
    // Stopped first, so that nothing of the former owner's stream comes this way.
    control.write(&[(sr::RX0_RESET, 0)], deadline)?;
    claim(rx).and_then(|()| claim(tx)).map_err(route)?;
    control.write(&receive_registers(plan), deadline)?;
    control.write(&transmit_registers(plan), deadline)
}

/// Asks a data port to send to this socket from now on.
///
/// # Errors
/// Of the socket.
fn claim(socket: &UdpSocket) -> io::Result<()> {
    socket.send(SetDestination::Sender.encode(&mut [0; 16])).map(drop)
}

/// Asks both data ports to send here from now on, over the connections that there are: a socket that is connected anew is closed for a
/// moment, and the ICMP of that moment would stop a stream. Only where this host's address has changed they are.
///
/// # Errors
/// A sentence when there is no way to the radio.
pub fn claim_both(control: &ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &Plan) -> Result<(), String> {
    let both = || claim(rx).and_then(|()| claim(tx));
    // An earlier ICMP shows as the first call's error, without a meaning for this one.
    if both().or_else(|_| both()).is_ok() {
        return Ok(());
    }
    let device = plan.device;
    let again = control
        .connect()
        .and_then(|()| sockets::connect(rx, device, port::RX0))
        .and_then(|()| sockets::connect(tx, device, port::TX))
        .and_then(|()| both());
    again.map_err(|e| format!("this host has no way to the radio at {device}: {e}"))
}

/// Has streams that run for another host come here instead: settings, transmit queue and sequence are as that one left them. The streams are
/// asked for first, and no acknowledgement is waited for: samples are the answer.
///
/// # Errors
/// A sentence when there is no way to the radio.
pub fn join(control: &mut ControlPort, rx: &UdpSocket, tx: &UdpSocket, plan: &Plan) -> Result<(), String> {
    let device = plan.device;
    let joined = sockets::connect(rx, device, port::RX0)
        .and_then(|()| claim(rx))
        .and_then(|()| sockets::connect(tx, device, port::TX))
        .and_then(|()| claim(tx))
        .and_then(|()| control.connect())
        // A stray ICMP of the former owner's host turns the reports of room off.
        .and_then(|()| control.post(&flow_registers()));
    joined.map_err(|e| format!("this host has no way to the radio at {device}: {e}"))
}

/// Starts the receive stream at once.
///
/// # Errors
/// The radio does not acknowledge in time.
pub fn start(control: &mut ControlPort, within: Duration) -> Result<(), String> {
    control.write(&command(StreamMode::Continuous), Instant::now() + within)
}

/// Stops the receive stream.
///
/// # Errors
/// The radio does not acknowledge by `deadline`.
pub fn stop(control: &mut ControlPort, deadline: Instant) -> Result<(), String> {
    control.write(&command(StreamMode::Stop), deadline)
}

/// Turns the reports of room in the transmit queue on again: a stray ICMP turns them off.
///
/// # Errors
/// The radio does not acknowledge.
pub fn report_room(control: &mut ControlPort) -> Result<(), String> {
    control.write(&flow_registers(), Instant::now() + DEADLINE)
}

fn command(mode: StreamMode) -> [Write; 3] {
    let [word, high, low] = StreamCommand { mode, at: None }.words();
    [(sr::RX0_COMMAND, word), (sr::RX0_COMMAND_TIME_HIGH, high), (sr::RX0_COMMAND_TIME_LOW, low)]
}

fn receive_registers(plan: &Plan) -> Vec<Write> {
    let mut writes = vec![
        (sr::RX0_HEADER, RX_HEADER_TEMPLATE),
        (sr::RX0_STREAM_ID, RX_STREAM),
        (sr::RX0_TRAILER, 0),
        (sr::RX0_FORMAT, SC16),
        (sr::RX0_SAMPLES, plan.samples_per_packet as u32),
        (sr::RX0_DECIMATION, plan.rx.rate),
        (sr::RX0_SCALE, plan.rx.scale),
    ];
    writes.extend(plan.rx.frequency.map(|word| (sr::RX0_FREQUENCY, word)));
    writes
}

fn transmit_registers(plan: &Plan) -> Vec<Write> {
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

fn flow_registers() -> [Write; 2] {
    [(sr::TX_FLOW_TIME, flow_by_time(REPORT_TICKS)), (sr::TX_FLOW_PACKETS, flow_by_packets(REPORT_PACKETS))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio::plan::tests::radio;

    #[test]
    fn registers_are_written_in_the_order_that_the_radio_needs() {
        let plan = Plan::new(&radio()).unwrap();
        let rx = receive_registers(&plan);
        assert!(rx.contains(&(36, 0x1410_0000)) && rx.contains(&(39, 363)) && rx.contains(&(48, 0xCCCC_CCCD)));
        let tx = transmit_registers(&plan);
        let at = |register| tx.iter().position(|(r, _)| *r == register).unwrap();
        assert!(at(144) < at(146), "the queue is emptied before its sequence begins");
        assert_eq!(tx[tx.len() - 2..], [(148, 0x804C_4B40), (149, 0x8000_0059)]);
        assert_eq!(command(StreamMode::Continuous), [(32, 0xE000_0001), (33, 0), (34, 0)]);
        assert_eq!(command(StreamMode::Stop)[0], (32, 0x9000_0000));
    }
}
