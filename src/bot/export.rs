//! Everything about an incident in a folder, and the check of such a folder.
//!
//! Lives here: which files there are, the manifest, [`verify`]. Never lives here: what the pages say (`view/report`), how
//! an event's line is checked (`journal::export`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::grammar::Export;
use super::records::{Anchor, Told};
use super::reports::write;
use super::{Bot, Fault};
use crate::base::event::IncidentId;
use crate::journal::{ChainHead, Row, Select, export};
use crate::view::report::Kind;

const MANIFEST: &str = "manifest.json";
const EVENTS: &str = "events.jsonl";
/// The form of the folder; a later one gets another number.
const FORM: u32 = 1;
/// The largest file that is read back, in bytes.
const FILE_LIMIT: u64 = 1 << 30;
/// Events read at once.
const PAGE: usize = 1_000;

/// What an export consists of.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    form: u32,
    incident: String,
    made_at: String,
    made_by: String,
    /// `pos:hash` of the journal when the export was made.
    journal_head: String,
    events: usize,
    /// Hex of the SHA-256, by path.
    files: BTreeMap<String, String>,
}

/// An export that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Which incident.
    pub incident: IncidentId,
    /// Where.
    pub folder: String,
    /// How many files, the manifest included.
    pub files: usize,
    /// How many events.
    pub events: usize,
    /// The journal's head.
    pub anchor: String,
}

impl Exported {
    /// For people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self { incident, folder, files, events, anchor } = self;
        vec![
            format!("{incident}: {events} events and {files} files in {folder}"),
            format!("anchor: {anchor}"),
            format!("to check it later: rundown verify {folder}"),
        ]
    }
}

/// Files of an export while it is put together.
struct Files {
    place: Place,
    hashes: BTreeMap<String, String>,
}

/// Where an export goes.
enum Place {
    Folder(PathBuf),
    /// One file for doors that cannot be given a folder; what lies in it lies under this name.
    Archive(String, Box<tar::Builder<Vec<u8>>>),
}

impl Files {
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.put(name, bytes)?;
        self.hashes.insert(name.to_owned(), hex::encode(Sha256::digest(bytes)));
        Ok(())
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.place {
            Place::Folder(folder) => {
                let path = folder.join(name);
                if let Some(parent) = path.parent() {
                    make(parent)?;
                }
                write(&path, bytes)
            }
            Place::Archive(under, archive) => {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                let failed = |error: std::io::Error| Fault::Failed(format!("{name} cannot be packed: {error}"));
                archive.append_data(&mut header, format!("{under}/{name}"), bytes).map_err(failed)
            }
        }
    }
}

impl Bot {
    /// Writes everything about an incident to a new folder.
    ///
    /// # Errors
    /// There is no such incident, the folder is there already or cannot be written, the journal.
    pub async fn export(&self, asked: Export) -> Result<Exported, Fault> {
        let told = self.told(asked.incident.as_ref()).await?;
        let folder = PathBuf::from(&asked.to);
        if folder.exists() {
            return Err(Fault::Usage(format!("{} is there already; an export makes a new folder", folder.display())));
        }
        // Beside it first: a folder of that name is a whole export.
        let mut partial = folder.clone().into_os_string();
        partial.push(format!(".partial-{}", std::process::id()));
        let partial = PathBuf::from(partial);
        make(&partial)?;
        let mut into = Files { place: Place::Folder(partial.clone()), hashes: BTreeMap::new() };
        let outcome = self.export_into(&told, &mut into).await;
        let (files, events, anchor) = match outcome {
            Ok(done) => done,
            Err(fault) => {
                // What cannot be removed is told by its name.
                let _ = std::fs::remove_dir_all(&partial);
                return Err(fault);
            }
        };
        std::fs::rename(&partial, &folder).map_err(|error| {
            Fault::Failed(format!("{} cannot become {}: {error}", partial.display(), folder.display()))
        })?;
        Ok(Exported { incident: told.incident, folder: asked.to, files, events, anchor })
    }

