//! The machine against what QEMU 10.0 said on this machine.
