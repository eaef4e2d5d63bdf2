//! The history of runs on the Runs screen: loaded records, which of them pass the filter, which are marked.

pub mod keys;
pub mod replay;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tui_input::Input;

use crate::metrics::history::{Comparison, Filter, GroupBy, SortKey, compare, order};
use crate::metrics::records::Records;
use crate::ui::lang::Lang;
use crate::ui::text::one_line;
use protocol::{Failure, RunRecord};

/// Records kept, the newest: about 10 MB.
pub const MOST: usize = 5_000;
/// Longest filter, characters.
const LONGEST: usize = 200;
/// Runs marked at most: more columns than any terminal holds.
const MARKS: usize = 50;

/// What is known of the records.
#[derive(Debug, Clone, PartialEq)]
pub enum Loading {
    /// Not read yet.
    Never,
    /// Being read.
    UnderWay,
    /// Read then.
    Done(DateTime<Utc>),
    /// Could not be read.
    Failed(Failure),
}

/// State of the Runs screen.
#[derive(Debug, Clone)]
pub struct RunList {
    /// The newest records, oldest first.
    records: Vec<RunRecord>,
    /// Whether they were read, and when.
    pub loading: Loading,
    /// Records that are older than the kept ones.
    pub older: usize,
    /// Lines of the file that are no record.
    pub unreadable: usize,
    /// The filter as typed.
    pub input: Input,
    /// Whether the filter is being typed.
    pub typing: bool,
    /// Why the typed filter is invalid.
    pub complaint: Option<Failure>,
    /// The last valid filter.
    filter: Filter,
    /// What they are sorted by.
    pub sort: SortKey,
    /// Largest or newest first.
    pub reverse: bool,
    /// Identity of the run under the cursor.
    cursor: Option<String>,
    /// Identities of the marked runs.
    marked: BTreeSet<String>,
    /// Whether the comparison is shown.
    pub comparing: bool,
    /// What makes a group of the comparison.
    pub by: GroupBy,
    /// The comparison, while it is shown: thousands of runs are not sorted again for every frame.
    comparison: Comparison,
    /// Places in `records` of the chosen runs, sorted.
    visible: Vec<usize>,
}

impl Default for RunList {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            loading: Loading::Never,
            older: 0,
            unreadable: 0,
            input: Input::default(),
            typing: false,
            complaint: None,
            filter: Filter::default(),
            sort: SortKey::default(),
            // The newest is what one looks for.
            reverse: true,
            cursor: None,
            marked: BTreeSet::new(),
            comparing: false,
            by: GroupBy::default(),
            comparison: Comparison::default(),
            visible: Vec::new(),
        }
    }
}

impl RunList {
    /// Stores the records that were read.
    pub fn loaded(&mut self, result: Result<Records, Failure>, at: DateTime<Utc>) {
        match result {
            Ok(Records { mut runs, unreadable, .. }) => {
                self.older = runs.len().saturating_sub(MOST);
                runs.drain(..self.older);
                self.unreadable = unreadable;
                self.records = runs;
                self.loading = Loading::Done(at);
            }
            Err(failure) => self.loading = Loading::Failed(failure),
        }
        self.arrange();
    }

    /// Filters and sorts again; the cursor stays on its run while that is still listed.
    fn arrange(&mut self) {
        let (records, first) = (&self.records, order(self.sort, self.reverse));
        self.visible = (0..records.len()).filter(|&at| self.filter.admits(&records[at])).collect();
        self.visible.sort_by(|&a, &b| first(&records[a], &records[b]));
        if self.selected().is_none() {
            let first = self.visible().next().map(|run| run.run.clone());
            self.cursor = first;
        }
        self.refresh();
    }

    /// The chosen runs, sorted.
    pub fn visible(&self) -> impl ExactSizeIterator<Item = &RunRecord> + Clone {
        self.visible.iter().map(|&at| &self.records[at])
    }

