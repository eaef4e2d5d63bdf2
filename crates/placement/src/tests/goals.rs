//! What each goal plans, by tables.

use super::support::{amount, drain, host, judge, lines, lose, named, radio, server};
use crate::{Goal, Limits, OrderedMove, Plan, Policy, Pool, Preference, Preferred, Radio, Server, Strategy, plan};

fn planned(servers: Vec<Server>, radios: Vec<Radio>, goal: &Goal, policy: &Policy) -> Plan {
    let pool = Pool::new(servers, radios).unwrap();
    let plan = plan(&pool, goal, policy).unwrap();
    judge(&pool, goal, policy, &plan).unwrap();
    plan
}

fn usual(servers: Vec<Server>, radios: Vec<Radio>, goal: &Goal) -> Plan {
    planned(servers, radios, goal, &Policy::default())
}

fn three(cores: f64) -> Vec<Server> {
    ["a", "b", "c"].map(|name| server(name, cores)).to_vec()
}

const ALL: [&str; 3] = ["a", "b", "c"];

fn start(radio: &str) -> Goal {
    Goal::Start { radio: named(radio) }
}

fn moves(orders: &[(&str, &str)]) -> Goal {
    let moves = orders.iter().map(|(radio, to)| OrderedMove { radio: named(radio), to: host(to) });
    Goal::Move { moves: moves.collect(), beyond_budget: false }
}

fn with(strategy: Strategy) -> Policy {
    Policy { strategy, ..Policy::default() }
}

#[test]
fn a_start_goes_where_the_policy_says() {
    let radios = || {
        vec![
            radio("x", 2.0, &ALL, &["a"]),
            radio("y", 0.5, &ALL, &["b"]),
            radio("z", 0.5, &ALL, &["b"]),
            radio("new", 1.0, &["a", "b"], &[]),
        ]
    };
    for (strategy, to) in [(Strategy::Spread, "a"), (Strategy::Balance, "b"), (Strategy::Consolidate, "a")] {
        let plan = planned(three(4.0), radios(), &start("new"), &with(strategy));
        assert_eq!(lines(&plan), [format!("start new on {to}")], "{strategy:?}");
    }
}

#[test]
fn a_start_goes_to_what_the_radio_prefers_and_not_to_what_it_forbids() {
    let prefer = |preferred: Preferred, weight| Preference { preferred, weight };
    let mut new = radio("new", 1.0, &ALL, &[]);
    new.prefer = vec![prefer(Preferred::Server(host("b")), 2), prefer(Preferred::Label("ups".parse().unwrap()), 3)];
    let mut servers = three(4.0);
    servers[2].labels.insert("ups".parse().unwrap());
    assert_eq!(lines(&usual(servers.clone(), vec![new.clone()], &start("new"))), ["start new on c"]);
    new.forbidden.insert(host("c"));
    assert_eq!(lines(&usual(servers.clone(), vec![new.clone()], &start("new"))), ["start new on b"]);
    servers[1].drained = true;
    assert_eq!(lines(&usual(servers, vec![new], &start("new"))), ["start new on a"]);
}

#[test]
fn a_start_makes_room_and_says_when_there_is_none() {
    let radios = || vec![radio("big", 3.0, &["a"], &[]), radio("x", 2.0, &["a", "b"], &["a"])];
    let plan = usual(three(4.0), radios(), &start("big"));
    assert_eq!(lines(&plan), ["move x from a to b", "start big on a"]);

    let mut bound = radios();
    bound[1].moves_left = Some(0);
    let plan = usual(three(4.0), bound, &start("big"));
    assert_eq!(lines(&plan), [] as [&str; 0]);
    assert_eq!(
        plan.unplaced[0].to_string(),
        "radio big cannot be served: a has 2 cores free of the 3 cores that it needs; free 1 core on a, or allow another server to serve big"
    );
}

