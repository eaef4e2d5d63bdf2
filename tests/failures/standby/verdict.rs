//! Whether the screen's verdict was true: compared with the replies at the far end.

use super::screen::Shown;

/// A silence of so long must be on the screen, and what the screen says while all is answered must not be older, s: pings are waited for, telemetry
/// comes ten times a second, and the console waits for a silent host.
const SEEN_WITHIN: f64 = 2.0;

/// What the screen said that was not so, if anything. Times are seconds since 1970; `silences` are those of the far end.
pub fn wrong(shown: &[(f64, &Shown)], silences: &[(f64, f64)], now: f64) -> Option<String> {
    let until = |index: usize| shown.get(index + 1).map_or(now, |(at, _)| *at);
    let spans: Vec<(f64, f64, &Shown)> = shown.iter().enumerate().map(|(index, (at, shown))| (*at, until(index), *shown)).collect();
    for (from, to) in silences.iter().filter(|(from, to)| to - from > SEEN_WITHIN) {
        let is_told = spans.iter().any(|(begins, ends, shown)| shown.word != "SERVING" && begins < to && ends > from);
        if !is_told {
            return Some(format!("nobody was served for {:.1} s, and the screen said SERVING", to - from));
        }
    }
    let complaints = spans.iter().filter(|(_, _, shown)| shown.word != "SERVING");
    for (begins, ends, shown) in complaints.filter(|(begins, ends, _)| ends - begins > SEEN_WITHIN) {
        let is_true = silences.iter().any(|(from, to)| *from < *ends && *to + SEEN_WITHIN > *begins);
        if !is_true {
            return Some(format!("all was served, and the screen said for {:.1} s: {}", ends - begins, shown.verdict()));
        }
    }
    None
}

#[test]
fn a_silence_that_is_not_shown_and_an_alarm_without_one_are_wrong() {
    let said = |word: &str| Shown { word: word.into(), ..Shown::default() };
    let (good, down) = (said("SERVING"), said("DOWN"));
    let told = [(0.0, &good), (10.5, &down), (13.0, &good)];
    assert_eq!(wrong(&told, &[(10.0, 12.8)], 20.0), None);
    assert!(wrong(&told[..1], &[(10.0, 12.8)], 20.0).unwrap().contains("nobody was served"));
    assert_eq!(wrong(&told[..1], &[(10.0, 11.0)], 20.0), None, "too short for a screen");
    assert!(wrong(&told, &[], 20.0).unwrap().contains("all was served"));
    assert_eq!(wrong(&[(10.5, &down), (11.5, &good)], &[], 20.0), None, "gone before it can be read");
}
