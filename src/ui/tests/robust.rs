//! No size and no telemetry makes the screen panic or spill.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{picture, press};
use crate::ui::export;
use crate::ui::fleet::{self, Moment};
use crate::ui::model::Model;
use crate::ui::msg::{Heard, Msg};
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::{Event, Level, ProcessState, SyncState};

const MOMENTS: [Moment; 5] = [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent];

fn hostile(model: &mut Model, text: &str, number: f64, count: u64) {
    for host in ["server1", "server2", "server3"] {
        let mut t = model.telemetry(host).unwrap().clone();
        t.seq = count;
        t.radio_port.name = text.into();
        t.radio_port.addresses.extend([text.to_owned(), text.to_owned()]);
        t.tun.addresses = vec![text.into()];
        t.d2d.state = ProcessState::Died;
        t.d2d.last_words = Some(text.into());
        t.d2d.uptime_ms = Some(count);
        t.d2d.sync = Some(SyncState::Lost { for_ms: count });
        t.usrp.load.memory = count;
        t.usrp.load.cpu_percent = number as f32;
        t.load.rx_bytes_per_s = count;
        t.control.values.insert(text.into(), text.into());
        t.control.meanings.insert(text.into(), text.into());
        t.control.age_ms = Some(count / 2);
        if let Some(probe) = &mut t.probe {
            probe.target = text.into();
            probe.interval_ms = number;
            probe.sent = count;
            probe.rtt_ms = Some([number; 4]);
            for outcome in &mut probe.recent {
                outcome.rtt_ms = Some(number);
            }
        }
        if let Some(progress) = &mut t.migration {
            progress.to = text.into();
            progress.now = text.into();
            for step in &mut progress.steps {
                step.ms = number;
            }
            if let Some(record) = &mut progress.record {
                record.total_ms = number;
                record.interruption.by_phases_ms = Some(number);
                record.interruption.probes_lost = Some(count);
                record.reason = Some(text.into());
            }
        }
        update(model, Msg::Heard(Heard::Telemetry(Box::new(t))));
        let event =
            Event { at: model.at, host: text.into(), level: Level::Error, text: text.into(), radio: None, run: None, alert: false };
        update(model, Msg::Heard(Heard::Event(event)));
    }
}

#[test]
fn every_size_is_drawn() {
    for moment in MOMENTS {
        let mut model = fleet::at(moment, ThemeName::Dark, false);
        update(&mut model, Msg::RunsLoaded(Ok(fleet::records())));
        for keys in ["", "m", "\u{1b}h", "h:zz\n", "\u{1b}t", "r", "v", "vp", "\u{2192}\u{2192}o"] {
            press(&mut model, keys);
            for width in (1..=250).step_by(13) {
                for height in (1..=80).step_by(5) {
                    picture(&model, width, height);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn hostile_telemetry_is_drawn(
        width in 1u16..=250,
        height in 1u16..=80,
        moment in prop::sample::select(MOMENTS.to_vec()),
        text in "\\PC{0,200}|[\\x00-\\x1f\\x7f\u{202e}\u{6f22}a ]{0,80}",
        number in prop::num::f64::ANY,
        count in any::<u64>(),
        keys in "[mkqEh:bctrpvwaio/<> +g\u{2192}\n\u{1b}\t]{0,8}",
    ) {
        let mut model = fleet::at(moment, ThemeName::Dark, false);
        hostile(&mut model, &text, number, count);
        let mut records = fleet::records();
        for run in &mut records.runs {
            (run.by, run.reason, run.to) = (Some(text.clone()), Some(text.clone()), text.clone());
            (run.total_ms, run.interruption.gap_ms) = (number, Some(number));
            run.phases.iter_mut().for_each(|phase| phase.ms = number);
        }
        update(&mut model, Msg::RunsLoaded(Ok(records)));
        press(&mut model, &keys);
        let buffer = picture(&model, width, height);
        for cell in &buffer.content {
            prop_assert!(!cell.symbol().chars().any(char::is_control), "{:?} reached the terminal", cell.symbol());
        }
        let svg = export::svg(&buffer, &text);
        prop_assert!(!svg.chars().any(|c| c.is_control() && c != '\n'));
        export::text(&buffer);
    }

    /// A screen that does not begin at the origin stays inside its area.
    #[test]
    fn nothing_is_drawn_outside(width in 60u16..140, height in 16u16..50, moment in prop::sample::select(MOMENTS.to_vec())) {
        let model = fleet::at(moment, ThemeName::Mono, false);
        let mut buffer = Buffer::empty(Rect::new(0, 0, width + 6, height + 4));
        crate::ui::screen::draw(&model, Rect::new(3, 2, width, height), &mut buffer);
        for y in 0..height + 4 {
            for x in 0..width + 6 {
                let inside = (3..width + 3).contains(&x) && (2..height + 2).contains(&y);
                prop_assert!(inside || buffer[(x, y)].symbol() == " ", "drawn at {x}, {y}");
            }
        }
    }
}
