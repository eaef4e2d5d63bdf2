//! Who is in a pod, seen from its host.

use std::os::unix::fs::MetadataExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The processes of a pod, by the pid namespace of its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members {
    holder: i32,
    namespace: u64,
}

/// Inode of a process's pid namespace.
fn namespace_of(pid: i32) -> Option<u64> {
    std::fs::metadata(format!("/proc/{pid}/ns/pid")).ok().map(|found| found.ino())
}

/// The process ids of a process in all its namespaces, the innermost last.
fn numbers(pid: i32) -> Option<Vec<i32>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().map(|number| number.parse().ok()).collect()
}

impl Members {
    /// Those of the pod that this process holds; none when it is no first process of a pid namespace of its own.
    pub fn of_holder(holder: i32) -> Option<Self> {
        let first = numbers(holder)?;
        let inside = first.len() > 1 && first.last() == Some(&1);
        inside.then_some(Self { holder, namespace: namespace_of(holder)? })
    }

    /// All, the holder left out.
    pub fn all(&self) -> Vec<i32> {
        let entries = std::fs::read_dir("/proc").ok().into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != self.holder && namespace_of(*pid) == Some(self.namespace)).collect()
    }

    /// The process that has this number within the pod.
    pub fn numbered(&self, inside: i32) -> Option<i32> {
        self.all().into_iter().find(|pid| numbers(*pid).is_some_and(|all| all.last() == Some(&inside)))
    }

    /// The process with this variable in its environment; what it has started may have it as well, and is younger.
    pub fn marked(&self, mark: &[u8]) -> Option<i32> {
        let has = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark)
        };
        self.all().into_iter().filter(has).min_by_key(|pid| numbers(*pid).and_then(|all| all.last().copied()))
    }

    /// Whether they are stopped, by SIGSTOP or by CRIU: the main thread of each is.
    pub fn are_stopped(&self) -> bool {
        let stopped = |pid: &i32| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        let all = self.all();
        !all.is_empty() && all.iter().all(stopped)
    }

    /// Sends a signal to all, the holder left out.
    pub fn signal(&self, signal: Signal) {
        for pid in self.all() {
            // One that has just ended needs none.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Ends a pod: the kernel ends everything in it with its first process.
pub fn kill_holder(holder: i32) {
    let _ = kill(Pid::from_raw(holder), Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_holds_no_pod_has_no_members() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(Members::of_holder(own), None);
        assert_eq!(Members::of_holder(i32::MAX), None);
    }
}
