//! The pool as a whole, for the console and for scripts alike: what is seen of it, the plan for a goal, and the course of a plan.
//!
//! Pure: whoever uses it asks the agents, and tells it what they answered.

mod amounts;
mod course;
mod naming;
mod planning;
mod seen;

pub use course::{Asked, Course, Done, asked};
pub use naming::{between, other};
pub use planning::{no_headroom, plan, spare, unserved_without};
pub use seen::{Answer, Seen, SeenRadio};
