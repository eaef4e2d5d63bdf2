//! Of the fake fleet: a pod that is moved.

use super::Host;
use protocol::{Answer, Command, CopiedImages, DumpedPod, ImageFile, ProcessState, RestoredPod};

/// How far a destination is with a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PodStage {
    #[default]
    None,
    Prepared,
    Copied,
    Restored,
}

impl PodStage {
    /// What stands against a command.
    pub(super) fn lacks(self, command: &Command, host: &Host) -> Option<&'static str> {
        match command {
            Command::DumpPod if !(host.frozen && host.d2d) => Some("nothing is frozen"),
            Command::CopyImages { .. } if self != Self::Prepared => Some("no pod is prepared"),
            Command::RestorePod if self != Self::Copied => Some("no images are here"),
            Command::ConnectPod { .. } if self != Self::Restored => Some("no pod is restored"),
            _ => None,
        }
    }
}

/// Carries a command of a pod out; `None` for any other.
pub(super) fn carry_out(state: &mut Host, command: &Command) -> Option<Answer> {
    Some(match command {
        Command::PreparePod => {
            state.pod = PodStage::Prepared;
            Answer::Done
        }
        Command::DumpPod => {
            let images = vec![ImageFile { name: "pages-1.img".into(), bytes: 4096 }];
            DumpedPod { images, frozen_ms: Some(85.0), pages_written: Some(1) }.into()
        }
        Command::CopyImages { images, .. } => {
            state.pod = PodStage::Copied;
            CopiedImages { bytes: images.iter().map(|image| image.bytes).sum() }.into()
        }
        Command::RestorePod => {
            (state.pod, state.d2d, state.usrp) = (PodStage::Restored, true, ProcessState::Running);
            RestoredPod { restore_ms: 119.0 }.into()
        }
        _ => return None,
    })
}
