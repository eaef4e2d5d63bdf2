//! The themes on a terminal of eight or sixteen colours. Their RGB is the terminal's affair: only pairs are used that can be read with the
//! colours of xterm and with those of a PC's text mode, which most terminals take after.

use ratatui::style::{Color, Modifier, Style};

use super::palette::{Palette, xterm_rgb};
use super::{Theme, ThemeName};
use crate::ui::capability::ColourDepth;

/// The colours of xterm's sixteen, for finding the nearest.
const XTERM: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

const fn c(n: u8) -> Color {
    Color::Indexed(n)
}

/// On black. Bold stands for bright where there are only eight.
const DARK: [Palette; 2] = [
    Palette {
        ground: c(0),
        text: c(7),
        dim: c(7),
        strong: c(7),
        rule: c(7),
        good: c(2),
        warn: c(3),
        bad: c(1),
        owner: c(6),
        measured: c(6),
        paper: c(3),
        tag_text: c(0),
        bad_tag: c(1),
    },
    Palette {
        ground: c(0),
        text: c(7),
        dim: c(7),
        strong: c(15),
        rule: c(7),
        good: c(10),
        warn: c(11),
        bad: c(9),
        owner: c(14),
        measured: c(6),
        paper: c(3),
        tag_text: c(0),
        bad_tag: c(1),
    },
];

/// On white: green, yellow and cyan cannot be read there.
const LIGHT: [Palette; 2] = [
    Palette {
        ground: c(7),
        text: c(0),
        dim: c(0),
        strong: c(0),
        rule: c(0),
        good: c(0),
        warn: c(1),
        bad: c(1),
        owner: c(4),
        measured: c(4),
        paper: c(0),
        tag_text: c(7),
        bad_tag: c(1),
    },
    Palette {
        ground: c(15),
        text: c(0),
        dim: c(0),
        strong: c(0),
        rule: c(8),
        good: c(0),
        warn: c(5),
        bad: c(1),
        owner: c(4),
        measured: c(4),
        paper: c(0),
        tag_text: c(15),
        bad_tag: c(1),
    },
];

/// The colours of a theme on such a terminal; `None` for the theme that uses none.
pub fn palette(name: ThemeName, depth: ColourDepth) -> Option<Palette> {
    let of = |[eight, sixteen]: [Palette; 2]| if depth == ColourDepth::Eight { eight } else { sixteen };
    let dark = of(DARK);
    match name {
        ThemeName::Dark => Some(dark),
        ThemeName::Light | ThemeName::Projector => Some(of(LIGHT)),
        // Green and red are not told apart by every eye: cyan, yellow and red differ in lightness, too.
        ThemeName::ColourBlind => Some(Palette { good: dark.owner, owner: dark.strong, ..dark }),
        ThemeName::Mono => None,
    }
}

/// The styles of such a palette. What is bad is underlined, so that it can be told without its colour. Bold is left away where it would be
/// drawn as a brighter colour that cannot be read: of black, and on a light ground.
pub fn theme(palette: &Palette) -> Theme {
    let mut theme = Theme::coloured(palette);
    let light = !matches!(palette.ground, Color::Indexed(0));
    for style in theme.all_mut() {
        if light || style.fg == Some(Color::Indexed(0)) {
            style.add_modifier.remove(Modifier::BOLD);
        }
    }
    theme.bad = theme.bad.add_modifier(Modifier::UNDERLINED);
    // Black on dark red cannot be read.
    let white = if light { palette.ground } else { palette.strong };
    theme.bad_tag = Style::new().fg(white).bg(palette.bad_tag).add_modifier(Modifier::BOLD);
    theme
}