#[test]
fn a_drain_empties_a_server_and_arms_standbys_elsewhere() {
    let radios = vec![radio("x", 1.0, &ALL, &["a", "b"]), radio("y", 1.0, &ALL, &["b", "a"]), radio("z", 1.0, &ALL, &["c"])];
    let plan = usual(three(4.0), radios, &drain("a"));
    assert_eq!(lines(&plan), ["move x from a to c, disarm the standby of y on a", "arm a standby of y on c"]);
    assert!(plan.is_whole() && plan.after.servers()["a"].drained);
    assert_eq!(plan.empty, [host("a")].into());
}

#[test]
fn a_full_pool_is_drained_onto_the_standbys() {
    let radios = vec![radio("x", 3.0, &["a", "b"], &["a", "b"]), radio("y", 3.0, &["c"], &["c"])];
    let plan = usual(three(4.0), radios, &drain("a"));
    assert_eq!(lines(&plan), ["move x from a to b"]);
    assert_eq!(
        plan.unplaced[0].to_string(),
        "no standby of radio x can be armed: a is drained, b serves it; undrain a, or allow another server to serve x"
    );
}

#[test]
fn two_that_wait_for_each_other_pass_by_a_third_server() {
    let radios = || vec![radio("x", 3.0, &ALL, &["a"]), radio("y", 3.0, &ALL, &["b"])];
    let swap = moves(&[("x", "b"), ("y", "a")]);
    let plan = usual(three(4.0), radios(), &swap);
    assert_eq!(lines(&plan), ["move x from a to c, on its way to another server", "move y from b to a", "move x from c to b"]);

    let plan =
        usual(three(4.0)[..2].to_vec(), vec![radio("x", 3.0, &["a", "b"], &["a"]), radio("y", 3.0, &["a", "b"], &["b"])], &swap);
    assert_eq!(lines(&plan), [] as [&str; 0]);
    assert_eq!(plan.unplaced.len(), 2);
    assert!(plan.unplaced[0].to_string().starts_with("radio x cannot be moved and stays where it is: b has 1 core free"), "{plan}");

    let mut once = radios();
    once.iter_mut().for_each(|radio| radio.moves_left = Some(1));
    assert_eq!(usual(three(4.0), once, &swap).unplaced.len(), 2);
}

#[test]
fn a_drain_finds_chains_of_three() {
    let servers = || ["a", "b", "c", "d"].map(|name| server(name, 4.0)).to_vec();
    let radios =
        || vec![radio("x", 4.0, &["a", "b"], &["a"]), radio("y", 4.0, &["b", "c"], &["b"]), radio("z", 4.0, &["c", "d"], &["c"])];
    let plan = usual(servers(), radios(), &drain("a"));
    assert_eq!(lines(&plan), ["move z from c to d", "move y from b to c", "move x from a to b"]);
}

#[test]
fn a_loss_goes_to_the_standby_and_by_priority() {
    let mut radios =
        vec![radio("x", 1.0, &ALL, &["a", "c"]), radio("low", 3.0, &["a", "b"], &["a"]), radio("top", 3.0, &["a", "b"], &["a"])];
    radios[2].priority = 9;
    let plan = usual(vec![server("a", 8.0), server("b", 4.0), server("c", 4.0)], radios, &lose("a"));
    assert_eq!(lines(&plan), ["fail top over from a to b, fail x over from a to its standby on c", "arm a standby of x on b"]);
    assert_eq!(plan.unplaced.len(), 1);
    assert_eq!(
        plan.unplaced[0].to_string(),
        "radio low cannot be served: a is lost, b has 0 cores free of the 3 cores that it needs; free 3 cores on b, or allow another server to serve low"
    );
    assert!(plan.after.radios()["low"].served_by.is_none() && plan.after.servers()["a"].lost);
}

#[test]
fn a_budget_is_kept_unless_it_is_overridden() {
    let mut bound = radio("x", 1.0, &ALL, &["a"]);
    bound.moves_left = Some(0);
    let plan = usual(three(4.0), vec![bound.clone()], &drain("a"));
    assert_eq!(lines(&plan), [] as [&str; 0]);
    assert_eq!(plan.left_for_budget, [named("x")].into());
    assert!(plan.unplaced[0].to_string().contains("its interruption budget allows no move in this period"), "{plan}");
    let beyond = Goal::Drain { server: host("a"), beyond_budget: true };
    assert_eq!(lines(&usual(three(4.0), vec![bound.clone()], &beyond)), ["move x from a to b"]);
    assert_eq!(lines(&usual(three(4.0), vec![bound], &lose("a"))), ["fail x over from a to b"]);
}

