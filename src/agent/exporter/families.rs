//! What a host and its work do now, as metrics.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, IntCounter, Opts, Registry, Result};

use serde::Serialize;

use crate::migration::service::{Service, ServiceState};
use protocol::{Link, ProcessState, ProcessStatus, StreamCounters, SyncState, Telemetry};

/// What is told of one moment.
pub(super) struct Scrape<'a> {
    /// The host that is asked.
    pub(super) host: &'a str,
    /// The radio that it uses.
    pub(super) radio: &'a str,
    /// Its works.
    pub(super) own: &'a [Telemetry],
    /// The other hosts of the cluster, and what those that answer say.
    pub(super) others: &'a [(String, Option<Telemetry>)],
    /// The verdict on the service, from all of that.
    pub(super) service: &'a Service,
}

const SERVICE: [(ServiceState, &str); 4] = [
    (ServiceState::Serving, "serving"),
    (ServiceState::Starting, "starting"),
    (ServiceState::Down, "down"),
    (ServiceState::Unknown, "unknown"),
];
const PROCESS: [(ProcessState, &str); 5] = [
    (ProcessState::Stopped, "stopped"),
    (ProcessState::Starting, "starting"),
    (ProcessState::Made, "made"),
    (ProcessState::Running, "running"),
    (ProcessState::Died, "died"),
];
const SYNC: [&str; 5] = ["no_samples", "searching", "synced", "lost", "unreported"];

/// Metrics of one scrape, each made as it is told.
struct Families(Registry);

impl Families {
    fn gauge(&self, name: &str, help: &str, value: f64) -> Result<()> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        self.0.register(Box::new(gauge))
    }

    fn gauges<'v>(
        &self,
        (name, help): (&str, &str),
        labels: &[&str],
        values: impl IntoIterator<Item = (Vec<&'v str>, f64)>,
    ) -> Result<()> {
        let gauges = GaugeVec::new(Opts::new(name, help), labels)?;
        for (labels, value) in values {
            gauges.get_metric_with_label_values(&labels)?.set(value);
        }
        self.0.register(Box::new(gauges))
    }

    /// A counter that a process keeps: it begins anew with the process, as Prometheus expects of one.
    fn counter(&self, name: &str, help: &str, value: u64) -> Result<()> {
        let counter = IntCounter::new(name, help)?;
        counter.inc_by(value);
        self.0.register(Box::new(counter))
    }
}

/// A value of an enum as it is on the wire.
pub(super) fn wire_word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn is(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

impl Scrape<'_> {
    /// All of them.
    ///
    /// # Errors
    /// None is known: names are constants, and labels are as many as they are named.
    pub(super) fn gather(&self) -> Result<Vec<MetricFamily>> {
        let families = Families(Registry::new());
        families.gauges(
            ("baton_build_info", "The version of the agent."),
            &["version"],
            [(vec![env!("CARGO_PKG_VERSION")], 1.0)],
        )?;
        let states = SERVICE.map(|(state, word)| (vec![word], is(state == self.service.state)));
        families.gauges(
            ("baton_service_state", "The verdict on the service, as this agent sees it: 1 for the state that it is in."),
            &["state"],
            states,
        )?;
        let answers = self.others.iter().map(|(name, status)| (vec![name.as_str()], is(status.is_some())));
        families.gauges(("baton_peer_up", "Whether the agent of another host answers this one."), &["peer"], answers)?;
        if let Some(status) = self.own.first() {
            self.host_and_radio(&families, status)?;
            processes(&families, status)?;
            self.probe(&families, status)?;
        }
        Ok(families.0.gather())
    }

    fn host_and_radio(&self, families: &Families, status: &Telemetry) -> Result<()> {
        let owns = status.owner.as_deref() == Some(self.host);
        let owned = ("baton_radio_owned", "Whether this host owns the radio, as far as it knows.");
        families.gauges(owned, &["radio"], [(vec![self.radio], is(owns))])?;
        let epoch = ("baton_radio_owner_epoch", "The epoch of the radio's owner.");
        families.gauges(epoch, &["radio"], [(vec![self.radio], status.owner_epoch.unwrap_or_default() as f64)])?;
        families.gauge("baton_radio_port_up", "Whether the interface to the radio has a carrier.", is(status.radio_port.up))?;
        let mut alarms: BTreeMap<(String, String), f64> = BTreeMap::new();
        for alarm in &status.alarms {
            *alarms.entry((wire_word(alarm.code), wire_word(alarm.level))).or_default() += 1.0;
        }
        let alarms = alarms.iter().map(|((code, level), count)| (vec![code.as_str(), level], *count));
        families.gauges(
            ("baton_alarms", "What is not as it should be on this host, by code and level."),
            &["code", "level"],
            alarms,
        )?;
        families.gauge(
            "baton_order_under_way",
            "Whether this agent carries out an order.",
            is(status.migration.as_ref().is_some_and(|progress| !progress.finished)),
        )?;
        families.gauge("baton_agent_resident_memory_bytes", "Resident memory of the agent.", status.load.agent.memory as f64)?;
        families.gauge("baton_agent_uptime_seconds", "Since the agent was started.", status.uptime_ms as f64 / 1e3)
    }

    fn probe(&self, families: &Families, status: &Telemetry) -> Result<()> {
        let Some(probe) = &status.probe else { return Ok(()) };
        families.counter("baton_probe_sent_total", "Probes sent to the far end's target.", probe.sent)?;
        families.counter("baton_probe_received_total", "Probes answered.", probe.received)?;
        families.counter("baton_probe_lost_total", "Probes given up, those before the first answer left out.", probe.lost)
    }
}

