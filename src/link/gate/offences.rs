//! Addresses from which strangers came just now. Their next connections are closed before anything is spent on them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Failed handshakes of an address that are borne at once.
const AT_ONCE: f64 = 20.0;
/// And each second.
const RATE: f64 = 10.0;
/// Least that is left, however many failed: connections that were accepted together fail together, and whoever is behind the same address
/// waits for one more failure's worth of time, not for that of all of them.
const LEAST: f64 = -1.0;
/// Addresses remembered.
const ADDRESSES: usize = 1024;

/// Failed handshakes by address.
#[derive(Debug, Default)]
pub(super) struct Offences(Mutex<HashMap<IpAddr, Offender>>);

#[derive(Debug)]
struct Offender {
    left: f64,
    at: Instant,
}

impl Offender {
    fn now(&self, now: Instant) -> f64 {
        (self.left + now.duration_since(self.at).as_secs_f64() * RATE).min(AT_ONCE)
    }
}

impl Offences {
    /// Notes a handshake that failed.
    pub(super) fn note(&self, address: IpAddr, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ADDRESSES && !known.contains_key(&address) {
            known.retain(|_, offender| offender.now(now) < AT_ONCE);
            if known.len() >= ADDRESSES {
                known.clear();
            }
        }
        let offender = known.entry(address).or_insert(Offender { left: AT_ONCE, at: now });
        *offender = Offender { left: (offender.now(now) - 1.0).max(LEAST), at: now };
    }

    /// Whether connections from there are closed for now.
    pub(super) fn too_many(&self, address: IpAddr, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&address).is_some_and(|offender| offender.now(now) < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_that_fails_often_is_closed_for_a_while() {
        let (offences, now) = (Offences::default(), Instant::now());
        let [one, other] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        for _ in 0..=AT_ONCE as usize {
            assert!(!offences.too_many(one, now));
            offences.note(one, now);
        }
        assert!(offences.too_many(one, now) && !offences.too_many(other, now));
        assert!(!offences.too_many(one, now + Duration::from_millis(200)));
        // However many failed at once.
        for _ in 0..10 * AT_ONCE as usize {
            offences.note(one, now);
        }
        assert!(offences.too_many(one, now) && !offences.too_many(one, now + Duration::from_millis(200)));
        for last in 0..5000_u32 {
            offences.note(IpAddr::from(last.to_be_bytes()), now);
        }
        assert!(offences.0.lock().unwrap().len() <= ADDRESSES);
    }
}
