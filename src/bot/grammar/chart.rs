//! `chart`: its arguments.

use clap::{Args, ValueEnum};

use crate::base::event::IncidentId;
use crate::view::chart::Theme;

/// `chart`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Chart {
    /// Which incident; the only open one, or else the last.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// The folder to write to; it is made where it is missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub to: String,
    /// SVG for pages, PNG for chats and telephones.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "svg")]
    pub format: Format,
    /// Light or dark. Without it an SVG follows its reader's setting, and a PNG is light.
    #[arg(long, value_name = "THEME", value_enum)]
    pub theme: Option<Ground>,
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A drawing.
    Svg,
    /// A picture.
    Png,
}

/// On what ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ground {
    /// Dark on white.
    Light,
    /// Light on nearly black.
    Dark,
}

impl From<Ground> for Theme {
    fn from(ground: Ground) -> Self {
        match ground {
            Ground::Light => Self::Light,
            Ground::Dark => Self::Dark,
        }
    }
}
