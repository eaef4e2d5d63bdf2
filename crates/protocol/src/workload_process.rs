//! The two processes of a work, by name.

/// One of the two workload processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadProcess {
    /// The D2D process.
    D2d,
    /// The USRP process.
    Usrp,
}

impl WorkloadProcess {
    /// As sentences name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::D2d => "D2D",
            Self::Usrp => "USRP",
        }
    }
}
