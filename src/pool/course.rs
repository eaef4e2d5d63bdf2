//! A plan that is carried out: one wave of changes after the other, until one fails or somebody stops it.

use serde::Serialize;

use super::naming::{between, other};
use config::Config;
use placement::{Change, Plan};
use protocol::{Failure, Interruption, Method, Order, OrderRequest, Outcome, RunRecord};

/// What is asked of an agent for a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// An order, of the agent that carries it out.
    Order(OrderRequest),
    /// That this server follows as a standby.
    Arm(String),
    /// That it follows no longer.
    Disarm(String),
}

/// What a change asks for, in the view of its radio.
pub fn asked(view: &Config, change: &Change) -> Asked {
    let method = view.workload.form.default_method();
    match change {
        Change::Move { from, to, .. } => Asked::Order(between(view, [from, to], Order::M, method)),
        Change::FailOver { from, to, .. } => Asked::Order(between(view, [from, to], Order::M, Method::Failover)),
        Change::Start { to, .. } => Asked::Order(between(view, [to, other(view, to)], Order::DS, Method::default())),
        Change::Arm { at, .. } => Asked::Arm(at.to_string()),
        Change::Disarm { at, .. } => Asked::Disarm(at.to_string()),
    }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// It was done.
    pub ok: bool,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its run, where it was an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How long it took, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<f64>,
    /// How long nobody served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruption: Option<Interruption>,
}

impl Done {
    /// What a change has come to: the record of its order, where it has one.
    pub fn of(change: Change, end: Result<Option<RunRecord>, Failure>) -> Self {
        let done = Self { change, ok: false, reason: None, run: None, total_ms: None, interruption: None };
        match end {
            Ok(None) => Self { ok: true, ..done },
            Ok(Some(record)) => Self {
                ok: record.outcome == Outcome::Ok,
                reason: record.reason,
                run: Some(record.run),
                total_ms: Some(record.total_ms),
                interruption: Some(record.interruption),
                ..done
            },
            Err(failure) => Self { reason: Some(failure.to_string()), ..done },
        }
    }
}

/// A plan on its way.
#[derive(Debug, Clone)]
pub struct Course {
    plan: Plan,
    /// Waves that have begun.
    begun: usize,
    under_way: Vec<Change>,
    done: Vec<Done>,
    stopped: bool,
}

impl Course {
    /// A plan of which nothing has begun.
    pub fn new(plan: Plan) -> Self {
        Self { plan, begun: 0, under_way: Vec::new(), done: Vec::new(), stopped: false }
    }

    /// What begins now: the changes of the next wave, once the one before is over. Nothing after one that failed.
    pub fn next_wave(&mut self) -> Vec<Change> {
        if !self.under_way.is_empty() || self.stopped || self.has_failed() {
            return Vec::new();
        }
        let wave = self.plan.waves.get(self.begun).map_or_else(Vec::new, |wave| wave.0.clone());
        self.begun += 1;
        self.under_way.clone_from(&wave);
        wave
    }

    /// A change is over.
    pub fn end(&mut self, change: &Change, end: Result<Option<RunRecord>, Failure>) {
        self.under_way.retain(|other| other != change);
        self.done.push(Done::of(change.clone(), end));
    }

    /// Nothing more is to begin; what is under way goes on.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Somebody has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// A change was not done.
    pub fn has_failed(&self) -> bool {
        self.done.iter().any(|done| !done.ok)
    }

    /// Nothing is under way, and nothing more begins.
    pub fn is_over(&self) -> bool {
        self.under_way.is_empty() && (self.stopped || self.has_failed() || self.left().next().is_none())
    }

    /// The plan is carried out, and it was a whole one.
    pub fn is_ok(&self) -> bool {
        self.is_over() && self.left().next().is_none() && !self.has_failed() && self.plan.is_whole()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Changes under way.
    pub fn under_way(&self) -> &[Change] {
        &self.under_way
    }

    /// What is over, in the order of its ends.
    pub fn done(&self) -> &[Done] {
        &self.done
    }

    /// Changes that have not begun.
    pub fn left(&self) -> impl Iterator<Item = &Change> {
        self.plan.waves.iter().skip(self.begun).flat_map(|wave| &wave.0)
    }

    /// The plan, and what became of it.
    pub fn into_parts(self) -> (Plan, Vec<Done>) {
        (self.plan, self.done)
    }
}

#[cfg(test)]
mod tests {
    use placement::{Amount, Goal, OrderedMove, Policy, Pool, Radio, Server};
    use protocol::ErrorCode;

    use super::*;

    /// Three radios of server1 go to server2: two at once on a server, so that there are two waves.
    fn course() -> Course {
        let amount = |cores: f64| Amount { cores: cores.try_into().unwrap(), ..Amount::default() };
        let server = |name: &str| Server {
            name: name.parse().unwrap(),
            capacity: amount(4.0),
            labels: Default::default(),
            drained: false,
            lost: false,
            measured: None,
        };
        let radio = |name: &str| Radio {
            name: name.parse().unwrap(),
            need: amount(0.5),
            measured: None,
            servers: ["server1", "server2"].map(|name| name.parse().unwrap()).into(),
            forbidden: Default::default(),
            apart: Default::default(),
            prefer: Vec::new(),
            served_by: Some("server1".parse().unwrap()),
            standby_at: None,
            priority: 0,
            wants_standby: false,
            moves_left: None,
        };
        let names = ["alpha", "beta", "gamma"];
        let pool = Pool::new(["server1", "server2"].map(server).into(), names.map(radio).into()).unwrap();
        let to = |name: &str| OrderedMove { radio: name.parse().unwrap(), to: "server2".parse().unwrap() };
        let goal = Goal::Move { moves: names.map(to).into(), beyond_budget: false };
        Course::new(placement::plan(&pool, &goal, &Policy::default()).unwrap())
    }

    #[test]
    fn a_wave_begins_when_the_one_before_is_over() {
        let mut course = course();
        let first = course.next_wave();
        assert_eq!((first.len(), course.left().count()), (2, 1));
        assert!(course.next_wave().is_empty(), "two are under way");
        course.end(&first[0], Ok(None));
        assert!(course.next_wave().is_empty() && !course.is_over(), "one is");
        course.end(&first[1], Ok(None));
        let second = course.next_wave();
        assert_eq!(second.len(), 1);
        course.end(&second[0], Ok(None));
        assert!(course.next_wave().is_empty() && course.is_over() && course.is_ok());
    }

    #[test]
    fn nothing_begins_after_a_failure_or_a_stop() {
        for fails in [true, false] {
            let mut course = course();
            let first = course.next_wave();
            if fails {
                course.end(&first[0], Err(Failure::new(ErrorCode::State, "server2 is drained")));
            } else {
                course.stop();
                course.end(&first[0], Ok(None));
            }
            course.end(&first[1], Ok(None));
            assert!(course.next_wave().is_empty() && course.is_over() && !course.is_ok());
            assert_eq!((course.left().count(), course.has_failed(), course.is_stopped()), (1, fails, !fails));
        }
    }
}
