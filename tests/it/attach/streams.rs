//! Samples from and to a process that is linked to a radio.

use std::time::{Duration, Instant};

use n210_wire::Sample;
use protocol::StreamCounters;
use workload::samples::{Block, Kind};
use workload::seqpacket::{Received, SampleListener, SampleSocket};

use super::fake::FakeRadio;
use super::process::{OwnNetwork, Usrp, await_until, radio};

pub const DECIMATION: u64 = 52;

/// At that rate a radio's filters hold a sample for so long on its way to the air, and from the air to its time stamp, ticks: the published logic in a Verilog
/// simulator.
pub const SENT_EARLY: u64 = 721;
pub const STAMPED_LATE: u64 = 622;

/// Zeros at the end of a burst, and the samples until another may begin.
pub const TAIL: u64 = 24;
pub const NEXT: u64 = 25;

/// Receives until `samples` have come, and checks that each block continues the one before.
pub fn receive_contiguous(d2d: &mut SampleSocket, samples: usize) -> u64 {
    let (mut next, mut got) = (None, 0);
    while got < samples {
        let block = d2d.receive().unwrap().unwrap();
        assert_eq!(block.kind, Kind::Rx);
        assert!(next.is_none_or(|tick| tick == block.tick), "a gap before tick {}", block.tick);
        got += block.samples.len();
        next = Some(block.tick + block.samples.len() as u64 * DECIMATION);
    }
    next.unwrap()
}

/// A tenth of a second, ticks of the radio: more than waits in a socket.
const FRESH: u64 = 10_000_000;

/// Receives until samples have come that are so much younger than the first that they cannot have waited in the socket. A standby is sent packets between
/// them, where the socket has room, and one that reads nothing for a while loses blocks.
pub fn receive_fresh(d2d: &mut SampleSocket) {
    let (mut block, mut first) = (Block { kind: Kind::Rx, tick: 0, samples: Vec::new() }, None);
    while first.is_none_or(|first| block.tick < first + FRESH) {
        match d2d.receive_either(&mut block).unwrap() {
            Received::Block => assert_eq!(block.kind, Kind::Rx),
            Received::Packet(_) => continue,
            Received::Closed => panic!("the process has closed the samples' socket"),
        }
        first = first.or(Some(block.tick));
    }
}

pub fn burst(tick: u64, samples: usize) -> Block {
    Block { kind: Kind::Tx, tick, samples: (0..samples).map(|n| Sample::new(n as i16, 7)).collect() }
}

pub type Linked = (OwnNetwork, tempfile::TempDir, FakeRadio, Usrp, SampleListener, SampleSocket);

/// A linked process with its D2D side, or nothing where the rights are missing.
pub fn linked() -> Option<Linked> {
    let network = OwnNetwork::enter()?;
    let folder = tempfile::tempdir().unwrap();
    let listener = SampleListener::bind(&folder.path().join("samples.sock")).unwrap();
    let fake = FakeRadio::start();
    let mut usrp = Usrp::start(folder.path(), &radio("127.0.0.1"));
    assert_eq!(usrp.ask("status").unwrap()["linked"], false);
    usrp.ask("link").unwrap();
    assert_eq!(usrp.ask("status").unwrap()["linked"], true);
    let d2d = listener.accept().unwrap();
    d2d.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    Some((network, folder, fake, usrp, listener, d2d))
}

/// The n-th of bursts that follow one another without a gap, 5 s ahead of a tick: none is late for a test that takes its time.
pub fn burst_ahead(tick: u64, n: u64, samples: usize) -> Block {
    burst(tick + (1 << 29) + n * samples as u64 * DECIMATION, samples)
}

/// How far bursts are sent ahead, ticks: 80 ms, so that a busy machine makes none of them late.
pub const AHEAD: u64 = 8_000_000;

/// Bursts of a subframe, all the time, and everything received; percent of a core and the counters.
pub fn exercise(usrp: &mut Usrp, d2d: &mut SampleSocket, subframes: u64) -> (f64, StreamCounters) {
    let (began, cpu) = (Instant::now(), usrp.cpu());
    let (mut next, mut last) = (None, None);
    for _ in 0..subframes {
        while next.is_none_or(|next| last.is_none_or(|last| last + AHEAD < next)) {
            let block = d2d.receive().unwrap().unwrap();
            assert!(last.is_none_or(|last| last == block.tick), "a gap before tick {}", block.tick);
            last = Some(block.tick + block.samples.len() as u64 * DECIMATION);
            next = next.or(last.map(|last| last + AHEAD));
        }
        d2d.send(&burst(next.unwrap(), 1920)).unwrap();
        next = next.map(|next| next + 1920 * DECIMATION);
    }
    await_until("all bursts to be sent", || usrp.counters().tx_samples == subframes * 1920);
    ((usrp.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0, usrp.counters())
}
