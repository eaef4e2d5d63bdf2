//! Tests of whole plans.

mod exhaustive;
mod goals;
mod properties;
mod refused;
mod support;
mod time;
