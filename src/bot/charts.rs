//! Charts of an incident as files.
//!
//! Lives here: writing them. Never lives here: what they show (`view`).

use std::path::Path;

use super::grammar::{Chart, Format};
use super::{Bot, Fault};
use crate::base::event::{IncidentId, RunId};
use crate::base::text::one_line;
use crate::view::chart::{Look, Theme, png};
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

/// A chart as a picture for a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictured {
    /// Its name, without an ending.
    pub name: String,
    /// The run and the step of the watch it shows, where it shows one.
    pub step: Option<(RunId, String)>,
    /// What it shows.
    pub title: String,
    /// Its figures in words, for who cannot see it.
    pub words: String,
    /// The PNG, legible on a telephone, on a dark ground: it stands well in a light chat as well.
    pub png: Vec<u8>,
}

impl Bot {
    /// The charts of an incident's watches as pictures; none where no watch has taken a sample.
    ///
    /// # Errors
    /// There is no such incident, the journal, a picture that cannot be drawn.
    pub async fn pictures(&self, incident: Option<&IncidentId>) -> Result<Vec<Pictured>, Fault> {
        let (_, drawn) = self.drawn(incident).await?;
        drawn
            .into_iter()
            .map(|chart| {
                let svg = chart.picture.svg(Look::phone(Theme::Dark));
                let png = png(&svg).map_err(|error| Fault::Failed(error.to_string()))?;
                let figures: Vec<_> =
                    chart.picture.figures().iter().map(|(name, told)| format!("{name}: {told}")).collect();
                let title = one_line(&chart.picture.title(), 160);
                Ok(Pictured {
                    name: chart.name,
                    step: chart.step,
                    title,
                    words: one_line(&figures.join("; "), 900),
                    png,
                })
            })
            .collect()
    }

    async fn drawn(&self, incident: Option<&IncidentId>) -> Result<(IncidentId, Vec<report::Drawn>), Fault> {
        let told = self.told(incident).await?;
        let plans = self.plans(&told).await?;
        let options =
            Options { zone: None, anchor: None, generated_at: self.clock.now(), template: None, plans: &plans };
        let drawn = report::charts(&told.facts, &options);
        Ok((told.incident, drawn))
    }

    /// Writes the charts of an incident's watches.
    ///
    /// # Errors
    /// There is no such incident, nothing to draw, the journal, a file that cannot be written.
    pub async fn charts(&self, asked: &Chart) -> Result<Vec<Charted>, Fault> {
        let (incident, drawn) = self.drawn(asked.incident.as_ref()).await?;
        if drawn.is_empty() {
            return Err(Fault::Failed(format!(
                "{incident} has no chart: no watch of it has taken a sample (rundown timeline {incident} shows what there is)"
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