    /// All that were loaded.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Row of the cursor among the chosen runs.
    pub fn row(&self) -> Option<usize> {
        let cursor = self.cursor.as_deref()?;
        self.visible().position(|run| run.run == cursor)
    }

    /// The run under the cursor.
    pub fn selected(&self) -> Option<&RunRecord> {
        let cursor = self.cursor.as_deref()?;
        self.visible().find(|run| run.run == cursor)
    }

    /// Whether a run is marked.
    pub fn is_marked(&self, run: &str) -> bool {
        self.marked.contains(run)
    }

    /// How many are marked.
    pub fn marks(&self) -> usize {
        self.marked.len()
    }

    /// The marked runs, or all chosen ones where none is marked.
    pub fn marked_or_listed(&self) -> impl Iterator<Item = &RunRecord> {
        // A comparison is of two at least.
        let marked = self.marks() > usize::from(self.comparing);
        self.visible().filter(move |run| !marked || self.is_marked(&run.run))
    }

    /// What the comparison is of: the marked runs, or all chosen ones where fewer than two are marked.
    pub fn compared(&self) -> &Comparison {
        &self.comparison
    }

    /// Computes the comparison again, if it is shown.
    fn refresh(&mut self) {
        self.comparison = if self.comparing { self.newest_comparison() } else { Comparison::default() };
    }

    fn newest_comparison(&self) -> Comparison {
        let marked: Vec<&RunRecord> = self.records.iter().filter(|run| self.is_marked(&run.run)).collect();
        if marked.len() >= 2 {
            return compare(&marked, self.by);
        }
        // A column for each of thousands of runs helps nobody: groups of methods do.
        let by = if self.by == GroupBy::Run { GroupBy::Method } else { self.by };
        compare(&self.visible().collect::<Vec<_>>(), by)
    }

    /// What the comparison is of, in words.
    pub fn compared_what(&self, lang: Lang) -> String {
        match self.marks() {
            0 | 1 => {
                let by = if self.by == GroupBy::Run { GroupBy::Method } else { self.by };
                lang.fill("the {0} runs listed, by {1}", &[&self.visible.len(), &lang.tr(by.name())])
            }
            n => lang.fill("{0} marked runs, by {1}", &[&n, &lang.tr(self.by.name())]),
        }
    }

    /// Appends the first line of pasted text to the filter.
    pub fn paste(&mut self, text: &str) {
        let line = one_line(text.lines().next().unwrap_or_default());
        self.input = Input::from(format!("{}{line}", self.input.value()).chars().take(LONGEST).collect::<String>());
        self.apply_filter();
    }

    /// Moves the cursor down, or up where negative.
    pub fn move_by(&mut self, rows: isize) {
        let last = self.visible.len().saturating_sub(1);
        let row = self.row().unwrap_or(0).saturating_add_signed(rows).min(last);
        let there = self.visible().nth(row).map(|run| run.run.clone());
        self.cursor = there;
    }

    /// Moves the cursor to a row of the list.
    pub fn move_to(&mut self, row: usize) {
        let there = self.visible().nth(row).map(|run| run.run.clone());
        self.cursor = there.or(self.cursor.take());
    }

    /// Sorts by a column, or the other way round where they are sorted by it.
    pub fn sort_by(&mut self, key: SortKey) {
        self.reverse = if self.sort == key { !self.reverse } else { true };
        self.sort = key;
        self.arrange();
    }

    fn mark(&mut self) {
        let Some(run) = self.cursor.clone() else { return };
        if !self.marked.remove(&run) && self.marked.len() < MARKS {
            self.marked.insert(run);
        }
        self.move_by(1);
    }

    /// Applies the filter as typed; an invalid one leaves the last in force and sets the complaint.
    fn apply_filter(&mut self) {
        match Filter::parse(self.input.value()) {
            Ok(filter) => {
                self.filter = filter;
                self.complaint = None;
                self.arrange();
            }
            Err(failure) => self.complaint = Some(failure),
        }
    }
}
