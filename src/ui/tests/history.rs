//! The Runs screen: list, filter, sort, comparison.

use insta::assert_snapshot;

use super::{picture, press};
use crate::metrics::history::{GroupBy, SortKey};
use crate::metrics::records::Records;
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Msg};
use crate::ui::place::Screen;
use crate::ui::runs::Loading;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{ErrorCode, Failure};

fn model(theme: ThemeName) -> Model {
    let mut model = fleet::at(Moment::After, theme, false);
    assert_eq!(press(&mut model, "r"), [Effect::LoadRuns]);
    update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
    model
}

fn shot(model: &Model, width: u16, height: u16) -> String {
    text(&picture(model, width, height))
}

fn runs(model: &Model) -> Vec<String> {
    model.runs.visible().map(|run| run.run.clone()).collect()
}

#[test]
fn runs_at_three_sizes() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let m = model(ThemeName::Mono);
        let drawn = shot(&m, width, height);
        assert_snapshot!(format!("runs-{width}x{height}"), drawn);
        assert_eq!(shot(&model(ThemeName::Dark), width, height), drawn, "colour carries a meaning alone");
        let mut m = model(ThemeName::Mono);
        press(&mut m, "v");
        assert_snapshot!(format!("compare-{width}x{height}"), shot(&m, width, height));
    }
}

#[test]
fn the_list_is_filtered_as_one_types() {
    let mut m = model(ThemeName::Mono);
    assert_eq!(runs(&m).len(), 13);
    press(&mut m, "/method:cold");
    assert_eq!(runs(&m).len(), 6);
    assert!(m.runs.typing && m.confirm.is_none(), "a letter of the filter was taken for an order");
    press(&mut m, " order:mb\n");
    assert!(!m.runs.typing);
    assert_eq!(runs(&m).len(), 3);
    assert!(shot(&m, 80, 24).contains("filter method:cold order:mb"));
    press(&mut m, "\u{1b}");
    assert_eq!((runs(&m).len(), m.screen), (13, Screen::Runs));
    press(&mut m, "/total>much");
    assert_eq!(runs(&m).len(), 0, "a word on the way is a filter too");
    assert!(shot(&m, 120, 24).contains("\"total>much\" is not a filter; a number"), "{}", shot(&m, 120, 24));
    press(&mut m, "\u{1b}");
    assert_eq!(runs(&m).len(), 13);
    press(&mut m, "\u{1b}");
    assert_eq!(m.screen, Screen::Operate);
}

#[test]
fn the_cursor_stays_on_its_run_while_the_list_is_sorted() {
    let mut m = model(ThemeName::Mono);
    assert_eq!(m.runs.row(), Some(0));
    press(&mut m, "\u{2193}\u{2193}");
    let run = m.runs.selected().unwrap().run.clone();
    let before = runs(&m);
    press(&mut m, "i");
    let mut turned = runs(&m);
    assert_eq!(m.runs.selected().unwrap().run, run);
    turned.reverse();
    assert_eq!(turned, before);
    press(&mut m, "<<<<i");
    assert_eq!(m.runs.sort, SortKey::Total);
    let totals: Vec<f64> = m.runs.visible().map(|run| run.total_ms).collect();
    assert!(totals.windows(2).all(|pair| pair[0] >= pair[1]), "{totals:?}");
    press(&mut m, ">");
    assert_eq!((m.runs.sort, m.runs.selected().unwrap().run.clone()), (SortKey::Phases, run));
    press(&mut m, &"\u{2193}".repeat(40));
    assert_eq!(m.runs.row(), Some(12), "it ends at the last");
    press(&mut m, &"\u{2191}".repeat(40));
    assert_eq!(m.runs.row(), Some(0));
}

#[test]
fn marked_runs_are_compared() {
    let mut m = model(ThemeName::Mono);
    press(&mut m, " ");
    assert_eq!((m.runs.marks(), m.runs.row()), (1, Some(1)), "the cursor moves on");
    press(&mut m, "  v");
    assert_eq!(m.runs.compared().groups.len(), 3);
    assert_snapshot!("compare-three-120x40", shot(&m, 120, 40));
    press(&mut m, "g");
    assert_eq!((m.runs.by, m.runs.compared().groups.len()), (GroupBy::Method, 2));
    press(&mut m, "\u{1b}\u{1b}");
    assert_eq!((m.runs.comparing, m.runs.marks()), (false, 0));
    press(&mut m, "v");
    let groups: Vec<(String, usize, usize)> =
        m.runs.compared().groups.iter().map(|g| (g.name.clone(), g.runs, g.left_out)).collect();
    assert_eq!(groups, [("cold".to_owned(), 6, 0), ("classic".to_owned(), 5, 1)], "all listed ones, by method");
}

#[test]
fn records_are_read_when_they_are_looked_at_and_failures_are_said() {
    let mut m = fleet::at(Moment::After, ThemeName::Mono, false);
    assert_eq!(press(&mut m, "r"), [Effect::LoadRuns]);
    assert!(shot(&m, 80, 24).contains("reading the records"));
    assert!(press(&mut m, "u").is_empty(), "they are being read");
    update(&mut m, Msg::RunsLoaded(Err(Failure::new(ErrorCode::Io, "the records in /x cannot be read"))));
    assert!(shot(&m, 80, 24).contains("the records in /x cannot be read. u reads"), "{}", shot(&m, 80, 24));
    assert_eq!(press(&mut m, "u"), [Effect::LoadRuns]);
    update(&mut m, Msg::RunsLoaded(Ok(Records::default())));
    assert!(shot(&m, 80, 24).contains("No runs are recorded in /nowhere/records"));
    assert!(matches!(m.runs.loading, Loading::Done(_)));
    // Nothing is there to be opened, marked, compared or played.
    assert!(press(&mut m, "\n vgp").is_empty() && m.replay.is_none() && m.opened.is_none());
    press(&mut m, "\u{1b}o\t\t");
    assert_eq!(m.screen, Screen::Runs, "Tab goes round");
    press(&mut m, "\t");
    assert_eq!(m.screen, Screen::Operate);
}

/// A letter that means an order elsewhere does nothing to the work here, and says so.
#[test]
fn the_list_takes_no_orders() {
    let mut m = model(ThemeName::Mono);
    assert!(press(&mut m, "sSkKmbE").is_empty() && m.confirm.is_none() && m.pending.is_empty());
    assert!(shot(&m, 120, 40).contains("warning: orders are given on Operate"), "{}", shot(&m, 120, 40));
    press(&mut m, "/");
    update(&mut m, Msg::Paste("method:cold\nDS\n".into()));
    assert_eq!(runs(&m).len(), 6, "a paste is a filter too, its first line");
    // Typed, they are taken everywhere.
    press(&mut m, "\n:kr\n");
    assert_eq!(press(&mut m, "\n").len(), 1);
    assert!(shot(&m, 120, 40).contains("KR ordered from server2"));
}

/// A file of years does not fill the memory.
#[test]
fn only_the_newest_records_are_kept() {
    let one = fleet::records().runs.remove(1);
    let many = (0..crate::ui::runs::MOST + 7).map(|i| protocol::RunRecord { run: format!("{i:08}"), ..one.clone() }).collect();
    let mut m = fleet::at(Moment::After, ThemeName::Mono, false);
    update(&mut m, Msg::RunsLoaded(Ok(Records { runs: many, ..Records::default() })));
    assert_eq!((m.runs.count(), m.runs.older), (crate::ui::runs::MOST, 7));
    assert_eq!(runs(&m).last().map(String::as_str), Some("00000007"));
}
