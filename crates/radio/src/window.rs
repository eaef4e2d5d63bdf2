//! Flow control of the transmit stream: how many packets may be under way to the radio's queue.

use n210_wire::stream_tx::WINDOW;

/// Counts packets sent against the packets that the radio reports to have consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    sent: u32,
    consumed: u32,
}

impl Window {
    /// Nothing under way before a packet of this sequence.
    pub const fn at(sequence: u32) -> Self {
        Self { sent: sequence, consumed: sequence }
    }

    /// Packets that may be sent now.
    pub fn room(&self) -> u32 {
        WINDOW.saturating_sub(self.under_way())
    }

    /// Packets sent and not yet reported.
    pub fn under_way(&self) -> u32 {
        self.sent.wrapping_sub(self.consumed)
    }

    /// Counts `packets` as sent.
    pub fn sent(&mut self, packets: u32) {
        self.sent = self.sent.wrapping_add(packets);
    }

    /// The radio reports `last` as the last transport sequence that it took; all ones before any. A number that was not under way is
    /// another host's, or of before the sequence was reset.
    pub fn reported(&mut self, last: u32) {
        let consumed = last.wrapping_add(1);
        if consumed.wrapping_sub(self.consumed) <= self.under_way() {
            self.consumed = consumed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_closes_after_712_packets_and_opens_with_reports() {
        let mut window = Window::default();
        window.reported(u32::MAX);
        assert_eq!(window.room(), 712);
        window.sent(712);
        assert_eq!((window.room(), window.under_way()), (0, 712));
        window.reported(88);
        assert_eq!(window.room(), 89);
        window.reported(711);
        assert_eq!(window.room(), 712);
    }

    #[test]
    fn a_report_from_an_earlier_sequence_does_not_close_the_window() {
        let mut window = Window::default();
        window.sent(3);
        window.reported(5000);
        assert_eq!(window.room(), 709);
        window.reported(0);
        window.reported(10);
        assert_eq!(window.under_way(), 2);
        window.reported(2);
        assert_eq!(window.under_way(), 0);
    }

    #[test]
    fn sequences_wrap() {
        let mut window = Window { sent: u32::MAX, consumed: u32::MAX - 10 };
        window.sent(5);
        assert_eq!(window.under_way(), 15);
        window.reported(3);
        assert_eq!(window.under_way(), 0);
    }
}
