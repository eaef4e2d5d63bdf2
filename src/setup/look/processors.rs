//! What the processors do when there is little to do (the kernel's documentation, "CPU Performance Scaling" and "CPU Idle Time Management").

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::setup::facts::ProcessorFacts;

fn read(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

/// `folder` is `/sys/devices/system/cpu`.
pub(super) fn look(folder: &Path) -> ProcessorFacts {
    let names = |folder: &Path, prefix: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let named = entries.filter(|path| {
            let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(prefix));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        });
        named.collect::<Vec<_>>()
    };
    let (mut governors, mut states) = (BTreeSet::new(), BTreeMap::new());
    for processor in names(folder, "cpu") {
        governors.extend(read(&processor.join("cpufreq/scaling_governor")));
        for state in names(&processor.join("cpuidle"), "state") {
            let latency = read(&state.join("latency")).and_then(|text| text.parse::<u64>().ok());
            if let (Some(name), Some(latency), Some("0")) =
                (read(&state.join("name")), latency, read(&state.join("disable")).as_deref())
            {
                states.insert(name, latency);
            }
        }
    }
    let mut idle_states: Vec<(String, u64)> = states.into_iter().collect();
    idle_states.sort_by_key(|(_, latency)| *latency);
    ProcessorFacts { governors: governors.into_iter().collect(), idle_states }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, file: &str, text: &str) {
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn processors_are_read_as_the_kernel_shows_them() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()), ProcessorFacts::default(), "a virtual machine has none");
        for cpu in ["cpu0", "cpu1"] {
            put(folder.path(), &format!("{cpu}/cpufreq/scaling_governor"), "powersave\n");
            for (state, name, latency, disable) in [
                ("state0", "POLL", "0", "0"),
                ("state1", "C6", "133", "0"),
                ("state2", "C1", "2", "0"),
                ("state3", "C10", "890", "1"),
            ] {
                put(folder.path(), &format!("{cpu}/cpuidle/{state}/name"), name);
                put(folder.path(), &format!("{cpu}/cpuidle/{state}/latency"), latency);
                put(folder.path(), &format!("{cpu}/cpuidle/{state}/disable"), disable);
            }
        }
        put(folder.path(), "cpufreq/policy0", "not a processor");
        let facts = look(folder.path());
        assert_eq!(facts.governors, ["powersave"]);
        assert_eq!(facts.idle_states, [("POLL".into(), 0), ("C1".into(), 2), ("C6".into(), 133)]);
    }
}
