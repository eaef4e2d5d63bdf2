//! Ethernet as the device speaks it: ARP, IPv4, UDP and ICMP, the framer's table, and the port to a real interface.

pub mod arp;
mod doorbell;
mod filter;
pub mod frame;
pub mod framer;
mod kernel_socket;
mod offload;
pub mod outbox;
pub mod packet_socket;
mod raw_socket;
pub mod wire;
