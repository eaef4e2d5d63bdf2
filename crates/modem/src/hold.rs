//! Payloads that a frozen modem receives: it delivers nothing, and the modem that continues loses nothing.

use std::collections::VecDeque;

/// Most bytes of payloads: at the highest rate more than 100 ms, at 5 MHz and QPSK more than a second.
const LIMIT: usize = 1 << 20;

/// Payloads that carry segments, the oldest first.
#[derive(Debug, Default)]
pub struct Hold {
    payloads: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Hold {
    /// Keeps a payload; when there is no room the oldest goes.
    pub fn push(&mut self, payload: &[u8]) {
        // The second byte of the header is the number of segments.
        if payload.get(1).is_none_or(|segments| *segments == 0) {
            return;
        }
        while self.bytes + payload.len() > LIMIT {
            let Some(oldest) = self.payloads.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        self.bytes += payload.len();
        self.payloads.push_back(payload.to_vec());
    }
}

/// Payloads behind the one that the serving modem expects that a standby keeps: a packet that is under way there may have begun in them.
const KEPT: u16 = 128;

/// Number of a payload.
pub fn sequence_of(payload: &[u8]) -> Option<u16> {
    payload.get(2..4).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

impl Hold {
    /// Lets go of what the modem that serves has long delivered: it expects this payload next.
    pub fn let_go(&mut self, expected: u16) {
        let is_old =
            |payload: &Vec<u8>| sequence_of(payload).is_none_or(|number| (expected.wrapping_sub(number) as i16) > KEPT as i16);
        while let Some(oldest) = self.payloads.pop_front_if(|payload| is_old(payload)) {
            self.bytes -= oldest.len();
        }
    }
}

impl IntoIterator for Hold {
    type Item = Vec<u8>;
    type IntoIter = std::collections::vec_deque::IntoIter<Vec<u8>>;

    fn into_iter(self) -> Self::IntoIter {
        self.payloads.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_there_is_no_room_and_idle_payloads_are_not_kept() {
        let mut hold = Hold::default();
        hold.push(&[1, 0, 7, 7]);
        hold.push(&[1]);
        for n in 0..2000u32 {
            hold.push(&[[1, 1].as_slice(), &n.to_be_bytes(), &[0; 994]].concat());
        }
        let kept: Vec<Vec<u8>> = hold.into_iter().collect();
        assert_eq!(kept.len(), LIMIT / 1000);
        assert_eq!(kept.last().unwrap()[2..6], 1999u32.to_be_bytes());
    }

    #[test]
    fn a_standby_keeps_the_payloads_in_which_a_packet_may_have_begun() {
        let mut hold = Hold::default();
        // Across the wrap of the number.
        let numbers = (0..200u16).map(|n| 65_436_u16.wrapping_add(n));
        numbers.clone().for_each(|number| hold.push(&[[1, 1].as_slice(), &number.to_be_bytes(), &[7; 10]].concat()));
        hold.let_go(50);
        let kept: Vec<u16> = hold.into_iter().filter_map(|payload| sequence_of(&payload)).collect();
        let expected: Vec<u16> = numbers.filter(|number| (50_u16.wrapping_sub(*number) as i16) <= 128).collect();
        assert_eq!((kept.len(), kept), (178, expected));
    }
}
