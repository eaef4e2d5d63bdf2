//! Guests of the fake fleet: QEMU moves one by itself once it was told to, whether or not anybody hears how it goes.

use super::{Fleet, Host};
use protocol::{
    Accelerator, Answer, Command, ErrorCode, Failure, GuestCopy, GuestMigration, GuestMoment, GuestPrepared, GuestRehearsal,
    GuestState, GuestStatus, Started,
};

/// How guests move here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FakeGuests {
    /// How memory is copied.
    pub copy: GuestCopy,
    /// A guest has gone before anybody asks how it goes.
    pub eager: bool,
    /// A guest is never copied.
    pub never: bool,
    /// The host whose guest moves.
    pub moves_from: Option<&'static str>,
    /// In post-copy what has gone cannot come back.
    pub lost: bool,
}

/// The two hosts that have guests.
const POOL: [&str; 2] = ["server1", "server2"];

fn other(host: &str) -> &'static str {
    if host == POOL[0] { POOL[1] } else { POOL[0] }
}

impl Host {
    /// A host whose guest runs.
    pub fn with_guest() -> Self {
        Self { guest: GuestState::Running, ..Self::default() }
    }
}

impl Fleet {
    /// A fleet whose work is a guest.
    pub fn with_guests(server1: Host, server2: Host) -> Self {
        Self { guests: Some(FakeGuests::default()), ..Self::new(server1, server2) }
    }

    /// The guest of a host, for its status.
    pub(super) fn guest_status(&self, state: &Host) -> Option<GuestStatus> {
        self.guests?;
        let rehearsal = GuestRehearsal::Ready { accelerator: Accelerator::Tcg, after_ms: 4000 };
        Some(GuestStatus { state: state.guest, rehearsal, accelerator: Some(Accelerator::Tcg), ..GuestStatus::default() })
    }

    /// Carries a command out where the work is a guest; `None` for one that is not about it.
    pub(super) fn guest_command(&mut self, host: &str, command: &Command) -> Option<Result<Answer, Failure>> {
        let mut guests = self.guests?;
        let wrong = |what: &str| Some(Err(Failure::new(ErrorCode::State, format!("{host}: {what}"))));
        let state = self.hosts[host].guest;
        let answer = match command {
            Command::StartGuest | Command::PrepareGuest { .. } if state != GuestState::Stopped => return wrong("a guest is there"),
            Command::StartGuest => {
                self.run_guest(host);
                Started { pid: 7 }.into()
            }
            Command::PrepareGuest { .. } => {
                self.set_guest(host, GuestState::Incoming);
                GuestPrepared { address: "10.77.0.12:40000".parse().unwrap(), copy: guests.copy }.into()
            }
            Command::MigrateGuest { .. } if state != GuestState::Running => return wrong("no guest runs"),
            Command::MigrateGuest { .. } => {
                guests.moves_from = POOL.into_iter().find(|name| *name == host);
                self.guests = Some(guests);
                if guests.eager {
                    self.advance();
                }
                Answer::Done
            }
            Command::AwaitGuest { until } => return Some(self.await_guest(host, *until)),
            Command::CancelGuest => match state {
                GuestState::Running => {
                    guests.moves_from = None;
                    self.guests = Some(guests);
                    Answer::Done
                }
                _ => return wrong("the guest has gone"),
            },
            Command::ConfirmGuest if state != GuestState::Running => return wrong("the guest does not run"),
            Command::ConfirmGuest => Answer::Done,
            Command::Resume { .. } => match state {
                GuestState::Running => Answer::Done,
                GuestState::Paused if !guests.lost => {
                    self.run_guest(host);
                    Answer::Done
                }
                _ => return wrong("there is no whole guest"),
            },
            Command::DoubleKill => {
                self.set_guest(host, GuestState::Stopped);
                Answer::Unsent(None)
            }
            _ => return None,
        };
        Some(Ok(answer))
    }

    /// What QEMU does meanwhile: a guest whose destination waits goes there, and one whose destination is gone stays.
    fn advance(&mut self) {
        let Some(mut guests) = self.guests.filter(|guests| !guests.never) else { return };
        let Some(from) = guests.moves_from.take() else { return };
        if self.hosts[from].guest == GuestState::Running && self.hosts[other(from)].guest == GuestState::Incoming {
            self.set_guest(from, GuestState::Paused);
            guests.lost = guests.copy == GuestCopy::Post;
            self.guests = Some(guests);
            self.run_guest(other(from));
        }
        self.guests = Some(guests);
    }

    fn await_guest(&mut self, host: &str, until: GuestMoment) -> Result<Answer, Failure> {
        if until == GuestMoment::Stopped {
            self.advance();
        }
        if self.hosts[host].guest != GuestState::Paused {
            return Err(Failure::new(ErrorCode::Workload, "QEMU could not migrate the guest"));
        }
        Ok(GuestMigration { iteration: 3, downtime_ms: Some(20), ..GuestMigration::default() }.into())
    }

    fn set_guest(&mut self, host: &str, guest: GuestState) {
        self.hosts.get_mut(host).unwrap().guest = guest;
    }

    /// Notes when it would run twice.
    fn run_guest(&mut self, host: &str) {
        if self.hosts[other(host)].guest == GuestState::Running {
            self.collision = Some(format!("the guest runs on both hosts since {host} runs it: {:?}", self.log));
        }
        self.set_guest(host, GuestState::Running);
    }
}
