//! A parked `baton usrp`: it leaves the radio alone until it resumes.

use std::net::UdpSocket;
use std::time::Duration;

use n210_wire::port;
use workload::seqpacket::SampleListener;

use super::fake::FakeRadio;
use super::process::{OwnNetwork, SoftwareRadio, Usrp, await_until, radio};
use super::streams::{DECIMATION, SENT_EARLY, TAIL, burst, burst_ahead, linked, receive_contiguous};

/// Longer than the second after which an unparked process would link anew.
const SILENCE: Duration = Duration::from_millis(2200);

#[test]
fn what_was_given_out_is_sent_and_then_nothing() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    let tick = receive_contiguous(&mut d2d, 20_000) + 10_000_000;
    for n in 0..3 {
        d2d.send(&burst(tick + n * 1920 * DECIMATION, 1920)).unwrap();
    }
    let mark = usrp.ask("freeze").unwrap();
    let end_tick = tick + (3 * 1920 + TAIL) * DECIMATION - SENT_EARLY;
    assert_eq!(mark, serde_json::json!({"sequence": 19, "count": 3, "end_tick": end_tick}));
    await_until("three bursts", || fake.state().transmitted.len() == 19);
    assert!(fake.state().transmitted[18].0.end_of_burst);
    d2d.send(&burst(tick + 4 * 1920 * DECIMATION, 1920)).unwrap();
    assert_eq!(usrp.ask("freeze").unwrap(), mark, "frozen while frozen");
    assert_eq!(usrp.ask("status").unwrap()["frozen"], true);

    let said = fake.state().registers.len();
    fake.state().streaming = false;
    std::thread::sleep(SILENCE);
    let state = fake.state();
    assert_eq!((state.starts, state.registers.len(), state.transmitted.len()), (1, said, 19));
    drop(state);
    assert_eq!(usrp.notes, [""; 0]);

    let resumed = usrp.ask("resume").unwrap();
    assert_eq!((&resumed["restarted"], fake.state().starts), (&true.into(), 2));
    assert!(resumed["ms"].as_f64().unwrap() > 0.0);
    let before = usrp.counters().rx_samples;
    await_until("samples flow again", || usrp.counters().rx_samples > before);
    // Behind the number that the radio expects next.
    d2d.send(&burst_ahead(tick, 0, 700)).unwrap();
    await_until("a burst", || fake.state().transmitted.len() == 21);
    assert_eq!(fake.state().transmitted[19].0.sequence, 19);
    assert_eq!(usrp.ask("resume").unwrap()["restarted"], false, "resumed while running");
    assert_eq!(usrp.ask("status").unwrap().get("frozen"), None);
}

#[test]
fn a_clean_end_while_parked_leaves_the_stream_to_its_new_owner() {
    let Some((_network, _folder, fake, mut usrp, _listener, _d2d)) = linked() else { return };
    usrp.ask("freeze").unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(usrp.child.id() as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(usrp.child.wait().unwrap().success());
    assert!(fake.state().streaming);
}

#[test]
fn a_link_ends_the_parking_and_an_unlinked_process_can_be_parked() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let folder = tempfile::tempdir().unwrap();
    let listener = SampleListener::bind(&folder.path().join("samples.sock")).unwrap();
    let fake = FakeRadio::start();
    let mut usrp = Usrp::start(folder.path(), &radio("127.0.0.1"));
    assert_eq!(usrp.ask("freeze").unwrap(), serde_json::json!({"sequence": 0, "count": 0, "end_tick": null}));
    assert_eq!(fake.state().registers.len(), 0);
    usrp.ask("link").unwrap();
    let status = usrp.ask("status").unwrap();
    assert_eq!((&status["linked"], status.get("frozen")), (&true.into(), None));
    // Held: a process that ends takes what it has just sent with it.
    let mut d2d = listener.accept().unwrap();
    let tick = receive_contiguous(&mut d2d, 2_000);
    d2d.send(&burst_ahead(tick, 0, 700)).unwrap();
    await_until("a burst", || fake.state().transmitted.len() == 2);
    assert!(usrp.ask_with("import", &serde_json::json!({"state": {}})).unwrap_err().contains("D2D"));
}

/// Takes the receive stream of a radio.
fn take_stream(address: &str) -> UdpSocket {
    let taker = UdpSocket::bind("0.0.0.0:0").unwrap();
    taker.connect((address, port::RX0)).unwrap();
    taker.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    taker.send(&[0; 8]).unwrap();
    taker
}

fn samples(taker: &UdpSocket) {
    (0..100).for_each(|_| _ = taker.recv(&mut [0; 2048]).unwrap());
}

#[test]
fn a_stream_that_went_on_elsewhere_is_claimed_without_a_restart() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    receive_contiguous(&mut d2d, 20_000);
    // On a busy machine the stream may look stopped; once it must not.
    let claimed = (0..5).any(|_| {
        let starts = fake.state().starts;
        usrp.ask("freeze").unwrap();
        samples(&take_stream("127.0.0.1"));
        let restarted = usrp.ask("resume").unwrap()["restarted"] == true;
        assert_eq!(fake.state().starts, starts + u32::from(restarted));
        !restarted
    });
    assert!(claimed);
}

#[test]
fn a_software_n210_is_given_away_for_two_seconds_and_claimed_again() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    let folder = tempfile::tempdir().unwrap();
    let listener = SampleListener::bind(&folder.path().join("samples.sock")).unwrap();
    let mut usrp = Usrp::start(folder.path(), &radio("192.168.10.2"));
    usrp.ask("link").unwrap();
    let mut d2d = listener.accept().unwrap();
    d2d.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut first = receive_contiguous(&mut d2d, 20_000) + 8_000_000;
    let sent = usrp.counters().tx_samples;
    d2d.send(&burst(first, 1920)).unwrap();
    await_until("a burst", || usrp.counters().tx_samples == sent + 1920);
    assert_eq!(usrp.ask("freeze").unwrap()["sequence"], 7);
    let taker = take_stream("192.168.10.2");
    samples(&taker);
    let before = usrp.counters().rx_samples;
    std::thread::sleep(SILENCE);
    samples(&taker);
    assert_eq!(usrp.counters().rx_samples, before, "the stream was taken back");
    let resumed = usrp.ask("resume").unwrap();
    println!("resumed: {resumed}");
    await_until("samples flow again", || usrp.counters().rx_samples > before);
    // Behind what the sample socket still holds: the clock has gone on meanwhile.
    while d2d.receive().unwrap().unwrap().tick < first + 200_000_000 {}
    first = receive_contiguous(&mut d2d, 2_000) + 8_000_000;
    d2d.send(&burst(first, 1920)).unwrap();
    await_until("a burst", || usrp.counters().tx_samples == sent + 2 * 1920);
    // The radio tells of a wrong sequence, when it comes to the burst.
    while d2d.receive().unwrap().unwrap().tick < first + 2_000_000 {}
    assert_eq!(usrp.counters().sequence_errors, 0);
}
