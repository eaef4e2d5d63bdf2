//! What is refused, and in which words.

use super::support::{drain, host, lose, named, radio, server};
use crate::{Goal, Limits, OrderedMove, Policy, Pool, Preference, Preferred, Radio, Server, plan};

fn two() -> Vec<Server> {
    vec![server("a", 4.0), server("b", 4.0)]
}

fn x() -> Radio {
    radio("x", 1.0, &["a", "b"], &["a"])
}

fn with(alter: impl Fn(&mut Radio)) -> Vec<Radio> {
    let mut radio = x();
    alter(&mut radio);
    vec![radio]
}

fn preference(preferred: Preferred, weight: u32) -> Preference {
    Preference { preferred, weight }
}

#[test]
fn a_pool_that_does_not_fit_together_is_refused() {
    let mut no_capacity = two();
    no_capacity[1] = server("b", 0.0);
    let apart = |name: &str, others: &[&str]| {
        let mut radio = radio(name, 1.0, &["a", "b"], &[]);
        radio.apart = others.iter().map(|other| named(other)).collect();
        radio
    };
    let ring = vec![apart("v", &["w"]), apart("w", &["x"]), apart("x", &["y"]), apart("y", &["z"]), apart("z", &["v"])];
    refused([
        (vec![server("a", 1.0), server("a", 2.0)], vec![], "there are two servers a;"),
        (two(), vec![x(), x()], "there are two radios x;"),
        (no_capacity, vec![x()], "server b has no capacity;"),
        (two(), vec![radio("x", 0.0, &["a"], &[])], "radio x needs 0 cores"),
        (two(), vec![radio("x", 1.0, &[], &[])], "radio x may be served by no server;"),
        (two(), with(|radio| radio.forbidden = radio.servers.clone()), "radio x may be served by no server;"),
        (two(), vec![radio("x", 1.0, &["a", "c"], &[])], "there is no server c; the servers are a, b"),
        (two(), vec![radio("x", 1.0, &["a"], &["c"])], "there is no server c;"),
        (two(), with(|radio| radio.forbidden = [host("c")].into()), "there is no server c;"),
        (two(), with(|radio| radio.prefer = vec![preference(Preferred::Server(host("c")), 1)]), "there is no server c;"),
        (two(), with(|radio| radio.apart = [named("y")].into()), "there is no radio y; the radios are x"),
        (two(), with(|radio| radio.apart = [named("x")].into()), "radio x is to be kept apart from itself;"),
        (two(), vec![radio("x", 1.0, &["a", "b"], &["a", "a"])], "radio x is both served and followed by server a;"),
        (
            two(),
            with(|radio| radio.need.links.extend([("eth9".parse().unwrap(), Default::default())])),
            "radio x needs the interface eth9, which no server has",
        ),
        (
            two(),
            vec![apart("x", &["y", "z"]), apart("y", &["z"]), apart("z", &[])],
            "the radios x, y, z are to be kept apart on different servers, and only a, b may serve them;",
        ),
        (two(), ring, "the radios v, w, x, y, z are to be kept apart"),
    ]);
}

#[test]
fn preferences_that_contradict_are_refused() {
    let b = Preferred::Server(host("b"));
    refused([
        (
            two(),
            with(|radio| {
                radio.forbidden = [host("b")].into();
                radio.prefer = vec![preference(b.clone(), 1)];
            }),
            "radio x prefers server b, which must not serve it;",
        ),
        (
            two(),
            with(|radio| radio.prefer = vec![preference(b.clone(), 0)]),
            "radio x has a preference for server b that has the weight 0;",
        ),
        (
            two(),
            with(|radio| radio.prefer = vec![preference(b.clone(), 1); 2]),
            "radio x has a preference for server b that stands twice;",
        ),
        (
            two(),
            with(|radio| radio.prefer = vec![preference(Preferred::Label("ups".parse().unwrap()), 1)]),
            "radio x prefers servers with the label ups, and none has it;",
        ),
    ]);
}

fn refused<const N: usize>(cases: [(Vec<Server>, Vec<Radio>, &str); N]) {
    for (servers, radios, said) in cases {
        let refusal = Pool::new(servers, radios).expect_err(said).to_string();
        assert!(refusal.starts_with(said), "{refusal}");
        assert!(refusal.contains(';') || refusal.contains(','), "it says what to do: {refusal}");
    }
}

