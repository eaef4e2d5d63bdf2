//! Results of the commands that move a pod (method `criu`).

use serde::{Deserialize, Serialize};

/// A file of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFile {
    /// Its name in the folder of the dump.
    pub name: String,
    /// Its size, bytes.
    pub bytes: u64,
}

/// Result of `dump_pod`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DumpedPod {
    /// The files that a restore needs.
    pub images: Vec<ImageFile>,
    /// CRIU stopped the processes and wrote them down, ms, as it says itself; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_ms: Option<f64>,
    /// Pages of memory that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_written: Option<u64>,
}

/// Result of `read_image`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePart {
    /// The bytes, in base64; fewer than were asked for at the end of the file.
    pub data: String,
}

/// Result of `copy_images`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedImages {
    /// Bytes that were carried.
    pub bytes: u64,
}

/// Result of `restore_pod`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RestoredPod {
    /// CRIU's restore from its start to its end, ms.
    pub restore_ms: f64,
}
