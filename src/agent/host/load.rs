//! Load of the host and of the agent's processes.

use std::collections::HashMap;
use std::time::Instant;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

use super::ports::Traffic;
use protocol::{HostLoad, ProcessLoad};

/// Samples load; rates are since the previous sample.
pub(in crate::agent) struct LoadSampler {
    /// Without `/proc` there is no load to be shown, and all else works.
    system: Option<System>,
    own: Pid,
    traffic: Option<(Instant, Traffic)>,
}

/// One sample.
pub(in crate::agent) struct LoadSample {
    pub(in crate::agent) host: HostLoad,
    /// By process id.
    pub(in crate::agent) processes: HashMap<u32, ProcessLoad>,
}

impl LoadSampler {
    pub(in crate::agent) fn new() -> Self {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(kinds);
        if let Err(e) = &system {
            tracing::warn!("the load of this machine cannot be read: {e}");
        }
        Self { system: system.ok(), own: Pid::from_u32(std::process::id()), traffic: None }
    }

    pub(in crate::agent) fn sample(&mut self, processes: &[u32], traffic: Traffic) -> LoadSample {
        let (rx_bytes_per_s, tx_bytes_per_s) = self.rates(traffic);
        let Some(system) = &mut self.system else {
            let host = HostLoad { rx_bytes_per_s, tx_bytes_per_s, ..HostLoad::default() };
            return LoadSample { host, processes: HashMap::new() };
        };
        system.refresh_cpu_usage();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let mut pids: Vec<Pid> = processes.iter().copied().map(Pid::from_u32).chain([self.own]).collect();
        // sysinfo takes a process that is named twice for a dead one.
        pids.sort_unstable();
        pids.dedup();
        let kinds = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, kinds);
        let load = |pid: Pid| {
            let process = system.process(pid);
            process.map(|process| ProcessLoad { cpu_percent: process.cpu_usage(), memory: process.memory() }).unwrap_or_default()
        };
        let host = HostLoad {
            cpu_percent: system.global_cpu_usage(),
            cores: system.cpus().len(),
            memory_used: system.used_memory(),
            memory_total: system.total_memory(),
            rx_bytes_per_s,
            tx_bytes_per_s,
            agent: load(self.own),
        };
        let processes = processes.iter().map(|pid| (*pid, load(Pid::from_u32(*pid)))).collect();
        LoadSample { host, processes }
    }

    fn rates(&mut self, traffic: Traffic) -> (u64, u64) {
        let now = Instant::now();
        let Some((then, before)) = self.traffic.replace((now, traffic)) else { return (0, 0) };
        let seconds = now.duration_since(then).as_secs_f64().max(1e-3);
        // Interfaces that vanish make the sum fall: no traffic rather than a negative one.
        let rate = |now: u64, before: u64| (now.saturating_sub(before) as f64 / seconds) as u64;
        (rate(traffic.rx, before.rx), rate(traffic.tx, before.tx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_load_and_rates_are_measured() {
        let mut sampler = LoadSampler::new();
        let first = sampler.sample(&[std::process::id()], Traffic { rx: 1000, tx: 1000 });
        assert!(first.host.agent.memory > 0);
        assert!(first.host.memory_total > first.host.memory_used);
        assert!(first.host.cores > 0);
        assert_eq!(first.host.rx_bytes_per_s, 0);
        assert!(first.processes[&std::process::id()].memory > 0);
        let second = sampler.sample(&[], Traffic { rx: 2000, tx: 0 });
        assert!(second.host.rx_bytes_per_s > 0);
        assert_eq!(second.host.tx_bytes_per_s, 0);
    }
}
