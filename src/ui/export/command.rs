//! `baton runs export`: a recorded run as a file.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Format, bytes, masked, run_picture};
use crate::metrics::history;
use crate::ui::screen::MINIMUM;
use crate::ui::theme::{Skin, ThemeName};
use protocol::{ErrorCode, Failure};

/// Options.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    /// The run, or any part of its identity that no other run has.
    #[arg(required_unless_present = "last")]
    run: Option<String>,
    /// The newest run.
    #[arg(long, conflicts_with = "run")]
    last: bool,
    /// Kind of file.
    #[arg(long, value_enum, default_value_t = Format::Svg)]
    format: Format,
    /// Where to write it; without it, to stdout.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Colours of pictures.
    #[arg(long, value_enum, default_value_t)]
    theme: ThemeName,
    /// Draw with ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// Mask addresses and names of people.
    #[arg(long)]
    privacy: bool,
    /// Columns of a picture.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u16).range(i64::from(MINIMUM.0)..=400))]
    columns: u16,
    /// Rows of a picture.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(i64::from(MINIMUM.1)..=200))]
    rows: u16,
}

/// Exports a run that the folder `records` holds. The same record and options give the same bytes.
///
/// # Errors
/// The records cannot be read, hold no such run, or the file cannot be written.
pub fn run(records: &Path, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let record = history::find_in(records, args.run.as_deref().unwrap_or("last"))?;
    let picture = run_picture(&record, &Skin::new(args.theme, args.ascii), args.columns, args.rows);
    let picture = if args.privacy { masked(picture) } else { picture };
    let content = bytes(&picture, args.format)?;
    match &args.out {
        Some(path) => std::fs::write(path, content)
            .map_err(|e| Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", path.display())))?,
        None if args.format.is_binary() && stdout().is_terminal() => {
            return Err(Failure::new(ErrorCode::BadRequest, "a PNG or PDF is not for a terminal").hint("name a file with --out"));
        }
        None => output::write_stdout(&content)
            .map_err(|e| Failure::new(ErrorCode::Io, format!("the export could not be written to standard output: {e}")))?,
    }
    Ok(ExitCode::SUCCESS)
}
