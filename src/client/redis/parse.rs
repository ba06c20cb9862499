//! What `INFO` and `CLIENT LIST` answer, read leniently: versions of Redis and its relatives differ in fields.
//!
//! Lives here: the two text formats. Never lives here: asking.

use std::collections::BTreeMap;

/// What a connection is used for. One that is blocked *and* subscribed counts as subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientType {
    /// Subscribed to at least one channel or pattern.
    PubSub,
    /// Waits in a blocking command.
    Blocked,
    /// A replica that follows this server, or the server this one follows.
    Replica,
    /// Anything else.
    Normal,
}

impl ClientType {
    /// `pubsub`, `blocked`, `replica` or `normal`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PubSub => "pubsub",
            Self::Blocked => "blocked",
            Self::Replica => "replica",
            Self::Normal => "normal",
        }
    }
}

/// One line of `CLIENT LIST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEntry {
    /// The server's number for the connection.
    pub id: u64,
    /// What it is used for.
    pub kind: ClientType,
    /// The name it gave itself (`CLIENT SETNAME`); empty when none.
    pub name: String,
    /// Where it comes from, without the port; the path of a Unix socket as it is.
    pub address: String,
    /// Seconds since it was opened.
    pub age_s: u64,
    /// Seconds since it last sent something.
    pub idle_s: u64,
}

/// Reads `CLIENT LIST`: at most `limit` entries; lines that are none are passed over.
#[must_use]
pub fn parse_client_list(text: &str, limit: usize) -> Vec<ClientEntry> {
    text.lines().filter_map(parse_client).take(limit).collect()
}

fn parse_client(line: &str) -> Option<ClientEntry> {
    // Names hold neither spaces nor line ends: the server refuses them.
    let fields: BTreeMap<&str, &str> = line.split(' ').filter_map(|field| field.split_once('=')).collect();
    let number = |key: &str| fields.get(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let flags = fields.get("flags").copied().unwrap_or_default();
    let kind = if flags.contains('P') || number("sub") + number("psub") + number("ssub") > 0 {
        ClientType::PubSub
    } else if flags.contains(['S', 'M']) {
        ClientType::Replica
    } else if flags.contains('b') {
        ClientType::Blocked
    } else {
        ClientType::Normal
    };
    Some(ClientEntry {
        id: fields.get("id")?.parse().ok()?,
        kind,
        name: fields.get("name").copied().unwrap_or_default().to_owned(),
        address: without_port(fields.get("addr")?).to_owned(),
        age_s: number("age"),
        idle_s: number("idle"),
    })
}

fn without_port(address: &str) -> &str {
    // A Unix socket is listed as `/path:0`; an IPv6 address as `[::1]:6379`.
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Reads `INFO`: `key:value` lines, `#` headings passed over.
#[must_use]
pub fn parse_info(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_told_from_other_clients() {
        let text = "\
id=3 addr=10.0.0.3:40112 laddr=10.0.0.5:6379 fd=8 name=sse age=2460 idle=2460 flags=P db=0 sub=1 psub=0 ssub=0 cmd=subscribe
id=4 addr=10.0.0.3:40113 fd=9 name= age=5 idle=0 flags=N db=0 sub=0 psub=0 cmd=get
id=5 addr=[fd00::7]:40114 fd=9 name=worker age=50 idle=9 flags=b db=0 sub=0 psub=0 cmd=blpop
id=6 addr=10.0.0.9:40115 fd=9 name= age=500 idle=1 flags=S db=0 cmd=replconf
not a client line
id=x addr=
";
        let clients = parse_client_list(text, 100);
        let read: Vec<_> =
            clients.iter().map(|c| (c.kind.as_str(), c.name.as_str(), c.address.as_str(), c.age_s)).collect();
        assert_eq!(
            read,
            [
                ("pubsub", "sse", "10.0.0.3", 2460),
                ("normal", "", "10.0.0.3", 5),
                ("blocked", "worker", "fd00::7", 50),
                ("replica", "", "10.0.0.9", 500),
            ]
        );
        assert_eq!(parse_client_list(text, 2).len(), 2);
    }

    #[test]
    fn info_is_read_by_key() {
        let info = parse_info("# Clients\r\nconnected_clients:18\r\nmaxclients:20\r\n\r\nodd line\r\n");
        assert_eq!(info["connected_clients"], "18");
        assert_eq!(info["maxclients"], "20");
    }
}
