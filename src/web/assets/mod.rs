//! What pages load besides themselves: a style sheet, a script, an icon. They are part of the program, and their addresses change with what
//! they hold, so that a browser keeps each for ever and never a wrong one.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::Digest as _;
use std::sync::LazyLock;

/// Something that is loaded.
struct Asset {
    path: String,
    kind: &'static str,
    bytes: &'static [u8],
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("css", "text/css; charset=utf-8", include_bytes!("style.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("js", "text/javascript; charset=utf-8", include_bytes!("live.js")));
static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_bytes!("icon.svg")));

impl Asset {
    fn new(ending: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let name = hex::encode(&sha2::Sha256::digest(bytes)[..8]);
        Self { path: format!("/assets/{name}.{ending}"), kind, bytes }
    }
}

/// The address of the style sheet.
#[must_use]
pub fn style() -> &'static str {
    &STYLE.path
}

/// The address of the script.
#[must_use]
pub fn script() -> &'static str {
    &SCRIPT.path
}

/// The address of the icon.
#[must_use]
pub fn icon() -> &'static str {
    &ICON.path
}

/// Their addresses.
pub fn router() -> Router {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let Some(asset) = all.into_iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&*name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    ([(CONTENT_TYPE, HeaderValue::from_static(asset.kind)), (CACHE_CONTROL, kept)], asset.bytes).into_response()
}
