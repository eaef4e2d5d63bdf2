//! What the mechanism that moved the work reports of the move itself, beside what the far end felt.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What runs a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// An emulated processor.
    Tcg,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        })
    }
}

/// Reported by the mechanism itself (CRIU's statistics, QEMU's `query-migrate`); each absent where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mechanism {
    /// How long the work stood still, ms: of CRIU the time from freezing the processes to having dumped them, of QEMU its `downtime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime_ms: Option<f64>,
    /// Bytes that went from the source to the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_moved: Option<u64>,
    /// Passes over the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u64>,
    /// Pages that the guest changed, per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dirty_pages_per_s: Option<u64>,
    /// Size of the images on the source's disk, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_bytes: Option<u64>,
    /// Pages of memory in the images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_written: Option<u64>,
    /// Restoring until the processes were there again, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_ms: Option<f64>,
    /// What ran the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,
}

impl Mechanism {
    /// What the record says, each part with its unit; empty where nothing was reported.
    pub fn parts(&self) -> Vec<String> {
        let ms = |what: &str, figure: Option<f64>| figure.map(|ms| format!("{what} {ms:.1} ms"));
        let count = |what: &str, unit: &str, figure: Option<u64>| figure.map(|count| format!("{what} {count} {unit}"));
        let accelerator = self.accelerator.map(|accelerator| match accelerator {
            Accelerator::Kvm => "guest without the modem, on the processor itself (KVM)".to_owned(),
            Accelerator::Tcg => "guest without the modem, emulated processor (TCG)".to_owned(),
        });
        let parts = [
            ms("downtime", self.downtime_ms),
            ms("restore", self.restore_ms),
            count("moved", "bytes", self.bytes_moved),
            count("images", "bytes", self.image_bytes),
            count("pages written", "of 4096 bytes", self.pages_written),
            count("passes", "over the memory", self.iterations),
            count("changed", "pages/s", self.dirty_pages_per_s),
            accelerator,
        ];
        parts.into_iter().flatten().collect()
    }
}
