//! Styles by meaning, and the glyphs that carry the same meaning without colour.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// Which set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ThemeName {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
    /// No colours: bold, underlined and reversed text only (also chosen by NO_COLOR).
    Mono,
}

/// Styles named by what they say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// Ordinary text on the ground.
    pub base: Style,
    /// Labels, units and what is not of the moment.
    pub dim: Style,
    /// Figures and names that matter.
    pub strong: Style,
    /// Rules between sections.
    pub rule: Style,
    /// Works as it should.
    pub good: Style,
    /// Worth a look.
    pub warn: Style,
    /// Broken.
    pub bad: Style,
    /// The owner of the radio.
    pub owner: Style,
    /// The owner's label, a filled tag.
    pub owner_tag: Style,
    /// A migration under way, a filled tag.
    pub action_tag: Style,
    /// A failure, a filled tag; also a lost probe.
    pub bad_tag: Style,
    /// Measured in this run.
    pub measured: Style,
    /// The source's figure.
    pub source: Style,
    /// A key to press.
    pub key: Style,
}

impl Theme {
    /// The styles of a theme.
    pub fn new(name: ThemeName) -> Self {
        match name {
            // Numbers are xterm's 256 colours: every terminal since 2000 knows them, and their RGB values are fixed for exports.
            ThemeName::Dark => Self::coloured(&Palette {
                ground: 233,
                text: 252,
                dim: 246,
                strong: 231,
                rule: 240,
                good: 114,
                warn: 221,
                bad: 210,
                owner: 80,
                measured: 117,
                source: 180,
                tag_text: 16,
                bad_tag: 203,
            }),
            ThemeName::Light => Self::coloured(&Palette {
                ground: 231,
                text: 236,
                dim: 241,
                strong: 16,
                rule: 246,
                good: 22,
                warn: 94,
                bad: 124,
                owner: 24,
                measured: 25,
                source: 94,
                tag_text: 231,
                bad_tag: 124,
            }),
            ThemeName::Mono => Self::mono(),
        }
    }

    fn coloured(p: &Palette) -> Self {
        let on = |fg: u8| Style::new().fg(Color::Indexed(fg)).bg(Color::Indexed(p.ground));
        let tag = |bg: u8| Style::new().fg(Color::Indexed(p.tag_text)).bg(Color::Indexed(bg)).add_modifier(Modifier::BOLD);
        Self {
            base: on(p.text),
            dim: on(p.dim),
            strong: on(p.strong).add_modifier(Modifier::BOLD),
            rule: on(p.rule),
            good: on(p.good),
            warn: on(p.warn).add_modifier(Modifier::BOLD),
            bad: on(p.bad).add_modifier(Modifier::BOLD),
            owner: on(p.owner).add_modifier(Modifier::BOLD),
            owner_tag: tag(p.owner),
            action_tag: tag(p.warn),
            bad_tag: tag(p.bad_tag),
            measured: on(p.measured),
            source: on(p.source),
            key: on(p.owner).add_modifier(Modifier::BOLD),
        }
    }

    fn mono() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let tag = bold.add_modifier(Modifier::REVERSED);
        Self {
            base: plain,
            dim: plain,
            strong: bold,
            rule: plain,
            good: plain,
            warn: bold,
            bad: bold.add_modifier(Modifier::UNDERLINED),
            owner: bold,
            owner_tag: tag,
            action_tag: tag,
            bad_tag: tag,
            measured: bold,
            source: plain,
            key: bold.add_modifier(Modifier::UNDERLINED),
        }
    }
}

/// Colours of a theme, as xterm 256-colour numbers.
struct Palette {
    ground: u8,
    text: u8,
    dim: u8,
    strong: u8,
    rule: u8,
    good: u8,
    warn: u8,
    bad: u8,
    owner: u8,
    measured: u8,
    source: u8,
    tag_text: u8,
    bad_tag: u8,
}

/// RGB of an xterm 256-colour number above 15: the 6x6x6 cube, then 24 greys. Below 16 terminals differ and themes use none.
pub fn xterm_rgb(n: u8) -> (u8, u8, u8) {
    if n >= 232 {
        let grey = 8 + 10 * (n - 232);
        return (grey, grey, grey);
    }
    let level = |i: u8| if i == 0 { 0 } else { 55 + 40 * i };
    let n = n.saturating_sub(16);
    (level(n / 36), level(n / 6 % 6), level(n % 6))
}

