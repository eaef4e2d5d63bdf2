//! Pools for the tests, and a judge of plans that shares no code with the planner.

use std::collections::{BTreeMap, BTreeSet};

use config::{HostName, RadioName};

use crate::{Amount, Change, Cores, Goal, Plan, Policy, Pool, Preference, Preferred, Radio, Rate, Refusal, Server, Wave};

pub fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

pub fn named(name: &str) -> RadioName {
    name.parse().unwrap()
}

pub fn amount(cores: f64, rate: f64) -> Amount {
    Amount {
        cores: Cores::try_from(cores).unwrap(),
        links: BTreeMap::from([("eth3".parse().unwrap(), Rate::try_from(rate).unwrap())]),
    }
}

pub fn server(name: &str, cores: f64) -> Server {
    Server {
        name: host(name),
        capacity: amount(cores, 1000.0),
        labels: BTreeSet::new(),
        drained: false,
        lost: false,
        measured: None,
    }
}

/// A radio that the servers may serve, and the first one of `at` serves and the second one follows.
pub fn radio(name: &str, cores: f64, servers: &[&str], at: &[&str]) -> Radio {
    Radio {
        name: named(name),
        need: amount(cores, 50.0),
        measured: None,
        servers: servers.iter().map(|name| host(name)).collect(),
        forbidden: BTreeSet::new(),
        apart: BTreeSet::new(),
        prefer: Vec::new(),
        served_by: at.first().map(|name| host(name)),
        standby_at: at.get(1).map(|name| host(name)),
        priority: 0,
        wants_standby: at.len() > 1,
        moves_left: None,
    }
}

pub fn drain(server: &str) -> Goal {
    Goal::Drain { server: host(server), beyond_budget: false }
}

pub fn lose(server: &str) -> Goal {
    Goal::Lose { server: host(server), beyond_budget: false }
}

/// The waves as lines: changes of one wave with commas between them.
pub fn lines(plan: &Plan) -> Vec<String> {
    let line = |wave: &Wave| wave.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    plan.waves.iter().map(line).collect()
}

/// Numbers from a seed (splitmix64, public domain).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// What a random pool is like.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub servers: usize,
    pub radios: usize,
    /// Percent of all cores that services and standbys need, about.
    pub full: usize,
    /// Preferences, labels, measured use, budgets, standbys and what is lost or drained as well.
    pub rich: bool,
}

/// A random pool in which every radio is served where it fits, as far as it fits.
pub fn random_pool(seed: u64, kind: Kind) -> Pool {
    let mut dice = Dice(seed);
    let names: Vec<String> = (0..kind.servers).map(|index| format!("s{index:03}")).collect();
    let cores: Vec<usize> = names.iter().map(|_| 4 + 2 * dice.below(3)).collect();
    let mut servers: Vec<Server> = names.iter().zip(&cores).map(|(name, cores)| server(name, *cores as f64)).collect();
    let share = cores.iter().sum::<usize>() * kind.full / kind.radios.max(1);
    let mut free: Vec<f64> = cores.iter().map(|cores| *cores as f64).collect();
    let mut radios: Vec<Radio> = Vec::new();
    for index in 0..kind.radios {
        // In halves of a core, around the share.
        let need = ((share * (50 + dice.below(101))) as f64 / 5000.0).round().max(1.0) / 2.0;
        let may: Vec<&str> = names.iter().map(String::as_str).filter(|_| !dice.one_in(3)).collect();
        let may = if may.is_empty() { vec![names[dice.below(names.len())].as_str()] } else { may };
        let mut new = radio(&format!("r{index:03}"), need, &may, &[]);
        if index > 0 && dice.one_in(6) {
            new.apart.insert(named(&format!("r{:03}", dice.below(index))));
        }
        if kind.rich {
            enrich(&mut dice, &mut new);
        }
        let placed = place(&mut dice, &new, &radios, &mut free, None);
        new.served_by = placed.map(|at| host(&names[at]));
        if new.wants_standby && !dice.one_in(4) {
            new.standby_at = place(&mut dice, &new, &radios, &mut free, placed).map(|at| host(&names[at]));
        }
        radios.push(new);
    }
    if kind.rich {
        for server in &mut servers {
            server.drained = dice.one_in(12);
            server.lost = dice.one_in(12);
            if dice.one_in(3) {
                server.labels.insert("rack=a".parse().unwrap());
            }
            if dice.one_in(2) {
                server.measured = Some(amount(dice.below(8) as f64 / 2.0, dice.below(300) as f64));
            }
        }
        servers[0].labels.insert("rack=a".parse().unwrap());
    }
    loop {
        match Pool::new(servers.clone(), radios.clone()) {
            Ok(pool) => return pool,
            Err(Refusal::TooManyApart { .. }) => {
                let kept_apart = radios.iter_mut().find(|radio| !radio.apart.is_empty());
                kept_apart.expect("the refusal names some").apart.clear();
            }
            Err(refusal) => panic!("{refusal}"),
        }
    }
}

