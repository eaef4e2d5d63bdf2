//! Precedence, overrides, and what is said about mistakes.

use clap::Parser;
use ratatui::style::Color;

use super::*;
use crate::ui::action::Action;
use crate::ui::place::Place;
use crate::ui::sequences::Notification;
use crate::ui::theme::Glyphs;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ConsoleArgs,
}

fn settings(flags: &[&str], env: &[(&str, &str)], file: &str) -> Result<Settings, Failure> {
    let args = Cli::parse_from(["baton"].iter().chain(flags)).args;
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Settings::from(&args, env, Some((Path::new("console.toml"), file)))
}

#[test]
fn flags_go_over_the_environment_over_the_file() {
    let base = |settings: &Settings| settings.skin.theme.base;
    let theme = |name: ThemeName| Theme::new(name).base;
    let file = "theme = \"light\"\nlanguage = \"zh\"\n";
    let from_file = settings(&[], &[("LANG", "en_GB.UTF-8")], file).unwrap();
    assert_eq!((base(&from_file), from_file.skin.lang), (theme(ThemeName::Light), Lang::Zh));
    let from_env = settings(&[], &[("NO_COLOR", "1")], file).unwrap();
    assert_eq!((base(&from_env), from_env.depth), (theme(ThemeName::Mono), ColourDepth::None));
    let from_flags = settings(&["--theme", "projector", "--lang", "en"], &[("NO_COLOR", "1")], file).unwrap();
    assert_eq!((base(&from_flags), from_flags.skin.lang), (theme(ThemeName::Projector), Lang::En));
    assert_eq!(settings(&[], &[("LANG", "zh_CN.UTF-8")], "").unwrap().skin.lang, Lang::Zh);
    assert_eq!(settings(&[], &[("LC_ALL", "de_DE.UTF-8"), ("LANG", "zh_CN.UTF-8")], "").unwrap().skin.lang, Lang::En);
    assert!(!settings(&["--no-mouse"], &[], "mouse = true").unwrap().mouse);
    assert!(settings(&[], &[], "read-only = true\nprivacy = true").unwrap().read_only);
    assert!(settings(&[], &[], "local-time = true").unwrap().local_time && !settings(&[], &[], "").unwrap().local_time);
    // Typed only, unless somebody wants a key for it.
    let keys = settings(&[], &[], "[keys]\nquit = \"Q\"").unwrap().keys;
    assert_eq!((keys.keys(Action::Quit), keys.keys(Action::Leave)), (&['Q'][..], &['q'][..]));
}

#[test]
fn keys_and_colours_are_overridden_one_by_one() {
    let file = "[keys]\nfreeze = \"Z\"\nhelp = [\"?\", \"H\"]\n[colours]\ngood = 33\nground = \"#102030\"\n";
    let settings = settings(&[], &[("COLORTERM", "truecolor")], file).unwrap();
    assert_eq!(settings.keys.entry('Z', Place::Anywhere).map(|e| e.action), Some(Action::Freeze));
    assert_eq!(settings.keys.entry('f', Place::Anywhere).map(|e| e.action), None);
    assert_eq!(settings.keys.keys(Action::Help), ['?', 'H']);
    assert_eq!(settings.keys.keys(Action::Zoom), ['z'], "what is not named stays");
    let theme = settings.skin.theme;
    assert_eq!((theme.good.fg, theme.good.bg), (Some(Color::Indexed(33)), Some(Color::Rgb(0x10, 0x20, 0x30))));
    assert_eq!(theme.bad.fg, Theme::new(ThemeName::Dark).bad.fg);
}

#[test]
fn mistakes_are_named_with_line_and_key() {
    for (file, expected) in [
        ("\ntheme = \"pink\"", "console.toml, line 2, key `theme`: unknown value `pink`"),
        ("them = 1", "console.toml, line 1, key `them`: unknown key `them`"),
        ("ascii = 7", "console.toml, line 1, key `ascii`: invalid type"),
        ("[keys]\n\nfreze = \"x\"", "console.toml, line 3, key `keys.freze`: there is no such action; they are DS, KL"),
        ("[keys]\nfreeze = \"xy\"", "console.toml, line 2, key `keys.freeze`: a key is one printable character"),
        ("[keys]\nfreeze = 3", "console.toml, line 2, key `keys.freeze`: a key is one"),
        ("[keys]\nfreeze = [\"\\u001b\"]", "console.toml, line 2, key `keys.freeze`: a key is one"),
        ("[keys]\nfreeze = \"m\"", "console.toml, line 2, key `keys.freeze`: the key \"m\" would mean both M and freeze"),
        ("[colours]\ngod = 3", "console.toml, line 2, key `colours.god`: there is no such colour; they are ground, text"),
        ("[colours]\ngood = 256", "console.toml, line 2, key `colours.good`: a colour is a number"),
        ("[colours]\ngood = \"#12345\"", "console.toml, line 2, key `colours.good`: a colour is a number"),
        ("theme = ", "console.toml, line 1, key `theme`: "),
    ] {
        let failure = settings(&[], &[], file).expect_err(file);
        assert!(failure.message.starts_with(expected), "{file:?}: {}", failure.message);
        assert_eq!(failure.code, ErrorCode::Config);
    }
    let swapped = settings(&[], &[], "[keys]\nfreeze = \"m\"\nM = \"f\"").unwrap();
    assert_eq!(swapped.keys.entry('m', Place::Anywhere).map(|e| e.action), Some(Action::Freeze), "two keys may change places");
}

