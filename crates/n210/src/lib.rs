//! The software N210: radios that stock UHD tools accept as real ones, and the air between them.
//!
//! `device` and what it is made of are a machine without input or output of its own: frames in, frames out, and ticks. `air` joins the
//! radios of a process, `world` moves them through time together, `pace` does so in real time on packet sockets. `scene` is what a file says
//! about them, `fault` what may go wrong, `command_socket` takes events while they run. `docs/n210.md` says how to use it and what it does
//! not do.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use protocol::{ErrorCode, Failure};
use workload::realtime::{Rank, real_time};

mod air;
mod board;
mod command_socket;
mod device;
mod ethernet;
mod fault;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod pace;
mod scene;
mod site;
mod world;

#[cfg(feature = "bench")]
#[doc(hidden)]
pub use air::speed::nanoseconds_per_sample;

use air::medium::{Medium, Path};
use board::eeprom::RadioIdentity;
use board::{Board, Equipment, Programming, given_identity};
use command_socket::CommandSocket;
use device::pipeline::Timing;
use ethernet::packet_socket::{Offload, PacketSocket};
use scene::{Defaults, Scene};
pub use site::Site;
use world::World;

/// Options of `baton n210`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// A radio in a network namespace of /run/netns; may be repeated, all radios share one air. Without it, one radio in the present
    /// namespace. Behind commas it may have an address, a serial number, a MAC and a flash memory of its own.
    #[arg(long = "radio", value_name = "NAME=NETNS[/INTERFACE][,addr=A][,serial=S][,mac=M][,flash=FILE]", num_args = 1)]
    pub radios: Vec<Site>,
    /// Interface that a radio without a named one uses. It needs no address.
    #[arg(long, default_value = "eth0")]
    pub interface: String,
    /// Address of the radios that are given none of their own. The gateway is the first host of its /24.
    #[arg(long, default_value = "192.168.10.2", value_parser = given_identity::ip)]
    pub addr: Ipv4Addr,
    /// Daughterboards of every radio; a scene may say otherwise for one, as for the two options that follow.
    #[arg(long, value_enum, default_value_t)]
    pub board: Board,
    /// EEPROMs of every radio.
    #[arg(long, value_enum, default_value_t)]
    pub eeprom: Programming,
    /// A GPS disciplined oscillator answers on every radio's serial line.
    #[arg(long)]
    pub gpsdo: bool,
    /// Idealised timing: chains take no time but that of their filters, and bursts are sent whole.
    #[arg(long)]
    pub kind: bool,
    /// Scene: equipment, paths, and what happens when. It overrules --board, --eeprom, --gpsdo, --kind, --gain-db, --noise-dbfs,
    /// --delay-ticks and --seed, which are the defaults for what it does not say.
    #[arg(long, value_name = "FILE")]
    pub scene: Option<PathBuf>,
    /// Unix socket to make, which takes events while the radios run (see `tell`).
    #[arg(long, value_name = "SOCKET")]
    pub control: Option<PathBuf>,
    /// Gain from every transmitter to every other radio, dB.
    #[arg(long, default_value_t = -10.0, allow_negative_numbers = true)]
    pub gain_db: f32,
    /// Noise in a receiver's band, dB against a full-scale carrier.
    #[arg(long, default_value_t = -47.0, allow_negative_numbers = true)]
    pub noise_dbfs: f32,
    /// Delay from every transmitter to every other radio, in ticks of 10 ns.
    #[arg(long, default_value_t = 0)]
    pub delay_ticks: u64,
    /// File of the flash memory, which is made if it is not there; without one, what is written is lost. For several radios, `flash=FILE`
    /// behind each --radio.
    #[arg(long, value_name = "FILE")]
    pub flash: Option<PathBuf>,
    /// Whether runs of sample packets go to the kernel as one frame each: less work at both ends, but a sniffer sees the large frames.
    #[arg(long, value_enum, default_value_t)]
    pub offload: Offload,
    /// Seed of the noise.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What to say to radios that run.
    #[command(subcommand)]
    pub command: Option<N210Command>,
}

