//! The leader's work: what a lost server had is served elsewhere.
//!
//! A server is lost when its lease has ended and the grace is over, as seen by a host whose own lease held all the while. Its radio's far end has a veto:
//! where replies still come, the radio is served, whatever the management network says. The order itself is the operator's `failover`, with all of its
//! checks and fences, carried out by the agent of the destination.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::{Lead, Leadership, Ownership, WorkState};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::attempts::Attempts;
use super::order;
use super::successor::{status_of, successor};
use crate::agent::radios::Radios;
use crate::agent::store::Store;
use crate::link::client::Client;
use config::{Config, HostName, RadioName, RadioViews};
use protocol::{ErrorCode, Failure, Level, Method, Order, OrderRequest, ProbeStatus, RunRecord};

/// Between two looks at who is there.
const LOOK: Duration = Duration::from_millis(250);
/// Before the lead is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// Replies that are this old are no longer a sign of service; slow probes are given this many intervals.
const REPLY_IS_OLD: Duration = Duration::from_secs(1);
const INTERVALS: f64 = 5.0;
/// Those of a radio, by this host.
type SharedAttempts = Arc<Mutex<Attempts>>;

/// Leads whenever no other host does.
pub(super) async fn run(store: Arc<Store>, cluster: Arc<RadioViews>, radios: Radios) {
    let mut attempts: BTreeMap<RadioName, SharedAttempts> = BTreeMap::new();
    loop {
        if let Ok(Lead::Won(leadership)) = store.owners.lead().await {
            tracing::info!("{} leads the pool", store.host);
            lead(&store, &cluster, &radios, &leadership, &mut attempts).await;
            tracing::info!("{} no longer leads the pool", store.host);
        }
        sleep(AGAIN).await;
    }
}

async fn lead(
    store: &Arc<Store>,
    cluster: &Arc<RadioViews>,
    radios: &Radios,
    leadership: &Leadership,
    attempts: &mut BTreeMap<RadioName, SharedAttempts>,
) {
    let mut attended: BTreeMap<RadioName, JoinHandle<()>> = BTreeMap::new();
    while leadership.is_held() {
        attended.retain(|_, task| !task.is_finished());
        for (radio, view) in cluster.radios() {
            if attended.contains_key(radio) {
                continue;
            }
            let Some(owner) = missing_owner(store, radio) else { continue };
            let Ok(client) = Client::of_host(Arc::new(view.clone()), &store.host) else { continue };
            let lost = LostWork {
                store: Arc::clone(store),
                radios: radios.clone(),
                radio: radio.clone(),
                view: view.clone(),
                owner,
                client,
                attempts: Arc::clone(attempts.entry(radio.clone()).or_default()),
            };
            attended.insert(radio.clone(), tokio::spawn(lost.attend()));
        }
        sleep(LOOK).await;
    }
}

/// The owner that is to serve the radio, where it is no member.
fn missing_owner(store: &Store, radio: &RadioName) -> Option<Ownership> {
    let seen = store.seen.borrow();
    let known = seen.read && seen.lost.is_none() && seen.view.leader.as_ref() == Some(&store.host);
    let owner = seen.view.owners.get(radio).filter(|owner| owner.state == WorkState::Serving)?;
    (known && !seen.view.members.contains(&owner.host)).then(|| owner.clone())
}

/// A radio whose owner is missing.
struct LostWork {
    store: Arc<Store>,
    radios: Radios,
    radio: RadioName,
    view: Config,
    owner: Ownership,
    client: Client,
    attempts: SharedAttempts,
}

/// What the far end has heard.
#[derive(Debug, Default)]
struct FarEnd {
    received: Option<u64>,
    /// When it last answered.
    asked: Option<Instant>,
    /// When replies last came, as far as was seen, and how old they may be.
    replied: Option<(Instant, Duration)>,
    /// Since when none has come, and how long that has to last.
    silent_since: Option<(Instant, Duration)>,
}

impl FarEnd {
    fn note(&mut self, probe: &ProbeStatus, now: Instant) {
        let intervals = Duration::try_from_secs_f64(probe.interval_ms * INTERVALS / 1e3).unwrap_or_default();
        let old = REPLY_IS_OLD.max(intervals);
        match self.received {
            Some(before) if probe.received == before => self.silent_since = self.silent_since.or(Some((now, old))),
            Some(before) if probe.received > before => (self.replied, self.silent_since) = (Some((now, old)), None),
            // The first look, or an agent that was started again.
            _ => self.silent_since = None,
        }
        (self.received, self.asked) = (Some(probe.received), Some(now));
    }

    /// It answers, and has had no reply for long enough.
    fn says_it_hears_nothing(&self, now: Instant) -> bool {
        let long = |(since, old): (Instant, Duration)| now.duration_since(since) >= old;
        self.asked.is_some_and(|asked| now.duration_since(asked) < REPLY_IS_OLD) && self.silent_since.is_some_and(long)
    }

    fn hears(&self, now: Instant) -> bool {
        self.replied.is_some_and(|(at, old)| now.duration_since(at) < old)
    }
}

