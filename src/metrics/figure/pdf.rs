//! A figure as PDF: its SVG, letters as outlines, so that no font is needed where it is printed.

use std::sync::Arc;

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{Content, Filter, Pdf, Rect, Ref, TextStr};
use resvg::tiny_skia::{PathSegment, Point};
use resvg::usvg::{self, FillRule, Group, Node, Options, Paint, Tree, fontdb};

use protocol::{ErrorCode, Failure};

/// DejaVu Sans, its Latin letters; assets/fonts/LICENCE.txt.
const FONT: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-Latin.ttf");
/// Pixels of SVG are of an inch's 96th, points of its 72nd.
const POINTS: f32 = 72.0 / 96.0;

/// The tree of an SVG with the figure's font.
fn tree(svg: &str) -> Result<Tree, Failure> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_source(fontdb::Source::Binary(Arc::new(FONT)));
    let options = Options { fontdb: Arc::new(fonts), font_family: "DejaVu Sans".into(), ..Options::default() };
    let wrong = |e: usvg::Error| Failure::new(ErrorCode::Internal, format!("the figure cannot be drawn: {e}"));
    Tree::from_str(svg, &options).map_err(wrong)
}

/// An SVG of [`super::canvas`] as one page of its size.
///
/// # Errors
/// [`ErrorCode::Internal`] when the SVG is invalid.
pub fn pdf(svg: &str) -> Result<Vec<u8>, Failure> {
    let tree = tree(svg)?;
    let (width, height) = (tree.size().width() * POINTS, tree.size().height() * POINTS);
    let mut content = Content::new();
    // PDF counts from the bottom.
    content.transform([POINTS, 0.0, 0.0, -POINTS, 0.0, height]);
    group(&mut content, tree.root());
    let [catalog, pages, page, drawn, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    pdf.page(page).parent(pages).media_box(Rect::new(0.0, 0.0, width, height)).contents(drawn).resources();
    let packed = compress_to_vec_zlib(&content.finish(), 9);
    pdf.stream(drawn, &packed).filter(Filter::FlateDecode);
    pdf.document_info(info).producer(TextStr(concat!("baton ", env!("CARGO_PKG_VERSION"))));
    Ok(pdf.finish())
}

fn group(content: &mut Content, of: &Group) {
    for node in of.children() {
        match node {
            Node::Group(inner) => group(content, inner),
            Node::Path(shape) => path(content, shape),
            Node::Text(text) => group(content, text.flattened()),
            // A figure has none.
            Node::Image(_) => {}
        }
    }
}

fn path(content: &mut Content, shape: &usvg::Path) {
    let t = shape.abs_transform();
    content.save_state();
    content.transform([t.sx, t.ky, t.kx, t.sy, t.tx, t.ty]);
    let rgb = |paint: &Paint| match paint {
        Paint::Color(c) => [c.red, c.green, c.blue].map(|v| f32::from(v) / 255.0),
        // A figure has flat colours.
        _ => [0.0; 3],
    };
    if let Some(stroke) = shape.stroke() {
        let [r, g, b] = rgb(stroke.paint());
        content.set_stroke_rgb(r, g, b).set_line_width(stroke.width().get());
    }
    if let Some(fill) = shape.fill() {
        let [r, g, b] = rgb(fill.paint());
        content.set_fill_rgb(r, g, b);
    }
    outline(content, shape);
    let even_odd = shape.fill().is_some_and(|fill| fill.rule() == FillRule::EvenOdd);
    match (shape.fill().is_some(), shape.stroke().is_some()) {
        (true, true) if even_odd => content.fill_even_odd_and_stroke(),
        (true, true) => content.fill_nonzero_and_stroke(),
        (true, false) if even_odd => content.fill_even_odd(),
        (true, false) => content.fill_nonzero(),
        (false, true) => content.stroke(),
        (false, false) => content.end_path(),
    };
    content.restore_state();
}

fn outline(content: &mut Content, shape: &usvg::Path) {
    // A thousandth of a pixel is finer than any printer, and half of the digits.
    let short = |p: Point| Point::from_xy((p.x * 1e3).round() / 1e3, (p.y * 1e3).round() / 1e3);
    let mut last = Point::default();
    for segment in shape.data().segments() {
        let segment = match segment {
            PathSegment::MoveTo(p) => PathSegment::MoveTo(short(p)),
            PathSegment::LineTo(p) => PathSegment::LineTo(short(p)),
            PathSegment::QuadTo(c, p) => PathSegment::QuadTo(short(c), short(p)),
            PathSegment::CubicTo(a, b, p) => PathSegment::CubicTo(short(a), short(b), short(p)),
            PathSegment::Close => PathSegment::Close,
        };
        match segment {
            PathSegment::MoveTo(p) => content.move_to(p.x, p.y),
            PathSegment::LineTo(p) => content.line_to(p.x, p.y),
            // The same curve with the two control points that PDF wants.
            PathSegment::QuadTo(c, p) => {
                let between = |from: Point, to: Point| {
                    Point::from_xy(from.x + (to.x - from.x) * 2.0 / 3.0, from.y + (to.y - from.y) * 2.0 / 3.0)
                };
                let (a, b) = (short(between(last, c)), short(between(p, c)));
                content.cubic_to(a.x, a.y, b.x, b.y, p.x, p.y)
            }
            PathSegment::CubicTo(a, b, p) => content.cubic_to(a.x, a.y, b.x, b.y, p.x, p.y),
            PathSegment::Close => content.close_path(),
        };
        if let PathSegment::MoveTo(p) | PathSegment::LineTo(p) | PathSegment::QuadTo(_, p) | PathSegment::CubicTo(_, _, p) = segment
        {
            last = p;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::figure::tests::several;
    use crate::metrics::figure::{Distribution, of_groups, of_run};
    use crate::metrics::history::GroupBy;

    /// Text boxes of a figure, each with its text.
    fn boxes(group: &Group, found: &mut Vec<(String, usvg::Rect)>) {
        for node in group.children() {
            match node {
                Node::Group(inner) => boxes(inner, found),
                Node::Text(text) => {
                    let words: String = text.chunks().iter().map(|chunk| chunk.text().to_owned()).collect();
                    found.push((words, text.abs_bounding_box()));
                }
                _ => {}
            }
        }
    }

    /// By the font's own measure: no text lies on another one, and none leaves the page.
    #[test]
    fn no_text_lies_on_another() {
        let runs = several();
        let all: Vec<_> = runs.iter().collect();
        let distribution = Distribution::of_interruption(GroupBy::Direction).unwrap();
        let figures = runs.iter().map(of_run).chain(of_groups(&all, &distribution));
        for svg in figures.map(|canvas| canvas.svg()) {
            let tree = tree(&svg).unwrap();
            let mut found = Vec::new();
            boxes(tree.root(), &mut found);
            assert!(found.len() > 8, "{svg}");
            for (i, (text, place)) in found.iter().enumerate() {
                assert!(
                    place.x() >= 0.0 && place.right() <= tree.size().width() && place.bottom() <= tree.size().height(),
                    "{text}: {place:?}"
                );
                for (other, there) in &found[i + 1..] {
                    let apart = place.right() <= there.x()
                        || there.right() <= place.x()
                        || place.bottom() <= there.y()
                        || there.bottom() <= place.y();
                    assert!(apart, "{text:?} lies on {other:?}: {place:?} {there:?}");
                }
            }
        }
    }

    #[test]
    fn a_page_has_the_size_of_the_figure_and_is_the_same_every_time() {
        let svg = of_run(&several()[0]).svg();
        let page = pdf(&svg).unwrap();
        assert!(page.starts_with(b"%PDF-1.") && page.ends_with(b"%%EOF"));
        let text = String::from_utf8_lossy(&page);
        // 85 mm.
        assert!(text.contains("/MediaBox [0 0 240.9"), "{}", &text[..400]);
        assert_eq!(page, pdf(&svg).unwrap());
        assert!(page.len() < 90_000, "{} bytes", page.len());
        assert!(pdf("no picture").is_err());
    }
}
