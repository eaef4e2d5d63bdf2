//! `baton usrp` and `baton-uhd` against a radio on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod fake;
mod handover;
mod overlap;
mod parked;
mod process;
mod standby;
mod streams;

use std::time::{Duration, Instant};

use n210_wire::stream_tx::TxMessage;
use n210_wire::{Sample, TICKS_PER_SECOND, sr};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use workload::seqpacket::SampleListener;

use process::{OwnNetwork, SoftwareRadio, Usrp, await_until, ip, radio};
use streams::{AHEAD, DECIMATION, SENT_EARLY, STAMPED_LATE, burst, burst_ahead, exercise, linked, receive_contiguous};

#[test]
fn a_link_brings_samples_and_takes_bursts() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    let tick = receive_contiguous(&mut d2d, 100_000) + AHEAD;
    for n in 0..3 {
        d2d.send(&burst(tick + n * 1920 * DECIMATION, 1920)).unwrap();
    }
    // Blocks that follow one another are one burst, with the zeros at its end that bring all of it out of the radio's filters.
    await_until("three blocks and their end", || fake.state().transmitted.len() == 19);
    let state = fake.state();
    for (at, (header, samples)) in state.transmitted.iter().enumerate() {
        let (block, part) = (at as u64 / 6, at % 6);
        assert_eq!((header.sequence, header.start_of_burst, header.end_of_burst), (at as u32, at == 0, at == 18));
        assert_eq!(header.tick, Some(tick - SENT_EARLY + (block * 1920 + part as u64 * 363) * DECIMATION));
        let first = if at == 18 { Sample::default() } else { Sample::new(part as i16 * 363, 7) };
        assert_eq!(samples.first(), Some(&first));
    }
    let given = (0..3 * 1920).map(|n| (tick - SENT_EARLY + n * DECIMATION, Sample::new((n % 1920) as i16, 7)));
    assert!(state.on_air().into_iter().eq(given), "not every sample leaves the radio");
    assert_eq!((state.register(50), state.register(162)), (Some(0x30D), Some(0x30D)));
    drop(state);
    let counters = usrp.counters();
    assert!(counters.rx_samples >= 100_000);
    assert_eq!((counters.tx_samples, counters.rx_lost_samples, counters.overflows), (5760, 0, 0));
}

#[test]
fn bursts_with_a_gap_between_them_end_one_by_one() {
    let Some((_network, _folder, fake, _usrp, _listener, mut d2d)) = linked() else { return };
    let tick = receive_contiguous(&mut d2d, 20_000) + AHEAD;
    let gap = |n: u64| n * 2000 * DECIMATION;
    for n in 0..3 {
        d2d.send(&burst(tick + gap(n), 700)).unwrap();
    }
    await_until("three bursts", || fake.state().transmitted.len() == 9);
    let state = fake.state();
    let ends: Vec<bool> = state.transmitted.iter().map(|(header, _)| header.end_of_burst).collect();
    assert_eq!(ends, [false, false, true, false, false, true, false, false, true]);
    let at = |n: u64, k: u64| tick - SENT_EARLY + gap(n) + k * DECIMATION;
    let given = (0..3).flat_map(|n| (0..700).map(move |k| (at(n, k), Sample::new(k as i16, 7))));
    assert!(state.on_air().into_iter().eq(given), "not every sample leaves the radio");
}

#[test]
fn a_block_has_the_tick_at_which_its_signal_came() {
    let Some((_network, _folder, _fake, _usrp, _listener, mut d2d)) = linked() else { return };
    for _ in 0..20 {
        let block = d2d.receive().unwrap().unwrap();
        // The radio's samples are their packet's time stamp.
        assert_eq!(block.samples[0].re, (block.tick + STAMPED_LATE) as i16);
    }
}

#[test]
fn losses_and_events_are_counted_and_an_overflow_is_survived() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    fake.state().lose = 3;
    await_until("the loss is seen", || usrp.counters().rx_lost_samples == 3 * 363);
    fake.state().events = vec![TxMessage::Underflow, TxMessage::Late, TxMessage::Late, TxMessage::Late];
    let tick = d2d.receive().unwrap().unwrap().tick;
    (0..2).for_each(|n| d2d.send(&burst_ahead(tick, n, 700)).unwrap());
    await_until("the underflow is counted", || usrp.counters().underflows == 1);
    assert_eq!(usrp.counters().late, 2, "two packets of one burst and one of the next");
    fake.state().overflow = true;
    await_until("the stream starts again", || fake.state().starts == 2);
    usrp.await_note("overflowed");
    assert_eq!(usrp.counters().overflows, 1);
    let before = usrp.counters().rx_samples;
    await_until("samples flow again", || usrp.counters().rx_samples > before);
}