impl LostWork {
    /// Until the owner is there again, or the radio has another one, or another host leads.
    async fn attend(self) {
        let (since, mut far_end, mut said, mut failed) = (Instant::now(), FarEnd::default(), None, BTreeSet::new());
        // Under the same epoch it is the same owner, whatever was reserved meanwhile.
        while missing_owner(&self.store, &self.radio).is_some_and(|owner| owner.epoch == self.owner.epoch) {
            if let Some(name) = &self.view.roles.far_end
                && let Some(probe) = status_of(&self.client, name).await.and_then(|status| status.probe)
            {
                far_end.note(&probe, Instant::now());
            }
            if since.elapsed() >= self.store.settings.grace && self.has_paused().await && self.is_gone().await {
                match self.try_elsewhere(&far_end, &mut failed).await {
                    Ok(record) => return self.say(Level::Warning, served_elsewhere(&record)),
                    Err(why) if said.as_ref() != Some(&why.message) => {
                        let level = if far_end.hears(Instant::now()) { Level::Warning } else { Level::Error };
                        self.say(level, why.to_string());
                        said = Some(why.message);
                    }
                    Err(_) => {}
                }
            }
            sleep(LOOK).await;
        }
    }

    /// The attempt before is long enough ago.
    async fn has_paused(&self) -> bool {
        self.attempts.lock().await.has_paused()
    }

    async fn is_gone(&self) -> bool {
        self.store.owners.members().await.is_ok_and(|members| members.is_gone(&self.owner.host))
    }

    async fn try_elsewhere(&self, far_end: &FarEnd, failed: &mut BTreeSet<HostName>) -> Result<RunRecord, Failure> {
        let (lost, radio) = (&self.owner.host, &self.radio);
        if far_end.hears(Instant::now()) {
            let text = format!("{lost} is missing, and {radio} is served: its far end gets replies. Nothing is moved");
            return Err(
                Failure::new(ErrorCode::State, text).hint(format!("look at the management network and the agent of {lost}"))
            );
        }
        let mut attempts = self.attempts.lock().await;
        attempts.admit(radio)?;
        let to = successor(&self.store, &self.view, &self.client, lost, failed).await?;
        attempts.note();
        self.say(Level::Warning, format!("{lost} is lost: {radio} is failed over to {to}"));
        let outcome = self.order(&to, far_end).await;
        if outcome.is_err() {
            failed.insert(to);
        }
        outcome
    }

    /// The radio itself takes its samples from whoever had them (docs/decisions/0018), so a lost server that still answers ARP is no hindrance where it is
    /// certain that it does not serve: its far end is heard, and hears nothing. One that has a `fence_command` is off first, or is not taken over from.
    fn takes_by_force(&self, far_end: &FarEnd) -> bool {
        let fenced = self.view.host(&self.owner.host).is_ok_and(|host| host.fence_command.is_some());
        !fenced && far_end.says_it_hears_nothing(Instant::now())
    }

    async fn order(&self, to: &HostName, far_end: &FarEnd) -> Result<RunRecord, Failure> {
        let request = OrderRequest {
            force: self.takes_by_force(far_end),
            by: Some(format!("the pool's leader on {}", self.store.host)),
            between: Some([self.owner.host.to_string(), to.to_string()]),
            ..OrderRequest::new(Order::M, Method::Failover)
        };
        order::carry_out(&self.client, to, request).await
    }

    /// To the consoles of the radio, where this host has a part in it, else to those of another.
    fn say(&self, level: Level, text: String) {
        let own = self.radios.agent(Some(&self.radio)).ok().or_else(|| self.radios.all().next());
        if let Some(agent) = own {
            agent.host.alert(level, text);
        }
    }
}

fn served_elsewhere(record: &RunRecord) -> String {
    let radio = record.radio.as_deref().unwrap_or("the radio");
    format!("{radio} is served by {} (failover from {}, {:.1} s)", record.to, record.from, record.total_ms / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_far_end_that_gets_replies_has_a_veto_until_they_are_old() {
        let mut far_end = FarEnd::default();
        let start = Instant::now();
        let note = |far_end: &mut FarEnd, received: u64, at: u64| {
            let probe = ProbeStatus {
                target: "192.168.40.9".to_owned(),
                interval_ms: 100.0,
                sent: received,
                before_service: 0,
                received,
                lost: 0,
                rtt_ms: None,
                recent: Vec::new(),
                spans: Vec::new(),
            };
            far_end.note(&probe, start + Duration::from_millis(at));
        };
        note(&mut far_end, 10, 0);
        assert!(!far_end.hears(start), "one look tells nothing");
        note(&mut far_end, 12, 250);
        let hears = |far_end: &FarEnd, at: u64| far_end.hears(start + Duration::from_millis(at));
        assert!(hears(&far_end, 260) && hears(&far_end, 1200));
        note(&mut far_end, 12, 1000);
        assert!(!hears(&far_end, 1300), "they come no more");
        let silent = |far_end: &FarEnd, at: u64| far_end.says_it_hears_nothing(start + Duration::from_millis(at));
        assert!(!silent(&far_end, 1900), "not for long enough");
        note(&mut far_end, 12, 1300);
        assert!(silent(&far_end, 2100));
        assert!(!silent(&far_end, 2500), "it was not asked of late");
        // An agent of the far end that was started again counts anew.
        note(&mut far_end, 1, 1400);
        assert!(!hears(&far_end, 1400) && !silent(&far_end, 2200));
        note(&mut far_end, 2, 1600);
        assert!(hears(&far_end, 1700));
    }
}
