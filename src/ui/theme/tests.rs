//! Contrast of every text pair, and colours that stay apart for eyes that see fewer of them.

use ratatui::style::Color;

use super::*;

const COLOURED: [ThemeName; 4] = [ThemeName::Dark, ThemeName::Light, ThemeName::Projector, ThemeName::ColourBlind];

/// Linear light of a colour, 0 to 1: the transfer function of sRGB.
fn linear(color: Color) -> [f64; 3] {
    let Color::Indexed(n) = color else { panic!("a theme uses {color:?}, whose RGB is the terminal's affair") };
    assert!(n >= 16, "colour {n} differs between terminals");
    let (r, g, b) = xterm_rgb(n);
    [r, g, b].map(|v| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    })
}

/// WCAG 2.2, "contrast ratio".
fn contrast(style: Style) -> f64 {
    let luminance = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let (a, b) = (luminance(linear(style.fg.unwrap())), luminance(linear(style.bg.unwrap())));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn texts(t: &Theme) -> [(&'static str, Style); 13] {
    [
        ("base", t.base),
        ("dim", t.dim),
        ("strong", t.strong),
        ("good", t.good),
        ("warn", t.warn),
        ("bad", t.bad),
        ("owner", t.owner),
        ("owner_tag", t.owner_tag),
        ("action_tag", t.action_tag),
        ("bad_tag", t.bad_tag),
        ("measured", t.measured),
        ("paper", t.paper),
        ("key", t.key),
    ]
}

#[test]
fn every_text_pair_meets_wcag() {
    for name in COLOURED {
        let least = if name == ThemeName::Projector { 7.0 } else { 4.5 };
        let theme = Theme::new(name);
        for (what, style) in texts(&theme) {
            let contrast = contrast(style);
            assert!(contrast >= least, "{name:?}, {what}: contrast {contrast:.2}, {least} is wanted");
        }
        // Rules and frames are no text: WCAG 2.2, 1.4.11.
        assert!(contrast(theme.rule) >= 3.0, "{name:?}, rule: contrast {:.2}", contrast(theme.rule));
    }
}

/// Full deuteranopia, protanopia and tritanopia: Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of
/// color vision deficiency", 2009, severity 1.0, on linear RGB.
const DEFICIENCIES: [[[f64; 3]; 3]; 3] = [
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
];

/// CIE 1976 L*a*b* of linear sRGB under D65.
fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let f = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
    let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// Distance of two colours as an eye with that deficiency sees them.
fn distance(a: Style, b: Style, eye: &[[f64; 3]; 3]) -> f64 {
    let seen = |style: Style| {
        let colour = linear(style.fg.unwrap());
        lab(eye.map(|row| row.iter().zip(colour).map(|(m, c)| m * c).sum::<f64>().clamp(0.0, 1.0)))
    };
    seen(a).iter().zip(seen(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The closest two of the colours whose difference says something.
fn closest(t: &Theme) -> f64 {
    let pairs = [
        (t.good, t.warn),
        (t.good, t.bad),
        (t.warn, t.bad),
        (t.owner, t.warn),
        (t.owner, t.bad),
        (t.owner, t.good),
        (t.measured, t.paper),
        (t.base, t.bad),
        (t.base, t.warn),
    ];
    let distances = pairs.iter().flat_map(|(a, b)| DEFICIENCIES.iter().map(|eye| distance(*a, *b, eye)));
    distances.fold(f64::INFINITY, f64::min)
}

/// Eighteen is eight times what two colours side by side need to be told apart.
#[test]
fn the_colour_blind_theme_keeps_its_colours_apart() {
    let (safe, dark) = (closest(&Theme::new(ThemeName::ColourBlind)), closest(&Theme::new(ThemeName::Dark)));
    assert!(safe >= 18.0, "two colours are {safe:.0} apart");
    assert!(dark < 10.0, "green and red of the dark theme are {dark:.0} apart: the measure sees nothing");
}
