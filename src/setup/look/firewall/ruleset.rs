//! The rules of nftables in JSON (libnftables-json(5)), as far as input chains go.

use std::fmt;

use serde_json::Value;

use crate::setup::facts::Needed;
use n210_wire::port;

/// From where the radio sends.
const RADIO_PORTS: [u16; 7] = [port::CONTROL, port::UPDATE, port::RX0, port::TX, port::RX1, port::FAST, port::GPSDO];

/// Jumps from chain to chain that are followed; a loop is not possible in a kernel's rules.
const DEEPEST: usize = 16;

/// A chain by its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    family: String,
    table: String,
    name: String,
    /// Where it is hooked in at input: whether it drops what no rule decides.
    input: Option<bool>,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.name)
    }
}

/// What a packet meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// It comes in.
    Way,
    /// It is dropped or rejected.
    Wall,
    /// A rule decides that is not understood.
    Unknown,
}

/// What a rule, or a chain, does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Accept,
    Drop,
    /// The next rule decides.
    Next,
    /// Back to the chain that has jumped here.
    Return,
    /// It may drop.
    Perhaps,
}

/// Chains and rules.
#[derive(Debug, Default)]
pub struct Ruleset {
    chains: Vec<Chain>,
    /// Family, table and chain of each rule, and its statements.
    rules: Vec<(Chain, Vec<Value>)>,
}

impl Ruleset {
    /// Reads what `nft --json list ruleset` prints.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        let listed: Value = serde_json::from_str(text)?;
        let mut ruleset = Self::default();
        for object in listed.get("nftables").and_then(Value::as_array).into_iter().flatten() {
            if let Some(chain) = object.get("chain") {
                ruleset.chains.push(chain_of(chain, "name"));
            }
            if let Some(rule) = object.get("rule") {
                let statements = rule.get("expr").and_then(Value::as_array).cloned().unwrap_or_default();
                ruleset.rules.push((chain_of(rule, "chain"), statements));
            }
        }
        Ok(ruleset)
    }

    /// Those through which packets for this host come, over IPv4.
    pub fn input_chains(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| chain.input.is_some() && matches!(chain.family.as_str(), "ip" | "inet"))
    }

    /// What a packet meets in an input chain.
    pub fn meets(&self, chain: &Chain, packet: &Needed) -> Met {
        match self.walk(chain, packet, DEEPEST) {
            Decision::Accept => Met::Way,
            Decision::Drop => Met::Wall,
            Decision::Perhaps => Met::Unknown,
            Decision::Next | Decision::Return if chain.input == Some(true) => Met::Wall,
            Decision::Next | Decision::Return => Met::Way,
        }
    }

    fn walk(&self, chain: &Chain, packet: &Needed, depth: usize) -> Decision {
        let Some(depth) = depth.checked_sub(1) else { return Decision::Perhaps };
        let of_chain =
            |(of, _): &&(Chain, Vec<Value>)| (&of.family, &of.table, &of.name) == (&chain.family, &chain.table, &chain.name);
        let mut unsure = false;
        for (_, statements) in self.rules.iter().filter(of_chain) {
            match self.decide(chain, statements, packet, depth) {
                Decision::Next => {}
                Decision::Perhaps => unsure = true,
                // A rule that was not understood may have dropped it before.
                Decision::Accept if unsure => return Decision::Perhaps,
                decision => return decision,
            }
        }
        // What was not understood may have accepted it, or dropped it: with a policy that drops, the first is as likely.
        if unsure { Decision::Perhaps } else { Decision::Next }
    }

    fn decide(&self, chain: &Chain, statements: &[Value], packet: &Needed, depth: usize) -> Decision {
        let mut understood = true;
        for statement in statements {
            if let Some(asks) = statement.get("match") {
                match answers(asks, packet) {
                    Some(true) => {}
                    Some(false) => return Decision::Next,
                    None => understood = false,
                }
                continue;
            }
            let target = |kind| statement.get(kind).and_then(|to| to.get("target")).and_then(Value::as_str);
            let decision = if statement.get("accept").is_some() {
                Decision::Accept
            } else if statement.get("drop").is_some() || statement.get("reject").is_some() {
                Decision::Drop
            } else if statement.get("return").is_some() {
                Decision::Return
            } else if let Some(name) = target("jump").or_else(|| target("goto")) {
                let there = Chain { name: name.to_owned(), ..chain.clone() };
                match self.walk(&there, packet, depth) {
                    Decision::Return => Decision::Next,
                    decision => decision,
                }
            } else if ["counter", "log", "comment", "mangle", "limit"].iter().any(|kind| statement.get(kind).is_some()) {
                understood &= statement.get("limit").is_none();
                continue;
            } else {
                // A set, a map, a queue: it may decide.
                return Decision::Perhaps;
            };
            return match (understood, decision) {
                (true, decision) => decision,
                // Accepted at best, and the next rule decides otherwise.
                (false, Decision::Accept | Decision::Next | Decision::Return) => Decision::Next,
                (false, _) => Decision::Perhaps,
            };
        }
        Decision::Next
    }
}

