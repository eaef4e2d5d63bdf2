//! Styles by meaning, and the glyphs that carry the same meaning without colour.

mod basic;
mod glyphs;
mod palette;
#[cfg(test)]
mod tests;

pub use glyphs::Glyphs;
pub use palette::{ColourName, xterm_rgb};

use super::capability::ColourDepth;
use super::lang::Lang;
use palette::Palette;
use ratatui::style::{Color, Modifier, Style};

/// Which set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeName {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
    /// For a projector in a lit room: black on white, every text at AAA contrast.
    Projector,
    /// Blue, orange and yellow instead of green and red (after Okabe and Ito).
    ColourBlind,
    /// No colours: bold, underlined and reversed text only (also chosen by NO_COLOR).
    Mono,
}

/// Styles named by their meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// Ordinary text on the ground.
    pub base: Style,
    /// Labels, units and secondary text.
    pub dim: Style,
    /// Figures and names that matter.
    pub strong: Style,
    /// Rules between sections.
    pub rule: Style,
    /// Works as it should.
    pub good: Style,
    /// A warning.
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
    /// The paper's figure.
    pub paper: Style,
    /// A key to press.
    pub key: Style,
}

impl Theme {
    /// The styles of a theme.
    pub fn new(name: ThemeName) -> Self {
        Self::with(name, &[])
    }

    /// The styles of a theme with colours of the operator's own; a theme without colours stays so.
    pub fn with(name: ThemeName, colours: &[(ColourName, Color)]) -> Self {
        match Palette::for_theme(name) {
            Some(mut palette) => {
                colours.iter().for_each(|(name, colour)| palette.set(*name, *colour));
                Self::coloured(&palette)
            }
            None => Self::mono(),
        }
        .weighted(name)
    }

    /// The styles of a theme on a terminal of so many colours.
    pub fn on(name: ThemeName, colours: &[(ColourName, Color)], depth: ColourDepth) -> Self {
        let own = colours.iter().map(|(name, colour)| (*name, basic::nearest(*colour, depth)));
        match depth {
            ColourDepth::None => Self::mono(),
            ColourDepth::Many | ColourDepth::True => Self::with(name, &own.collect::<Vec<_>>()),
            ColourDepth::Eight | ColourDepth::Sixteen => {
                let Some(mut palette) = basic::palette(name, depth) else { return Self::mono() };
                own.for_each(|(name, colour)| palette.set(name, colour));
                basic::theme(&palette)
            }
        }
    }

    /// Every style.
    fn all_mut(&mut self) -> [&mut Style; 14] {
        [
            &mut self.base,
            &mut self.dim,
            &mut self.strong,
            &mut self.rule,
            &mut self.good,
            &mut self.warn,
            &mut self.bad,
            &mut self.owner,
            &mut self.owner_tag,
            &mut self.action_tag,
            &mut self.bad_tag,
            &mut self.measured,
            &mut self.paper,
            &mut self.key,
        ]
    }

    /// Every style, in one order for all themes.
    #[cfg(test)]
    pub fn all(mut self) -> [Style; 14] {
        self.all_mut().map(|style| *style)
    }

    /// On a projector thin strokes wash out: ordinary text is bold too.
    fn weighted(mut self, name: ThemeName) -> Self {
        if name == ThemeName::Projector {
            for style in [&mut self.base, &mut self.good, &mut self.measured, &mut self.paper] {
                *style = style.add_modifier(Modifier::BOLD);
            }
        }
        self
    }

    fn coloured(p: &Palette) -> Self {
        let on = |fg: Color| Style::new().fg(fg).bg(p.ground);
        let tag = |bg: Color| Style::new().fg(p.tag_text).bg(bg).add_modifier(Modifier::BOLD);
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
            paper: on(p.paper),
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
            paper: plain,
            key: bold.add_modifier(Modifier::UNDERLINED),
        }
    }
}

/// Styles, characters and language of the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skin {
    /// Styles.
    pub theme: Theme,
    /// Characters.
    pub glyphs: Glyphs,
    /// Language.
    pub lang: Lang,
}

impl Skin {
    /// A theme in the full or the ASCII set, in English.
    pub fn new(theme: ThemeName, ascii: bool) -> Self {
        Self { theme: Theme::new(theme), glyphs: if ascii { Glyphs::ASCII } else { Glyphs::FULL }, lang: Lang::En }
    }
}
