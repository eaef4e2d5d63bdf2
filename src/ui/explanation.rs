//! What every action does, in one sentence each.

use super::action::{Action, PoolAction, RunsAction};
use super::model::Model;
use super::place::Screen;
use protocol::Order;

/// What an action does, in one sentence with the cluster's own names.
pub fn explanation(action: Action, model: &Model) -> String {
    let (lang, [one, two]) = (model.skin.lang, model.pool());
    if let Some(text) = explanation_in_pool(action).filter(|_| model.explains_pool()) {
        return lang.tr(text).into();
    }
    match action {
        Action::Order(Order::DS) => lang.fill("double start: start D2D and USRP on {0}", &[&one]),
        Action::Order(Order::KL) => lang.fill("kill local: stop D2D and USRP on {0}", &[&one]),
        Action::Order(Order::M) => lang.fill("migrate: move the work from {0} to {1}", &[&one, &two]),
        Action::Order(Order::MB) => lang.fill("migrate back: move the work from {0} to {1}", &[&two, &one]),
        Action::Order(Order::DSR) => lang.fill("double start remote: start D2D and USRP on {0}", &[&two]),
        Action::Order(Order::KR) => lang.fill("kill remote: stop D2D and USRP on {0}", &[&two]),
        Action::Failover => lang.tr("take the work over from a server that does not answer").into(),
        Action::Arm => lang.tr("the server that does not serve follows the other one, and takes over when that dies").into(),
        Action::Disarm => lang.tr("it follows no longer").into(),
        Action::Recover => lang.tr("bring the service back, whatever is left of the work").into(),
        Action::End => lang.fill("stop {0}'s controller and the work it runs", &[&two]),
        Action::Method => lang.tr("the next method of migration").into(),
        Action::Hold => lang.tr("the next migration stops before its cut and waits for go, or no longer does").into(),
        Action::Go => lang.tr("go on with the migration that waits for it").into(),
        Action::Cancel => lang.tr("give up the migration under way; possible until its cut").into(),
        Action::Check => lang.tr("the checks before a migration").into(),
        Action::Plan => lang.tr("the steps of a migration, and how long each is expected to take").into(),
        Action::Interval => lang.tr("the time between the far end's pings: 100, 10 or 1 ms").into(),
        Action::Export => lang.tr("write this screen and its runs to files: SVG, PNG, text, ANSI, JSON, CSV").into(),
        Action::Copy => lang.tr("copy to the terminal's clipboard: a run's identity, its figures, the last error").into(),
        Action::Show(Screen::Timing) => lang.tr("Timing: the interruption large, the phases on one time axis").into(),
        Action::Show(Screen::Runs) => lang.tr("Runs: the recorded runs; filter, sort, compare, replay").into(),
        Action::Show(Screen::Pool) => lang.tr("Pool: every radio and every server at once").into(),
        Action::Pool(action) => lang.tr(explanation_of_pool(action)).into(),
        Action::Show(_) => lang.tr("Operate: both servers, the radio between them, the work").into(),
        Action::NextScreen => lang.tr("the next screen").into(),
        Action::Runs(action) => lang.tr(explanation_of_runs(action)).into(),
        Action::Zoom => lang.tr("Operate: enlarge a panel; Left and Right choose another one").into(),
        Action::Freeze => lang.tr("freeze the screen; data is still received").into(),
        Action::Privacy => lang.tr("mask addresses and names of people, also in exports").into(),
        Action::CommandLine => lang.tr("type a command; Tab completes, Up and Down recall").into(),
        Action::Help => lang.tr("show or hide this help").into(),
        Action::FilterLog => lang.tr("Operate: show the lines of the log that have the words typed").into(),
        Action::Leave if model.ends_lab => lang.tr("leave this console; the lab of a demo ends with it").into(),
        Action::Leave => lang.tr("leave this console; the service goes on, and no controller is ended").into(),
        Action::Quit if model.read_only => lang.tr("leave; no controller is ended").into(),
        Action::Quit => lang.fill("end {0}'s controller, then leave", &[&two]),
    }
}

/// What an order does on the Pool page.
fn explanation_in_pool(action: Action) -> Option<&'static str> {
    Some(match action {
        Action::Order(Order::DS) => "start the work of the radio under the cursor; a list of servers comes first",
        Action::Order(Order::M) => {
            "move it to another server; a list of servers comes first, then what speaks for it and against it"
        }
        Action::Order(Order::KL) => "stop it where it is",
        Action::Failover => {
            "serve elsewhere what the server under the cursor had, which is not heard any more; shows the plan first"
        }
        Action::Recover => "bring the service of the radio under the cursor back, whatever is left of the work",
        Action::Cancel => {
            "begin nothing more of what is carried out, and give up what is before its cut; else the radio's own move"
        }
        Action::Go => "go on with the radio's move that waits for it",
        Action::Runs(RunsAction::Filter) => "filter the radios: name, server, word of the verdict",
        Action::Runs(RunsAction::SortLeft) => "sort the radios by what comes before: name, service, server",
        Action::Runs(RunsAction::SortRight) => "sort the radios by what comes next: name, service, server",
        Action::Runs(RunsAction::Invert) => "reverse their order",
        _ => return None,
    })
}

fn explanation_of_pool(action: PoolAction) -> &'static str {
    match action {
        PoolAction::Drain => "Pool: take everything off the server under the cursor; shows the plan first",
        PoolAction::Undrain => "Pool: a drained server takes on work again",
        PoolAction::Rebalance => "Pool: spread the radios over the servers; shows the plan first",
        PoolAction::Consolidate => "Pool: leave as many servers with nothing to do as can be; shows the plan first",
    }
}

fn explanation_of_runs(action: RunsAction) -> &'static str {
    match action {
        RunsAction::Filter => "Runs: type a filter: words, field:word, figure>ms; ! before a word: not",
        RunsAction::SortLeft => "Runs: sort by the column to the left",
        RunsAction::SortRight => "Runs: sort by the column to the right",
        RunsAction::Invert => "Runs: reverse the order",
        RunsAction::Mark => "Runs: mark or unmark the run under the cursor",
        RunsAction::Compare => "Runs: compare the marked runs, or all listed ones",
        RunsAction::Group => "Runs: compare by run, by method, by method and direction",
        RunsAction::Reload => "Runs: read the records again",
        RunsAction::Replay => "Runs: play the run under the cursor again",
        RunsAction::Pause => "Replay: pause, go on; at the end, begin again",
        RunsAction::Faster => "Replay: faster; Left and Right go from phase to phase",
        RunsAction::Slower => "Replay: slower",
    }
}
