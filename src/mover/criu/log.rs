//! Why CRIU failed, from its log.

use std::path::Path;

/// The first error in a log, without its place in CRIU's own source; the later ones follow from it.
pub(super) fn reason(log: &Path) -> Option<String> {
    let text = std::fs::read(log).ok()?;
    first_error(&String::from_utf8_lossy(&text))
}

fn first_error(text: &str) -> Option<String> {
    // `(00.012345)    301: Error (criu/sk-inet.c:192): inet: ...`
    let said = text.lines().find_map(|line| line.split_once("Error (")).map(|(_, rest)| rest)?;
    let words = said.split_once("): ").map_or(said, |(_, words)| words);
    Some(output::one_line(words.trim()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_the_reason() {
        let text = "(00.000012) Version: 4.2.1\n(00.014444)    301: Error (criu/sockets.c:523): Can't dump SO_PASSCRED\n\
                    (00.014499) Error (criu/cr-dump.c:2098): Dumping FAILED.\n";
        assert_eq!(first_error(text).as_deref(), Some("Can't dump SO_PASSCRED"));
        assert_eq!(first_error("(00.1) all is well\n"), None);
    }
}
