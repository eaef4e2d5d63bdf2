//! A terminal that receives beside another one: what it holds back, and how it goes on.

use super::GroupReceiver;
use crate::outlet::Outlet;
use crate::relay::LONGEST;
use crate::relay::forward::is_hello;
use crate::relay::hello::PerTerminal;
use workload::contract::Resumed;

impl GroupReceiver {
    /// From now on what is received is held back. Hellos count all the same: the route table of a standby has to be that of now.
    pub fn freeze(&mut self) {
        self.chains.iter_mut().for_each(|chain| chain.receiver.freeze_and_overhear(LONGEST));
    }

    /// Delivers what was held back, and sends it on; `now` is the latest tick.
    pub fn resume(&mut self, now: u64, out: &mut impl Outlet) -> Resumed {
        let mut all = Resumed::default();
        for n in 0..self.chains.len() {
            let chain = &mut self.chains[n];
            let resumed = chain.receiver.resume(&mut chain.output);
            (all.again, all.missing) = (all.again + resumed.again, all.missing + resumed.missing);
            self.deliver(n, now, out);
        }
        all
    }

    /// Number of the next payload expected, by terminal.
    pub fn expected(&self) -> PerTerminal<Option<u16>> {
        let mut expected = PerTerminal::default();
        self.chains.iter().for_each(|chain| expected[usize::from(chain.index)] = chain.receiver.reassembler.expected());
        expected
    }

    /// As a standby: the terminal that serves expects these payloads next.
    pub fn follow_other(&mut self, expected: PerTerminal<Option<u16>>) {
        for chain in &mut self.chains {
            expected[usize::from(chain.index)].into_iter().for_each(|expected| chain.receiver.follow(expected));
        }
    }

    /// Delivers what was held back from the payloads on that another terminal expected, and sends it on; `now` is the latest tick.
    pub fn take_over(&mut self, expected: PerTerminal<Option<u16>>, now: u64, out: &mut impl Outlet) {
        for n in 0..self.chains.len() {
            let chain = &mut self.chains[n];
            chain.receiver.take_over(expected[usize::from(chain.index)], &mut chain.output);
            self.deliver(n, now, out);
        }
    }

    /// Hands on what was held back but for the hellos, which have been heard.
    fn deliver(&mut self, n: usize, now: u64, out: &mut impl Outlet) {
        self.chains[n].output.packets.retain(|packet| !is_hello(packet));
        self.pass_on(n, now, out);
    }
}
