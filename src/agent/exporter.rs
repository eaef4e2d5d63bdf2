//! Metrics for Prometheus, over HTTP at the address that the configuration names (docs/monitoring.md).
//!
//! What a host and its work do is read when it is asked for; what happens between two scrapes is counted where it happens.

mod counted;
mod families;
mod http;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use prometheus::proto::{LabelPair, Metric, MetricFamily};
use prometheus::{Encoder, TextEncoder};
use tokio_util::sync::CancellationToken;

pub(super) use counted::Counted;

use super::radios::Radios;
use super::state::Agent;
use super::telemetry::snapshot;
use crate::migration::service::{SeenHost, judge};
use families::Scrape;
use protocol::{Telemetry, ask};

/// What the other hosts say is waited for so long. Prometheus waits 10 s by default.
const OTHERS: Duration = Duration::from_millis(500);
/// The label that tells radios apart.
const RADIO: &str = "radio";
/// Between two looks whether a cut is over: nothing else is done while one lasts.
const CUT: Duration = Duration::from_millis(10);

/// Answers Prometheus until the agent ends.
pub(super) async fn serve(radios: Radios, stop: CancellationToken, address: SocketAddr) {
    let answering = move || {
        let radios = radios.clone();
        async move { scrape(&radios).await }
    };
    http::serve(address, answering, stop).await;
}

/// Everything that there is to tell, in Prometheus's text format.
async fn scrape(radios: &Radios) -> Vec<u8> {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for mut family in join_all(radios.all().map(|agent| gather(agent))).await.into_iter().flatten() {
        match families.entry(family.name().to_owned()) {
            Entry::Occupied(mut known) => known.get_mut().mut_metric().extend(family.take_metric()),
            Entry::Vacant(place) => _ = place.insert(family),
        }
    }
    let families: Vec<MetricFamily> = families.into_values().collect();
    let mut text = Vec::new();
    if let Err(e) = TextEncoder::new().encode(&families, &mut text) {
        tracing::error!("some metrics are missing: {e}");
    }
    text
}

/// What there is to tell of one radio.
async fn gather(agent: &Agent) -> Vec<MetricFamily> {
    while agent.host.priority.is_raised() {
        tokio::time::sleep(CUT).await;
    }
    // Rather no figures of it than wrong ones.
    let own = snapshot(agent).await.inspect_err(|failure| tracing::warn!("no metrics of {}: {failure}", agent.work.radio_name()));
    let own: Vec<Telemetry> = own.into_iter().collect();
    let others = others(agent).await;
    let told: Vec<&Telemetry> = own.iter().chain(others.iter().filter_map(|(_, status)| status.as_ref())).collect();
    let seen = agent.host.config.host.keys().map(|name| {
        let status = told.iter().find(|status| status.host == name.as_str()).copied();
        SeenHost { name, status, heard: status.is_some() }
    });
    let service = judge(&agent.host.config, &seen.collect::<Vec<_>>());
    let radio = &agent.host.settings().radio;
    let scrape = Scrape { host: &agent.host.name, radio, own: &own, others: &others, service: &service };
    let mut families = agent.counted.gather();
    match scrape.gather() {
        Ok(of_now) => families.extend(of_now),
        Err(e) => tracing::error!("some metrics are missing: {e}"),
    }
    if let Some(radio) = agent.host.config.radio_to_tell() {
        families.iter_mut().flat_map(MetricFamily::mut_metric).for_each(|metric| name_radio(metric, &radio));
    }
    families
}

/// Of several radios of a host each has its own series, whatever they tell.
fn name_radio(metric: &mut Metric, radio: &str) {
    let mut labels = metric.take_label();
    if labels.iter().all(|label| label.name() != RADIO) {
        let mut label = LabelPair::default();
        label.set_name(RADIO.to_owned());
        label.set_value(radio.to_owned());
        labels.push(label);
    }
    metric.set_label(labels);
}

/// What every other host says of itself now, if it answers in time.
async fn others(agent: &Agent) -> Vec<(String, Option<Telemetry>)> {
    let names = agent.host.config.host.keys().filter(|name| **name != agent.host.name);
    let asking = names.map(|name| async move { (name.to_string(), agent.client.ask(name, ask::Status {}, OTHERS).await.ok()) });
    join_all(asking).await
}

#[cfg(test)]
mod tests {
    use prometheus::core::Collector;
    use prometheus::{GaugeVec, Opts};

    use super::*;

    #[test]
    fn every_series_names_its_radio_once() {
        for (label, expected) in [("peer", vec![("peer", "x"), (RADIO, "beta")]), (RADIO, vec![(RADIO, "x")])] {
            let gauges = GaugeVec::new(Opts::new("baton_peer_up", "help"), &[label]).unwrap();
            gauges.with_label_values(&["x"]).set(1.0);
            let mut family = gauges.collect().remove(0);
            family.mut_metric().iter_mut().for_each(|metric| name_radio(metric, "beta"));
            let named: Vec<_> = family.get_metric()[0].get_label().iter().map(|label| (label.name(), label.value())).collect();
            assert_eq!(named, expected);
        }
    }
}
