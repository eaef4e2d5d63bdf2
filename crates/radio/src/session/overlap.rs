//! An entity that receives beside another host's, takes the transmit side from it, and then has the radio for itself.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::chain::RxChain;
use super::super::freshness::TICKS;
use super::super::{attach, overlap};
use super::{Session, UNKNOWN, lock, taken_over};
use workload::clock::monotonic_us;
use workload::contract::{Mark, Overlapping, Stream, TakenOver};

impl Session {
    /// The receive stream as it is.
    ///
    /// # Errors
    /// A sentence when there is none.
    pub fn stream(&self) -> Result<Stream, String> {
        match self.tick.load(Ordering::Acquire) {
            tick if tick > 0 && self.linked() => Ok(Stream { chain: self.chain().number(), tick }),
            _ => Err("the USRP process receives nothing: it has no stream to tell of".into()),
        }
    }

    /// Receives beside another host's process, on the radio's other receive chain and on the grid of its samples, and gives the radio nothing
    /// to transmit: it is parked from the beginning, and goes on with [`Self::take_over`].
    ///
    /// # Errors
    /// A sentence; it is made as before then.
    pub fn overlap(&self, beside: Stream) -> Result<Overlapping, String> {
        let _one_at_a_time = lock(&self.linking);
        if self.linked() {
            return Err("this process receives from the radio already".into());
        }
        if self.plan.decimation < overlap::SHARED {
            return Err("at this rate one stream alone fills the radio's gigabit: a second receive chain finds no room".into());
        }
        let (began, chain) = (Instant::now(), RxChain::new(beside.chain)?.other());
        self.park.enter()?;
        let mut control = lock(&self.control);
        let begun = overlap::begin(&mut control, &self.rx, &self.tx, &self.plan, chain, beside.tick);
        let tick = begun.inspect_err(|_| _ = self.park.leave())?;
        self.set_chain(chain);
        self.begin_at(Mark::default());
        self.begin_stream();
        self.overlaps.store(true, Ordering::Release);
        self.set_linked(true);
        Ok(Overlapping { ms: began.elapsed().as_secs_f64() * 1e3, chain: chain.number(), tick })
    }

    /// The other half of an overlap: what is received is ours already.
    pub(super) fn take_transmit_side(&self, mark: Mark) -> Result<TakenOver, String> {
        let (began, claimed_us) = (Instant::now(), monotonic_us());
        self.begin_at(mark);
        attach::take_transmit_side(&mut lock(&self.control), &self.tx, &self.plan)?;
        self.overlaps.store(false, Ordering::Release);
        self.park.leave();
        Ok(taken_over(began, false, claimed_us))
    }

    /// The radio is ours alone: the streams come to the address that this host has towards it now, and the other receive chain stops.
    ///
    /// # Errors
    /// A sentence that names what did not answer.
    pub fn settle(&self) -> Result<(), String> {
        let _one_at_a_time = lock(&self.linking);
        if !self.linked() || self.park.is_parking() {
            return Err("this process has no streams of its own to settle".into());
        }
        let mut control = lock(&self.control);
        attach::move_streams(&mut control, &self.rx, &self.tx, &self.plan, self.chain(), &self.sending)?;
        attach::reset(&mut control, self.chain().other(), Instant::now() + attach::DEADLINE)
    }

    /// Whether it receives beside another host's process.
    pub fn overlaps(&self) -> bool {
        self.overlaps.load(Ordering::Acquire)
    }

    /// Notes the time behind a block's last sample, as the radio stamps it.
    pub fn note_tick(&self, tick: u64) {
        self.tick.store(tick, Ordering::Release);
    }

    /// Time behind the latest sample received, as the radio stamps it; none before any.
    pub fn latest_tick(&self) -> Option<u64> {
        Some(self.tick.load(Ordering::Acquire)).filter(|tick| *tick > 0)
    }

    /// Notes by how much CLOCK_MONOTONIC, in ticks, is before the radio's clock.
    pub fn note_clock_difference(&self, ticks: i64) {
        self.clock_difference.store(ticks, Ordering::Release);
    }

    /// The radio's time by the host's clock and the samples that came fastest, also where this process was held up since: behind it by what those took on
    /// their way, less than a millisecond. None before any sample.
    pub fn radio_time(&self) -> Option<u64> {
        let difference = Some(self.clock_difference.load(Ordering::Acquire)).filter(|ticks| *ticks != UNKNOWN)?;
        let ticks = monotonic_us().cast_signed().wrapping_mul(TICKS).wrapping_sub(difference);
        u64::try_from(ticks).ok()
    }
}
