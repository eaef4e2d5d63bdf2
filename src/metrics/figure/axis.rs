//! The scale of a figure: ticks at round values, its unit, lines behind the marks.

use super::canvas::{Anchor, Canvas, FAINT, GRID, NOTE, width_of};
use crate::metrics::measure::trim;

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AxisKind {
    /// Equal steps.
    Linear,
    /// Decades.
    Log,
}

/// Decades of the widest axis: more have no room for their labels.
const DECADES: i32 = 9;

/// An axis between two places of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    kind: AxisKind,
    /// Smallest and largest value on it, ms.
    span: (f64, f64),
    /// Where they are, pt.
    place: (f64, f64),
}

impl Axis {
    /// From zero to a value, ms.
    pub fn linear(to: f64, place: (f64, f64)) -> Self {
        Self { kind: AxisKind::Linear, span: (0.0, if to.is_finite() && to > 0.0 { to } else { 1.0 }), place }
    }

    /// Around all values, by whole decades; what is not above zero has no place on it.
    pub fn log(values: impl Iterator<Item = f64>, place: (f64, f64)) -> Self {
        let positive = values.filter(|v| v.is_finite() && *v > 0.0).map(f64::log10);
        let (from, to) = positive.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), v| (from.min(v), to.max(v)));
        let (from, to) = if from <= to { (from.floor() as i32, to.ceil() as i32) } else { (0, 1) };
        let from = from.max(to.saturating_sub(DECADES));
        Self { kind: AxisKind::Log, span: (10_f64.powi(from), 10_f64.powi(to.max(from + 1))), place }
    }

    /// Around all values: by decades where they span more than one, unless the kind is given.
    pub fn around(values: &[f64], kind: Option<AxisKind>, place: (f64, f64)) -> Self {
        let positive = || values.iter().copied().filter(|v| v.is_finite() && *v > 0.0);
        let (least, most) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
        let kind = kind.unwrap_or(if most > 10.0 * least { AxisKind::Log } else { AxisKind::Linear });
        match kind {
            AxisKind::Log => Self::log(positive(), place),
            // Room for the largest mark.
            AxisKind::Linear => Self::linear(most * 1.04, place),
        }
    }

    /// Whether it has decades.
    pub fn is_log(&self) -> bool {
        self.kind == AxisKind::Log
    }

    /// Where a value is, pt; at an end if it is beyond.
    pub fn at(&self, value: f64) -> f64 {
        let (from, to) = self.span;
        let part = match self.kind {
            AxisKind::Linear => (value - from) / (to - from),
            AxisKind::Log => (value.max(f64::MIN_POSITIVE) / from).log10() / (to / from).log10(),
        };
        let (left, right) = self.place;
        left + if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 } * (right - left)
    }

    /// Round values on it, at most one every 22 pt.
    fn ticks(&self) -> Vec<f64> {
        let (from, to) = self.span;
        let most = ((self.place.1 - self.place.0) / 22.0).max(1.0);
        match self.kind {
            AxisKind::Log => {
                let decades = (to / from).log10().round() as i32;
                let step = (f64::from(decades) / most).ceil().max(1.0) as i32;
                // Few: an axis spans ten decades at most.
                (0..=decades).filter(|decade| decade % step == 0).map(|decade| from * 10_f64.powi(decade)).collect()
            }
            AxisKind::Linear => {
                let rough = to / most;
                let decade = 10_f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|step| *step >= rough).unwrap_or(rough);
                (0..=(to / step) as usize).map(|i| i as f64 * step).collect()
            }
        }
    }

    /// Lines behind the marks, to be drawn first.
    pub fn grid(&self, canvas: &mut Canvas, (top, bottom): (f64, f64)) {
        for tick in self.ticks() {
            let x = self.at(tick);
            canvas.line((x, top), (x, bottom), GRID, 0.4);
        }
    }

    /// The axis below the marks: ticks, their values, the unit at the first of them. Returns where it ends, pt.
    pub fn draw(&self, canvas: &mut Canvas, y: f64) -> f64 {
        let (left, right) = self.place;
        canvas.line((left, y), (right, y), FAINT, 0.5);
        if self.is_log() {
            let (from, to) = self.span;
            let decades = (to / from).log10().round() as i32;
            for (decade, part) in (0..decades).flat_map(|decade| (2..10).map(move |part| (decade, part))) {
                let x = self.at(from * 10_f64.powi(decade) * f64::from(part));
                canvas.line((x, y), (x, y + 1.2), FAINT, 0.3);
            }
        }
        for tick in self.ticks() {
            let x = self.at(tick);
            canvas.line((x, y), (x, y + 2.2), FAINT, 0.5);
            canvas.text((x, y + 8.2), NOTE, Anchor::Middle, FAINT, &label(tick));
        }
        // Beside the last value, also where that stands at the end.
        let last = self.ticks().last().map_or(right, |tick| self.at(*tick) + width_of(&label(*tick), NOTE) / 2.0);
        canvas.text((last.max(right) + 3.0, y + 8.2), NOTE, Anchor::Start, FAINT, "ms");
        y + 10.0
    }
}

/// A round value without the dust of its computation.
fn label(tick: f64) -> String {
    trim((tick * 1e6).round() / 1e6)
}
