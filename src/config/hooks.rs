//! `[hooks]` in `rundown.toml`: where other systems report alerts, and what each proves itself with.
//!
//! Lives here: the shape and its faults. Never lives here: checking a request (`web`).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use secrecy::SecretString;
use serde::Deserialize;

use super::Environment;
use super::file::{DEFAULT, FileError, Reference};
use crate::base::event::Severity;

/// `[hooks]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    /// Where to listen.
    pub listen: String,
    /// How bad the words of sources are.
    #[serde(default)]
    pub severities: BTreeMap<String, Severity>,
    /// `[hooks.alertmanager]`.
    pub alertmanager: Option<Bearer>,
    /// `[hooks.grafana]`.
    pub grafana: Option<Grafana>,
    /// `[hooks.railway]`.
    pub railway: Option<Keyed>,
    /// `[hooks.generic]`.
    pub generic: Option<Either>,
    /// `[hooks.heartbeat]`.
    pub heartbeat: Option<Keyed>,
}

/// A source that shows a token.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    /// The token.
    pub bearer: Reference,
}

/// A source whose secret is in its address.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Keyed {
    /// The part of the path that proves where it comes from.
    pub key: Reference,
}

/// A source that shows a token or signs.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Either {
    /// The token.
    pub bearer: Option<Reference>,
    /// The secret that it signs with.
    pub hmac: Option<Reference>,
}

/// Grafana, which lets one name the headers of its signature.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grafana {
    /// The token.
    pub bearer: Option<Reference>,
    /// The secret that it signs with.
    pub hmac: Option<Reference>,
    /// The header with the signature.
    #[serde(default = "signature")]
    pub signature_header: String,
    /// The header with the time.
    #[serde(default = "timestamp")]
    pub timestamp_header: String,
}

fn signature() -> String {
    "X-Grafana-Alerting-Signature".to_owned()
}

fn timestamp() -> String {
    "X-Grafana-Alerting-Timestamp".to_owned()
}

/// What a source proves itself with, with its secret.
#[derive(Clone, Debug)]
pub enum Secret {
    /// It shows it.
    Shown(SecretString),
    /// It stands in the path.
    InPath(SecretString),
    /// It signs with it, in our way.
    Signs(SecretString),
    /// It signs with it, in Grafana's way.
    GrafanaSigns {
        /// The secret.
        secret: SecretString,
        /// The header with the signature, in small letters.
        signature: String,
        /// The header with the time, in small letters.
        timestamp: String,
    },
}

/// The section as it is used.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Words in small letters.
    pub severities: BTreeMap<String, Severity>,
    /// Sources that may post, by name.
    pub sources: Vec<(&'static str, Secret)>,
    /// What whoever calls in for a heartbeat shows.
    pub heartbeat: Option<SecretString>,
}

impl Hooks {
    /// Reads the secrets and puts it together.
    ///
    /// # Errors
    /// No address, no source, a secret without a value, a source with two secrets or none, a header that cannot be one.
    pub fn read(&self, environment: Environment<'_>) -> Result<Heard, FileError> {
        let no_address =
            "hooks.listen is no address to listen at: it has an IP address and a port, such as 127.0.0.1:8080";
        let listen = self.listen.parse().map_err(|_| fault(no_address.to_owned()))?;
        let mut sources = Vec::new();
        if let Some(of) = &self.alertmanager {
            sources.push(("alertmanager", Secret::Shown(of.bearer.value("hooks.alertmanager.bearer", environment)?)));
        }
        if let Some(of) = &self.grafana {
            let secret = match one("hooks.grafana", &of.bearer, &of.hmac)? {
                (bearer, false) => Secret::Shown(bearer.value("hooks.grafana.bearer", environment)?),
                (hmac, true) => Secret::GrafanaSigns {
                    secret: hmac.value("hooks.grafana.hmac", environment)?,
                    signature: header("hooks.grafana.signature-header", &of.signature_header)?,
                    timestamp: header("hooks.grafana.timestamp-header", &of.timestamp_header)?,
                },
            };
            sources.push(("grafana", secret));
        }
        if let Some(of) = &self.railway {
            sources.push(("railway", Secret::InPath(of.key.value("hooks.railway.key", environment)?)));
        }
        if let Some(of) = &self.generic {
            let secret = match one("hooks.generic", &of.bearer, &of.hmac)? {
                (bearer, false) => Secret::Shown(bearer.value("hooks.generic.bearer", environment)?),
                (hmac, true) => Secret::Signs(hmac.value("hooks.generic.hmac", environment)?),
            };
            sources.push(("generic", secret));
        }
        let heartbeat =
            self.heartbeat.as_ref().map(|of| of.key.value("hooks.heartbeat.key", environment)).transpose()?;
        if sources.is_empty() && heartbeat.is_none() {
            let none = "hooks.listen does nothing without a source: [hooks.alertmanager], [hooks.grafana], \
                        [hooks.railway], [hooks.generic] or [hooks.heartbeat]";
            return Err(fault(none.to_owned()));
        }
        let severities = self.severities.iter().map(|(word, severity)| (word.trim().to_lowercase(), *severity));
        Ok(Heard { listen, severities: severities.collect(), sources, heartbeat })
    }
}

/// The one secret of two, and whether it signs.
fn one<'a>(
    what: &str,
    bearer: &'a Option<Reference>,
    hmac: &'a Option<Reference>,
) -> Result<(&'a Reference, bool), FileError> {
    match (bearer, hmac) {
        (Some(bearer), None) => Ok((bearer, false)),
        (None, Some(hmac)) => Ok((hmac, true)),
        _ => Err(fault(format!("{what} needs one of bearer and hmac"))),
    }
}

fn header(what: &str, name: &str) -> Result<String, FileError> {
    let name = name.trim().to_ascii_lowercase();
    let fits =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits { Ok(name) } else { Err(fault(format!("{what} is no name of a header"))) }
}

fn fault(why: String) -> FileError {
    FileError::Faulty { file: DEFAULT.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let hooks: Hooks = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let environment = |name: &str| (name == "T").then(|| "s3cret-value".to_owned());
        let heard = hooks.read(&environment).map_err(|error| error.to_string())?;
        let shown = format!("{heard:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        Ok(shown)
    }

    #[test]
    fn each_source_has_one_secret_and_there_is_a_source() {
        let listen = "listen = \"127.0.0.1:0\"\n";
        let whole = "[severities]\nCritical = \"P0\"\n[alertmanager]\nbearer = { env = \"T\" }\n[grafana]\nhmac = { env = \"T\" }\n\
                     [railway]\nkey = { env = \"T\" }\n[generic]\nbearer = { env = \"T\" }\n";
        let heard = read(&format!("{listen}{whole}")).unwrap();
        assert!(heard.contains("\"critical\": P0") && heard.contains("x-grafana-alerting-timestamp"), "{heard}");
        let faults: Vec<String> = [
            "listen = \"localhost\"\n[generic]\nbearer = { env = \"T\" }\n".to_owned(),
            listen.to_owned(),
            format!("{listen}[generic]\n"),
            format!("{listen}[generic]\nbearer = {{ env = \"T\" }}\nhmac = {{ env = \"T\" }}\n"),
            format!("{listen}[alertmanager]\nbearer = {{ env = \"NOPE\" }}\n"),
            format!("{listen}[grafana]\nhmac = {{ env = \"T\" }}\nsignature-header = \"a b\"\n"),
            format!("{listen}[railway]\nkey = \"s3cret\"\n"),
        ]
        .iter()
        .map(|text| read(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(faults.join("\n"));
    }
}
