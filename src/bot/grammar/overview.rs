//! `now`, `health`, `stop`: what is going on, how everything is, hold it all up.

use clap::Args;

use crate::base::event::IncidentId;

/// `now`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Now {
    /// Only this incident; every open one where left out.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `health`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct HealthNow {
    /// The environment of `targets.yaml`; the default one where left out.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

/// `stop`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct StopAll {
    /// Only this incident's runs; every open run where left out.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}
