//! Every message that crosses a socket between controllers, as serde types in JSON. `docs/protocol.md` documents the wire.
//!
//! Ground floor: imports nothing else of baton.

mod alarm;
mod answer;
mod check;
mod collected;
mod command;
mod control;
mod deadline;
mod environment;
mod event;
mod examination;
mod failure;
mod form;
mod guest;
mod hot;
mod linked;
mod mechanism;
mod operator;
mod order;
mod ownership;
mod pod;
mod probe;
mod record;
mod request;
mod spans;
mod standby;
mod store;
mod telemetry;
mod trace;
mod workload_process;

pub use alarm::Alarm;
pub use answer::{Answer, AnswerType, Ended, Started, TunIp};
pub use check::{Expected, Finding, Grade, Origin, Plan, PlanPhase, PlanStep};
pub use collected::Collected;
pub use command::{Access, Arguments, Command, CommandSpec, SetPort, Source, TypedCommand, ask};
pub use control::{Control, ControlReport, ControlValues, Route};
pub use deadline::Deadline;
pub use environment::{Trying, missing};
pub use event::{Event, Level, RecentEvents, TOPIC_EVENT};
pub use examination::{Examination, Examined, Precondition};
pub use failure::{ErrorCode, Failure};
pub use form::Form;
pub use guest::{
    GuestCopy, GuestMigration, GuestMigrationState, GuestMoment, GuestPrepared, GuestRehearsal, GuestState, GuestStatus,
};
pub use hot::{Frozen, Overlapped, Prepared, SoftState, Unsent};
pub use linked::Linked;
pub use mechanism::{Accelerator, Mechanism};
pub use operator::operator_name;
pub use order::{Method, Order, OrderRequest, RunPart};
pub use ownership::{AddressHolder, Fenced, MAX_EPOCH, OwnerReport, RadioOwner, RadioSession};
pub use pod::{CopiedImages, DumpedPod, ImageFile, ImagePart, RestoredPod};
pub use probe::{ProbeMark, ProbeWindow};
pub use record::{
    Interruption, Outcome, PAPER_INTERRUPTION_MS, PAPER_PINGS_LOST, PAPER_RELAY_INTERRUPTION_MS, PAPER_RELAY_TOTAL_MS,
    PAPER_TOTAL_MS, Phase, PhaseName, Rollback, RunRecord,
};
pub use request::{Connection, Reply, Request};
pub use spans::{ProbeOutcome, ProbeSpan};
pub use standby::{
    FollowStatus, FollowsNext, HeartbeatKey, HeartbeatRequest, StandbyState, StandbyStatus, TakeoverCause, TookOver,
};
pub use store::StoreStatus;
pub use telemetry::{
    HostLoad, Link, OrderStage, Port, ProbeStatus, ProcessLoad, ProcessState, ProcessStatus, Progress, Step, StepState,
    StreamCounters, SyncState, TOPIC_TELEMETRY, Telemetry,
};
pub use trace::{Handover, TracePart};
pub use workload_process::WorkloadProcess;

/// Version of the wire format. A peer that speaks another one is refused with [`ErrorCode::Version`].
pub const VERSION: u32 = 1;

/// Largest frame, in bytes, that a controller accepts. A `set_route` of a few hundred terminals is under 10 kB; anything near this
/// limit is a mistake or an attack on memory.
pub const MAX_FRAME: usize = 256 * 1024;