    /// The same as one file in memory, a tar archive of the folder: what a chat can be given.
    ///
    /// # Errors
    /// There is no such incident, the journal, it would be larger than `limit` bytes.
    pub async fn archive(&self, incident: Option<&IncidentId>, limit: usize) -> Result<(IncidentId, Vec<u8>), Fault> {
        let told = self.told(incident).await?;
        let incident = told.incident.clone();
        let place = Place::Archive(incident.to_string(), Box::new(tar::Builder::new(Vec::new())));
        let mut files = Files { place, hashes: BTreeMap::new() };
        self.export_into(&told, &mut files).await?;
        let Place::Archive(_, archive) = files.place else {
            return Err(Fault::Failed("nothing was packed".to_owned()));
        };
        let packed =
            archive.into_inner().map_err(|error| Fault::Failed(format!("the export cannot be packed: {error}")))?;
        if packed.len() > limit {
            let (size, limit) = (packed.len() >> 20, limit >> 20);
            let how = format!("rundown export {incident} --to DIR writes it at a terminal");
            return Err(Fault::Failed(format!("the export of {incident} takes {size} MiB, over {limit}; {how}")));
        }
        Ok((incident, packed))
    }

    /// Puts an export together; how many files and events, and the journal's head.
    async fn export_into(&self, told: &Told, files: &mut Files) -> Result<(usize, usize, String), Fault> {
        // The head comes first: whatever is written meanwhile lies behind it and is not part of this.
        let head = self.anchor().await?;
        let plans = self.plans(told).await?;
        for kind in Kind::ALL {
            let page = self.page(kind, told, &plans).await?;
            files.add(&format!("{}.md", kind.word()), page.markdown.as_bytes())?;
            for (name, chart) in &page.charts {
                files.add(name, chart.as_bytes())?;
            }
        }
        for (run, plan) in &plans {
            files.add(&format!("runs/{run}.md"), plan.source.as_bytes())?;
            let json = serde_json::to_vec_pretty(plan.as_ref()).map_err(|error| Fault::Failed(error.to_string()))?;
            files.add(&format!("runs/{run}.plan.json"), &json)?;
        }
        let (text, events) = self.exported_events(&told.incident, head.pos(), files).await?;
        files.add(EVENTS, text.as_bytes())?;
        let anchor = head.to_string();
        let manifest = Manifest {
            form: FORM,
            incident: told.incident.to_string(),
            made_at: self.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            made_by: concat!("rundown ", env!("CARGO_PKG_VERSION")).to_owned(),
            journal_head: anchor.clone(),
            events,
            files: std::mem::take(&mut files.hashes),
        };
        let count = manifest.files.len() + 1;
        let json = serde_json::to_vec_pretty(&manifest).map_err(|error| Fault::Failed(error.to_string()))?;
        files.put(MANIFEST, &json)?;
        Ok((count, events, anchor))
    }

    /// The incident's events up to a position as lines, and how many. Large outputs become files of their own.
    async fn exported_events(
        &self,
        incident: &IncidentId,
        to: u64,
        files: &mut Files,
    ) -> Result<(String, usize), Fault> {
        let journal = self.engine()?.journal().clone();
        let (mut text, mut count, mut last) = (String::new(), 0, None::<ChainHead>);
        let mut after = 0;
        loop {
            let rows = journal.read(Select::Incident(incident.clone()), after, PAGE).await?;
            let full = rows.len() == PAGE;
            for row in rows {
                if row.pos > to {
                    return Ok((text, count));
                }
                after = row.pos;
                let prev = match last {
                    Some(head) if head.pos + 1 == row.pos => head.hash,
                    _ => self.hash_before(&row).await?,
                };
                let line = export::line(&row, &prev)
                    .map_err(|error| Fault::Failed(format!("#{} cannot be exported: {error}", row.pos)))?;
                let _ = writeln!(text, "{line}");
                for id in &row.blobs {
                    // The plan stands under `runs/`; what was erased has no file.
                    if row.kind != "run.opened"
                        && let Some(bytes) = journal.blob(id).await?
                    {
                        files.add(&format!("outputs/{id}.txt"), &bytes)?;
                    }
                }
                last = Some(ChainHead { pos: row.pos, hash: row.hash });
                count += 1;
            }
            if !full {
                return Ok((text, count));
            }
        }
    }

    async fn hash_before(&self, row: &Row) -> Result<[u8; 32], Fault> {
        if row.pos == 1 {
            return Ok([0; 32]);
        }
        let before = self.engine()?.journal().read(Select::All, row.pos - 2, 1).await?;
        let before = before.first().filter(|before| before.pos + 1 == row.pos);
        before
            .map(|before| before.hash)
            .ok_or_else(|| Fault::Failed(format!("#{} is missing in the journal: run `rundown verify`", row.pos - 1)))
    }
}

