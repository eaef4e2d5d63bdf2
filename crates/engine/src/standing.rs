//! Whether this host may believe that another one is missing.

use std::time::Duration;

use tokio::time::Instant;

use crate::ownership::Absences;

/// What became of this host's own lease. After a lost quorum the leases of all are gone at once, or those of some and not of others; who is back
/// in time cannot be told from who is not, until each had the time of a lease to take a new one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    /// How long a lease lasts.
    lease: Duration,
    /// When the lease was taken or last renewed; none: it is not held.
    renewed: Option<Instant>,
    /// Since when it was renewed in time.
    sound_since: Option<Instant>,
}

impl Standing {
    /// The lease was taken.
    pub fn joined(&mut self, now: Instant, lease: Duration) {
        *self = Self { lease, renewed: Some(now), sound_since: Some(now) };
    }

    /// The lease was renewed. Where that came late, others' may have come too late.
    pub fn renewed(&mut self, now: Instant) {
        if self.renewed.is_none_or(|before| now.duration_since(before) > self.lease.mul_f64(LATE)) {
            self.sound_since = Some(now);
        }
        self.renewed = Some(now);
    }

    /// The lease was not there any more, or was given up.
    pub fn broken(&mut self) {
        (self.renewed, self.sound_since) = (None, None);
    }

    pub fn absences(&self, now: Instant) -> Absences {
        let (Some(renewed), Some(since)) = (self.renewed, self.sound_since) else { return Absences::Distrusted(self.lease) };
        if now.duration_since(renewed) > self.lease.mul_f64(LATE) {
            return Absences::Distrusted(self.lease);
        }
        match (since + self.lease).checked_duration_since(now) {
            Some(left) if !left.is_zero() => Absences::Distrusted(left),
            _ => Absences::Trusted,
        }
    }
}

/// A renewal is late after this part of the lease's time. Renewals come after each third of it.
const LATE: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(3);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    /// A host whose lease was renewed each second up to that moment.
    fn sound(start: Instant, until: u64) -> Standing {
        let mut standing = Standing::default();
        standing.joined(start, LEASE);
        (1..=until / 1000).for_each(|second| standing.renewed(at(start, second * 1000)));
        standing
    }

    #[test]
    fn who_has_just_joined_believes_no_absence() {
        let start = Instant::now();
        assert!(matches!(Standing::default().absences(start), Absences::Distrusted(_)));
        assert_eq!(sound(start, 2000).absences(at(start, 2500)), Absences::Distrusted(Duration::from_millis(500)));
        assert_eq!(sound(start, 3000).absences(at(start, 3000)), Absences::Trusted);
    }

    #[test]
    fn a_late_renewal_and_a_broken_lease_begin_anew() {
        let start = Instant::now();
        let mut standing = sound(start, 10_000);
        assert_eq!(standing.absences(at(start, 11_000)), Absences::Trusted);
        assert_eq!(standing.absences(at(start, 12_500)), Absences::Distrusted(LEASE), "no renewal");
        standing.renewed(at(start, 12_500));
        assert_eq!(standing.absences(at(start, 12_500)), Absences::Distrusted(LEASE), "a late one");
        (13..=16).for_each(|second| standing.renewed(at(start, second * 1000)));
        assert_eq!(standing.absences(at(start, 16_000)), Absences::Trusted);
        standing.broken();
        assert_eq!(standing.absences(at(start, 16_000)), Absences::Distrusted(LEASE));
        standing.renewed(at(start, 16_100));
        assert_eq!(standing.absences(at(start, 16_100)), Absences::Distrusted(LEASE));
    }
}