#[test]
fn rebalance_moves_for_a_gain_and_for_what_is_preferred() {
    let radios = || vec![radio("x", 1.0, &ALL, &["a"]), radio("y", 1.0, &ALL, &["a"]), radio("z", 1.0, &ALL, &["a"])];
    let plan = usual(three(4.0), radios(), &Goal::Rebalance);
    assert_eq!(plan.changes().count(), 2);
    let coarse = Policy { least_gain: 600, ..Policy::default() };
    assert_eq!(lines(&planned(three(4.0), radios(), &Goal::Rebalance, &coarse)), [] as [&str; 0]);
    assert_eq!(planned(three(4.0), radios(), &Goal::Rebalance, &with(Strategy::Spread)).changes().count(), 2);

    let mut home = radio("x", 1.0, &ALL, &["a"]);
    home.prefer.push(Preference { preferred: Preferred::Server(host("c")), weight: 1 });
    assert_eq!(lines(&usual(three(4.0), vec![home.clone()], &Goal::Rebalance)), ["move x from a to c"]);
    home.moves_left = Some(0);
    let plan = usual(three(4.0), vec![home], &Goal::Rebalance);
    assert_eq!((lines(&plan).len(), plan.left_for_budget), (0, [named("x")].into()));
}

#[test]
fn rebalance_goes_by_what_is_measured() {
    let radios = || vec![radio("x", 1.0, &ALL, &["a"]), radio("y", 1.0, &ALL, &["b"])];
    // Others use 2.5 cores of a, and c has a busy link.
    let mut servers = three(4.0);
    servers[0].measured = Some(amount(3.5, 50.0));
    servers[2].measured = Some(amount(0.0, 900.0));
    assert_eq!(lines(&usual(servers.clone(), radios(), &Goal::Rebalance)), ["move x from a to b"]);
    let mut idle = radios();
    idle[0].measured = Some(amount(0.1, 50.0));
    assert_eq!(lines(&usual(servers, idle, &Goal::Rebalance)), [] as [&str; 0], "moving it relieves a by too little");
}

#[test]
fn consolidate_empties_servers_and_keeps_headroom() {
    let radios = || vec![radio("x", 1.0, &ALL, &["a"]), radio("y", 1.0, &ALL, &["b"]), radio("z", 1.5, &ALL, &["c"])];
    let plan = usual(three(4.0), radios(), &Goal::Consolidate);
    assert_eq!(lines(&plan), ["move x from a to c, move y from b to c"]);
    assert_eq!(plan.empty, [host("a"), host("b")].into());

    let tight = || {
        let mut radios = radios();
        radios[2].servers = [host("c")].into();
        radios[0].servers = [host("a"), host("b")].into();
        radios
    };
    let plan = usual(vec![server("a", 1.0), server("b", 2.0), server("c", 4.0)], tight(), &Goal::Consolidate);
    assert_eq!(lines(&plan), ["move y from b to c"], "{plan}");
    let mut bound = vec![radio("x", 1.0, &ALL, &["a"]), radio("z", 1.5, &["c"], &["c"])];
    bound[0].moves_left = Some(0);
    let plan = usual(three(4.0), bound, &Goal::Consolidate);
    assert_eq!((plan.empty, plan.left_for_budget), ([host("b")].into(), [named("x")].into()));
}

#[test]
fn standbys_are_placed_on_other_servers() {
    let mut radios = vec![radio("x", 3.0, &["a", "b"], &["a"]), radio("y", 2.0, &ALL, &["c", "b"])];
    radios[0].wants_standby = true;
    let servers = vec![server("a", 5.0), server("b", 4.0), server("c", 4.0)];
    let plan = usual(servers, radios, &Goal::PlaceStandbys);
    assert_eq!(lines(&plan), ["disarm the standby of y on b", "arm a standby of x on b, arm a standby of y on a"]);
    assert!(plan.is_whole());
}

