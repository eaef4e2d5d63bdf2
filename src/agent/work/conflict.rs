//! Two hosts that have the radio at once: one rule says which of them gives way, and each applies it to itself.
//!
//! Agents ask one another who owns the radio ([`crate::agent::owners`]), so that a conflict ends as soon as both can be reached, whoever
//! knows less. Where the management network is down, the radio decides: the host that hears no samples gives way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Work;
use super::failures::all_of;
use super::ownership::{Owner, absurd_epoch};
use crate::agent::host::alarms::Concern;
use protocol::{ErrorCode, Failure, Level, MAX_EPOCH, OwnerReport};

/// Another agent that can be reached says at once who owns the radio.
pub(in crate::agent) const ASK: Duration = Duration::from_millis(400);
/// A change of another host under way is waited for so long, and then judged as it is.
const WAIT: Duration = Duration::from_secs(2);
/// A change under way here is waited for so long before eth3 is parked beside it.
const CHANGE: Duration = Duration::from_millis(200);
/// A radio that streams to this host sends hundreds of packets meanwhile.
const SAMPLES: Duration = Duration::from_millis(500);
/// A new agent hears from the others, if they can be reached.
const INTRODUCTION: Duration = Duration::from_secs(1);

/// What this host does when another one has told what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruling {
    /// Nothing.
    Keep,
    /// It remembers the newer owner.
    Learn,
    /// It has the radio alone: it becomes the owner under that epoch.
    Claim(u64),
    /// It parks eth3 and ends its work.
    GiveWay,
}

/// The rule: of two hosts that have the radio, the one whose name goes with the highest (epoch, name) that either knows keeps it. An owner
/// that says itself that it has not got the radio is none to give way to.
fn rule(host: &str, newest: &Owner, serves: bool, peer: &str, report: &OwnerReport) -> Ruling {
    let theirs = Owner::from(report);
    let learns = if theirs > *newest { Ruling::Learn } else { Ruling::Keep };
    let best = newest.max(&theirs);
    if !serves || best.owner == host {
        return learns;
    }
    match report.holds {
        true if best.owner == peer || peer > host => Ruling::GiveWay,
        false if best.owner == peer || best.epoch == 0 => Ruling::Claim(best.epoch.saturating_add(1)),
        _ => learns,
    }
}

impl Work {
    /// What this agent tells others.
    pub(in crate::agent) async fn owner_report(&self) -> OwnerReport {
        let Owner { epoch, owner } = self.ownership.newest();
        let port = self.read_radio_port().await.unwrap_or_default();
        let active = self.active_address().to_string();
        let changing = owner == self.host.name && self.changes.try_lock().is_err();
        // After a take-over it has the streams, and the address comes later.
        let took_over = self.state().serves_parked;
        let holds = port.addresses.contains(&active) || took_over;
        OwnerReport { epoch, owner, holds, changing, took_over, mac: port.mac, session: self.session() }
    }

    /// Whether this host has the radio, or would have it were its cable in place.
    pub(super) async fn has_radio(&self) -> bool {
        (self.usrp.is_linked() && self.state().frozen.is_none()) || self.has_active_address().await
    }

    pub(in crate::agent) async fn has_active_address(&self) -> bool {
        let active = self.active_address().to_string();
        self.read_radio_port().await.is_ok_and(|port| port.addresses.contains(&active))
    }

    /// Every other agent was asked once; those that have answered are named.
    pub(in crate::agent) fn introduced(&self, heard: &[String]) {
        let silent: Vec<String> = self.other_hosts().into_iter().filter(|peer| !heard.contains(peer)).collect();
        if !silent.is_empty() {
            let text = format!(
                "{} did not say who owns the radio: {} goes on with what it remembers (epoch {})",
                silent.join(" and "),
                self.host.name,
                self.ownership.newest().epoch
            );
            self.host.event(Level::Warning, text);
        }
        self.introduction.send_replace(true);
    }

    /// Waits until the other agents were asked, so that the first claim of this agent's life goes above all that they know.
    pub(super) async fn await_introduction(&self) {
        let mut introduction = self.introduction.subscribe();
        // When it takes longer the claim is made all the same: the rule settles what comes of it.
        let _ = timeout(INTRODUCTION, introduction.wait_for(|introduced| *introduced)).await;
    }

    /// Asks another agent now, and does what follows from its answer.
    pub(super) async fn compare_with(self: &Arc<Self>, peer: &str) {
        match self.host.ask_owner(peer, ASK).await {
            Ok(report) => self.heard_owner(peer, report).await,
            Err(failure) => self.host.event(Level::Warning, format!("{peer} did not say who owns the radio: {failure}")),
        }
    }

