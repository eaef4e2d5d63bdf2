//! Runs as a figure of a paper: one column wide, light, of shapes and text alone, readable in grey; and their table as LaTeX and Markdown.

mod axis;
pub mod canvas;
mod distribution;
mod pdf;
mod run;
mod table;

pub use axis::AxisKind;
pub use distribution::of_groups;
pub use pdf::pdf;
pub use run::of_run;
pub use table::{latex, markdown};

use super::history::{GroupBy, compare};
use super::measure::Measure;
use canvas::Canvas;
use protocol::{Failure, RunRecord};

/// Kinds of file that a figure, or the table beside it, is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PaperFormat {
    /// The figure as SVG, one column (85 mm) wide.
    Figure,
    /// The figure as PDF.
    Pdf,
    /// The table as LaTeX (needs the package booktabs).
    Latex,
    /// The table as Markdown.
    Markdown,
}

/// What is drawn of several runs.
#[derive(Debug, Clone, Copy)]
pub struct Distribution {
    /// What makes a group.
    pub by: GroupBy,
    /// The measure on the axis.
    pub measure: Measure,
    /// How it is divided; without it, by decades where the figures span more than one.
    pub axis: Option<AxisKind>,
}

impl Distribution {
    /// The interruption by phases of each group.
    pub fn of_interruption(by: GroupBy) -> Option<Self> {
        Some(Self { by, measure: Measure::named("by_phases")?, axis: None })
    }
}

/// A figure, or a table, of runs as the content of a file: of one run its phases and what the service felt, of several the distribution of
/// each group. Nothing where no migration is among them, or none has a figure to draw.
///
/// # Errors
/// [`protocol::ErrorCode::Internal`] when the figure cannot be drawn.
pub fn bytes(runs: &[&RunRecord], distribution: &Distribution, format: PaperFormat) -> Result<Option<Vec<u8>>, Failure> {
    let moves: Vec<&RunRecord> = runs.iter().copied().filter(|run| run.order.is_migration() && run.began()).collect();
    let by = if moves.len() == 1 { GroupBy::Method } else { distribution.by };
    let drawn = || -> Option<Canvas> {
        match moves.as_slice() {
            [] => None,
            [run] => Some(of_run(run)),
            several => of_groups(several, distribution),
        }
    };
    Ok(match format {
        PaperFormat::Figure => drawn().map(|canvas| canvas.svg().into_bytes()),
        PaperFormat::Pdf => drawn().map(|canvas| pdf(&canvas.svg())).transpose()?,
        PaperFormat::Latex | PaperFormat::Markdown if moves.is_empty() => None,
        PaperFormat::Latex => Some(latex(&compare(&moves, by)).into_bytes()),
        PaperFormat::Markdown => Some(markdown(&compare(&moves, by)).into_bytes()),
    })
}

#[cfg(test)]
mod tests;
