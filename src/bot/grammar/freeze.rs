//! `freeze …` and `unfreeze …`.
//!
//! Lives here: their arguments. Never lives here: what a freeze stops (`domain/target`).

use clap::Args;

/// `freeze [TARGET]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Freeze {
    /// Which target; everything in the environment where left out.
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// For how long: `2h`, `3d`, at most 30 days.
    #[arg(long = "for", value_name = "SPAN", required_unless_present = "list")]
    pub span: Option<String>,
    /// Why; whoever is held up by it reads that.
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    pub why: Option<String>,
    /// In which environment [default: the only one, or production].
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Only list what is frozen.
    #[arg(long, conflicts_with_all = ["target", "span", "why"])]
    pub list: bool,
}

/// `unfreeze [TARGET]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Unfreeze {
    /// Which target; the environment as a whole where left out.
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// In which environment [default: the only one, or production].
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}
