//! Shapes and text on a light page, in points, as SVG.

use std::fmt::Write;

/// Width of a figure, pt: a column of 85 mm.
pub const WIDTH: f64 = 241.0;
/// Width of the same, mm.
const WIDTH_MM: f64 = 85.0;
/// Size of the text, pt; and of what explains it.
pub const TEXT: f64 = 6.5;
/// Size of notes, pt.
pub const NOTE: f64 = 5.5;

/// Inks. Their greys differ as well: what is printed without colour says the same.
pub const INK: &str = "#1a1a1a";
/// Notes and ticks.
pub const FAINT: &str = "#5c5c5c";
/// Lines of the scale.
pub const GRID: &str = "#dcdcdc";
/// Nobody serves.
pub const DARK: &str = "#174a7e";
/// Somebody serves.
pub const LIGHT: &str = "#b9c4cf";
/// Behind the time in which nobody serves.
pub const BAND: &str = "#e9eff6";

/// On which side of its place a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It has its middle there.
    Middle,
    /// It ends there.
    End,
}

/// A figure under way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Canvas {
    body: String,
    /// What the figure shows, for who cannot see it.
    description: String,
    /// Height, pt.
    height: f64,
}

impl Canvas {
    /// An empty figure.
    pub fn new(description: String) -> Self {
        Self { description, ..Self::default() }
    }

    /// Sets the height, pt: a figure grows downwards.
    pub fn end_at(&mut self, height: f64) {
        self.height = height;
    }

    /// A filled rectangle.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        let _ = writeln!(self.body, r#"<rect x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" fill="{fill}"/>"#);
    }

    /// A line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str, width: f64) {
        let _ = writeln!(
            self.body,
            r#"<path d="M{x1:.2} {y1:.2}L{x2:.2} {y2:.2}" fill="none" stroke="{stroke}" stroke-width="{width}"/>"#
        );
    }

    /// A filled dot.
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, fill: &str) {
        let _ = writeln!(self.body, r#"<circle cx="{x:.2}" cy="{y:.2}" r="{radius}" fill="{fill}"/>"#);
    }

    /// A hollow diamond: the paper's figure.
    pub fn diamond(&mut self, (x, y): (f64, f64), radius: f64) {
        let [left, right, top, bottom] = [x - radius, x + radius, y - radius, y + radius];
        let _ = writeln!(
            self.body,
            r##"<path d="M{left:.2} {y:.2}L{x:.2} {top:.2}L{right:.2} {y:.2}L{x:.2} {bottom:.2}Z" fill="#ffffff" stroke="{INK}" stroke-width="0.8"/>"##
        );
    }

    /// Text on a base line.
    pub fn text(&mut self, (x, y): (f64, f64), size: f64, anchor: Anchor, fill: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let _ =
            writeln!(self.body, r#"<text x="{x:.2}" y="{y:.2}" font-size="{size}" fill="{fill}"{anchor}>{}</text>"#, escape(text));
    }

    /// The figure as one SVG document.
    pub fn svg(&self) -> String {
        let Self { body, description, height } = self;
        let height_mm = height * WIDTH_MM / WIDTH;
        let description = escape(description);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH_MM}mm\" height=\"{height_mm:.2}mm\" viewBox=\"0 0 {WIDTH} {height:.2}\" \
             font-family=\"'DejaVu Sans', Verdana, Arial, sans-serif\">\n<desc>{description}</desc>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

/// How wide a text is at most, pt: digits take 0.64 of the size, small letters less on the average.
pub fn width_of(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.62
}

/// Text as XML wants it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Not allowed in XML, however escaped.
            c if output::acts(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
