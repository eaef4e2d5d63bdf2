//! Moving a pod: frozen as in hot, dumped at the source, fetched and restored at the destination.
//!
//! Until the destination has plugged its pod in, the source's can go on: SIGCONT, then the contract's `resume`. That is kept apart in time as
//! with `take_over` (decision 0013): the source does so by itself after [`POD_LEASE`], the destination plugs in before its deadline or
//! not at all, and what is restored gives nothing out before that.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tokio::time::Instant;

use super::super::Work;
use super::super::failures::joined;
use super::super::freeze::{AFTER_CUT, BEFORE_CUT};
use super::super::trace::{Trace, elapsed_ms};
use super::{INSIDE, OUTSIDE, Pod, PodNetwork};
use crate::migration::flow::POD_LEASE;
use crate::mover::criu::{self, Criu};
use protocol::{CopiedImages, Deadline, DumpedPod, ErrorCode, Failure, Frozen, ImageFile, ImagePart, Linked, RestoredPod};

/// Bytes of an image in one answer: in base64 it stays below the largest frame.
const PART: usize = 128 << 10;
/// Parts that are asked for at once: the other agent reads one while this one writes another.
const AT_ONCE: usize = 4;
/// A part comes at once.
const FETCH: Duration = Duration::from_secs(2);
/// More than any dump of two processes: whoever names more wants to fill the disk.
const MOST: u64 = 256 << 20;

impl Work {
    fn the_pod(&self) -> Result<&Pod, Failure> {
        self.pod.as_ref().ok_or_else(|| {
            let text = format!("the work of {} is not in a pod", self.host.name);
            Failure::new(ErrorCode::State, text)
                .hint("form = \"pod\" in the configuration's section workload, or baton lab --form pod")
        })
    }

    /// Makes the holder of a pod that is to be restored, and has everything ready for its network.
    ///
    /// # Errors
    /// [`ErrorCode::State`] while processes run here, [`ErrorCode::Environment`] without CRIU or the rights that it needs.
    pub(in crate::agent) async fn prepare_pod(&self) -> Result<(), Failure> {
        let pod = self.the_pod()?;
        self.require_rehearsal().await?;
        if self.d2d.is_running() || self.usrp.is_running() {
            return Err(
                Failure::new(ErrorCode::State, format!("processes run on {}", self.host.name)).hint("double_kill ends them")
            );
        }
        self.pod_mac(pod).await?;
        pod.end();
        self.host.ports.take_cable().await?;
        pod.hold(None).await.map(drop)
    }

    /// Freezes both processes, plugs the pod's cable out and leaves the processes alone; after a failure they go on as before.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] when a process cannot be frozen, [`ErrorCode::Address`] for the cable.
    pub(in crate::agent) async fn freeze_pod(self: &Arc<Self>) -> Result<Frozen, Failure> {
        self.the_pod()?;
        self.require_rehearsal().await?;
        self.host.priority.raise_for(BEFORE_CUT);
        match self.freeze_and_part().await {
            Ok(frozen) => {
                self.begin_lease(POD_LEASE);
                Ok(frozen)
            }
            Err(failure) => {
                self.host.priority.raise_for(AFTER_CUT);
                Err(joined(failure, self.resume(None).await))
            }
        }
    }

    async fn freeze_and_part(&self) -> Result<Frozen, Failure> {
        let mut frozen = self.freeze_both().await?;
        let mut trace = Trace::on_host(&self.host.name);
        trace.time("leave the processes alone", async { tokio::try_join!(self.d2d.part(), self.usrp.part()) }).await?;
        frozen.trace.append(&mut trace.parts);
        // What they know stays in their memory.
        Ok(Frozen { state: Value::Null, mark: Value::Null, ..frozen })
    }

    /// Dumps the frozen pod; its processes are stopped then.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when nothing is frozen, [`ErrorCode::Environment`] with CRIU's reason.
    pub(in crate::agent) async fn dump_pod(&self) -> Result<DumpedPod, Failure> {
        let pod = self.the_pod()?;
        let frozen = self.state().frozen.is_some();
        let holder = pod.state().holder.filter(|holder| frozen && holder.runs()).and_then(|holder| i32::try_from(holder.pid).ok());
        let Some(holder) = holder else {
            return Err(Failure::new(ErrorCode::State, format!("the pod of {} is not frozen", self.host.name))
                .hint("freeze_pod comes first"));
        };
        let dumped = Criu::find()?.dump(holder, &pod.images).await?;
        pod.state().dumped = true;
        carry_words(&pod.folder, &pod.images)?;
        let ms = |us: u64| us as f64 / 1e3;
        Ok(DumpedPod {
            images: criu::size_of_images(&pod.images)?,
            frozen_ms: dumped.frozen_us.map(ms),
            pages_written: dumped.pages_written,
        })
    }

    /// A part of an image of the last dump.
    ///
    /// # Errors
    /// [`ErrorCode::State`] without a pod, [`ErrorCode::BadRequest`] for no image, [`ErrorCode::Io`].
    pub(in crate::agent) fn read_image(&self, name: &str, from: u64) -> Result<ImagePart, Failure> {
        let bytes = criu::read_part(&self.the_pod()?.images, name, from, PART)?;
        Ok(ImagePart { data: STANDARD.encode(bytes) })
    }

