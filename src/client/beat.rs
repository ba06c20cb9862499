//! The heartbeat: an address elsewhere that is called so that somebody notices when this process is dead.
//!
//! Lives here: one call. Never lives here: how often.

use std::time::Duration;

/// How long one call may take.
const WITHIN: Duration = Duration::from_secs(10);

/// An address to call. It is the operator's own: the egress guard, which is about what runbooks may reach, has no say.
pub struct Beat {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl Beat {
    /// Reads the address. It may hold a key, so no error shows it.
    ///
    /// # Errors
    /// It is no http or https address.
    pub fn new(url: &str) -> Result<Self, &'static str> {
        let url = reqwest::Url::parse(url).map_err(|_| "heartbeat.url is no address")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("heartbeat.url is neither http nor https");
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| "no client for the heartbeat could be made")?;
        Ok(Self { client, url })
    }

    /// Calls it.
    ///
    /// # Errors
    /// It was not reached, or did not answer with success; the address is not part of the text.
    pub async fn once(&self) -> Result<(), String> {
        let answer = self.client.get(self.url.clone()).send().await.map_err(|error| error.without_url().to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }
}
