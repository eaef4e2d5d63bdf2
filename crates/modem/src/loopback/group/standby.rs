//! A standby goes on where the relay was.

use super::*;
use crate::phy::numerology::SUBFRAME_TICKS;

impl Air {
    /// A modem that receives what the relay receives, and knows what that knows.
    fn follow_relay(&mut self) {
        let mut standby = self.fresh(1, Some(&self.control(1)));
        standby.modem.inherit(&self.ends[1].modem.export().unwrap()).unwrap();
        standby.modem.freeze();
        self.standby = Some(standby);
    }

    /// One packet each way every 25 ms for so many times, the standby told of the relay's progress meanwhile.
    fn carry(&mut self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.send(0, 2, number, 300);
            self.send(2, 0, number, 300);
            self.until(25.0, |_| false);
            if let Some(standby) = &mut self.standby {
                standby.modem.follow(self.ends[1].modem.progress());
            }
        }
    }

    /// The relay is gone: nothing of what it would hand out goes on the air any more. The standby is there after so many ms.
    fn lose_relay(&mut self, silent_ms: f64, meanwhile: impl FnOnce(&Self)) {
        let told = self.ends[1].modem.progress();
        self.ends[1].modem.freeze();
        meanwhile(self);
        self.until(silent_ms, |_| false);
        let mut standby = self.standby.take().unwrap();
        let End { modem, taken, .. } = &mut standby;
        assert!(taken.bursts.is_empty() && taken.packets.is_empty());
        let now = modem.now();
        assert!(modem.take_over(Some(told), now + 10 * SUBFRAME_TICKS, taken));
        self.ends[1] = standby;
    }

    fn numbers(&self, at: usize) -> Vec<u32> {
        self.received(at).iter().map(|p| u32::from_be_bytes([p[20], p[21], p[22], p[23]])).collect()
    }
}

#[test]
fn a_standby_relays_what_came_while_nobody_did() {
    let mut air = relayed();
    air.follow_relay();
    air.carry(0..10);
    // What waits in the relay is lost with it.
    air.until(100.0, |_| false);
    air.lose_relay(30.0, |air| {
        air.send(0, 2, 10, 300);
        air.send(2, 0, 10, 300);
    });
    air.carry(11..20);
    air.until(200.0, |_| false);
    for at in [0, 2] {
        let (mut numbers, arrived) = (air.numbers(at), air.numbers(at).len());
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "at {at}");
        assert_eq!(arrived, 20, "something came twice at {at}");
    }
}

#[test]
fn the_routes_of_a_standby_are_those_of_now() {
    let mut air = relayed();
    air.follow_relay();
    // Longer than routes that were carried over are believed.
    for _ in 0..40 {
        air.carry(0..12);
    }
    assert_eq!(air.standby.as_ref().unwrap().modem.report().routes, air.ends[1].modem.report().routes);
    air.until(100.0, |_| false);
    assert!(air.ping(0, 2));
    air.lose_relay(30.0, |_| ());
    assert!(air.ping(0, 2) && air.ping(2, 0), "{:?}", air.ends[1].taken.notes);
    // Nobody has noticed.
    air.until(6000.0, |_| false);
    for end in &air.ends {
        assert!(end.taken.notes.iter().all(|note| !note.contains("cannot be reached")), "{:?}", end.taken.notes);
    }
}
