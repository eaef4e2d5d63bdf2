//! Who else has the radio's address: ARP tells, for as long as the agent lives (RFC 5227, section 2.4), and whenever somebody asks.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Work;
use super::take_radio::Holders;
use crate::agent::host::alarms::Concern;
use crate::agent::host::arp::{ArpSocket, MacAddress, Probing, format_mac, parse_mac};
use crate::agent::host::arp_watch::{ArpNews, ArpWatch, Watched};
use crate::agent::host::descriptors::{out_of_descriptors, ran_out};
use protocol::{AddressHolder, ErrorCode, Failure, Level};

/// A holder that says nothing by itself is found by asking this often.
const ASK: Duration = Duration::from_secs(5);
/// One that has not been heard for so long, and was asked twice, has the address no longer.
const GONE: Duration = Duration::from_secs(12);
/// RFC 5227, section 2.4 (c): no more than one announcement in this time defends an address.
const DEFEND: Duration = Duration::from_secs(10);
/// Whoever speaks to the radio asks for it again about once a minute; one that has not for so long begins anew.
const KEEPS_ASKING: Duration = Duration::from_secs(300);
/// Before an interface that could not be listened on is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// What ARP has shown.
#[derive(Debug, Default)]
pub(super) struct RadioNetwork(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    holders: BTreeMap<MacAddress, Holder>,
    /// Hardware addresses of the other hosts, as their agents have told.
    hosts: BTreeMap<String, MacAddress>,
    defended: Option<Instant>,
    /// The machine that is no known host of the cluster and has last asked for the radio.
    asker: Option<RadioAsker>,
}

/// A machine that has asked the radio's network where the radio is, as everybody does who speaks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RadioAsker {
    pub(super) mac: MacAddress,
    /// The address that it has there; unspecified where it told none.
    pub(super) address: Ipv4Addr,
    pub(super) at: DateTime<Utc>,
    last: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    since: DateTime<Utc>,
    last: Instant,
}

impl RadioNetwork {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another host has told its hardware address.
    pub(super) fn remember(&self, host: &str, mac: Option<&str>) {
        if let Some(mac) = mac.and_then(parse_mac) {
            self.seen().hosts.insert(host.to_owned(), mac);
        }
    }

    /// The host of the cluster that has this hardware address.
    pub(super) fn host_of(&self, mac: MacAddress) -> Option<String> {
        self.seen().hosts.iter().find(|(_, known)| **known == mac).map(|(host, _)| host.clone())
    }

    fn note(&self, mac: MacAddress) {
        let now = Instant::now();
        self.seen().holders.entry(mac).or_insert(Holder { since: Utc::now(), last: now }).last = now;
    }

    /// Forgets those that have not been heard lately, or at all but these; returns the forgotten.
    fn forget(&self, stays: impl Fn(MacAddress, Instant) -> bool) -> Vec<MacAddress> {
        let mut gone = Vec::new();
        self.seen().holders.retain(|mac, holder| {
            let keep = stays(*mac, holder.last);
            if !keep {
                gone.push(*mac);
            }
            keep
        });
        gone
    }

    fn holders(&self) -> Vec<AddressHolder> {
        let seen = self.seen();
        let host = |mac| seen.hosts.iter().find(|(_, known)| **known == mac).map(|(host, _)| host.clone());
        let holders = seen.holders.iter();
        holders.map(|(mac, holder)| AddressHolder { mac: format_mac(*mac), host: host(*mac), since: holder.since }).collect()
    }

    /// A machine has asked for the radio; whether that is news, and not one of the questions with which it keeps its memory fresh.
    fn note_asker(&self, mac: MacAddress, address: Ipv4Addr) -> bool {
        let asker = RadioAsker { mac, address, at: Utc::now(), last: Instant::now() };
        let before = self.seen().asker.replace(asker);
        before.is_none_or(|before| before.mac != mac || before.last.elapsed() >= KEEPS_ASKING)
    }

