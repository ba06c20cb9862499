//! Charts of an incident as files.
//!
//! Lives here: writing them. Never lives here: what they show (`view`).

use std::path::Path;

use super::grammar::{Chart, Format};
use super::{Bot, Fault};
use crate::base::text::one_line;
use crate::view::chart::{Look, png};
use crate::view::report::{self, Options};

/// A chart that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charted {
    /// Where it is.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// Each series with its figures: last, min, max, p95.
    pub series: Vec<(String, String)>,
}

impl Bot {
    /// Writes the charts of an incident's watches.
    ///
    /// # Errors
    /// There is no such incident, nothing to draw, the journal, a file that cannot be written.
    pub async fn charts(&self, asked: &Chart) -> Result<Vec<Charted>, Fault> {
        let told = self.told(asked.incident.as_ref()).await?;
        let plans = self.plans(&told).await?;
        let options =
            Options { zone: None, anchor: None, generated_at: self.clock.now(), template: None, plans: &plans };
        let drawn = report::charts(&told.facts, &options);
        if drawn.is_empty() {
            return Err(Fault::Failed(format!(
                "{} has no chart: no watch of it has taken a sample (rundown timeline {0} shows what there is)",
                told.incident
            )));
        }
        let folder = Path::new(&asked.to);
        std::fs::create_dir_all(folder)
            .map_err(|error| Fault::Failed(format!("{} cannot be made: {error}", folder.display())))?;
        let theme = asked.theme.map(Into::into);
        let mut charted = Vec::new();
        for chart in drawn {
            let (ending, bytes) = match asked.format {
                Format::Svg => {
                    let look = theme.map_or(Look::page(), |theme| Look::page().only(theme));
                    ("svg", chart.picture.svg(look).into_bytes())
                }
                Format::Png => {
                    let svg = chart.picture.svg(Look::phone(theme.unwrap_or_default()));
                    ("png", png(&svg).map_err(|error| Fault::Failed(error.to_string()))?)
                }
            };
            let path = folder.join(format!("{}.{ending}", chart.name));
            std::fs::write(&path, bytes)
                .map_err(|error| Fault::Failed(format!("{} cannot be written: {error}", path.display())))?;
            charted.push(Charted {
                file: path.display().to_string(),
                title: one_line(&chart.picture.title(), 160),
                series: chart.picture.figures(),
            });
        }
        Ok(charted)
    }
}
