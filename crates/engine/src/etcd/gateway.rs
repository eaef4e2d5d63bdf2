//! etcd's messages as its gateway writes them in JSON (api/etcdserverpb/rpc.proto by the mapping of protocol buffers, version 3): integers of 64
//! bits are text, bytes are base64, and what is zero is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::member::{EtcdMember, MemberId};
use crate::key_value::{Answer, Compare, Entry, Event, Op, Txn};

/// A gateway's answer that could not be read: what is wrong with it.
pub(super) type Unreadable = String;

/// etcd's own errors. The gateway of 3.4 says each thing twice.
#[derive(Debug, Deserialize)]
struct StatusMessage {
    #[serde(default)]
    error: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: i64,
    #[serde(default)]
    grpc_code: i64,
}

/// An error of etcd's: its words, and the code of gRPC.
pub(super) struct Status {
    pub message: String,
    pub code: i64,
}

#[derive(Debug, Default, Deserialize)]
struct Header {
    #[serde(default, deserialize_with = "number")]
    cluster_id: u64,
    #[serde(default, deserialize_with = "number")]
    revision: i64,
}

#[derive(Debug, Deserialize)]
struct KeyValueMessage {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default, deserialize_with = "number")]
    mod_revision: i64,
    #[serde(default, deserialize_with = "number")]
    lease: i64,
}

#[derive(Debug, Default, Deserialize)]
struct RangeMessage {
    #[serde(default)]
    kvs: Vec<KeyValueMessage>,
}

#[derive(Debug, Deserialize)]
struct TxnMessage {
    header: Header,
    #[serde(default)]
    succeeded: bool,
    #[serde(default)]
    responses: Vec<ResponseMessage>,
}

#[derive(Debug, Deserialize)]
struct ResponseMessage {
    #[serde(default)]
    response_range: Option<RangeMessage>,
}

#[derive(Debug, Deserialize)]
struct LeaseMessage {
    // Every answer has one: what has none is no answer of etcd.
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default, rename = "TTL", deserialize_with = "number")]
    ttl: i64,
}

#[derive(Debug, Deserialize)]
struct Streamed<T> {
    result: Option<T>,
    error: Option<StatusMessage>,
}

#[derive(Debug, Deserialize)]
struct MemberMessage {
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default, deserialize_with = "number")]
    leader: u64,
}

#[derive(Debug, Deserialize)]
struct MembersMessage {
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default)]
    members: Vec<ListedMessage>,
}

#[derive(Debug, Deserialize)]
struct ListedMessage {
    #[serde(rename = "ID", deserialize_with = "number")]
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct WatchMessage {
    #[serde(default)]
    canceled: bool,
    #[serde(default)]
    cancel_reason: String,
    #[serde(default)]
    events: Vec<EventMessage>,
}

#[derive(Debug, Deserialize)]
struct EventMessage {
    #[serde(default, rename = "type")]
    kind: String,
    kv: KeyValueMessage,
}

/// A number as a number, or as text.
fn number<'de, D: Deserializer<'de>, T: TryFrom<i128>>(deserializer: D) -> Result<T, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse().map_err(D::Error::custom)?,
        Value::Number(number) => number.as_i128().ok_or_else(|| D::Error::custom("no whole number"))?,
        _ => return Err(D::Error::custom("no number")),
    };
    T::try_from(number).map_err(|_| D::Error::custom("a number out of range"))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

fn bytes(text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD.decode(text).map_err(|e| e.to_string())
}

impl TryFrom<KeyValueMessage> for Entry {
    type Error = Unreadable;

