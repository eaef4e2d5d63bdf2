//! A pool that the console has heard: servers, radios, who serves what.

use std::fmt::Write;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::ui::fleet;
use crate::ui::model::Model;
use crate::ui::msg::{Heard, LinkState, Msg};
use crate::ui::place::Screen;
use crate::ui::theme::{Skin, ThemeName};
use crate::ui::update::update;
use config::RadioViews;
use protocol::*;

/// A cluster file; with needs, servers have two cores and radios need 0.4 of one.
pub fn cluster(servers: usize, radios: usize, needs: bool) -> String {
    cluster_of(servers, radios, needs, servers)
}

/// The same, each radio with so many servers that may serve it.
pub fn cluster_of(servers: usize, radios: usize, needs: bool, of_each: usize) -> String {
    let mut text = "records = \"/nowhere/runs\"\nruntime = \"/nowhere/run\"\nkey_file = \"/nowhere/key\"\n".to_owned();
    for server in 1..=servers {
        let cores = if needs { "cores = 2.0\n" } else { "" };
        let _ = writeln!(
            text,
            "[pool.server.server{server}]\ncommand = \"tcp://10.77.0.{server}:7600\"\ntelemetry = \"tcp://10.77.0.{server}:7601\"\n{cores}"
        );
    }
    if servers > 2 {
        text += "[pool.store]\nendpoints = [\"10.77.0.1:2379\", \"10.77.0.2:2379\", \"10.77.0.3:2379\"]\n";
    }
    text +=
        "[workload]\nd2d = [\"/usr/bin/baton\", \"d2d\"]\nusrp = [\"/usr/bin/baton\", \"usrp\"]\nuhd = [\"/usr/bin/baton-uhd\"]\n";
    for radio in 1..=radios {
        // Each begins on another server.
        let names: Vec<String> = (0..of_each).map(|place| format!("\"server{}\"", (radio - 1 + place) % servers + 1)).collect();
        let (high, low) = (radio / 200, radio % 200);
        let need = if needs { "need_cores = 0.4\n" } else { "" };
        let device = |name: &str| {
            format!(
                "[radio.{name}]\nargs = \"addr=10.{}.{low}.9\"\nrate = 6.25e6\ntx_freq = 10e6\nrx_freq = 20e6\ngain = 0\ntx_ant = \"A\"\nrx_ant = \"A\"\nref = \"internal\"\nbw = 6.25e6\n",
                100 + high
            )
        };
        let _ = writeln!(
            text,
            "[pool.radio.radio{radio}]\nservers = [{}]\nfar_end = \"far{radio}\"\nradio_port = \"eth{}\"\ntun = \"tun{radio}\"\n{need}\
             [pool.radio.radio{radio}.addresses]\nactive = \"10.{}.{low}.1/24\"\nparked = \"10.{}.{low}.2/24\"\n\
             [pool.radio.radio{radio}.probe]\ntarget = \"10.{}.{low}.9\"\n\
             [host.far{radio}]\ncommand = \"tcp://10.78.{high}.{low}:7600\"\ntelemetry = \"tcp://10.78.{high}.{low}:7601\"\n\
             radio = \"radio{radio}-far\"\nautostart = true\n{}{}",
            names.join(", "),
            radio + 2,
            100 + high,
            120 + high,
            140 + high,
            device(&format!("radio{radio}")),
            device(&format!("radio{radio}-far")),
        );
    }
    text
}

/// A console on the Pool page that has heard nothing yet.
pub fn silent(servers: usize, radios: usize, needs: bool) -> Model {
    console(RadioViews::parse(&cluster(servers, radios, needs)).unwrap())
}

/// The same, of any pool.
pub fn console(views: RadioViews) -> Model {
    let view = views.radios()["radio1"].clone();
    let mut model = Model::new(Arc::new(view), Skin::new(ThemeName::Dark, false), Some("ada@lab".into()), fleet::start());
    model.in_pool(Arc::new(views));
    model.screen = Screen::Pool;
    tick(&mut model, 60_000);
    model
}

