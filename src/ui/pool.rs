//! The Pool page: every radio and every server at once, and what is done with them.
//!
//! Each radio has a model of its own, as if the console were about it alone. The one under the cursor is the one that the other screens show.

pub mod choices;
pub mod errands;
pub mod heads;
pub mod keys;
mod page;
pub mod planning;
pub mod radios;
pub mod rows;
pub mod spoken;

pub use page::{Ask, Choose, Dialog, Errand, Headroom, PoolPage, PoolSort, Running};
