//! The loop that moves the radios in real time: frames in by the time they arrived, frames out when they are due.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::getppid;

use crate::command_socket::{self, CommandSocket};
use crate::device::clock::Tick;
use crate::ethernet::packet_socket::PacketSocket;
use crate::site::MAX_RADIOS;
use crate::world::World;
use n210_wire::TICKS_PER_SECOND;

/// Nanoseconds in a tick.
const TICK: i64 = 10;

/// While samples stream, the loop turns at most this often: packets share their wake-ups.
const TURN: Tick = 20_000;

/// Time is caught up in pieces of this size, so that packets leave between them.
const PIECE: Tick = 100_000;

/// While transmit samples flow, and so long after, input waits for the turn as well.
const FLOW: Tick = 200_000;

/// Longer frames carry samples.
const SMALL: usize = 200;

/// So far behind, the radios overflow instead of catching up forever.
const PATIENCE: Tick = 100_000_000;

/// Longest sleep: how soon the process notices that its parent is gone.
const NAP: Tick = 50_000_000;

/// The radios' time on the machine's clocks.
struct Pace {
    origin: i64,
}

fn nanoseconds(clock: ClockId) -> i64 {
    // Both clocks always exist on Linux; were one to fail, time would stand still.
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

impl Pace {
    fn tick(&self, monotonic: i64) -> Tick {
        ((monotonic - self.origin).max(0) / TICK) as Tick
    }

    /// Tick now, and the nanoseconds from the wall clock to the monotonic one.
    fn now(&self) -> (Tick, i64) {
        let monotonic = nanoseconds(ClockId::CLOCK_MONOTONIC);
        (self.tick(monotonic), monotonic - nanoseconds(ClockId::CLOCK_REALTIME))
    }
}

/// Runs the radios until the process is told to end or loses its parent.
///
/// # Errors
/// Waiting failed.
pub fn run(
    mut world: World,
    mut sockets: Vec<PacketSocket>,
    mut commands: Option<CommandSocket>,
    ready: &str,
) -> std::io::Result<()> {
    let pace = Pace { origin: nanoseconds(ClockId::CLOCK_MONOTONIC) };
    let parent = getppid();
    be_prompt();
    world.link_up();
    // Who does not listen is not waited for.
    let _ = output::write_stdout(format!("{}\n", output::one_line(ready)).as_bytes());
    let mut quiet_from = 0;
    let mut losses = Losses::default();
    while getppid() == parent {
        let turn = world.now();
        let told = wait(&pace, &world, &sockets, commands.as_ref(), turn, turn >= quiet_from)?;
        let (now, shift) = pace.now();
        if now.saturating_sub(world.now()) > PATIENCE {
            tracing::warn!("this machine was too busy for more than a second: the receive streams overflow");
            world.skip(now);
        }
        if input_frames(&pace, &mut world, &mut sockets, shift) {
            quiet_from = now.saturating_add(FLOW);
        }
        let mut lost = catch_up(&mut world, &sockets, now);
        if let Some(commands) = commands.as_mut().filter(|_| told) {
            if commands.serve(|line| command_socket::answer(line, &mut world)) {
                break;
            }
            lost += send(&mut world, &sockets);
        }
        losses.count(lost, now);
    }
    Ok(())
}

/// Wakes up on time and before ordinary processes, as far as allowed: a radio does not wait for the programs that use it.
#[expect(unsafe_code, reason = "nix has no setpriority")]
fn be_prompt() {
    const NICE: nix::libc::c_int = -10;
    const SLACK_NANOSECONDS: u64 = 1_000;
    let slack = nix::sys::prctl::set_timerslack(SLACK_NANOSECONDS);
    // SAFETY: no pointers; 0 is this process.
    let nice = unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, NICE) };
    if slack.is_err() || nice < 0 {
        tracing::info!("not allowed to raise the priority: on a busy machine the radios may send late");
    }
}

/// Frames that the interfaces did not take, told at most once a second.
#[derive(Default)]
struct Losses {
    frames: usize,
    next: Tick,
}

impl Losses {
    fn count(&mut self, lost: usize, now: Tick) {
        self.frames += lost;
        if self.frames > 0 && now >= self.next {
            tracing::warn!(frames = self.frames, "frames lost: an interface is down or does not take them");
            (self.frames, self.next) = (0, now.saturating_add(TICKS_PER_SECOND));
        }
    }
}

