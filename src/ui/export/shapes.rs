//! Lines, blocks and arrows as shapes: no font is asked how they look, so none can shear them.

use std::fmt::Write;

/// Strength of the four arms of a box-drawing character: up, right, down, left; 0 none, 1 light, 2 heavy.
fn arms(c: char) -> Option<[u8; 4]> {
    Some(match c {
        '\u{2500}' => [0, 1, 0, 1],
        '\u{2501}' => [0, 2, 0, 2],
        '\u{2502}' => [1, 0, 1, 0],
        '\u{2503}' => [2, 0, 2, 0],
        '\u{250c}' => [0, 1, 1, 0],
        '\u{250f}' => [0, 2, 2, 0],
        '\u{2510}' => [0, 0, 1, 1],
        '\u{2513}' => [0, 0, 2, 2],
        '\u{2514}' => [1, 1, 0, 0],
        '\u{2517}' => [2, 2, 0, 0],
        '\u{2518}' => [1, 0, 0, 1],
        '\u{251b}' => [2, 0, 0, 2],
        '\u{2524}' => [1, 0, 1, 1],
        '\u{2576}' => [0, 1, 0, 0],
        _ => return None,
    })
}

/// Direction, heaviness and number of dashes of a dashed line.
fn dashes(c: char) -> Option<(bool, f64, u8)> {
    Some(match c {
        '\u{2504}' => (true, LIGHT, 3),
        '\u{2505}' => (true, HEAVY, 3),
        '\u{2506}' => (false, LIGHT, 3),
        '\u{2507}' => (false, HEAVY, 3),
        _ => return None,
    })
}

/// Thickness of lines, in the units of the picture.
const LIGHT: f64 = 1.2;
const HEAVY: f64 = 3.0;

/// Draws a character as shapes in the cell at (`x`, `y`) of `w` x `h`; `false` if it is text.
pub fn draw(out: &mut String, c: char, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str) -> bool {
    let mut rect = |rx: f64, ry: f64, rw: f64, rh: f64| {
        let _ = writeln!(out, r#"<rect x="{rx:.2}" y="{ry:.2}" width="{rw:.2}" height="{rh:.2}" fill="{fill}"/>"#);
    };
    let (cx, cy) = (x + w / 2.0, y + h / 2.0);
    if let Some(arms) = arms(c) {
        let thick = |strength: u8| if strength == 2 { HEAVY } else { LIGHT };
        // Arms reach past the middle by half the joint, so that corners close.
        let joint = thick(arms.into_iter().max().unwrap_or(1)) / 2.0;
        let [up, right, down, left] = arms;
        for (strength, is_up) in [(up, true), (down, false)] {
            if strength > 0 {
                let t = thick(strength);
                let (top, bottom) = if is_up { (y, cy + joint) } else { (cy - joint, y + h) };
                rect(cx - t / 2.0, top, t, bottom - top);
            }
        }
        for (strength, is_left) in [(left, true), (right, false)] {
            if strength > 0 {
                let t = thick(strength);
                let (start, end) = if is_left { (x, cx + joint) } else { (cx - joint, x + w) };
                rect(start, cy - t / 2.0, end - start, t);
            }
        }
        return true;
    }
    if let Some((horizontal, t, n)) = dashes(c) {
        let (n, length) = (f64::from(n), if horizontal { w } else { h });
        // A dash takes two thirds of its share of the cell.
        let (share, dash) = (length / n, length / n * 2.0 / 3.0);
        for i in 0..n as u8 {
            let start = f64::from(i) * share + (share - dash) / 2.0;
            if horizontal {
                rect(x + start, cy - t / 2.0, dash, t);
            } else {
                rect(cx - t / 2.0, y + start, t, dash);
            }
        }
        return true;
    }
    match c {
        // Lower blocks: one to eight eighths.
        '\u{2581}'..='\u{2588}' => {
            let part = h * f64::from(c as u32 - 0x2580) / 8.0;
            rect(x, y + h - part, w, part);
        }
        // Left blocks: seven eighths down to one.
        '\u{2589}'..='\u{258f}' => rect(x, y, w * f64::from(0x2590 - c as u32) / 8.0, h),
        '\u{2580}' => rect(x, y, w, h / 2.0),
        '\u{25a0}' => rect(cx - w * 0.35, cy - w * 0.35, w * 0.7, w * 0.7),
        '\u{25c0}' | '\u{25b6}' => {
            let (tip, back) = if c == '\u{25c0}' { (x, x + w) } else { (x + w, x) };
            let half = h * 0.32;
            let _ = writeln!(
                out,
                r#"<path d="M{tip:.2} {cy:.2}L{back:.2} {:.2}L{back:.2} {:.2}Z" fill="{fill}"/>"#,
                cy - half,
                cy + half
            );
        }
        _ => return false,
    }
    true
}
