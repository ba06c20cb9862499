//! Runbooks and targets: found by id or path, checked, planned, compared.
//!
//! Lives here: where pages and `targets.yaml` are read from (a folder, or the copy inside the program), and handing them to
//! the language. Never lives here: what a page means (`domain/runbook`).

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use include_dir::{Dir, include_dir};

use super::Fault;
use super::grammar::{Check, Diff, Pair, Where};
use crate::base::event::Severity;
use crate::base::expr::with_room;
use crate::base::secret::Secrets;
use crate::base::text::nearest;
use crate::config::Folder;
use crate::domain::action::contract::Contract;
use crate::domain::action::inventory::Inventory;
use crate::domain::runbook::model::Plan;
use crate::domain::runbook::{MAX_PAGE, fault};
use crate::rehearsal::contract;

mod beside;
mod language;
mod monitors;
mod shelf;

pub use language::{differences, schema};
pub use monitors::Watched;

/// The runbooks that come with the program.
static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/runbooks");
/// Where runbooks are looked for when nobody says.
const DEFAULT_FOLDER: &str = "runbooks";
/// The file beside the runbooks that names targets.
const TARGETS: &str = "targets.yaml";

/// The file beside the runbooks that names monitors.
const MONITORS: &str = "monitors.yaml";

/// Looks a variable of the environment up.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Runbooks and targets.
pub struct Library {
    folder: Folder,
    variables: Variables,
    /// Where the runbooks inside the program are laid out when they are needed as files.
    scratch: PathBuf,
    /// Whether `people.yaml` counts.
    peopled: bool,
    /// Pages as they are listed, by file, while the file stays as it is: a chat asks at every letter that is typed.
    listed: Mutex<BTreeMap<PathBuf, (Stamp, Listed)>>,
}

/// When a file was changed last, and how long it is.
type Stamp = (std::time::SystemTime, u64);

/// A page as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How people are told where it is.
    pub file: String,
    /// The file's name without its ending.
    pub name: String,
    /// The text.
    pub source: String,
}

/// A page that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedPage {
    /// The page; its text is empty where it could not be read.
    pub page: Page,
    /// Everything that is wrong with it.
    pub faults: Vec<fault::Fault>,
}

impl CheckedPage {
    /// Every fault with its place, excerpt and hint.
    #[must_use]
    pub fn rendered(&self, colour: bool) -> String {
        fault::render(&self.faults, &self.page.file, &self.page.source, colour)
    }
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Checks {
    /// Page by page.
    pub pages: Vec<CheckedPage>,
    /// `people.yaml`, where everything was to be checked and there is one.
    pub people: Option<CheckedPage>,
    /// `oncall.yaml`, likewise.
    pub oncall: Option<CheckedPage>,
    /// `monitors.yaml`, likewise.
    pub monitors: Option<CheckedPage>,
    /// Monitors that cannot be asked as things are, with what is missing, a line each.
    pub unasked: Vec<String>,
}

/// A runbook in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What an incident declared by it starts with.
    pub severity: Option<Severity>,
    /// Words by which a pasted error finds it.
    pub use_when: Vec<String>,
    /// Targets it acts on.
    pub targets: Vec<String>,
    /// How many faults it has.
    pub faults: usize,
}

/// Where and with what a runbook is to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct At {
    /// The environment; the default one where left out.
    pub environment: Option<String>,
    /// Inputs.
    pub inputs: Vec<Pair>,
    /// Phases by heading; all, where empty.
    pub phases: Vec<String>,
}

impl From<Where> for At {
    fn from(at: Where) -> Self {
        Self { environment: at.env, inputs: at.input, phases: at.phase }
    }
}

/// A plan that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
}

/// A file that was asked for and is not there is looked for in one of these.
enum Place {
    Disk(PathBuf),
    Inside,
}

/// Does the same to everything, on as many threads as the machine has cores, and keeps the order.
fn side_by_side<T: Send, U: Send>(mut items: Vec<T>, work: &(impl Fn(T) -> U + Sync)) -> Vec<U> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(cores).max(1);
    let mut shares = Vec::new();
    while !items.is_empty() {
        let rest = items.split_off(share.min(items.len()));
        shares.push(std::mem::replace(&mut items, rest));
    }
    let done = |share: Vec<T>| with_room(|| share.into_iter().map(work).collect::<Vec<U>>());
    if shares.len() < 2 {
        return shares.into_iter().flat_map(done).collect();
    }
    std::thread::scope(|threads| {
        let workers: Vec<_> = shares.into_iter().map(|share| threads.spawn(|| done(share))).collect();
        let outcomes = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        outcomes.flatten().collect()
    })
}

