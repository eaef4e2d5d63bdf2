//! The D2D process: what it is given, and its start.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use super::core::Modem;
use super::intake::{Intake, IpInterface};
use super::settings::ModemSettings;
use super::shell::{self, SharedState};
use config::Radio;
use protocol::{ErrorCode, Failure};
use workload::contract::{self, ENV_RADIO, ENV_SAMPLES, ENV_SOCKET, ENV_TERMINALS, ENV_TUN};
use workload::seqpacket::SampleListener;
use workload::serve::serve;
use workload::tun;

/// Subframes of lead. A late burst is a lost block: with a load of 9 on two cores, stalls of 6.4 ms were measured at real-time priority.
const DEFAULT_LEAD: u32 = 8;

/// Options. Everything else comes by the environment of a workload process (docs/workload.md).
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Subframes (1.008 ms) between the latest received sample and the burst that is given out for transmission.
    #[arg(long, default_value_t = DEFAULT_LEAD, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub lead: u32,
}

impl Default for Args {
    fn default() -> Self {
        Self { lead: DEFAULT_LEAD }
    }
}

/// Runs the process until it is killed.
///
/// # Errors
/// [`ErrorCode::Config`] for an environment or a control variable that it cannot work with, [`ErrorCode::Environment`] without tun,
/// [`ErrorCode::Io`] when a socket cannot be had.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (control, carried) = contract::control_from_env().map_err(|e| Failure::new(ErrorCode::Config, e))?;
    let settings = ModemSettings::read(&control, carried, rate()?, &terminals()?)?;
    let (socket, samples) = (path(ENV_SOCKET)?, path(ENV_SAMPLES)?);
    let name = variable(ENV_TUN)?;
    // The sockets first: agent and USRP process wait for them.
    let shared = SharedState::new(settings.clone())
        .map_err(|e| Failure::new(ErrorCode::Environment, format!("the modem's own sockets cannot be made: {e}")))?;
    let shared = Arc::new(shared);
    let listener = SampleListener::bind(&samples).map_err(|e| unbound(&samples, &e))?;
    let answers = Arc::clone(&shared);
    let reporter = serve(&socket, move |ask| answers.answer(ask)).map_err(|e| unbound(&socket, &e))?;
    let tun = Arc::new(open_tun(&name)?);
    let modem = Modem::new(settings, args.lead);
    let intake = Arc::new(Intake::new(modem.queue()));
    let (reader, taking) = (Arc::clone(&tun), Arc::clone(&intake));
    let exit_name = name.clone();
    thread::Builder::new()
        .name("tun".into())
        .spawn(move || {
            let error = taking.run(&*reader);
            // The agent shows this as the reason why the process ended; without tun there is nothing left to do.
            output::log_line(&format!("baton: {exit_name} cannot be read any more: {error}"));
            std::process::exit(1);
        })
        .map_err(|e| Failure::new(ErrorCode::Environment, format!("the thread that reads {name} cannot be started: {e}")))?;
    let error = shell::serve_samples(&listener, modem, &shared, &reporter, (&*tun, &*intake));
    Err(Failure::new(ErrorCode::Io, format!("no USRP process can connect to {} any more: {error}", samples.display())))
}

impl IpInterface for File {
    fn receive(&self, packet: &mut [u8]) -> io::Result<usize> {
        (&*self).read(packet)
    }

    fn send(&self, packet: &[u8]) -> io::Result<usize> {
        (&*self).write(packet)
    }
}

fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name).ok().filter(|v| !v.is_empty()).ok_or_else(|| {
        Failure::new(ErrorCode::Config, format!("{name} is not set, which the D2D process needs"))
            .hint("an agent starts this process and sets its environment; docs/workload.md lists it")
    })
}

fn path(name: &str) -> Result<PathBuf, Failure> {
    variable(name).map(PathBuf::from)
}

fn unbound(path: &Path, error: &io::Error) -> Failure {
    Failure::new(ErrorCode::Io, format!("{} cannot be listened on: {error}", path.display()))
}

/// The radio's rate, samples per second, when the environment tells it.
fn rate() -> Result<Option<f64>, Failure> {
    let Ok(text) = std::env::var(ENV_RADIO) else { return Ok(None) };
    let radio: Radio = serde_json::from_str(&text)
        .map_err(|e| Failure::new(ErrorCode::Config, format!("{ENV_RADIO} does not describe a radio: {e}")))?;
    Ok(Some(radio.rate))
}

/// Tun addresses of the terminals of a group, when the environment tells them.
fn terminals() -> Result<Vec<Ipv4Addr>, Failure> {
    let Ok(text) = std::env::var(ENV_TERMINALS) else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|e| {
        let text = format!("{ENV_TERMINALS} is not a JSON list of IPv4 addresses: {e}");
        Failure::new(ErrorCode::Config, text).hint("the agent takes it from terminals in the cluster file")
    })
}

/// Opens the tun interface, which an agent or the lab has made, and switches it on; an interface that is not there is made.
fn open_tun(name: &str) -> Result<File, Failure> {
    let opened = tun::open(name).and_then(|fd| tun::switch_on(name).map(|()| File::from(fd)));
    opened.map_err(|error| {
        let failure = Failure::new(ErrorCode::Environment, format!("the tun interface {name} cannot be opened: {error}"));
        match error.kind() {
            io::ErrorKind::NotFound => {
                failure.hint("/dev/net/tun is missing: load the kernel module tun, or give the container that device")
            }
            io::ErrorKind::PermissionDenied => failure.hint(
                "it needs CAP_NET_ADMIN, or a persistent interface owned by this user: ip tuntap add dev tun mode tun user <name>",
            ),
            io::ErrorKind::ResourceBusy => failure.hint("another process uses it: is another D2D process running on this host?"),
            _ => failure,
        }
    })
}
