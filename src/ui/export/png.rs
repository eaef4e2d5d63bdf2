//! A screen as PNG: its SVG drawn with embedded fonts, so that the picture is the same on every machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{FontResolver, Options, Tree, fontdb};

use protocol::{ErrorCode, Failure};

/// Up to this width a picture is drawn at twice its size, px: letters stay sharp, memory stays bounded.
const SMALL: f32 = 1_300.0;
/// DejaVu Sans Mono, and of Noto Sans CJK SC the characters of our own texts (scripts/subset-fonts); assets/fonts/LICENCE.txt.
const FONTS: [&[u8]; 4] = [
    include_bytes!("../../../assets/fonts/DejaVuSansMono.ttf"),
    include_bytes!("../../../assets/fonts/DejaVuSansMono-Bold.ttf"),
    include_bytes!("../../../assets/fonts/NotoSansSC-Regular.otf"),
    include_bytes!("../../../assets/fonts/NotoSansSC-Bold.otf"),
];

/// A picture, and whether it holds characters that no font had.
pub struct PngImage {
    /// The file.
    pub bytes: Vec<u8>,
    /// They came out as empty boxes.
    pub missing_glyphs: bool,
}

/// Draws an SVG of [`super::svg`]. The embedded fonts have the Chinese of our own texts; for that of others, a name perhaps, a font of this
/// machine is used.
///
/// # Errors
/// [`ErrorCode::Internal`] when the SVG is invalid, or too large to be drawn.
pub fn png(svg: &str) -> Result<PngImage, Failure> {
    let drawn = draw(svg, None)?;
    // Looking through the machine's fonts takes a while: only for what the embedded ones lack.
    match drawn.missing_glyphs.then(chinese_font).flatten() {
        Some(font) => draw(svg, Some(font)),
        None => Ok(drawn),
    }
}

/// Draws it with the embedded fonts, and one more.
fn draw(svg: &str, more: Option<Vec<u8>>) -> Result<PngImage, Failure> {
    let wrong = |what: String| Failure::new(ErrorCode::Internal, format!("the picture cannot be drawn as PNG: {what}"));
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    fonts.set_monospace_family("DejaVu Sans Mono");
    more.into_iter().for_each(|font| fonts.load_font_data(font));
    let missing_glyphs = Arc::new(AtomicBool::new(false));
    let (told, fallback) = (missing_glyphs.clone(), FontResolver::default_fallback_selector());
    let font_resolver = FontResolver {
        select_font: FontResolver::default_font_selector(),
        select_fallback: Box::new(move |c, used, fonts| {
            let found = fallback(c, used, fonts);
            told.fetch_or(found.is_none(), Ordering::Relaxed);
            found.map(|found| in_weight_of(used, found, fonts))
        }),
    };
    let options = Options { fontdb: Arc::new(fonts), font_family: "DejaVu Sans Mono".into(), font_resolver, ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| wrong(e.to_string()))?;
    let size = tree.size();
    let scale = if size.width() <= SMALL { 2.0 } else { 1.0 };
    // A screen is at most 65 535 cells wide; the pixmap refuses what it cannot hold.
    let (width, height) = ((size.width() * scale).ceil() as u32, (size.height() * scale).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| wrong(format!("{width} x {height} pixels are too many")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    let bytes = pixels.encode_png().map_err(|e| wrong(e.to_string()))?;
    Ok(PngImage { bytes, missing_glyphs: missing_glyphs.load(Ordering::Relaxed) })
}

/// The face of a family that is as bold as the font it stands in for: the library takes the first that has the character.
fn in_weight_of(used: &[fontdb::ID], found: fontdb::ID, fonts: &fontdb::Database) -> fontdb::ID {
    let family = |face: &fontdb::FaceInfo| face.families.first().map(|(name, _)| name.clone());
    let wanted = used.first().and_then(|base| fonts.face(*base)).map(|base| base.weight);
    let Some((face, weight)) = fonts.face(found).zip(wanted) else { return found };
    fonts.faces().find(|other| family(other) == family(face) && other.weight == weight).map_or(found, |other| other.id)
}

/// Where a Linux machine keeps its fonts.
const FOLDERS: [&str; 3] = ["/usr/share/fonts", "/usr/local/share/fonts", ".local/share/fonts"];
/// What the names of files with Chinese fonts have in common.
const CHINESE: [&str; 13] =
    ["cjk", "fallback", "wqy", "hans", "-sc", "sans-sc", "uming", "ukai", "simsun", "simhei", "msyh", "sarasa", "lxgw"];

/// The first font of this machine that has Chinese, by the name of its file. (The font library's own search needs fontconfig.)
fn chinese_font() -> Option<Vec<u8>> {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from).unwrap_or_default();
    let mut folders: Vec<std::path::PathBuf> = FOLDERS.iter().map(|folder| home.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            match entry.file_type() {
                // Links are not followed: they might form a loop.
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ if [".ttf", ".otf", ".ttc"].iter().any(|ending| name.ends_with(ending)) => {
                    found.extend(CHINESE.iter().any(|word| name.contains(word)).then(|| entry.path()));
                }
                _ => {}
            }
        }
    }
    // The same picture every time.
    found.sort();
    found.into_iter().find_map(|path| std::fs::read(path).ok())
}

/// Whether a character takes two columns: Chinese, its punctuation, and full-width forms.
pub fn is_wide(c: char) -> bool {
    unicode_width::UnicodeWidthChar::width(c) == Some(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::lang::chinese_texts;

    #[test]
    fn the_embedded_fonts_have_the_chinese_of_our_own_texts() {
        let mut wanted: Vec<char> = chinese_texts().flat_map(str::chars).filter(|c| is_wide(*c)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        assert!(wanted.len() > 300, "{}", wanted.len());
        let text = |text: &str| {
            format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="99" height="9"><text font-family="DejaVu Sans Mono">{text}</text></svg>"#
            )
        };
        let missing: String =
            wanted.iter().filter(|c| draw(&text(&c.to_string()), None).is_ok_and(|drawn| drawn.missing_glyphs)).collect();
        assert_eq!(missing, "", "run scripts/subset-fonts");
        // And the test can tell.
        assert!(draw(&text("\u{9f98}"), None).is_ok_and(|drawn| drawn.missing_glyphs));
    }
}
