//! The operator's own program in the place of the modem on the pool's servers: `baton lab --workload FILE`.

use std::path::Path;

use config::{CommandLine, Config, OwnWorkload, PoolFile, TomlSource, Workload};
use protocol::{ErrorCode, Failure};

/// Reads a workload file. Words of its commands that name a file beside it stand for that file's whole path.
///
/// # Errors
/// [`ErrorCode::Config`] with the file, the line and the key.
pub fn read(file: &Path, lab: &Workload) -> Result<Workload, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(ErrorCode::Config, format!("{}: the workload cannot be read: {error}", file.display())))?;
    let own: OwnWorkload = TomlSource::of_file(file, &text).read()?;
    let folder = file.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let resolve = |command: CommandLine| command.map(|word| beside(&folder, word));
    Ok(Workload {
        d2d: resolve(own.d2d)?,
        usrp: own.usrp.map_or_else(|| Ok(lab.usrp.clone()), resolve)?,
        uhd: own.uhd.map_or_else(|| Ok(lab.uhd.clone()), resolve)?,
        form: lab.form,
        collect_interval: own.collect_interval.unwrap_or(lab.collect_interval),
        control_command: own.control_command.map(resolve).transpose()?,
        meanings: own.meanings,
        environment: own.environment,
        capabilities: own.capabilities.unwrap_or_else(|| lab.capabilities.clone()),
        control: own.control,
        guest: lab.guest.clone(),
    })
}

fn beside(folder: &Path, word: String) -> String {
    let path = folder.join(&word);
    if path.is_file() { path.display().to_string() } else { word }
}

/// Gives the pool's servers the workload; the far end keeps the modem.
pub fn install(config: &mut Config, workload: &Workload) {
    let servers: Vec<_> = config.servers().into_iter().cloned().collect();
    for name in servers {
        if let Some(host) = config.host.get_mut(&name) {
            host.workload = Some(workload.clone());
            // The modem's own variables mean nothing to it.
            host.control.clear();
        }
    }
}

/// The same in a pool, for every radio.
pub fn install_in_pool(file: &mut PoolFile, workload: &Workload) {
    for radio in file.pool.radio.values_mut() {
        radio.workload = Some(workload.clone());
        radio.control.clear();
    }
    for far_end in file.host.values_mut() {
        far_end.workload = Some(file.workload.clone());
    }
}
