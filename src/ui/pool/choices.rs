//! The servers among which one is chosen for a radio, and why each can or cannot take its work.

use super::heads::heads;
use super::rows::{Part, Row, all};
use crate::ui::model::Model;
use crate::ui::text::trim;
use config::HostName;
use protocol::Grade;

/// A server that may serve the radio.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name.
    pub server: HostName,
    /// Whether it can take the work: fine, with a reason against it, or not at all.
    pub grade: Grade,
    /// Why, in words.
    pub why: String,
}

/// The servers of the radio under the cursor, in the order of their names.
pub fn choices(model: &Model) -> Vec<Choice> {
    let Some(page) = &model.pool_page else { return Vec::new() };
    let (lang, radios) = (model.skin.lang, all(model));
    let Some(row) = radios.iter().find(|row| row.name == model.radio()) else { return Vec::new() };
    let need = page.views.need_of(row.name);
    let heads = heads(model, &radios);
    let may = heads.iter().filter(|head| model.config.is_server(head.name));
    may.map(|head| {
        let part = row.part(head.name);
        let short = head.cores.zip(need).map(|((taken, has), need)| (has - taken, need));
        // A standby has its room already.
        let short = short.filter(|(free, need)| part != Part::Follows && free < need);
        let (grade, why) = match (part, short) {
            (Part::Serves | Part::Starts | Part::Down | Part::Unsure, _) => {
                (Grade::Blocker, lang.tr("it has the work already").to_owned())
            }
            (Part::Silent | Part::Lost, _) => (Grade::Blocker, lang.tr("its agent is not heard").to_owned()),
            _ if head.drained => (Grade::Blocker, lang.tr("it is drained: it takes on no work").to_owned()),
            (Part::Left, _) => (Grade::Warning, lang.tr("something of the work is left there").to_owned()),
            (_, Some((free, need))) => {
                (Grade::Warning, lang.fill("it has {0} cores free of the {1} that the radio needs", &[&cores(free), &cores(need)]))
            }
            (Part::Follows, None) => (Grade::Ok, lang.tr("it follows as the standby").to_owned()),
            _ => (Grade::Ok, free(model, row, head)),
        };
        Choice { server: head.name.clone(), grade, why }
    })
    .collect()
}

/// What speaks for a server that can take the work.
fn free(model: &Model, row: &Row<'_>, head: &super::heads::Head<'_>) -> String {
    let lang = model.skin.lang;
    let others = head.serves.iter().filter(|radio| **radio != row.name.as_str()).count();
    match (head.cores, head.cpu_percent) {
        (Some((taken, has)), _) => lang.fill("serves {0}; {1} of {2} cores needed", &[&others, &cores(taken), &cores(has)]),
        (None, Some(cpu)) => lang.fill("serves {0}; cpu {1} %", &[&others, &format!("{cpu:.0}")]),
        (None, None) => lang.fill("serves {0}", &[&others]),
    }
}

/// Cores in as few figures as tell them apart.
pub fn cores(cores: f64) -> String {
    trim((cores * 100.0).round() / 100.0)
}
