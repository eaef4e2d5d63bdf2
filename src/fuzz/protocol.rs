//! Frames as if they came from other hosts.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ui;
use protocol::{Reply, Request, RunRecord, Telemetry};

/// A frame as a request, a reply, telemetry and a record: it is refused with a sentence, or what is read can be written and read again, and a
/// screen that shows it stands.
///
/// # Panics
/// Otherwise.
pub fn protocol(data: &[u8]) {
    match Request::parse(data) {
        Ok(request) => {
            let again = Request::parse(&written(&request)).unwrap_or_else(|failure| panic!("{failure}: {request:?}"));
            assert_eq!((again.id, again.to, again.nonce), (request.id, request.to, request.nonce));
            assert_eq!(again.command.name(), request.command.name());
        }
        Err(failure) => assert!(!failure.message.is_empty() && failure.hint.is_some(), "{failure:?}"),
    }
    read_again::<Reply>(data);
    let cluster = || super::cluster(Path::new("/nowhere"));
    if let Some(record) = read_again::<RunRecord>(data) {
        ui::fuzz::record(cluster(), record);
    }
    if let Some(telemetry) = read_again::<Telemetry>(data) {
        ui::fuzz::telemetry(cluster(), &telemetry);
    }
}

fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|e| panic!("{e}"))
}

fn read_again<T: Serialize + DeserializeOwned>(data: &[u8]) -> Option<T> {
    let value = serde_json::from_slice::<T>(data).ok()?;
    let text = written(&value);
    let again = serde_json::from_slice(&text);
    Some(again.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text))))
}
