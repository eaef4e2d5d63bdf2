//! How fast a peer may ask. Who is known may ask as fast as it is answered; others are read more slowly, so that they do not hold up the rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::link::identity::{Peer, Who};
use crate::link::zmtp::Message;

/// Requests a second of a peer that nobody vouches for. A request of several kB counts as several.
const RATE: f64 = 50.0;
/// So many at once.
const BURST: f64 = 50.0;
/// Bytes that count as one request.
const UNIT: f64 = 4096.0;

/// What is left of a peer's allowance.
#[derive(Debug)]
pub(super) struct Pace(Option<Allowance>);

#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Pace {
    /// The pace of a peer.
    pub(super) fn of(peer: &Peer) -> Self {
        Self((peer.who == Who::Unknown).then(|| Allowance { left: BURST, at: Instant::now() }))
    }

    /// Notes a message.
    pub(super) fn take(&mut self, message: &Message) {
        if let Some(allowance) = &mut self.0 {
            let now = Instant::now();
            allowance.left = (allowance.left + (now - allowance.at).as_secs_f64() * RATE).min(BURST);
            allowance.at = now;
            let bytes: usize = message.frames.iter().map(bytes::Bytes::len).sum();
            allowance.left -= 1.0 + bytes as f64 / UNIT;
        }
    }

    /// Until when nothing more is read.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        let allowance = self.0.as_ref().filter(|allowance| allowance.left < 0.0)?;
        let until = allowance.at + Duration::from_secs_f64(-allowance.left / RATE);
        (until > Instant::now()).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn strangers_are_read_at_a_pace_and_others_as_they_come() {
        let peer = |who: Who| Peer { who, address: None };
        let message = Message { frames: vec![bytes::Bytes::from(vec![0; 100])], excess: None };
        let began = Instant::now();
        let mut pace = Pace::of(&peer(Who::Unknown));
        for _ in 0..250 {
            if let Some(until) = pace.paused_until() {
                tokio::time::sleep_until(until).await;
            }
            pace.take(&message);
        }
        let took = began.elapsed().as_secs_f64();
        assert!((3.9..4.5).contains(&took), "{took} s for 50 at once and 200 at 50 a second");
        let mut pace = Pace::of(&peer(Who::User { uid: 0, name: "root".into() }));
        (0..1000).for_each(|_| pace.take(&message));
        assert_eq!(pace.paused_until(), None);
    }
}
