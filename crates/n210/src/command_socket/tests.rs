//! The command socket against clients that behave and clients that do not.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::air::medium::{Medium, Path as Way};
use crate::board::eeprom::RadioIdentity;
use protocol::ErrorCode;

fn world() -> World {
    let identity = |name| RadioIdentity::new(name, std::net::Ipv4Addr::new(192, 168, 10, 2));
    World::new(vec![identity("pool"), identity("far")], Medium { path: Way::default(), noise_dbfs: -47.0, seed: 1 })
}

struct Desk {
    socket: CommandSocket,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n210.sock");
    Desk { socket: CommandSocket::open(&path).unwrap(), path, _folder: folder }
}

impl Desk {
    fn client(&mut self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_nonblocking(true).unwrap();
        self.socket.serve(|_| unreachable!("nobody has said anything"));
        stream
    }

    /// Serves until nothing is left to answer; the lines that were answered.
    fn serve(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            self.socket.serve(|line| {
                lines.push(line.to_owned());
                format!("ok: {line}")
            });
            if !self.socket.has_lines() {
                return lines;
            }
        }
    }
}

fn replies(mut stream: &UnixStream) -> String {
    let mut text = Vec::new();
    // Ends with "would block" or with the end of the stream.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn a_line_is_an_event_and_has_a_reply() {
    let mut world = world();
    let mut say = |line: &str| answer(line, &mut world);
    assert_eq!(
        say("fault = { radio = \"pool\", kind = \"drop\", probability = 0.5, port = 49157, for = 2 }"),
        "ok: pool drops each packet with probability 0.5, port 49157, for 2 s"
    );
    assert_eq!(say("path = { from = \"far\", to = \"pool\", blocked = true }"), "ok: the path from far to pool is blocked");
    assert_eq!(say("radio = { name = \"far\", carrier_offset_hz = 5 }"), "ok: radio far is off by 5 Hz");
    assert_eq!(say("fault = { radio = \"far\", kind = \"overflow\" }"), "error: no receive chain of far runs that could overflow");
    let wrong = say("fault = { radio = \"pool\", kind = \"drop\", every = 0 }");
    assert!(wrong.starts_with("error: wrong event: the event, key `fault.every`: 0"), "{wrong}");
    let report: serde_json::Value = serde_json::from_str(&say("status")).unwrap();
    let pool = &report["radios"][0];
    assert_eq!((&pool["name"], &pool["ticks"], &pool["packets_in"]), (&"pool".into(), &0.into(), &0.into()));
    assert_eq!(pool["faults"][0], "drops each packet with probability 0.5, port 49157, for 2 s");
    assert!(pool["running"].as_object().is_some_and(serde_json::Map::is_empty));
}

