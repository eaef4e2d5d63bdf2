//! The picture of a screen, made from its cells, and the runs on it: the same bytes for the same cells and runs.

mod ansi;
mod command;
mod picture;
mod png;
mod shapes;
mod svg;
mod written;

use std::path::Path;

use ratatui::buffer::Buffer;

use crate::metrics::figure::{self, Distribution, PaperFormat};
use crate::metrics::history::{self, GroupBy};
use protocol::{ErrorCode, Failure, RunRecord};

pub use ansi::ansi;
pub use command::{ExportArgs, run};
pub use picture::{Picture, masked, run_picture, screen_picture};
pub use png::png;
pub use svg::svg;
pub use written::Written;

/// Kinds of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A picture without pixels.
    Svg,
    /// A picture.
    Png,
    /// Characters with colours, for a terminal.
    Ansi,
    /// The record as it was written, with a stamp.
    Json,
    /// One row a figure.
    Csv,
    /// Characters.
    Text,
    /// The runs as a figure for a paper, without the console around it: SVG, one column (85 mm) wide.
    Figure,
    /// The same figure as PDF.
    Pdf,
    /// Their table as LaTeX (package booktabs).
    Latex,
    /// Their table as Markdown.
    Markdown,
}

impl Format {
    /// All kinds, in the order in which the console writes them; the text of the screen last.
    pub const ALL: [Self; 10] =
        [Self::Svg, Self::Png, Self::Ansi, Self::Figure, Self::Pdf, Self::Latex, Self::Markdown, Self::Json, Self::Csv, Self::Text];

    /// Ending of the file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Ansi => "ans",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Text => "txt",
            Self::Figure => "figure.svg",
            Self::Pdf => "pdf",
            Self::Latex => "tex",
            Self::Markdown => "md",
        }
    }

    /// Whether it is made of the runs alone, whatever the screen looks like.
    pub fn is_of_runs(self) -> bool {
        matches!(self, Self::Json | Self::Csv) || self.for_paper().is_some()
    }

    fn for_paper(self) -> Option<PaperFormat> {
        match self {
            Self::Figure => Some(PaperFormat::Figure),
            Self::Pdf => Some(PaperFormat::Pdf),
            Self::Latex => Some(PaperFormat::Latex),
            Self::Markdown => Some(PaperFormat::Markdown),
            Self::Svg | Self::Png | Self::Ansi | Self::Json | Self::Csv | Self::Text => None,
        }
    }

    /// Whether it is bytes that are not for a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Png | Self::Pdf)
    }
}

/// A picture, or the runs on it, as the content of a file.
///
/// # Errors
/// [`ErrorCode::Internal`] when it cannot be drawn, [`ErrorCode::BadRequest`] when there is no migration to draw.
pub fn bytes(picture: &Picture, format: Format) -> Result<Vec<u8>, Failure> {
    let runs: Vec<&RunRecord> = picture.runs.iter().collect();
    Ok(match format {
        Format::Svg => svg(&picture.buffer, &picture.stamp).into_bytes(),
        Format::Png => png(&svg(&picture.buffer, &picture.stamp))?.bytes,
        Format::Ansi => ansi(&picture.buffer).into_bytes(),
        Format::Text => text(&picture.buffer).into_bytes(),
        Format::Csv => history::csv(&runs).into_bytes(),
        Format::Json => output::json(format!("{:#}\n", history::json(&runs))).into_bytes(),
        Format::Figure | Format::Pdf | Format::Latex | Format::Markdown => {
            let nothing =
                || Failure::new(ErrorCode::BadRequest, "no migration to draw: other orders, and refused ones, have no phases");
            for_paper(&runs, format)?.ok_or_else(nothing)?
        }
    })
}

/// The figure or the table of the runs; nothing where no migration is among them.
fn for_paper(runs: &[&RunRecord], format: Format) -> Result<Option<Vec<u8>>, Failure> {
    let wanted = format.for_paper().zip(Distribution::of_interruption(GroupBy::Method));
    wanted.map_or(Ok(None), |(format, distribution)| figure::bytes(runs, &distribution, format))
}

/// The characters of a screen, one line a row, without trailing blanks.
pub fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut row = String::new();
        let mut x = area.left();
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += columns(symbol);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// Columns that a symbol takes; the cell behind a wide one is empty.
fn columns(symbol: &str) -> u16 {
    unicode_width::UnicodeWidthStr::width(symbol).clamp(1, 2) as u16
}

/// Writes `<stem>.<ending>` into a folder, for every kind of file; without runs, pictures only.
///
/// # Errors
/// [`ErrorCode::Io`] with the file that could not be written.
pub fn write(picture: &Picture, folder: &Path) -> Result<Written, Failure> {
    let mut written = Written::default();
    for format in Format::ALL.into_iter().filter(|format| !format.is_of_runs() || !picture.runs.is_empty()) {
        let path = folder.join(format!("{}.{}", picture.stem, format.ending()));
        let content = match format {
            Format::Png => {
                let drawn = png(&svg(&picture.buffer, &picture.stamp))?;
                written.missing_glyphs = drawn.missing_glyphs;
                drawn.bytes
            }
            _ if format.for_paper().is_some() => match for_paper(&picture.runs.iter().collect::<Vec<_>>(), format)? {
                Some(content) => content,
                // Starts and stops have no figure.
                None => continue,
            },
            _ => bytes(picture, format)?,
        };
        std::fs::write(&path, content).map_err(|e| {
            Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", path.display()))
                .hint("name a folder that can be written with --export-dir")
        })?;
        // The full path says where it is whatever the working folder was.
        written.files.push(path.canonicalize().unwrap_or(path));
    }
    Ok(written)
}
