//! The operator's own program in the place of the modem on the pool's servers: `baton lab --workload FILE`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use config::{Config, Workload};
use protocol::{ErrorCode, Failure};

/// What FILE may say; what it leaves out stays as the lab has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnWorkload {
    d2d: Vec<String>,
    usrp: Option<Vec<String>>,
    uhd: Option<Vec<String>>,
    collect_interval_s: Option<f64>,
    #[serde(default)]
    control_command: Vec<String>,
    #[serde(default)]
    meanings: BTreeMap<String, String>,
    #[serde(default)]
    control: BTreeMap<String, toml::Value>,
}

/// Reads a workload file. Words of its commands that name a file beside it stand for that file's whole path.
///
/// # Errors
/// [`ErrorCode::Config`] with the file and the line.
pub fn read(file: &Path, lab: &Workload) -> Result<Workload, Failure> {
    let wrong = |error: String| Failure::new(ErrorCode::Config, format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let own: OwnWorkload = toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    let folder = file.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let whole = |words: Vec<String>| words.into_iter().map(|word| beside(&folder, word)).collect::<Vec<_>>();
    Ok(Workload {
        d2d: whole(own.d2d),
        usrp: own.usrp.map_or_else(|| lab.usrp.clone(), whole),
        uhd: own.uhd.map_or_else(|| lab.uhd.clone(), whole),
        collect_interval_s: own.collect_interval_s.unwrap_or(lab.collect_interval_s),
        control_command: whole(own.control_command),
        meanings: own.meanings,
        control: own.control,
    })
}

fn beside(folder: &Path, word: String) -> String {
    let path = folder.join(&word);
    if path.is_file() { path.display().to_string() } else { word }
}

/// Gives the pool's servers the workload; the far end keeps the modem.
pub fn install(config: &mut Config, workload: &Workload) {
    for name in [config.roles.initiator.clone(), config.roles.destination.clone()] {
        if let Some(host) = config.host.get_mut(&name) {
            host.workload = Some(workload.clone());
            // The modem's own variables mean nothing to it.
            host.control.clear();
        }
    }
}
