//! What a move does to an armed standby, and who follows afterwards.

use super::Answers;
use crate::migration::setting::Setting;
use crate::migration::standing::is_standby;
use config::{Config, StandbyPolicy};
use protocol::{ErrorCode, Failure, Finding, FollowsNext, Grade, Method, OrderRequest, Telemetry};

const ALL_THE_SAME: &str = "--force moves the work all the same";

/// Whether the host that has the work leaves it in order, and may follow afterwards. After a failover it is dead, and whether the others' works
/// can be followed is their own affair.
fn leaves_a_follower(method: Method) -> bool {
    matches!(method, Method::Cold | Method::Classic | Method::Hot | Method::Seamless | Method::Criu | Method::Vm)
}

/// What a move does to the standby: nothing is said where none follows and none is to.
pub fn count_standby(request: &OrderRequest, config: &Config, answers: &Answers) -> Option<Finding> {
    if !request.order.is_migration() || !leaves_a_follower(request.method) {
        return None;
    }
    let setting = Setting::new(String::new(), chrono::Utc::now(), request, config);
    let said = |host: &str| answers.get(host)?.as_ref().ok();
    let (from, to) = (setting.from.as_str(), setting.to.as_str());
    let next = said(from)?.follows_next.as_ref()?;
    let ends = said(to).is_some_and(|status| is_standby(status) && status.standby.as_ref().is_some_and(|s| s.follows.is_some()));
    if !ends && setting.standby == StandbyPolicy::Manual {
        return None;
    }
    let found = |grade, text: String| Some(Finding::new(grade, to, text));
    let FollowsNext { why_not, hint } = next;
    let Some(why) = why_not else {
        return found(
            Grade::Ok,
            match ends {
                true => format!("{to} follows as a standby; the move ends it, and afterwards {from} follows"),
                false => format!("no standby follows now; after the move {from} follows"),
            },
        );
    };
    if setting.standby == StandbyPolicy::Armed {
        let failure = nobody_follows(from, to, ends, why, hint.as_deref());
        return Some(Finding { hint: failure.hint, ..Finding::new(Grade::Blocker, to, failure.message) });
    }
    let text = format!("{to} follows as a standby; the move ends it, and nobody follows afterwards");
    Some(Finding::new(Grade::Warning, to, text).hint(format!("`baton do arm` after the move has {from} follow")))
}

fn nobody_follows(from: &str, to: &str, ends: bool, why: &str, hint: Option<&str>) -> Failure {
    let text = match ends {
        true => format!("{to} follows as a standby; the move ends it, and nobody follows afterwards: {why}"),
        false => format!("nobody follows after the move, though policy = \"armed\": {why}"),
    };
    let hint = hint.map_or_else(|| format!("look at {from}"), str::to_owned);
    Failure::new(ErrorCode::State, text).hint(format!("{hint}; {ALL_THE_SAME}"))
}