/// As from a D2D process that was held up: the radio would throw it away, and another host may have gone on meanwhile.
#[test]
fn a_burst_that_is_over_is_not_sent() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    let tick = receive_contiguous(&mut d2d, 20_000);
    d2d.send(&burst(tick - 20_000 * DECIMATION, 700)).unwrap();
    await_until("it counts as late", || usrp.counters().late == 1);
    d2d.send(&burst_ahead(tick, 0, 700)).unwrap();
    await_until("the next burst", || fake.state().transmitted.len() == 2);
    assert_eq!((usrp.counters().late, usrp.counters().tx_samples), (1, 700));
}

/// Another host may have the streams by now: only the agent can find out, and nothing is claimed before it says so.
#[test]
fn a_silent_stream_is_told_and_asked_for_again_when_the_agent_says_so() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    let tick = receive_contiguous(&mut d2d, 20_000);
    d2d.send(&burst(tick + (1 << 26), 700)).unwrap();
    await_until("a burst", || fake.state().transmitted.len() == 2);
    fake.state().streaming = false;
    usrp.await_silence();
    // Who hears nothing transmits nothing.
    d2d.send(&burst(tick + (1 << 27), 700)).unwrap();
    usrp.await_silence();
    let state = fake.state();
    assert_eq!((state.starts, state.transmitted.len()), (1, 2));
    drop(state);
    // By a clock that was set back, but not before the last sample, all samples would seem to have waited.
    fake.state().set_back = TICKS_PER_SECOND / 2;
    usrp.ask("relink").unwrap();
    usrp.await_note("samples flow again");
    assert_eq!(fake.state().starts, 2);
    d2d.send(&burst(tick + (1 << 29), 700)).unwrap();
    await_until("a burst again", || fake.state().transmitted.len() == 4);
    // One that is not needed changes nothing.
    usrp.ask("relink").unwrap();
    assert_eq!(fake.state().starts, 2);
}

#[test]
fn no_more_packets_than_the_radio_has_room_for() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    fake.state().mute_reports = true;
    let tick = receive_contiguous(&mut d2d, 2_000);
    (0..70).for_each(|n| d2d.send(&burst_ahead(tick, n, 4096)).unwrap());
    usrp.await_note("no room");
    // 59 bursts of 12 packets fit, the 60th does not.
    await_until("all that fits", || fake.state().transmitted.len() == 708);
    await_until("reports are asked for again", || {
        fake.state().registers.iter().filter(|(register, _)| *register == sr::TX_FLOW_TIME).count() == 2
    });
    assert_eq!(fake.state().transmitted.len(), 708);
}

/// A radio has nothing to report of packets that never reached it, and of the next ones it would.
#[test]
fn what_was_lost_on_the_way_closes_the_window_for_a_while_only() {
    let Some((_network, _folder, fake, mut usrp, _listener, mut d2d)) = linked() else { return };
    fake.state().mute_reports = true;
    let tick = receive_contiguous(&mut d2d, 2_000);
    (0..60).for_each(|n| d2d.send(&burst_ahead(tick, n, 4096)).unwrap());
    usrp.await_note("no room");
    await_until("all that fits", || fake.state().transmitted.len() == 708);
    fake.state().mute_reports = false;
    await_until("bursts again", || {
        // Nobody takes it while a burst before it waits for room.
        let _ = d2d.send(&burst_ahead(tick, 60, 4096));
        fake.state().transmitted.len() > 708
    });
    // In sequence: what the radio has is still played.
    assert_eq!(fake.state().transmitted[708].0.sequence, 708);
}

#[test]
fn a_new_d2d_process_is_found() {
    let Some((_network, folder, _fake, _usrp, listener, d2d)) = linked() else { return };
    drop((listener, d2d));
    let listener = SampleListener::bind(&folder.path().join("samples.sock")).unwrap();
    receive_contiguous(&mut listener.accept().unwrap(), 20_000);
}

