//! A recorded run played again. A record keeps the lengths of phases and the totals: those are played, nothing else is shown.

use crate::ui::lang::Lang;
use crate::ui::timeline::{Timeline, finished};
use protocol::{Outcome, PhaseName, Progress, RunRecord, StepState};

/// Speeds: from a thousandth of what it was to twice.
const SPEEDS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0];
/// A replay begins at the speed at which it lasts about this long, ms: a cut of some milliseconds must be visible.
const COMFORTABLE_MS: f64 = 8_000.0;

/// A replay.
#[derive(Debug, Clone)]
pub struct Replay {
    record: RunRecord,
    axis: Timeline,
    /// Where it is, ms since the order began.
    at_ms: f64,
    speed: usize,
    paused: bool,
    /// Console's clock when it was last moved, ms.
    moved_ms: u64,
    /// The run as it was at that moment.
    progress: Progress,
}

impl Replay {
    /// From the beginning of a run.
    pub fn new(record: RunRecord, now_ms: u64) -> Self {
        let progress = finished(record.clone());
        let axis = Timeline::from_progress(&progress);
        let wanted = axis.length_ms / COMFORTABLE_MS;
        // Never faster than it was, unless the operator asks for it.
        let speed = SPEEDS.iter().rposition(|speed| *speed <= wanted.clamp(SPEEDS[0], 1.0)).unwrap_or(0);
        let mut replay = Self { record, axis, at_ms: 0.0, speed, paused: false, moved_ms: now_ms, progress };
        replay.show();
        replay
    }

