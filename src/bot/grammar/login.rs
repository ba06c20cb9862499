//! `login`.
//!
//! Lives here: its arguments. Never lives here: when a link can be used (`domain/session`).

use clap::Args;

/// `login`, or `login-link`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Login {
    /// Instead sign out of every browser, and take back links that nobody used.
    #[arg(long)]
    pub sign_out: bool,
}
