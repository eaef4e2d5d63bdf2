//! What the answers of a flow's steps teach: facts for later steps, and time.

use std::time::Duration;

use super::flow::{Step, StepCommand};
use super::state::{Stage, State};
use super::units::{milliseconds, sentence};
use protocol::{
    Answer, Collected, CopiedImages, DumpedPod, ErrorCode, Failure, Fenced, Frozen, Linked, Mechanism, PhaseName, RestoredPod,
    SoftState, SyncState, TunIp, Unsent,
};

impl State {
    /// Takes in the answer of a step that worked: facts for later steps, and its time.
    pub(super) fn learn(&mut self, step: &Step, took: Duration, answer: Answer) -> Result<(), Failure> {
        let host = self.setting.host(step.at).to_owned();
        let mut parts = Linked::default();
        match step.ask {
            StepCommand::GetTunIp => self.facts.tun_ip = answer.into_result::<TunIp>()?.tun_ip,
            StepCommand::GetControl => self.facts.values = answer.into_result()?,
            StepCommand::FenceSource => self.note_fence(answer.into_result()?),
            StepCommand::GetCollected => self.recall(answer.into_result()?),
            StepCommand::Export => self.note_soft_state(&host, answer.into_result()?)?,
            StepCommand::DumpPod => self.note_dump(answer.into_result()?),
            StepCommand::CopyImages => self.mechanism().bytes_moved = Some(answer.into_result::<CopiedImages>()?.bytes),
            StepCommand::RestorePod => self.mechanism().restore_ms = Some(answer.into_result::<RestoredPod>()?.restore_ms),
            StepCommand::Freeze | StepCommand::FreezePod => {
                let Frozen { state, mark, epoch, trace } = answer.into_result()?;
                (self.facts.state, self.facts.mark, self.facts.trace, self.facts.frozen) = (state, mark, trace, true);
                self.facts.epoch = self.facts.epoch.max(epoch);
            }
            StepCommand::DoubleKill => {
                self.facts.unsent = answer.into_result::<Option<Unsent>>().ok().flatten().unwrap_or_default()
            }
            StepCommand::Commit => self.facts.packets_forwarded = self.facts.unsent.packets.len() as u64,
            StepCommand::AwaitSync | StepCommand::ConfirmSync => match answer.into_result::<SyncState>()? {
                SyncState::Synced { .. } => {}
                SyncState::Unreported => {
                    self.warnings
                        .push(format!("The D2D process of {host} does not tell when it is in sync: this phase is not measured."));
                    return Ok(());
                }
                _ => {
                    return Err(Failure::new(ErrorCode::Deadline, "the signal processing did not synchronise in time")
                        .hint("look at the far end and at the signal: the processes run"));
                }
            },
            StepCommand::LinkUsrp | StepCommand::StartUsrp | StepCommand::TakeOver | StepCommand::ConnectPod => {
                match answer.into_result::<Linked>() {
                    Ok(linked) => {
                        self.facts.epoch = self.facts.epoch.max(linked.epoch.unwrap_or_default());
                        if let Some(why) = &linked.forced {
                            self.warnings.push(sentence(&format!("{host} took the radio all the same: {why}")));
                        }
                        self.warnings.extend(linked.warnings.iter().map(|why| sentence(&format!("On {host}: {why}"))));
                        self.facts.handover = linked.handover.or(self.facts.handover);
                        parts = linked;
                    }
                    // The radio is linked: an answer that cannot be divided spoils the table, not the service.
                    Err(failure) => self.warnings.push(sentence(&failure.message)),
                }
            }
            _ => {}
        }
        self.time(step.phases, took, &parts);
        self.facts.trace.append(&mut parts.trace);
        Ok(())
    }

    fn note_soft_state(&mut self, host: &str, SoftState { state, stream }: SoftState) -> Result<(), Failure> {
        (self.facts.state, self.facts.stream) = (state, stream.unwrap_or_default());
        if self.facts.stream.is_null() && self.flow.steps.iter().any(|step| step.ask == StepCommand::Overlap) {
            let text = format!("the USRP process of {host} does not tell its receive stream, which another has to be begun beside");
            return Err(Failure::new(ErrorCode::Workload, text).hint("the method hot needs no second receive chain"));
        }
        Ok(())
    }

    fn mechanism(&mut self) -> &mut Mechanism {
        self.facts.mechanism.get_or_insert_default()
    }

    fn note_dump(&mut self, dumped: DumpedPod) {
        let DumpedPod { images, frozen_ms, pages_written } = dumped;
        let image_bytes = Some(images.iter().map(|image| image.bytes).sum());
        *self.mechanism() = Mechanism { downtime_ms: frozen_ms, image_bytes, pages_written, ..Mechanism::default() };
        self.facts.images = images;
    }

    fn note_fence(&mut self, Fenced { fenced }: Fenced) {
        self.warnings.extend((!fenced).then(|| super::check::not_fenced(&self.facts.source)));
    }

    /// Takes what was collected of a source that says nothing any more.
    fn recall(&mut self, collected: Collected) {
        let age = (self.setting.started - collected.at).num_seconds().max(0);
        self.warnings.push(format!("The control variables are those that {} had {age} s ago.", self.setting.from));
        (self.facts.values, self.facts.tun_ip) = (collected.values, collected.tun_ip);
    }

    /// Books the time of a step: what the answer knows of its parts under those, the rest under the last phase.
    fn time(&mut self, phases: &'static [PhaseName], took: Duration, parts: &Linked) {
        let Some((&last, others)) = phases.split_last() else { return };
        let returning = matches!(self.stage, Stage::Returning(..));
        let booked = if returning { &mut self.back.phases } else { &mut self.phases };
        let mut rest = took;
        for &phase in others {
            let part = match phase {
                PhaseName::Eth3 => milliseconds(parts.eth3_ms),
                PhaseName::MakeUsrp => milliseconds(parts.make_ms.unwrap_or_default()),
                _ => Duration::ZERO,
            }
            .min(rest);
            rest -= part;
            *booked.entry(phase).or_default() += part;
        }
        *booked.entry(last).or_default() += rest;
    }
}
