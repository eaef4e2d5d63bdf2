//! The guest's first process: loads the network's modules, sets the address, and dirties memory for ever.

use std::ffi::CStr;
use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use nix::kmod::{ModuleInitFlags, finit_module};
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::{Handle, LinkUnspec};

use crate::memory::{MemorySet, PAGES_PER_MIB};
use crate::settings::{GuestSettings, MODULES};
use crate::words::Words;
use config::Cidr;
use protocol::{ErrorCode, Failure, Trying};

/// Memory is dirtied in portions of so long.
const TICK: Duration = Duration::from_millis(10);
/// What was not dirtied while the guest stood still is not made up for beyond this.
const BEHIND: Duration = Duration::from_millis(100);
const NO_PARAMETERS: &CStr = c"";

/// Runs the guest; does not return while it works. Only for the first process of a guest: it loads modules and changes addresses.
///
/// Its words go to standard output, which is the serial console there. An end of the first process ends the guest.
pub fn run() {
    if nix::unistd::getpid().as_raw() != 1 {
        output::say("baton-guest runs as the first process of a guest alone: `baton lab --form guest` starts one");
        return;
    }
    let Err(failure) = prepare().map(dirty);
    tell(&Words::Failed(failure.message));
}

/// Says it on the console, which is there as long as the guest is.
fn tell(words: &Words) {
    // There is nobody else to tell when the console is gone.
    let _ = output::write_stdout(format!("{words}\n").as_bytes());
}

fn prepare() -> Result<GuestSettings, Failure> {
    let settings = GuestSettings::from_variables(|name| std::env::var(name).ok())?;
    // Without a network card as well: a rehearsal shows whether they fit the kernel.
    load_modules()?;
    if let Some(address) = settings.address {
        workload::runtime::current_thread()?.block_on(set_address(address))?;
    }
    Ok(settings)
}

fn load_modules() -> Result<(), Failure> {
    let folder = std::fs::read_dir(MODULES).trying(|| "the modules of the guest cannot be listed")?;
    let mut modules: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    modules.sort();
    for module in modules {
        let name = module.display().to_string();
        let file = File::open(&module).trying(|| format!("{name} cannot be opened"))?;
        finit_module(file, NO_PARAMETERS, ModuleInitFlags::empty()).trying(|| format!("{name} could not be loaded"))?;
    }
    Ok(())
}

/// Gives the only network card its address.
async fn set_address(address: Cidr) -> Result<(), Failure> {
    let (connection, handle, _) = rtnetlink::new_connection().trying(|| "the guest has no netlink")?;
    tokio::spawn(connection);
    let card = network_card(&handle).await?;
    let up = LinkUnspec::new_with_index(card).up().build();
    let request = handle.address().add(card, IpAddr::V4(address.address()), address.prefix());
    request.execute().await.trying(|| format!("{address} could not be set in the guest"))?;
    handle.link().set(up).execute().await.trying(|| "the guest's network card could not be brought up")
}

async fn network_card(handle: &Handle) -> Result<u32, Failure> {
    let mut links = handle.link().get().execute();
    while let Some(link) = links.try_next().await.trying(|| "the guest's network cards cannot be listed")? {
        let is_card =
            link.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::IfName(name) if name.starts_with("eth")));
        if is_card {
            return Ok(link.header.index);
        }
    }
    Err(Failure::new(ErrorCode::Environment, "the guest has no network card"))
}

/// Dirties memory at the rate that was asked for, and tells what it finds there.
fn dirty(settings: GuestSettings) -> std::convert::Infallible {
    let mut set = MemorySet::new(settings.dirty_mib);
    let pages_per_s = f64::from(settings.dirty_mib_s) * PAGES_PER_MIB as f64;
    tell(&Words::Ready);
    let (mut owed, mut last) = (0.0, Instant::now());
    // One line a pass: a memory that is damaged throughout would fill the console.
    let mut told = None;
    loop {
        sleep(TICK);
        let now = Instant::now();
        owed = (owed + pages_per_s * (now - last).as_secs_f64()).min(pages_per_s * BEHIND.as_secs_f64());
        last = now;
        while owed >= 1.0 {
            owed -= 1.0;
            match set.step() {
                Ok(false) => {}
                Ok(true) => tell(&Words::Checked { passes: set.passes() }),
                Err(_) if told == Some(set.passes()) => {}
                Err(damage) => {
                    told = Some(set.passes());
                    tell(&Words::Damaged(damage.to_string()));
                }
            }
        }
    }
}
