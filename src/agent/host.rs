//! What an agent has of its host: interfaces and addresses, ARP, load, scheduling priority, small files.

pub(super) mod arp;
pub(super) mod disk;
pub(super) mod load;
pub(super) mod ports;
pub(super) mod priority;
pub(super) mod radio_port;