/// Characters that carry meaning, in a full and an ASCII set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glyphs {
    /// Whether only ASCII may be drawn.
    pub ascii: bool,
    /// Heights or lengths in eighths, smallest first.
    pub heights: [&'static str; 8],
    /// Lengths in eighths, smallest first.
    pub lengths: [&'static str; 8],
    /// Border of a box that does not own the radio.
    pub thin: border::Set<'static>,
    /// Border of the owner's box.
    pub thick: border::Set<'static>,
    /// Border of a box whose content is old.
    pub dashed: border::Set<'static>,
    /// Arrow head to the left.
    pub left: &'static str,
    /// Arrow head to the right.
    pub right: &'static str,
    /// Shaft of an arrow along which samples flow.
    pub shaft: &'static str,
    /// Shaft of an arrow along which nothing flows yet.
    pub broken_shaft: &'static str,
    /// Rule between sections.
    pub rule: &'static str,
    /// Top, middle, bottom and single form of a bracket around rows.
    pub bracket: [&'static str; 4],
    /// The source's length beyond ours, and its end.
    pub source: [&'static str; 2],
    /// A step: waiting, running, done, failed.
    pub step: [&'static str; 4],
    /// A lost probe.
    pub lost: &'static str,
    /// A probe that is not yet answered.
    pub waiting: &'static str,
    /// Marks text that was cut.
    pub ellipsis: &'static str,
    /// Marks values that differ between the servers.
    pub differs: &'static str,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Glyphs {
    /// Box-drawing and block characters.
    pub const FULL: Self = Self {
        ascii: false,
        heights: ["\u{2581}", "\u{2582}", "\u{2583}", "\u{2584}", "\u{2585}", "\u{2586}", "\u{2587}", "\u{2588}"],
        lengths: ["\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}", "\u{2588}"],
        thin: border::PLAIN,
        thick: border::THICK,
        dashed: border::LIGHT_TRIPLE_DASHED,
        left: "\u{25c0}",
        right: "\u{25b6}",
        shaft: "\u{2501}",
        broken_shaft: "\u{2505}",
        rule: "\u{2500}",
        bracket: ["\u{250c}", "\u{2502}", "\u{2514}", "\u{2576}"],
        source: ["\u{2500}", "\u{2524}"],
        step: ["\u{b7}", "\u{25b6}", "\u{25a0}", "X"],
        lost: "X",
        waiting: "\u{b7}",
        ellipsis: "\u{2026}",
        differs: "\u{2260}",
    };

    /// ASCII only.
    pub const ASCII: Self = Self {
        ascii: true,
        heights: [".", ".", ":", ":", "i", "i", "I", "I"],
        lengths: ["#"; 8],
        thin: ASCII_BORDER,
        thick: border::Set {
            vertical_left: "#",
            vertical_right: "#",
            horizontal_top: "=",
            horizontal_bottom: "=",
            top_left: "#",
            top_right: "#",
            bottom_left: "#",
            bottom_right: "#",
        },
        dashed: border::Set {
            vertical_left: ":",
            vertical_right: ":",
            horizontal_top: ".",
            horizontal_bottom: ".",
            ..ASCII_BORDER
        },
        left: "<",
        right: ">",
        shaft: "=",
        broken_shaft: "-",
        rule: "-",
        bracket: ["/", "|", "\\", "-"],
        source: ["-", "|"],
        step: [".", ">", "#", "X"],
        lost: "X",
        waiting: "_",
        ellipsis: "~",
        differs: "!",
    };
}

/// How the screen is dressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skin {
    /// Styles.
    pub theme: Theme,
    /// Characters.
    pub glyphs: Glyphs,
}

impl Skin {
    /// A theme in the full or the ASCII set.
    pub fn new(theme: ThemeName, ascii: bool) -> Self {
        Self { theme: Theme::new(theme), glyphs: if ascii { Glyphs::ASCII } else { Glyphs::FULL } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color) -> f64 {
        let Color::Indexed(n) = color else { panic!("a theme uses {color:?}, whose RGB is the terminal's affair") };
        assert!(n >= 16, "colour {n} differs between terminals");
        let (r, g, b) = xterm_rgb(n);
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    #[test]
    fn every_text_pair_meets_wcag_aa() {
        for name in [ThemeName::Dark, ThemeName::Light] {
            let t = Theme::new(name);
            let texts = [
                t.base,
                t.dim,
                t.strong,
                t.good,
                t.warn,
                t.bad,
                t.owner,
                t.owner_tag,
                t.action_tag,
                t.bad_tag,
                t.measured,
                t.source,
                t.key,
            ];
            for (i, style) in texts.into_iter().enumerate() {
                let (a, b) = (luminance(style.fg.unwrap()), luminance(style.bg.unwrap()));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{name:?}, text pair {i}: contrast {contrast:.2}");
            }
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(format!("{:?}", Glyphs::ASCII).is_ascii());
    }
}