fn enrich(dice: &mut Dice, radio: &mut Radio) {
    radio.priority = dice.below(3) as u8;
    radio.wants_standby = dice.one_in(3);
    radio.moves_left = dice.one_in(3).then(|| dice.below(3) as u32);
    let may: Vec<HostName> = radio.servers.iter().cloned().collect();
    if may.len() > 1 && dice.one_in(4) {
        radio.forbidden.insert(may[0].clone());
    }
    if dice.one_in(3) {
        let last = may[may.len() - 1].clone();
        radio.prefer.push(Preference { preferred: Preferred::Server(last), weight: 1 + dice.below(5) as u32 });
    }
    if dice.one_in(4) {
        radio.prefer.push(Preference { preferred: Preferred::Label("rack=a".parse().unwrap()), weight: 2 });
    }
    if dice.one_in(3) {
        radio.measured = Some(amount(1.0 + dice.below(4) as f64 / 4.0, 30.0));
    }
}

/// A server with room for the radio, from a random one on.
fn place(dice: &mut Dice, new: &Radio, others: &[Radio], free: &mut [f64], not: Option<usize>) -> Option<usize> {
    let need = f64::from(new.need.cores);
    let begin = dice.below(free.len());
    let fits = |at: usize| {
        let name = format!("s{at:03}");
        let together = |other: &&Radio| [&other.served_by, &other.standby_at].into_iter().flatten().any(|at| **at == *name);
        let kept_apart = |other: &Radio| new.apart.contains(&other.name) || other.apart.contains(&new.name);
        free[at] >= need && not != Some(at) && new.may_be_at(&name) && !others.iter().filter(together).any(kept_apart)
    };
    let found = (0..free.len()).map(|step| (begin + step) % free.len()).find(|at| fits(*at));
    if let Some(at) = found {
        free[at] -= need;
    }
    found
}

type Places = BTreeMap<RadioName, [Option<HostName>; 2]>;

fn places(pool: &Pool) -> Places {
    pool.radios().values().map(|radio| (radio.name.clone(), [radio.served_by.clone(), radio.standby_at.clone()])).collect()
}

/// Thousandths of cores and of the rate at eth3.
fn both(amount: &Amount) -> [u64; 2] {
    [amount.cores.thousandths(), amount.links.values().map(|rate| rate.thousandths()).sum()]
}

/// What is wrong with a plan; nothing else than that a plan says is believed.
pub fn judge(pool: &Pool, goal: &Goal, policy: &Policy, plan: &Plan) -> Result<(), String> {
    let mut now = places(pool);
    let lost = |name: &str| pool.servers()[name].lost || matches!(goal, Goal::Lose { server, .. } if *server == *name);
    let drained = |name: &str| match goal {
        Goal::Drain { server, .. } if *server == *name => true,
        Goal::Undrain { server } if *server == *name => false,
        _ => pool.servers()[name].drained,
    };
    for [_, standby] in now.values_mut() {
        if standby.as_ref().is_some_and(|at| lost(at)) {
            *standby = None;
        }
    }
    let mut moved: BTreeMap<RadioName, u32> = BTreeMap::new();
    for wave in &plan.waves {
        wave_is_possible(pool, policy, &now, wave, &|name| lost(name) || drained(name))?;
        for change in &wave.0 {
            let place = now.get_mut(change.radio()).ok_or("an unknown radio")?;
            let lost_from = place[0].as_ref().is_some_and(|at| lost(at));
            match change {
                Change::Start { to, .. } if place[0].is_none() => place[0] = Some(to.clone()),
                Change::FailOver { from, to, armed, .. }
                    if place[0].as_ref() == Some(from) && lost_from && *armed == (place[1].as_ref() == Some(to)) =>
                {
                    place[0] = Some(to.clone());
                }
                Change::Move { from, to, .. } if place[0].as_ref() == Some(from) && !lost_from && from != to => {
                    place[0] = Some(to.clone());
                    *moved.entry(change.radio().clone()).or_default() += 1;
                }
                Change::Arm { at, .. } if place[1].is_none() && place[0].as_ref() != Some(at) => place[1] = Some(at.clone()),
                Change::Disarm { at, .. } if place[1].as_ref() == Some(at) => place[1] = None,
                _ => return Err(format!("{change} is not possible from {place:?}")),
            }
            if place[0] == place[1] {
                place[1] = None;
            }
        }
    }
    for [service, _] in now.values_mut() {
        if matches!(goal, Goal::Lose { server, .. } if service.as_ref() == Some(server)) {
            *service = None;
        }
    }
    if now != places(&plan.after) {
        return Err(format!("the waves end in {now:?}, not in {:?}", places(&plan.after)));
    }
    budgets(pool, goal, plan, &moved)
}

