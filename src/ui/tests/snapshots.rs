//! The screen's characters at chosen moments. `INSTA_UPDATE=always cargo test -p baton --lib ui::` accepts what is drawn now.

use insta::assert_snapshot;

use super::{picture, press};
use crate::ui::export::text;
use crate::ui::fleet::{self, Moment};
use crate::ui::msg::{Heard, Msg};
use crate::ui::theme::ThemeName;
use crate::ui::update::update;
use protocol::Link;

fn shot(moment: Moment, width: u16, height: u16) -> String {
    text(&picture(&fleet::at(moment, ThemeName::Dark, false), width, height))
}

#[test]
fn operate_before_during_and_after_a_migration() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        for (name, moment) in [("before", Moment::Before), ("during", Moment::During), ("after", Moment::After)] {
            assert_snapshot!(format!("{name}-{width}x{height}"), shot(moment, width, height));
        }
    }
}

#[test]
fn a_silent_agent_and_a_failed_migration() {
    assert_snapshot!("silent-120x40", shot(Moment::Silent, 120, 40));
    assert_snapshot!("failed-120x40", shot(Moment::Failed, 120, 40));
    assert_snapshot!("failed-80x50", shot(Moment::Failed, 80, 50));
}

#[test]
fn the_smallest_terminal_and_a_smaller_one() {
    assert_snapshot!("during-60x16", shot(Moment::During, 60, 16));
    assert_eq!(shot(Moment::During, 59, 3), "\nbaton needs 60 x 16, this is 59 x 3\n\n");
}

#[test]
fn help_question_and_complaint() {
    let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
    press(&mut model, "h");
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        assert_snapshot!(format!("help-{width}x{height}"), text(&picture(&model, width, height)));
    }
    press(&mut model, "hm");
    assert_snapshot!("question-80x24", text(&picture(&model, 80, 24)));
    press(&mut model, "\u{1b}:migratoin\n");
    assert_snapshot!("complaint-80x24", text(&picture(&model, 80, 24)));
}

#[test]
fn ascii_is_ascii() {
    let drawn = text(&picture(&fleet::at(Moment::During, ThemeName::Mono, true), 120, 40));
    assert!(drawn.is_ascii(), "{drawn}");
    assert_snapshot!("ascii-120x40", drawn);
}

/// Colour never carries a meaning alone: the characters are the same in every theme.
#[test]
fn themes_change_no_character() {
    for moment in [Moment::Before, Moment::During, Moment::After, Moment::Failed, Moment::Silent] {
        let dark = shot(moment, 120, 40);
        for theme in <ThemeName as clap::ValueEnum>::value_variants() {
            assert_eq!(text(&picture(&fleet::at(moment, *theme, false), 120, 40)), dark, "{moment:?} {theme:?}");
        }
    }
}

/// Same cells, same bytes.
#[test]
fn exports_are_deterministic() {
    let picture = || crate::ui::export::svg(&picture(&fleet::at(Moment::After, ThemeName::Dark, false), 120, 40), "x");
    assert_eq!(picture(), picture());
}

/// The worst that a link can be: nothing is cut, and every figure has its unit.
#[test]
fn the_link_figures_fit_where_they_stand() {
    let worst = Link {
        snr_db: Some(-12.3),
        evm_percent: Some(123.0),
        cfo_hz: Some(-7_440.0),
        block_error_rate: Some(1.0),
        subframes_lost: 1_234_567,
        ..Link::default()
    };
    let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
    let mut telemetry = model.telemetry("server1").unwrap().clone();
    (telemetry.seq, telemetry.d2d.link) = (telemetry.seq + 1, Some(worst));
    update(&mut model, Msg::Heard(Heard::Telemetry(Box::new(telemetry))));
    let rows: [(u16, &[&str]); 3] = [
        (80, &["sync  in sync  -12.3 dB ", "link  EVM 123 % BLER 100 %"]),
        (120, &["SNR -12.3 dB ", "EVM 123 %  CFO -7440 Hz ", "lost   1 234 567 subframes  BLER 100 % "]),
        (200, &["EVM 123 %  CFO -7440 Hz  BLER 100 %  lost 1 234 567 subframes "]),
    ];
    for (width, expected) in rows {
        let drawn = text(&picture(&model, width, 60));
        for row in expected {
            assert!(drawn.contains(row), "{width} columns, {row:?} is missing:\n{drawn}");
        }
    }
}
