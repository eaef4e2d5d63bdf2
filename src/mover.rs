//! What moves the work from outside, for comparison: it knows processes, namespaces and images, and neither agents nor flows.
//!
//! - [`pod`] keeps the work's processes so that they can be dumped: a network of their own, one process above them all, nothing from outside.
//! - [`criu`] dumps a pod into images and restores it from them.
//! - [`vm`] has QEMU run a guest and move it.
//! - [`confine`] is what a program of the workload gets of whoever starts it.

pub mod confine;
pub mod criu;
pub mod pod;
pub mod vm;
