//! What a modem gives out, and to whom.

use workload::samples::Block;

/// State of synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// No samples arrive.
    NoSamples,
    /// Looking for the far end.
    Searching,
    /// Decoding, with a good CRC to prove it.
    Synced,
    /// Was in sync; nothing good has been decoded lately.
    Lost,
}

/// Where the modem's output goes.
pub trait Outlet {
    /// A burst to transmit.
    fn burst(&mut self, burst: &Block);
    /// An IP packet that was received.
    fn packet(&mut self, packet: &[u8]);
    /// The state of synchronisation changed.
    fn sync(&mut self, sync: Sync);
    /// Something is worth a line in the log.
    fn note(&mut self, text: &str);
}