fn chain_of(object: &Value, name: &str) -> Chain {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let hooked = object.get("hook").and_then(Value::as_str) == Some("input");
    Chain { family: text("family"), table: text("table"), name: text(name), input: hooked.then(|| text("policy") == "drop") }
}

/// Whether the packet is what a rule asks for; none where that is not understood.
fn answers(asks: &Value, packet: &Needed) -> Option<bool> {
    let (left, right) = (asks.get("left")?, asks.get("right")?);
    let equal = match asks.get("op").and_then(Value::as_str)? {
        "==" | "in" => true,
        "!=" => false,
        _ => return None,
    };
    // nft writes a protocol by its name or its number.
    let is_any = |own: &[Value]| {
        let mut held = own.iter().map(|own| holds(right, own));
        held.try_fold(false, |any, holds| Some(any || holds?)).map(|any| any == equal)
    };
    let is = |own: Value| is_any(&[own]);
    if let Some(key) = left.get("meta").and_then(|meta| meta.get("key")).and_then(Value::as_str) {
        return match (key, packet) {
            ("iifname" | "iif", Needed::FromRadio { interface, .. }) => is(interface.as_str().into()),
            // The loopback is the one interface by which no other host comes.
            ("iifname" | "iif", _) if holds(right, &"lo".into()) == Some(true) => Some(!equal),
            ("nfproto", _) => is("ipv4".into()),
            ("l4proto", _) => is_any(&protocol_of(packet)),
            _ => None,
        };
    }
    if left.get("ct").and_then(|ct| ct.get("key")).and_then(Value::as_str) == Some("state") {
        return is("new".into());
    }
    let payload = left.get("payload")?;
    let field = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    match (field("protocol"), field("field"), packet) {
        ("ip", "saddr", Needed::FromRadio { radio, .. }) => is(radio.to_string().into()),
        ("ip", "protocol", _) => is_any(&protocol_of(packet)),
        ("ip6" | "icmp" | "icmpv6", ..) | ("udp", _, Needed::ToAgent { .. }) => Some(false),
        ("tcp", _, Needed::FromRadio { .. } | Needed::Heartbeats { .. }) => Some(false),
        ("tcp" | "th", "dport", Needed::ToAgent { port }) | ("udp" | "th", "dport", Needed::Heartbeats { port }) => {
            is((*port).into())
        }
        ("udp" | "th", "sport", Needed::FromRadio { .. }) => {
            // A rule that is for some of them only decides nothing of all.
            let held = RADIO_PORTS.iter().map(|port| holds(right, &(*port).into())).collect::<Option<Vec<bool>>>()?;
            let of_first = *held.first()?;
            held.iter().all(|held| *held == of_first).then_some(of_first == equal)
        }
        _ => None,
    }
}

/// The protocol above IP of a packet, by its name and its number.
fn protocol_of(packet: &Needed) -> [Value; 2] {
    match packet {
        Needed::FromRadio { .. } | Needed::Heartbeats { .. } => ["udp".into(), 17.into()],
        Needed::ToAgent { .. } => ["tcp".into(), 6.into()],
    }
}

/// Whether a value is what stands at the right of a rule, or in it.
fn holds(right: &Value, own: &Value) -> Option<bool> {
    if let Some(members) = right.get("set").and_then(Value::as_array).or_else(|| right.as_array()) {
        return members.iter().map(|member| holds(member, own)).try_fold(false, |any, holds| Some(any || holds?));
    }
    if let Some(ends) = right.get("range").and_then(Value::as_array) {
        let (from, to, own) = (ends.first()?.as_u64()?, ends.get(1)?.as_u64()?, own.as_u64()?);
        return Some((from..=to).contains(&own));
    }
    if let Some(prefix) = right.get("prefix") {
        let (address, length) = (prefix.get("addr")?.as_str()?, prefix.get("len")?.as_u64()?);
        let network = format!("{address}/{length}").parse::<config::Cidr>().ok()?;
        return Some(network.contains(own.as_str()?.parse().ok()?));
    }
    match (right, own) {
        // Names of interfaces may end in a wildcard; names of sets begin so.
        (Value::String(text), Value::String(_)) if text.starts_with('@') => None,
        (Value::String(text), Value::String(own)) => {
            Some(text.strip_suffix('*').map_or_else(|| text == own, |start| own.starts_with(start)))
        }
        (Value::Number(_), Value::Number(_)) => Some(right == own),
        (Value::Number(_) | Value::String(_), Value::Number(_) | Value::String(_)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
