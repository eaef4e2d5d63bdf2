//! The picture of a screen, made from its cells: SVG and text, the same bytes for the same cells.

mod shapes;
mod svg;

use std::path::{Path, PathBuf};

use ratatui::buffer::Buffer;

use crate::protocol::{ErrorCode, Failure};

pub use svg::svg;

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

/// Columns that a symbol takes; the cell behind a wide one holds nothing of its own.
fn columns(symbol: &str) -> u16 {
    unicode_width::UnicodeWidthStr::width(symbol).clamp(1, 2) as u16
}

/// Writes `<stem>.svg` and `<stem>.txt` into a folder.
///
/// # Errors
/// [`ErrorCode::Io`] with the file that could not be written.
pub fn write(buffer: &Buffer, description: &str, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, Failure> {
    let files = [("svg", svg(buffer, description)), ("txt", text(buffer))];
    let mut written = Vec::new();
    for (ending, content) in files {
        let path = folder.join(format!("{stem}.{ending}"));
        std::fs::write(&path, content).map_err(|e| {
            Failure::new(ErrorCode::Io, format!("{} can not be written: {e}", path.display()))
                .hint("name a folder that can be written with --export-dir")
        })?;
        // The full path says where it is whatever the working folder was.
        written.push(path.canonicalize().unwrap_or(path));
    }
    Ok(written)
}
