//! The order of names as people count: radio2 before radio10.

use std::cmp::Ordering;

/// Compares two names, runs of digits in them by their numbers. Names that differ are never equal.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(one), Some(two)) = (left.chars().next(), right.chars().next()) {
        let (first, second) = (number(left), number(right));
        let order = if first.is_empty() || second.is_empty() {
            (left, right) = (&left[one.len_utf8()..], &right[two.len_utf8()..]);
            one.cmp(&two)
        } else {
            (left, right) = (&left[first.len()..], &right[second.len()..]);
            let [first, second] = [first, second].map(|digits| digits.trim_start_matches('0'));
            first.len().cmp(&second.len()).then_with(|| first.cmp(second))
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits with which a text begins.
fn number(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::natural_order;

    #[test]
    fn numbers_in_names_are_counted() {
        let sorted = [
            "",
            "2",
            "10",
            "radio",
            "radio1",
            "radio2",
            "radio02",
            "radio2a",
            "radio10",
            "radio10-b2",
            "radio10-b11",
            "无线2",
            "无线10",
        ];
        for (at, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                // Equal numbers: as texts.
                let expected =
                    if [a, b].iter().all(|name| ["radio2", "radio02"].contains(name)) { a.cmp(b) } else { at.cmp(&other) };
                assert_eq!(natural_order(a, b), expected, "{a:?} {b:?}");
            }
        }
        // Longer than any integer.
        let (a, b) = (format!("r{}", "9".repeat(40)), format!("r1{}", "0".repeat(40)));
        assert!(natural_order(&a, &b).is_lt());
    }
}
