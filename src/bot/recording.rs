//! A past run becomes a scenario file.
//!
//! Lives here: reading the run out of the journal, and where the file goes. Never lives here: what stands in it
//! (`rehearsal::cassette`).

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::grammar::Rehearse;
use super::rehearsing::FOLDER;
use super::{Bot, Fault};
use crate::rehearsal::cassette;

/// The inventory beside the runbooks.
const TARGETS: &str = "targets.yaml";

/// A scenario that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The file.
    pub file: String,
    /// By which it can be played.
    pub name: String,
    /// What was replaced in it.
    pub masked: Vec<String>,
    /// What is not known.
    pub missing: Vec<String>,
}

impl Bot {
    /// Makes a scenario of a run of the journal. A file that is there already is not overwritten.
    ///
    /// # Errors
    /// No such run, runbooks that are not on disk, a file that cannot be written, the journal.
    pub async fn record(&self, asked: &Rehearse) -> Result<Taken, Fault> {
        let named = asked.record.as_ref().ok_or_else(|| Fault::Usage("name the run to record".to_owned()))?;
        let run = self.state(named).await?;
        if run.opened.follow_up {
            let why = format!("{named} only followed another run by itself; record the run that it followed");
            return Err(Fault::Usage(why));
        }
        let facts = self.engine()?.timeline(&run.opened.incident).await?;
        let mut blobs = BTreeMap::new();
        for id in cassette::blobs(&run, &facts) {
            // One that was erased stays unknown.
            if let Some(bytes) = self.engine()?.journal().blob(&id).await? {
                blobs.insert(id, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        let page = PathBuf::from(self.library().page(&run.plan.runbook)?.file);
        if !page.is_file() {
            return Err(Fault::Usage(
                "the runbooks are the ones inside the program, and a scenario names its runbook as a file; write the page \
                 to runbooks/ first (`rundown runbook show` prints it), with targets.yaml beside it"
                    .to_owned(),
            ));
        }
        let folder = page.parent().unwrap_or(Path::new("")).to_owned();
        let file = asked.to.as_ref().map_or_else(|| folder.join(FOLDER).join(format!("{named}.yaml")), PathBuf::from);
        let cannot = |path: &Path, error: std::io::Error| Fault::Failed(format!("{}: {error}", path.display()));
        let beside = file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(beside).map_err(|error| cannot(beside, error))?;
        let targets = folder.join(TARGETS);
        let inventory = std::fs::read_to_string(&targets).map_err(|error| cannot(&targets, error))?;
        let from = beside.canonicalize().map_err(|error| cannot(beside, error))?;
        let relative =
            |path: &Path| path.canonicalize().map(|path| way(&from, &path)).map_err(|error| cannot(path, error));
        let taken = cassette::record(&cassette::Taken {
            run: &run,
            facts: &facts,
            blobs: &blobs,
            runbook: &relative(&page)?,
            targets: &relative(&targets)?,
            inventory: &inventory,
        });
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(&file);
        let mut opened = opened.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Fault::Usage(format!("{} is there already; name another file with --to", file.display()))
            }
            _ => cannot(&file, error),
        })?;
        std::io::Write::write_all(&mut opened, taken.text.as_bytes()).map_err(|error| cannot(&file, error))?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let listed = beside.file_name().is_some_and(|name| name == FOLDER) && asked.to.is_none();
        let name = if listed { stem } else { file.display().to_string() };
        Ok(Taken { file: file.display().to_string(), name, masked: taken.masked, missing: taken.missing })
    }
}

/// The way from a folder to a file, both absolute: `../redis-connections.md`.
fn way(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    let up = from[common..].iter().map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to[common..].iter().copied()).collect();
    path.display().to_string()
}
