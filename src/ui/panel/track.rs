//! The way of the work from one server to the other, a piece for every phase: it fills from the source's side to the destination's.

use ratatui::text::{Line, Span};

use super::span;
use crate::ui::model::Model;
use protocol::{Progress, StepState};

/// Narrowest piece that is set off by a blank.
const PIECE: usize = 2;

/// The whole way in so many columns, as much of it solid as is behind the work.
pub fn whole<'a>(model: &Model, progress: &Progress, width: usize) -> Option<Line<'a>> {
    let steps = progress.steps.len();
    let each = (width + 1).checked_div(steps)?.checked_sub(1).filter(|each| *each >= PIECE)?;
    let mut pieces: Vec<Span<'a>> = Vec::new();
    for piece in pieces_of(model, progress, each) {
        if !pieces.is_empty() {
            pieces.push(span(" ", model.skin.theme.base));
        }
        pieces.push(piece);
    }
    Some(Line::from(pieces))
}

/// A mark for every phase, for where there is no room for more.
pub fn marks<'a>(model: &Model, progress: &Progress) -> Vec<Span<'a>> {
    pieces_of(model, progress, 1)
}

fn pieces_of<'a>(model: &Model, progress: &Progress, each: usize) -> Vec<Span<'a>> {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let rightwards = progress.to == model.pool()[1];
    let pieces = progress.steps.iter().map(|step| match step.state {
        StepState::Done | StepState::Unmeasured => span(if each > 1 { g.shaft } else { g.step[2] }.repeat(each), t.owner),
        StepState::Running => span(if rightwards { g.right } else { g.left }.repeat(each), t.warn),
        StepState::Failed => span(g.step[3].repeat(each), t.bad),
        StepState::Waiting => span(g.step[0].repeat(each), t.dim),
    });
    let mut pieces: Vec<Span<'a>> = pieces.collect();
    if !rightwards {
        pieces.reverse();
    }
    pieces
}
