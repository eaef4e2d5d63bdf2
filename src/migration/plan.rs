//! What an order would do, step by step, with the times that this pair's own history lets expect.

use super::flow::{Flow, Step, When};
use super::flows;
use super::setting::Setting;
use crate::metrics::table::median;
use config::Config;
use protocol::{
    Expected, Method, OrderRequest, Origin, Outcome, PAPER_INTERRUPTION_MS, PAPER_RELAY_INTERRUPTION_MS, PAPER_RELAY_TOTAL_MS,
    PAPER_TOTAL_MS, PhaseName, Plan, PlanPhase, PlanStep, RunRecord,
};

/// Only the latest runs count, so that the figures follow the machines.
pub const RUNS: usize = 20;

/// The plan of an order; `runs` are the records of the host that carries it out, oldest first.
pub fn plan(request: &OrderRequest, config: &Config, runs: &[RunRecord]) -> Plan {
    let setting = Setting::new(String::new(), chrono::Utc::now(), request, config);
    let flow = flows::of(request.order, request.method, config.workload.form);
    let relay = !config.terminals.is_empty();
    let history = History::of(request, config, runs);
    // The paper has one method only, and times of a start are not among its figures. Of its relay scenario, no phases are known.
    let paper = request.order.is_migration() && request.method == Method::Classic;
    let figure = |ms: f64| Some(ms).filter(|_| paper);
    let phase_figure = |name: PhaseName| name.paper_ms().filter(|_| paper && !relay);
    let phases = flow
        .phases(!config.terminals.is_empty())
        .into_iter()
        .map(|name| PlanPhase { name, expected: history.expected(|run| phase(run, name), phase_figure(name)) });
    Plan {
        order: request.order,
        method: request.method,
        from: setting.from.clone(),
        to: setting.to.clone(),
        steps: steps(flow, &setting),
        phases: phases.collect(),
        total: history.expected(|run| Some(run.total_ms), figure(if relay { PAPER_RELAY_TOTAL_MS } else { PAPER_TOTAL_MS })),
        interruption: history.expected(
            |run| run.interruption.by_phases_ms,
            figure(if relay { PAPER_RELAY_INTERRUPTION_MS } else { PAPER_INTERRUPTION_MS }),
        ),
        not_offered: None,
        standby: None,
    }
}

fn phase(run: &RunRecord, name: PhaseName) -> Option<f64> {
    run.phases.iter().find(|phase| phase.name == name).map(|phase| phase.ms)
}

fn steps(flow: &Flow, setting: &Setting) -> Vec<PlanStep> {
    let named = |step: &Step, cut: bool, afterwards: bool| PlanStep {
        host: setting.host(step.at).to_owned(),
        command: step.ask.command(&super::flow::Facts::default()).name().to_owned(),
        phases: step.phases.to_vec(),
        cut,
        relay_only: step.when == When::Relay,
        afterwards,
    };
    let timed = flow.steps.iter().enumerate().map(|(index, step)| named(step, flow.cut() == Some(index), false));
    timed.chain(flow.afterwards.iter().map(|step| named(step, false, true))).collect()
}

/// Whether a run was the same order by the same method in the same direction, and succeeded.
pub fn same_order(request: &OrderRequest, config: &Config) -> impl Fn(&RunRecord) -> bool + use<> {
    let (order, method) = (request.order, request.method);
    let (from, to) = config.ends(order);
    let (ends, radio) = ((from.to_owned(), to.to_owned()), config.radio_to_tell());
    move |run| {
        run.outcome == Outcome::Ok
            && !run.taken_up
            && run.radio == radio
            && run.order == order
            && (!(order.is_migration() || [run.method, method].contains(&Method::Recover)) || run.method == method)
            && (&run.from, &run.to) == (&ends.0, &ends.1)
    }
}

/// Successful runs of the same method in the same direction, the latest of them.
struct History<'a>(Vec<&'a RunRecord>);

