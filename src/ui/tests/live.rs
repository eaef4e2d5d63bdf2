//! A fake fleet on real sockets, to try the console by hand:
//! `BATON_LIVE=cluster.toml cargo test --release live_fleet -- --ignored`, and `baton console -c cluster.toml` beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use crate::link::publisher::Publisher;
use crate::link::server::Server;
use crate::ui::fleet::{self, Moment};
use crate::ui::theme::ThemeName;
use config::Config;
use protocol::{Command, ErrorCode, Failure, ProbeOutcome, TOPIC_TELEMETRY, Telemetry};

/// How long the fleet lives, in ticks of 100 ms.
const TICKS: u64 = 450;
/// How long its migration takes, in the same.
const MIGRATION: u64 = 19;

#[tokio::test]
#[ignore = "serves a console that somebody looks at"]
async fn live_fleet() {
    let file = PathBuf::from(std::env::var_os("BATON_LIVE").expect("BATON_LIVE names a cluster file"));
    let config = Config::load(&file).unwrap();
    // Tick at which M was ordered; 0 for not yet.
    let (now, ordered) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
    let stop = CancellationToken::new();
    for host in ["server1", "server2"] {
        let server = Server::bind(&config, host, true).await.unwrap();
        let (now, ordered) = (now.clone(), ordered.clone());
        let execute = move |command: Command| {
            let (now, ordered) = (now.clone(), ordered.clone());
            async move {
                if !matches!(command, Command::Order(_)) {
                    return Ok(serde_json::Value::Null);
                }
                let _ = ordered.compare_exchange(0, now.load(Ordering::SeqCst), Ordering::SeqCst, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(100 * MIGRATION)).await;
                Err(Failure::new(ErrorCode::Radio, "the fake fleet has no radio").hint("nothing: it only plays the part"))
            }
        };
        tokio::spawn(server.serve(execute, stop.clone()));
    }
    let mut publishers = Vec::new();
    for host in ["server1", "server2", "server3"] {
        publishers.push((host, Publisher::bind(&config, host).await.unwrap()));
    }
    let mut clock = tokio::time::interval(Duration::from_millis(100));
    let mut probes: Vec<ProbeOutcome> = Vec::new();
    for tick in 1..TICKS {
        clock.tick().await;
        now.store(tick, Ordering::SeqCst);
        let since = tick.saturating_sub(ordered.load(Ordering::SeqCst));
        let moment = match ordered.load(Ordering::SeqCst) {
            0 => Moment::Before,
            _ if since < MIGRATION => Moment::During,
            _ => Moment::After,
        };
        let lost = moment == Moment::During;
        probes.push(ProbeOutcome { seq: tick, rtt_ms: (!lost).then_some(5.0 + (tick % 7) as f64 / 3.0), lost });
        let model = fleet::at(moment, ThemeName::Dark, false);
        for (host, publisher) in &publishers {
            let mut telemetry: Telemetry = model.telemetry(host).unwrap().clone();
            (telemetry.seq, telemetry.at) = (tick, Utc::now());
            if let Some(counters) = &mut telemetry.usrp.counters {
                counters.rx_samples = tick * 192_307;
                counters.tx_samples = counters.rx_samples;
            }
            if let Some(step) = telemetry.migration.as_mut().filter(|m| !m.finished).and_then(|m| m.steps.get_mut(5)) {
                step.ms = since as f64 * 100.0;
            }
            if let Some(probe) = &mut telemetry.probe {
                probe.recent = probes.iter().rev().take(250).rev().copied().collect();
                (probe.sent, probe.lost) = (tick, probes.iter().filter(|p| p.lost).count() as u64);
                probe.received = probe.sent - probe.lost;
            }
            publisher.publish(TOPIC_TELEMETRY, &telemetry);
        }
    }
    stop.cancel();
}
