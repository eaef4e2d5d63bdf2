//! What an agent has of its host: interfaces and addresses, ARP, load, scheduling priority, small files, the log and the other agents.

pub(super) mod address_socket;
pub(super) mod alarms;
pub(super) mod arp;
pub(super) mod arp_watch;
pub(super) mod descriptors;
pub(super) mod disk;
pub(super) mod disk_writer;
mod interfaces;
pub(super) mod link_watch;
pub(super) mod load;
pub(super) mod pod_network;
pub(super) mod ports;
pub(super) mod priority;
pub(super) mod radio_port;
mod recent;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::link::client::Client;
use crate::link::publisher::Publisher;
use alarms::{Alarms, Concern};
use config::{Config, Host};
use descriptors::DescriptorReserve;
use disk_writer::DiskWriter;
use ports::Ports;
use priority::Priority;
use protocol::{ErrorCode, Event, Failure, ImagePart, Level, OwnerReport, RecentEvents, TOPIC_EVENT, ask};
use recent::EventMemory;

/// A disk that takes longer for a small file is said to hang.
const DISK_HANGS: Duration = Duration::from_secs(2);
/// Between two looks at the disk and the descriptors.
const LOOK: Duration = Duration::from_millis(500);

/// The host, as its works see it.
#[derive(Debug)]
pub(super) struct HostHandle {
    pub(super) name: String,
    pub(super) config: Arc<Config>,
    pub(super) ports: Ports,
    /// Of this process, whatever radio it is raised for.
    pub(super) priority: Arc<Priority>,
    /// The agent is about to end: nothing is started any more.
    pub(super) leaving: CancellationToken,
    pub(super) alarms: Alarms,
    pub(super) descriptors: Arc<DescriptorReserve>,
    pub(super) disk: DiskWriter,
    changed: Notify,
    client: Client,
    /// Connections of their own: a question that is given up soon must not cost an order its connection.
    questions: Client,
    publisher: Publisher,
    recent: EventMemory,
}

fn log_line(level: Level, text: &str) {
    match level {
        Level::Info => tracing::info!("{text}"),
        Level::Warning => tracing::warn!("{text}"),
        Level::Error => tracing::error!("{text}"),
    }
}