impl<'a> History<'a> {
    fn of(request: &OrderRequest, config: &Config, runs: &'a [RunRecord]) -> Self {
        let same = same_order(request, config);
        Self(runs.iter().rev().filter(|run| same(run)).take(RUNS).collect())
    }

    fn expected(&self, figure: impl Fn(&RunRecord) -> Option<f64>, paper: Option<f64>) -> Expected {
        let figures: Vec<f64> = self.0.iter().filter_map(|run| figure(run)).collect();
        let runs = figures.len();
        match (median(figures), paper) {
            (Some(ms), _) => Expected { ms: Some(ms), origin: Origin::History, runs },
            (None, Some(ms)) => Expected { ms: Some(ms), origin: Origin::Paper, runs },
            (None, None) => Expected { ms: None, origin: Origin::NoHistory, runs },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::table::tests::run;
    use crate::migration::fleet::config;
    use protocol::Order;

    fn request(order: Order, method: Method) -> OrderRequest {
        OrderRequest::new(order, method)
    }

    fn made(order: Order, method: Method, runs: &[RunRecord]) -> Plan {
        plan(&request(order, method), &config(std::path::Path::new("/nowhere"), true), runs)
    }

    #[test]
    fn without_history_classic_has_the_papers_figures_and_cold_none() {
        let classic = made(Order::M, Method::Classic, &[]);
        assert_eq!((classic.interruption.ms, classic.interruption.origin), (Some(1855.0), Origin::Paper));
        let stop = classic.phases.iter().find(|p| p.name == PhaseName::StopSource).unwrap();
        assert_eq!((stop.expected.ms, stop.expected.origin), (None, Origin::NoHistory));
        let cold = made(Order::M, Method::Cold, &[]);
        assert!(cold.phases.iter().all(|p| p.expected.origin == Origin::NoHistory));
        assert_eq!((cold.interruption.ms, cold.total.ms), (None, None));
    }

    #[test]
    fn history_is_of_the_same_method_and_direction_and_of_success() {
        let mut back = run(Method::Classic, 9000.0, None);
        (back.order, back.from, back.to) = (Order::MB, "server2".into(), "server1".into());
        let mut failed = run(Method::Classic, 9000.0, None);
        failed.outcome = Outcome::RolledBack;
        let runs =
            [run(Method::Classic, 100.0, None), back, run(Method::Cold, 9000.0, None), failed, run(Method::Classic, 300.0, None)];
        let plan = made(Order::M, Method::Classic, &runs);
        assert_eq!(plan.interruption, Expected { ms: Some(200.0), origin: Origin::History, runs: 2 });
        let link = plan.phases.iter().find(|p| p.name == PhaseName::LinkUsrp).unwrap();
        assert_eq!(link.expected.ms, Some(200.0));
        // A phase that these runs have no figure of.
        let sync = plan.phases.iter().find(|p| p.name == PhaseName::Sync).unwrap();
        assert_eq!((sync.expected.ms, sync.expected.origin), (Some(106.0), Origin::Paper));
    }

    #[test]
    fn the_steps_are_the_flows_and_one_is_the_cut() {
        let plan = made(Order::MB, Method::Classic, &[]);
        let names: Vec<String> = plan.steps.iter().map(|s| format!("{}@{}", s.command, s.host)).collect();
        assert_eq!(names.last().unwrap(), "kill_d2d@server2");
        assert!(plan.steps.last().unwrap().afterwards);
        let cuts: Vec<&PlanStep> = plan.steps.iter().filter(|s| s.cut).collect();
        assert_eq!((cuts.len(), cuts[0].command.as_str()), (1, "kill_usrp"));
    }

    #[test]
    fn only_the_latest_runs_count() {
        let mut runs = vec![run(Method::Classic, 5000.0, None); 50];
        runs.extend(vec![run(Method::Classic, 100.0, None); RUNS]);
        assert_eq!(made(Order::M, Method::Classic, &runs).interruption.ms, Some(100.0));
    }
}
