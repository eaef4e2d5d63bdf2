//! The servers as the page heads its columns: whether they are heard, how busy they are, and what they do.

use super::rows::{Part, Row};
use crate::ui::model::Model;
use config::HostName;

/// A server of the pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Head<'a> {
    /// Its name.
    pub name: &'a HostName,
    /// Its agent is heard for one radio at least.
    pub heard: bool,
    /// Since when it is not, ms; absent where it is, or never was.
    pub silent_ms: Option<u64>,
    /// It takes on no work.
    pub drained: bool,
    /// Radios whose work it has.
    pub serves: Vec<&'a str>,
    /// Radios that it follows.
    pub follows: Vec<&'a str>,
    /// Load of its machine, percent.
    pub cpu_percent: Option<f32>,
    /// Cores that its radios need and that it has, where both are known.
    pub cores: Option<(f64, f64)>,
}

impl Head<'_> {
    /// Part of it that is in use, 0 and up: by what its radios need where that is known, else as measured.
    pub fn use_of(&self) -> Option<f64> {
        let measured = self.cpu_percent.map(|percent| f64::from(percent) / 100.0);
        self.cores.filter(|(_, has)| *has > 0.0).map(|(needed, has)| needed / has).or(measured)
    }
}

/// Every server, from all radios of the pool.
pub fn heads<'a>(model: &'a Model, radios: &[Row<'a>]) -> Vec<Head<'a>> {
    let Some(page) = &model.pool_page else { return Vec::new() };
    page.servers().into_iter().map(|server| head(model, radios, server)).collect()
}

fn head<'a>(model: &'a Model, radios: &[Row<'a>], server: &'a HostName) -> Head<'a> {
    let views = model.pool_page.as_ref().map(|page| &page.views);
    let of_server = || radios.iter().filter(|row| row.model.config.is_server(server));
    let heard: Vec<&Row<'a>> = of_server().filter(|row| row.model.is_heard(server)).collect();
    let latest = of_server().filter_map(|row| row.model.telemetry(server)).max_by_key(|telemetry| telemetry.at);
    let silent_ms = of_server().filter_map(|row| row.model.age_ms(server)).min().filter(|_| heard.is_empty());
    let names = |wanted: &dyn Fn(Part) -> bool| {
        of_server().filter(|row| wanted(row.part(server))).map(|row| row.name.as_str()).collect::<Vec<&'a str>>()
    };
    let serves = names(&|part| matches!(part, Part::Serves | Part::Starts | Part::Down | Part::Unsure | Part::Lost));
    let follows = names(&|part| matches!(part, Part::Follows | Part::NotArmed));
    let need = |radio: &&str| views.and_then(|views| views.need_of(radio));
    // Without every need the sum would pretend.
    let known = radios.iter().all(|row| need(&row.name.as_str()).is_some());
    let told = views.and_then(|views| views.servers().get(server)).and_then(|server| server.cores);
    let has = told.or(latest.map(|telemetry| telemetry.load.cores as f64)).filter(|_| known);
    let cores = has.map(|has| (serves.iter().chain(&follows).filter_map(need).sum(), has));
    Head {
        name: server,
        heard: !heard.is_empty(),
        silent_ms,
        drained: of_server().filter_map(|row| row.model.telemetry(server)).any(|telemetry| telemetry.drained),
        serves,
        follows,
        cpu_percent: latest.filter(|_| !heard.is_empty()).map(|telemetry| telemetry.load.cpu_percent),
        cores,
    }
}
