//! `baton recorder`: receives a video stream over UDP, keeps it, and says how long it was interrupted.

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use tokio::net::UdpSocket;
use tokio::signal::unix::{SignalKind, signal};

use super::{block_on, json, lines, write_out};
use crate::metrics::stream::{StreamFigures, StreamMeter};
use protocol::{ErrorCode, Failure};

/// No UDP datagram is longer.
const LONGEST: usize = 1 << 16;

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where the stream comes to, e.g. 192.168.40.10:5004.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Keeps what is received, an MPEG transport stream that any player plays.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Times without a datagram that are listed one by one, ms.
    #[arg(long, default_value_t = 100, value_name = "MS")]
    pub gap: u64,
    /// Exactly one JSON document on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Records until SIGINT or SIGTERM, then reports.
///
/// # Errors
/// The address cannot be bound, the file not be written, or stdout is closed.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let figures = block_on(record(args))?;
    write_out(&lines(&if args.json { json(&figures)? } else { text(&figures) }))
}

async fn record(args: &Args) -> Result<StreamFigures, Failure> {
    let fail = |what: String, e: io::Error| Failure::new(ErrorCode::Environment, format!("{what}: {e}"));
    let unheard = |e| fail(format!("the stream cannot be received at {}", args.listen), e);
    let socket = UdpSocket::bind(args.listen).await.map_err(unheard)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(|e| unheard(e.into()))?;
    let unwritten = |path: &PathBuf, e| fail(format!("the stream cannot be kept in {}", path.display()), e);
    let mut file = args.out.as_ref().map(|path| File::create(path).map_err(|e| unwritten(path, e))).transpose()?;
    let no_signals = |e| fail("signals cannot be waited for".into(), e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    // Port 0 asks for any: the one that it became is said.
    output::say(&format!("recorder ready {}", socket.local_addr().map_err(unheard)?));
    let mut meter = StreamMeter::new(Duration::from_millis(args.gap));
    let mut bytes = vec![0; LONGEST];
    let mut begun = false;
    loop {
        tokio::select! {
            ready = socket.readable() => ready.map_err(unheard)?,
            _ = interrupt.recv() => return Ok(meter.figures()),
            _ = terminate.recv() => return Ok(meter.figures()),
        }
        while let Ok((count, at)) = socket.try_io(tokio::io::Interest::READABLE, || receive(&socket, &mut bytes)) {
            if !std::mem::replace(&mut begun, true) {
                output::say("recorder receives");
            }
            meter.add(at, &bytes[..count]);
            if let (Some(file), Some(path)) = (&mut file, &args.out) {
                file.write_all(&bytes[..count]).map_err(|e| unwritten(path, e))?;
            }
        }
    }
}

/// A datagram's length, and when the kernel received it, since the epoch.
fn receive(socket: &UdpSocket, bytes: &mut [u8]) -> io::Result<(usize, Duration)> {
    let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut parts = [IoSliceMut::new(bytes)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
    let stamped = message.cmsgs()?.find_map(|one| match one {
        ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
        _ => None,
    });
    // Without the kernel's stamp the time of reading has to do.
    let at = stamped.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    Ok((message.bytes, at))
}

fn text(figures: &StreamFigures) -> String {
    let mut text = format!(
        "{} datagrams, {:.1} s, one every {:.1} ms; {} of {} transport packets lost, {} alien datagrams\n",
        figures.datagrams,
        figures.seconds,
        figures.interval_ms,
        figures.ts_lost,
        figures.ts_packets + figures.ts_lost,
        figures.alien
    );
    if let Some(longest) = figures.longest {
        text.push_str(&format!("longest time without one: {:.1} ms\n", longest.ms));
    }
    for gap in &figures.gaps {
        let at = chrono::DateTime::from_timestamp_micros((gap.after * 1e6) as i64).unwrap_or_default();
        text.push_str(&format!("{}  {:.1} ms\n", at.format("%H:%M:%S%.3f"), gap.ms));
    }
    text
}
