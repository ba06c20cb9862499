//! Everything that is known about an incident, in order: the union of what incidents, runs, targets, pages, alerts, monitors, digests,
//! sessions in a browser, erasures and the rota state.
//!
//! Lives here: [`Fact`], and how a stored event becomes one. Never lives here: how it is shown (`view/`).

use crate::base::event::{IncidentId, PageId, RunId, Stream, Unreadable};
use crate::domain::oncall::rota;
use crate::domain::{alert, digest, erasure, incident, monitor, page, run, session, target};

/// One fact of whatever stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// About an incident.
    Incident(IncidentId, incident::event::Event),
    /// About a run.
    Run(RunId, run::event::Event),
    /// About a target, by `environment/name`.
    Target(String, target::event::Event),
    /// About a page.
    Page(PageId, page::event::Event),
    /// About a group of alerts, by `source/hash`.
    Alert(String, alert::event::Event),
    /// About who is on call beside the rotation.
    Rota(rota::event::Event),
    /// About a monitor, by its name.
    Monitor(String, monitor::event::Event),
    /// About a digest, by its name.
    Digest(String, digest::event::Event),
    /// About a session in a browser, by the name of its link.
    Session(String, session::event::Event),
    /// What another event said was erased.
    Erasure(erasure::Event),
    /// The body was erased; its kind is all that is left.
    Erased {
        /// The stream it stood in.
        stream: Stream,
        /// What it was.
        kind: String,
    },
}

impl Fact {
    /// Reads a stored event; `body` is `None` where it was erased.
    ///
    /// # Errors
    /// An unknown stream, kind or version, a body of another shape.
    pub fn decode(stream: &Stream, kind: &str, version: u32, body: Option<&[u8]>) -> Result<Self, Unreadable> {
        let Some(body) = body else {
            return Ok(Self::Erased { stream: stream.clone(), kind: kind.to_owned() });
        };
        let unreadable = |why: String| Unreadable { kind: kind.to_owned(), version, why };
        match stream.family() {
            "incident" => {
                let id = IncidentId::parse(stream.key()).map_err(|bad| unreadable(bad.to_string()))?;
                incident::event::Event::decode(kind, version, body).map(|event| Self::Incident(id, event))
            }
            "run" => {
                let id = RunId::parse(stream.key()).map_err(|bad| unreadable(bad.to_string()))?;
                run::event::Event::decode(kind, version, body).map(|event| Self::Run(id, event))
            }
            "target" => target::event::Event::decode(kind, version, body)
                .map(|event| Self::Target(stream.key().to_owned(), event)),
            "page" => {
                let id = PageId::parse(stream.key()).map_err(|bad| unreadable(bad.to_string()))?;
                page::event::Event::decode(kind, version, body).map(|event| Self::Page(id, event))
            }
            "alert" => alert::event::Event::decode(kind, version, body)
                .map(|event| Self::Alert(stream.key().to_owned(), event)),
            "oncall" => rota::event::Event::decode(kind, version, body).map(Self::Rota),
            "monitor" => monitor::event::Event::decode(kind, version, body)
                .map(|event| Self::Monitor(stream.key().to_owned(), event)),
            "digest" => digest::event::Event::decode(kind, version, body)
                .map(|event| Self::Digest(stream.key().to_owned(), event)),
            "journal" => erasure::Event::decode(kind, version, body).map(Self::Erasure),
            "session" => session::event::Event::decode(kind, version, body)
                .map(|event| Self::Session(stream.key().to_owned(), event)),
            family => Err(unreadable(format!("nothing here reads the stream family '{family}'"))),
        }
    }
}
