//! What was decided about an order under way.

use protocol::{ErrorCode, Failure};

/// What was decided about an order under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    #[default]
    None,
    /// Go on with the cut.
    Go,
    /// The operator gives it up before the cut.
    Cancel,
    /// Whoever asked for a hold has not been heard for as long as its lease: given up before the cut.
    AskerGone,
    /// The agent that carries it out is to end: given up before the cut.
    AgentStops,
    /// The operator has ended the work on the source meanwhile: given up, and no way back starts it again.
    WorkEnded,
}

impl Decision {
    /// Why the order is given up, if it is.
    pub(super) fn failure(self) -> Option<Failure> {
        let text = match self {
            Self::None | Self::Go => return None,
            Self::Cancel => "the operator cancelled it before the cut",
            Self::AskerGone => "whoever asked for the hold is not heard any more, so it was given up before the cut",
            Self::AgentStops => "the agent that carries it out was told to stop, so it was given up before the cut",
            Self::WorkEnded => "the operator has ended the work on the source meanwhile, so it was given up",
        };
        Some(Failure::new(ErrorCode::Cancelled, text))
    }
}
