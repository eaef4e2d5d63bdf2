//! Figures, and the word READY, large enough to be read from a distance: three pixels wide and five high.

use super::theme::Glyphs;

/// Rows of pixels of a digit, three bits each, top first.
fn bitmap(c: char) -> [u8; 5] {
    match c {
        '0' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '5' => [7, 4, 7, 1, 7],
        '6' => [7, 4, 7, 5, 7],
        '7' => [7, 1, 1, 1, 1],
        '8' => [7, 5, 7, 5, 7],
        '9' => [7, 5, 7, 1, 7],
        '-' => [0, 0, 7, 0, 0],
        'A' => [2, 5, 7, 5, 5],
        'D' => [6, 5, 5, 5, 6],
        'E' => [7, 4, 6, 4, 7],
        'R' => [6, 5, 6, 5, 5],
        'Y' => [5, 5, 2, 2, 2],
        _ => [0; 5],
    }
}

/// Columns of pixels that a character takes, the gap behind it included.
fn advance(c: char) -> usize {
    match c {
        ' ' => 2,
        '.' => 2,
        _ => 4,
    }
}

/// A figure as rows of block characters that fit `width` x `height` cells, as large as they allow; `None` if nothing fits.
///
/// Large: a pixel is two columns wide, five rows. Small: a pixel is half a cell high, three rows.
pub fn rows(text: &str, width: usize, height: usize, glyphs: &Glyphs) -> Option<Vec<String>> {
    let columns = text.chars().map(advance).sum::<usize>().saturating_sub(1);
    let pixels: Vec<Vec<bool>> = (0..5).map(|row| line_of_pixels(text, row)).collect();
    let full = if glyphs.ascii { '#' } else { '\u{2588}' };
    if columns * 2 <= width && height >= 5 {
        let cell = |on: &bool| if *on { [full; 2] } else { [' '; 2] };
        return Some(pixels.iter().map(|row| row.iter().flat_map(cell).collect()).collect());
    }
    if glyphs.ascii || columns > width || height < 3 {
        return None;
    }
    let blank = vec![false; columns + 1];
    Some(
        [(0, 1), (2, 3), (4, 5)]
            .into_iter()
            .map(|(top, bottom)| {
                let bottom = pixels.get(bottom).unwrap_or(&blank);
                pixels[top].iter().zip(bottom).map(|pair| half_block(*pair.0, *pair.1)).collect()
            })
            .collect(),
    )
}

/// A figure as rows of block characters, as many times the large size as fit `width` x `height` cells, at most `most` times; where
/// not even the large size fits, as [`rows`].
pub fn largest(text: &str, width: usize, height: usize, most: usize, glyphs: &Glyphs) -> Option<Vec<String>> {
    let columns = text.chars().map(advance).sum::<usize>().saturating_sub(1);
    let scale = most.min(height / 5).min(width / (columns * 2).max(1));
    if scale < 2 {
        return rows(text, width, height, glyphs);
    }
    let full = if glyphs.ascii { "#" } else { "\u{2588}" };
    let pixel = |on: bool| if on { full } else { " " }.repeat(2 * scale);
    let line = |row| line_of_pixels(text, row).into_iter().map(pixel).collect::<String>();
    Some((0..5).flat_map(|row| std::iter::repeat_n(line(row), scale)).collect())
}

fn half_block(top: bool, bottom: bool) -> char {
    match (top, bottom) {
        (true, true) => '\u{2588}',
        (true, false) => '\u{2580}',
        (false, true) => '\u{2584}',
        (false, false) => ' ',
    }
}

fn line_of_pixels(text: &str, row: usize) -> Vec<bool> {
    let mut out = Vec::new();
    for c in text.chars() {
        let bits = bitmap(c)[row];
        match c {
            ' ' => out.extend([false; 2]),
            '.' => out.extend([row == 4, false]),
            _ => out.extend([bits & 4 != 0, bits & 2 != 0, bits & 1 != 0, false]),
        }
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_as_large_as_the_room_allows() {
        let small = rows("12", 10, 4, &Glyphs::FULL).unwrap();
        assert_eq!(
            small,
            [
                "\u{2584}\u{2588}  \u{2580}\u{2580}\u{2588}",
                " \u{2588}  \u{2588}\u{2580}\u{2580}",
                "\u{2580}\u{2580}\u{2580} \u{2580}\u{2580}\u{2580}"
            ]
        );
        let large = rows("1", 6, 5, &Glyphs::ASCII).unwrap();
        assert_eq!(large, ["  ##  ", "####  ", "  ##  ", "  ##  ", "######"]);
        assert_eq!(rows("1234567", 10, 9, &Glyphs::FULL), None);
        let huge = largest("1", 13, 10, 3, &Glyphs::ASCII).unwrap();
        assert_eq!(huge[..3], ["    ####    ", "    ####    ", "########    "]);
        assert_eq!(huge.len(), 10);
        assert_eq!(largest("1", 6, 99, 3, &Glyphs::ASCII), rows("1", 6, 5, &Glyphs::ASCII));
        assert_eq!(rows("12", 10, 4, &Glyphs::ASCII), None);
    }
}