    /// Another agent has said who owns the radio.
    pub(in crate::agent) async fn heard_owner(self: &Arc<Self>, peer: &str, report: OwnerReport) {
        self.radio_network.remember(peer, report.mac.as_deref());
        self.heard_session(report.session.clone(), report.holds);
        let absurd = Concern::AbsurdEpoch(peer.to_owned());
        if report.epoch > MAX_EPOCH {
            let failure = absurd_epoch(report.epoch);
            let failure = Failure { message: format!("{peer} tells an owner of the radio: {failure}"), ..failure };
            return self.host.raise(absurd, Level::Error, failure);
        }
        self.host.clear(&absurd, || format!("{peer} tells a good epoch again"));
        let (newest, theirs) = (self.ownership.newest(), Owner::from(&report));
        self.mend_memory(peer, &newest, &theirs);
        let serves = self.has_radio().await;
        let ruling = match rule(&self.host.name, &newest, serves, peer, &report) {
            // What the other one is about to do may fail, and a service that runs is not ended for that.
            Ruling::GiveWay | Ruling::Claim(_) if report.changing && !self.has_waited_long() => Ruling::Learn,
            ruling => ruling,
        };
        if !report.changing {
            self.state().waiting_since = None;
        }
        // Whoever has taken over has no address yet, and a host that gives way may have none any more.
        let holds = report.holds && !report.took_over;
        let both = serves && holds && !report.changing && !self.state().serves_parked && self.has_active_address().await;
        if both {
            let keeps = if ruling == Ruling::GiveWay { peer } else { &self.host.name };
            let text = format!("{} and {peer} both have the radio's address: {keeps} keeps it", self.host.name);
            self.host.raise(Concern::TwoOwners, Level::Error, Failure::new(ErrorCode::AddressConflict, text));
        }
        match ruling {
            Ruling::Keep => {}
            // One that became known meanwhile is newer still.
            Ruling::Learn => drop(self.ownership.accept(theirs).map(|()| self.store_owner())),
            Ruling::Claim(epoch) => self.claim_alone(epoch, &theirs),
            // It is being told so, and does.
            Ruling::GiveWay if self.state().giving_way => {}
            Ruling::GiveWay => self.give_way_to(peer, newest.max(theirs), report.took_over).await,
        }
        if !both || ruling == Ruling::GiveWay {
            self.host
                .clear(&Concern::TwoOwners, || format!("{} and {peer} no longer both have the radio's address", self.host.name));
        }
    }

    /// Whether the change of another host, which is under way, has been waited for long enough; begins to wait.
    fn has_waited_long(&self) -> bool {
        let mut state = self.state();
        state.waiting_since.get_or_insert_with(Instant::now).elapsed() > WAIT
    }

    /// What this agent did not remember is said.
    fn mend_memory(&self, peer: &str, newest: &Owner, theirs: &Owner) {
        let name = &self.host.name;
        self.owner_file_is_good(|| format!("{name} has learnt from {peer} who owns the radio"));
        if theirs.owner == *name && theirs > newest {
            let text = format!(
                "{name} had forgotten that it took the radio under epoch {} (it knew {}): its file in {} was lost or is old; {peer} knew",
                theirs.epoch,
                newest.epoch,
                self.host.config.state_folder().display()
            );
            self.host.event(Level::Warning, text);
        }
    }

    /// This host alone has the radio, although another one became its owner.
    fn claim_alone(self: &Arc<Self>, epoch: u64, owner: &Owner) {
        // A change under way decides by itself.
        let Ok(_turn) = self.changes.try_lock() else { return };
        if self.state().frozen.is_some() || self.ownership.newest() > *owner || self.claim(epoch).is_err() {
            return;
        }
        let text = format!(
            "{} has the radio alone, though {} took epoch {}: it owns it now (epoch {epoch})",
            self.host.name, owner.owner, owner.epoch
        );
        self.host.event(Level::Warning, text);
        self.fence_others();
    }

    async fn give_way_to(&self, peer: &str, owner: Owner, took_over: bool) {
        // One that became known meanwhile is newer still.
        let _ = self.ownership.accept(owner);
        self.store_owner();
        let epoch = self.ownership.newest().epoch;
        if took_over {
            // That is what the standby is for.
            let text = format!("{peer} has taken over (epoch {epoch}): {} gives way", self.host.name);
            let giving_way = self.begin_to_give_way();
            self.leave(Level::Warning, text).await;
            return drop(giving_way);
        }
        self.leave_radio(&format!("{peer} keeps the radio (epoch {epoch})")).await;
    }

