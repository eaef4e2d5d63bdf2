//! What CRIU says of a dump (`--display-stats`).

/// Figures of a dump; each absent where CRIU did not give it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DumpStatistics {
    /// They stood still, until all was dumped, us.
    pub frozen_us: Option<u64>,
    /// Pages of memory that were written.
    pub pages_written: Option<u64>,
}

impl DumpStatistics {
    /// Reads what CRIU prints: `Frozen time: 85123 us`, `Memory pages written: 612 (0x264)`.
    pub(super) fn read(text: &str) -> Self {
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
        };
        Self { frozen_us: figure("Frozen time"), pages_written: figure("Memory pages written") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_by_their_names() {
        let text = "Displaying dump stats:\nFreezing time: 1052 us\nFrozen time: 85123 us\nMemory dump time: 9 us\n\
                    Memory pages scanned: 9000 (0x2328)\nMemory pages written: 612 (0x264)\n";
        let read = DumpStatistics::read(text);
        assert_eq!((read.frozen_us, read.pages_written), (Some(85_123), Some(612)));
        assert_eq!(DumpStatistics::read("nothing"), DumpStatistics::default());
    }
}
