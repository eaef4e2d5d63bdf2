//! Figures, and the word READY, large enough to be read from a distance: three pixels wide and five high.

use super::theme::Glyphs;

/// Rows of pixels of a character, top first, [`width`] bits each.
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
        '.' => [0, 0, 0, 0, 1],
        'A' => [2, 5, 7, 5, 5],
        'D' => [6, 5, 5, 5, 6],
        'E' => [7, 4, 6, 4, 7],
        'R' => [6, 5, 6, 5, 5],
        'Y' => [5, 5, 2, 2, 2],
        // The unit: small letters are three pixels high.
        'm' => [0, 0, 31, 21, 21],
        's' => [0, 0, 3, 2, 6],
        _ => [0; 5],
    }
}

/// Pixels of a character from the left to the right.
fn width(c: char) -> usize {
    match c {
        ' ' | '.' => 1,
        'm' => 5,
        _ => 3,
    }
}

/// Columns of pixels that a text takes, with one between two characters.
fn columns(text: &str) -> usize {
    text.chars().map(|c| width(c) + 1).sum::<usize>().saturating_sub(1)
}

/// How large a pixel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pixel {
    /// So many times two columns wide and one row high.
    Large(usize),
    /// One column wide and half a row high.
    Small,
}

impl Pixel {
    /// The largest of which `columns` fit into `width` x `height` cells, at most `most` times the large one; `None` if none fits.
    fn fitting(columns: usize, width: usize, height: usize, most: usize, glyphs: &Glyphs) -> Option<Self> {
        let scale = most.max(1).min(height / 5).min(width / (columns * 2).max(1));
        match scale {
            0 if glyphs.ascii || columns > width || height < 3 => None,
            0 => Some(Self::Small),
            scale => Some(Self::Large(scale)),
        }
    }

    fn columns(self, pixels: usize) -> usize {
        match self {
            Self::Large(scale) => 2 * scale * pixels,
            Self::Small => pixels,
        }
    }
}

/// A figure as rows of block characters that fit `width` x `height` cells, as large as they allow, at most `most` times the large
/// size; `None` if nothing fits. The blank that groups digits goes: at this size it would split them into two figures.
///
/// Large: a pixel is two columns wide, five rows. Small: a pixel is half a cell high, three rows.
pub fn largest(text: &str, width: usize, height: usize, most: usize, glyphs: &Glyphs) -> Option<Vec<String>> {
    let text = &text.replace(' ', "");
    Pixel::fitting(columns(text), width, height, most, glyphs).map(|pixel| drawn(text, pixel, glyphs))
}

/// Figures side by side, all of one size, the largest that fits, `gap` columns between them: with their unit in the same letters where that does not make the
/// digits smaller, else without. Whether the unit is in it stands beside the rows of each.
pub fn equal(
    digits: &[String],
    gap: usize,
    (width, height): (usize, usize),
    most: usize,
    glyphs: &Glyphs,
) -> Option<(Vec<Vec<String>>, bool)> {
    /// Columns of the unit as text beside a figure.
    const UNIT: usize = 3;
    let gaps = gap * digits.len().saturating_sub(1);
    let fit = |texts: &[String], beside: usize| {
        let room = width.checked_sub(gaps + beside)?;
        Pixel::fitting(texts.iter().map(|text| columns(text)).sum(), room, height, most, glyphs)
    };
    let with_unit: Vec<String> = digits.iter().map(|text| format!("{text} ms")).collect();
    let (bare, full) = (fit(digits, UNIT * digits.len()), fit(&with_unit, 0));
    let size = |pixel: Option<Pixel>| pixel.map_or(0, |pixel| pixel.columns(1));
    let (texts, pixel, unit) = if size(full) >= size(bare) { (with_unit.as_slice(), full?, true) } else { (digits, bare?, false) };
    Some((texts.iter().map(|text| drawn(text, pixel, glyphs)).collect(), unit))
}

fn drawn(text: &str, pixel: Pixel, glyphs: &Glyphs) -> Vec<String> {
    let pixels: Vec<Vec<bool>> = (0..5).map(|row| line_of_pixels(text, row)).collect();
    match pixel {
        Pixel::Large(scale) => {
            let full = if glyphs.ascii { "#" } else { "\u{2588}" };
            let cells = |on: &bool| if *on { full } else { " " }.repeat(2 * scale);
            let lines = pixels.iter().map(|row| row.iter().map(cells).collect::<String>());
            lines.flat_map(|line| std::iter::repeat_n(line, scale)).collect()
        }
        Pixel::Small => {
            let blank = vec![false; columns(text)];
            let pairs = pixels.chunks(2).map(|pair| (&pair[0], pair.get(1).unwrap_or(&blank)));
            pairs.map(|(top, bottom)| top.iter().zip(bottom).map(|(top, bottom)| half_block(*top, *bottom)).collect()).collect()
        }
    }
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
        out.extend((0..width(c)).rev().map(|bit| bits >> bit & 1 == 1));
        out.push(false);
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_as_large_as_the_room_allows() {
        let small = largest("12", 10, 4, 1, &Glyphs::FULL).unwrap();
        assert_eq!(
            small,
            [
                "\u{2584}\u{2588}  \u{2580}\u{2580}\u{2588}",
                " \u{2588}  \u{2588}\u{2580}\u{2580}",
                "\u{2580}\u{2580}\u{2580} \u{2580}\u{2580}\u{2580}"
            ]
        );
        let large = largest("1", 6, 5, 1, &Glyphs::ASCII).unwrap();
        assert_eq!(large, ["  ##  ", "####  ", "  ##  ", "  ##  ", "######"]);
        assert_eq!(largest("1234567", 10, 9, 1, &Glyphs::FULL), None);
        let huge = largest("1", 13, 10, 3, &Glyphs::ASCII).unwrap();
        assert_eq!(huge[..3], ["    ####    ", "    ####    ", "########    "]);
        assert_eq!(huge.len(), 10);
        assert_eq!(largest("1", 6, 99, 3, &Glyphs::ASCII), largest("1", 6, 5, 1, &Glyphs::ASCII));
        assert_eq!(largest("12", 10, 4, 1, &Glyphs::ASCII), None);
        assert_eq!(largest("1 2", 20, 5, 1, &Glyphs::ASCII), largest("12", 20, 5, 1, &Glyphs::ASCII), "a gap splits the figure");
    }

    #[test]
    fn figures_of_one_size_have_their_unit_where_the_digits_stay_as_large() {
        let digits = ["1.96".to_owned(), "1855".to_owned()];
        for (width, height, most, rows, unit) in
            [(118, 5, 3, 5, true), (98, 5, 3, 5, false), (78, 3, 3, 3, true), (180, 10, 3, 10, false), (220, 10, 3, 10, true)]
        {
            let (figures, with_unit) = equal(&digits, 6, (width, height), most, &Glyphs::FULL).unwrap();
            assert!(figures.iter().all(|figure| figure.len() == rows), "{width}x{height}: {figures:#?}");
            assert_eq!(with_unit, unit, "{width}x{height}");
            let all: usize = figures.iter().map(|figure| figure[0].chars().count()).sum();
            assert!(all + 6 <= width, "{width}x{height}");
        }
        assert!(equal(&digits, 6, (20, 5), 3, &Glyphs::FULL).is_none());
    }
}
