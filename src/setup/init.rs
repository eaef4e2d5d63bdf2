//! `baton init`: asks for hosts, radio and addresses, or takes them as options, and writes the cluster file and the key.

mod answers;
mod ask;
mod next;
mod offers;
mod place;
mod text;
mod values;

#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use config::{Cidr, Config, HostName, InterfaceName, Reference};
use offers::Offers;
#[cfg(feature = "etcd")]
pub(super) use place::SERVICE;
use protocol::{ErrorCode, Failure};
use values::{HostAt, PortOf, RadioAt};

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print a cluster file in which every key is explained, and do nothing else.
    #[arg(long, exclusive = true)]
    pub example: bool,
    /// Folder of the cluster file (cluster.toml) and of the key (cluster.key), the same on every host.
    #[arg(long, value_name = "DIR", default_value = "/etc/baton")]
    pub dir: PathBuf,
    /// A host and its address on the management network. The first one is where the work starts, the second one where it goes to.
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub host: Vec<HostAt>,
    /// The host that probes from the other end of the air, one of those named by --host.
    #[arg(long, value_name = "NAME")]
    pub far_end: Option<HostName>,
    /// The radio that the first two hosts share, and its address.
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub radio: Option<RadioAt>,
    /// The far end's own radio, on a network of its own.
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub far_radio: Option<RadioAt>,
    /// Interface towards the radio, of all hosts or of one.
    #[arg(long, value_name = "[HOST=]INTERFACE")]
    pub radio_port: Vec<PortOf>,
    /// Address of the host that the radio talks to; without it the first one of the radio's network.
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub active: Option<Cidr>,
    /// Address, in another subnet, of a host that must not own the radio.
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub parked: Option<Cidr>,
    /// Address of tun that moves with the work, and which the far end probes.
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub tun_address: Option<Cidr>,
    /// Address of the far end's tun.
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub far_tun_address: Option<Cidr>,
    /// Centre frequency at which the shared radio transmits, Hz; the far end receives there.
    #[arg(long, value_name = "HZ", value_parser = values::frequency, allow_negative_numbers = true)]
    pub tx_freq: Option<f64>,
    /// Centre frequency at which the shared radio receives, Hz; the far end transmits there.
    #[arg(long, value_name = "HZ", value_parser = values::frequency, allow_negative_numbers = true)]
    pub rx_freq: Option<f64>,
    /// Gain both ways, dB.
    #[arg(long, value_name = "DB", value_parser = values::gain, allow_negative_numbers = true)]
    pub gain: Option<f64>,
    /// Transmit antenna, as UHD lists it.
    #[arg(long, value_name = "NAME", value_parser = values::antenna)]
    pub tx_ant: Option<String>,
    /// Receive antenna, as UHD lists it.
    #[arg(long, value_name = "NAME", value_parser = values::antenna)]
    pub rx_ant: Option<String>,
    /// Where the radios take clock and time from: internal, external, mimo or gpsdo.
    #[arg(long = "ref", value_name = "WHERE", value_parser = values::reference)]
    pub reference: Option<Reference>,
    /// Ask nothing: what is not given by an option is as in the lab.
    #[arg(long)]
    pub yes: bool,
    /// Replace a cluster file that is there. A key that is there always stays.
    #[arg(long)]
    pub force: bool,
}

/// Runs it. Exit code 1 when the operator does not want the files written.
///
/// # Errors
/// [`ErrorCode::BadRequest`] where an answer is missing, [`ErrorCode::Config`] where the answers make no cluster or files are there already,
/// [`ErrorCode::Io`] where they cannot be written. Nothing is written then.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.example {
        return written(config::EXAMPLE);
    }
    let folder = std::path::absolute(&args.dir)
        .map_err(|e| Failure::new(ErrorCode::Config, format!("{} is no path of a folder: {e}", args.dir.display())))?;
    // Before anything is asked: an operator should not answer for nothing.
    place::require_room(&folder, args.force)?;
    let offers = workload::runtime::current_thread()?.block_on(Offers::look());
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout());
    let mut asker = ask::Asker::new(&mut input, &mut output);
    if !args.yes {
        asker.say(&offers.text())?;
        if !std::io::stdin().is_terminal() {
            asker.repeat_answers();
        }
    }
    let answers = answers::Answers::collect(args, &offers, (!args.yes).then_some(&mut asker))?;
    let text = text::cluster_file(&answers, &folder);
    let config = Config::parse(&text).map_err(|failure| {
        let what = format!("these answers make no cluster: {}", failure.message);
        Failure { message: what, ..failure }.hint("run `baton init` again with other answers; nothing was written")
    })?;
    if !args.yes && !asker.confirm(&format!("Write {} and {}?", file(&folder).display(), key(&folder).display()))? {
        asker.say("Nothing was written.\n")?;
        return Ok(ExitCode::FAILURE);
    }
    let placed = place::write(&folder, &text, args.force)?;
    written(&next::commands(&config, &folder, &placed, &offers))
}

/// The cluster file in a folder.
fn file(folder: &Path) -> PathBuf {
    folder.join("cluster.toml")
}

/// The key in a folder.
fn key(folder: &Path) -> PathBuf {
    folder.join("cluster.key")
}

fn written(text: &str) -> Result<ExitCode, Failure> {
    super::doctor::write(text)?;
    Ok(ExitCode::SUCCESS)
}

/// The interface towards the radio, where nobody has named another one.
fn usual_port() -> InterfaceName {
    config::Host::usual_radio_port()
}