impl Library {
    /// Where the operator's own templates are looked for: `templates` beside the folder of runbooks.
    #[must_use]
    pub fn templates(&self) -> PathBuf {
        match &self.folder {
            Folder::Named(runbooks) => runbooks.parent().unwrap_or(Path::new("")).join("templates"),
            Folder::Default => PathBuf::from("templates"),
        }
    }

    /// Runbooks in a folder, with the variables that `targets.yaml` may name. `scratch` is a folder that does not exist and
    /// may be made, for runbooks that are inside the program and needed as files.
    #[must_use]
    pub fn new(folder: Folder, variables: Variables, scratch: PathBuf) -> Self {
        Self { folder, variables, scratch, peopled: true, listed: Mutex::default() }
    }

    /// The same without `people.yaml`: in a rehearsal nobody is somebody.
    #[must_use]
    pub fn without_people(self) -> Self {
        Self { peopled: false, ..self }
    }

    fn place(&self) -> Place {
        match &self.folder {
            Folder::Named(folder) => Place::Disk(folder.clone()),
            Folder::Default if Path::new(DEFAULT_FOLDER).is_dir() => Place::Disk(DEFAULT_FOLDER.into()),
            Folder::Default => Place::Inside,
        }
    }

    /// The runbooks' folder on disk; those inside the program are laid out in a temporary one for as long as `work` takes.
    ///
    /// # Errors
    /// The temporary folder cannot be written.
    pub fn with_folder<T>(&self, work: impl FnOnce(&Path) -> T) -> Result<T, Fault> {
        match self.place() {
            Place::Disk(folder) => Ok(work(&folder)),
            Place::Inside => {
                let folder = self.scratch.clone();
                let cannot =
                    |error: std::io::Error| Fault::Failed(format!("{} cannot be written: {error}", folder.display()));
                std::fs::create_dir_all(&folder).map_err(cannot)?;
                let done = EMBEDDED.extract(&folder).map_err(cannot).map(|()| work(&folder));
                // What stays behind is a copy of what everybody can read.
                drop(std::fs::remove_dir_all(&folder));
                done
            }
        }
    }

