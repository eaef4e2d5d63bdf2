//! The colours of every theme, and what their numbers look like.

use ratatui::style::Color;

use super::ThemeName;

/// Colours of a theme. Ours are xterm 256-colour numbers: every terminal since 2000 knows them, and their RGB values are fixed for exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    pub ground: Color,
    pub text: Color,
    pub dim: Color,
    pub strong: Color,
    pub rule: Color,
    pub good: Color,
    pub warn: Color,
    pub bad: Color,
    pub owner: Color,
    pub measured: Color,
    pub paper: Color,
    pub tag_text: Color,
    pub bad_tag: Color,
}

const fn x(n: u8) -> Color {
    Color::Indexed(n)
}

const DARK: Palette = Palette {
    ground: x(233),
    text: x(252),
    dim: x(246),
    strong: x(231),
    rule: x(243),
    good: x(114),
    warn: x(221),
    bad: x(210),
    owner: x(80),
    measured: x(117),
    paper: x(180),
    tag_text: x(16),
    bad_tag: x(203),
};

const LIGHT: Palette = Palette {
    ground: x(231),
    text: x(236),
    dim: x(241),
    strong: x(16),
    rule: x(246),
    good: x(22),
    warn: x(94),
    bad: x(124),
    owner: x(24),
    measured: x(25),
    paper: x(94),
    tag_text: x(231),
    bad_tag: x(124),
};

/// A projector cannot show black: its dark ground is the lit wall. Dark amber does not reach 7:1 on white, so a warning is magenta.
const PROJECTOR: Palette = Palette {
    ground: x(231),
    text: x(16),
    dim: x(238),
    strong: x(16),
    rule: x(240),
    good: x(22),
    warn: x(90),
    bad: x(124),
    owner: x(18),
    measured: x(18),
    paper: x(238),
    tag_text: x(231),
    bad_tag: x(124),
};

/// The nearest of the 256 to the palette of Okabe and Ito ("Color universal design", 2008), lightened where AA asks for it.
const COLOUR_BLIND: Palette = Palette {
    ground: x(233),
    text: x(252),
    dim: x(246),
    strong: x(231),
    rule: x(243),
    good: x(74),
    warn: x(214),
    bad: x(209),
    owner: x(227),
    measured: x(117),
    paper: x(175),
    tag_text: x(16),
    bad_tag: x(209),
};

impl Palette {
    /// The colours of a theme; `None` for the one that uses none.
    pub const fn for_theme(name: ThemeName) -> Option<Self> {
        match name {
            ThemeName::Dark => Some(DARK),
            ThemeName::Light => Some(LIGHT),
            ThemeName::Projector => Some(PROJECTOR),
            ThemeName::ColourBlind => Some(COLOUR_BLIND),
            ThemeName::Mono => None,
        }
    }

    /// The same with another colour in one place.
    pub fn set(&mut self, name: ColourName, colour: Color) {
        if let Some((_, place)) = NAMES.get(name.0) {
            *place(self) = colour;
        }
    }
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

/// A colour that the settings may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourName(usize);

/// Where a palette keeps a colour.
type Slot = fn(&mut Palette) -> &mut Color;

/// Every colour and the name that the settings call it by.
const NAMES: [(&str, Slot); 13] = [
    ("ground", |p| &mut p.ground),
    ("text", |p| &mut p.text),
    ("dim", |p| &mut p.dim),
    ("strong", |p| &mut p.strong),
    ("rule", |p| &mut p.rule),
    ("good", |p| &mut p.good),
    ("warn", |p| &mut p.warn),
    ("bad", |p| &mut p.bad),
    ("owner", |p| &mut p.owner),
    ("measured", |p| &mut p.measured),
    ("paper", |p| &mut p.paper),
    ("tag-text", |p| &mut p.tag_text),
    ("bad-tag", |p| &mut p.bad_tag),
];

impl ColourName {
    /// The colour of a name.
    pub fn parse(name: &str) -> Option<Self> {
        // Settings files of 0.1.0 call it "source".
        let name = if name == "source" { "paper" } else { name };
        NAMES.iter().position(|(known, _)| *known == name).map(Self)
    }

    /// All names.
    pub fn names() -> Vec<&'static str> {
        NAMES.iter().map(|(name, _)| *name).collect()
    }
}
