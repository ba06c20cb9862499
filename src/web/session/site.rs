//! Under which names pages are served, and whether a request comes from one of these pages.
//!
//! Lives here: [`Site`] and [`Here`]. Pure. A foreign `Host` means that a name of somebody else's leads to this machine (DNS rebinding):
//! the browser would count pages under it as theirs. Never lives here: who somebody is.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Uri};

/// Set by browsers alone: a page cannot forge it (<https://www.w3.org/TR/fetch-metadata/>).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SECURE: &str = "https://";

/// The names that are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The address that was set, in small letters.
    url: Option<String>,
    /// Whether this machine's own names lead here: only where nobody else can come that way.
    loopback: bool,
}

/// The name under which a request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Scheme, host and port, as browsers name an origin.
    origin: String,
}

impl Site {
    /// What is listened at, and the address that people use where it is another one.
    #[must_use]
    pub fn new(listen: SocketAddr, url: Option<&str>) -> Self {
        Self { url: url.map(str::to_ascii_lowercase), loopback: listen.ip().is_loopback() }
    }

    /// The name a request came under; `None` where it is none of ours, or not one.
    #[must_use]
    pub fn here(&self, uri: &Uri, headers: &HeaderMap) -> Option<Here> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next()?.to_str().ok()?.to_ascii_lowercase();
        let other_target = uri.authority().is_some_and(|named| !named.as_str().eq_ignore_ascii_case(&host));
        if hosts.next().is_some() || other_target {
            return None;
        }
        if let Some(url) = &self.url
            && url.split_once("://").is_some_and(|(_, ours)| ours == host)
        {
            return Some(Here { origin: url.clone() });
        }
        (self.loopback && is_loopback(&host)).then(|| Here { origin: format!("http://{host}") })
    }
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
pub(in crate::web) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(six) => match six.split_once(']') {
            Some((name, rest)) if rest.is_empty() || is_port(rest) => name,
            _ => return false,
        },
        None => match host.find(':') {
            Some(at) if is_port(&host[at..]) => &host[..at],
            Some(_) => return false,
            None => host,
        },
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

impl Here {
    /// Whether cookies only travel encrypted.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.origin.starts_with(SECURE)
    }

    /// Whether a browser says that one of these pages asks. Where it says nothing, nobody knows who does.
    #[must_use]
    pub fn is_asking(&self, headers: &HeaderMap) -> bool {
        let (origin, site) = (headers.get(ORIGIN), headers.get(FETCH_SITE));
        let ours = origin.is_none_or(|origin| origin.as_bytes().eq_ignore_ascii_case(self.origin.as_bytes()));
        let same = site.is_none_or(|site| site.as_bytes() == b"same-origin");
        ours && same && (origin.is_some() || site.is_some())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(named: &[(&HeaderName, &str)]) -> HeaderMap {
        named.iter().map(|(name, value)| ((*name).clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn own() -> Site {
        Site::new("127.0.0.1:8321".parse().unwrap(), None)
    }

    fn open() -> Site {
        Site::new("0.0.0.0:80".parse().unwrap(), Some("https://rundown.example.com"))
    }

    fn here(site: &Site, host: &str) -> Option<Here> {
        site.here(&Uri::from_static("/"), &headers(&[(&HOST, host)]))
    }

    #[test]
    fn only_names_that_are_ours_lead_here() {
        for host in ["127.0.0.1:8321", "localhost:8321", "LOCALHOST", "[::1]:8321", "127.0.0.2"] {
            assert!(here(&own(), host).is_some(), "{host}");
        }
        let foreign =
            ["evil.example", "evil.example:8321", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1"];
        for host in foreign.into_iter().chain(["localhost:x", "localhost:80:80", "[::1]x", "10.0.0.1:8321"]) {
            assert_eq!(here(&own(), host), None, "{host}");
        }
        assert!(here(&open(), "Rundown.Example.com").is_some_and(|here| here.secure()));
        for host in ["localhost", "127.0.0.1", "rundown.example.com:8080", "example.com"] {
            assert_eq!(here(&open(), host), None, "{host}: others could come that way");
        }
        assert_eq!(own().here(&Uri::from_static("/"), &HeaderMap::new()), None);
        let elsewhere = Uri::from_static("http://evil.example/");
        assert_eq!(own().here(&elsewhere, &headers(&[(&HOST, "localhost")])), None, "two names in one request");
    }

    #[test]
    fn what_a_browser_sends_from_elsewhere_is_not_taken_for_ours() {
        let here = here(&own(), "localhost:8321").unwrap();
        let asks = |named: &[(&HeaderName, &str)]| here.is_asking(&headers(named));
        assert!(asks(&[(&ORIGIN, "http://localhost:8321")]) && asks(&[(&FETCH_SITE, "same-origin")]));
        assert!(!asks(&[]), "nobody says where it comes from");
        for origin in
            ["null", "http://localhost:9", "https://localhost:8321", "http://evil.example", "http://127.0.0.1:8321"]
        {
            assert!(!asks(&[(&ORIGIN, origin)]), "{origin}");
            assert!(!asks(&[(&ORIGIN, origin), (&FETCH_SITE, "same-origin")]), "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert!(!asks(&[(&FETCH_SITE, site)]), "{site}");
            assert!(!asks(&[(&ORIGIN, "http://localhost:8321"), (&FETCH_SITE, site)]), "{site}");
        }
    }
}
