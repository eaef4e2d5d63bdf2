//! What is counted where it happens.

use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, exponential_buckets};

use super::families::wire_word;
use protocol::{Outcome, RunRecord};

/// Buckets of a round trip: 1 ms to 2 s. One over the air takes 20 ms.
const ROUND_TRIPS: (f64, f64, usize) = (0.001, 2.0, 12);
/// Buckets of what a move takes: 0.5 ms to 32 s.
const MOVES: (f64, f64, usize) = (0.000_5, 2.0, 17);

/// Histograms and counters of this agent's life.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Counted {
    registry: Registry,
    round_trip: Histogram,
    orders: IntCounterVec,
    duration: HistogramVec,
    interruption: HistogramVec,
    gap: HistogramVec,
    pings_lost: IntCounterVec,
    phase: HistogramVec,
}

impl Counted {
    /// With everything at zero.
    ///
    /// # Errors
    /// None is known: the names are constants.
    pub(in crate::agent) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let buckets = |(start, factor, count): (f64, f64, usize)| exponential_buckets(start, factor, count);
        let of_moves = |name: &str, help: &str, labels: &[&str]| {
            let histogram = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets(MOVES)?), labels)?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let help = "Time until the far end's probe was answered.";
        let round_trip =
            Histogram::with_opts(HistogramOpts::new("baton_probe_round_trip_seconds", help).buckets(buckets(ROUND_TRIPS)?))?;
        registry.register(Box::new(round_trip.clone()))?;
        Ok(Self {
            orders: counter("baton_orders_total", "Orders that this agent has carried out.", &["order", "method", "outcome"])?,
            duration: of_moves(
                "baton_order_duration_seconds",
                "From the first step of an order to its last.",
                &["order", "method"],
            )?,
            interruption: of_moves(
                "baton_move_interruption_seconds",
                "Sum of the phases of a move in which nobody serves.",
                &["method"],
            )?,
            gap: of_moves("baton_move_gap_seconds", "Longest time without a reply at the far end during a move.", &["method"])?,
            pings_lost: counter("baton_move_probes_lost_total", "Probes of the far end lost during moves.", &["method"])?,
            phase: of_moves("baton_move_phase_seconds", "Phases of moves.", &["method", "phase"])?,
            round_trip,
            registry,
        })
    }

    /// A probe was answered.
    pub(in crate::agent) fn answered(&self, after: Duration) {
        self.round_trip.observe(after.as_secs_f64());
    }

    /// An order has ended.
    pub(in crate::agent) fn ended(&self, record: &RunRecord) {
        let (order, method) = (record.order.to_string(), record.method.to_string());
        self.orders.with_label_values(&[order.as_str(), method.as_str(), wire_word(record.outcome).as_str()]).inc();
        let seconds = |ms: f64| ms / 1e3;
        if record.outcome != Outcome::Ok {
            return;
        }
        if let Some(total) = record.total() {
            self.duration.with_label_values(&[order.as_str(), method.as_str()]).observe(seconds(total));
        }
        if !record.order.is_migration() {
            return;
        }
        let method = [method.as_str()];
        let measured = [(&self.interruption, record.interruption.by_phases_ms), (&self.gap, record.interruption.gap_ms)];
        for (histogram, ms) in measured {
            ms.into_iter().for_each(|ms| histogram.with_label_values(&method).observe(seconds(ms)));
        }
        if let Some(lost) = record.interruption.probes_lost {
            self.pings_lost.with_label_values(&method).inc_by(lost);
        }
        for phase in &record.phases {
            self.phase.with_label_values(&[method[0], phase.name.name()]).observe(seconds(phase.ms));
        }
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}
