//! A run on one time axis: its phases, and which of them interrupt the service.

use protocol::{Method, OrderStage, PhaseName, Progress, RunRecord, Step, StepState};

/// A phase on the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Which.
    pub name: PhaseName,
    /// Where it is.
    pub state: StepState,
    /// Sum of the phases before it, ms: a record keeps lengths, not starts.
    pub start_ms: f64,
    /// How long it took, or has taken so far, ms.
    pub ms: f64,
    /// The service is interrupted meanwhile.
    pub interrupts: bool,
}

/// A run's phases laid end to end, in the order in which they are completed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// The phases.
    pub bars: Vec<Bar>,
    /// Length of the axis, ms: the total once it is known, and never less than the phases together.
    pub length_ms: f64,
    /// How much of it has passed, ms.
    pub elapsed_ms: f64,
}

impl Timeline {
    /// The axis of a run, finished or not.
    pub fn from_progress(progress: &Progress) -> Self {
        let recorded = |step: &Step| {
            let phases = progress.record.iter().flat_map(|record| &record.phases);
            phases.into_iter().find(|p| p.name == step.name).map_or(step.ms, |p| p.ms)
        };
        let mut end = 0.0;
        let running = running(progress);
        let bars = progress.steps.iter().map(|step| {
            let again = step.state == StepState::Running && running != Some(step.name);
            let measured = matches!(step.state, StepState::Running | StepState::Done | StepState::Failed);
            let ms =
                if measured && !again { Some(recorded(step)).filter(|v| v.is_finite() && *v >= 0.0).unwrap_or(0.0) } else { 0.0 };
            let start_ms = end;
            end += ms;
            Bar { name: step.name, state: step.state, start_ms, ms, interrupts: interrupts(Some(progress), step.name) }
        });
        let bars: Vec<Bar> = bars.collect();
        let total = progress.record.as_ref().map_or(0.0, |record| record.total_ms);
        let length_ms = if total.is_finite() { total.max(end) } else { end };
        Self { bars, length_ms, elapsed_ms: length_ms }
    }

    /// The paper's own run (its table 3-4).
    pub fn paper() -> Self {
        let mut end = 0.0;
        let bars = PhaseName::ALL.into_iter().filter_map(|name| {
            let ms = name.paper_ms()?;
            let start_ms = end;
            end += ms;
            Some(Bar { name, state: StepState::Done, start_ms, ms, interrupts: interrupts(None, name) })
        });
        let bars: Vec<Bar> = bars.collect();
        Self { bars, length_ms: end, elapsed_ms: end }
    }

    /// What no phase accounts for, ms: the time between the phases.
    pub fn between_ms(&self) -> f64 {
        (self.elapsed_ms - self.bars.iter().map(|bar| bar.ms).sum::<f64>()).max(0.0)
    }

    /// Whether a phase has a figure: it is over, or its request runs and its time is shown at this one.
    pub fn is_measured(&self, bar: &Bar) -> bool {
        match bar.state {
            StepState::Waiting | StepState::Unmeasured => false,
            StepState::Running => bar.ms > 0.0 || self.bars.iter().filter(|bar| bar.state == StepState::Running).count() == 1,
            StepState::Done | StepState::Failed => true,
        }
    }

    /// Sum of the interrupting phases so far, ms; `None` before the first of them has begun.
    pub fn interruption_ms(&self) -> Option<f64> {
        let begun = |bar: &&Bar| bar.interrupts && !matches!(bar.state, StepState::Waiting | StepState::Unmeasured);
        self.bars.iter().filter(begun).map(|bar| bar.ms).reduce(|sum, ms| sum + ms)
    }

    /// Start and end of the interruption on the axis, ms.
    pub fn interruption(&self) -> Option<(f64, f64)> {
        let begun = |bar: &&Bar| bar.interrupts && !matches!(bar.state, StepState::Waiting | StepState::Unmeasured);
        let mut bars = self.bars.iter().filter(begun);
        let first = bars.next()?;
        let last = bars.next_back().unwrap_or(first);
        Some((first.start_ms, last.start_ms + last.ms))
    }
}

/// The phase at which the time of the running request is shown. One request may carry several phases: its answer tells what they took, and
/// the record counts the rest, which is nearly all of it, under the link to the radio. Until then it is shown there, once.
pub fn running(progress: &Progress) -> Option<PhaseName> {
    let mut running = progress.steps.iter().filter(|step| step.state == StepState::Running).map(|step| step.name);
    let first = running.next();
    running.find(|name| *name == PhaseName::LinkUsrp).or(first)
}

/// Whether anything was done: an order that was refused, or cancelled before its first step, is no run.
pub fn began(progress: &Progress) -> bool {
    let touched = |step: &Step| matches!(step.state, StepState::Running | StepState::Done | StepState::Failed);
    !progress.finished || progress.steps.iter().any(touched) || progress.record.as_ref().is_some_and(RunRecord::began)
}

