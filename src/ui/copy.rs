//! What the operator copies from the screen: the identity of a run, its figures, the last error.

use super::arguments::CopyWhat;
use super::model::Model;
use super::msg::Effect;
use super::place::Screen;
use super::shown::Shown;
use super::text::clip;
use crate::metrics::table::{TimingTable, outcome};
use protocol::{Level, RunRecord};

/// Columns of a copied text that the log repeats.
const SHOWN: usize = 60;

/// Copies it, or says that there is nothing.
pub fn copy(model: &mut Model, what: CopyWhat) -> Vec<Effect> {
    let lang = model.skin.lang;
    let Some(text) = text(model, what) else {
        let none = match what {
            CopyWhat::Run => "no run to copy yet",
            CopyWhat::Figures => "no figures to copy: the run has no record yet",
            CopyWhat::Error => "no error to copy",
        };
        model.say(Level::Warning, lang.tr(none));
        return Vec::new();
    };
    // What others may not see on the screen, they may not find on a clipboard.
    let text = if model.privacy { model.names().text(&text) } else { text };
    let first = clip(text.lines().next().unwrap_or_default(), SHOWN, model.skin.glyphs.ellipsis);
    model.say(Level::Info, lang.fill("to the terminal's clipboard, if it allows that: {0}", &[&first]));
    vec![Effect::Copy(text)]
}

fn text(model: &Model, what: CopyWhat) -> Option<String> {
    let listed = model.runs.selected().filter(|_| model.screen == Screen::Runs);
    let shown = || Shown::current(model);
    match what {
        CopyWhat::Run => listed.map(|record| record.run.clone()).or_else(|| Some(shown()?.progress.run.clone())),
        CopyWhat::Figures => listed.or_else(|| shown()?.known).map(figures),
        CopyWhat::Error => {
            let at = model.log.iter().rposition(|event| event.level == Level::Error)?;
            // The hint stands in the line behind it.
            let hint = model.log.get(at + 1).filter(|next| next.at == model.log[at].at && next.level == Level::Info);
            let lines = [Some(&model.log[at]), hint].into_iter().flatten().map(|event| event.text.as_str());
            Some(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

fn figures(record: &RunRecord) -> String {
    let table = TimingTable::from_runs(std::slice::from_ref(record));
    let table = if table.columns.is_empty() { String::new() } else { table.text() };
    format!("run {}\n{}{table}", record.run, outcome(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fleet::{self, Moment};
    use crate::ui::msg::Msg;
    use crate::ui::tests::press;
    use crate::ui::theme::ThemeName;
    use crate::ui::update::update;

    fn copied(effects: &[Effect]) -> &str {
        let [Effect::Copy(text)] = effects else { panic!("{effects:?}") };
        text
    }

    #[test]
    fn the_run_of_the_screen_its_figures_and_the_last_error_are_copied() {
        let mut model = fleet::at(Moment::After, ThemeName::Dark, false);
        let run = Shown::current(&model).unwrap().progress.run.clone();
        assert_eq!(copied(&press(&mut model, "y\n")), run, "the key opens the command line with the command");
        assert_eq!(copied(&press(&mut model, ":copy run\n")), run);
        let figures = press(&mut model, ":copy figures\n");
        assert!(copied(&figures).contains(&run) && copied(&figures).contains("by_phases"), "{figures:?}");
        model.say(Level::Error, "M failed: no radio");
        model.say(Level::Info, "what to do: look for it");
        assert_eq!(copied(&press(&mut model, ":copy error\n")), "M failed: no radio\nwhat to do: look for it");
    }

    #[test]
    fn the_list_has_its_own_run() {
        let mut model = fleet::at(Moment::After, ThemeName::Dark, false);
        update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
        press(&mut model, "r");
        let run = model.runs.selected().unwrap().run.clone();
        assert_eq!(copied(&press(&mut model, ":copy\n")), run);
    }

    #[test]
    fn what_is_not_there_is_said_and_what_is_masked_stays_so() {
        let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
        model.log.clear();
        assert!(press(&mut model, ":copy error\n").is_empty());
        assert!(model.log.back().unwrap().text.contains("no error to copy"));
        model.privacy = true;
        model.say(Level::Error, "10.77.0.11 does not answer");
        assert_eq!(copied(&press(&mut model, ":copy error\n")), "xx.xx.x.xx does not answer");
    }
}
