//! A chart as PNG: drawn with the font that is inside the program, so that it looks the same everywhere, to the byte.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb};

/// Pixels for each unit of the SVG: a chart of a telephone's width becomes 1080 pixels wide.
const SCALE: f32 = 2.0;
/// More pixels than this are refused.
const PIXELS: f32 = 40e6;

/// Inter, regular and semi-bold, reduced to Latin and what charts write; its licence lies beside it.
const FONTS: [&[u8]; 2] = [include_bytes!("font/Inter-Regular.otf"), include_bytes!("font/Inter-SemiBold.otf")];
const FAMILY: &str = "Inter";

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// What was given is no chart's SVG.
    #[error("the chart cannot be drawn as PNG: {0}")]
    Svg(String),
    /// More pixels than a picture may have.
    #[error("the chart is too large for a PNG: {0} × {1} units")]
    Large(f32, f32),
}

/// The picture of an SVG that this module made with one theme ([`super::Look::phone`], [`super::Look::only`]). What the SVG
/// would load from elsewhere is not loaded; characters that the font does not have are boxes.
///
/// # Errors
/// Text that is no SVG; one that is too large.
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    static KNOWN: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut known = fontdb::Database::new();
        FONTS.iter().for_each(|font| known.load_font_data(font.to_vec()));
        // What an SVG asks for and does not find is looked for under this name last.
        known.set_serif_family(FAMILY);
        known.set_sans_serif_family(FAMILY);
        Arc::new(known)
    });
    let options = Options {
        font_family: FAMILY.to_owned(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        fontdb: KNOWN.clone(),
        ..Options::default()
    };
    let wrong = |why: &dyn std::fmt::Display| PngError::Svg(why.to_string());
    let tree = Tree::from_str(svg, &options).map_err(|error| wrong(&error))?;
    let (width, height) = (tree.size().width(), tree.size().height());
    if width * SCALE * height * SCALE > PIXELS {
        return Err(PngError::Large(width, height));
    }
    let pixels = |length: f32| (length * SCALE).ceil() as u32;
    let mut map = Pixmap::new(pixels(width), pixels(height)).ok_or(PngError::Large(width, height))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut map.as_mut());
    map.encode_png().map_err(|error| wrong(&error))
}
