//! What the console costs, measured: `scripts/bench-console` runs these and keeps the lines that they print.

use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::fleet::{self, Moment};
use crate::ui::frames::Frames;
use crate::ui::msg::{Heard, Msg};
use crate::ui::screen;
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::Telemetry;

/// Resident memory of this process, bytes.
pub fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Median and 95th percentile, ms.
pub fn spread(mut times: Vec<Duration>) -> [f64; 2] {
    times.sort();
    [50, 95].map(|percent| times[times.len() * percent / 100].as_secs_f64() * 1000.0)
}

#[test]
#[ignore = "measures"]
fn print_frame() {
    for (what, masked, again) in [("first frame", false, false), ("next frame", false, true), ("next frame, masked", true, true)] {
        for (width, height) in [(120, 40), (200, 60)] {
            let mut model = fleet::at(Moment::During, ThemeName::Dark, false);
            model.privacy = masked;
            let mut frames = Frames::default();
            let mut times = Vec::new();
            let mut bytes = 0;
            for _ in 0..400 {
                if !again {
                    frames = Frames::default();
                }
                // Something that moves: the clock and the pings.
                model.at += chrono::TimeDelta::seconds(1);
                let mut telemetry = model.telemetry("server3").unwrap().clone();
                telemetry.probe.as_mut().unwrap().recent.iter_mut().for_each(|outcome| outcome.seq += 1);
                update(&mut model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
                let start = Instant::now();
                let mut frame = Buffer::empty(Rect::new(0, 0, width, height));
                let cursor = screen::draw(&model, frame.area, &mut frame);
                frames.replace(frame, cursor).unwrap();
                bytes = 0;
                while frames.busy() {
                    let n = frames.next().len();
                    bytes += n;
                    frames.written(n);
                }
                times.push(start.elapsed());
            }
            let [median, p95] = spread(times);
            println!(
                "{{\"figure\":\"console frame\",\"what\":\"{what}\",\"columns\":{width},\"rows\":{height},\"median_ms\":{median:.3},\"p95_ms\":{p95:.3},\"bytes\":{bytes}}}"
            );
        }
    }
}

/// An hour of three hosts at ten a second, read from JSON as it comes off the wire.
#[test]
#[ignore = "measures"]
fn print_memory_after_an_hour() {
    let mut model = fleet::at(Moment::After, ThemeName::Dark, false);
    let snapshots: Vec<Telemetry> = ["server1", "server2", "server3"].map(|host| model.telemetry(host).unwrap().clone()).into();
    let texts: Vec<String> = snapshots.iter().map(|telemetry| serde_json::to_string(telemetry).unwrap()).collect();
    let before = resident();
    let start = Instant::now();
    let mut highest = before;
    for tick in 0..36_000_u64 {
        for text in &texts {
            let mut telemetry: Telemetry = serde_json::from_str(text).unwrap();
            telemetry.seq += tick;
            if let Some(probe) = &mut telemetry.probe {
                probe.recent.iter_mut().for_each(|outcome| outcome.seq += tick);
            }
            update(&mut model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
        }
        if tick % 100 == 0 {
            fleet::event(&mut model, "server1", protocol::Level::Info, &format!("event {tick}: {}", "x".repeat(100)));
            super::picture(&model, 200, 60);
            highest = highest.max(resident());
        }
    }
    println!(
        "{{\"figure\":\"console memory\",\"messages\":{},\"seconds\":{:.1},\"before_bytes\":{before},\"highest_bytes\":{highest}}}",
        36_000 * texts.len(),
        start.elapsed().as_secs_f64()
    );
}
