//! Starts the lab's programs, waits until they are ready, keeps their logs, and says when one ends.

use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::directory::Claim;
use super::namespace::{Namespaces, settle};
use super::programs::Program;
use super::words::{Log, Words};
use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};

/// Folder of the logs, one file a program.
pub const LOGS: &str = "/run/baton/log";

/// How long a program may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Between the failure of a program that is kept alive and its next start, as systemd is usually told (`RestartSec=1`).
const REST: Duration = Duration::from_secs(1);

/// How long to read on after the end of a program: what it left running may hold its output open.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(100);

/// Whether news of the programs go to standard error as well; a console draws there.
pub static ALOUD: AtomicBool = AtomicBool::new(false);

/// Starts everything, then announces the lab. Returns when all is ready; a thread of its own keeps watch from then on.
///
/// # Errors
/// What failed to start, with its last words.
pub fn start(stages: Vec<Vec<Program>>, namespaces: Namespaces, claim: Claim) -> Result<(), Failure> {
    let (tell, told) = mpsc::channel();
    let keeper = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime.trying(|| "a runtime could not be made") {
            Ok(runtime) => runtime.block_on(keep(stages, &namespaces, claim, &tell)),
            Err(failure) => drop(tell.send(Err(failure))),
        }
    };
    std::thread::Builder::new().name("lab".into()).spawn(keeper).trying(|| "the lab's thread could not be started")?;
    told.recv().unwrap_or_else(|_| Err(Failure::new(ErrorCode::Internal, "the lab's thread ended before the lab was ready")))
}

async fn keep(stages: Vec<Vec<Program>>, namespaces: &Namespaces, claim: Claim, tell: &mpsc::Sender<Result<(), Failure>>) {
    let mut living = JoinSet::new();
    let opened = match bring_up(stages, namespaces, &mut living).await {
        Ok(()) => claim.open().and_then(|listener| {
            let open = listener.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(listener));
            open.trying(|| "the lab could not be announced")
        }),
        Err(failure) => Err(failure),
    };
    let listener = match opened {
        Ok(listener) => listener,
        Err(failure) => return drop(tell.send(Err(failure))),
    };
    let _ = tell.send(Ok(()));
    let mut news = Log::create("lab");
    let mut resting = JoinSet::new();
    loop {
        tokio::select! {
            // Who connects wants to know the lab program's process id, which the connection itself gives.
            _ = listener.accept() => {}
            Some(ended) = living.join_next() => if let Ok(ended) = ended {
                let mut line = format!("{}; its log is {LOGS}/{}.log", ended.sentence(), ended.program.log);
                if ended.failed() && !ended.program.again.is_empty() {
                    line.push_str("; it is started again");
                    let program = Program { command: ended.program.again.clone(), ..ended.program };
                    resting.spawn(async move {
                        tokio::time::sleep(REST).await;
                        program
                    });
                }
                say(&mut news, &line);
            },
            Some(Ok(program)) = resting.join_next() => {
                let started = namespaces.handle(&program.namespace).and_then(|network| spawn(&program, network));
                match started {
                    Ok((child, output)) => {
                        let log = Log::go_on(&program.log);
                        drop(living.spawn(attend(program, child, output, log, oneshot::channel().0)));
                    }
                    Err(failure) => say(&mut news, &failure.to_string()),
                }
            }
        }
    }
}

fn say(news: &mut Log, line: &str) {
    news.write(format!("{line}\n").as_bytes());
    if ALOUD.load(Ordering::Relaxed) {
        let _ = writeln!(std::io::stderr(), "baton: {line}");
    }
}

