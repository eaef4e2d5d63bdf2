//! A radio with three servers: the screen is about the one that has the work and another one.

use std::sync::Arc;

use super::super::lang::Lang;
use super::super::theme::{Skin, ThemeName};
use super::{Model, Msg, change, export, fleet, picture, press, update};
use crate::ui::msg::{Effect, Heard};
use config::Config;
use protocol::{Command, Telemetry};

fn model() -> Model {
    let mut config = Config::parse(&fleet::cluster()).unwrap();
    let third = config.host["server2"].clone();
    config.host.insert("server5".parse().unwrap(), third);
    let mut model = Model::new(Arc::new(config), Skin::new(ThemeName::Dark, false), None, fleet::start());
    fleet::tell(&mut model, fleet::Moment::Before);
    model
}

fn hear(model: &mut Model, telemetry: Telemetry) {
    update(model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
}

#[test]
fn the_screen_follows_the_work_to_a_third_server() {
    let mut model = model();
    assert_eq!(model.pool(), ["server1", "server2"]);
    let served = model.telemetry("server1").unwrap().clone();
    let parked = model.telemetry("server2").unwrap().clone();
    let owned = |telemetry: &Telemetry, host: &str| Telemetry {
        host: host.into(),
        seq: telemetry.seq + 1,
        owner: Some("server5".into()),
        owner_epoch: Some(served.owner_epoch.unwrap_or_default() + 1),
        ..telemetry.clone()
    };
    hear(&mut model, owned(&served, "server5"));
    assert_eq!(model.pool(), ["server5", "server1"]);
    hear(&mut model, owned(&parked, "server1"));
    assert_eq!(model.pool(), ["server5", "server1"], "it stays while both are heard");
    // What is ordered is meant between these two.
    let effects = [press(&mut model, "m"), press(&mut model, "y")].concat();
    let between = effects.iter().find_map(|effect| match effect {
        Effect::Request { host, command: Command::Order(request), .. } => Some((host.clone(), request.between.clone())),
        _ => None,
    });
    assert_eq!(between, Some(("server1".to_owned(), Some(["server5".to_owned(), "server1".to_owned()]))));
}

#[test]
fn a_drained_server_says_so() {
    for lang in [Lang::En, Lang::Zh] {
        let mut model = model();
        model.skin.lang = lang;
        let word = lang.tr(" DRAINED ").trim();
        let says_so = |model: &Model| export::text(&picture(model, 120, 40)).contains(word);
        assert!(!says_so(&model));
        change(&mut model, "server2", |telemetry| telemetry.drained = true);
        assert!(says_so(&model), "{}", export::text(&picture(&model, 120, 40)));
    }
}
