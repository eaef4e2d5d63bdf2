//! Choosing runs by typed words.

use crate::metrics::measure::Measure;
use crate::metrics::table::outcome_of;
use protocol::{ErrorCode, Failure, PhaseName, RunRecord};

/// A typed filter: words, each of which a run has to meet.
///
/// - `word`: anywhere in the run's identity, order, method, hosts, orderer, outcome, reason or start;
/// - `field:word`: there, in one of [`Filter::FIELDS`];
/// - `figure>number`, `figure<number`: a phase, or one of the sums, in ms (lost: a count);
/// - `!` before any of them: not.
///
/// Letter case does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    terms: Vec<(bool, Term)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Anywhere(String),
    In(&'static str, String),
    Above(String, f64),
    Below(String, f64),
}

impl Filter {
    /// What may stand before a colon.
    pub const FIELDS: [&'static str; 9] = ["run", "order", "method", "from", "to", "by", "outcome", "reason", "started"];

    /// Reads a filter; an empty text admits every run.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] with the word that is not a filter, and what may be written.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let terms = text.split_whitespace().map(|typed| {
            let (not, typed) = typed.strip_prefix('!').map_or((false, typed), |rest| (true, rest));
            Ok((not, term(&typed.to_lowercase())?))
        });
        Ok(Self { terms: terms.collect::<Result<_, Failure>>()? })
    }

    /// Whether a run meets every word.
    pub fn admits(&self, run: &RunRecord) -> bool {
        self.terms.iter().all(|(not, term)| meets(run, term) != *not)
    }

    /// Whether it admits every run.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

fn term(typed: &str) -> Result<Term, Failure> {
    if let Some((name, number)) = typed.split_once(['>', '<']) {
        let known = Measure::named(name).is_some() || PhaseName::ALL.iter().any(|phase| phase.name() == name);
        let number: Option<f64> = number.parse().ok().filter(|n: &f64| n.is_finite());
        return match (known, number) {
            (true, Some(limit)) if typed.contains('>') => Ok(Term::Above(name.to_owned(), limit)),
            (true, Some(limit)) => Ok(Term::Below(name.to_owned(), limit)),
            (true, None) => Err(wrong(typed, "a number stands after < or >, in ms".into())),
            (false, _) => Err(wrong(typed, format!("figures are {}", figures().join(", ")))),
        };
    }
    // A time of day has colons too: only a known field makes one.
    match typed.split_once(':') {
        Some((name, text)) => match Filter::FIELDS.iter().find(|field| **field == name) {
            Some(field) => Ok(Term::In(field, text.to_owned())),
            None if name.chars().all(|c| c.is_ascii_alphabetic()) => {
                Err(wrong(typed, format!("fields are {}", Filter::FIELDS.join(", "))))
            }
            None => Ok(Term::Anywhere(typed.to_owned())),
        },
        None => Ok(Term::Anywhere(typed.to_owned())),
    }
}

fn figures() -> Vec<&'static str> {
    Measure::ALL.iter().map(|measure| measure.name).chain(PhaseName::ALL.iter().map(|phase| phase.name())).collect()
}

fn wrong(typed: &str, hint: String) -> Failure {
    Failure::new(ErrorCode::BadRequest, format!("\"{typed}\" is not a filter")).hint(hint)
}

fn meets(run: &RunRecord, term: &Term) -> bool {
    let figure = |name: &str| {
        let sum = Measure::named(name).and_then(|measure| (measure.figure)(run));
        sum.or_else(|| run.phases.iter().find(|phase| phase.name.name() == name).map(|phase| phase.ms))
    };
    match term {
        Term::Anywhere(text) => Filter::FIELDS.iter().any(|field| field_of(run, field).contains(text)),
        Term::In(field, text) => field_of(run, field).contains(text),
        Term::Above(name, limit) => figure(name).is_some_and(|value| value > *limit),
        Term::Below(name, limit) => figure(name).is_some_and(|value| value < *limit),
    }
}

/// A field in lower case.
fn field_of(run: &RunRecord, field: &str) -> String {
    let text = match field {
        "run" => run.run.clone(),
        "order" => run.order.to_string(),
        // Of no meaning where nothing moves.
        "method" if !run.order.is_migration() => String::new(),
        "method" if run.relay => format!("{} relay", run.method),
        "method" => run.method.to_string(),
        "from" => run.from.clone(),
        "to" => run.to.clone(),
        "by" => run.by.clone().unwrap_or_default(),
        "outcome" => outcome_of(run).into(),
        "reason" => run.reason.clone().unwrap_or_default(),
        _ => run.started.format("%Y-%m-%d %H:%M:%S").to_string(),
    };
    text.to_lowercase()
}
