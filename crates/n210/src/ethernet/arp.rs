//! The firmware's ARP cache: eight entries, no ageing, replaced in turn.

use std::net::Ipv4Addr;

use super::frame::Mac;

const ENTRIES: usize = 8;

/// The cache.
#[derive(Debug, Default)]
pub struct ArpCache {
    entries: [Option<(Ipv4Addr, Mac)>; ENTRIES],
    next: usize,
}

impl ArpCache {
    /// Remembers where an address is, in its old entry or over the oldest.
    pub fn learn(&mut self, (ip, mac): (Ipv4Addr, Mac)) {
        if let Some(entry) = self.entries.iter_mut().flatten().find(|entry| entry.0 == ip) {
            entry.1 = mac;
            return;
        }
        self.entries[self.next] = Some((ip, mac));
        self.next = (self.next + 1) % ENTRIES;
    }

    /// Where the address is.
    pub fn find(&self, ip: Ipv4Addr) -> Option<Mac> {
        self.entries.iter().flatten().find(|entry| entry.0 == ip).map(|entry| entry.1)
    }
}