#[test]
fn headroom_is_said_for_each_server() {
    let radios = vec![radio("x", 3.0, &ALL, &["a"]), radio("y", 3.0, &ALL, &["b"]), radio("z", 2.0, &ALL, &["c"])];
    let plan = usual(three(4.0), radios, &Goal::Rebalance);
    let said: Vec<String> = plan.no_headroom.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3);
    assert_eq!(said[0], "there is no headroom for the loss of a: x would not be served; free room on other servers");
    let plan = usual(three(8.0), vec![radio("x", 3.0, &ALL, &["a"])], &Goal::Rebalance);
    assert_eq!(plan.no_headroom, []);
}

#[test]
fn an_undrain_moves_nothing() {
    let mut servers = three(4.0);
    servers[0].drained = true;
    let plan = usual(servers, vec![radio("x", 1.0, &ALL, &["b"])], &Goal::Undrain { server: host("a") });
    assert!(plan.waves.is_empty() && !plan.after.servers()["a"].drained);
    assert_eq!(plan.to_string(), "nothing is to be done\nservers that are empty afterwards: a, c\n");
}

#[test]
fn waves_keep_the_limits() {
    let radios: Vec<Radio> = (0..6).map(|index| radio(&format!("r{index}"), 1.0, &ALL, &["a"])).collect();
    for (total, per_server, per_link, waves) in [(1, 9, 9, 6), (9, 2, 9, 3), (9, 9, 3, 2), (9, 9, 9, 1)] {
        let policy = Policy { limits: Limits { total, per_server, per_link }, ..Policy::default() };
        let plan = planned(three(8.0), radios.clone(), &drain("a"), &policy);
        assert_eq!(plan.waves.len(), waves, "{total} {per_server} {per_link}");
    }
}

#[test]
fn headroom_is_told_of_a_pool_as_it_is() {
    let servers = vec![server("a", 2.0), server("b", 2.0), server("c", 1.0)];
    let all: &[&str] = &["a", "b", "c"];
    let radios = vec![radio("x", 1.5, all, &["a"]), radio("y", 1.5, all, &["b"]), radio("z", 0.5, all, &["c"])];
    let pool = Pool::new(servers, radios).unwrap();
    let policy = Policy::default();
    let said: Vec<String> = crate::no_headroom(&pool, &policy).iter().map(ToString::to_string).collect();
    let sentence = |server: &str, radio: &str| {
        format!("there is no headroom for the loss of {server}: {radio} would not be served; free room on other servers")
    };
    assert_eq!(said, [sentence("a", "x"), sentence("b", "y")]);
    let without =
        |server: &str| crate::unserved_without(&pool, &policy, &host(server)).into_iter().map(String::from).collect::<Vec<_>>();
    assert_eq!((without("a"), without("c"), without("nobody")), (vec!["x".to_owned()], vec![], vec![]));
}

#[test]
fn a_server_is_spare_if_the_others_can_make_the_loss_of_one_good() {
    let all: &[&str] = &["a", "b", "c", "d"];
    let mut servers: Vec<_> = all.iter().map(|name| server(name, 2.0)).collect();
    let radios = || vec![radio("x", 1.5, all, &["a"]), radio("y", 0.2, all, &["a"])];
    let names = |servers: &[Server], policy: &Policy| -> Vec<String> {
        crate::spare(&Pool::new(servers.to_vec(), radios()).unwrap(), policy).into_iter().map(String::from).collect()
    };
    // One has to stay for the loss of a: the last by name.
    assert_eq!(names(&servers, &Policy::default()), ["b", "c"]);
    assert_eq!(names(&servers, &Policy { keep_headroom: false, ..Policy::default() }), ["b", "c", "d"]);
    // Somebody may be at work on a drained one, which takes over nothing either.
    servers[3].drained = true;
    assert_eq!(names(&servers, &Policy::default()), ["b"]);
    servers[2].lost = true;
    assert_eq!(names(&servers, &Policy::default()), [""; 0]);
}
