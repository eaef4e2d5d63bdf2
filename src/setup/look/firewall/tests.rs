use serde_json::json;

use super::*;

fn radio() -> Needed {
    Needed::FromRadio { interface: "eth3".into(), radio: [192, 168, 10, 2].into() }
}

/// An input chain of `inet filter` with that policy and those rules, and a chain `other` of its own.
fn ruleset(policy: &str, rules: &[Value], other: &[Value]) -> Ruleset {
    let rule = |chain: &'static str| move |expr: &Value| json!({"rule": {"family": "inet", "table": "filter", "chain": chain, "expr": expr}});
    let mut listed = vec![
        json!({"metainfo": {"version": "1.0.6"}}),
        json!({"table": {"family": "inet", "name": "filter"}}),
        json!({"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": policy}}),
        json!({"chain": {"family": "inet", "table": "filter", "name": "forward", "hook": "forward", "policy": "drop"}}),
        json!({"chain": {"family": "inet", "table": "filter", "name": "other"}}),
        json!({"chain": {"family": "ip6", "table": "filter", "name": "input", "hook": "input", "policy": "drop"}}),
    ];
    listed.extend(rules.iter().map(rule("input")).chain(other.iter().map(rule("other"))));
    Ruleset::parse(&json!({ "nftables": listed }).to_string()).unwrap()
}

fn met(ruleset: &Ruleset, packet: &Needed) -> Met {
    let chains: Vec<&Chain> = ruleset.input_chains().collect();
    assert_eq!(chains.iter().map(ToString::to_string).collect::<Vec<_>>(), ["inet filter input"]);
    ruleset.meets(chains[0], packet)
}

fn matches(left: Value, op: &str, right: Value) -> Value {
    json!({"match": {"op": op, "left": left, "right": right}})
}

fn iifname(name: &str) -> Value {
    matches(json!({"meta": {"key": "iifname"}}), "==", json!(name))
}

fn saddr(right: Value) -> Value {
    matches(json!({"payload": {"protocol": "ip", "field": "saddr"}}), "==", right)
}

fn dport(right: Value) -> Value {
    matches(json!({"payload": {"protocol": "tcp", "field": "dport"}}), "==", right)
}

fn beats() -> Needed {
    Needed::Heartbeats { port: 7602 }
}

fn udp_dport(right: Value) -> Value {
    matches(json!({"payload": {"protocol": "udp", "field": "dport"}}), "==", right)
}

fn sport(right: Value) -> Value {
    matches(json!({"payload": {"protocol": "udp", "field": "sport"}}), "==", right)
}

fn established() -> Value {
    json!([matches(json!({"ct": {"key": "state"}}), "in", json!(["established", "related"])), {"accept": null}])
}