/// The nearest colour that a terminal of this depth has.
pub fn nearest(colour: Color, depth: ColourDepth) -> Color {
    let rgb = match colour {
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Indexed(n) if n >= 16 => xterm_rgb(n),
        other => return other,
    };
    let distance = |(r, g, b): (u8, u8, u8)| {
        let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        square(r, rgb.0) + square(g, rgb.1) + square(b, rgb.2)
    };
    let numbers = match depth {
        ColourDepth::None | ColourDepth::True => return colour,
        ColourDepth::Many if matches!(colour, Color::Indexed(_)) => return colour,
        ColourDepth::Many => 16..=255,
        ColourDepth::Sixteen => 0..=15,
        ColourDepth::Eight => 0..=7,
    };
    let of = |n: u8| XTERM.get(usize::from(n)).copied().unwrap_or_else(|| xterm_rgb(n));
    numbers.min_by_key(|n| distance(of(*n))).map_or(colour, Color::Indexed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [ColourDepth; 2] = [ColourDepth::Eight, ColourDepth::Sixteen];
    const COLOURED: [ThemeName; 4] = [ThemeName::Dark, ThemeName::Light, ThemeName::Projector, ThemeName::ColourBlind];

    /// The colours of a PC's text mode.
    fn text_mode(n: u8) -> (u8, u8, u8) {
        let level = |bit: u8| (if n & bit > 0 { 170 } else { 0 }) + if n >= 8 { 85 } else { 0 };
        let green = if n == 3 { 85 } else { level(2) };
        (level(1), green, level(4))
    }

    fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    /// WCAG 2.2, "contrast ratio", the worse of the two sets of colours; bold is drawn bright.
    fn contrast(style: Style) -> f64 {
        let (Some(Color::Indexed(fg)), Some(Color::Indexed(bg))) = (style.fg, style.bg) else { panic!("{style:?}") };
        let fg = if style.add_modifier.contains(Modifier::BOLD) && fg < 8 { fg + 8 } else { fg };
        let of = |rgb: &dyn Fn(u8) -> (u8, u8, u8)| {
            let (a, b) = (luminance(rgb(fg)), luminance(rgb(bg)));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        of(&|n| XTERM[usize::from(n)]).min(of(&text_mode))
    }

    #[test]
    fn every_text_can_be_read_with_few_colours() {
        for (name, depth) in COLOURED.into_iter().flat_map(|name| DEPTHS.map(|depth| (name, depth))) {
            let mut theme = theme(&palette(name, depth).unwrap());
            for (place, style) in theme.all_mut().into_iter().enumerate() {
                let contrast = contrast(*style);
                assert!(contrast >= 3.2, "{name:?} of {depth:?}, style {place} ({style:?}): contrast {contrast:.2}");
                let highest = if depth == ColourDepth::Eight { 7 } else { 15 };
                assert!([style.fg, style.bg].into_iter().flatten().all(|c| matches!(c, Color::Indexed(n) if n <= highest)));
            }
        }
    }

    #[test]
    fn what_matters_differs_from_ordinary_text_and_from_another() {
        for (name, depth) in COLOURED.into_iter().flat_map(|name| DEPTHS.map(|depth| (name, depth))) {
            let t = theme(&palette(name, depth).unwrap());
            let all = [t.base, t.warn, t.bad, t.owner, t.owner_tag, t.bad_tag];
            for (i, a) in all.iter().enumerate() {
                assert!(all[i + 1..].iter().all(|b| a != b), "{name:?} of {depth:?}: {a:?}");
            }
            assert_ne!(t.measured, t.paper);
            assert!(t.bad.add_modifier.contains(Modifier::UNDERLINED), "it can be told without colour");
        }
    }

    #[test]
    fn a_colour_of_the_operators_own_becomes_the_nearest_that_there_is() {
        for (colour, depth, found) in [
            (Color::Rgb(250, 10, 10), ColourDepth::Eight, c(1)),
            (Color::Rgb(250, 10, 10), ColourDepth::Sixteen, c(9)),
            (Color::Rgb(95, 135, 175), ColourDepth::Many, c(67)),
            (Color::Rgb(95, 135, 175), ColourDepth::True, Color::Rgb(95, 135, 175)),
            (c(196), ColourDepth::Sixteen, c(9)),
            (c(196), ColourDepth::Many, c(196)),
            (c(3), ColourDepth::Eight, c(3)),
        ] {
            assert_eq!(nearest(colour, depth), found, "{colour:?} of {depth:?}");
        }
    }
}
