//! What is published and heard.

use std::sync::Arc;
use std::time::Duration;

use baton::link::publisher::Publisher;
use baton::link::telemetry::{Heard, LinkState, subscribe};
use protocol::{ControlReport, Event, HostLoad, Level, Port, ProcessStatus, TOPIC_EVENT, TOPIC_TELEMETRY};
use serde_json::json;

use super::{PATIENCE, config, ipc};

#[tokio::test]
async fn telemetry_is_heard_and_a_lost_publisher_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let mut heard = subscribe(Arc::clone(&config)).unwrap();
    let publisher = Publisher::bind(&config, "one").await.unwrap();
    let event = Event {
        at: chrono::Utc::now(),
        host: "one".into(),
        level: Level::Info,
        text: "hello".into(),
        radio: None,
        run: None,
        alert: false,
    };
    let saw = |want: Heard| move |heard: &Heard| *heard == want;
    let link = |state| Heard::Link { host: "one".into(), state };
    until(&mut heard, saw(link(LinkState::Connected))).await;
    // A subscription travels to the publisher after the connection is made: say it until it is heard.
    let saying = {
        let (publisher, event) = (publisher.clone(), event.clone());
        tokio::spawn(async move {
            loop {
                publisher.publish(TOPIC_EVENT, &event);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    until(&mut heard, saw(Heard::Event(event.clone()))).await;
    saying.abort();
    let _ = saying.await;
    until(&mut heard, |heard| matches!(heard, Heard::Link { host, state: LinkState::Silent { .. } } if host == "one")).await;
    publisher.publish(TOPIC_EVENT, &event);
    until(&mut heard, saw(link(LinkState::Connected))).await;
    drop(publisher);
    until(&mut heard, |heard| matches!(heard, Heard::Link { host, state: LinkState::Retrying { .. } } if host == "one")).await;
    let publisher = loop {
        tokio::task::yield_now().await;
        if let Ok(publisher) = Publisher::bind(&config, "one").await {
            break publisher;
        }
    };
    until(&mut heard, saw(link(LinkState::Connected))).await;
    drop(publisher);
}

/// Two snapshots that arrive together are both handed to a reader that has room: a gap in their numbers is then a loss.
#[tokio::test]
async fn snapshots_that_arrive_together_are_not_lost() {
    const BURSTS: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let mut heard = subscribe(Arc::clone(&config)).unwrap();
    let publisher = Publisher::bind(&config, "one").await.unwrap();
    let snapshot = |seq: u64| {
        json!({
            "v": 1, "host": "one", "seq": seq, "at": chrono::Utc::now(), "uptime_ms": seq, "load": HostLoad::default(),
            "radio_port": Port::default(), "tun": Port::default(), "d2d": ProcessStatus::default(),
            "usrp": ProcessStatus::default(), "control": ControlReport::default(), "route_list": [], "probe": null, "migration": null
        })
    };
    // Say it until the subscription has travelled to the publisher.
    while !matches!(tokio::time::timeout(Duration::from_millis(20), heard.recv()).await, Ok(Some(Heard::Telemetry(_)))) {
        publisher.publish(TOPIC_TELEMETRY, &snapshot(0));
    }
    for burst in 0..BURSTS {
        let pair = [2 * burst + 1, 2 * burst + 2];
        for seq in pair {
            assert!(publisher.publish(TOPIC_TELEMETRY, &snapshot(seq)));
        }
        let mut seen = Vec::new();
        while seen.last() != Some(&pair[1]) {
            let next = tokio::time::timeout(PATIENCE, heard.recv()).await.expect("the burst did not come");
            if let Some(Heard::Telemetry(telemetry)) = next {
                seen.extend(Some(telemetry.seq).filter(|seq| *seq > 0));
            }
        }
        assert_eq!(seen, pair, "burst {burst}");
    }
}

async fn until(heard: &mut tokio::sync::mpsc::Receiver<Heard>, wanted: impl Fn(&Heard) -> bool) {
    let search = async {
        while let Some(next) = heard.recv().await {
            if wanted(&next) {
                return;
            }
        }
        panic!("the subscription ended");
    };
    tokio::time::timeout(Duration::from_secs(10), search).await.expect("heard in time");
}
