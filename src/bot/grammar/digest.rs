//! `digest …`.
//!
//! Lives here: its arguments. Never lives here: what stands in a digest (`bot/digest`).

use clap::{Args, Subcommand};

/// `digest [NAME] --dry-run`, `digest now [NAME]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Digest {
    /// Tell it to whoever asks.
    #[command(subcommand)]
    pub now: Option<DigestNow>,
    /// Which, by its name in rundown.toml; the first where left out.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Only show what would be sent. A terminal sends nothing, with it or without.
    #[arg(long)]
    pub dry_run: bool,
}

/// What else can be said about digests.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DigestNow {
    /// Tell now what the next digest would tell, here; the next one comes all the same.
    Now {
        /// Which, by its name in rundown.toml; the first where left out.
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

impl Digest {
    /// Which digest is meant, where one was named.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.now {
            Some(DigestNow::Now { name }) => name.as_deref(),
            None => self.name.as_deref(),
        }
    }
}
