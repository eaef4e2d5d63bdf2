//! A screen as PNG: its SVG drawn with an embedded font, so that the picture is the same on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::protocol::{ErrorCode, Failure};

/// Up to this width a picture is drawn at twice its size, px: letters stay sharp, memory stays bounded.
const SMALL: f32 = 1_300.0;
/// DejaVu Sans Mono; assets/fonts/LICENCE.txt.
const FONTS: [&[u8]; 2] =
    [include_bytes!("../../../assets/fonts/DejaVuSansMono.ttf"), include_bytes!("../../../assets/fonts/DejaVuSansMono-Bold.ttf")];

/// Draws an SVG of [`super::svg`]. Characters that the font has no glyph for (it has no CJK) come out as empty boxes.
///
/// # Errors
/// [`ErrorCode::Internal`] when the SVG is none, or too large to be drawn.
pub fn png(svg: &str) -> Result<Vec<u8>, Failure> {
    let wrong = |what: String| Failure::new(ErrorCode::Internal, format!("the picture can not be drawn as PNG: {what}"));
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    fonts.set_monospace_family("DejaVu Sans Mono");
    let options = Options { fontdb: Arc::new(fonts), font_family: "DejaVu Sans Mono".into(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| wrong(e.to_string()))?;
    let size = tree.size();
    let scale = if size.width() <= SMALL { 2.0 } else { 1.0 };
    // A screen is at most 65 535 cells wide; the pixmap refuses what it can not hold.
    let (width, height) = ((size.width() * scale).ceil() as u32, (size.height() * scale).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| wrong(format!("{width} x {height} pixels are too many")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| wrong(e.to_string()))
}
