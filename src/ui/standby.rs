//! The armed standby as the screens show it, and the keys for it.

use super::model::Model;
use super::msg::{Effect, Purpose};
use super::ordering;
use super::service;
use super::text::trim;
use protocol::{Command, Level, StandbyState, StandbyStatus};

/// Processes are started, and come into sync, ms.
const ARM_DEADLINE_MS: u64 = 20_000;
/// A network without a heartbeat for so long is silent, ms: telemetry comes ten times a second.
pub const SILENT_MS: f64 = 200.0;

/// The server that follows the other one, or is to.
pub fn follower(model: &Model) -> Option<(&str, &StandbyStatus)> {
    model.pool().into_iter().find_map(|host| {
        let standby = model.telemetry(host).filter(|_| model.is_heard(host))?.standby.as_ref()?;
        Some((host, standby))
    })
}

/// Has the server that does not serve follow the other one.
pub fn arm(model: &mut Model) -> Vec<Effect> {
    let lang = model.skin.lang;
    let serves = service::verdict(model).and_then(|service| service.host);
    let host = serves.as_deref().and_then(|serves| model.pool().into_iter().find(|host| *host != serves)).map(str::to_owned);
    let (Some(host), Some(serves)) = (host, serves) else {
        model.say(Level::Warning, lang.tr("no server serves: there is nothing to follow").to_owned());
        return Vec::new();
    };
    model.say(Level::Info, lang.fill("{0} is to follow {1} as a standby", &[&host, &serves]));
    ordering::request(model, host, Command::Arm, ARM_DEADLINE_MS, Purpose::Standby { arms: true })
}

/// Has it follow no longer.
pub fn disarm(model: &mut Model) -> Vec<Effect> {
    let Some(host) = follower(model).map(|(host, _)| host.to_owned()) else {
        model.say(Level::Warning, model.skin.lang.tr("no server follows another one").to_owned());
        return Vec::new();
    };
    ordering::request(model, host, Command::Disarm, ARM_DEADLINE_MS, Purpose::Standby { arms: false })
}

/// What it does, in a few words, the longest first; and whether that is as it should be.
pub fn words(model: &Model, standby: &StandbyStatus) -> ([String; 2], bool) {
    let lang = model.skin.lang;
    let Some(follows) = standby.follows else {
        let short = lang.tr("not armed").to_owned();
        return match &standby.why_not {
            Some(why) => ([lang.fill("not armed: {0}", &[why]), short], false),
            None => ([lang.tr("not armed yet").to_owned(), short], false),
        };
    };
    match follows.state {
        StandbyState::Waiting => {
            let short = lang.tr("not armed").to_owned();
            let long = match (follows.radio_ms, follows.management_ms) {
                (None, None) => lang.fill("not armed: no heartbeat of {0} yet", &[&standby.of]),
                _ => lang.tr("not armed: it hears no samples of the radio").to_owned(),
            };
            ([long, short], false)
        }
        StandbyState::StoodDown => ([lang.fill("{0} has ended in order", &[&standby.of]), lang.tr("not armed").to_owned()], false),
        StandbyState::Armed | StandbyState::TookOver => {
            let silent = |ms: Option<f64>| ms.is_none_or(|ms| ms > SILENT_MS);
            let network = match (silent(follows.radio_ms), silent(follows.management_ms)) {
                (false, false) => None,
                (true, _) => Some("the radio's network brings no heartbeat"),
                (_, true) => Some("the management network brings no heartbeat"),
            };
            if let Some(network) = network {
                return ([lang.fill("armed; {0}", &[&lang.tr(network)]), lang.tr("armed, one network silent").to_owned()], false);
            }
            let behind = trim((follows.behind_ms.unwrap_or(0.0).max(0.0) * 10.0).round() / 10.0);
            let after = trim(standby.takeover_after_ms);
            let long = lang.fill("armed: follows {0}, {1} ms behind, takes over after {2} ms", &[&standby.of, &behind, &after]);
            ([long, lang.fill("armed: takes over after {0} ms", &[&after])], true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fleet::{Moment, at};
    use crate::ui::theme::ThemeName;
    use protocol::FollowStatus;

    #[test]
    fn the_row_says_what_it_does_and_whether_that_is_good() {
        let model = at(Moment::Before, ThemeName::Dark, false);
        let armed = FollowStatus {
            state: StandbyState::Armed,
            behind_ms: Some(0.43),
            radio_ms: Some(1.0),
            management_ms: Some(2.0),
            took_over: None,
        };
        let table = [
            (None, None, "not armed yet", false),
            (None, Some("no way"), "not armed: no way", false),
            (
                Some(FollowStatus { state: StandbyState::Waiting, ..armed }),
                None,
                "not armed: it hears no samples of the radio",
                false,
            ),
            (
                Some(FollowStatus { state: StandbyState::Waiting, radio_ms: None, management_ms: None, ..armed }),
                None,
                "not armed: no heartbeat of server1 yet",
                false,
            ),
            (Some(armed), None, "armed: follows server1, 0.4 ms behind, takes over after 20 ms", true),
            (
                Some(FollowStatus { behind_ms: Some(-0.4), ..armed }),
                None,
                "armed: follows server1, 0 ms behind, takes over after 20 ms",
                true,
            ),
            (Some(FollowStatus { radio_ms: Some(900.0), ..armed }), None, "armed; the radio's network brings no heartbeat", false),
            (Some(FollowStatus { management_ms: None, ..armed }), None, "armed; the management network brings no heartbeat", false),
        ];
        for (follows, why, words, good) in table {
            let standby = StandbyStatus { of: "server1".into(), follows, takeover_after_ms: 20.0, why_not: why.map(str::to_owned) };
            assert_eq!(super::words(&model, &standby), ([words.to_owned(), super::words(&model, &standby).0[1].clone()], good));
        }
    }
}