impl HostHandle {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] without netlink, [`ErrorCode::Config`] for a host that the configuration does not name.
    pub(super) fn open(
        config: Arc<Config>,
        name: &str,
        client: Client,
        publisher: Publisher,
        priority: Arc<Priority>,
    ) -> Result<Self, Failure> {
        config.host(name)?;
        let questions = Client::of_host(Arc::clone(&config), name)?;
        Ok(Self {
            name: name.to_owned(),
            ports: Ports::open(name)?,
            priority,
            leaving: CancellationToken::new(),
            alarms: Alarms::default(),
            descriptors: Arc::new(DescriptorReserve::new()),
            disk: DiskWriter::new(),
            changed: Notify::new(),
            config,
            client,
            questions,
            publisher,
            recent: EventMemory::default(),
        })
    }

    /// This host's section of the configuration.
    pub(super) fn settings(&self) -> &Host {
        // `open` has looked it up, and the configuration does not change.
        &self.config.host[self.name.as_str()]
    }

    /// Publishes a line for the log.
    pub(super) fn event(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        log_line(level, &text);
        self.publish(level, text, None, false);
    }

    /// The same for whoever looks elsewhere: consoles ring.
    pub(super) fn alert(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        log_line(level, &text);
        self.publish(level, text, None, true);
    }

    /// Publishes the line that tells how a run ended: whoever ordered it has the same from its record.
    pub(super) fn end_of_run(&self, level: Level, text: impl Into<String>, run: &str) {
        let text = text.into();
        log_line(level, &text);
        self.publish(level, text, Some(run.to_owned()), false);
    }

    fn publish(&self, level: Level, text: String, run: Option<String>, alert: bool) {
        let (host, radio) = (self.name.clone(), self.config.radio_to_tell());
        let event = Event { at: Utc::now(), host, radio, level, text, run, alert };
        self.publisher.publish(TOPIC_EVENT, &event);
        self.recent.remember(event);
    }

    /// What was published of late, for a console that attaches.
    pub(super) fn recent_events(&self) -> RecentEvents {
        self.recent.newest()
    }

    /// Something changed that the console should see at once.
    pub(super) fn notify_change(&self) {
        self.changed.notify_one();
    }

    /// Waits for the next [`notify_change`](Self::notify_change).
    pub(super) async fn wait_for_change(&self) {
        self.changed.notified().await;
    }

    /// Tells another host who owns the radio; it has to release the radio then.
    ///
    /// # Errors
    /// The answer of that host; [`ErrorCode::StaleEpoch`] when it knows a newer owner.
    pub(super) async fn send_fence(&self, to: &str, epoch: u64, owner: &str, deadline: Duration) -> Result<(), Failure> {
        self.client.ask(to, ask::Fence { epoch, owner: owner.to_owned() }, deadline).await
    }

    /// Reads a part of an image of the other host's pod.
    ///
    /// # Errors
    /// The answer of that host.
    pub(super) async fn read_image(&self, of: &str, name: &str, from: u64, deadline: Duration) -> Result<ImagePart, Failure> {
        self.client.ask(of, ask::ReadImage { name: name.to_owned(), from }, deadline).await
    }

    /// Asks another agent who owns the radio.
    ///
    /// # Errors
    /// Those of asking.
    pub(super) async fn ask_owner(&self, of: &str, deadline: Duration) -> Result<OwnerReport, Failure> {
        self.questions.ask(of, ask::GetOwner {}, deadline).await
    }

    /// Something is not as it should be from now on; an event tells it once.
    pub(super) fn raise(&self, concern: Concern, level: Level, failure: Failure) {
        let text = failure.message.clone();
        if self.alarms.raise(concern, level, failure) {
            self.event(level, text);
            self.notify_change();
        }
    }

    /// It is over; the text tells so, if there was an alarm.
    pub(super) fn clear(&self, concern: &Concern, text: impl FnOnce() -> String) {
        if self.alarms.clear(concern) {
            self.event(Level::Info, text());
            self.notify_change();
        }
    }

    /// A file that a restarted agent reads.
    pub(super) fn state_file(&self, what: &str) -> PathBuf {
        self.config.state_folder().join(format!("{}.{what}.json", self.name))
    }

    /// Has such a file written. A full disk, or one that hangs, costs the memory over a restart and nothing else.
    pub(super) fn write_state(&self, what: &str, content: &impl serde::Serialize) {
        self.disk.store(self.state_file(what), content);
    }

    /// Waits until such files are written, for so long at most.
    pub(super) async fn flush_state(&self, within: Duration) {
        // A disk that hangs is an alarm of `watch_resources`.
        let _ = self.disk.flush(within).await;
    }

    /// Has such a file removed.
    pub(super) fn remove_state(&self, what: &str) {
        self.disk.remove(self.state_file(what));
    }

    /// Watches the disk and the descriptors until the agent ends.
    pub(super) async fn watch_resources(&self, limit: Option<u64>) {
        if let Some(limit) = limit.filter(|limit| *limit < descriptors::ENOUGH) {
            let text = format!("the agent of {} may open {limit} files only, and needs up to {}", self.name, descriptors::ENOUGH);
            let failure =
                Failure::new(ErrorCode::Environment, text).hint("raise the limit: LimitNOFILE in systemd, ulimit -n in a shell");
            self.raise(Concern::Descriptors, Level::Warning, failure);
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.leaving.cancelled() => return,
            }
            for text in self.disk.take_problems() {
                self.event(Level::Warning, format!("what a restart would need was not written: {text}; the service goes on"));
            }
            match self.disk.writing().filter(|(_, taken)| *taken > DISK_HANGS) {
                Some((file, _)) => {
                    let text = format!("the disk of {} hangs: {} is not written; the service goes on", self.name, file.display());
                    self.raise(
                        Concern::Disk,
                        Level::Warning,
                        Failure::new(ErrorCode::Io, text).hint("look at the disk and its mount"),
                    );
                }
                None => self.clear(&Concern::Disk, || format!("the disk of {} writes again", self.name)),
            }
            let _ = self.descriptors.refill();
        }
    }

    /// Reads such a file; `None` when there is none, or when it cannot be read, which is reported.
    pub(super) fn read_state<T: serde::de::DeserializeOwned>(&self, what: &str) -> Option<T> {
        disk::load(&self.state_file(what)).unwrap_or_else(|text| {
            self.event(Level::Warning, format!("what this agent wrote before its restart cannot be read: {text}"));
            None
        })
    }

    /// The failure of whatever is asked of an agent that ends.
    pub(super) fn leaving_failure(&self) -> Failure {
        Failure::new(ErrorCode::State, format!("the agent of {} is about to end", self.name)).hint("start it again")
    }
}
