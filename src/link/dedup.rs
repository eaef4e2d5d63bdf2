//! Requests already seen and their replies: a retry gets the same reply and is not executed twice, not even while it is executing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use protocol::Command;
use ring::digest;

/// The reply once there is one.
pub(super) type Pending = watch::Receiver<Option<Bytes>>;

/// What to do with a request.
pub(super) enum Verdict {
    /// New: execute it, then send the reply here.
    Execute(watch::Sender<Option<Bytes>>),
    /// Seen: wait for that reply.
    Repeat(Pending),
    /// The id stands for another command.
    Misused,
}

/// What is remembered of a command: large ones are not kept.
type Digest = [u8; 32];

fn digest_of(command: &Command) -> Digest {
    // A command is made of strings and numbers: it always has a JSON form.
    let json = serde_json::to_vec(command).unwrap_or_default();
    let mut digest = [0; 32];
    digest.copy_from_slice(digest::digest(&digest::SHA256, &json).as_ref());
    digest
}

/// Bounded by number of entries and by bytes of replies; the oldest finished request is forgotten first.
#[derive(Debug)]
pub(super) struct Dedup {
    inner: Mutex<Inner>,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<String, (Digest, Pending)>,
    order: VecDeque<String>,
}

impl Dedup {
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { inner: Mutex::default(), max_entries, max_bytes }
    }

    pub(super) fn look_up(&self, id: &str, command: &Command) -> Verdict {
        let digest = digest_of(command);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, pending)) = inner.entries.get(id) {
            return if *known == digest { Verdict::Repeat(pending.clone()) } else { Verdict::Misused };
        }
        inner.forget(self.max_entries, self.max_bytes);
        let (sender, receiver) = watch::channel(None);
        inner.entries.insert(id.to_owned(), (digest, receiver));
        inner.order.push_back(id.to_owned());
        Verdict::Execute(sender)
    }
}

impl Inner {
    fn forget(&mut self, max_entries: usize, max_bytes: usize) {
        let size = |pending: &Pending| pending.borrow().as_ref().map_or(0, Bytes::len);
        let mut bytes: usize = self.entries.values().map(|(_, pending)| size(pending)).sum();
        let mut at = 0;
        while at < self.order.len() && (self.order.len() >= max_entries || bytes > max_bytes) {
            let finished = self.entries.get(&self.order[at]).is_none_or(|(_, pending)| pending.borrow().is_some());
            if !finished {
                at += 1;
                continue;
            }
            if let Some((_, pending)) = self.order.remove(at).and_then(|id| self.entries.remove(&id)) {
                bytes -= size(&pending);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execute(memory: &Dedup, id: &str) -> watch::Sender<Option<Bytes>> {
        match memory.look_up(id, &Command::Status) {
            Verdict::Execute(sender) => sender,
            _ => panic!("{id} was seen before"),
        }
    }

    #[test]
    fn a_retry_waits_for_the_first_reply() {
        let memory = Dedup::new(10, 1000);
        let sender = execute(&memory, "a");
        let Verdict::Repeat(pending) = memory.look_up("a", &Command::Status) else { panic!("executed twice") };
        assert!(pending.borrow().is_none());
        sender.send_replace(Some(Bytes::from_static(b"done")));
        assert_eq!(pending.borrow().as_deref(), Some(&b"done"[..]));
        assert!(matches!(memory.look_up("a", &Command::KillD2d), Verdict::Misused));
    }

    #[test]
    fn the_oldest_finished_are_forgotten_and_the_executing_never() {
        let memory = Dedup::new(3, 1000);
        let _executing = execute(&memory, "long");
        for id in ["b", "c", "d", "e"] {
            execute(&memory, id).send_replace(Some(Bytes::from_static(&[0; 10])));
        }
        assert!(matches!(memory.look_up("long", &Command::Status), Verdict::Repeat(_)));
        assert!(matches!(memory.look_up("e", &Command::Status), Verdict::Repeat(_)));
        assert!(matches!(memory.look_up("b", &Command::Status), Verdict::Execute(_)));
        let small = Dedup::new(100, 25);
        for id in ["a", "b", "c", "d"] {
            execute(&small, id).send_replace(Some(Bytes::from_static(&[0; 10])));
        }
        assert!(matches!(small.look_up("a", &Command::Status), Verdict::Execute(_)));
    }
}
