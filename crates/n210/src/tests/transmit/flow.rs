//! What flow control reports, and what a full queue holds back.

use super::*;

#[test]
fn flow_control_tells_of_a_packet_whose_numbers_were_read_ahead() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.set(host, &[(sr::TX_FLOW_TIME, register::flow_by_time(10_000))]);
    let samples = [Sample::default(); 363];
    for sequence in 0..4 {
        bench.transmit(host, numbered(sequence), &samples);
    }
    bench.transmit(host, last(4), &ONE);
    bench.0.advance(40_000);
    // A packet lasts 18876 ticks; the next one is read 832 before its end.
    assert_eq!(
        bench.events(host),
        [(TxMessage::FlowControl, 0, 10_002), (TxMessage::FlowControl, 1, 20_006), (TxMessage::FlowControl, 1, 30_010)]
    );
    bench.0.advance(100_000);
    let ack = bench.events(host).into_iter().find(|event| event.0 == TxMessage::BurstAck);
    assert_eq!(ack, Some((TxMessage::BurstAck, 4, 4 * 18_876 + 52 + 3)));
}

#[test]
fn a_burst_ack_is_about_its_own_packet() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.transmit(host, last(0), &ONE);
    bench.transmit(host, TxHeader { tick: Some(9_000), ..last(1) }, &ONE);
    bench.0.advance(100);
    let ack = bench.datagrams(0).pop().unwrap();
    // The low half of the word before the last sequence is the code, the upper one the packet's number.
    assert_eq!(ack.payload[16..], [0, 0, 0, 1, 0, 0, 0, 1]);
}

#[test]
fn clearing_empties_the_queue_and_discards_what_comes() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.transmit(host, TxHeader { tick: Some(10_000), ..last(0) }, &ONE);
    bench.set(host, &[(sr::TX_CLEAR, 1)]);
    bench.transmit(host, last(0), &ONE);
    bench.0.advance(20_000);
    assert_eq!(bench.events(host), []);
    bench.set(host, &[(sr::TX_CLEAR, 0)]);
    bench.transmit(host, last(0), &ONE);
    bench.pass(100);
    assert_eq!(codes(&mut bench, host), [(TxMessage::BurstAck, 0)]);
}

#[test]
fn a_full_queue_holds_back_all_that_comes_behind() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let samples = [Sample::default(); 363];
    let mut packet = [0; 1472];
    // 1464 bytes each: 716 fill the queue, five more and an answer fit behind the Ethernet port.
    for n in 0..730u32 {
        let header = TxHeader { tick: (n == 0).then_some(1_000_000), ..numbered(n) };
        let length = header.encode(&samples, &mut packet).unwrap();
        bench.send(host, port::TX, &packet[..length]);
    }
    bench.send(host, port::CONTROL, &Control::request(5, Message::Hello).encode());
    bench.0.advance(999_999);
    assert!(bench.datagrams(0).is_empty(), "not even the control port answers");
    bench.0.advance(1_000_000 + 730 * 18_876);
    let datagrams = bench.datagrams(0);
    assert!(datagrams.iter().any(|datagram| datagram.ports.0 == port::CONTROL), "it does when there is room again");
    let underflow = datagrams.iter().filter(|d| d.ports.0 == port::TX).map(|d| TxEvent::decode(&d.payload).unwrap());
    let sequences: Vec<u32> = underflow.filter(|e| e.message == TxMessage::Underflow).map(|e| e.sequence).collect();
    assert_eq!(sequences, [720], "716 in the queue, five behind the port, and the rest lost");
}