#[test]
fn a_goal_without_meaning_is_refused() {
    let mut servers = vec![server("a", 4.0), server("b", 4.0), server("c", 4.0), server("d", 4.0)];
    servers[2].drained = true;
    servers[3].lost = true;
    let mut y = radio("y", 1.0, &["a", "b"], &["b"]);
    y.apart.insert(named("x"));
    let mut z = radio("z", 1.0, &["a", "b", "c", "d"], &[]);
    z.forbidden.insert(host("a"));
    let down = radio("down", 1.0, &["a", "d"], &["d"]);
    let everywhere = radio("w", 1.0, &["a", "b", "c", "d"], &["a"]);
    let pool = Pool::new(servers, vec![x(), y, z, down, everywhere]).unwrap();
    let start = |radio: &str| Goal::Start { radio: named(radio) };
    let moves = |orders: &[(&str, &str)]| Goal::Move {
        moves: orders.iter().map(|(radio, to)| OrderedMove { radio: named(radio), to: host(to) }).collect(),
        beyond_budget: false,
    };
    for (goal, said) in [
        (start("q"), "there is no radio q; the radios are down, w, x, y, z"),
        (start("x"), "radio x is served by a already; move it to have it elsewhere"),
        (start("down"), "radio down was served by d, which is lost; plan for the loss of d"),
        (moves(&[]), "no move is named; name a radio and a server"),
        (moves(&[("q", "a")]), "there is no radio q; the radios are down, w, x, y, z"),
        (moves(&[("x", "q")]), "there is no server q; the servers are a, b, c, d"),
        (moves(&[("x", "a")]), "radio x is served by a already; choose another server"),
        (moves(&[("z", "b")]), "radio z is served by no server, so that it cannot be moved; start it"),
        (moves(&[("down", "a")]), "radio down was served by d, which is lost; plan for the loss of d"),
        (moves(&[("x", "c")]), "server c may not serve radio x; choose one of a, b"),
        (moves(&[("w", "c")]), "server c is drained; undrain it first, or choose another server"),
        (moves(&[("w", "d")]), "server d is lost; plan for its loss, or bring it back first"),
        (moves(&[("w", "b"), ("w", "b")]), "radio w is to be moved twice at once; keep one of the moves"),
        (drain("q"), "there is no server q; the servers are a, b, c, d"),
        (drain("c"), "server c is drained already and serves nothing; undrain it when it is to serve again"),
        (drain("d"), "server d is lost; plan for its loss, or bring it back first"),
        (Goal::Undrain { server: host("a") }, "server a is not drained; it may serve already"),
        (lose("q"), "there is no server q; the servers are a, b, c, d"),
    ] {
        assert_eq!(plan(&pool, &goal, &Policy::default()).unwrap_err().to_string(), said);
    }
    let policy = |total, per_server, per_link| Policy { limits: Limits { total, per_server, per_link }, ..Policy::default() };
    for (policy, said) in [(policy(0, 1, 1), "in all"), (policy(1, 0, 1), "of a server"), (policy(1, 1, 0), "of a link")] {
        let refusal = plan(&pool, &Goal::Rebalance, &policy).unwrap_err().to_string();
        assert_eq!(refusal, format!("the limit of moves at once {said} is 0, so that nothing could move; set it to 1 or more"));
    }
}

#[test]
fn radios_that_are_kept_apart_are_not_moved_together() {
    let mut x = radio("x", 1.0, &["a", "b", "c"], &["a"]);
    x.apart.insert(named("y"));
    let servers = vec![server("a", 4.0), server("b", 4.0), server("c", 4.0)];
    let pool = Pool::new(servers, vec![x, radio("y", 1.0, &["a", "b", "c"], &["b"])]).unwrap();
    let order = |radio: &str| OrderedMove { radio: named(radio), to: host("c") };
    let goal = Goal::Move { moves: vec![order("x"), order("y")], beyond_budget: false };
    let refusal = plan(&pool, &goal, &Policy::default()).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "radios y and x are to be kept apart, and both are to be moved to c; choose another server for one of them"
    );
}

#[test]
fn labels_are_checked() {
    for text in ["", "a b", "a\u{1b}", &"x".repeat(65)] {
        assert!(text.parse::<crate::Label>().is_err(), "{text:?}");
    }
    assert_eq!("rack=a.1-x_y".parse::<crate::Label>().unwrap().to_string(), "rack=a.1-x_y");
}
