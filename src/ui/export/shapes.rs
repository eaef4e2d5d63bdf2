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

/// The cell that a character fills, in the units of the picture.
#[derive(Clone, Copy)]
struct CellArea {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

impl CellArea {
    fn centre(&self) -> (f64, f64) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }
}

/// Writes rectangles of one colour.
struct Painter<'a> {
    out: &'a mut String,
    fill: &'a str,
}

impl Painter<'_> {
    fn rect(&mut self, x: f64, y: f64, w: f64, h: f64) {
        let fill = self.fill;
        let _ = writeln!(self.out, r#"<rect x="{x:.2}" y="{y:.2}" width="{w:.2}" height="{h:.2}" fill="{fill}"/>"#);
    }

    /// A box-drawing character by its arms: up, right, down, left.
    fn arms(&mut self, cell: CellArea, [up, right, down, left]: [u8; 4]) {
        let ((cx, cy), CellArea { x, y, w, h }) = (cell.centre(), cell);
        let thick = |strength: u8| if strength == 2 { HEAVY } else { LIGHT };
        // Arms reach past the middle by half the joint, so that corners close.
        let joint = thick(up.max(right).max(down).max(left)) / 2.0;
        for (strength, is_up) in [(up, true), (down, false)] {
            if strength > 0 {
                let t = thick(strength);
                let (top, bottom) = if is_up { (y, cy + joint) } else { (cy - joint, y + h) };
                self.rect(cx - t / 2.0, top, t, bottom - top);
            }
        }
        for (strength, is_left) in [(left, true), (right, false)] {
            if strength > 0 {
                let t = thick(strength);
                let (start, end) = if is_left { (x, cx + joint) } else { (cx - joint, x + w) };
                self.rect(start, cy - t / 2.0, end - start, t);
            }
        }
    }

    /// A dashed line through the middle of the cell.
    fn dashes(&mut self, cell: CellArea, (horizontal, t, n): (bool, f64, u8)) {
        let ((cx, cy), CellArea { x, y, w, h }) = (cell.centre(), cell);
        let length = if horizontal { w } else { h };
        // A dash takes two thirds of its share of the cell.
        let (share, dash) = (length / f64::from(n), length / f64::from(n) * 2.0 / 3.0);
        for i in 0..n {
            let start = f64::from(i) * share + (share - dash) / 2.0;
            if horizontal {
                self.rect(x + start, cy - t / 2.0, dash, t);
            } else {
                self.rect(cx - t / 2.0, y + start, t, dash);
            }
        }
    }

    /// An arrow head that points to the left or to the right.
    fn arrow(&mut self, cell: CellArea, to_left: bool) {
        let (_, cy) = cell.centre();
        let (tip, back) = if to_left { (cell.x, cell.x + cell.w) } else { (cell.x + cell.w, cell.x) };
        let (top, bottom) = (cy - cell.h * 0.32, cy + cell.h * 0.32);
        let fill = self.fill;
        let _ = writeln!(self.out, r#"<path d="M{tip:.2} {cy:.2}L{back:.2} {top:.2}L{back:.2} {bottom:.2}Z" fill="{fill}"/>"#);
    }
}

/// Draws a character as shapes in the cell at (`x`, `y`) of `w` x `h`; `false` if it is text.
pub fn draw(out: &mut String, c: char, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str) -> bool {
    let cell = CellArea { x, y, w, h };
    let mut painter = Painter { out, fill };
    if let Some(arms) = arms(c) {
        painter.arms(cell, arms);
        return true;
    }
    if let Some(line) = dashes(c) {
        painter.dashes(cell, line);
        return true;
    }
    let (cx, cy) = cell.centre();
    match c {
        // Lower blocks: one to eight eighths.
        '\u{2581}'..='\u{2588}' => {
            let part = h * f64::from(c as u32 - 0x2580) / 8.0;
            painter.rect(x, y + h - part, w, part);
        }
        // Left blocks: seven eighths down to one.
        '\u{2589}'..='\u{258f}' => painter.rect(x, y, w * f64::from(0x2590 - c as u32) / 8.0, h),
        '\u{2580}' => painter.rect(x, y, w, h / 2.0),
        '\u{25a0}' => painter.rect(cx - w * 0.35, cy - w * 0.35, w * 0.7, w * 0.7),
        '\u{25c0}' | '\u{25b6}' => painter.arrow(cell, c == '\u{25c0}'),
        _ => return false,
    }
    true
}
