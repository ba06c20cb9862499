//! The language's calls, with faults turned into sentences.
//!
//! Lives here: the seam between files and the language. Never lives here: a rule of the language.

use super::{At, Library, Listed, Page, Planned, Variables};
use crate::base::secret::Secrets;
use crate::bot::Fault;
use crate::domain::action::inventory::Inventory;
use crate::domain::runbook::model::Plan;
use crate::domain::runbook::{check, fault};

type Subs<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn id_of(source: &str, name: &str) -> Option<String> {
    crate::domain::runbook::parse(source, name).ok().map(|runbook| runbook.id)
}

pub(super) fn listed(page: &Page) -> Listed {
    match crate::domain::runbook::parse(&page.source, &page.name) {
        Ok(runbook) => Listed {
            id: runbook.id,
            title: runbook.title,
            severity: runbook.severity,
            use_when: runbook.use_when,
            faults: 0,
        },
        Err(faults) => Listed {
            id: page.name.clone(),
            title: page.name.clone(),
            severity: None,
            use_when: Vec::new(),
            faults: faults.len(),
        },
    }
}

pub(super) fn faults(page: &Page, inventory: Option<&Inventory>, subs: Subs<'_>) -> Vec<fault::Fault> {
    check::check(&page.source, &page.name, inventory, subs).faults
}
// TEMP
pub fn schema() -> Result<String, Fault> { Ok(String::new()) }
pub fn differences(_: &Plan, _: &Plan) -> Vec<String> { vec![] }
pub(super) fn diff(_: &Page, _: &Page) -> Result<Vec<String>, Fault> { Ok(vec![]) }
pub(super) fn plan_text(p: &Planned) -> String { format!("{:#?}", p.plan.steps) }
pub(super) fn secrets(_: &str, _: &str, _: &str, _: &Variables) -> Result<Secrets, Fault> { Ok(Secrets::default()) }
pub(super) fn inventory(_: &str, _: &str, e: Option<&str>, _: &Variables) -> Result<Inventory, Fault> { Ok(Inventory { environment: e.unwrap_or("test").into(), zone: "UTC".into(), confirm: e == Some("production"), ..Inventory::default() }) }
pub(super) fn plan(page: &Page, inventory: Inventory, at: &At, subs: Subs<'_>) -> Result<Planned, Fault> {
    let checked = check::check(&page.source, &page.name, None, subs);
    let Some(r) = checked.runbook else { return Err(Fault::Usage(fault::render(&checked.faults, &page.file, &page.source, false))) };
    let inputs = at.inputs.iter().map(|p| (p.name.clone(), serde_json::json!(p.value))).collect();
    Ok(Planned { plan: Plan { runbook: r.id, title: r.title, source: page.source.clone(), digest: r.digest, severity: r.severity, inventory, deadline: r.deadline, phases: r.phases, frames: vec![crate::domain::runbook::model::Frame { prefix: String::new(), inputs }], steps: r.steps, criteria: r.criteria } })
}
