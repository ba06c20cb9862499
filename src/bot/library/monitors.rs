//! `monitors.yaml`: read, and held against the environment it looks at.

use std::path::Path;

use super::{CheckedPage, Library, MONITORS, Page, Place, TARGETS, language};
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::domain::action::inventory::Inventory;
use crate::domain::action::resolve::{base_scope, resolve};
use crate::domain::monitor::load::{Known, environment, load};
use crate::domain::monitor::{Check, Monitors};
use crate::domain::source::Fault as SourceFault;

/// Monitors, and where what they look at is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The monitors.
    pub monitors: Monitors,
    /// Their environment.
    pub inventory: Inventory,
}

impl Watched {
    /// Why a monitor cannot be asked as things are; `None` where it can.
    #[must_use]
    pub fn unclear(&self, id: &str) -> Option<String> {
        let Check::Probe(probe) = &self.monitors.all.get(id)?.check else { return None };
        let scope = base_scope(&serde_json::Map::new(), &self.inventory);
        resolve(&probe.action, &scope, &self.inventory).err().map(|error| error.to_string())
    }
}

impl Library {
    /// The monitors; none where there is no `monitors.yaml`.
    ///
    /// # Errors
    /// `monitors.yaml` or `targets.yaml` has faults.
    pub fn monitors(&self) -> Result<Watched, Fault> {
        let Some(page) = self.own_page(MONITORS)? else { return Ok(Watched::default()) };
        let page = page.map_err(|unreadable| Fault::Usage(unreadable.rendered(false).trim_end().to_owned()))?;
        let (read, inventory) = self.read_monitors(&page, None)?;
        match read {
            Ok(monitors) => Ok(Watched { monitors, inventory }),
            Err(faults) => Err(language::faulty(&faults, &page)),
        }
    }

    /// What changes when `monitors.yaml` or `targets.yaml` does: whoever watches asks now and then.
    #[must_use]
    pub fn monitors_stamp(&self) -> String {
        let Place::Disk(folder) = self.place() else { return String::new() };
        let of = |name: &str| {
            let file = std::fs::metadata(Path::new(&folder).join(name)).ok();
            file.map(|file| (file.len(), file.modified().ok()))
        };
        format!("{:?}", [of(MONITORS), of(TARGETS)])
    }

    /// `monitors.yaml` with its faults, and what cannot be asked as things are.
    pub(super) fn checked_monitors(&self, env: Option<&str>) -> Result<(Option<CheckedPage>, Vec<String>), Fault> {
        match self.own_page(MONITORS)? {
            None => Ok((None, Vec::new())),
            Some(Err(unreadable)) => Ok((Some(unreadable), Vec::new())),
            Some(Ok(page)) => Ok(match self.read_monitors(&page, env)? {
                (Ok(monitors), inventory) => {
                    let watched = Watched { monitors, inventory };
                    let unasked = watched.monitors.all.keys().filter_map(|id| {
                        let why = watched.unclear(id)?;
                        Some(format!("{}: {id} cannot be asked: {}", page.file, one_line(&why, 300)))
                    });
                    (Some(CheckedPage { faults: Vec::new(), page: page.clone() }), unasked.collect())
                }
                (Err(faults), _) => (Some(CheckedPage { faults, page }), Vec::new()),
            }),
        }
    }

    fn read_monitors(
        &self,
        page: &Page,
        env: Option<&str>,
    ) -> Result<(Result<Monitors, Vec<SourceFault>>, Inventory), Fault> {
        let environment = environment(&page.source).or_else(|| env.map(ToOwned::to_owned));
        let inventory = self.inventory(environment.as_deref())?;
        let runbooks: Vec<String> = self.list()?.into_iter().map(|runbook| runbook.id).collect();
        let known = Known { inventory: inventory.as_ref(), runbooks: Some(&runbooks) };
        Ok((load(&page.source, known), inventory.unwrap_or_else(super::nowhere)))
    }
}