#[test]
fn a_clean_end_leaves_the_radio_quiet() {
    let Some((_network, _folder, fake, mut usrp, _listener, _d2d)) = linked() else { return };
    kill(Pid::from_raw(usrp.child.id() as i32), Signal::SIGTERM).unwrap();
    assert!(usrp.child.wait().unwrap().success());
    assert!(!fake.state().streaming);
}

#[test]
fn a_software_n210_is_found_initialised_and_linked() {
    let Some(_network) = OwnNetwork::enter() else { return };
    let _radio = SoftwareRadio::start();
    #[cfg(feature = "uhd")]
    {
        let (code, found) = SoftwareRadio::uhd("find", &radio("192.168.10.2"));
        assert_eq!((code, found["found"].as_array().map(Vec::len)), (Some(0), Some(1)));
        // What cannot be had is taken without an error, and only reading back shows it.
        let asked = config::Radio { gain: 100.0, reference: config::Reference::External, ..radio("192.168.10.2") };
        let (code, made) = SoftwareRadio::uhd("init", &asked);
        assert_eq!((code, &made["ref_locked"]), (Some(0), &false.into()), "{made}");
        assert!(made["rx"]["gain"].as_f64().unwrap() < 50.0, "{made}");
        let (code, made) = SoftwareRadio::uhd("init", &radio("192.168.10.2"));
        assert_eq!((code, &made["error"], &made["ref_locked"]), (Some(0), &serde_json::Value::Null, &true.into()), "{made}");
        println!("find {} ms, init {} ms", found["ms"], made["ms"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let listener = SampleListener::bind(&folder.path().join("samples.sock")).unwrap();
    // The second takes over from a first that is killed with its streams running.
    for subframes in [100, 1000] {
        let mut usrp = Usrp::start(folder.path(), &radio("192.168.10.2"));
        let began = Instant::now();
        usrp.ask("link").unwrap();
        println!("link {:?}", began.elapsed());
        let mut d2d = listener.accept().unwrap();
        let (percent, counters) = exercise(&mut usrp, &mut d2d, subframes);
        println!("{percent:.0} % of a core in {subframes} subframes, {counters:?}");
        let faults = [counters.rx_lost_samples, counters.overflows, counters.underflows, counters.late, counters.sequence_errors];
        assert_eq!(faults, [0; 5], "{counters:?}");
        #[cfg(feature = "uhd")]
        {
            await_until("the state of the clock", || usrp.ask("status").unwrap()["reference_locked"] == true);
            // A stranger's session stops the streams, which are then asked for again. Its mark is another one; what that means, the agent says.
            if subframes == 1000 {
                let mut ours = None;
                await_until("the mark of our session", || {
                    ours = usrp.ask("status").unwrap()["session_mark"].as_u64();
                    ours.is_some()
                });
                SoftwareRadio::uhd("init", &radio("192.168.10.2"));
                usrp.ask("link").unwrap();
                await_until("the mark of the stranger's session", || {
                    let mark = usrp.ask("status").unwrap()["session_mark"].as_u64();
                    mark.is_some() && mark != ours
                });
            }
        }
        // Before the connection ends: a living one would connect again.
        drop(usrp);
    }
}

#[test]
fn a_radio_that_does_not_answer_is_named() {
    let Some(_network) = OwnNetwork::enter() else { return };
    // A cable at whose other end nobody is.
    for line in
        ["link add eth3 type veth peer name far", "addr add 192.168.20.1/24 dev eth3", "link set eth3 up", "link set far up"]
    {
        ip(line);
    }
    let folder = tempfile::tempdir().unwrap();
    for (address, expected) in [
        ("127.0.0.1", "nothing listens on the radio's control port 49152 at 127.0.0.1"),
        ("192.168.10.2", "this host has no way to the radio at 192.168.10.2"),
        ("192.168.20.2", "the radio at 192.168.20.2 does not answer a hello on its control port 49152"),
    ] {
        let mut usrp = Usrp::start(folder.path(), &radio(address));
        let asked = Instant::now();
        let sentence = usrp.ask("link").unwrap_err();
        assert!(sentence.contains(expected), "{sentence}");
        assert!(asked.elapsed() < Duration::from_secs(2));
        assert_eq!(usrp.ask("status").unwrap()["linked"], false);
        assert!(usrp.ask("get_routes").unwrap_err().contains("D2D"));
    }
}
