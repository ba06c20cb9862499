//! What was erased from the record: the facts of the journal's own stream.
//!
//! Lives here: the events, as a timeline reads them. Never lives here: how something is erased, and what stays of it (`journal/erase`, which
//! writes the same event).

use serde::{Deserialize, Serialize};

crate::stored_events! {
    /// A fact about the record itself.
    Event {
        /// What another event said is gone.
        Erased = "journal.erased" v 1,
    }
}

/// See [`Event::Erased`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Which event: `#12`.
    pub pos: u64,
    /// Its stream.
    pub stream: String,
    /// Its place in that stream.
    pub seq: u64,
    /// Blobs that went with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<String>,
    /// Why, in a person's words.
    pub why: String,
}
