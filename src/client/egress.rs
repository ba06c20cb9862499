//! The egress guard: which addresses a request of a runbook may reach.
//!
//! Lives here: the rule, and the resolver that applies it to every DNS answer at the moment of connecting, so that a
//! name cannot point elsewhere between a check and its use. Never lives here: which hosts the operator names.
//!
//! The rule: what the operator's inventory names (`host:port`) is allowed wherever it is. Everything else only at
//! public addresses: not link-local (cloud metadata lives there), loopback, private, shared (carrier NAT), multicast,
//! reserved or unspecified ones, nor IPv6 addresses that carry such an IPv4 address inside.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The `host:port` pairs that the operator names. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named(Arc<BTreeSet<(String, u16)>>);

impl Named {
    /// The hosts and ports of these URLs; what is no URL with a host names nothing.
    pub fn from_urls<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Arc::new(urls.into_iter().filter_map(host_and_port).collect()))
    }

    /// Whether it names where this URL goes.
    #[must_use]
    pub fn names(&self, url: &Url) -> bool {
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => self.0.contains(&(host.to_owned(), port)),
            _ => false,
        }
    }
}

/// Host and port of an absolute `http` or `https` URL, as the guard and grants of secrets understand them: literal
/// addresses in their usual form, names in lower case, an IPv6 address in brackets.
#[must_use]
pub fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// An address that may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} is {kind} ({address}), which runbooks may not reach unless targets.yaml names {host} with its port")]
pub struct Denied {
    /// The host as it was asked for.
    pub host: String,
    /// Where it leads.
    pub address: IpAddr,
    /// What is wrong with that.
    pub kind: &'static str,
}

/// Checks a URL whose host is a literal address; names are checked when they are resolved.
///
/// # Errors
/// [`Denied`] where the address is not public.
pub fn check_literal(url: &Url) -> Result<(), Denied> {
    let Some(host) = url.host_str() else { return Ok(()) };
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => check(host, address),
        Err(_) => Ok(()),
    }
}

fn check(host: &str, address: IpAddr) -> Result<(), Denied> {
    match not_public(address) {
        Some(kind) => Err(Denied { host: host.to_owned(), address, kind }),
        None => Ok(()),
    }
}

/// What keeps an address from being a public one, in words.
#[must_use]
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    if a == 0 {
        Some("an unspecified address")
    } else if address.is_loopback() {
        Some("a loopback address")
    } else if address.is_private() {
        Some("a private address")
    } else if address.is_link_local() {
        Some("a link-local address")
    } else if a == 100 && (64..128).contains(&b) {
        Some("a shared address (carrier NAT)")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if a >= 240 || (a, b, c) == (192, 0, 0) || (a == 198 && (18..20).contains(&b)) || address.is_documentation()
    {
        Some("a reserved address")
    } else {
        None
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let words = address.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        not_public_v4(Ipv4Addr::new(a, b, c, d)).map(|_| "an IPv6 address that carries a private IPv4 address")
    };
    match words {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // IPv4-compatible (deprecated), IPv4-mapped, IPv4-translated.
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            inside(high, low)
        }
        // NAT64, the well-known prefix; its local-use sibling carries an address anywhere.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x64, 0xff9b, 1, ..] => Some("a reserved address"),
        // 6to4.
        [0x2002, high, low, ..] => inside(high, low),
        // Teredo: the client's IPv4 address, inverted, at the end.
        [0x2001, 0, _, _, _, _, high, low] => inside(!high, !low),
        // Discard-only, documentation.
        [0x100, 0, 0, 0, ..] | [0x2001, 0xdb8, ..] => Some("a reserved address"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("a link-local address"),
        [first, ..] if first & 0xffc0 == 0xfec0 || first & 0xfe00 == 0xfc00 => Some("a private address"),
        [first, ..] if first & 0xff00 == 0xff00 => Some("a multicast address"),
        _ => None,
    }
}

/// A resolver that keeps only public addresses of what DNS answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(public_only(name.as_str(), found)?.into_iter()) as Addrs)
        })
    }
}

/// The public addresses among those that a name led to.
///
/// # Errors
/// [`Denied`] where there is none, and one that is not public.
pub fn public_only(host: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Denied> {
    let mut denied = None;
    let mut public = Vec::new();
    for address in found {
        match check(host, address.ip()) {
            Ok(()) => public.push(address),
            Err(reason) => denied = Some(reason),
        }
    }
    match denied {
        Some(reason) if public.is_empty() => Err(reason),
        _ => Ok(public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached_unasked_however_they_are_written() {
        let denied = [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:f5ff:fffe",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
        ];
        for text in denied {
            assert!(not_public(text.parse().unwrap()).is_some(), "{text} must not be reached");
        }
        let public = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "169.253.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ];
        for text in public {
            assert_eq!(not_public(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn a_literal_address_cannot_hide_behind_its_spelling() {
        for url in
            ["http://2130706433/", "http://0x7f.1/", "http://017700000001/", "http://[::ffff:7f00:1]/", "http://127.1/"]
        {
            assert!(check_literal(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
    }

    #[test]
    fn the_inventory_names_a_host_together_with_its_port() {
        let named = Named::from_urls(["http://127.0.0.1:8000", "https://API.example/base", "no url"]);
        let names = |url: &str| named.names(&Url::parse(url).unwrap());
        assert!(names("http://127.0.0.1:8000/api/health"));
        assert!(names("https://api.example:443/"));
        assert!(!names("http://127.0.0.1:8001/"), "another port is another service");
        assert!(!names("http://api.example/"));
    }
}
