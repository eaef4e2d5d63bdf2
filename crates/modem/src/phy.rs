//! The physical layer: from payloads to samples and back. Nothing here knows of packets, sockets or states.

pub mod blocks;
pub mod broadcast;
pub mod cell;
pub mod channel;
pub mod code;
pub mod demodulate;
pub mod duplex;
pub mod gold;
pub mod history;
pub mod modulation;
pub mod numerology;
pub mod parameters;
pub mod search;
pub mod sync_signals;
pub mod transmit;
