//! How far the clocks of the hosts are off. Nothing that baton does depends on them; records and logs are read by them.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use protocol::{Failure, Finding, Grade};

/// Clocks further apart than this are worth a warning: NTP keeps them within some ms.
const WORTH_A_WARNING: TimeDelta = TimeDelta::seconds(1);

/// Each host's clock less this machine's, as far as they differ by more than could be the way's time.
pub(super) type Offsets = BTreeMap<String, TimeDelta>;

/// A host's answer, and how far its clock is off: the time that it tells, against the middle of question and answer on this machine's clock.
/// `at` is where the answer tells it.
pub(super) async fn measured<T>(
    asking: impl Future<Output = Result<T, Failure>>,
    at: impl Fn(&T) -> DateTime<Utc>,
) -> (Result<T, Failure>, Option<TimeDelta>) {
    let (sent, began) = (Utc::now(), Instant::now());
    let answer = asking.await;
    let offset = answer.as_ref().ok().and_then(|told| offset(at(told), sent, began.elapsed()));
    (answer, offset)
}

fn offset(told: DateTime<Utc>, sent: DateTime<Utc>, took: std::time::Duration) -> Option<TimeDelta> {
    let half = TimeDelta::from_std(took / 2).ok()?;
    let offset = told.signed_duration_since(sent).checked_sub(&half)?;
    (offset.abs() > WORTH_A_WARNING + half).then_some(offset)
}

/// As a sentence.
pub(super) fn sentence(host: &str, offset: TimeDelta) -> String {
    let direction = if offset > TimeDelta::zero() { "ahead of" } else { "behind" };
    format!("{host}'s clock is {:.1} s {direction} this machine's", offset.abs().num_milliseconds() as f64 / 1e3)
}

/// As warnings of `check`.
pub(super) fn findings(offsets: &Offsets) -> Vec<Finding> {
    let finding = |(host, offset): (&String, &TimeDelta)| {
        Finding::new(Grade::Warning, host, sentence(host, *offset))
            .hint("orders do not depend on it; logs and records do: set the clocks (NTP)")
    };
    offsets.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_that_is_off_is_named_with_amount_and_direction() {
        let sent = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let said = |seconds: f64, took: Duration| {
            let told = sent + TimeDelta::milliseconds((seconds * 1e3) as i64) + TimeDelta::from_std(took / 2).unwrap();
            offset(told, sent, took).map(|offset| sentence("server2", offset))
        };
        let soon = Duration::from_millis(4);
        assert_eq!(said(40.0, soon).unwrap(), "server2's clock is 40.0 s ahead of this machine's");
        assert_eq!(said(-630_720_000.0, soon).unwrap(), "server2's clock is 630720000.0 s behind this machine's");
        assert_eq!((said(0.9, soon), said(-0.9, soon), said(0.0, soon)), (None, None, None));
        // An answer that was long on its way tells less.
        assert_eq!(said(1.5, Duration::from_secs(2)), None);
        assert_eq!(findings(&Offsets::from([("server2".into(), TimeDelta::seconds(-2))])).len(), 1);
    }
}
