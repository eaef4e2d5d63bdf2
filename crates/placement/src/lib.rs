//! Placement: which server serves which radio.
//!
//! [`plan`] is a pure function of a [`Pool`], a [`Goal`] and a [`Policy`] to a [`Plan`]. It does no I/O and knows no clock; the same input gives
//! the same plan. Whoever carries a plan out looks at the pool again after every wave, and plans anew when something is not as it was to be.
//!
//! How: places are looked for first, then the waves that lead there. A radio goes where there is room, else others make room, at most three in a
//! row, cheapest first. docs/placement.md describes it for operators, docs/decisions/0020 says why it is a search of its own.
//!
//! Quantities are whole thousandths of a core and of a Mbit/s, so that sums are exact.

mod amount;
mod assign;
mod check;
mod consolidate;
mod door;
mod explain;
mod goal;
mod headroom;
mod model;
mod plan;
mod planner;
mod pool;
mod reach;
mod rebalance;
mod refusal;
mod report;
mod schedule;
mod search;
mod spare;
mod state;
mod table;
mod wave;

#[cfg(test)]
mod tests;

pub use amount::{Amount, BadAmount, Cores, Rate};
pub use config::{Label, Strategy};
pub use goal::{Goal, Limits, OrderedMove, Policy};
pub use headroom::{no_headroom, unserved_without};
pub use model::{Preference, Preferred, Radio, Server};
pub use plan::{Change, Lacks, NoHeadroom, Obstacle, Plan, Reason, Unplaced, Wave};
pub use planner::plan;
pub use pool::Pool;
pub use refusal::Refusal;
pub use spare::spare;