#[test]
fn the_socket_is_private_and_goes_with_its_process() {
    let mut desk = desk();
    assert_eq!(std::fs::metadata(&desk.path).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = CommandSocket::open(&desk.path).err().unwrap();
    assert!(refused.code == ErrorCode::State && refused.message.contains("another process listens"), "{refused}");
    // What a killed process leaves: a file nobody listens at.
    let stale = desk.path.with_extension("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    drop(CommandSocket::open(&stale).unwrap());
    assert!(!stale.exists());
    std::fs::write(&stale, "precious").unwrap();
    let refused = CommandSocket::open(&stale).err().unwrap();
    assert!(refused.message.contains("no socket") && std::fs::read(&stale).unwrap() == b"precious", "{refused}");
    assert!(CommandSocket::open(Path::new("/no/such/folder/x")).is_err());
    desk.socket.serve(|_| unreachable!());
    // Another process that took the place keeps it.
    std::fs::remove_file(&desk.path).unwrap();
    std::fs::write(&desk.path, "").unwrap();
    drop(desk.socket);
    assert!(desk.path.exists());
}

#[test]
fn lines_come_in_pieces_and_in_numbers() {
    let mut desk = desk();
    let mut client = desk.client();
    client.write_all(b"one").unwrap();
    assert!(desk.serve().is_empty());
    client.write_all(b" and a half\ntwo\r\nthr").unwrap();
    assert_eq!(desk.serve(), ["one and a half", "two"]);
    client.write_all(b"ee\n\xFF\xFE\n").unwrap();
    assert_eq!(desk.serve(), ["three"]);
    assert_eq!(replies(&client), "ok: one and a half\nok: two\nok: three\nerror: the line is not text in UTF-8\n");
    drop(client);
    desk.serve();
    assert!(desk.socket.clients.is_empty());
}

#[test]
fn one_turn_answers_one_line_of_a_client() {
    let mut desk = desk();
    let mut client = desk.client();
    client.write_all(&b"x\n".repeat(100)).unwrap();
    let mut answered = 0;
    desk.socket.serve(|_| {
        answered += 1;
        "ok: ".into()
    });
    assert!(answered <= 1 && desk.socket.has_lines());
    assert_eq!(desk.serve().len() + answered, 100);
}

#[test]
fn who_writes_too_much_or_never_reads_is_cut_off() {
    let mut desk = desk();
    let mut client = desk.client();
    client.write_all(&[b'x'; LONGEST + 1]).unwrap();
    assert!(desk.serve().is_empty() && desk.socket.clients.is_empty());
    assert_eq!(replies(&client), "error: a line has at most 4096 bytes\n");
    let mut client = desk.client();
    // A reply longer than what was asked, until the buffer is full.
    for _ in 0..10_000 {
        if desk.socket.clients.is_empty() {
            return;
        }
        let _ = client.write_all(b"x\n");
        desk.socket.serve(|_| "y".repeat(4000));
    }
    panic!("a client that never reads is still served");
}

#[test]
fn more_clients_than_there_is_room_for_are_told_so() {
    let mut desk = desk();
    let mut clients: Vec<UnixStream> = (0..CLIENTS).map(|_| desk.client()).collect();
    let late = desk.client();
    assert!(replies(&late).starts_with("error: 8 others are connected"));
    clients[7].write_all(b"still here\n").unwrap();
    assert_eq!(desk.serve(), ["still here"]);
    drop(clients.remove(0));
    desk.serve();
    let mut next = desk.client();
    next.write_all(b"me\n").unwrap();
    assert_eq!(desk.serve(), ["me"]);
}

#[test]
fn tell_speaks_to_the_socket() {
    let mut desk = desk();
    let path = desk.path.clone();
    let told = std::thread::spawn(move || {
        let good = tell::tell(&path, " status ");
        let bad = tell::tell(&path, "bad");
        (good, bad, tell::tell(&path, "a\nb"), tell::tell(&path.with_extension("none"), "x"))
    });
    let mut answered = 0;
    while answered < 2 {
        desk.socket.serve(|line| {
            answered += 1;
            if line == "status" { "{}".into() } else { format!("{WRONG}no") }
        });
        std::thread::yield_now();
    }
    let (good, bad, long, none) = told.join().unwrap();
    assert_eq!(good, Ok(()));
    let codes = [bad, long, none].map(|told| told.unwrap_err().exit_code());
    assert_eq!(codes, [2, 2, 3]);
}

proptest! {
    #[test]
    fn no_bytes_on_the_socket_are_a_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), text in "\\PC{0,80}") {
        let (mut desk, mut world) = (desk(), world());
        let mut client = desk.client();
        for piece in pieces {
            let _ = client.write_all(&piece);
            let _ = client.write_all(b"\n");
            desk.socket.serve(|line| answer(line, &mut world));
        }
        while desk.socket.has_lines() {
            desk.socket.serve(|line| answer(line, &mut world));
        }
        let reply = answer(&text, &mut world);
        prop_assert!(reply.starts_with(FAILED) || text.trim() == STATUS);
        client.set_nonblocking(true).unwrap();
        for line in BufReader::new(client).lines().map_while(Result::ok) {
            prop_assert!(line.starts_with(FAILED) || line.starts_with(DONE), "{}", line);
        }
    }
}