    /// Parks eth3 at once, then ends a work that is linked to the radio; `why` begins the sentence.
    pub(super) async fn leave_radio(&self, why: &str) {
        self.leave(Level::Error, format!("{why}: eth3 of {} is parked, and its work ended", self.host.name)).await;
    }

    async fn leave(&self, level: Level, text: String) {
        let before = self.ownership.newest();
        let turn = timeout(CHANGE, self.changes.lock()).await.ok();
        self.host.event(level, text);
        let parked = self.park_eth3().await;
        let _turn = match turn {
            Some(turn) => turn,
            None => self.changes.lock().await,
        };
        // An order may have brought the work back here meanwhile.
        let again = self.ownership.newest() > before && self.ownership.newest().owner == self.host.name;
        let ended = if self.usrp.is_linked() && !again {
            self.note_takeover();
            self.end_work().await
        } else {
            Ok(())
        };
        if let Err(failure) = all_of([parked, ended]) {
            self.host.event(Level::Error, format!("{} could not leave the radio: {failure}", self.host.name));
        }
    }

    /// ARP has shown another host of the cluster with the radio's address, while this one has the radio.
    pub(super) async fn met_on_the_radios_network(self: Arc<Self>, peer: String) {
        if self.meeting.swap(true, Ordering::Relaxed) {
            return;
        }
        match self.host.ask_owner(&peer, ASK).await {
            Ok(report) => self.heard_owner(&peer, report).await,
            Err(failure) => {
                let text =
                    format!("{} and {peer} both have the radio's address, and the agent of {peer} does not answer", self.host.name);
                let failure = Failure::new(ErrorCode::AddressConflict, format!("{text}: {failure}"));
                self.host.raise(
                    Concern::TwoOwners,
                    Level::Error,
                    failure.hint("the host that hears no samples of the radio gives way"),
                );
                if self.hears_samples().await == Some(false) && self.has_radio().await {
                    self.leave_radio(&format!("{peer} has the radio's address, and no samples come here")).await;
                }
            }
        }
        self.meeting.store(false, Ordering::Relaxed);
    }

    /// Whether the radio streams to this host; `None` of a program that does not tell.
    async fn hears_samples(&self) -> Option<bool> {
        let count = async || {
            self.usrp.poll().await;
            self.usrp.status().counters.map(|counters| counters.rx_samples)
        };
        let before = count().await?;
        sleep(SAMPLES).await;
        Some(count().await? != before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_that_have_the_radio_one_keeps_it_whatever_each_knows() {
        let owner = |epoch, owner: &str| Owner { epoch, owner: owner.into() };
        let hosts = ["one", "two"];
        for (knows_one, knows_two) in [
            (owner(8, "one"), owner(2, "two")),
            (owner(2, "one"), owner(8, "two")),
            (owner(2, "one"), owner(8, "one")),
            (owner(8, "two"), owner(8, "two")),
            (owner(6, "one"), owner(6, "two")),
            (owner(0, ""), owner(0, "")),
            (owner(0, ""), owner(3, "two")),
            (owner(5, "nine"), owner(5, "nine")),
        ] {
            let knows = [&knows_one, &knows_two];
            let report = |index: usize| OwnerReport {
                epoch: knows[index].epoch,
                owner: knows[index].owner.clone(),
                holds: true,
                ..OwnerReport::default()
            };
            let ruling = |index: usize| rule(hosts[index], knows[index], true, hosts[1 - index], &report(1 - index));
            let gives_way = [0, 1].map(|index| ruling(index) == Ruling::GiveWay);
            assert_eq!(gives_way.iter().filter(|gives| **gives).count(), 1, "{knows:?}: {gives_way:?}");
        }
    }

    #[test]
    fn an_owner_that_has_not_got_the_radio_is_none_to_give_way_to() {
        let newest = Owner { epoch: 7, owner: "one".into() };
        let told = |epoch, owner: &str, holds| OwnerReport { epoch, owner: owner.into(), holds, ..OwnerReport::default() };
        let ruling = |serves, report: &OwnerReport| rule("one", &newest, serves, "two", report);
        assert_eq!(ruling(true, &told(8, "two", false)), Ruling::Claim(9), "it took the radio and failed");
        assert_eq!(ruling(true, &told(8, "two", true)), Ruling::GiveWay);
        assert_eq!(ruling(false, &told(8, "two", true)), Ruling::Learn);
        assert_eq!(ruling(false, &told(8, "two", false)), Ruling::Learn);
        assert_eq!(ruling(true, &told(9, "one", true)), Ruling::Learn, "it forgot its own claim");
        assert_eq!(ruling(true, &told(3, "two", false)), Ruling::Keep);
        assert_eq!(ruling(false, &told(3, "two", true)), Ruling::Keep);
    }
}