    /// Fetches the images of a dump from the host that has made it.
    ///
    /// # Errors
    /// Those of asking and of writing; [`ErrorCode::BadRequest`] for more than a pod's images are.
    pub(in crate::agent) async fn copy_images(&self, of: &str, images: &[ImageFile]) -> Result<CopiedImages, Failure> {
        let pod = self.the_pod()?;
        let all = images.iter().fold(0_u64, |sum, image| sum.saturating_add(image.bytes));
        if all > MOST {
            return Err(Failure::new(ErrorCode::BadRequest, format!("images of {all} bytes are more than a pod has")));
        }
        criu::empty(&pod.images)?;
        let mut parts = Vec::new();
        for ImageFile { name, bytes } in images {
            // An empty file is there, too.
            criu::store_part(&pod.images, name, 0, &[])?;
            parts.extend((0..*bytes).step_by(PART).map(|at| (name.as_str(), at, (bytes - at).min(PART as u64))));
        }
        let mut fetching = FuturesUnordered::new();
        for (name, at, bytes) in parts {
            if fetching.len() == AT_ONCE {
                fetching.try_next().await?;
            }
            fetching.push(self.fetch(pod, of, name, at, bytes));
        }
        while fetching.try_next().await?.is_some() {}
        Ok(CopiedImages { bytes: all })
    }

    /// Fetches one part of an image.
    async fn fetch(&self, pod: &Pod, of: &str, name: &str, at: u64, bytes: u64) -> Result<(), Failure> {
        let part = self.host.read_image(of, name, at, FETCH).await?;
        let data = STANDARD.decode(part.data).ok().filter(|data| data.len() as u64 == bytes);
        let data = data.ok_or_else(|| {
            Failure::new(ErrorCode::Io, format!("{of} did not send {bytes} bytes of the image {name}"))
                .hint("order it again: the images were changed or removed while they were fetched")
        })?;
        criu::store_part(&pod.images, name, at, &data)
    }

    /// Makes the processes again from the images; they are frozen, and their cable is plugged in nowhere.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when nothing was prepared, [`ErrorCode::Environment`] with CRIU's reason, [`ErrorCode::Process`].
    pub(in crate::agent) async fn restore_pod(&self) -> Result<RestoredPod, Failure> {
        let pod = self.the_pod()?;
        let Some(running) = pod.running().filter(|_| !self.d2d.is_running()) else {
            return Err(Failure::new(ErrorCode::State, format!("no pod was prepared on {}", self.host.name))
                .hint("prepare_pod comes first"));
        };
        let holder = pod.state().holder.and_then(|holder| i32::try_from(holder.pid).ok()).unwrap_or_default();
        self.host.priority.raise_for(BEFORE_CUT);
        carry_words(&pod.images, &pod.folder)?;
        let restore_ms = Criu::find()?.restore(holder, &pod.images).await?;
        pod.open_network(&self.host.name, &running.members)?;
        tokio::try_join!(self.d2d.adopt_member(&running), self.usrp.adopt_member(&running))?;
        Ok(RestoredPod { restore_ms })
    }

    /// Plugs the restored pod in, under a new epoch and before the deadline or not at all; plugs it out after a failure.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when nothing was restored, [`ErrorCode::TooLate`], [`ErrorCode::StaleEpoch`], [`ErrorCode::Address`].
    pub(in crate::agent) async fn connect_pod(&self, epoch: u64, by: Deadline) -> Result<Linked, Failure> {
        let pod = self.the_pod()?;
        let Some((PodNetwork { ports, .. }, mac)) = pod.network_and_mac() else {
            return Err(Failure::new(ErrorCode::State, format!("no pod was restored on {}", self.host.name))
                .hint("restore_pod comes first"));
        };
        let began = Instant::now();
        let mut trace = Trace::on_host(&self.host.name);
        // Each host's pod has an address of its own, by which others tell who has the radio.
        trace.time("hardware address of the pod", ports.set_hardware(INSIDE, mac)).await?;
        trace.time("the pod's cable up", self.host.ports.bring_up(OUTSIDE)).await?;
        let epoch = self.claim_at_once(epoch)?;
        if let Err(failure) = trace.time("plug the pod in", async { self.radio_port.hold(Some(by)) }).await {
            return Err(self.park_after(failure).await);
        }
        trace.time("announce the radio's address", self.announce_pod()).await;
        Ok(Linked { eth3_ms: elapsed_ms(began), trace: trace.parts, epoch: Some(epoch), ..Linked::default() })
    }
}

/// What the processes wrote to standard error travels with them: CRIU opens the files again, and finds them as long as they were.
fn carry_words(from: &Path, to: &Path) -> Result<(), Failure> {
    for name in ["d2d.stderr", "usrp.stderr"] {
        match std::fs::copy(from.join(name), to.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::new(ErrorCode::Io, format!("{name} of the pod could not be carried: {error}")));
            }
            _ => {}
        }
    }
    Ok(())
}
