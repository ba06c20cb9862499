//! The HTTP port: one request, one answer.
//!
//! Lives here: the port and its types. Never lives here: what a status means.

use std::time::Duration;

use futures::future::BoxFuture;
pub use reqwest::Method;
use secrecy::SecretString;

use super::SendError;
use super::egress::Named;
use crate::base::event::Instant;

mod plain;
mod send;

pub use send::HttpClient;

/// Bytes of a body that are read; the rest is left unread and said so in [`HttpResponse::cut`].
pub const BODY_CAP: usize = 8 * 1024 * 1024;
/// Redirects that are followed when asked to.
pub const MAX_REDIRECTS: usize = 5;

/// One request. Headers and body are secret because they may carry a resolved secret; `Debug` shows neither.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// Header names and values, in order.
    pub headers: Vec<(String, SecretString)>,
    /// The body, where there is one. Its type is a header of its own.
    pub body: Option<SecretString>,
    /// Whether up to [`MAX_REDIRECTS`] redirects are followed.
    pub follow_redirects: bool,
    /// What the operator's inventory names: allowed at whatever address it resolves to.
    pub named: Named,
    /// When the whole exchange, the body included, must be over.
    pub until: Instant,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code, 100 to 599.
    pub status: u16,
    /// Header names (lower case) and values, in order of arrival; values that are not UTF-8 are replaced in part.
    pub headers: Vec<(String, String)>,
    /// The body as text, at most [`BODY_CAP`] bytes of it.
    pub body: String,
    /// What was cut off or replaced, in words.
    pub cut: Option<String>,
    /// From sending to the end of the body.
    pub latency: Duration,
}

impl HttpResponse {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How long the server asks to wait before the next try (`Retry-After`, in seconds or as a date), at most a day.
    #[must_use]
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let asked = match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
            Err(_) => {
                let date = chrono::DateTime::parse_from_rfc2822(text).ok()?.to_utc();
                (date - now).to_std().unwrap_or_default()
            }
        };
        Some(asked.min(Duration::from_secs(86_400)))
    }
}

/// Sends HTTP requests.
pub trait Http: Send + Sync {
    /// Sends one request and reads its answer, in time.
    ///
    /// # Errors
    /// [`SendError`]: never a status, however bad; that is an answer.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_a_server_asks_for_is_read_as_seconds_or_as_a_date() {
        let now: Instant = "2026-03-01T10:00:00Z".parse().unwrap();
        let asked = |value: &str| {
            let headers = vec![("retry-after".to_owned(), value.to_owned())];
            HttpResponse { headers, ..HttpResponse::default() }.retry_after(now).map(|wait| wait.as_secs())
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Sun, 01 Mar 2026 10:01:30 GMT"), Some(90));
        assert_eq!(asked("Sun, 01 Mar 2026 09:00:00 GMT"), Some(0), "a moment that has passed asks for no wait");
        assert_eq!(asked("999999999999"), Some(86_400));
        assert_eq!([asked("soon"), asked("-5"), asked("NaN"), asked("")], [None; 4]);
        assert_eq!(HttpResponse::default().retry_after(now), None);
    }
}
