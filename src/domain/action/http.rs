//! `http`: one request, its answer as status, headers, body and latency.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stay readable as `steps.ID.…`. `contract` (`ok`, `findings`, `operation`) only where a request is held against one.
pub const KEPT_FACTS: &[&str] = &["status", "latency_ms", "contract"];
/// In scope of `expect` and `save` of the step itself. `body` is parsed JSON where the answer is JSON, else text.
pub const PASSING_FACTS: &[&str] = &["headers", "body"];

/// What a runbook writes under `http:`: exactly one of the methods, its value the URL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// GET this URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    /// HEAD this URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// POST to this URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// PUT to this URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<String>,
    /// PATCH this URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// DELETE this URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// Request headers. The only place of a request where a secret may stand, besides `json` and `body`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A JSON body. A string that is exactly one `{{path}}` keeps the value's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// A text body. Not together with `json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Follow up to five redirects, each checked like a first request. Off unless asked.
    #[serde(default)]
    pub follow_redirects: bool,
    /// An OpenAPI document beside the runbooks that request and answer must fit; `none` leaves the target's one out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
}

/// HTTP methods that a runbook can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers.
    Head,
    /// Changes.
    Post,
    /// Changes.
    Put,
    /// Changes.
    Patch,
    /// Changes.
    Delete,
}

impl Method {
    /// Whether the method is safe in the sense of RFC 9110, section 9.2.1.
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl Spec {
    /// The method and the URL template; the first one where several were given (the check refuses that).
    #[must_use]
    pub fn request_line(&self) -> Option<(Method, &str)> {
        [
            (Method::Get, &self.get),
            (Method::Head, &self.head),
            (Method::Post, &self.post),
            (Method::Put, &self.put),
            (Method::Patch, &self.patch),
            (Method::Delete, &self.delete),
        ]
        .into_iter()
        .find_map(|(method, url)| url.as_deref().map(|url| (method, url)))
    }
}

/// A request with everything rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL; never holds a secret.
    pub url: String,
    /// The inventory's target whose address the URL starts with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Headers; values may hold secret references.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The JSON body; strings may hold secret references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// The text body; may hold secret references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether redirects are followed.
    #[serde(default)]
    pub follow_redirects: bool,
    /// The contract that request and answer must fit, by its name in the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
}

impl Request {
    /// `GET https://host/path`, without the query.
    #[must_use]
    pub fn describe(&self) -> String {
        let shown = self.url.split(['?', '#']).next().unwrap_or_default();
        format!("{} {shown}", self.method.as_str())
    }
}
