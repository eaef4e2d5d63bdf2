//! Turns on the machine. A lab runs modems in real time: on two cores two labs fit, and a test that judges time fits alone. Tests run in the
//! threads of one binary and in other binaries beside it, so the locks are files. Waiting for a turn happens before a test's own deadlines.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use workload::realtime::Rank;

/// Every test that is not alone holds one of these, a test that is alone holds both.
const PLACES: [&str; 2] = ["machine.place1", "machine.place2"];
/// Held by whoever waits, so that a test that needs both places is not overtaken for ever by tests that need one.
const QUEUE: &str = "machine.queue";

static TURNS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
}

/// Ends the turn when dropped. Stays on its thread, which must not ask for a second one.
pub struct Turn {
    _places: Vec<File>,
    _on_one_thread: PhantomData<*const ()>,
}

/// Nothing else that takes turns runs meanwhile: for what judges time, counts lost samples or pings, or would disturb what does.
pub fn alone() -> Turn {
    take(&folder(), everything)
}

/// At most one other test that takes turns runs meanwhile, and none that must be alone.
pub fn shared() -> Turn {
    take(&folder(), one_place)
}

/// For labs and clusters: fails a test that forgot to take a turn.
pub fn assert_turn() {
    assert!(TURNS.load(Ordering::Relaxed) > 0, "the test must take a turn first: machine::alone() or machine::shared()");
}

fn folder() -> PathBuf {
    env!("CARGO_TARGET_TMPDIR").into()
}

fn take(folder: &Path, places: fn(&Path) -> Vec<File>) -> Turn {
    assert!(!HAS_TURN.replace(true), "this test has its turn already, and would wait for itself");
    let queue = locked(folder, QUEUE);
    let places = places(folder);
    drop(queue);
    TURNS.fetch_add(1, Ordering::Relaxed);
    Turn { _places: places, _on_one_thread: PhantomData }
}

fn everything(folder: &Path) -> Vec<File> {
    PLACES.map(|place| locked(folder, place)).into()
}

fn one_place(folder: &Path) -> Vec<File> {
    loop {
        for place in PLACES {
            let file = open(folder, place);
            match file.try_lock() {
                Ok(()) => return vec![file],
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => panic!("{place} cannot be locked: {e}"),
            }
        }
        // Nothing waits for two files at once.
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURNS.fetch_sub(1, Ordering::Relaxed);
        HAS_TURN.set(false);
    }
}

/// How long the machine stands still, as a virtual one does whose host has other work: not even a thread of real-time priority runs then.
pub struct StandStill {
    end: mpsc::Sender<()>,
    thread: JoinHandle<Duration>,
}

impl StandStill {
    const LOOK: Duration = Duration::from_millis(2);

    pub fn watch() -> Self {
        let (end, ended) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // Ahead of every ordinary process. Without the right to it, load would look like a stand-still: none is claimed then.
            if workload::realtime::real_time(Rank::Radio).is_err() {
                return Duration::ZERO;
            }
            let (mut longest, mut last) = (Duration::ZERO, Instant::now());
            while ended.recv_timeout(Self::LOOK) == Err(RecvTimeoutError::Timeout) {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        });
        Self { end, thread }
    }

    /// The longest since it is watched.
    pub fn longest(self) -> Duration {
        drop(self.end);
        self.thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    }
}

/// Locked until it is closed, by the kernel if its process dies.
fn locked(folder: &Path, name: &str) -> File {
    let file = open(folder, name);
    file.lock().unwrap_or_else(|e| panic!("{name} cannot be locked: {e}"));
    file
}

fn open(folder: &Path, name: &str) -> File {
    let path = folder.join(name);
    File::options().create(true).append(true).open(&path).unwrap_or_else(|e| panic!("{} cannot be opened: {e}", path.display()))
}

#[test]
fn two_share_the_machine_and_one_has_it_alone() {
    use std::sync::atomic::AtomicI32;
    let folder = tempfile::tempdir().unwrap();
    let (shared_now, alone_now, most) = (AtomicI32::new(0), AtomicI32::new(0), AtomicI32::new(0));
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (folder, shared_now, alone_now, most) = (folder.path(), &shared_now, &alone_now, &most);
            scope.spawn(move || {
                let (turn, count, others) = if n % 4 == 0 {
                    (take(folder, everything), alone_now, shared_now)
                } else {
                    (take(folder, one_place), shared_now, alone_now)
                };
                let now = count.fetch_add(1, Ordering::SeqCst) + 1;
                assert_eq!(others.load(Ordering::SeqCst), 0, "somebody else is there");
                assert!(now <= if n % 4 == 0 { 1 } else { 2 }, "{now} at once");
                most.fetch_max(now, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(10));
                count.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
            });
        }
    });
    assert_eq!(most.into_inner(), 2, "never two at once");
}
