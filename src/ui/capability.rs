//! What the terminal can show, as far as the environment tells: which characters, how many colours. A program cannot ask a terminal without
//! waiting for its answer, so names decide.

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ColourDepth {
    /// None: bold, underlined and reversed text.
    None,
    /// The eight of ECMA-48.
    Eight,
    /// The eight, and eight brighter ones.
    Sixteen,
    /// xterm's 256.
    #[default]
    Many,
    /// Any.
    True,
}

impl ColourDepth {
    /// Whether colours have to be named by the codes of ECMA-48 and aixterm: 30 to 37, 90 to 97 and so on.
    pub fn is_basic(self) -> bool {
        matches!(self, Self::Eight | Self::Sixteen)
    }
}

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Only ASCII.
    pub ascii: bool,
    /// Its colours.
    pub colours: ColourDepth,
}

/// Terminals of glass: no colours, and no UTF-8.
const MONOCHROME: [&str; 9] = ["dumb", "vt52", "vt100", "vt102", "vt220", "vt320", "vt420", "vt510", "vt520"];
/// Terminals that say no more than their name, and have eight colours by the terminfo database.
const EIGHT: [&str; 10] = ["linux", "ansi", "pcansi", "cygwin", "rxvt", "putty", "eterm", "kterm", "hurd", "mach"];
/// By the same database these have eight, too; all of the last twenty years have the bright ones.
const SIXTEEN: [&str; 3] = ["xterm", "screen", "tmux"];

impl Capability {
    /// From `TERM`, `COLORTERM` and the locale (`LC_ALL`, else `LC_CTYPE`, else `LANG`). A terminal that is not known is taken for a modern
    /// one. `COLORTERM` overrules a name, because a multiplexer hides that of the terminal around it; of a terminal of glass it is a leftover.
    pub fn from_env(env: impl Fn(&str) -> Option<String>) -> Self {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = env("TERM").unwrap_or_default().to_ascii_lowercase();
        let characters = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(&env);
        // The kernel's console decodes UTF-8, and has a font of at most 512 characters.
        let few_glyphs = MONOCHROME.contains(&family(&term)) || family(&term) == "linux";
        Self { ascii: few_glyphs || !is_utf8(characters.as_deref()), colours: colours(&term, env("COLORTERM").as_deref()) }
    }
}

/// The first word of a terminal's name: `xterm` of `xterm-256color`.
fn family(term: &str) -> &str {
    term.split(['-', '.']).next().unwrap_or_default()
}

fn colours(term: &str, colorterm: Option<&str>) -> ColourDepth {
    let is = |suffix: &str| term.ends_with(suffix);
    match () {
        () if MONOCHROME.contains(&family(term)) || is("-m") || is("-mono") => ColourDepth::None,
        () if matches!(colorterm, Some("truecolor" | "24bit")) || is("-direct") => ColourDepth::True,
        () if term.contains("256color") => ColourDepth::Many,
        () if is("-16color") || is("-88color") => ColourDepth::Sixteen,
        () if EIGHT.contains(&family(term)) || is("-color") => ColourDepth::Eight,
        // Not `xterm-kitty`, `screen.xterm-ghostty` and so on, which name what they are.
        () if SIXTEEN.contains(&term) => ColourDepth::Sixteen,
        () => ColourDepth::Many,
    }
}

/// Whether the characters of a locale are UTF-8's: `C`, which is also the locale where none is named, has ASCII, and a locale without a
/// character set has an older one (locale(7), setlocale(3)).
fn is_utf8(locale: Option<&str>) -> bool {
    let set = locale.and_then(|name| name.split('@').next()?.split_once('.'));
    set.is_some_and(|(_, set)| set.replace('-', "").eq_ignore_ascii_case("utf8"))
}

#[cfg(test)]
mod tests {
    use super::ColourDepth::{Eight, Many, None, Sixteen, True};
    use super::*;

    #[test]
    fn names_and_locales_decide() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        for (env, ascii, colours) in [
            (&[("TERM", "xterm-256color"), utf8][..], false, Many),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), utf8], false, True),
            (&[("TERM", "alacritty"), utf8], false, Many),
            (&[("TERM", "xterm-kitty"), utf8], false, Many),
            (&[("TERM", "xterm-direct"), utf8], false, True),
            (&[("TERM", "xterm"), utf8], false, Sixteen),
            (&[("TERM", "screen"), utf8], false, Sixteen),
            (&[("TERM", "screen"), ("COLORTERM", "24bit"), utf8], false, True),
            (&[("TERM", "screen.xterm-256color"), utf8], false, Many),
            (&[("TERM", "rxvt-16color"), utf8], false, Sixteen),
            (&[("TERM", "xterm-color"), utf8], false, Eight),
            (&[("TERM", "linux"), utf8], true, Eight),
            (&[("TERM", "linux-16color"), utf8], true, Sixteen),
            (&[("TERM", "vt100"), utf8], true, None),
            (&[("TERM", "vt220-8bit"), ("COLORTERM", "truecolor"), utf8], true, None),
            (&[("TERM", "dumb"), utf8], true, None),
            (&[("TERM", "xterm-mono"), utf8], false, None),
            (&[utf8], false, Many),
            (&[("TERM", "xterm-256color")], true, Many),
            (&[("TERM", "xterm-256color"), ("LANG", "C")], true, Many),
            (&[("TERM", "xterm-256color"), ("LANG", "de_DE.ISO-8859-1")], true, Many),
            (&[("TERM", "xterm-256color"), ("LANG", "C.utf8")], false, Many),
            (&[("TERM", "xterm-256color"), ("LANG", "zh_CN.UTF-8@pinyin")], false, Many),
            (&[("TERM", "xterm-256color"), utf8, ("LC_CTYPE", "C")], true, Many),
            (&[("TERM", "xterm-256color"), ("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], false, Many),
            (&[("TERM", "xterm-256color"), utf8, ("LC_CTYPE", "C.UTF-8"), ("LC_ALL", "POSIX")], true, Many),
            (&[("TERM", "xterm-256color"), utf8, ("LC_ALL", "")], false, Many),
        ] {
            let read = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Capability::from_env(read), Capability { ascii, colours }, "{env:?}");
        }
    }
}
