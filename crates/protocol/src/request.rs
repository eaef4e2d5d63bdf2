//! The envelope of a command and of its answer.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::command::{Arguments, Command};
use super::{ErrorCode, Failure, MAX_FRAME, VERSION};

/// A connection of a sender that makes a new one when it has lost the old one, and sends again there what it still waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Identity of the sender.
    pub of: String,
    /// Counted from 1.
    pub number: u64,
}

/// A request: the one frame of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Protocol version, [`VERSION`].
    pub v: u32,
    /// Identity of the request: a retry carries the same id and is never executed twice.
    pub id: String,
    /// Name of the host addressed.
    pub to: String,
    /// Ignored: no clock decides about a request. Agents of 0.1.0 read it when a request was signed.
    #[serde(default)]
    pub sent_at_ms: u64,
    /// In a retry, the life of the agent that it was first sent to: the `X-Instance` of its READY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_to: Option<String>,
    /// Which of its sender's connections it was sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Ignored, as `sent_at_ms`.
    #[serde(default)]
    pub nonce: String,
    /// Name of the radio, where a host has several; absent: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radio: Option<String>,
    /// The run of an order that this is a step of; absent: it stands for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What to do.
    #[serde(flatten, serialize_with = "without_empty_arguments")]
    pub command: Command,
}

/// Writes a command as 0.1.0 wrote it: `go` and `cancel` had no arguments then.
fn without_empty_arguments<S: Serializer>(command: &Command, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Plain {
        command: &'static str,
    }
    match command {
        Command::Go { run: None } | Command::Cancel { run: None } => Plain { command: command.name() }.serialize(serializer),
        command => command.serialize(serializer),
    }
}

impl Request {
    /// Reads a request from its frame.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] for anything that is no request, [`ErrorCode::Version`] for another protocol version,
    /// [`ErrorCode::UnknownCommand`] for a command that is not in [`Command::TABLE`]; each with a sentence.
    pub fn parse(frame: &[u8]) -> Result<Self, Failure> {
        let bad =
            |message: String| Failure::new(ErrorCode::BadRequest, message).hint("docs/protocol.md shows the format of a request");
        if frame.len() > MAX_FRAME {
            return Err(bad(format!("the request has {} bytes; the limit is {MAX_FRAME}", frame.len())));
        }
        let mut value: Value = serde_json::from_slice(frame).map_err(|e| bad(format!("the request is not JSON: {e}")))?;
        let version =
            value.get("v").and_then(Value::as_u64).ok_or_else(|| bad("the request has no protocol version \"v\"".into()))?;
        if version != u64::from(VERSION) {
            return Err(Failure::new(
                ErrorCode::Version,
                format!("the request speaks protocol version {version}, this agent speaks {VERSION}"),
            )
            .hint("run the same baton on every host"));
        }
        let name = value.get("command").and_then(Value::as_str).ok_or_else(|| bad("the request has no \"command\"".into()))?;
        let Some(spec) = Command::TABLE.iter().find(|spec| spec.name == name) else {
            return Err(Failure::new(ErrorCode::UnknownCommand, format!("unknown command \"{name}\""))
                .hint(format!("this agent knows {}", Command::NAMES.join(", "))));
        };
        if let Some(fields) = value.as_object_mut() {
            let none =
                fields.get("args").is_none_or(|args| args.is_null() || args.as_object().is_some_and(serde_json::Map::is_empty));
            // serde requires absent arguments where there are none, and an object where all may be left out.
            match spec.arguments {
                Arguments::Optional if none => drop(fields.insert("args".into(), Value::Object(serde_json::Map::new()))),
                Arguments::None | Arguments::Required if none => drop(fields.remove("args")),
                _ => {}
            }
        }
        serde_json::from_value(value).map_err(|e| bad(format!("the arguments of {} are wrong: {e}", spec.name)))
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Protocol version.
    pub v: u32,
    /// Id of the request that is answered; empty when it could not be read.
    pub id: String,
    /// Name of the host that answers.
    pub from: String,
    /// Whether it worked.
    pub ok: bool,
    /// How long it took, ms.
    pub elapsed_ms: f64,
    /// Result of the command, when it worked.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why it did not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}
