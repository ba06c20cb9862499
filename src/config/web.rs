//! `[web]`: the pages for browsers.
//!
//! Lives here: where they are served, and by which address people reach them. Never lives here: what stands on them (`web`).

use std::net::SocketAddr;

use serde::Deserialize;

use super::file::{DEFAULT, FileError, Reference};

/// Where the pages are where nothing else is said: reachable from this machine alone.
pub const LOOPBACK: &str = "127.0.0.1:8321";
/// The longest address, in characters.
const LONGEST: usize = 200;

/// `[web]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Web {
    /// Where to listen; [`LOOPBACK`] where left out.
    pub listen: Option<String>,
    /// The address by which people reach them, where that is another one: `https://rundown.example.com`.
    pub url: Option<String>,
    /// What whoever reads `/metrics` shows; this machine alone where left out.
    pub metrics: Option<Reference>,
}

/// Where pages are served, and how they are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address people reach them by, without a path or a slash at its end; `None`: the one that is listened at.
    pub url: Option<String>,
}

impl Served {
    /// The address that links name, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> String {
        self.url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }
}

impl Web {
    /// Reads it.
    ///
    /// # Errors
    /// An address that cannot be listened at, an address that no browser could open; one that is reachable from elsewhere without
    /// a word about how.
    pub fn read(&self) -> Result<Served, FileError> {
        let fault = |why: &str| FileError::Faulty { file: DEFAULT.to_owned(), why: why.to_owned() };
        let listen: SocketAddr = self.listen.as_deref().unwrap_or(LOOPBACK).parse().map_err(|_| {
            fault("web.listen is no address to listen at: it has an IP address and a port, such as 127.0.0.1:8321")
        })?;
        let url = self.url.as_deref().map(|url| {
            origin(url).ok_or_else(|| {
                fault("web.url is the address in the browser, without a path: https://rundown.example.com")
            })
        });
        let url = url.transpose()?;
        if !listen.ip().is_loopback() && url.is_none() {
            return Err(fault(
                "web.listen is reachable from other machines: say by which address people come, web.url = \
                 \"https://rundown.example.com\"; requests under other names are refused",
            ));
        }
        Ok(Served { listen, url })
    }
}

/// Scheme, host and port, in small letters; `None` where it is more or less than that.
fn origin(url: &str) -> Option<String> {
    let url = url.trim().trim_end_matches('/').to_ascii_lowercase();
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    (!host.is_empty() && url.len() <= LONGEST && host.bytes().all(fits)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Served, String> {
        toml::from_str::<Web>(text).unwrap().read().map_err(|error| error.to_string())
    }

    #[test]
    fn pages_are_for_this_machine_alone_unless_it_is_said_how_others_come() {
        let own = read("").unwrap();
        assert!(own.listen.ip().is_loopback() && own.url.is_none());
        let open = read("listen = \"0.0.0.0:80\"\nurl = \"https://Rundown.Example.com/\"").unwrap();
        assert_eq!(open.url.as_deref(), Some("https://rundown.example.com"));
        let faults: Vec<String> = [
            "listen = \"0.0.0.0:80\"",
            "listen = \"somewhere\"",
            "url = \"rundown.example.com\"",
            "url = \"https://rundown.example.com/path\"",
            "url = \"https://a b\"",
        ]
        .iter()
        .map(|text| read(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(faults.join("\n"));
    }
}