    /// A page by its id or its file.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn page(&self, name: &str) -> Result<Page, Fault> {
        self.read(name)?.map_err(|unreadable| Fault::Usage(unreadable.rendered(false).trim_end().to_owned()))
    }

    /// A page, or what keeps it from being text.
    fn read(&self, name: &str) -> Result<Result<Page, CheckedPage>, Fault> {
        let path = Path::new(name);
        if path.is_file() || name.ends_with(".md") || name.contains(std::path::MAIN_SEPARATOR) {
            return read_file(path);
        }
        match self.place() {
            Place::Disk(folder) => {
                let file = folder.join(format!("{name}.md"));
                if file.is_file() && is_plain(name) {
                    return read_file(&file);
                }
            }
            Place::Inside => {
                if let Some(file) = EMBEDDED.get_file(format!("{name}.md")) {
                    return Ok(as_page(format!("runbooks/{name}.md"), name.to_owned(), file.contents()));
                }
            }
        }
        // An id in the front matter may differ from the file's name.
        for page in self.pages()?.into_iter().flatten() {
            if language::id_of(&page).as_deref() == Some(name) {
                return Ok(Ok(page));
            }
        }
        let names = self.names()?;
        let hint = nearest(name, names.iter().map(String::as_str)).map_or_else(
            || "; `rundown runbook list` lists them".to_owned(),
            |near| format!("; did you mean '{near}'?"),
        );
        Err(Fault::Usage(format!("there is no runbook '{}'{hint}", crate::base::text::one_line(name, 100))))
    }

    /// Every page of the folder, or what keeps it from being text, by name.
    fn pages(&self) -> Result<Vec<Result<Page, CheckedPage>>, Fault> {
        self.names()?.into_iter().map(|name| self.page_called(name)).collect()
    }

    fn page_called(&self, name: String) -> Result<Result<Page, CheckedPage>, Fault> {
        match self.place() {
            Place::Disk(folder) => read_file(&folder.join(format!("{name}.md"))),
            Place::Inside => {
                let bytes = EMBEDDED.get_file(format!("{name}.md")).map(include_dir::File::contents);
                Ok(as_page(format!("runbooks/{name}.md"), name, bytes.unwrap_or_default()))
            }
        }
    }

    /// The files of the folder, without their ending.
    fn names(&self) -> Result<Vec<String>, Fault> {
        let stem = |path: &Path| {
            let markdown = path.extension().is_some_and(|ending| ending == "md");
            path.file_stem().filter(|_| markdown).map(|stem| stem.to_string_lossy().into_owned())
        };
        let mut names: Vec<String> = match self.place() {
            Place::Disk(folder) => std::fs::read_dir(&folder)
                .map_err(|error| Fault::Usage(format!("the folder {} cannot be read: {error}", folder.display())))?
                .filter_map(|entry| entry.ok().and_then(|entry| stem(&entry.path())))
                .collect(),
            Place::Inside => EMBEDDED.files().filter_map(|file| stem(file.path())).collect(),
        };
        names.sort();
        Ok(names)
    }

    /// The runbooks that there are.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, Fault> {
        self.names()?.into_iter().map(|name| self.listed(name)).collect()
    }

    /// A page as it is listed; read again only where its file has changed.
    fn listed(&self, name: String) -> Result<Listed, Fault> {
        let file = match self.place() {
            Place::Disk(folder) => folder.join(format!("{name}.md")),
            Place::Inside => PathBuf::from(&name),
        };
        let stamp = match self.place() {
            Place::Disk(_) => std::fs::metadata(&file).and_then(|file| Ok((file.modified()?, file.len()))).ok(),
            // What is inside the program never changes.
            Place::Inside => Some((std::time::SystemTime::UNIX_EPOCH, 0)),
        };
        let mut known = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, listed)) = known.get(&file).filter(|(seen, _)| Some(*seen) == stamp) {
            return Ok(listed.clone());
        }
        let listed = match self.page_called(name)? {
            Ok(page) => language::listed(&page),
            Err(unreadable) => Listed {
                id: unreadable.page.name.clone(),
                title: "cannot be read".to_owned(),
                severity: None,
                use_when: Vec::new(),
                targets: Vec::new(),
                faults: unreadable.faults.len(),
            },
        };
        if let Some(stamp) = stamp {
            known.insert(file, (stamp, listed.clone()));
        }
        Ok(listed)
    }

    /// Checks pages, each against the targets of its environment.
    ///
    /// # Errors
    /// A page that is not there, `targets.yaml` with faults.
    pub fn check(&self, asked: &Check) -> Result<Checks, Fault> {
        let mut found = Vec::new();
        if asked.paths.is_empty() {
            found = self.pages()?;
        }
        for path in &asked.paths {
            if Path::new(path).is_dir() {
                let folder = Folder::Named(path.into());
                let inside = Self::new(folder, Box::new(|_| None), self.scratch.clone());
                found.extend(inside.pages()?);
            } else {
                found.push(self.read(path)?);
            }
        }
        let inventory = self.inventory(asked.env.as_deref())?;
        // However many pages name a contract, it is read once.
        let contracts = Mutex::new(BTreeMap::new());
        let contract = |name: &str| {
            let mut known = contracts.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(name.to_owned()).or_insert_with(|| self.contract(name)).clone()
        };
        let check = |page: Result<Page, CheckedPage>| match page {
            Ok(page) => {
                let faults = language::faults(&page, inventory.as_ref(), &|id| self.sub(id), &contract);
                CheckedPage { page, faults }
            }
            Err(unreadable) => unreadable,
        };
        let all = asked.paths.is_empty();
        let people = if all { self.checked_people()? } else { None };
        let oncall = if all { self.checked_oncall()? } else { None };
        let (monitors, unasked) = match all {
            true => self.checked_monitors(asked.env.as_deref())?,
            false => (None, Vec::new()),
        };
        Ok(Checks { pages: side_by_side(found, &check), people, oncall, monitors, unasked })
    }

    /// The text of a sub-runbook.
    fn sub(&self, id: &str) -> Option<String> {
        self.page(id).ok().map(|page| page.source)
    }

    /// A contract, which lies beside `targets.yaml` or below.
    fn contract(&self, name: &str) -> Result<Contract, String> {
        match self.place() {
            Place::Disk(folder) => Contract::read(&contract::read(&folder.join(name))?),
            Place::Inside => {
                let file = EMBEDDED.get_file(name).and_then(include_dir::File::contents_utf8);
                Contract::read(file.ok_or_else(|| "there is no such file".to_owned())?)
            }
        }
    }

    /// A page as it would run.
    ///
    /// # Errors
    /// No such page, its faults, inputs that do not fit, an environment nobody knows.
    pub fn plan(&self, name: &str, at: &At) -> Result<Planned, Fault> {
        self.plan_page(&self.page(name)?, at)
    }

    pub(super) fn plan_page(&self, page: &Page, at: &At) -> Result<Planned, Fault> {
        let inventory = self.inventory(at.environment.as_deref())?.unwrap_or_else(nowhere);
        language::plan(page, &inventory, at, &|id| self.sub(id), &|name| self.contract(name))
    }

    /// A page as it would run, for people.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn plan_text(&self, name: &str, at: &At) -> Result<String, Fault> {
        Ok(language::plan_text(&self.plan(name, at)?))
    }

    /// What a review of a change must see, a line each.
    ///
    /// # Errors
    /// A page that is not there, or has faults.
    pub fn diff(&self, asked: &Diff) -> Result<Vec<String>, Fault> {
        language::diff(&self.page(&asked.old)?, &self.page(&asked.new)?)
    }

    /// `targets.yaml`, where there is one.
    fn targets(&self) -> Result<Option<Page>, Fault> {
        let read = match self.place() {
            Place::Inside => EMBEDDED
                .get_file(TARGETS)
                .map(|file| as_page(format!("runbooks/{TARGETS}"), "targets".to_owned(), file.contents())),
            Place::Disk(folder) => {
                let file = folder.join(TARGETS);
                if file.exists() { Some(read_file(&file)?) } else { None }
            }
        };
        read.transpose().map_err(|unreadable| Fault::Usage(unreadable.rendered(false).trim_end().to_owned()))
    }

    fn inventory(&self, environment: Option<&str>) -> Result<Option<Inventory>, Fault> {
        match (self.targets()?, environment) {
            (Some(targets), _) => {
                let read = |name: &str| self.contract(name);
                let mut inventory = language::inventory(&targets, environment, &self.variables, &read)?;
                // Approvers may be written by any of their names; a person counts once.
                if let Ok(people) = self.people() {
                    for rule in inventory.targets.values_mut().map(|target| &mut target.approval) {
                        rule.approvers = rule.approvers.iter().map(|name| people.meant(name.name())).collect();
                        rule.approvers.sort();
                        rule.approvers.dedup();
                    }
                }
                Ok(Some(inventory))
            }
            (None, Some(name)) => Err(Fault::Usage(format!(
                "there is no {TARGETS} beside the runbooks, so nobody knows the environment '{name}'"
            ))),
            (None, None) => Ok(None),
        }
    }

    /// What is known of an environment; of a place without `targets.yaml` only its name.
    ///
    /// # Errors
    /// `targets.yaml` has faults, an environment nobody knows.
    pub fn environment(&self, name: Option<&str>) -> Result<Inventory, Fault> {
        Ok(self.inventory(name)?.unwrap_or_else(nowhere))
    }

    /// The secrets that `targets.yaml` names, with the values this process can see.
    ///
    /// # Errors
    /// `targets.yaml` has faults, a file of a secret cannot be read.
    pub fn secrets(&self) -> Result<Secrets, Fault> {
        match self.targets()? {
            Some(targets) => language::secrets(&targets, &self.variables),
            None => Ok(Secrets::default()),
        }
    }
}

/// Where a run happens when no `targets.yaml` says.
fn nowhere() -> Inventory {
    Inventory { environment: "here".to_owned(), zone: "UTC".to_owned(), ..Inventory::default() }
}

/// A file by its path; never more of it than a runbook may have.
fn read_file(path: &Path) -> Result<Result<Page, CheckedPage>, Fault> {
    use std::io::Read as _;
    let cannot = |error: std::io::Error| Fault::Usage(format!("{} cannot be read: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err(Fault::Usage(format!("{} is not a file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(MAX_PAGE as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(as_page(path.display().to_string(), name, &bytes))
}

fn as_page(file: String, name: String, bytes: &[u8]) -> Result<Page, CheckedPage> {
    match crate::domain::runbook::text(bytes) {
        Ok(source) => Ok(Page { file, name, source: source.to_owned() }),
        Err(fault) => Err(CheckedPage { page: Page { file, name, source: String::new() }, faults: vec![fault] }),
    }
}

/// Whether a name is one file of the folder and nothing outside it.
fn is_plain(name: &str) -> bool {
    Path::new(name).components().count() == 1 && !name.starts_with('.')
}
