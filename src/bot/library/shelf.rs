//! Runbooks as a shelf of them is looked at from far away: by the ids under which they are listed, never by a path.

use std::collections::BTreeMap;

use super::{CheckedPage, Library, Page, language};
use crate::bot::Fault;
use crate::domain::runbook::fault;
use crate::domain::runbook::model::Runbook;

impl Library {
    /// The page of the folder that is listed by this id; none where there is none. Other than [`Self::page`] this never takes a name for a
    /// path: it is for names that come from far away.
    ///
    /// # Errors
    /// The folder or the page cannot be read.
    pub fn listed_page(&self, id: &str) -> Result<Option<Page>, Fault> {
        for name in self.names()? {
            if self.listed(name.clone())?.id == id {
                let page = self.page_called(name)?;
                let why = |unreadable: CheckedPage| Fault::Failed(unreadable.rendered(false).trim_end().to_owned());
                return page.map(Some).map_err(why);
            }
        }
        Ok(None)
    }

    /// What is known of pages by their files' names, by their ids.
    ///
    /// # Errors
    /// The folder or a page cannot be read.
    pub fn by_id<T>(&self, by_name: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, Fault> {
        let there = self.names()?;
        let known = by_name.into_iter().filter(|(name, _)| there.contains(name));
        known.map(|(name, of)| Ok((self.listed(name)?.id, of))).collect()
    }

    /// A page as it is written: every step as it stands there, or what is wrong with it.
    ///
    /// # Errors
    /// Its faults.
    pub fn parsed(page: &Page) -> Result<Runbook, Vec<fault::Fault>> {
        language::parsed(page)
    }

    /// The zone of the environment that is meant where nobody names one; nothing where there is none, or the file has faults.
    #[must_use]
    pub fn default_zone(&self) -> Option<String> {
        language::default_zone(&self.targets().ok()??, &self.variables)
    }
}
