//! The other ways to move a running program, for comparison: each a room of its own, which knows no agent.

pub mod vm;
