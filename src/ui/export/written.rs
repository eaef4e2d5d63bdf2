//! What an export left on the disk.

use std::path::PathBuf;

/// What an export left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The PNG holds characters that no font of this machine has.
    pub missing_glyphs: bool,
}
