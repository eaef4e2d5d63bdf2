//! Names of hosts, radios and interfaces. They become parts of file names, socket names and command lines.

use crate::BadValue;
use crate::text_type::checked_text;

/// Longest name of a host or a radio, bytes: the path of a Unix socket, which holds it, has at most 107.
const LONGEST: usize = 64;
/// Longest name of an interface, bytes (`IFNAMSIZ` less the final zero).
const LONGEST_INTERFACE: usize = 15;

const ALLOWED: &str = "a name has 1 to 64 bytes: letters, digits, '-', '_' and '.', the first one a letter or digit, and no '..'";
const ALLOWED_INTERFACE: &str =
    "the name of an interface has 1 to 15 bytes, does not begin with '.', and holds no '/', '..', space or control character";

checked_text!(
    /// Name of a host in the cluster file.
    HostName,
    check_host
);

checked_text!(
    /// Name of a radio in the cluster file.
    RadioName,
    check_radio
);

checked_text!(
    /// Name of a network interface, at most 15 bytes.
    InterfaceName,
    check_interface
);

checked_text!(
    /// A word that servers have in common and that radios may prefer: a room, a rack, a kind of machine. Every name of a host has the form of one.
    Label,
    check_label
);

impl InterfaceName {
    pub(crate) fn eth3() -> Self {
        Self("eth3".to_owned())
    }

    pub(crate) fn guest_tap() -> Self {
        Self("vmtap".to_owned())
    }

    pub(crate) fn tun() -> Self {
        Self("tun".to_owned())
    }
}

fn check_host(text: &str) -> Result<(), BadValue> {
    check(text, "host", ALLOWED, is_plain(text))
}

fn check_radio(text: &str) -> Result<(), BadValue> {
    check(text, "radio", ALLOWED, is_plain(text))
}

fn check_interface(text: &str) -> Result<(), BadValue> {
    let forbidden = |c: char| c == '/' || c.is_whitespace() || output::acts(c);
    let possible = text.len() <= LONGEST_INTERFACE && !text.starts_with('.') && !text.contains(forbidden);
    check(text, "network interface", ALLOWED_INTERFACE, possible)
}

fn check_label(text: &str) -> Result<(), BadValue> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    if !text.is_empty() && text.len() <= LONGEST && text.chars().all(allowed) {
        return Ok(());
    }
    Err(BadValue::new(format_args!("{text:?} is no label"), "a label has 1 to 64 bytes: letters, digits, '-', '_', '.' and '='"))
}

/// Letters and digits of any script, so that a name can be read aloud, typed, and is never an option or a path.
fn is_plain(text: &str) -> bool {
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= LONGEST && text.starts_with(char::is_alphanumeric) && text.chars().all(of_name)
}

fn check(text: &str, what: &str, allowed: &str, possible: bool) -> Result<(), BadValue> {
    if possible && !text.is_empty() && !text.contains("..") {
        return Ok(());
    }
    Err(BadValue::new(format_args!("{text:?} cannot name a {what}"), allowed))
}
