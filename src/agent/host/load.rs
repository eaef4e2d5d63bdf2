//! Load of the host and of the agent's processes.

use std::time::Instant;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

use super::ports::Traffic;
use protocol::{HostLoad, ProcessLoad};

/// Samples load; rates are since the previous sample.
pub struct Sampler {
    /// Without `/proc` there is no load to be shown, and all else works.
    system: Option<System>,
    own: Pid,
    traffic: Option<(Instant, Traffic)>,
}

/// One sample.
pub struct Sample {
    pub host: HostLoad,
    /// In the order in which they were asked for.
    pub processes: [ProcessLoad; 2],
}

impl Sampler {
    pub fn new() -> Self {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(kinds);
        if let Err(e) = &system {
            tracing::warn!("the load of this machine can not be read: {e}");
        }
        Self { system: system.ok(), own: Pid::from_u32(std::process::id()), traffic: None }
    }

    pub fn sample(&mut self, processes: [Option<u32>; 2], traffic: Traffic) -> Sample {
        let (rx_bytes_per_s, tx_bytes_per_s) = self.rates(traffic);
        let Some(system) = &mut self.system else {
            let host = HostLoad { rx_bytes_per_s, tx_bytes_per_s, ..HostLoad::default() };
            return Sample { host, processes: Default::default() };
        };
        system.refresh_cpu_usage();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let mut pids: Vec<Pid> = processes.iter().flatten().map(|pid| Pid::from_u32(*pid)).chain([self.own]).collect();
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
        let processes = processes.map(|pid| pid.map_or_else(ProcessLoad::default, |pid| load(Pid::from_u32(pid))));
        Sample { host, processes }
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
        let mut sampler = Sampler::new();
        let first = sampler.sample([None, Some(std::process::id())], Traffic { rx: 1000, tx: 1000 });
        assert!(first.host.agent.memory > 0);
        assert!(first.host.memory_total > first.host.memory_used);
        assert!(first.host.cores > 0);
        assert_eq!((first.processes[0].memory, first.host.rx_bytes_per_s), (0, 0));
        assert!(first.processes[1].memory > 0);
        let second = sampler.sample([None, None], Traffic { rx: 2000, tx: 0 });
        assert!(second.host.rx_bytes_per_s > 0);
        assert_eq!(second.host.tx_bytes_per_s, 0);
    }
}
