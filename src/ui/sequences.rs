//! Escape sequences beyond the screen: the bell, a notification, the clipboard. What they carry cannot end them early: no control character
//! passes, and each ends with BEL, which every terminal takes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::text::clip;

/// Columns of a notification; desktops show about two lines.
const LONGEST: usize = 160;

/// How a terminal is told to show a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notification {
    /// OSC 9: iTerm2, kitty, WezTerm, foot, Ghostty, Windows Terminal.
    Osc9,
    /// OSC 777: urxvt, foot, Ghostty, WezTerm, terminals on VTE.
    Osc777,
}

/// What happens when the verdict on the service changes; nothing unless the settings ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notice {
    /// The terminal's bell.
    pub bell: bool,
    /// A notification of the desktop.
    pub notification: Option<Notification>,
}

impl Notice {
    /// The bytes for a text; none where nothing is asked for.
    pub fn bytes(self, text: &str) -> Vec<u8> {
        let text = clip(&harmless(text), LONGEST, ".");
        let mut out = match self.notification {
            // The name in front: an OSC 9 that begins with a number means something else to some terminals.
            Some(Notification::Osc9) => format!("\x1b]9;baton: {text}\x07"),
            // A semicolon ends a field.
            Some(Notification::Osc777) => format!("\x1b]777;notify;baton;{}\x07", text.replace(';', ",")),
            None => String::new(),
        };
        if self.bell {
            out.push('\x07');
        }
        out.into_bytes()
    }
}

/// OSC 52: the terminal is asked to put a text on its clipboard. Some do not, and none says so.
pub fn clipboard(text: &str) -> Vec<u8> {
    format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(text)).into_bytes()
}

/// A text without control characters, C1 among them, and in one line.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_unless_it_is_asked_for() {
        assert!(Notice::default().bytes("DOWN").is_empty());
        assert_eq!(Notice { bell: true, notification: None }.bytes("DOWN"), b"\x07");
        let osc9 = Notice { bell: true, notification: Some(Notification::Osc9) };
        assert_eq!(osc9.bytes("DOWN"), b"\x1b]9;baton: DOWN\x07\x07");
    }

    #[test]
    fn a_text_cannot_end_its_sequence_or_begin_another() {
        for notification in [Notification::Osc9, Notification::Osc777] {
            let notice = Notice { bell: false, notification: Some(notification) };
            let bytes = notice.bytes("a\x07b\x1b\\c\x1b]52;c;eA==\x07\u{9c}d\ne;f");
            let acting = bytes.iter().filter(|byte| **byte < 0x20).count();
            assert_eq!((acting, bytes.first(), bytes.last()), (2, Some(&0x1b), Some(&0x07)), "{bytes:?}");
            assert!(!String::from_utf8(bytes.clone()).unwrap().chars().any(|c| ('\u{80}'..'\u{a0}').contains(&c)));
            assert!(notice.bytes(&"x".repeat(100_000)).len() < 200);
        }
    }

    #[test]
    fn the_clipboard_has_the_text_as_base64() {
        assert_eq!(clipboard("a\u{1b}b"), b"\x1b]52;c;YRti\x07");
    }
}