    /// The machine that has last asked for the radio, if any has since this agent was started.
    pub(super) fn asker(&self) -> Option<RadioAsker> {
        self.seen().asker
    }

    /// Whether the address may be defended now; notes that it is.
    fn may_defend(&self) -> bool {
        let mut seen = self.seen();
        let may = seen.defended.is_none_or(|last| last.elapsed() >= DEFEND);
        if may {
            seen.defended = Some(Instant::now());
        }
        may
    }
}

impl Work {
    /// Who else has the radio's address, as far as ARP tells.
    pub(in crate::agent) fn address_holders(&self) -> Vec<AddressHolder> {
        self.radio_network.holders()
    }

    /// Watches until the agent ends. Without the right to do so, says that.
    pub(in crate::agent) async fn watch_radio_network(self: Arc<Self>) {
        loop {
            match self.open_watch().await {
                Ok(watch) => self.listen(&watch).await,
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                    let text = format!("{} cannot see who has the radio's address: {e}", self.host.name);
                    let failure =
                        Failure::new(ErrorCode::Environment, text).hint("the agent needs the right to ask: root, or CAP_NET_RAW");
                    return self.host.raise(Concern::RadioNetwork, Level::Warning, failure);
                }
                // The interface is missing: telemetry says so.
                Err(_) => {}
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                () = self.host.leaving.cancelled() => return,
            }
        }
    }

    async fn open_watch(&self) -> io::Result<ArpWatch> {
        let (index, own) = self.host.ports.hardware(self.radio_interface()).await.map_err(io::Error::other)?;
        let radio = self.radio_address().map_err(io::Error::other)?;
        ArpWatch::open(index, own, Watched { active: self.active_address().address(), radio })
    }

    /// Until the interface goes down.
    async fn listen(self: &Arc<Self>, watch: &ArpWatch) {
        let mut ticks = interval(ASK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = watch.next() => match heard {
                    Ok(ArpNews::Holds(mac)) => self.heard_holder(watch, mac).await,
                    Ok(ArpNews::AsksForRadio(mac, address)) => self.heard_asker(mac, address),
                    Err(_) => return,
                },
                _ = ticks.tick() => {
                    // A host within a cut has no time for questions.
                    if !self.host.priority.is_raised() {
                        // An interface that is down is found so by the next read.
                        let _ = watch.survey();
                    }
                    self.forget_holders(|_, last| last.elapsed() < GONE);
                }
                () = self.host.leaving.cancelled() => return,
            }
        }
    }

    async fn heard_holder(self: &Arc<Self>, watch: &ArpWatch, mac: MacAddress) {
        if self.is_own_pod(mac) {
            return;
        }
        self.radio_network.note(mac);
        match self.radio_network.host_of(mac) {
            Some(peer) => {
                if !self.meeting.load(Ordering::Relaxed) && self.has_radio().await {
                    tokio::spawn(Arc::clone(self).met_on_the_radios_network(peer));
                }
            }
            None => {
                self.report_foreign(mac);
                if self.has_active_address().await && self.radio_network.may_defend() {
                    // The service goes on, and whoever listens hears where the address belongs.
                    if self.pod.is_some() {
                        self.announce_pod().await;
                    } else {
                        let _ = watch.announce();
                    }
                }
            }
        }
    }

    /// At rest nothing else tells that somebody uses the radio.
    fn heard_asker(&self, mac: MacAddress, address: Ipv4Addr) {
        // Before the other agents were asked, each of them is a stranger.
        if !*self.introduction.borrow() || self.radio_network.host_of(mac).is_some() {
            return;
        }
        if self.radio_network.note_asker(mac, address) {
            let (port, host) = (&self.settings().radio_port, &self.host.name);
            let text = format!(
                "the machine {}, which is no known host of this cluster, asks for the radio on the network of {port} of {host}",
                described(mac, address)
            );
            self.host.event(Level::Warning, text);
        }
    }

    fn report_foreign(&self, mac: MacAddress) {
        // Before the other agents were asked, each of them is a stranger.
        if *self.introduction.borrow() {
            let failure = self.foreign_holder(mac);
            self.host.raise(Concern::ForeignHolder(format_mac(mac)), Level::Error, failure);
        }
    }

    fn foreign_holder(&self, mac: MacAddress) -> Failure {
        let (address, port) = (self.active_address().address(), &self.settings().radio_port);
        let text = format!(
            "a machine with the hardware address {}, which is no known host of this cluster, has {address} on the network of {port} of {}",
            format_mac(mac),
            self.host.name
        );
        Failure::new(ErrorCode::AddressConflict, text).hint(FIND_IT)
    }

    fn forget_holders(&self, stays: impl Fn(MacAddress, Instant) -> bool) {
        for mac in self.radio_network.forget(stays) {
            let mac = format_mac(mac);
            let text = format!("the machine with the hardware address {mac} has the radio's address no longer");
            self.host.clear(&Concern::ForeignHolder(mac), || text);
        }
    }

    /// Asks who has the radio's address now, and notes the answers as all there is.
    ///
    /// # Errors
    /// As [`Self::ask_radio_network`].
    pub(in crate::agent) async fn survey(&self) -> Result<(), Failure> {
        let holders = self.ask_radio_network(Probing::SURVEY).await?;
        self.forget_holders(|mac, _| holders.contains(&mac));
        Ok(())
    }

    /// The hardware addresses that stand against this host's having the radio's address.
    ///
    /// # Errors
    /// [`ErrorCode::Address`], [`ErrorCode::Environment`]: the network could not be asked.
    pub(super) async fn ask_radio_network(&self, probing: Probing) -> Result<Vec<MacAddress>, Failure> {
        let (port, host) = (self.settings().radio_port.clone(), &self.host.name);
        let (index, own) = self.host.ports.hardware(self.radio_interface()).await?;
        let address = self.active_address().address();
        let (answer, answered) = oneshot::channel();
        let reserve = Arc::clone(&self.host.descriptors);
        tokio::task::spawn_blocking(move || {
            let socket = reserve.lend(|| ArpSocket::open(index, own));
            // The answer is sent before the socket is closed, which waits for the kernel's RCU, some ms.
            let _ = answer.send(match &socket {
                Ok(socket) => socket.holders(address, probing),
                Err(e) => Err(io::Error::new(e.kind(), e.to_string())),
            });
        });
        let mut holders = answered.await.unwrap_or_else(|e| Err(io::Error::other(e))).map_err(|e| match ran_out(&e) {
            true => out_of_descriptors(host),
            false => Failure::new(
                ErrorCode::Environment,
                format!("{port} of {host} could not be asked whether another host has {address}: {e}"),
            )
            .hint("the interface must be up, and the agent needs the right to ask (root, or CAP_NET_RAW)"),
        })?;
        holders.retain(|mac| !self.is_own_pod(*mac));
        for mac in &holders {
            self.radio_network.note(*mac);
            if self.radio_network.host_of(*mac).is_none() {
                self.report_foreign(*mac);
            }
        }
        Ok(holders)
    }

    /// Refuses to take the radio's address while another machine has it, or is about to take it.
    ///
    /// # Errors
    /// [`ErrorCode::AddressConflict`], and those of [`Self::ask_radio_network`].
    pub(super) async fn require_address_free(&self, probing: Probing) -> Result<(), Failure> {
        let holders = self.ask_radio_network(probing).await?;
        // A host of the cluster first: what stands against it is the graver.
        let known = holders.iter().find_map(|mac| Some((*mac, self.radio_network.host_of(*mac)?)));
        let Some(mac) = known.as_ref().map(|(mac, _)| *mac).or_else(|| holders.first().copied()) else { return Ok(()) };
        let (port, host, address) = (&self.settings().radio_port, &self.host.name, self.active_address().address());
        let (who, hint) = match known {
            Some((_, peer)) => (
                format!("{peer}, with the hardware address {},", format_mac(mac)),
                format!("park {port} of {peer} (kill_usrp); by force the radio is taken all the same, and hears two masters"),
            ),
            None => (format!("the host with the hardware address {}", format_mac(mac)), FIND_IT.to_owned()),
        };
        let text = format!("{port} of {host} was not given {address}: {who} has it");
        Err(Failure::new(ErrorCode::AddressConflict, text).hint(hint))
    }

    /// Who the machines are that ARP has shown.
    pub(super) fn address_holders_are(&self) -> Holders {
        let all_hosts_known = {
            let seen = self.radio_network.seen();
            self.other_hosts().iter().all(|host| seen.hosts.contains_key(host))
        };
        Holders { foreign: self.holders_are_foreign(), all_hosts_known }
    }

    /// Whether no host of the cluster is among those that ARP has shown.
    pub(super) fn holders_are_foreign(&self) -> bool {
        let seen = self.radio_network.seen();
        !seen.holders.keys().any(|mac| seen.hosts.values().any(|host| host == mac))
    }
}