#[test]
fn a_locale_without_utf_8_has_ascii() {
    for (env, ascii) in [
        (&[("LANG", "en_GB.UTF-8")][..], false),
        (&[("LANG", "C.utf8")], false),
        (&[("LANG", "zh_CN.UTF-8@pinyin")], false),
        (&[("LANG", "C")], true),
        (&[("LANG", "POSIX")], true),
        (&[("LANG", "de_DE.ISO-8859-1")], true),
        (&[("LANG", "de_DE@euro")], true),
        (&[], true),
        (&[("LANG", "C.UTF-8"), ("LC_CTYPE", "C")], true),
        (&[("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], false),
        (&[("LANG", "C.UTF-8"), ("LC_CTYPE", "C.UTF-8"), ("LC_ALL", "C")], true),
        (&[("LANG", "C.UTF-8"), ("LC_ALL", "")], false),
    ] {
        let read = |file: &str| settings(&[], env, file).unwrap().skin;
        assert_eq!(read("").glyphs == Glyphs::ASCII, ascii, "{env:?}");
        assert!(read("ascii = false").glyphs == Glyphs::FULL && read("ascii = true").glyphs == Glyphs::ASCII, "{env:?}");
    }
    assert_eq!(settings(&[], &[("LANG", "zh_CN.GB2312")], "").unwrap().skin.lang, Lang::En, "there is no Chinese in ASCII");
}

#[test]
fn an_environment_that_cannot_be_used_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let file = folder.path().join("file").display().to_string();
    let load = |env: &[(&str, &str)]| {
        let env: Vec<(String, String)> = env.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let args = Cli::parse_from(["baton"]).args;
        Settings::load_with(&args, &|name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())).unwrap()
    };
    for (env, said) in [
        (&[("HOME", file.as_str())][..], Some("cannot be read")),
        (&[("HOME", "/dev/null")], Some("cannot be read")),
        (&[("XDG_CONFIG_HOME", "some/where"), ("HOME", "/nowhere")], Some("some/where")),
        (&[("HOME", "/nowhere")], None),
        (&[], None),
    ] {
        let warnings = load(env).warnings;
        assert_eq!(warnings.len(), usize::from(said.is_some()), "{env:?}: {warnings:?}");
        assert!(said.is_none_or(|said| warnings[0].contains(said)), "{env:?}: {warnings:?}");
    }
}

/// Every file either starts a console or is refused with its line.
#[test]
fn a_file_that_was_named_must_exist() {
    let args = Cli::parse_from(["baton", "--settings", "/nowhere/console.toml"]).args;
    let failure = Settings::load(&args).unwrap_err();
    assert!(failure.message.contains("/nowhere/console.toml cannot be read"), "{failure}");
}

#[test]
fn the_terminal_limits_colours_and_characters_and_pictures_have_all() {
    let utf8 = ("LANG", "en_GB.UTF-8");
    let theme = |depth| Theme::on(ThemeName::Dark, &[], depth);
    for (term, depth, ascii) in
        [("linux", ColourDepth::Eight, true), ("xterm", ColourDepth::Sixteen, false), ("foot", ColourDepth::Many, false)]
    {
        let read = settings(&[], &[("TERM", term), utf8], "").unwrap();
        assert_eq!((read.depth, read.skin.theme, read.skin.glyphs == Glyphs::ASCII), (depth, theme(depth), ascii), "{term}");
        assert_eq!(read.pictures, Theme::new(ThemeName::Dark));
        let mono = settings(&[], &[("TERM", term), ("NO_COLOR", "1"), utf8], "").unwrap();
        assert_eq!((mono.depth, mono.skin.theme), (ColourDepth::None, Theme::new(ThemeName::Mono)), "{term}");
    }
    let glass = settings(&["--theme", "light"], &[("TERM", "vt100"), utf8], "ascii = false").unwrap();
    assert_eq!((glass.depth, glass.skin.theme), (ColourDepth::None, Theme::new(ThemeName::Mono)));
    assert_eq!((glass.pictures, glass.skin.glyphs), (Theme::new(ThemeName::Light), Glyphs::FULL));
    let own = settings(&[], &[("TERM", "xterm"), utf8], "[colours]\ngood = \"#ff1010\"").unwrap();
    assert_eq!(own.skin.theme.good.fg, Some(Color::Indexed(9)), "the nearest of sixteen");
}

#[test]
fn nobody_is_told_of_a_verdict_unless_the_file_says_so() {
    assert_eq!(settings(&[], &[], "").unwrap().notice, Notice::default());
    let told = settings(&[], &[], "bell = true\nnotification = \"osc777\"").unwrap().notice;
    assert_eq!(told, Notice { bell: true, notification: Some(Notification::Osc777) });
    let failure = settings(&[], &[], "notification = \"pager\"").unwrap_err();
    let said = "console.toml, line 1, key `notification`: unknown value `pager`, expected `osc9` or `osc777`";
    assert_eq!(failure.message, said);
}