fn processes(families: &Families, status: &Telemetry) -> Result<()> {
    let both = [("d2d", &status.d2d), ("usrp", &status.usrp)];
    let states =
        both.iter().flat_map(|(name, process)| PROCESS.map(|(state, word)| (vec![*name, word], is(state == process.state))));
    families.gauges(
        ("baton_process_state", "The two processes of the work: 1 for the state that each is in."),
        &["process", "state"],
        states,
    )?;
    let of_each = |(name, help): (&str, &str), value: fn(&ProcessStatus) -> Option<f64>| {
        let values = both.iter().filter_map(|(name, process)| Some((vec![*name], value(process)?)));
        families.gauges((name, help), &["process"], values)
    };
    of_each(("baton_process_uptime_seconds", "Since the process was started."), |process| Some(process.uptime_ms? as f64 / 1e3))?;
    of_each(("baton_process_unanswered_seconds", "Since when a process has not answered its agent."), |process| {
        Some(process.unanswered_ms? as f64 / 1e3)
    })?;
    of_each(("baton_process_resident_memory_bytes", "Resident memory."), |process| {
        process.pid.map(|_| process.load.memory as f64)
    })?;
    of_each(("baton_process_cpu_ratio", "Share of one processor, over the last half second."), |process| {
        process.pid.map(|_| f64::from(process.load.cpu_percent) / 100.0)
    })?;
    if let Some(sync) = status.d2d.sync {
        let now = match sync {
            SyncState::NoSamples => 0,
            SyncState::Searching => 1,
            SyncState::Synced { .. } => 2,
            SyncState::Lost { .. } => 3,
            SyncState::Unreported => 4,
        };
        let states = SYNC.iter().enumerate().map(|(index, word)| (vec![*word], is(index == now)));
        families.gauges(("baton_sync_state", "The receiver: 1 for the state that it is in."), &["state"], states)?;
    }
    status.d2d.link.map_or(Ok(()), |link| modem(families, &link))?;
    status.usrp.counters.map_or(Ok(()), |counters| streams(families, &counters))
}

fn modem(families: &Families, link: &Link) -> Result<()> {
    if let Some(snr) = link.snr_db {
        families.gauge("baton_modem_snr_decibels", "Signal to noise ratio at the receiver.", f64::from(snr))?;
    }
    families.counter("baton_modem_blocks_good_total", "Blocks received whole.", link.blocks_good)?;
    families.counter("baton_modem_blocks_bad_total", "Blocks received damaged.", link.blocks_bad)?;
    families.counter("baton_modem_packets_received_total", "IP packets from the air.", link.packets_in)?;
    families.counter("baton_modem_packets_transmitted_total", "IP packets to the air.", link.packets_out)?;
    families.counter("baton_modem_subframes_lost_total", "Subframes lost, samples missing.", link.subframes_lost)
}

fn streams(families: &Families, counters: &StreamCounters) -> Result<()> {
    let StreamCounters { rx_samples, tx_samples, rx_lost_samples, overflows, underflows, late, sequence_errors } = *counters;
    for (name, help, value) in [
        ("baton_usrp_received_samples_total", "Samples from the radio.", rx_samples),
        ("baton_usrp_transmitted_samples_total", "Samples to the radio.", tx_samples),
        ("baton_usrp_received_samples_lost_total", "Samples of the radio that did not arrive.", rx_lost_samples),
        ("baton_usrp_overflows_total", "Overflows that the radio reports.", overflows),
        ("baton_usrp_underflows_total", "Underflows that the radio reports.", underflows),
        ("baton_usrp_late_total", "Bursts that came too late for their time.", late),
        ("baton_usrp_sequence_errors_total", "Packets out of sequence, either way.", sequence_errors),
    ] {
        families.counter(name, help, value)?;
    }
    Ok(())
}
