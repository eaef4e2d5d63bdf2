//! The terminal, acquired and released: on leaving, after errors and panics, around a suspension. Nothing here waits for a terminal that
//! accepts no bytes.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::style::{Attribute, SetAttribute, force_color_output};
use crossterm::terminal::{EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, queue};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use tokio::net::unix::pipe;

use super::capability::ColourDepth;
use super::frames::{Frames, as_lines, basic_colours};
use super::model::Model;
use super::screen;
use protocol::{ErrorCode, Failure};

/// Longest wait on leaving for a terminal that takes nothing, and for the last frame on a slow one.
const PATIENCE: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_secs(4);

/// Columns and rows that are drawn at most.
const LARGEST: u16 = 1000;

/// Whether the terminal's modes are ours. Global, because the panic hook has nothing else to go by.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether something panicked while they were.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// The terminal in full-screen mode; its modes are restored when this is dropped, and on a panic.
pub struct ConsoleTerminal {
    tty: Tty,
    frames: Frames,
    mouse: bool,
    depth: ColourDepth,
}

impl ConsoleTerminal {
    /// Takes the terminal, with its mouse or without; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when standard input or output is no terminal, or it refuses.
    pub fn acquire(mouse: bool, depth: ColourDepth) -> Result<Self, Failure> {
        if !stdout().is_terminal() || !stdin().is_terminal() {
            return Err(Failure::new(ErrorCode::Environment, "the console needs a terminal, and this is none")
                .hint("without a terminal use `baton status --json`, `baton do` or `baton demo --headless`"));
        }
        place_text(std::env::var("TERM").ok().as_deref())?;
        // The theme decides about colours: NO_COLOR was heard when it was chosen, and a flag may stand above it.
        force_color_output(depth != ColourDepth::None);
        restore_on_panic();
        let mut screen = Self { tty: Tty::open().map_err(|e| broken(&e))?, frames: Frames::new(depth), mouse, depth };
        screen.set_modes().map_err(|e| broken(&e))?;
        Ok(screen)
    }

    fn set_modes(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        set_raw()?;
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if self.mouse {
            queue!(bytes, EnableMouseCapture)?;
        }
        self.tty.write_within(&bytes, PATIENCE)
    }

    /// Sends what is not part of a frame, between two rows.
    pub fn tell(&mut self, bytes: Vec<u8>) {
        self.frames.tell(bytes);
    }

    /// Other settings hold from the next frame on, which is drawn in full.
    pub fn adopt(&mut self, mouse: bool, depth: ColourDepth) {
        force_color_output(depth != ColourDepth::None);
        if mouse != self.mouse {
            let mut bytes = Vec::new();
            // Writing into memory cannot fail.
            let _ = if mouse { queue!(bytes, EnableMouseCapture) } else { queue!(bytes, DisableMouseCapture) };
            self.frames.tell(bytes);
        }
        if depth != self.depth {
            self.frames.set_depth(depth);
        }
        (self.mouse, self.depth) = (mouse, depth);
    }

    /// Whether a frame is still on its way to the terminal.
    pub fn busy(&self) -> bool {
        self.frames.busy()
    }

    /// Writes as much as the terminal takes, once it takes something. May be dropped at any point.
    ///
    /// # Errors
    /// The terminal is gone.
    pub async fn send(&mut self) -> io::Result<()> {
        let n = self.tty.write(self.frames.next()).await?;
        self.frames.written(n);
        Ok(())
    }

    /// Draws a frame; it replaces rows that the terminal has not accepted yet.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when the terminal is gone.
    pub fn draw(&mut self, model: &Model) -> Result<(), Failure> {
        let mut frame = Buffer::empty(Rect::from((ratatui::layout::Position::ORIGIN, size())));
        let cursor = screen::draw(model, frame.area, &mut frame);
        self.frames.replace(frame, cursor).map_err(|e| broken(&e))
    }

    /// Gives the terminal back; the last frame stays on its normal screen.
    pub fn leave(mut self) {
        let last = self.frames.newest();
        // Without the keys, which mean nothing any more; the shell's prompt has their row.
        let last = as_lines(last, last.area.height.saturating_sub(1)).unwrap_or_default();
        let last = if self.depth.is_basic() { basic_colours(&last) } else { last };
        self.release();
        // The operator does not wait for a slow terminal.
        let _ = self.tty.write_within(&last, FAREWELL);
        let _ = self.tty.write_within(b"\x1b[0m", PATIENCE);
    }

    /// Gives the terminal back for a while.
    pub fn release(&mut self) {
        let rest = self.frames.stop();
        let _ = self.tty.write_within(&rest, PATIENCE);
        restore(&mut self.tty);
    }

    /// Takes the terminal again, whatever was done to it meanwhile; the next frame is drawn in full.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when it refuses.
    pub fn reacquire(&mut self) -> Result<(), Failure> {
        self.frames.stop();
        self.frames.forget();
        self.set_modes().map_err(|e| broken(&e))
    }
}