/// A machine as ARP shows it, e.g. `02:00:00:00:00:09 (192.168.10.7)`.
pub(super) fn described(mac: MacAddress, address: Ipv4Addr) -> String {
    let mac = format_mac(mac);
    if address.is_unspecified() { mac } else { format!("{mac} ({address})") }
}

/// What to do about a machine that no agent can be asked to park.
const FIND_IT: &str = "find it by its hardware address in the table of the radio's switch and take that address from it: often it is a laptop \
     that was set up for an N210 as UHD's manual says; by force the radio is taken all the same, and hears two masters";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn holders_are_named_and_forgotten() {
        let network = RadioNetwork::default();
        let (peer, foreign) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 9]);
        network.remember("two", Some("02:00:00:00:00:01"));
        network.remember("two", None);
        network.remember("two", Some("nonsense"));
        network.note(peer);
        network.note(foreign);
        let told: Vec<_> = network.holders().into_iter().map(|holder| (holder.mac, holder.host)).collect();
        assert_eq!(told, [("02:00:00:00:00:01".into(), Some("two".to_owned())), ("02:00:00:00:00:09".into(), None)]);
        tokio::time::advance(GONE).await;
        network.note(peer);
        assert_eq!(network.forget(|_, last| last.elapsed() < GONE), [foreign]);
        assert_eq!(network.holders().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_asking_for_the_radio_is_news_once() {
        let (network, laptop, other) = (RadioNetwork::default(), [2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 8]);
        let address = Ipv4Addr::new(192, 168, 10, 7);
        assert_eq!(network.asker(), None);
        assert!(network.note_asker(laptop, address) && !network.note_asker(laptop, address));
        for _ in 0..10 {
            tokio::time::advance(KEEPS_ASKING / 2).await;
            assert!(!network.note_asker(laptop, address));
        }
        assert!(network.note_asker(other, Ipv4Addr::UNSPECIFIED) && network.note_asker(laptop, address));
        tokio::time::advance(KEEPS_ASKING).await;
        assert!(network.note_asker(laptop, address));
        let asker = network.asker().unwrap();
        assert_eq!(described(asker.mac, asker.address), "02:00:00:00:00:09 (192.168.10.7)");
        assert_eq!(described(other, Ipv4Addr::UNSPECIFIED), "02:00:00:00:00:08");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_defended_once_in_ten_seconds() {
        let network = RadioNetwork::default();
        assert!(network.may_defend() && !network.may_defend());
        tokio::time::advance(DEFEND - Duration::from_millis(1)).await;
        assert!(!network.may_defend());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(network.may_defend() && !network.may_defend());
    }
}
