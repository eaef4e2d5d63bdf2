//! Whether this machine can run a guest: found out by running one, since neither a device nor a version proves it.

use std::path::Path;
use std::time::{Duration, Instant};

use super::guest::{Guest, Launch, Role};
use super::software::Software;
use config::Guest as Settings;
use guest::GuestSettings;
use protocol::{Accelerator, ErrorCode, Failure};

/// A guest on the processor itself is ready within a second. One that is not by then hangs: some machines have a /dev/kvm on which no stock kernel
/// boots.
const READY_WITHIN_ON_KVM: Duration = Duration::from_secs(5);
/// An emulated one takes 3 to 4 s on an idle machine of two cores.
const READY_WITHIN_ON_TCG: Duration = Duration::from_secs(40);
/// What the processor says that can run guests.
const VIRTUALISATION: [&str; 2] = ["vmx", "svm"];
const KVM: &str = "/dev/kvm";

/// What the rehearsal has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// What runs guests here.
    pub accelerator: Accelerator,
    /// From the start of QEMU until the guest said that it is ready.
    pub ready_after: Duration,
}

/// How long a guest may take until it is ready.
pub fn ready_within(accelerator: Accelerator) -> Duration {
    match accelerator {
        Accelerator::Kvm => READY_WITHIN_ON_KVM,
        Accelerator::Tcg => READY_WITHIN_ON_TCG,
    }
}

/// Runs a throw-away guest in `folder`: on the processor itself where that seems possible, else on an emulated one.
///
/// # Errors
/// [`ErrorCode::Environment`] with what is missing and how to get it; what kept the emulated guest from being ready.
pub async fn rehearse(folder: &Path, settings: &Settings) -> Result<Rehearsal, Failure> {
    let software = Software::find(&settings.software)?;
    if may_have_kvm(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default(), Path::new(KVM).exists()) {
        match run(folder, &software, settings, Accelerator::Kvm).await {
            Ok(rehearsal) => return Ok(rehearsal),
            Err(failure) => tracing::info!("a guest does not run on the processor itself: {failure}; an emulated one is tried"),
        }
    }
    software.check_for(Accelerator::Tcg).await?;
    run(folder, &software, settings, Accelerator::Tcg).await
}

fn may_have_kvm(cpuinfo: &str, device: bool) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    device && flags.split_whitespace().any(|flag| VIRTUALISATION.contains(&flag))
}

async fn run(folder: &Path, software: &Software, settings: &Settings, accelerator: Accelerator) -> Result<Rehearsal, Failure> {
    let launch = Launch {
        software: software.clone(),
        program: settings.program.clone(),
        accelerator,
        memory_mib: settings.memory_mib,
        tap: None,
        settings: GuestSettings { address: None, dirty_mib: settings.dirty_mib, dirty_mib_s: settings.dirty_mib_s },
        role: Role::Boot,
    };
    let began = Instant::now();
    let rehearsed = Guest::start(folder, &launch, |_| {}).await?;
    let ready = rehearsed.until_ready(ready_within(accelerator)).await;
    let ready_after = began.elapsed();
    rehearsed.end().await?;
    ready.map(|()| Rehearsal { accelerator, ready_after }).map_err(|failure| {
        let text = format!("a guest that was started to see whether one runs here did not get ready: {failure}");
        Failure::new(ErrorCode::Environment, text).hint(failure.hint.unwrap_or_else(|| "look at the load of this machine".into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_alone_is_no_reason_to_try_kvm() {
        let flags = |text: &str| format!("processor\t: 0\nflags\t\t: fpu {text} sse2\n");
        assert!(may_have_kvm(&flags("vmx"), true) && may_have_kvm(&flags("svm"), true));
        assert!(!may_have_kvm(&flags("vmx"), false));
        assert!(!may_have_kvm(&flags("hypervisor"), true) && !may_have_kvm("", true));
        assert!(!may_have_kvm("processor\t: 0\nbugs\t: vmx\nflags : fpu\n", true));
    }
}