/// Checks a folder that [`Bot::export`] made: every file is there and as it was, no other is, every event fits its hash and
/// the one before it. Returns what to tell people.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(folder: &str, anchor: Option<&str>) -> Result<Vec<String>, Fault> {
    let root = Path::new(folder);
    let broken = |what: String| Fault::Failed(format!("{folder}: {what}"));
    let manifest: Manifest = serde_json::from_slice(&read(root, MANIFEST)?)
        .map_err(|error| broken(format!("{MANIFEST} is no manifest of an export: {error}")))?;
    if manifest.form != FORM {
        return Err(broken(format!("it has form {}, this program reads form {FORM}", manifest.form)));
    }
    let parse = |text: &str| text.parse::<Anchor>().map_err(|error| Fault::Usage(format!("anchor {text}: {error}")));
    if let Some(kept) = anchor
        && !same(&parse(kept)?, &parse(&manifest.journal_head)?)
    {
        return Err(broken(format!("it was made at {}, not at {kept}", manifest.journal_head)));
    }
    let mut there = BTreeSet::new();
    list(root, Path::new(""), &mut there)?;
    there.remove(MANIFEST);
    for (name, hash) in &manifest.files {
        if !there.remove(name) {
            return Err(broken(format!("{name} is missing")));
        }
        if hex::encode(Sha256::digest(read(root, name)?)) != *hash {
            return Err(broken(format!("{name} was changed after the export")));
        }
    }
    if let Some(name) = there.first() {
        return Err(broken(format!("{name} does not belong to the export")));
    }
    let events = String::from_utf8(read(root, EVENTS)?).map_err(|_| broken(format!("{EVENTS} is no text")))?;
    let (count, erased) = check_events(&events, &parse(&manifest.journal_head)?).map_err(broken)?;
    if count != manifest.events {
        return Err(broken(format!("{EVENTS} holds {count} events, {} were exported", manifest.events)));
    }
    let files = manifest.files.len() + 1;
    Ok(vec![
        format!("as it was exported: {}, {count} events ({erased} erased) in {files} files", manifest.incident),
        format!("journal head at the time: {}", manifest.journal_head),
    ])
}

/// Whether both were taken of the same head: one may be the short form of the other.
fn same(one: &Anchor, other: &Anchor) -> bool {
    one.short() == other.short() && (one.to_string().len() != other.to_string().len() || one == other)
}

fn check_events(events: &str, head: &Anchor) -> Result<(usize, usize), String> {
    let (mut count, mut erased) = (0, 0);
    let mut last: Option<ChainHead> = None;
    for (index, line) in events.lines().enumerate() {
        let place = format!("{EVENTS}, line {}", index + 1);
        let event = export::check(line).map_err(|why| format!("{place}: the event {why}"))?;
        let pos = event.head.pos;
        if let Some(last) = last {
            if pos <= last.pos {
                return Err(format!("{place}: #{pos} stands behind #{}", last.pos));
            }
            if pos == last.pos + 1 && event.prev != last.hash {
                return Err(format!("{place}: #{pos} does not follow #{}", last.pos));
            }
        }
        if pos > head.pos() || (pos == head.pos() && !head.fits(&event.head.hash)) {
            return Err(format!("{place}: #{pos} does not fit the journal's head {head}"));
        }
        last = Some(event.head);
        count += 1;
        erased += usize::from(event.erased);
    }
    Ok((count, erased))
}

/// Makes a folder that only its owner reads: an export holds everything that the journal does.
fn make(folder: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Fault::Failed(format!("{} cannot be made: {error}", folder.display())))
}

/// A file of the folder. A name that leads out of it is refused: a manifest comes from outside.
fn read(root: &Path, name: &str) -> Result<Vec<u8>, Fault> {
    let path = root.join(name);
    let failed = |why: String| Fault::Failed(format!("{} cannot be read: {why}", path.display()));
    let inside = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inside {
        return Err(failed("it is outside the folder".to_owned()));
    }
    let meta = std::fs::symlink_metadata(&path).map_err(|error| failed(error.to_string()))?;
    if !meta.is_file() || meta.len() > FILE_LIMIT {
        return Err(failed("it is no plain file of at most 1 GiB".to_owned()));
    }
    std::fs::read(&path).map_err(|error| failed(error.to_string()))
}

/// Everything below a folder, by path with `/`.
fn list(root: &Path, below: &Path, found: &mut BTreeSet<String>) -> Result<(), Fault> {
    let folder = root.join(below);
    let failed = |error: std::io::Error| Fault::Failed(format!("{} cannot be listed: {error}", folder.display()));
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            list(root, &path, found)?;
        } else {
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            found.insert(parts.join("/"));
        }
    }
    Ok(())
}