/// Refuses a move after which nobody follows though somebody is to, by what the source says.
///
/// # Errors
/// [`ErrorCode::State`] with the source's reason.
pub fn require_follower(setting: &Setting, status: &Telemetry) -> Result<(), Failure> {
    let armed = setting.standby == StandbyPolicy::Armed && setting.request.order.is_migration();
    let next = status.follows_next.as_ref().filter(|_| armed && leaves_a_follower(setting.request.method));
    match next {
        Some(FollowsNext { why_not: Some(why), hint }) => {
            Err(nobody_follows(&setting.from, &setting.to, false, why, hint.as_deref()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::fleet::{Fleet, Host, config, telemetry_of};
    use crate::migration::{check, tests};
    use protocol::{FollowStatus, Order, Outcome, StandbyState, StandbyStatus};

    const WHY: &str = "3 take-overs within 5 minutes: server1 no longer follows by itself";

    fn next(why_not: Option<&str>) -> FollowsNext {
        FollowsNext { why_not: why_not.map(str::to_owned), hint: None }
    }

    /// What the hosts say: server1 serves, and server2 follows or not.
    fn answers(follows: bool, next: Option<FollowsNext>) -> Answers {
        let armed =
            FollowStatus { state: StandbyState::Armed, behind_ms: None, radio_ms: None, management_ms: None, took_over: None };
        let standby = StandbyStatus { of: "server1".into(), follows: Some(armed), takeover_after_ms: 20.0, why_not: None };
        let mut one = telemetry_of("server1");
        one.follows_next = next;
        let mut two = telemetry_of("server2");
        two.standby = follows.then_some(standby);
        [("server1".to_owned(), Ok(one)), ("server2".to_owned(), Ok(two))].into()
    }

    fn cluster(policy: StandbyPolicy) -> Config {
        let mut config = config(std::path::Path::new("/nowhere"), true);
        config.standby.policy = policy;
        config
    }

    fn said(policy: StandbyPolicy, method: Method, answers: &Answers) -> Option<(Grade, String)> {
        let found = count_standby(&OrderRequest::new(Order::M, method), &cluster(policy), answers);
        found.map(|finding| (finding.grade, finding.sentence))
    }

    #[test]
    fn a_move_tells_what_becomes_of_the_standby() {
        use StandbyPolicy::{Armed, Manual};
        let ends = |rest: &str| format!("server2 follows as a standby; the move ends it, and {rest}");
        let table = [
            (Manual, false, Some(next(None)), None),
            (Manual, true, Some(next(None)), Some((Grade::Ok, ends("afterwards server1 follows")))),
            (Manual, true, Some(next(Some(WHY))), Some((Grade::Warning, ends("nobody follows afterwards")))),
            (Armed, true, Some(next(None)), Some((Grade::Ok, ends("afterwards server1 follows")))),
            (Armed, false, Some(next(None)), Some((Grade::Ok, "no standby follows now; after the move server1 follows".into()))),
            (Armed, true, Some(next(Some(WHY))), Some((Grade::Blocker, ends(&format!("nobody follows afterwards: {WHY}"))))),
            (
                Armed,
                false,
                Some(next(Some(WHY))),
                Some((Grade::Blocker, format!("nobody follows after the move, though policy = \"armed\": {WHY}"))),
            ),
            // An agent of an earlier version does not tell.
            (Armed, true, None, None),
        ];
        for (policy, follows, next, expected) in table {
            let answers = answers(follows, next);
            assert_eq!(said(policy, Method::Hot, &answers), expected);
            // Whoever died leaves nobody anyhow.
            assert_eq!(said(policy, Method::Failover, &answers), None);
        }
        let all = check::findings(Some((Order::M, Method::Hot)), &cluster(Armed), &answers(true, Some(next(Some(WHY)))));
        let blocker = all.iter().find(|finding| finding.sentence.contains("nobody follows afterwards")).unwrap();
        assert!(check::blocked(&all) && blocker.hint.as_ref().unwrap().contains("--force"), "{all:#?}");
    }

    #[test]
    fn the_order_itself_is_refused_unless_forced() {
        for (policy, force, outcome) in [
            (StandbyPolicy::Armed, false, Outcome::RolledBack),
            (StandbyPolicy::Armed, true, Outcome::Ok),
            (StandbyPolicy::Manual, false, Outcome::Ok),
        ] {
            let source = Host { follows_next: Some(next(Some(WHY))), ..Host::serving() };
            let mut fleet = Fleet::new(source, Host::default());
            let request = OrderRequest { force, ..OrderRequest::new(Order::M, Method::Hot) };
            let record = tests::carry_out(&mut fleet, &request, &cluster(policy));
            assert_eq!(record.outcome, outcome, "{record:#?}");
            assert_eq!(fleet.changes().is_empty(), outcome != Outcome::Ok);
            let told =
                record.warnings.iter().any(|warning| warning.contains(WHY)) || record.reason.is_some_and(|r| r.contains(WHY));
            assert_eq!(told, policy == StandbyPolicy::Armed);
        }
    }
}
