//! What the model keeps of what is heard.

use super::model::Model;
use super::msg::LinkState;
use protocol::{Level, OrderStage, ProbeStatus, Telemetry};

/// Probes kept for the strip: more than the widest terminal has columns.
const PROBES: usize = 1024;

impl Model {
    /// Stores a snapshot; returns the one before.
    pub fn hear(&mut self, telemetry: Box<Telemetry>) -> Option<Box<Telemetry>> {
        if Some(telemetry.host.as_str()) == self.config.roles.far_end.as_deref() {
            self.merge_probes(telemetry.probe.as_ref());
        }
        if let Some(run) = telemetry.migration.as_ref().filter(|run| run.order.is_migration() && run.stage == OrderStage::Moving) {
            self.pings.cut(&run.run);
        }
        // A host that the configuration does not name has no place on the screen.
        let view = self.hosts.get_mut(&telemetry.host)?;
        if let Some(last) = &view.telemetry {
            view.missed = view.missed.saturating_add(telemetry.seq.saturating_sub(last.seq.saturating_add(1)));
            view.sample_rates = super::host::sample_rates(last, &telemetry);
        }
        view.history.record(self.now_ms, &telemetry.load);
        view.link = LinkState::Connected;
        view.heard_ms = Some(self.now_ms);
        let (host, back) = (telemetry.host.clone(), std::mem::take(&mut view.reported_down));
        if let Some(progress) = &telemetry.migration {
            self.latest.hear(&host, progress);
        }
        let before = view.telemetry.replace(telemetry);
        view.overtaken = false;
        self.dirty = true;
        if back {
            self.say(Level::Info, self.skin.lang.fill("{0}'s agent is heard again", &[&host]));
        }
        before
    }

    fn merge_probes(&mut self, probe: Option<&ProbeStatus>) {
        let Some(probe) = probe else {
            self.probes.clear();
            self.pings.clear();
            return;
        };
        self.pings.hear(probe);
        // A smaller number than before: the probe was restarted.
        let newest = probe.recent.iter().map(|p| p.seq).max();
        if newest < self.probes.last_key_value().map(|(seq, _)| *seq) {
            self.probes.clear();
        }
        self.probes.extend(probe.recent.iter().map(|outcome| (outcome.seq, *outcome)));
        while self.probes.len() > PROBES {
            self.probes.pop_first();
        }
    }
}