/// What to say to radios that run.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum N210Command {
    /// Tell running radios what happens now, and print what they did.
    Tell {
        /// The socket that they were given with --control.
        socket: PathBuf,
        /// An event of a scene without its time, such as `fault = { radio = "n210", kind = "drop", every = 10 }`; or `status`.
        event: String,
    },
}

/// Runs the radios until the process is told to end or its parent is gone.
///
/// # Errors
/// Too many radios, two that share what must differ, an interface that is not there, or missing rights.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if let Some(N210Command::Tell { socket, event }) = &args.command {
        return command_socket::tell::tell(socket, event).map(|()| ExitCode::SUCCESS);
    }
    workload::log::to_stderr("RUST_LOG", tracing::level_filters::LevelFilter::INFO);
    let mut sites = site::sites(&args.radios)?;
    let scene = scene(args, &mut sites)?;
    let identities = site::identities(&sites, &scene, args.addr)?;
    let ready = ready(&sites, &identities, args);
    // Before anything that a refused socket would leave half done.
    let commands = args.control.as_deref().map(CommandSocket::open).transpose()?;
    let sockets = sites.iter().map(|site| open(site, args)).collect::<Result<Vec<_>, _>>()?;
    let flashes = site::flashes(&sites, args.flash.as_deref())?;
    let mut world = World::new(identities, scene.medium.clone());
    for (radio, flash) in flashes {
        world.insert_flash(radio, flash);
    }
    world.set(scene);
    if let Err(error) = real_time(Rank::Radio) {
        tracing::warn!("no real-time priority ({error}): on a busy machine this radio's clock stutters, as no real one's does");
    }
    pace::run(world, sockets, commands, &ready)
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| Failure::new(ErrorCode::Io, format!("the software N210 had to stop: {error}")))
}

/// The text of a scene file, after a look whether radios of these names can use it.
///
/// # Errors
/// As [`Scene::load`].
pub fn check_scene(file: &std::path::Path, names: &[&str]) -> Result<String, Failure> {
    let text = scene::read(file)?;
    let medium = Medium { path: Path::default(), noise_dbfs: 0.0, seed: 0 };
    let defaults = Defaults { medium, equipment: Equipment::default() };
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Scene::parse(Some(&file.display().to_string()), &text, names, defaults).map(|_| text)
}

/// The scene of the command line; a single radio takes its name from a scene that describes one.
fn scene(args: &Args, sites: &mut [Site]) -> Result<Scene, Failure> {
    let medium = Medium {
        path: Path { gain_db: args.gain_db, delay: args.delay_ticks, ..Path::default() },
        noise_dbfs: args.noise_dbfs,
        seed: args.seed,
    };
    let timing = if args.kind { Timing::Ideal } else { Timing::Device };
    let equipment = Equipment { board: args.board, eeprom: args.eeprom, gpsdo: args.gpsdo, timing };
    let defaults = Defaults { medium, equipment };
    let names = sites.iter().map(|site| site.name.clone()).collect();
    let scene = match &args.scene {
        Some(file) => Scene::load(file, names, defaults)?,
        None => Scene::plain(names, defaults),
    };
    for (site, name) in sites.iter_mut().zip(&scene.names) {
        site.name.clone_from(name);
    }
    Ok(scene)
}

fn open(site: &Site, args: &Args) -> Result<PacketSocket, Failure> {
    PacketSocket::open(site.namespace.as_deref(), site.interface(&args.interface), args.offload).map_err(|error| {
        let place = site.place(&args.interface);
        Failure::new(ErrorCode::Environment, format!("radio `{}` cannot open {place}: {error}", site.name))
            .hint("it needs that namespace and interface, and the right to open packet sockets (CAP_NET_RAW)")
    })
}

/// The line that says that all radios answer.
fn ready(sites: &[Site], identities: &[RadioIdentity], args: &Args) -> String {
    let radios = sites.iter().zip(identities);
    let radios = radios.map(|(site, identity)| format!("{}={}@{}", site.name, identity.ip, site.place(&args.interface)));
    format!("n210 ready {}", radios.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests;
