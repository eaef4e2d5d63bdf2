//! The tables to which each piece of a soak adds a line.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::lab::text;
use crate::totals::Totals;

/// One of them: `date commit seed COLUMNS longest_overlap_ms wrong`.
pub struct Ledger {
    /// In docs.
    pub file: &'static str,
    /// Between the seed and what was wrong, by the names of the totals. They add up.
    pub columns: &'static [&'static str],
}

/// A piece of a soak, in a lab of its own.
pub struct Piece {
    pub seed: u64,
    pub totals: Totals,
    pub longest_overlap_ms: f64,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl Ledger {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(self.file)
    }

    /// Adds a piece.
    pub fn note(&self, piece: &Piece) {
        let git = |words: &[&str]| text(&Command::new("git").args(words).output().unwrap().stdout).trim().to_owned();
        let of = |column: &&str| piece.totals.of(column).to_string();
        let mut cells =
            vec![chrono::Utc::now().format("%Y-%m-%d").to_string(), git(&["rev-parse", "--short", "HEAD"]), piece.seed.to_string()];
        cells.extend(self.columns.iter().map(of));
        cells.extend([format!("{:.1}", piece.longest_overlap_ms), piece.wrong.len().to_string()]);
        let mut file = OpenOptions::new().append(true).open(self.path()).unwrap();
        file.write_all(format!("{}\n", cells.join("\t")).as_bytes()).unwrap();
    }

    /// What all pieces have of a column.
    fn column(&self, name: &str) -> Vec<String> {
        let table = fs::read_to_string(self.path()).unwrap();
        let mut lines = table.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        let at = lines.next().unwrap().iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
        lines.map(|cells| cells[at].clone()).collect()
    }

    pub fn sum(&self, name: &str) -> u64 {
        self.column(name).iter().map(|cell| cell.parse::<u64>().unwrap()).sum()
    }

    pub fn longest_overlap_ms(&self) -> f64 {
        self.column("longest_overlap_ms").iter().map(|cell| cell.parse::<f64>().unwrap()).fold(0.0, f64::max)
    }
}

/// A page that draws on a ledger says this, wherever its lines end.
pub fn assert_page_says(page: &str, sentence: &str) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(sentence), "docs/{page} does not say: {sentence}");
}