/// Whether nobody serves during a phase: those that come after the source was stopped, in the order of the run; of a failover and a take-over, all.
pub fn interrupts(progress: Option<&Progress>, name: PhaseName) -> bool {
    if progress.is_some_and(|progress| matches!(progress.method, Method::Failover | Method::Takeover)) {
        return true;
    }
    if name == PhaseName::Switchover {
        return true;
    }
    let classic = [PhaseName::Eth3, PhaseName::LinkUsrp, PhaseName::Sync];
    let Some(steps) = progress.map(|p| &p.steps).filter(|steps| steps.iter().any(|s| s.name == PhaseName::StopSource)) else {
        return classic.contains(&name);
    };
    steps.iter().skip_while(|s| s.name != PhaseName::StopSource).skip(1).any(|s| s.name == name)
}

/// A recorded run as the console follows a live one: finished, its completed phases done.
pub fn finished(record: RunRecord) -> Progress {
    let steps = record.phases.iter().map(|p| Step { name: p.name, state: StepState::Done, ms: p.ms }).collect();
    Progress {
        run: record.run.clone(),
        order: record.order,
        method: record.method,
        from: record.from.clone(),
        to: record.to.clone(),
        steps,
        now: "as recorded".into(),
        stage: OrderStage::Closing,
        finished: true,
        record: Some(record),
    }
}

/// Marks on an axis of `length` at round values, at most `most` of them besides zero.
pub fn ticks(length: f64, most: usize) -> Vec<f64> {
    if !length.is_finite() || length <= 0.0 || most == 0 {
        return vec![0.0];
    }
    let rough = length / most as f64;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|step| *step >= rough).unwrap_or(10.0 * decade);
    // `most` bounds it: the step is at least length / most.
    (0..=most).map(|i| i as f64 * step).take_while(|tick| *tick <= length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fleet::{self, Moment};
    use crate::ui::theme::ThemeName;

    #[test]
    fn phases_lie_end_to_end_and_the_rest_is_between_them() {
        let model = fleet::at(Moment::After, ThemeName::Dark, false);
        let (_, progress) = model.migration().unwrap();
        let axis = Timeline::from_progress(progress);
        assert_eq!(axis.length_ms, 1902.4);
        for pair in axis.bars.windows(2) {
            assert!((pair[0].start_ms + pair[0].ms - pair[1].start_ms).abs() < 1e-9);
        }
        let sum: f64 = axis.bars.iter().map(|b| b.ms).sum();
        assert!((axis.between_ms() - (1902.4 - sum)).abs() < 1e-9 && axis.between_ms() > 50.0);
        let (start, end) = axis.interruption().unwrap();
        assert!((end - start - 1741.44).abs() < 1e-6);
        assert_eq!(axis.interruption_ms().map(f64::round), Some(1741.0));
        let again = Timeline::from_progress(&finished(progress.record.clone().unwrap()));
        assert_eq!(again, axis, "a record replays as it was");
    }

    #[test]
    fn the_papers_run_adds_up_to_its_own_totals() {
        use protocol::{PAPER_INTERRUPTION_MS, PAPER_TOTAL_MS};
        let axis = Timeline::paper();
        assert_eq!((axis.length_ms, axis.interruption_ms()), (PAPER_TOTAL_MS, Some(PAPER_INTERRUPTION_MS)));
    }

    #[test]
    fn what_has_not_begun_has_no_length() {
        let model = fleet::at(Moment::During, ThemeName::Dark, false);
        let axis = Timeline::from_progress(model.migration().unwrap().1);
        assert_eq!(axis.bars.last().map(|b| b.ms), Some(0.0), "sync has not begun");
        assert_eq!(axis.interruption_ms(), Some(2.14 + 812.0));
        let model = fleet::at(Moment::Before, ThemeName::Dark, false);
        assert!(model.migration().is_none());
    }

    #[test]
    fn a_request_of_several_phases_counts_once() {
        let model = fleet::at(Moment::During, ThemeName::Dark, false);
        let mut progress = model.migration().unwrap().1.clone();
        (progress.steps[6].state, progress.steps[6].ms) = (StepState::Running, 812.0);
        let axis = Timeline::from_progress(&progress);
        assert_eq!(axis.interruption_ms(), Some(2.14 + 812.0));
        // What the record will count under the link is shown there, not at the change of the address.
        (progress.steps[4].state, progress.steps[4].ms) = (StepState::Running, 812.0);
        (progress.steps[6].state, progress.steps[6].ms) = (StepState::Waiting, 0.0);
        let axis = Timeline::from_progress(&progress);
        assert_eq!((axis.bars[4].ms, axis.bars[5].ms, axis.interruption_ms()), (0.0, 812.0, Some(812.0)));
        assert!(!axis.is_measured(&axis.bars[4]) && axis.is_measured(&axis.bars[5]));
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(1902.4, 5), [0.0, 500.0, 1000.0, 1500.0]);
        assert_eq!(ticks(10.0, 10).len(), 11);
        for length in [0.003, 7.0, 169.0, 1e12, f64::NAN, -1.0, f64::INFINITY, 5e-324] {
            assert!(ticks(length, 6).len() <= 7, "{length}");
        }
    }
}
