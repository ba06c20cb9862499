//! Plain requests of the tests themselves, blocking, also from inside a test's own runtime.

use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use serde_json::Value;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime for the tests' requests")
});

/// An answer: its status, and its body as JSON (as a string where it is none).
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub retry_after: Option<String>,
}

/// Sends a request and waits at most `patience`; the error is the transport's.
pub fn send(
    url: &str,
    headers: &[(&'static str, String)],
    body: Option<Value>,
    patience: Duration,
) -> Result<Reply, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().timeout(patience).build()?;
    let mut request = match body {
        Some(body) => client.post(url).json(&body),
        None => client.get(url),
    };
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let (send, receive) = mpsc::channel();
    RUNTIME.spawn(async move {
        let _ = send.send(reply(request).await);
    });
    receive.recv().expect("the request's task answers")
}

async fn reply(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Reply { status, body, retry_after })
}