#[test]
fn the_policy_decides_where_no_rule_does() {
    let agent = Needed::ToAgent { port: 7600 };
    for (policy, expected) in [("accept", Met::Way), ("drop", Met::Wall)] {
        for packet in [radio(), agent.clone()] {
            assert_eq!(met(&ruleset(policy, &[], &[]), &packet), expected);
            assert_eq!(met(&ruleset(policy, &[established()], &[]), &packet), expected, "what is new is not established");
            let loopback = json!([iifname("lo"), {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]);
            assert_eq!(met(&ruleset(policy, &[loopback], &[]), &packet), expected);
        }
    }
}

#[test]
fn rules_that_are_understood_decide() {
    let accept = |asks: Value| json!([asks, {"accept": null}]);
    let drop = |asks: Value| json!([asks, {"drop": null}]);
    for (rule, packet, in_drop, in_accept) in [
        (accept(iifname("eth3")), radio(), Met::Way, Met::Way),
        (accept(iifname("eth*")), radio(), Met::Way, Met::Way),
        (accept(iifname("eth0")), radio(), Met::Wall, Met::Way),
        (accept(saddr(json!("192.168.10.2"))), radio(), Met::Way, Met::Way),
        (accept(saddr(json!({"prefix": {"addr": "192.168.0.0", "len": 16}}))), radio(), Met::Way, Met::Way),
        (drop(saddr(json!({"prefix": {"addr": "192.168.10.0", "len": 24}}))), radio(), Met::Wall, Met::Wall),
        (drop(saddr(json!("10.0.0.1"))), radio(), Met::Wall, Met::Way),
        (drop(iifname("eth3")), radio(), Met::Wall, Met::Wall),
        (accept(sport(json!({"range": [49152, 49172]}))), radio(), Met::Way, Met::Way),
        (drop(sport(json!(53))), radio(), Met::Wall, Met::Way),
        (accept(dport(json!(7600))), Needed::ToAgent { port: 7600 }, Met::Way, Met::Way),
        (accept(dport(json!({"set": [22, {"range": [7600, 7601]}]}))), Needed::ToAgent { port: 7601 }, Met::Way, Met::Way),
        (accept(dport(json!(22))), Needed::ToAgent { port: 7600 }, Met::Wall, Met::Way),
        (drop(dport(json!(7600))), Needed::ToAgent { port: 7600 }, Met::Wall, Met::Wall),
        (drop(dport(json!(7600))), radio(), Met::Wall, Met::Way),
        (accept(udp_dport(json!(7602))), beats(), Met::Way, Met::Way),
        (accept(udp_dport(json!({"range": [7602, 7610]}))), beats(), Met::Way, Met::Way),
        (accept(udp_dport(json!(7603))), beats(), Met::Wall, Met::Way),
        (drop(udp_dport(json!(7602))), beats(), Met::Wall, Met::Wall),
        (accept(dport(json!(7602))), beats(), Met::Wall, Met::Way),
        (accept(matches(json!({"meta": {"key": "l4proto"}}), "==", json!("udp"))), beats(), Met::Way, Met::Way),
        (json!([{"reject": {"type": "tcp reset"}}]), radio(), Met::Wall, Met::Wall),
    ] {
        for (policy, expected) in [("drop", in_drop), ("accept", in_accept)] {
            assert_eq!(met(&ruleset(policy, std::slice::from_ref(&rule), &[]), &packet), expected, "{policy}: {rule}");
        }
    }
}

#[test]
fn the_first_rule_that_decides_counts_and_jumps_are_followed() {
    let (accept, drop) = (json!([iifname("eth3"), {"accept": null}]), json!([iifname("eth3"), {"drop": null}]));
    assert_eq!(met(&ruleset("drop", &[accept.clone(), drop.clone()], &[]), &radio()), Met::Way);
    assert_eq!(met(&ruleset("accept", &[drop.clone(), accept.clone()], &[]), &radio()), Met::Wall);
    let jump = json!([{"jump": {"target": "other"}}]);
    assert_eq!(met(&ruleset("accept", std::slice::from_ref(&jump), &[drop]), &radio()), Met::Wall);
    assert_eq!(met(&ruleset("drop", std::slice::from_ref(&jump), std::slice::from_ref(&accept)), &radio()), Met::Way);
    let back = json!([{"return": null}]);
    assert_eq!(met(&ruleset("drop", &[jump, accept], &[back]), &radio()), Met::Way);
    let endless = json!([{"jump": {"target": "other"}}]);
    assert_eq!(met(&ruleset("accept", std::slice::from_ref(&endless), std::slice::from_ref(&endless)), &radio()), Met::Unknown);
}

#[test]
fn a_rule_that_is_not_understood_leaves_it_open() {
    let set = json!([saddr(json!("@friends")), {"drop": null}]);
    assert_eq!(met(&ruleset("accept", std::slice::from_ref(&set), &[]), &radio()), Met::Unknown);
    let map = json!([{"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@zones"}}]);
    assert_eq!(met(&ruleset("accept", std::slice::from_ref(&map), &[]), &radio()), Met::Unknown);
    let some = json!([sport(json!({"range": [49152, 49157]})), {"drop": null}]);
    assert_eq!(met(&ruleset("accept", std::slice::from_ref(&some), &[]), &radio()), Met::Unknown);
    // An accept that may not match opens no wall behind it.
    let perhaps = json!([saddr(json!("@friends")), {"accept": null}]);
    assert_eq!(met(&ruleset("drop", std::slice::from_ref(&perhaps), &[]), &radio()), Met::Wall);
    let sure = json!([iifname("eth3"), {"accept": null}]);
    assert_eq!(met(&ruleset("drop", &[set, sure.clone()], &[]), &radio()), Met::Unknown);
    assert_eq!(met(&ruleset("drop", &[sure, map], &[]), &radio()), Met::Way);
}

#[test]
fn what_is_no_ruleset_is_refused_or_empty() {
    assert!(Ruleset::parse("Operation not permitted").is_err());
    for text in ["{}", "[]", "7", r#"{"nftables": 7}"#, r#"{"nftables": [{"rule": 3}, {"chain": []}]}"#] {
        assert_eq!(Ruleset::parse(text).unwrap().input_chains().count(), 0, "{text}");
    }
}
