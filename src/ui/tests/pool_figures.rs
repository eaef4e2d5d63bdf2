//! What the Pool page costs, by the size of the pool: `scripts/bench-scale` runs this and keeps the lines that it prints. Agents are not there: their
//! telemetry is made here, and read from JSON as it comes off the wire.

use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::figures::{resident, spread};
use super::pool_fleet;
use crate::ui::frames::Frames;
use crate::ui::model::Model;
use crate::ui::msg::{Heard, Msg};
use crate::ui::pool::{Errand, planning};
use crate::ui::screen;
use crate::ui::update::update;
use config::RadioViews;
use protocol::Telemetry;

/// Servers, radios, and how many servers may serve each radio.
const SIZES: [(usize, usize, usize); 9] =
    [(2, 2, 2), (4, 16, 4), (8, 32, 4), (16, 64, 4), (32, 128, 4), (64, 256, 4), (64, 64, 4), (64, 64, 16), (16, 256, 4)];
const ROUNDS: usize = 20;

/// Once of each size: a process's memory does not shrink.
#[test]
#[ignore = "measures"]
fn print_pool_by_size() {
    let wanted: Option<usize> = std::env::var("SIZE").ok().and_then(|size| size.parse().ok());
    for (index, size) in SIZES.into_iter().enumerate() {
        if wanted.is_none_or(|wanted| wanted == index) {
            measure(size);
        }
    }
}

fn measure((servers, radios, of_each): (usize, usize, usize)) {
    let before = resident();
    let views = RadioViews::parse(&pool_fleet::cluster_of(servers, radios, true, of_each)).unwrap();
    let mut model = pool_fleet::console(views);
    let said = everything_said(&mut model, servers, radios);
    let (mut takes, mut frames) = (Vec::new(), Vec::new());
    let mut shown = Frames::default();
    for round in 0..ROUNDS {
        let start = Instant::now();
        for text in &said {
            hear(&mut model, text, round as u64 + 1);
        }
        takes.push(start.elapsed());
        frames.push(draw(&model, &mut shown));
    }
    let errand = Errand::Drain("server1".parse().unwrap());
    let plans: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let plan = planning::plan_of(&model, &errand).unwrap().unwrap();
            assert!(plan.changes().next().is_some());
            start.elapsed()
        })
        .collect();
    let [take, _] = spread(takes);
    let ([frame, frame_p95], [plan, _]) = (spread(frames), spread(plans));
    let bytes: usize = said.iter().map(String::len).sum();
    println!(
        "{{\"figure\":\"pool by size\",\"servers\":{servers},\"radios\":{radios},\"servers_of_each\":{of_each},\"messages\":{},\"bytes\":{bytes},\
         \"round_ms\":{take:.2},\"frame_ms\":{frame:.2},\"frame_p95_ms\":{frame_p95:.2},\"plan_ms\":{plan:.2},\"memory_mb\":{:.1}}}",
        said.len(),
        (resident().saturating_sub(before)) as f64 / 1e6
    );
}

/// One message of each part that a host has in a radio, as an agent publishes it.
fn everything_said(model: &mut Model, servers: usize, radios: usize) -> Vec<String> {
    for radio in 1..=radios {
        pool_fleet::serve_of_its_servers(model, radio, (radio - 1) % servers + 1);
    }
    let of_radios = model.radios();
    let hosts = of_radios.values().flat_map(|radio| radio.hosts.values());
    hosts.filter_map(|host| host.telemetry.as_deref()).map(|said| serde_json::to_string(said).unwrap()).collect()
}

fn hear(model: &mut Model, text: &str, seq: u64) {
    let mut telemetry: Telemetry = serde_json::from_str(text).unwrap();
    telemetry.seq += seq;
    update(model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
}

fn draw(model: &Model, shown: &mut Frames) -> Duration {
    let start = Instant::now();
    let mut frame = Buffer::empty(Rect::new(0, 0, 200, 60));
    let cursor = screen::draw(model, frame.area, &mut frame);
    shown.replace(frame, cursor).unwrap();
    while shown.busy() {
        let n = shown.next().len();
        shown.written(n);
    }
    start.elapsed()
}