impl Drop for ConsoleTerminal {
    fn drop(&mut self) {
        if TAKEN.load(Ordering::SeqCst) {
            self.release();
        }
    }
}

/// Whether a terminal of this kind can place text on a screen.
///
/// # Errors
/// [`ErrorCode::Environment`]: it cannot, or nobody says what it can.
fn place_text(term: Option<&str>) -> Result<(), Failure> {
    let what = match term {
        None | Some("") => "TERM is not set, and nothing else says what this terminal can do",
        Some("dumb") => "a terminal with TERM=dumb cannot place text on a screen, which the console needs",
        Some(_) => return Ok(()),
    };
    Err(Failure::new(ErrorCode::Environment, what).hint(
        "set TERM to what the terminal is, as in TERM=xterm-256color; without a screen there are `baton status` and `baton do`",
    ))
}

/// Size of the terminal; what most of them have, if it does not say. No more than anybody sees: terminals can be told to be 65535 rows high.
pub fn size() -> Size {
    let (columns, rows) = crossterm::terminal::size().unwrap_or((120, 40));
    Size::new(columns.min(LARGEST), rows.min(LARGEST))
}

/// Sets raw mode again after another program has changed it: crossterm does nothing while it believes that raw mode is on. Leaving raw mode
/// first would echo a key pressed at that moment, and hold it until the end of its line.
fn set_raw() -> io::Result<()> {
    let terminal = stdin();
    let mut modes = tcgetattr(&terminal)?;
    cfmakeraw(&mut modes);
    Ok(tcsetattr(&terminal, SetArg::TCSANOW, &modes)?)
}

/// Whether something panicked while the terminal was ours: its modes are restored, and nothing may be drawn any more.
pub fn panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}

/// Modes as a shell expects them. Also called by the panic hook, where nothing is known but the file descriptors.
fn restore(tty: &mut Tty) {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    // Writing into memory cannot fail; nothing can be done about a terminal that will not be restored.
    let _ = queue!(bytes, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste, SetAttribute(Attribute::Reset));
    let _ = queue!(bytes, LeaveAlternateScreen, cursor::Show);
    let _ = tty.write_within(&bytes, PATIENCE);
    let _ = disable_raw_mode();
}

/// A panic's message must appear on the normal screen, with normal line ends.
fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if TAKEN.load(Ordering::SeqCst) {
                PANICKED.store(true, Ordering::SeqCst);
                restore(&mut Tty::Shared);
            }
            before(info);
        }));
    });
}

/// The terminal to write to.
enum Tty {
    /// A description of our own, which never blocks; the shell's stays as it was.
    Own(pipe::Sender),
    /// Standard output as it is, where the terminal cannot be opened (another user's, after `su`).
    Shared,
}

impl Tty {
    fn open() -> io::Result<Self> {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        match OpenOptions::new().write(true).custom_flags(flags).open("/proc/self/fd/1") {
            // Named after pipes, but not checked to be one: the safe way to wait for any descriptor of one's own.
            Ok(file) => Ok(Self::Own(pipe::Sender::from_file_unchecked(file)?)),
            Err(_) => Ok(Self::Shared),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Own(file) => loop {
                file.writable().await?;
                match file.try_write(bytes) {
                    Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                    written => return written,
                }
            },
            Self::Shared => stdout().write_all(bytes).and_then(|()| stdout().flush()).map(|()| bytes.len()),
        }
    }

    /// Writes all, but gives up on a terminal that does not take it in time.
    fn write_within(&mut self, mut bytes: &[u8], longest: Duration) -> io::Result<()> {
        let end = Instant::now() + longest;
        let shared = stdout();
        while !bytes.is_empty() {
            let fd: BorrowedFd<'_> = match &*self {
                Self::Own(file) => file.as_fd(),
                Self::Shared => shared.as_fd(),
            };
            let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now())).unwrap_or(PollTimeout::ZERO);
            let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
            match poll(&mut ready, left) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => continue,
                Err(e) => return Err(e.into()),
            }
            // A blocking description takes at least this much when it says that it is ready.
            let part = &bytes[..bytes.len().min(256)];
            match nix::unistd::write(fd, part) {
                Ok(n) => bytes = &bytes[n..],
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

/// The failure of a terminal.
pub fn broken(error: &io::Error) -> Failure {
    Failure::new(ErrorCode::Environment, format!("the terminal cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_cannot_place_text_is_refused_with_a_sentence() {
        for term in [None, Some(""), Some("dumb")] {
            let failure = place_text(term).unwrap_err();
            assert!(failure.message.contains("TERM") && failure.hint.unwrap().contains("TERM=xterm-256color"), "{term:?}");
        }
        assert_eq!(place_text(Some("vt100")), Ok(()));
    }
}
