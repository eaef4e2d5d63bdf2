//! Starts the lab's programs, waits until they are ready, keeps their logs, and says when one ends.

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
use super::log::{LOG_FOLDER, Log, OutputTail};
use super::namespace::{Namespaces, settle};
use super::programs::Program;

use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};
use workload::runtime;

/// How long a program may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// From the failure of a program that is restarted to its next start, as systemd is usually told (`RestartSec=1`).
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// How long to read on after the end of a program: a child that it left running may hold its output open.
const LAST_OUTPUT_WITHIN: Duration = Duration::from_millis(100);

/// Whether ends and restarts of programs are reported on standard error as well as in the log. A console draws on the terminal and turns this off.
pub static REPORT_TO_STDERR: AtomicBool = AtomicBool::new(false);

/// Starts everything, then announces the lab. Returns when all programs are ready; a thread goes on to watch and restart them.
///
/// # Errors
/// What failed to start, with the last lines of its output.
pub fn start(stages: Vec<Vec<Program>>, namespaces: Namespaces, claim: Claim) -> Result<(), Failure> {
    let (started, start_result) = mpsc::channel();
    let keeper = move || match runtime::current_thread() {
        Ok(runtime) => runtime.block_on(keep(stages, &namespaces, claim, &started)),
        Err(failure) => drop(started.send(Err(failure))),
    };
    std::thread::Builder::new().name("lab".into()).spawn(keeper).trying(|| "the lab's thread could not be started")?;
    start_result
        .recv()
        .unwrap_or_else(|_| Err(Failure::new(ErrorCode::Internal, "the lab's thread ended before the lab was ready")))
}

async fn keep(stages: Vec<Vec<Program>>, namespaces: &Namespaces, claim: Claim, started: &mpsc::Sender<Result<(), Failure>>) {
    let mut running = JoinSet::new();
    let opened = match bring_up(stages, namespaces, &mut running).await {
        Ok(()) => claim.open().and_then(|listener| {
            let open = listener.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(listener));
            open.trying(|| "the lab could not be announced")
        }),
        Err(failure) => Err(failure),
    };
    let listener = match opened {
        Ok(listener) => listener,
        Err(failure) => return drop(started.send(Err(failure))),
    };
    let _ = started.send(Ok(()));
    let mut lab_log = Log::create("lab");
    let mut to_restart = JoinSet::new();
    loop {
        tokio::select! {
            // A client only wants the process id of the lab program, which the connection itself gives.
            _ = listener.accept() => {}
            Some(ended) = running.join_next() => if let Ok(ended) = ended {
                let mut line = format!("{}; its log is {LOG_FOLDER}/{}.log", ended.sentence(), ended.program.log);
                if ended.failed() && !ended.program.again.is_empty() {
                    line.push_str("; it is started again");
                    let program = Program { command: ended.program.again.clone(), ..ended.program };
                    to_restart.spawn(async move {
                        tokio::time::sleep(RESTART_DELAY).await;
                        program
                    });
                }
                report(&mut lab_log, &line);
            },
            Some(Ok(program)) = to_restart.join_next() => {
                let restarted = namespaces.handle(&program.namespace).and_then(|network| spawn(&program, network));
                match restarted {
                    Ok((child, output)) => {
                        let log = Log::append_to(&program.log);
                        drop(running.spawn(attend(program, child, output, log, oneshot::channel().0)));
                    }
                    Err(failure) => report(&mut lab_log, &failure.to_string()),
                }
            }
        }
    }
}

fn report(lab_log: &mut Log, line: &str) {
    lab_log.write(format!("{line}\n").as_bytes());
    if REPORT_TO_STDERR.load(Ordering::Relaxed) {
        output::say(&format!("baton: {line}"));
    }
}

async fn bring_up(stages: Vec<Vec<Program>>, namespaces: &Namespaces, running: &mut JoinSet<EndedProgram>) -> Result<(), Failure> {
    for stage in stages {
        let mut waiting = Vec::new();
        for program in stage {
            let (child, output) = spawn(&program, namespaces.handle(&program.namespace)?)?;
            let (ready, is_ready) = oneshot::channel();
            waiting.push((program.title.clone(), is_ready));
            let log = Log::create(&program.log);
            running.spawn(attend(program, child, output, log, ready));
        }
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        for (title, is_ready) in waiting {
            match tokio::time::timeout_at(deadline, is_ready).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(first_end(running).await),
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
async fn first_end(running: &mut JoinSet<EndedProgram>) -> Failure {
    let sentence = match running.join_next().await {
        Some(Ok(ended)) => ended.sentence(),
        _ => "a program of the lab ended".into(),
    };
    Failure::new(ErrorCode::Process, format!("the lab did not come up: {sentence}"))
}

/// Starts a program in its namespace; standard output and standard error come as one stream.
#[expect(unsafe_code, reason = "the child enters its network namespace between fork and exec")]
fn spawn(program: &Program, network: BorrowedFd<'_>) -> Result<(Child, pipe::Receiver), Failure> {
    let title = &program.title;
    let (read, write) = pipe2(OFlag::O_CLOEXEC).trying(|| "a pipe could not be made")?;
    let again: OwnedFd = write.try_clone().trying(|| "a pipe could not be made")?;
    let (name, arguments) = program
        .command
        .split_first()
        .ok_or_else(|| Failure::new(ErrorCode::Internal, format!("{title} has no command to start")))?;
    let mut command = Command::new(name);
    // A process group of its own: Ctrl-C goes to the lab program alone, which then ends everything.
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
    let output = pipe::Receiver::from_owned_fd(read).trying(|| format!("the output of {title} cannot be read"))?;
    Ok((child, output))
}

/// A program that has ended.
struct EndedProgram {
    program: Program,
    status: Option<ExitStatus>,
    last: String,
}

impl EndedProgram {
    fn failed(&self) -> bool {
        !self.status.is_some_and(|status| status.success())
    }

    fn sentence(&self) -> String {
        let title = &self.program.title;
        let how = self.status.map_or_else(|| "in an unknown way".into(), |status| status.to_string());
        if self.last.is_empty() {
            format!("{title} ended ({how}) without output")
        } else {
            format!("{title} ended ({how}): {}", self.last)
        }
    }
}

/// Follows a program to its end. `ready` is sent when the program is ready, and dropped unused when it ends before.
async fn attend(
    program: Program,
    mut child: Child,
    mut output: pipe::Receiver,
    mut log: Log,
    ready: oneshot::Sender<()>,
) -> EndedProgram {
    let mut tail = OutputTail::new(&program.ready);
    let mut ready = Some(ready);
    let mut buffer = [0; 4096];
    let mut receive = |bytes: &[u8]| {
        log.write(bytes);
        if tail.feed(bytes)
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
                Ok(count) => receive(&buffer[..count]),
            }
        }
    };
    let rest = async {
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            receive(&buffer[..count]);
        }
    };
    let _ = tokio::time::timeout(LAST_OUTPUT_WITHIN, rest).await;
    drop(ready);
    let last = tail.last();
    EndedProgram { program, status, last }
}
