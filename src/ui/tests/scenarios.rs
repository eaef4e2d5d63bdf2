//! Fleets from files: what hosts say and operators do, with times; what the screen must say then, at every size and in every theme.
//!
//! A file of `scenarios/` is a list of steps. `host` with `base` and `patch` is a snapshot of a host: that of a host at work or idle, with
//! the patch merged into its JSON. `event`, `link`, `keys` and `answer` are what else reaches the console; `shot` names what is drawn then.

use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;

use super::{picture, press};
use crate::ui::export::text;
use crate::ui::fleet;
use crate::ui::model::Model;
use crate::ui::msg::{Heard, LinkState, Msg, Purpose};
use crate::ui::theme::{Skin, ThemeName};
use crate::ui::update::update;
use config::Config;
use protocol::{Event, Failure, Level, Method, Order, Telemetry};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it is about.
    #[allow(dead_code, reason = "for the reader of the file")]
    about: String,
    /// Colours of its pictures.
    theme: ThemeName,
    /// Other names of the cluster's hosts.
    #[serde(default)]
    names: std::collections::BTreeMap<String, String>,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Since the console started, ms.
    at_ms: u64,
    host: Option<String>,
    #[serde(default)]
    base: Base,
    #[serde(default = "empty")]
    patch: Value,
    event: Option<(String, Level, String)>,
    link: Option<(String, String, u64)>,
    keys: Option<String>,
    /// The plan of a method, as its host answers it: expected interruption, ms, and over how many runs.
    plan: Option<(Order, Method, f64, usize)>,
    /// The failure that an order is answered with.
    refused: Option<(Order, Failure)>,
    shot: Option<String>,
    /// What must be read on the screen, at every size.
    #[serde(default)]
    says: Vec<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Base {
    #[default]
    Idle,
    Works,
    FarEnd,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

struct Stage {
    model: Model,
    seq: u64,
    far_end: String,
}

impl Stage {
    fn new(scenario: &Scenario, theme: ThemeName) -> Self {
        let mut cluster = fleet::cluster();
        for (old, new) in &scenario.names {
            cluster = cluster.replace(old.as_str(), new);
        }
        let config = Config::parse(&cluster).unwrap();
        let far_end = config.roles.far_end.as_deref().unwrap().to_owned();
        let model = Model::new(Arc::new(config), Skin::new(theme, false), Some("ada@lab".into()), fleet::start());
        Self { model, seq: 0, far_end }
    }

    fn telemetry(&mut self, host: &str, base: Base, patch: Value) -> Telemetry {
        let works = base == Base::Works;
        let (first, _) = (self.model.pool()[0] == host, ());
        let mut telemetry = fleet::telemetry(if first { "server1" } else { "server2" }, works, works);
        telemetry.host = host.to_owned();
        if base == Base::FarEnd {
            let far = fleet::at(fleet::Moment::Before, ThemeName::Dark, false);
            telemetry = Telemetry { host: self.far_end.clone(), ..far.telemetry("server3").unwrap().clone() };
        }
        self.seq += 1;
        telemetry.seq = self.seq;
        let mut value = serde_json::to_value(&telemetry).unwrap();
        merge(&mut value, patch);
        serde_json::from_value(value).unwrap_or_else(|e| panic!("the patch of {host} makes no telemetry: {e}"))
    }

    /// Does everything of a step but the shot.
    fn play(&mut self, step: &Step) {
        let at = fleet::start() + TimeDelta::milliseconds(step.at_ms as i64);
        update(&mut self.model, Msg::Tick { now_ms: step.at_ms, at });
        if let Some(host) = &step.host {
            let missed = self.model.host(host).map_or(0, |view| view.missed);
            let telemetry = self.telemetry(host, step.base, step.patch.clone());
            update(&mut self.model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
            // The numbers of messages are the files' least concern.
            self.model.hosts.get_mut(host).unwrap().missed = missed;
        }
        if let Some((host, level, text)) = step.event.clone() {
            update(
                &mut self.model,
                Msg::Heard(Heard::Event(Event { at, host, level, text, radio: None, run: None, alert: false })),
            );
        }
        if let Some((host, state, ms)) = step.link.clone() {
            let state = match state.as_str() {
                "connected" => LinkState::Connected,
                "silent" => LinkState::Silent { for_ms: ms },
                "retrying" => LinkState::Retrying { in_ms: ms },
                other => panic!("no state of a link: {other}"),
            };
            update(&mut self.model, Msg::Heard(Heard::Link { host, state }));
        }
        if let Some((order, method, ms, runs)) = step.plan {
            let plan = super::ordering::plan(order, method, Some(ms), runs);
            let host = self.model.config.executor(order).to_owned();
            update(&mut self.model, Msg::Answer { purpose: Purpose::Plan(order, method), host, result: Ok(plan) });
        }
        if let Some((order, failure)) = step.refused.clone() {
            let host = self.model.config.executor(order).to_owned();
            update(&mut self.model, Msg::Answer { purpose: Purpose::Order(order), host, result: Err(failure) });
        }
        press(&mut self.model, step.keys.as_deref().unwrap_or_default());
    }
}

/// Plays a file; `look` sees the model at every shot.
fn play(path: &Path, theme: Option<ThemeName>, mut look: impl FnMut(&Model, &Step, &str)) {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let source = std::fs::read_to_string(path).unwrap();
    let scenario: Scenario = toml::from_str(&source).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut stage = Stage::new(&scenario, theme.unwrap_or(scenario.theme));
    let mut shots = 0;
    for step in &scenario.step {
        stage.play(step);
        if let Some(shot) = &step.shot {
            shots += 1;
            look(&stage.model, step, &format!("{name}-{shot}"));
        }
    }
    assert!(shots > 0, "{name} shows nothing");
}

pub fn files() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui/tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

/// Every scene of every file, for the pictures.
pub fn scenes(mut look: impl FnMut(&Model, &str)) {
    for file in files() {
        play(&file, None, |model, _, name| look(model, name));
    }
}

#[test]
fn every_scenario_is_told_at_every_size() {
    for file in files() {
        play(&file, None, |model, step, name| {
            for (width, height) in SIZES {
                let drawn = text(&picture(model, width, height));
                let words = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
                for wanted in &step.says {
                    assert!(words.contains(wanted.as_str()), "{name} does not say {wanted:?} at {width}x{height}:\n{drawn}");
                }
                insta::assert_snapshot!(format!("{name}-{width}x{height}"), drawn);
            }
        });
    }
}

/// Every theme has a file of its own, and none changes a character of any.
#[test]
fn scenarios_read_the_same_in_every_theme() {
    let mut seen = Vec::new();
    for file in files() {
        let mut expected = Vec::new();
        play(&file, None, |model, _, _| expected.push(text(&picture(model, 120, 40))));
        let scenario: Scenario = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        seen.push(scenario.theme);
        for theme in ThemeName::value_variants() {
            let mut drawn = Vec::new();
            play(&file, Some(*theme), |model, _, _| drawn.push(text(&picture(model, 120, 40))));
            assert_eq!(drawn, expected, "{} {theme:?}", file.display());
        }
    }
    assert!(ThemeName::value_variants().iter().all(|theme| seen.contains(theme)), "a theme has no scenario");
}
