//! The glyphs that carry a meaning without colour, in a full and an ASCII set.

use ratatui::symbols::border;

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
    /// A place in that shaft that moves with the samples.
    pub ripple: &'static str,
    /// Shaft of an arrow along which nothing flows yet.
    pub broken_shaft: &'static str,
    /// Rule between sections.
    pub rule: &'static str,
    /// Top, middle, bottom and single form of a bracket around rows.
    pub bracket: [&'static str; 4],
    /// The paper's length beyond ours, and its end.
    pub paper: [&'static str; 2],
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
        ripple: "\u{2500}",
        broken_shaft: "\u{2505}",
        rule: "\u{2500}",
        bracket: ["\u{250c}", "\u{2502}", "\u{2514}", "\u{2576}"],
        paper: ["\u{2500}", "\u{2524}"],
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
        ripple: "-",
        broken_shaft: ".",
        rule: "-",
        bracket: ["/", "|", "\\", "-"],
        paper: ["-", "|"],
        step: [".", ">", "#", "X"],
        lost: "X",
        waiting: "_",
        ellipsis: "~",
        differs: "!",
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(format!("{:?}", Glyphs::ASCII).is_ascii());
    }
}