async fn bring_up(stages: Vec<Vec<Program>>, namespaces: &Namespaces, living: &mut JoinSet<Ended>) -> Result<(), Failure> {
    for stage in stages {
        let mut waiting = Vec::new();
        for program in stage {
            let (child, output) = spawn(&program, namespaces.handle(&program.namespace)?)?;
            let (ready, is_ready) = oneshot::channel();
            waiting.push((program.title.clone(), is_ready));
            let log = Log::create(&program.log);
            living.spawn(attend(program, child, output, log, ready));
        }
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        for (title, is_ready) in waiting {
            match tokio::time::timeout_at(deadline, is_ready).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(first_end(living).await),
                Err(_) => {
                    let seconds = READY_WITHIN.as_secs();
                    return Err(Failure::new(ErrorCode::Deadline, format!("{title} did not get ready within {seconds} s")));
                }
            }
        }
    }
    Ok(())
}

/// Why a program ended before it was ready.
async fn first_end(living: &mut JoinSet<Ended>) -> Failure {
    let sentence = match living.join_next().await {
        Some(Ok(ended)) => ended.sentence(),
        _ => "a program of the lab ended".into(),
    };
    Failure::new(ErrorCode::Process, format!("the lab did not come up: {sentence}"))
}

/// Starts a program in its namespace; its output, standard and error in one.
fn spawn(program: &Program, network: BorrowedFd<'_>) -> Result<(Child, pipe::Receiver), Failure> {
    let title = &program.title;
    let (read, write) = pipe2(OFlag::O_CLOEXEC).trying(|| "a pipe could not be made")?;
    let again: OwnedFd = write.try_clone().trying(|| "a pipe could not be made")?;
    let (name, arguments) = program
        .command
        .split_first()
        .ok_or_else(|| Failure::new(ErrorCode::Internal, format!("{title} has no command to start")))?;
    let mut command = Command::new(name);
    // A process group of its own: Ctrl-C is for the lab program, which then takes all down.
    command.args(arguments).stdin(Stdio::null()).stdout(write).stderr(again).process_group(0);
    let host = program.namespace.clone();
    let network = network.as_raw_fd();
    let enter = move || {
        // SAFETY: the namespaces are borrowed until spawn returns, and spawn returns after this ran.
        let network = unsafe { BorrowedFd::borrow_raw(network) };
        settle(network, &host).map_err(std::io::Error::from)
    };
    // SAFETY: `settle` only makes system calls.
    unsafe { command.pre_exec(enter) };
    let child = command.spawn().map_err(|error| missing(format!("{title} could not be started"), error))?;
    let output = pipe::Receiver::from_owned_fd(read).trying(|| format!("the output of {title} can not be read"))?;
    Ok((child, output))
}

/// A program that is no more.
struct Ended {
    program: Program,
    status: Option<ExitStatus>,
    last: String,
}

impl Ended {
    fn failed(&self) -> bool {
        !self.status.is_some_and(|status| status.success())
    }

    fn sentence(&self) -> String {
        let title = &self.program.title;
        let how = self.status.map_or_else(|| "in an unknown way".into(), |status| status.to_string());
        if self.last.is_empty() {
            format!("{title} ended ({how}) without a word")
        } else {
            format!("{title} ended ({how}): {}", self.last)
        }
    }
}

/// Follows a program to its end. `ready` is told when it is ready, and dropped unused when it ends before.
async fn attend(program: Program, mut child: Child, mut output: pipe::Receiver, mut log: Log, ready: oneshot::Sender<()>) -> Ended {
    let mut words = Words::new(&program.ready);
    let mut ready = Some(ready);
    let mut buffer = [0; 4096];
    let mut take = |bytes: &[u8]| {
        log.write(bytes);
        if words.feed(bytes)
            && let Some(ready) = ready.take()
        {
            let _ = ready.send(());
        }
    };
    let mut open = true;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.ok(),
            read = output.read(&mut buffer), if open => match read {
                Ok(0) | Err(_) => open = false,
                Ok(count) => take(&buffer[..count]),
            }
        }
    };
    let rest = async {
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            take(&buffer[..count]);
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS_WITHIN, rest).await;
    drop(ready);
    let last = words.last();
    Ended { program, status, last }
}