    fn try_from(message: KeyValueMessage) -> Result<Self, Unreadable> {
        let key = String::from_utf8(bytes(&message.key)?).map_err(|_| "a key is no text".to_owned())?;
        Ok(Self { key, value: bytes(&message.value)?, mod_revision: message.mod_revision, lease: message.lease })
    }
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn body(value: &Value) -> Bytes {
    value.to_string().into()
}

/// The first key that does not begin so, for a range.
fn range_end(prefix: &str) -> String {
    let mut end = prefix.as_bytes().to_vec();
    // A text's last byte is never 255.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    text(end)
}

fn op(op: &Op) -> Value {
    match op {
        Op::Put(key, value, lease) => json!({"request_put": {"key": text(key), "value": text(value), "lease": lease.to_string()}}),
        Op::Delete(key) => json!({"request_delete_range": {"key": text(key)}}),
        Op::Get(key) => json!({"request_range": {"key": text(key)}}),
        Op::GetAll(prefix) => json!({"request_range": {"key": text(prefix), "range_end": range_end(prefix)}}),
    }
}

fn compare(compare: &Compare) -> Value {
    match compare {
        Compare::Revision(key, revision) => {
            json!({"key": text(key), "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string()})
        }
        Compare::Value(key, value) => json!({"key": text(key), "target": "VALUE", "result": "EQUAL", "value": text(value)}),
    }
}

pub(super) fn txn(txn: &Txn) -> Bytes {
    let all = |ops: &[Op]| ops.iter().map(op).collect::<Vec<_>>();
    let compare: Vec<_> = txn.compare.iter().map(compare).collect();
    body(&json!({"compare": compare, "success": all(&txn.then), "failure": all(&txn.otherwise)}))
}

pub(super) fn answer(body: &[u8]) -> Result<Answer, Unreadable> {
    let TxnMessage { header, succeeded, responses } = read(body)?;
    let ranges = responses.into_iter().filter_map(|response| response.response_range);
    let found: Result<Vec<Entry>, _> = ranges.flat_map(|range| range.kvs).map(Entry::try_from).collect();
    Ok(Answer { succeeded, found: found?, revision: header.revision, cluster: header.cluster_id })
}

pub(super) fn lease(id: i64) -> Bytes {
    body(&json!({"ID": id.to_string()}))
}

pub(super) fn new_lease(id: i64, seconds: i64) -> Bytes {
    body(&json!({"ID": id.to_string(), "TTL": seconds.to_string()}))
}

/// The time of a lease that was granted or asked for, seconds; not above 0: there is none.
pub(super) fn lease_time(body: &[u8]) -> Result<i64, Unreadable> {
    read::<LeaseMessage>(body).map(|message| message.ttl)
}

/// The same of one that was renewed, of which the gateway writes a stream.
pub(super) fn lease_renewed(body: &[u8]) -> Result<i64, Unreadable> {
    let first = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match read::<Streamed<LeaseMessage>>(first)? {
        Streamed { result: Some(message), .. } => Ok(message.ttl),
        Streamed { error, .. } => Err(error.map_or("neither a result nor an error".to_owned(), |error| error.message)),
    }
}

/// A member's leader; 0: it has none.
pub(super) fn leader(body: &[u8]) -> Result<u64, Unreadable> {
    read::<MemberMessage>(body).map(|message| message.leader)
}

/// A request that says nothing but its path.
pub(super) fn no_words() -> Bytes {
    Bytes::from_static(b"{}")
}

pub(super) fn new_member(peer_url: &str) -> Bytes {
    body(&json!({"peerURLs": [peer_url]}))
}

pub(super) fn member(id: u64) -> Bytes {
    body(&json!({"ID": id.to_string()}))
}

/// Who is a member, as it is told of each change, too.
pub(super) fn members(body: &[u8]) -> Result<Vec<EtcdMember>, Unreadable> {
    let MembersMessage { members, .. } = read(body)?;
    if members.is_empty() {
        return Err("a store without members".to_owned());
    }
    let member = |ListedMessage { id, name, peer_urls, client_urls }| EtcdMember { id: MemberId(id), name, peer_urls, client_urls };
    Ok(members.into_iter().map(member).collect())
}

pub(super) fn status(body: &[u8]) -> Result<Status, Unreadable> {
    let StatusMessage { error, message, code, grpc_code } = read(body)?;
    let message = if message.is_empty() { error } else { message };
    if message.is_empty() {
        return Err("an error without words".to_owned());
    }
    Ok(Status { message, code: if code == 0 { grpc_code } else { code } })
}

pub(super) fn watch(prefix: &str, revision: i64) -> Bytes {
    let request = json!({"key": text(prefix), "range_end": range_end(prefix), "start_revision": revision.to_string()});
    body(&json!({"create_request": request}))
}

/// One line of a watch.
pub(super) fn events(line: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let message = match read::<Streamed<WatchMessage>>(line)? {
        Streamed { result: Some(message), .. } => message,
        Streamed { error, .. } => return Err(error.map_or("neither a result nor an error".to_owned(), |error| error.message)),
    };
    if message.canceled {
        return Err(format!("the watch was cancelled: {}", message.cancel_reason));
    }
    let event = |EventMessage { kind, kv }: EventMessage| {
        let entry = Entry::try_from(kv)?;
        let key = entry.key.clone();
        Ok(Event { key, entry: (kind != "DELETE").then_some(entry) })
    };
    message.events.into_iter().map(event).collect()
}
