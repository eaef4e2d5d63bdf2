//! After a silence: the streams are asked for again, where they are still this host's.

use std::time::Instant;

use super::super::{attach, converters};
use super::{FIRST_SAMPLES, Session, lock};
use workload::contract::Mark;

impl Session {
    /// Sets both streams of a linked entity up again and starts them, without waiting for samples: what silenced them may have left
    /// other rates, frequencies and destinations behind, and converters without power. Only the agent knows whether the streams are still this
    /// host's, so that nothing here does it unasked. Does nothing where samples flow. The other receive chain stops: whoever is heard there would transmit
    /// beside this one.
    ///
    /// # Errors
    /// A sentence that names what did not answer, or that this entity has no streams of its own, or that its standby has taken over.
    pub fn relink(&self) -> Result<(), String> {
        let _one_at_a_time = lock(&self.linking);
        if !self.linked() || self.park.is_parking() {
            return Err("this process is not linked to the radio, or frozen: it has no streams to ask for again".into());
        }
        if self.hears() {
            return Ok(());
        }
        if self.is_taken_over() {
            return Err("the standby has taken over from this process and says that it serves: the streams stay there".into());
        }
        let mut control = lock(&self.control);
        attach::attach(&mut control, &self.rx, &self.tx, &self.plan, self.chain())?;
        attach::reset(&mut control, self.chain().other(), Instant::now() + attach::DEADLINE)?;
        converters::wake(&mut control, Instant::now() + FIRST_SAMPLES)?;
        self.begin_at(Mark::default());
        // A radio that was without power counts from 0 again: by its former clock all that comes would have waited.
        self.begin_stream();
        attach::start(&mut control, self.chain(), attach::DEADLINE)
    }
}
