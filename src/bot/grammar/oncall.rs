//! `oncall …`.
//!
//! Lives here: its arguments. Never lives here: who is on call (`domain/oncall`).

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use crate::base::event::CoverId;

/// Who is on call.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Oncall {
    /// Who is on call, until when, and who is next.
    Who(Who),
    /// When you, or somebody else, are on call next.
    Next {
        /// Who; you where left out.
        #[arg(value_name = "PERSON")]
        person: Option<String>,
    },
    /// Every shift of the coming days, with overrides and requests for cover.
    Schedule {
        /// Which schedule; all where left out.
        #[arg(value_name = "SCHEDULE")]
        schedule: Option<String>,
        /// How many days.
        #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
    },
    /// Put somebody on call for a time, whatever the rotation says.
    Override(OverrideArgs),
    /// Ask for somebody in your place for a time.
    Cover(Cover),
    /// Take a request for cover: you are on call then.
    Take {
        /// Which: `cov-3`.
        #[arg(value_name = "COV")]
        id: CoverId,
    },
    /// Take back an override, or a request for cover.
    Remove {
        /// Which: `cov-3`.
        #[arg(value_name = "COV")]
        id: CoverId,
    },
    /// Page a policy to try whether it gets through; every message says that it is a drill.
    Drill {
        /// A policy of `oncall.yaml`; the one for the worst severity where left out.
        #[arg(value_name = "POLICY")]
        policy: Option<String>,
    },
    /// Go through the coming days: times without anybody, hours and nights of each person. Fails where there are holes.
    Simulate(Simulate),
}

/// `oncall who [SCHEDULE]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Who {
    /// Which schedule; all where left out.
    #[arg(value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// When, if not now: `sat 03:00`, `2026-11-21 09:00` or `in 8h`.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `oncall override SCHEDULE PERSON`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct OverrideArgs {
    /// Which schedule.
    #[arg(value_name = "SCHEDULE")]
    pub schedule: String,
    /// Who is on call.
    #[arg(value_name = "PERSON")]
    pub person: String,
    /// From when, by the schedule's clock: `18:00`, `mon 09:00` or `2026-11-21 09:00` [default: now].
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Until when: the first such time after the beginning, or `in 8h` from it.
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `oncall cover SCHEDULE`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Cover {
    /// Which schedule.
    #[arg(value_name = "SCHEDULE")]
    pub schedule: String,
    /// From when, by the schedule's clock: `18:00`, `mon 09:00` or `2026-11-21 09:00` [default: now].
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Until when: the first such time after the beginning, or `in 8h` from it.
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `oncall simulate`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Simulate {
    /// Which schedules; all where left out.
    #[arg(value_name = "SCHEDULE")]
    pub schedules: Vec<String>,
    /// How many days.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub days: u32,
    /// The first day: `2026-12-01` [default: from now on].
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
}