fn budgets(pool: &Pool, goal: &Goal, plan: &Plan, moved: &BTreeMap<RadioName, u32>) -> Result<(), String> {
    let beyond = matches!(
        goal,
        Goal::Move { beyond_budget: true, .. } | Goal::Drain { beyond_budget: true, .. } | Goal::Lose { beyond_budget: true, .. }
    );
    for radio in pool.radios().values() {
        let moves = moved.get(&radio.name).copied().unwrap_or(0);
        if let Some(left) = radio.moves_left.filter(|_| !beyond) {
            if moves > left {
                return Err(format!("{} is moved {moves} times of {left}", radio.name));
            }
            if plan.after.radios()[&radio.name].moves_left != Some(left - moves) {
                return Err(format!("{} has another budget afterwards", radio.name));
            }
        }
    }
    Ok(())
}

fn wave_is_possible(pool: &Pool, policy: &Policy, now: &Places, wave: &Wave, shut: &dyn Fn(&str) -> bool) -> Result<(), String> {
    let mut radios = BTreeSet::new();
    let mut parts: BTreeMap<&HostName, u32> = BTreeMap::new();
    let mut here: BTreeMap<HostName, BTreeSet<RadioName>> = BTreeMap::new();
    for (radio, place) in now {
        place.iter().flatten().for_each(|at| here.entry(at.clone()).or_default().extend([radio.clone()]));
    }
    let mut arrived = BTreeSet::new();
    for change in &wave.0 {
        if !radios.insert(change.radio()) {
            return Err(format!("two changes of {} in one wave", change.radio()));
        }
        let (leaves, to) = match change {
            Change::Start { to, .. } | Change::FailOver { to, .. } => (None, Some(to)),
            Change::Move { from, to, .. } => (Some(from), Some(to)),
            Change::Arm { at, .. } => (None, Some(at)),
            Change::Disarm { at, .. } => (Some(at), None),
        };
        leaves.into_iter().chain(to).for_each(|part| *parts.entry(part).or_default() += 1);
        if let Some(to) = to {
            let radio = &pool.radios()[change.radio()];
            if matches!(change, Change::FailOver { armed: true, .. }) {
                continue;
            }
            if shut(to)
                || !radio.may_be_at(to)
                || !radio.need.links.keys().all(|link| pool.servers()[to].capacity.links.contains_key(link))
            {
                return Err(format!("{change}: the server must not serve it"));
            }
            // Its standby there has its room already, even if others use more than is free now.
            if here.entry(to.clone()).or_default().insert(radio.name.clone()) {
                arrived.insert(to.clone());
            }
        }
    }
    let limits = policy.limits;
    // Every radio of the tests uses the one link eth3.
    if wave.0.len() > limits.total as usize || parts.values().any(|count| *count > limits.per_server.min(limits.per_link)) {
        return Err(format!("a wave exceeds the limits: {wave:?}"));
    }
    arrived.iter().try_for_each(|at| server_bears(pool, &pool.servers()[at], &here[at]))
}

/// What is at a server that something came to has room, and is kept apart.
fn server_bears(pool: &Pool, server: &Server, here: &BTreeSet<RadioName>) -> Result<(), String> {
    let initially = pool
        .radios()
        .values()
        .filter(|radio| [&radio.served_by, &radio.standby_at].into_iter().flatten().any(|at| *at == server.name));
    let mut taken = server.measured.as_ref().map_or([0, 0], both);
    for radio in initially {
        let load = both(radio.measured.as_ref().unwrap_or(&radio.need));
        (0..2).for_each(|index| taken[index] = taken[index].saturating_sub(load[index]));
    }
    for name in here {
        let need = both(&pool.radios()[name].need);
        (0..2).for_each(|index| taken[index] += need[index]);
        if let Some(other) = pool.radios()[name].apart.iter().find(|other| here.contains(*other)) {
            return Err(format!("{name} and {other} are together on {}", server.name));
        }
    }
    let capacity = both(&server.capacity);
    if taken[0] > capacity[0] || taken[1] > capacity[1] {
        return Err(format!("{} has {taken:?} of {capacity:?}", server.name));
    }
    Ok(())
}
