//! What was found before an order, and what it would do.

use serde::{Deserialize, Serialize};

use super::{Method, Order, PhaseName};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// The order is possible; something will be worse than it could be.
    Warning,
    /// The order is refused.
    Blocker,
}

/// One precondition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub grade: Grade,
    /// What was looked at: a host's name, or `radio`, or `far end`.
    pub subject: String,
    /// What was found.
    pub sentence: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without a hint.
    pub fn new(grade: Grade, subject: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { grade, subject: subject.into(), sentence: sentence.into(), hint: None }
    }

    /// The same with what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Where an expected time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The median of this pair's own runs of the same method in the same direction.
    History,
    /// The paper's figure: there is no history. On the wire it keeps the name that 0.1.0 gave it.
    #[serde(rename = "source", alias = "paper")]
    Paper,
    /// There is neither.
    NoHistory,
}

/// An expected time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Milliseconds; `null` where nothing is known.
    pub ms: Option<f64>,
    /// Where it comes from.
    pub origin: Origin,
    /// Runs that the median is taken over.
    pub runs: usize,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Who is asked.
    pub host: String,
    /// For what: the command's name.
    pub command: String,
    /// Phases that its time counts under.
    pub phases: Vec<PhaseName>,
    /// The source stops here: nothing before it disturbs the service.
    pub cut: bool,
    /// Only in the relay scenario.
    pub relay_only: bool,
    /// After the service runs again; not part of the total.
    pub afterwards: bool,
}

/// A phase with its expected time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanPhase {
    /// Which.
    pub name: PhaseName,
    /// Its time.
    pub expected: Expected,
}

/// What an order would do, and how long that is expected to take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which order.
    pub order: Order,
    /// How.
    pub method: Method,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// The phases, in the order in which they are completed.
    pub phases: Vec<PlanPhase>,
    /// From the first step to sync.
    pub total: Expected,
    /// Interruption by phases.
    pub interruption: Expected,
    /// Why the work that runs now cannot be moved so: a program at work does not offer the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_offered: Option<String>,
    /// What becomes of the armed standby, and who follows afterwards; where there is one, or is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<String>,
}
