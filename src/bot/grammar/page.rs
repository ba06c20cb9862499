//! `page …`: calls for somebody on call.
//!
//! Lives here: their arguments. Never lives here: who is called when (`domain/page`), who is on call (`oncall …`).

use clap::Subcommand;

use crate::base::event::{IncidentId, PageId};

/// What can be done about pages.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Page {
    /// Pages that wait for an answer, or whose incident goes on.
    List {
        /// Those that are over as well.
        #[arg(long)]
        all: bool,
    },
    /// Take it: nobody else is called.
    Ack {
        /// Which; the newest that waits for you where left out.
        #[arg(value_name = "PAGE")]
        page: Option<PageId>,
    },
    /// Say that you cannot take it: the next one is called at once.
    Pass {
        /// Which; the newest that waits for you where left out.
        #[arg(value_name = "PAGE")]
        page: Option<PageId>,
        /// Who is called instead of the next one.
        #[arg(long, value_name = "PERSON")]
        to: Option<String>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Call a policy by hand.
    Call {
        /// What it is about.
        #[arg(value_name = "TEXT", required = true)]
        text: Vec<String>,
        /// A policy of `oncall.yaml`; the one for the worst severity where left out.
        #[arg(long, value_name = "NAME")]
        policy: Option<String>,
        /// The incident it is about.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
}
