//! Pages about incidents: postmortem, summary, debugging record, phases, update.
//!
//! Lives here: collecting what a page is made with, the operator's own templates, writing files. Never lives here: what a
//! page says (`view/report`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::grammar::{Postmortem, ReportArgs};
use super::records::Told;
use super::{Bot, Fault};
use crate::base::event::{IncidentId, RunId};
use crate::domain::runbook::model::Plan;
use crate::view::report::{self, Kind, Options, Report};

/// The largest template that is read, in bytes.
const TEMPLATE_LIMIT: u64 = 1 << 20;

/// A page, or what came of asking about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drafted {
    /// The page.
    Text(String),
    /// The files that were written.
    Files(Vec<String>),
    /// What to tell people.
    Lines(Vec<String>),
    /// What is missing or unsupported, of which incident.
    Lacks(IncidentId, Vec<String>),
}

impl Bot {
    /// `postmortem …`.
    ///
    /// # Errors
    /// There is no such incident, the journal, a template that does not work, a file that cannot be written.
    pub async fn postmortem(&self, asked: Postmortem) -> Result<Drafted, Fault> {
        match asked {
            Postmortem::Draft { incident, to } => self.draft(Kind::Postmortem, incident.as_ref(), to).await,
            Postmortem::Export { incident, to } => {
                let to = to.ok_or_else(|| Fault::Usage("say where to: --to DIR".to_owned()))?;
                Ok(Drafted::Lines(self.export(super::grammar::Export { incident, to }).await?.lines()))
            }
            Postmortem::Check { incident } => {
                let told = self.told(incident.as_ref()).await?;
                let plans = self.plans(&told).await?;
                let options =
                    Options { zone: None, anchor: None, generated_at: self.clock.now(), template: None, plans: &plans };
                let lacks = report::check(&told.facts, &options);
                Ok(Drafted::Lacks(told.incident, lacks))
            }
        }
    }

    /// `report …`.
    ///
    /// # Errors
    /// As [`Self::postmortem`].
    pub async fn report(&self, asked: ReportArgs) -> Result<Drafted, Fault> {
        if asked.template {
            return Ok(Drafted::Text(report::built_in_template(asked.kind).to_owned()));
        }
        self.draft(asked.kind, asked.incident.as_ref(), asked.to).await
    }

    async fn draft(&self, kind: Kind, incident: Option<&IncidentId>, to: Option<String>) -> Result<Drafted, Fault> {
        let told = self.told(incident).await?;
        let plans = self.plans(&told).await?;
        let page = self.page(kind, &told, &plans).await?;
        let Some(to) = to else { return Ok(Drafted::Text(page.markdown)) };
        let to = PathBuf::from(&to);
        let beside = page.charts.iter().map(|(name, chart)| (to.with_file_name(name), chart));
        let mut files = Vec::new();
        for (path, text) in [(to.clone(), &page.markdown)].into_iter().chain(beside) {
            write(&path, text.as_bytes())?;
            files.push(path.display().to_string());
        }
        Ok(Drafted::Files(files))
    }

    /// One page about an incident, by the operator's template where there is one.
    pub(super) async fn page(
        &self,
        kind: Kind,
        told: &Told,
        plans: &BTreeMap<RunId, Arc<Plan>>,
    ) -> Result<Report, Fault> {
        let anchor = Some(self.anchor().await?.to_string());
        let own = own_template(&self.library.templates(), kind)?;
        let generated_at = self.clock.now();
        let options = Options { zone: None, anchor, generated_at, template: own.as_deref(), plans };
        report::report(kind, &told.facts, &options).map_err(|error| Fault::Failed(error.to_string()))
    }

    /// What the incident's runs were pinned to. A plan that was erased leaves its run without phases and limits, not the
    /// incident without a page.
    pub(super) async fn plans(&self, told: &Told) -> Result<BTreeMap<RunId, Arc<Plan>>, Fault> {
        let engine = self.engine()?;
        let mut plans = BTreeMap::new();
        for run in &told.state.runs {
            if let Ok(plan) = engine.run_plan(run).await {
                plans.insert(run.clone(), plan);
            }
        }
        Ok(plans)
    }
}

/// The operator's template of that name, where there is one.
fn own_template(folder: &Path, kind: Kind) -> Result<Option<String>, Fault> {
    let path = folder.join(kind.template_file());
    let failed = |why: String| Fault::Failed(format!("{} cannot be read: {why}", path.display()));
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error.to_string())),
        Ok(meta) if meta.len() > TEMPLATE_LIMIT => Err(failed("it is over 1 MiB".to_owned())),
        Ok(_) => std::fs::read_to_string(&path).map(Some).map_err(|error| failed(error.to_string())),
    }
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    std::fs::write(path, bytes).map_err(|error| Fault::Failed(format!("{} cannot be written: {error}", path.display())))
}
