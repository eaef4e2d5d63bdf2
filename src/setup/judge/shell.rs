//! Commands for a shell.

/// A word as a shell takes it for that one word.
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Sets a kernel setting until the next start of the machine.
pub fn sysctl(key: &str, value: u64) -> String {
    format!("sysctl -w {key}={value}")
}

/// The key of an interface's setting: a dot in a name is written as a slash.
pub fn interface_key(interface: &str, setting: &str) -> String {
    format!("net.ipv4.conf.{}.{setting}", interface.replace('.', "/"))
}
