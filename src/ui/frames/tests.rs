//! Whatever the speed of the line, the terminal ends up with the newest frame.

use proptest::prelude::*;
use ratatui::style::{Color, Style};

use super::*;

/// Writes up to `n` bytes to a terminal.
fn send(frames: &mut Frames, terminal: &mut vt100::Parser, mut n: usize) {
    while frames.busy() && n > 0 {
        let part = frames.next();
        let part = part[..part.len().min(n)].to_vec();
        terminal.process(&part);
        frames.written(part.len());
        n -= part.len().min(n).max(usize::from(part.is_empty()));
    }
}

fn frame(rows: &[String], width: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, rows.len() as u16));
    for (y, row) in rows.iter().enumerate() {
        buffer.set_stringn(0, y as u16, row, width.into(), Style::new().fg(Color::Indexed(40 + y as u8)));
    }
    buffer
}

fn text(buffer: &Buffer) -> String {
    crate::ui::export::text(buffer).trim_end().to_owned()
}

fn shown(terminal: &vt100::Parser) -> String {
    terminal.screen().contents().lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

proptest! {
    #[test]
    fn the_newest_frame_wins_on_any_line(
        frames in prop::collection::vec((prop::collection::vec("[a-z \u{6f22}\u{5b57}]{0,12}", 6), 0usize..400), 1..8),
    ) {
        let (mut out, mut terminal) = (Frames::default(), vt100::Parser::new(6, 12, 0));
        for (rows, speed) in &frames {
            out.replace(frame(rows, 12), None).unwrap();
            send(&mut out, &mut terminal, *speed);
        }
        send(&mut out, &mut terminal, usize::MAX);
        prop_assert_eq!(shown(&terminal), text(&frame(&frames.last().unwrap().0, 12)));
        prop_assert!(terminal.screen().hide_cursor());
    }
}

#[test]
fn what_was_not_begun_is_never_sent() {
    let row = |c: &str| vec![c.repeat(40); 20];
    let (mut out, mut terminal) = (Frames::default(), vt100::Parser::new(20, 40, 0));
    out.replace(frame(&row("old"), 40), None).unwrap();
    send(&mut out, &mut terminal, 60);
    out.replace(frame(&row("new"), 40), None).unwrap();
    let mut sent = Vec::new();
    while out.busy() {
        sent.extend_from_slice(out.next());
        let n = out.next().len();
        out.written(n);
    }
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.matches("old").count() <= 14, "more than the row under way was sent");
    assert_eq!(sent.matches("new").count(), 40 / 3 * 20);
}

/// Rows at the bottom have their turn although those at the top change with every frame.
#[test]
fn no_row_starves_on_a_slow_line() {
    let (mut out, mut terminal) = (Frames::default(), vt100::Parser::new(10, 20, 0));
    for i in 0..60 {
        let rows: Vec<String> = (0..10).map(|y| if y < 9 { format!("{i} {y}") } else { "the last row".into() }).collect();
        out.replace(frame(&rows, 20), None).unwrap();
        send(&mut out, &mut terminal, 80);
    }
    assert!(shown(&terminal).contains("the last row"), "{}", shown(&terminal));
}

#[test]
fn a_stopped_frame_ends_with_a_whole_sequence() {
    let (mut out, mut terminal) = (Frames::default(), vt100::Parser::new(3, 10, 0));
    out.replace(frame(&["abc".into(), "def".into(), "ghi".into()], 10), None).unwrap();
    send(&mut out, &mut terminal, 5);
    terminal.process(&out.stop());
    assert!(!out.busy());
    terminal.process(b"\x1b[2J\x1b[Hclean");
    assert_eq!(shown(&terminal), "clean");
}

#[test]
fn lines_for_the_normal_screen_look_like_the_frame() {
    // Whatever NO_COLOR is where the tests run.
    crossterm::style::force_color_output(true);
    let mut buffer = frame(&["\u{6f22}a\u{5b57} b".into(), String::new(), "end".into()], 12);
    buffer[(0, 2)].set_style(Style::new().add_modifier(Modifier::BOLD));
    let mut terminal = vt100::Parser::new(5, 12, 0);
    terminal.process(b"before\r\n");
    terminal.process(&as_lines(&buffer, 9).unwrap());
    terminal.process(b"after");
    assert_eq!(shown(&terminal), "before\n\u{6f22}a\u{5b57} b\n\nend\nafter");
    let cell = |row, column| terminal.screen().cell(row, column).unwrap();
    assert!(cell(3, 0).bold() && !cell(3, 1).bold());
    assert_eq!(cell(3, 0).fgcolor(), vt100::Color::Idx(42));
    assert_eq!(cell(4, 0).fgcolor(), vt100::Color::Default);
}

/// A notification or a copy goes out between two rows, whatever the speed, and is not lost with the rows of an older frame.
#[test]
fn what_belongs_to_no_frame_is_sent_whole_between_two_rows() {
    let mut out = Frames::new(ColourDepth::Sixteen);
    out.replace(frame(&vec!["old".repeat(10); 5], 40), None).unwrap();
    let first = out.next().len();
    out.written(first.min(3));
    out.tell(b"\x1b]9;baton: DOWN\x07".to_vec());
    out.replace(frame(&vec!["new".repeat(10); 5], 40), None).unwrap();
    let mut sent = Vec::new();
    while out.busy() {
        let byte = out.next()[0];
        sent.push(byte);
        out.written(1);
    }
    let sent = String::from_utf8(sent).unwrap();
    assert_eq!(sent.matches("\x1b]9;baton: DOWN\x07").count(), 1, "{sent:?}");
    assert!(!sent.contains("38;5;") && sent.contains("new"), "{sent:?}");
}