pub fn tick(model: &mut Model, now_ms: u64) {
    update(model, Msg::Tick { now_ms, at: fleet::start() + TimeDelta::milliseconds(now_ms as i64) });
}

fn say(model: &mut Model, telemetry: Telemetry) {
    update(model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
}

/// What a server says of a radio.
fn telemetry(model: &Model, radio: &str, host: &str, serves: bool, owner: &str) -> Telemetry {
    let config = model.radios()[&radio.parse::<config::RadioName>().unwrap()].config.clone();
    let mut telemetry = fleet::telemetry(host, serves, serves);
    let address = if serves { config.addresses.active } else { config.parked_of(host) };
    telemetry.radio_port.addresses = vec![address.to_string()];
    telemetry.radio = Some(radio.into());
    telemetry.load.cpu_percent = 47.0 - host.len() as f32;
    (telemetry.owner_epoch, telemetry.owner) = (Some(3), Some(owner.into()));
    telemetry
}

/// Every agent says what it does: radio N is served by server N, beginning again after the last.
pub fn serving(servers: usize, radios: usize, needs: bool) -> Model {
    let mut model = silent(servers, radios, needs);
    for radio in 1..=radios {
        serve(&mut model, radio, (radio - 1) % servers + 1, servers);
    }
    for host in (1..=servers).map(|n| format!("server{n}")).chain((1..=radios).map(|n| format!("far{n}"))) {
        update(&mut model, Msg::Heard(Heard::Link { host, state: LinkState::Connected }));
    }
    model
}

/// The same in a pool of which not every server may serve it.
pub fn serve_of_its_servers(model: &mut Model, radio: usize, server: usize) {
    let name: config::RadioName = format!("radio{radio}").parse().unwrap();
    let servers: Vec<String> = model.radios()[&name].config.servers().into_iter().map(ToString::to_string).collect();
    serve_among(model, radio, server, servers);
}

/// A radio is served by a server, and its far end is answered.
pub fn serve(model: &mut Model, radio: usize, server: usize, servers: usize) {
    serve_among(model, radio, server, (1..=servers).map(|at| format!("server{at}")).collect());
}

fn serve_among(model: &mut Model, radio: usize, server: usize, servers: Vec<String>) {
    let (name, owner) = (format!("radio{radio}"), format!("server{server}"));
    for host in servers {
        let said = telemetry(model, &name, &host, host == owner, &owner);
        say(model, said);
    }
    let mut far = fleet::telemetry(&format!("far{radio}"), true, true);
    (far.radio, far.probe) = (Some(name), Some(fleet::probe(0, 0)));
    say(model, far);
}

/// An agent says the same again with something changed.
pub fn change(model: &mut Model, radio: &str, host: &str, change: impl FnOnce(&mut Telemetry)) {
    let known = model.radios()[&radio.parse::<config::RadioName>().unwrap()].telemetry(host).unwrap().clone();
    let mut telemetry = Telemetry { seq: known.seq + 1, ..known };
    change(&mut telemetry);
    say(model, telemetry);
}

/// The server's agent falls silent for some seconds, while all others go on.
pub fn silence(model: &mut Model, silent: &[&str], for_ms: u64) {
    tick(model, model.now_ms + for_ms);
    let all: Vec<Telemetry> = model
        .radios()
        .values()
        .flat_map(|radio| radio.hosts.values().filter_map(|view| view.telemetry.as_deref().cloned()))
        .collect();
    for telemetry in all.into_iter().filter(|telemetry| !silent.contains(&telemetry.host.as_str())) {
        say(model, Telemetry { seq: telemetry.seq + 1, ..telemetry });
    }
    for host in silent {
        let state = LinkState::Silent { for_ms };
        update(model, Msg::Heard(Heard::Link { host: (*host).into(), state }));
    }
}

/// The work of a radio has died on its server.
pub fn died(model: &mut Model, radio: &str, host: &str) {
    change(model, radio, host, |telemetry| {
        telemetry.usrp.state = ProcessState::Died;
        telemetry.usrp.last_words = Some("killed by signal 9".into());
    });
}
