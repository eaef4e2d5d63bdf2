//! The servers as the page heads its columns: whether they are heard, how busy they are, and what they do.

use super::rows::{Part, Row};
use crate::ui::model::Model;
use config::{HostName, RadioViews};

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
    // Without every need the sum would pretend.
    let known = radios.iter().all(|row| page.views.need_of(row.name).is_some());
    page.servers().into_iter().map(|server| head(&page.views, radios, server, known)).collect()
}

fn head<'a>(views: &RadioViews, radios: &[Row<'a>], server: &'a HostName, known: bool) -> Head<'a> {
    let of_server: Vec<&Row<'a>> = radios.iter().filter(|row| row.model.config.is_server(server)).collect();
    let parts: Vec<(&'a str, Part)> = of_server.iter().map(|row| (row.name.as_str(), row.part(server))).collect();
    let told = || of_server.iter().filter_map(|row| row.model.telemetry(server));
    let heard = of_server.iter().any(|row| row.model.is_heard(server));
    let latest = told().max_by_key(|telemetry| telemetry.at);
    let silent_ms = of_server.iter().filter_map(|row| row.model.age_ms(server)).min().filter(|_| !heard);
    let names =
        |wanted: fn(Part) -> bool| parts.iter().filter(|(_, part)| wanted(*part)).map(|(name, _)| *name).collect::<Vec<_>>();
    let serves = names(|part| matches!(part, Part::Serves | Part::Starts | Part::Down | Part::Unsure | Part::Lost));
    let follows = names(|part| matches!(part, Part::Follows | Part::NotArmed));
    let drained = told().any(|telemetry| telemetry.drained);
    let own = views.servers().get(server).and_then(|server| server.cores);
    let has = own.or(latest.map(|telemetry| telemetry.load.cores as f64)).filter(|_| known);
    let needed = || serves.iter().chain(&follows).filter_map(|radio| views.need_of(radio)).sum();
    let cores = has.map(|has| (needed(), has));
    let cpu_percent = latest.filter(|_| heard).map(|telemetry| telemetry.load.cpu_percent);
    Head { name: server, heard, silent_ms, drained, serves, follows, cpu_percent, cores }
}