    /// The record that is played.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// The run at this moment of the replay.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Moves on; whether anything changed.
    pub fn tick(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.moved_ms) as f64;
        self.moved_ms = now_ms;
        if self.paused || self.is_over() || passed <= 0.0 {
            return false;
        }
        self.at_ms = (self.at_ms + passed * SPEEDS[self.speed]).min(self.axis.length_ms);
        self.show();
        true
    }

    /// Whether it moves by itself now.
    pub fn is_moving(&self) -> bool {
        !self.paused && !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.at_ms >= self.axis.length_ms
    }

    /// Stops, goes on, or begins again at the end.
    pub fn pause(&mut self) {
        if self.is_over() {
            self.at_ms = 0.0;
            self.paused = false;
            self.show();
        } else {
            self.paused = !self.paused;
        }
    }

    /// The next higher speed.
    pub fn faster(&mut self) {
        self.speed = (self.speed + 1).min(SPEEDS.len() - 1);
    }

    /// The next lower speed.
    pub fn slower(&mut self) {
        self.speed = self.speed.saturating_sub(1);
    }

    /// To the beginning of the next phase, or back to the one before.
    pub fn seek(&mut self, forward: bool) {
        let mut marks: Vec<f64> = self.axis.bars.iter().map(|bar| bar.start_ms).collect();
        marks.extend([0.0, self.axis.length_ms]);
        // Closer than a microsecond counts as the same moment.
        let target = if forward {
            marks.into_iter().filter(|mark| *mark > self.at_ms + 1e-3).reduce(f64::min)
        } else {
            marks.into_iter().filter(|mark| *mark < self.at_ms - 1e-3).reduce(f64::max)
        };
        if let Some(target) = target {
            self.at_ms = target;
            self.show();
        }
    }

    /// Where it is and how fast, in words: `812 of 1 902 ms, 1/5 speed, paused`.
    pub fn words(&self, lang: Lang) -> String {
        let speed = SPEEDS[self.speed];
        let speed = if speed < 1.0 { format!("1/{:.0}", 1.0 / speed) } else { format!("{speed:.0}x") };
        let state = match (self.is_over(), self.paused) {
            (true, _) => ", at its end",
            (false, true) => ", PAUSED",
            (false, false) => "",
        };
        let ms = crate::ui::text::ms;
        lang.fill("{0} of {1} ms, {2} speed{3}", &[&ms(self.at_ms), &ms(self.axis.length_ms), &speed, &lang.tr(state)])
    }

    /// The host that owned the radio at this moment, as far as the phases tell: the source until it was stopped, the destination from
    /// the change of its eth3 on.
    pub fn owner(&self) -> Option<&str> {
        let (from, to) = (self.record.from.as_str(), self.record.to.as_str());
        let end = |name: PhaseName| self.axis.bars.iter().find(|bar| bar.name == name).map(|bar| bar.start_ms + bar.ms);
        if self.is_over() {
            return match self.record.outcome {
                Outcome::Ok => Some(to),
                Outcome::RolledBack | Outcome::Cancelled => Some(from),
                Outcome::Failed => None,
            };
        }
        let begins = |name: PhaseName| self.axis.bars.iter().find(|bar| bar.name == name).map(|bar| bar.start_ms);
        match (begins(PhaseName::StopSource), end(PhaseName::Eth3)) {
            (_, Some(taken)) if self.at_ms >= taken => Some(to),
            (Some(stopped), _) if self.at_ms >= stopped => None,
            _ => Some(from),
        }
    }

    /// Sets the run to its state at this moment.
    fn show(&mut self) {
        self.progress = finished(self.record.clone());
        if self.is_over() {
            return;
        }
        self.progress.finished = false;
        self.progress.record = None;
        self.progress.now = "between the phases, as recorded".into();
        for (step, bar) in self.progress.steps.iter_mut().zip(&self.axis.bars) {
            let within = (self.at_ms - bar.start_ms).clamp(0.0, bar.ms);
            step.ms = within;
            step.state = match () {
                () if self.at_ms >= bar.start_ms + bar.ms => StepState::Done,
                () if self.at_ms >= bar.start_ms => StepState::Running,
                () => StepState::Waiting,
            };
            if step.state == StepState::Running {
                self.progress.now = format!("{}, as recorded", step.name.explanation());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fleet::{self, Moment};
    use crate::ui::theme::ThemeName;

    fn replay() -> Replay {
        let model = fleet::at(Moment::After, ThemeName::Dark, false);
        Replay::new(model.migration().unwrap().1.record.clone().unwrap(), 1_000)
    }

    #[test]
    fn a_replay_ends_as_the_record_says_and_shows_no_more_than_it_before() {
        let mut r = replay();
        assert!(r.progress().record.is_none() && !r.progress().finished);
        assert!(r.progress().steps.iter().skip(1).all(|s| s.state == StepState::Waiting));
        // 1 902 ms at 1/10 speed.
        assert!(r.words(Lang::En).starts_with("0.00 of 1 902 ms, 1/10 speed"), "{}", r.words(Lang::En));
        assert_eq!(r.owner(), Some("server1"));
        let mut now = 1_000;
        let mut last = -1.0;
        while r.is_moving() {
            now += 50;
            r.tick(now);
            let elapsed: f64 = r.progress().steps.iter().map(|s| s.ms).sum();
            assert!(elapsed >= last, "time ran backwards");
            last = elapsed;
            assert!(r.progress().steps.iter().filter(|s| s.state == StepState::Running).count() <= 1);
        }
        assert!(now < 1_000 + 25_000, "it never ended");
        assert!(r.progress().finished && r.progress().record.is_some());
        assert_eq!(r.owner(), Some("server2"));
        assert!(!r.tick(now + 50), "nothing changes after the end");
        r.pause();
        assert!(r.is_moving(), "it begins again");
    }

    #[test]
    fn it_pauses_seeks_and_changes_speed() {
        let mut r = replay();
        r.pause();
        assert!(!r.tick(9_000) && r.words(Lang::En).contains("PAUSED"));
        for _ in 0..4 {
            r.seek(true);
        }
        assert_eq!(r.progress().steps.iter().position(|s| s.state == StepState::Running), Some(4), "at eth3");
        assert_eq!(r.owner(), None, "the source has stopped");
        r.seek(true);
        assert_eq!(r.owner(), Some("server2"));
        r.seek(false);
        assert_eq!(r.owner(), None);
        for _ in 0..20 {
            r.faster();
        }
        assert!(r.words(Lang::En).contains("2x speed"));
        for _ in 0..20 {
            r.slower();
        }
        assert!(r.words(Lang::En).contains("1/1000 speed"), "{}", r.words(Lang::En));
        r.pause();
        // The time of the pause does not count.
        r.tick(9_050);
        assert!(r.tick(9_100));
    }

    #[test]
    fn a_failed_run_shows_nobody_at_its_end() {
        let model = fleet::at(Moment::Failed, ThemeName::Dark, false);
        let mut r = Replay::new(model.migration().unwrap().1.record.clone().unwrap(), 0);
        for _ in 0..20 {
            r.seek(true);
        }
        assert_eq!((r.is_over(), r.owner()), (true, None));
    }
}
