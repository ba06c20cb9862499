//! The body of a form: up to a length, within a time, of one shape.
//!
//! Lives here: [`Posted`], and reading it. Never lives here: whose it is (`mod`), what is done with it (`acts`).

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest as _};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::TimeDelta;
use futures::future::{Either, select};
use futures::pin_mut;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::base::clock::Clock;

/// The longest body, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// How long it may take.
const WITHIN: TimeDelta = TimeDelta::seconds(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// What a form carries. Only what a page of ours sent gets this far.
#[derive(Clone, Default)]
pub struct Posted(Vec<(String, String)>);

impl Posted {
    /// A field; of several by one name the first.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A field without space around it; `None` where nothing was filled in.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.field(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

/// Reads a form.
///
/// # Errors
/// Another content, too long, too slow, broken off.
pub async fn read(headers: &HeaderMap, body: Body, clock: &dyn Clock) -> Result<Posted, (StatusCode, &'static str)> {
    let content = headers.get(CONTENT_TYPE).and_then(|content| content.to_str().ok()).unwrap_or_default();
    let kind = content.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(FORM) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "Only what a form of these pages sends is taken."));
    }
    parsed(bytes(body, clock).await?).await
}

async fn bytes(body: Body, clock: &dyn Clock) -> Result<Bytes, (StatusCode, &'static str)> {
    let late = clock.sleep_until(clock.now() + WITHIN);
    let read = Limited::new(body, LONGEST).collect();
    pin_mut!(read);
    match select(read, late).await {
        Either::Left((Ok(body), _)) => Ok(body.to_bytes()),
        Either::Left((Err(error), _)) if error.is::<LengthLimitError>() => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "That is more than a form may carry (64 KiB)."))
        }
        Either::Left((Err(_), _)) => Err((StatusCode::BAD_REQUEST, "The request broke off.")),
        Either::Right(_) => Err((StatusCode::REQUEST_TIMEOUT, "The request took too long.")),
    }
}

async fn parsed(bytes: Bytes) -> Result<Posted, (StatusCode, &'static str)> {
    let unfit = (StatusCode::BAD_REQUEST, "That is no form that could be read.");
    let request = Request::builder().method(Method::POST).header(CONTENT_TYPE, FORM).body(Body::from(bytes));
    let request = request.map_err(|_| unfit)?;
    Form::<Vec<(String, String)>>::from_request(request, &())
        .await
        .map(|Form(fields)| Posted(fields))
        .map_err(|_| unfit)
}
