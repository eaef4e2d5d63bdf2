//! Why CRIU failed, from its log.

use std::path::Path;

/// What CRIU calls errors and goes on from: limits that it cannot raise, and programs for packet filters that are not there.
const HARMLESS: [&str; 3] = ["rlimit:", "execvp(", "-V failed"];

/// The first error in a log, without its place in CRIU's own source; the later ones follow from it.
pub(super) fn reason(log: &Path) -> Option<String> {
    let text = std::fs::read(log).ok()?;
    first_error(&String::from_utf8_lossy(&text))
}

fn first_error(text: &str) -> Option<String> {
    // `(00.012345)    301: Error (criu/sk-inet.c:192): inet: ...`
    let errors = text.lines().filter_map(|line| line.split_once("Error (")).map(|(_, rest)| rest);
    let said = errors.into_iter().find(|said| !HARMLESS.iter().any(|harmless| said.contains(harmless)))?;
    let words = said.split_once("): ").map_or(said, |(_, words)| words);
    Some(output::one_line(words.trim()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_the_reason() {
        let text = "(00.000012) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted\n\
                    Error (criu/util.c:642): execvp(\"iptables-save\", ...) failed: No such file or directory\n(00.014444)    301: Error (criu/sockets.c:523): Can't dump SO_PASSCRED\n\
                    (00.014499) Error (criu/cr-dump.c:2098): Dumping FAILED.\n";
        assert_eq!(first_error(text).as_deref(), Some("Can't dump SO_PASSCRED"));
        assert_eq!(first_error("(00.1) all is well\n"), None);
    }
}
