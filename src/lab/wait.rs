//! `baton lab` in the foreground: says what there is, waits until the operator ends it.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use nix::sys::signal::{SigSet, Signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::children::REPORT_TO_STDERR;
use super::directory::ENV_LAB;
use super::log::LOG_FOLDER;
use super::topology::pool::PoolSize;
use super::topology::{Scenario, Topology};
use config::RadioViews;
use protocol::{Failure, Form, Trying};
use workload::runtime;

/// Waits for Ctrl-C, SIGTERM, SIGHUP, or `q` and Enter on a terminal.
///
/// # Errors
/// The kernel does not let this process wait.
pub fn wait(file: &Path) -> Result<ExitCode, Failure> {
    REPORT_TO_STDERR.store(true, Ordering::Relaxed);
    runtime::current_thread()?.block_on(async {
        let on = |kind| signal(kind).trying(|| "signals could not be waited for");
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut terminate = on(SignalKind::terminate())?;
        let mut hangup = on(SignalKind::hangup())?;
        let (quit, asked) = oneshot::channel();
        let keyboard = std::io::stdin().is_terminal();
        if keyboard {
            std::thread::Builder::new().spawn(move || read_quit(quit)).trying(|| "the keyboard could not be read")?;
        }
        // Printed last: whoever reads "lab ready" may send a signal at once.
        let greeting = greeting(&std::env::var(ENV_LAB).unwrap_or_default(), &RadioViews::load(file)?, keyboard);
        // Standard output may be closed.
        let _ = output::write_stdout(greeting.as_bytes());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            // At the end of input `quit` is dropped unused: that does not end the lab.
            Ok(()) = asked => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn read_quit(quit: oneshot::Sender<()>) {
    // In the background a read would stop the whole lab; with the signal blocked it fails, and Ctrl-C after `fg` still works.
    let _ = SigSet::from(Signal::SIGTTIN).thread_block();
    for line in std::io::stdin().lock().lines() {
        match line {
            Ok(line) if ["q", "quit"].contains(&line.trim()) => {
                let _ = quit.send(());
                return;
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn greeting(lab: &str, cluster: &RadioViews, keyboard: bool) -> String {
    use std::fmt::Write;
    let config = cluster.whole();
    // The first of several stands for all.
    let radio = cluster.radios().keys().next().filter(|_| cluster.radios().len() > 1);
    let which = if lab == "lab" { String::new() } else { format!(" --in {lab}") };
    let mut text = String::new();
    // Writing to a String does not fail.
    let scenario = match config.workload.form {
        Form::Guest => Scenario::Guest,
        _ if !cluster.servers().is_empty() => {
            Scenario::Pool(PoolSize { servers: cluster.servers().len(), radios: cluster.radios().len() })
        }
        _ if config.terminals.is_empty() => Scenario::TwoEnds,
        _ => Scenario::Relay,
    };
    let topology = Topology::for_scenario(scenario);
    for server in scenario.servers() {
        let starts = |at: &&super::topology::PlacedAddress| at.namespace == server.name && at.interface != "mgmt0";
        let rest: Vec<_> = topology.addresses.iter().filter(starts).map(|at| format!("{} {}", at.interface, at.address)).collect();
        let _ = writeln!(text, "{:<9} {:<15} {}", server.name, server.management, rest.join("  "));
    }
    let _ = writeln!(text, "records   {}", config.records.display());
    let of = radio.map_or_else(String::new, |radio| format!(" --radio {radio}"));
    let _ = match radio {
        // The console opens on the pool.
        Some(_) => writeln!(text, "inside    baton{which} console | pool status | console{of} | do M{of}"),
        None => writeln!(text, "inside    baton{which} console | status | do M"),
    };
    let far_end = config.roles.far_end.as_deref().unwrap_or("server3");
    let _ = writeln!(text, "          baton{which} lab exec {far_end} -- ping {}", config.probe.target);
    let _ = writeln!(text, "          baton{which} lab exec console -- tail -F {LOG_FOLDER}/server1.log");
    let _ = writeln!(text, "end it    {}", if keyboard { "Ctrl-C, or q and Enter" } else { "SIGTERM or SIGINT to this process" });
    let _ = writeln!(text, "lab ready: {lab}");
    text
}
