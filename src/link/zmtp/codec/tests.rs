use super::*;
use proptest::prelude::*;

fn hello() -> BytesMut {
    let mut bytes = BytesMut::new();
    let mut codec = Codec::new(Limits::COMMANDS);
    codec.encode(Outgoing::Greeting, &mut bytes).unwrap();
    codec.encode(Outgoing::Ready(vec![("Socket-Type".into(), Bytes::from_static(b"REQ"))]), &mut bytes).unwrap();
    bytes
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put_frame(flags, body, &mut out);
    out.to_vec()
}

/// What is heard of a stream that arrives in pieces of this size, and how much was reserved for it at most.
fn hear(limits: Limits, stream: &[u8], size: usize) -> (io::Result<Vec<Incoming>>, usize) {
    let (mut codec, mut input, mut heard, mut reserved) = (Codec::new(limits), BytesMut::new(), Vec::new(), 0);
    for piece in stream.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match codec.decode(&mut input) {
                Ok(Some(said)) => heard.push(said),
                Ok(None) => break,
                Err(e) => return (Err(e), reserved),
            }
        }
        reserved = reserved.max(input.capacity());
    }
    (Ok(heard), reserved)
}

fn messages(stream: &[u8]) -> Vec<Message> {
    let heard = hear(Limits::COMMANDS, stream, 4096).0.unwrap();
    heard.into_iter().filter_map(|said| if let Incoming::Message(message) = said { Some(message) } else { None }).collect()
}

fn whole(frames: &[&[u8]]) -> Message {
    Message { frames: frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect(), excess: None }
}

#[test]
fn messages_are_heard_however_they_are_cut() {
    let mut stream = hello().to_vec();
    stream.extend(frame(MORE, b""));
    stream.extend(frame(0, &[7; 300]));
    stream.extend(frame(0, b""));
    for size in [1, 2, 63, 64, 65, 1000] {
        let heard = hear(Limits::COMMANDS, &stream, size).0.unwrap();
        let ready = Incoming::Ready(vec![("Socket-Type".into(), Bytes::from_static(b"REQ"))]);
        let said = [whole(&[b"", &[7; 300]]), whole(&[b""])].map(Incoming::Message);
        assert_eq!(heard, [[Incoming::Greeting, ready], said].concat(), "in pieces of {size}");
    }
}

#[test]
fn what_is_too_large_is_reported_and_the_stream_goes_on() {
    let length = protocol::MAX_FRAME + 2000;
    let mut stream = hello().to_vec();
    stream.extend(frame(MORE, b""));
    stream.extend(frame(0, &vec![7; length]));
    stream.extend(frame(MORE, b"x").repeat(1000));
    stream.extend(frame(0, b"x"));
    stream.extend(frame(0, b"next"));
    let heard = messages(&stream);
    assert_eq!(heard[0], Message { frames: vec![Bytes::new()], excess: Some(Excess::Bytes(length as u64)) });
    assert_eq!((heard[1].frames.len(), heard[1].excess), (Limits::COMMANDS.frames, Some(Excess::Frames)));
    assert_eq!(heard[2], whole(&[b"next"]));
}

#[test]
fn a_frame_that_announces_everything_reserves_nothing() {
    for length in [u64::MAX, 1 << 62, protocol::MAX_FRAME as u64 + 1025] {
        for limits in [Limits::COMMANDS, Limits::SUBSCRIPTIONS] {
            let mut stream = hello().to_vec();
            stream.push(LONG);
            stream.extend(length.to_be_bytes());
            stream.extend([0; 100]);
            let (heard, reserved) = hear(limits, &stream, 1000);
            assert!(heard.is_ok() && reserved < 10_000, "{reserved} bytes");
        }
    }
}

#[test]
fn heartbeats_are_heard_and_other_commands_mean_nothing() {
    let mut stream = hello().to_vec();
    stream.extend(frame(COMMAND, b"\x04PING\0\x0aabc"));
    stream.extend(frame(COMMAND, b"\x04PONG"));
    stream.extend(frame(COMMAND, b"\x09SUBSCRIBEx"));
    let heard = hear(Limits::COMMANDS, &stream, 1000).0.unwrap();
    assert_eq!(heard[2..], [Incoming::Ping(Bytes::from_static(b"abc"))]);
    let mut out = BytesMut::new();
    Codec::new(Limits::COMMANDS).encode(Outgoing::Pong(Bytes::from_static(b"abc")), &mut out).unwrap();
    assert_eq!(&out[..], b"\x04\x08\x04PONGabc");
}

#[test]
fn strangers_are_refused() {
    let greeting = &hello()[..GREETING];
    let with = |tail: &[u8]| hear(Limits::COMMANDS, &[greeting, tail].concat(), 1000).0;
    for tail in [
        &[0x80, 1, 0][..],
        &[0, 1, 0],
        &[COMMAND | MORE, 0],
        &[COMMAND | LONG, 1, 0, 0, 0, 0, 0, 0, 0],
        b"\x04\x00",
        b"\x04\x06\x05READ.",
    ] {
        assert!(with(tail).is_err(), "{tail:?}");
    }
    for cut in [b"\x04\x07\x05READY\x63", b"\x04\x0b\x05READY\x00\0\0\0"] as [&[u8]; 2] {
        assert!(!matches!(with(cut), Ok(heard) if heard.len() > 1), "{cut:?}");
    }
    assert!(hear(Limits::COMMANDS, b"GET / HTTP/1.1", 1000).0.is_err());
    let mut curve = greeting.to_vec();
    curve[12..17].copy_from_slice(b"CURVE");
    let mut old = greeting.to_vec();
    old[10] = 1;
    assert!(hear(Limits::COMMANDS, &curve, 1000).0.is_err() && hear(Limits::COMMANDS, &old, 1000).0.is_err());
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_reserve_beyond_the_limits(tail in prop::collection::vec(any::<u8>(), 0..2000), size in 1_usize..100) {
        let stream = [&hello()[..], &tail].concat();
        let (heard, reserved) = hear(Limits::SUBSCRIPTIONS, &stream, size);
        prop_assert!(reserved < 16_384);
        prop_assert_eq!(format!("{heard:?}"), format!("{:?}", hear(Limits::SUBSCRIPTIONS, &stream, 3).0));
    }
}
