//! What agents answer: a type for each result.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Collected, ControlValues, CopiedImages, DumpedPod, ErrorCode, Examination, Failure, Fenced, Frozen, GuestMigration,
    GuestPrepared, ImagePart, Linked, Overlapped, OwnerReport, Plan, Prepared, ProbeMark, ProbeWindow, RecentEvents, RestoredPod,
    RunRecord, SoftState, SyncState, Telemetry, Unsent,
};

/// The result of a command that worked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// There is nothing to say.
    Done,
    /// The process id of what was started.
    Started(Started),
    /// How the radio was taken.
    Linked(Linked),
    /// The address of tun.
    TunIp(TunIp),
    /// Control variables and routes.
    Control(ControlValues),
    /// What is known of another host.
    Collected(Collected),
    /// Packets of a D2D process that was frozen.
    Unsent(Option<Unsent>),
    /// What did not work on leaving.
    Ended(Option<Ended>),
    /// Synchronisation with the far end.
    Sync(SyncState),
    /// The soft state.
    SoftState(SoftState),
    /// What was prepared.
    Prepared(Prepared),
    /// How the overlap began.
    Overlapped(Overlapped),
    /// What the frozen processes know.
    Frozen(Frozen),
    /// Where a guest is waited for.
    GuestPrepared(GuestPrepared),
    /// Where a guest's migration is.
    GuestMigration(GuestMigration),
    /// The images of a pod.
    DumpedPod(DumpedPod),
    /// A part of an image.
    ImagePart(ImagePart),
    /// How much was carried.
    CopiedImages(CopiedImages),
    /// How a pod was restored.
    RestoredPod(RestoredPod),
    /// The record of an order.
    Record(Box<RunRecord>),
    /// The plan of an order.
    Plan(Box<Plan>),
    /// The state of the host.
    Status(Box<Telemetry>),
    /// How the host is set up.
    Examination(Box<Examination>),
    /// The next probe.
    ProbeMark(ProbeMark),
    /// Statistics of probes.
    ProbeWindow(ProbeWindow),
    /// Who owns the radio.
    Owner(OwnerReport),
    /// Whether another host is off.
    Fenced(Fenced),
    /// What the agent has said of late.
    Recent(RecentEvents),
    /// It worked, but what was answered could not be read. Never sent.
    #[serde(skip)]
    Unreadable(Failure),
}

/// A type that a command is answered with.
pub trait AnswerType: Sized + Into<Answer> {
    /// Reads a reply's `result`.
    ///
    /// # Errors
    /// It has another form.
    fn read(result: Value) -> serde_json::Result<Answer>;

    /// Takes it out of an answer.
    ///
    /// # Errors
    /// Why the answer could not be read; [`ErrorCode::Internal`] for the answer of another command.
    fn from_answer(answer: Answer) -> Result<Self, Failure>;
}

impl Answer {
    /// The result, where it is of that type.
    ///
    /// # Errors
    /// Why it could not be read; [`ErrorCode::Internal`] for the answer of another command.
    pub fn into_result<T: AnswerType>(self) -> Result<T, Failure> {
        T::from_answer(self)
    }

    /// As the `result` of a reply.
    pub fn into_json(self) -> Value {
        // Results are made of strings and numbers, so that they have a JSON form. One that could not be read has none, and says nothing.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn mismatch<T>(answer: Answer) -> Result<T, Failure> {
    match answer {
        Answer::Unreadable(failure) => Err(failure),
        other => Err(Failure::new(ErrorCode::Internal, format!("the answer is that of another command: {other:?}"))),
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Done
    }
}

impl AnswerType for () {
    /// Whatever it is: it worked.
    fn read(_: Value) -> serde_json::Result<Answer> {
        Ok(Answer::Done)
    }

    fn from_answer(_: Answer) -> Result<Self, Failure> {
        Ok(())
    }
}

macro_rules! answer_types {
    ($hold:expr, $release:expr, $( $name:ident($ty:ty) ),*) => { $(
        impl From<$ty> for Answer {
            fn from(result: $ty) -> Self {
                Self::$name($hold(result))
            }
        }

        impl AnswerType for $ty {
            fn read(result: Value) -> serde_json::Result<Answer> {
                serde_json::from_value(result).map(Answer::$name)
            }

            fn from_answer(answer: Answer) -> Result<Self, Failure> {
                match answer {
                    Answer::$name(result) => Ok($release(result)),
                    other => mismatch(other),
                }
            }
        }
    )* };
}

answer_types!(
    std::convert::identity,
    std::convert::identity,
    Started(Started),
    Linked(Linked),
    TunIp(TunIp),
    Control(ControlValues),
    Collected(Collected),
    Unsent(Option<Unsent>),
    Ended(Option<Ended>),
    Sync(SyncState),
    SoftState(SoftState),
    Prepared(Prepared),
    Overlapped(Overlapped),
    Frozen(Frozen),
    GuestPrepared(GuestPrepared),
    GuestMigration(GuestMigration),
    DumpedPod(DumpedPod),
    ImagePart(ImagePart),
    CopiedImages(CopiedImages),
    RestoredPod(RestoredPod),
    ProbeMark(ProbeMark),
    ProbeWindow(ProbeWindow),
    Owner(OwnerReport),
    Fenced(Fenced),
    Recent(RecentEvents)
);
answer_types!(Box::new, |boxed: Box<_>| *boxed, Record(RunRecord), Plan(Plan), Status(Telemetry), Examination(Examination));

/// Result of `make_usrp` and `start_d2d`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Process id on the host.
    pub pid: u32,
}

/// Result of `get_tun_ip`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunIp {
    /// Address with prefix length.
    pub tun_ip: String,
}

/// Result of `end` where something did not work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// What did not work, a sentence each.
    pub warnings: Vec<String>,
}
