//! How orders end, in the log: once each, whoever says it first, and not as an error where nothing was begun.

use super::model::Model;
use super::text::ms;
use protocol::{Answer, ErrorCode, Event, Failure, Level, Order, Outcome, RunRecord};

/// Runs whose end is remembered as said: far more than end while their events are on the way.
const REMEMBERED: usize = 64;

/// The log's line for an order that was answered; the agent's own line for the same run gives way to it.
pub fn of_record(model: &mut Model, order: Order, host: &str, answer: Answer) {
    let Ok(record) = answer.into_result::<RunRecord>() else {
        let text = "{0} answered {1}, but not with a record this console can read";
        model.tell(Level::Warning, model.skin.lang.fill(text, &[&host, &order]));
        return;
    };
    remember(model, &record.run);
    settle(model, host, &record);
    model.log.retain(|event| event.run.as_deref() != Some(record.run.as_str()));
    for warning in &record.warnings {
        model.tell(Level::Warning, format!("{order}: {}", model.skin.lang.said(warning)));
    }
    let lang = model.skin.lang;
    let reason = record.reason.as_deref().unwrap_or(lang.tr("no reason given"));
    let said = |text: &str| lang.said(text);
    let hint = record.failure.as_ref().and_then(|f| f.hint.as_deref());
    match record.outcome {
        Outcome::Ok => {
            let felt = record.interruption.by_phases_ms.filter(|_| order.is_migration());
            let felt = felt.map_or_else(String::new, |v| lang.fill(", service interrupted for {0} ms by phases", &[&ms(v)]));
            model.tell(Level::Info, lang.fill("{0} done by {1} in {2} ms", &[&order, &host, &ms(record.total_ms)]) + &felt);
        }
        _ if !record.began() && record.outcome != Outcome::Cancelled => {
            // The engine's reason begins with the same words.
            let why = reason.strip_prefix(&format!("{order} was not begun: ")).unwrap_or(reason);
            model.tell(Level::Warning, lang.fill("{0} refused: {1}", &[&order, &said(why)]));
        }
        Outcome::Failed => model.tell(Level::Error, lang.fill("{0} failed: {1}", &[&order, &said(reason)])),
        Outcome::RolledBack => model.tell(Level::Error, lang.fill("{0} rolled back: {1}", &[&order, &said(reason)])),
        Outcome::Cancelled => {
            let why = reason.strip_prefix(&format!("{order}: ")).unwrap_or(reason);
            model.tell(Level::Info, lang.fill("{0} cancelled: {1}", &[&order, &said(why)]));
        }
    }
    if let Some(hint) = hint.filter(|_| record.outcome != Outcome::Ok) {
        model.tell(Level::Info, lang.fill("what to do: {0}", &[&said(hint)]));
    }
}

/// An order that has not left a record: refused where the host says that it was not begun.
pub fn of_failure(model: &mut Model, order: Order, failure: &Failure) {
    let lang = model.skin.lang;
    let refused = matches!(
        failure.code,
        ErrorCode::State | ErrorCode::Busy | ErrorCode::AddressConflict | ErrorCode::OverBudget | ErrorCode::Cancelled
    );
    match refused {
        true => say_failure(model, Level::Warning, &lang.fill("{0} refused", &[&order]), failure),
        false => say_failure(model, Level::Error, &lang.fill("{0} failed", &[&order]), failure),
    }
}

/// A failure as the log has it, and what to do.
pub fn say_failure(model: &mut Model, level: Level, what: &str, failure: &Failure) {
    let lang = model.skin.lang;
    model.tell(level, lang.fill("{0}: {1}", &[&what, &lang.said(&failure.message)]));
    if let Some(hint) = &failure.hint {
        model.tell(Level::Info, lang.fill("what to do: {0}", &[&lang.said(hint)]));
    }
}

/// Whether an agent's line says how a run ended that this console has said already.
pub fn is_said(model: &Model, event: &Event) -> bool {
    event.run.as_ref().is_some_and(|run| model.said.contains(run))
}

/// The order is over, whatever the host's last snapshot says: the next one need not wait for the next snapshot.
fn settle(model: &mut Model, host: &str, record: &RunRecord) {
    let Some(view) = model.hosts.get_mut(host) else { return };
    let migration = view.telemetry.as_deref_mut().and_then(|telemetry| telemetry.migration.as_mut());
    let Some(progress) = migration.filter(|progress| progress.run == record.run && !progress.finished) else {
        return;
    };
    (progress.finished, progress.record) = (true, Some(record.clone()));
    view.overtaken = true;
    model.latest.hear(host, progress);
}

fn remember(model: &mut Model, run: &str) {
    if model.said.len() >= REMEMBERED {
        model.said.pop_front();
    }
    model.said.push_back(run.to_owned());
}
