//! What is not as it should be, for as long as it lasts: told in telemetry, and as an event when it begins and when it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;

use protocol::{Alarm, Failure, Level};

/// What an alarm is about. There is one alarm at most of each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::agent) enum Concern {
    /// A second host of the cluster has the radio's address.
    TwoOwners,
    /// A machine that is no host of the cluster has it; by its hardware address.
    ForeignHolder(String),
    /// The file with the radio's newest owner.
    OwnerFile,
    /// A peer tells an epoch that cannot be; by its name.
    AbsurdEpoch(String),
    /// Another program's UHD session on the radio.
    ForeignSession,
    /// The cable to the radio.
    RadioLink,
    /// The radio's network cannot be watched.
    RadioNetwork,
    /// The disk that takes small files.
    Disk,
    /// File descriptors.
    Descriptors,
    /// A pod cannot be moved on this machine.
    Rehearsal,
    /// The standby no longer follows by itself.
    Standby,
    /// The pool's store has no quorum, or cannot be reached.
    Store,
}

/// The alarms of a host.
#[derive(Debug, Default)]
pub(in crate::agent) struct Alarms(Mutex<BTreeMap<Concern, Alarm>>);

impl Alarms {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Concern, Alarm>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes it; whether it is news.
    pub(in crate::agent) fn raise(&self, concern: Concern, level: Level, failure: Failure) -> bool {
        let mut alarms = self.lock();
        let Failure { code, message: text, hint, .. } = failure;
        if alarms.get(&concern).is_some_and(|known| known.text == text) {
            return false;
        }
        let since = alarms.get(&concern).map_or_else(Utc::now, |known| known.since);
        alarms.insert(concern, Alarm { code, level, text, hint, since });
        true
    }

    /// It is over; whether there was one.
    pub(in crate::agent) fn clear(&self, concern: &Concern) -> bool {
        self.lock().remove(concern).is_some()
    }

    /// Those that last, the gravest first.
    pub(in crate::agent) fn all(&self) -> Vec<Alarm> {
        let mut alarms: Vec<Alarm> = self.lock().values().cloned().collect();
        alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.level));
        alarms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ErrorCode;

    #[test]
    fn an_alarm_is_news_once_and_keeps_its_beginning() {
        let alarms = Alarms::default();
        let failure = |text: &str| Failure::new(ErrorCode::Io, text);
        assert!(alarms.raise(Concern::Disk, Level::Warning, failure("it hangs for 2 s")));
        assert!(!alarms.raise(Concern::Disk, Level::Warning, failure("it hangs for 2 s")));
        let since = alarms.all()[0].since;
        assert!(alarms.raise(Concern::Disk, Level::Warning, failure("it hangs for 9 s")));
        alarms.raise(Concern::TwoOwners, Level::Error, failure("two"));
        let all = alarms.all();
        assert_eq!((all[0].text.as_str(), all[1].text.as_str(), all[1].since), ("two", "it hangs for 9 s", since));
        assert!(alarms.clear(&Concern::Disk) && !alarms.clear(&Concern::Disk));
    }
}
