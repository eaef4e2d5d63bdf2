//! What an order leaves behind.

use std::time::Duration;

use super::state::State;
use super::units::rounded;
use protocol::{Interruption, OrderRequest, Outcome, Phase, RunRecord};

impl State {
    pub(super) fn record(&self) -> RunRecord {
        let OrderRequest { order, method, by, .. } = self.setting.request.clone();
        let total = self.began.zip(self.ended).map_or(Duration::ZERO, |(began, ended)| ended.saturating_sub(began));
        let total = total.saturating_sub(self.held.unwrap_or_default());
        RunRecord {
            radio: self.setting.radio.clone(),
            run: self.setting.run.clone(),
            started: self.setting.started,
            order,
            method,
            from: self.setting.from.clone(),
            to: self.setting.to.clone(),
            relay: self.setting.relay,
            taken_up: self.taken_up,
            by,
            outcome: self.outcome,
            reason: self.reason.clone(),
            failure: self.failure.clone(),
            warnings: self.warnings.clone(),
            phases: self.recorded_phases(),
            total_ms: if self.taken_up { 0.0 } else { rounded(total) },
            trace: self.facts.trace.clone(),
            handover: self.facts.handover,
            mechanism: self.facts.mechanism.clone(),
            packets_forwarded: self.facts.packets_forwarded,
            interruption: self.interruption(),
            rollback: self.rollback(),
            held_ms: self.held.map(rounded),
        }
    }

    /// The phases that were completed. The paper's figures are of its plain scenario: of the relay's, no phases are known.
    fn recorded_phases(&self) -> Vec<Phase> {
        if self.taken_up {
            return Vec::new();
        }
        let relay = self.setting.relay;
        let phases = self.progress(self.last_event).phases().into_iter();
        phases.map(|phase| Phase { paper_ms: phase.paper_ms.filter(|_| !relay), ..phase }).collect()
    }

    fn interruption(&self) -> Interruption {
        let by_phases = self.flow.cut().filter(|_| self.outcome == Outcome::Ok && !self.taken_up).map(|_| {
            let after = self.flow.interrupting();
            // Of the figures that the record shows, so that these add up to it: rounded once.
            let ms: f64 = after.iter().filter_map(|phase| self.phases.get(phase)).copied().map(rounded).sum();
            (ms * 1e3).round() / 1e3
        });
        let window = self.window.as_ref();
        Interruption {
            by_phases_ms: by_phases,
            probe_interval_ms: window.map(|w| w.interval_ms),
            probes_sent: window.map(|w| w.sent),
            probes_lost: window.map(|w| w.lost),
            by_loss_ms: window.map(|w| w.lost as f64 * w.interval_ms),
            gap_ms: window.map(|w| w.gap_ms),
        }
    }
}
