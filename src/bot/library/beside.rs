//! The operator's own files beside the runbooks: who is who, and who is on call.
//!
//! Lives here: finding `people.yaml` and `oncall.yaml`, and handing them to the domain. Never lives here: what they mean.

use super::{CheckedPage, Library, Page, Place, fault, language, read_file};
use crate::bot::Fault;
use crate::domain::oncall::{self, Oncall};
use crate::domain::people::{self, People};

/// The file that names persons.
const PEOPLE: &str = "people.yaml";
/// The file that says who is on call.
const ONCALL: &str = "oncall.yaml";

impl Library {
    /// `people.yaml`, where there is one.
    fn people_page(&self) -> Result<Option<Result<Page, CheckedPage>>, Fault> {
        if self.peopled { self.own_page(PEOPLE) } else { Ok(None) }
    }

    /// A file of the operator's own beside the runbooks, where there is one. None is ever inside the program: nobody is known, and
    /// nobody is on call, everywhere.
    pub(super) fn own_page(&self, name: &str) -> Result<Option<Result<Page, CheckedPage>>, Fault> {
        match self.place() {
            Place::Inside => Ok(None),
            Place::Disk(folder) => {
                let file = folder.join(name);
                if file.exists() { read_file(&file).map(Some) } else { Ok(None) }
            }
        }
    }

    pub(super) fn checked_people(&self) -> Result<Option<CheckedPage>, Fault> {
        Ok(self.people_page()?.map(|page| match page {
            Ok(page) => CheckedPage { faults: people::load::load(&page.source).err().unwrap_or_default(), page },
            Err(unreadable) => unreadable,
        }))
    }

    pub(super) fn checked_oncall(&self) -> Result<Option<CheckedPage>, Fault> {
        Ok(self.own_page(ONCALL)?.map(|page| match page {
            Ok(page) => CheckedPage { faults: self.load_oncall(&page).err().unwrap_or_default(), page },
            Err(unreadable) => unreadable,
        }))
    }

    /// Whoever is on call is somebody whom `people.yaml` names, where it is there and can be used.
    fn load_oncall(&self, page: &Page) -> Result<Oncall, Vec<fault::Fault>> {
        let people = self.people().ok().filter(People::is_written);
        let names: Option<Vec<&str>> = people.as_ref().map(|people| people.names().collect());
        oncall::load(&page.source, names.as_deref())
    }

    /// Who is on call, where there is an `oncall.yaml`.
    ///
    /// # Errors
    /// It has faults, or cannot be read.
    pub fn oncall(&self) -> Result<Option<Oncall>, Fault> {
        let Some(page) = self.own_page(ONCALL)? else { return Ok(None) };
        let page = page.map_err(|unreadable| Fault::Usage(unreadable.rendered(false).trim_end().to_owned()))?;
        self.load_oncall(&page).map(Some).map_err(|faults| language::faulty(&faults, &page))
    }

    /// Who is known and what they may do.
    ///
    /// # Errors
    /// `people.yaml` is there and has faults, or cannot be read.
    pub fn people(&self) -> Result<People, Fault> {
        let Some(page) = self.people_page()? else { return Ok(People::unwritten()) };
        let page = page.map_err(|unreadable| Fault::Usage(unreadable.rendered(false).trim_end().to_owned()))?;
        language::people(&page)
    }
}