/// Sleeps until something is due or arrives; in the stream of samples, at least one turn. True if the command socket wants to be served.
fn wait(
    pace: &Pace,
    world: &World,
    sockets: &[PacketSocket],
    commands: Option<&CommandSocket>,
    turn: Tick,
    quiet: bool,
) -> std::io::Result<bool> {
    let sleep = |until: Tick, now: Tick| TimeSpec::from(Duration::from_nanos(until.saturating_sub(now).min(NAP) * TICK as u64));
    // Behind a whole batch there may be what the doorbell has rung for.
    let more = sockets.iter().any(PacketSocket::is_full);
    let earliest = if more { turn } else { turn.saturating_add(TURN) };
    let (now, _) = pace.now();
    let mut ports: Vec<PollFd> = Vec::with_capacity(2 * sockets.len());
    ports.extend(sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
    if !quiet && now < earliest {
        // Samples wait for the turn; everything else is answered at once.
        nix_result(ppoll(&mut ports, Some(sleep(earliest, now)), None))?;
        if ports.iter().any(|port| port.any() == Some(true)) {
            return Ok(false);
        }
    }
    let (now, _) = pace.now();
    ports.extend(sockets.iter().map(|socket| PollFd::new(socket.frames(), PollFlags::POLLIN)));
    let told_from = ports.len();
    ports.extend(commands.into_iter().flat_map(CommandSocket::descriptors).map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    let waiting = commands.is_some_and(CommandSocket::has_lines);
    let until = if waiting || more { earliest } else { world.due().max(earliest) };
    nix_result(ppoll(&mut ports, Some(sleep(until, now)), None))?;
    Ok(waiting || ports[told_from..].iter().any(|port| port.any() == Some(true)))
}

fn nix_result(result: nix::Result<i32>) -> std::io::Result<()> {
    match result {
        Ok(_) | Err(nix::Error::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Hands all frames that have arrived to their radios, in the order of their arrival. True if samples were among them.
fn input_frames(pace: &Pace, world: &mut World, sockets: &mut [PacketSocket], shift: i64) -> bool {
    let (mut total, mut flow) = (0, false);
    let mut counts = [0; MAX_RADIOS];
    for (count, socket) in counts.iter_mut().zip(sockets.iter_mut()) {
        *count = socket.receive().unwrap_or_else(|error| {
            tracing::debug!(%error, "the interface does not receive");
            0
        });
        total += *count;
    }
    let mut next = [0; MAX_RADIOS];
    let arrival = |socket: &PacketSocket, index: usize| {
        socket.frame(index).map(|frame| frame.stamp.map_or(Tick::MAX, |stamp| pace.tick(stamp + shift)))
    };
    for _ in 0..total {
        let first = (0..sockets.len())
            .filter(|radio| next[*radio] < counts[*radio])
            .min_by_key(|radio| arrival(&sockets[*radio], next[*radio]));
        let Some(radio) = first else { break };
        if let Some(frame) = sockets[radio].frame(next[radio]) {
            let stamp = frame.stamp.map_or_else(|| pace.now().0, |stamp| pace.tick(stamp + shift));
            world.advance(stamp.min(pace.now().0));
            world.input(radio, frame.frame, frame.segment);
            flow |= frame.frame.len() > SMALL;
        }
        next[radio] += 1;
    }
    flow
}

/// Lets time pass up to now and sends what falls due; returns how many frames were lost.
fn catch_up(world: &mut World, sockets: &[PacketSocket], now: Tick) -> usize {
    let mut lost = 0;
    loop {
        let piece = world.now().saturating_add(PIECE).min(now);
        world.advance(piece);
        lost += send(world, sockets);
        if world.now() >= now {
            return lost;
        }
    }
}

/// Sends what the radios want sent; returns how many frames were lost.
fn send(world: &mut World, sockets: &[PacketSocket]) -> usize {
    let mut lost = 0;
    for (radio, socket) in sockets.iter().enumerate() {
        if let Some(out) = world.outbox(radio) {
            lost += socket.send(out.frames(), out.is_busy());
            out.clear();
        }
    }
    lost
}
