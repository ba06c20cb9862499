//! The bot: what a person says becomes a typed command, and the command is carried out.
//!
//! Lives here: the command grammar, the use cases (one file each), their faults. Never lives here: how a door shows an
//! answer (`chat`), what follows from what (`domain`).

pub mod alerting;
pub mod answers;
pub mod backup;
pub mod board;
pub mod charts;
pub mod deployments;
pub mod digest;
pub mod export;
mod fault;
pub mod findings;
pub mod fleet;
pub mod freezing;
pub mod grammar;
pub mod health;
pub mod incidents;
pub mod joining;
pub mod library;
pub mod lists;
pub mod metrics;
pub mod moment;
pub mod monitors;
pub mod offers;
pub mod oncall;
pub mod overview;
pub mod paging;
pub mod pick;
pub mod readiness;
pub mod recording;
pub mod records;
pub mod rehearsing;
pub mod reports;
pub mod rights;
pub mod running;
pub mod sessions;
mod signing;
pub mod single;
pub mod steer;
pub mod taking;
pub mod waiting;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::base::clock::Clock;
use crate::domain::digest::Schedule;
use crate::engine::Engine;
use crate::journal::Journal;
use crate::journal::heard::Heard;
use crate::rehearsal::live::Scene;
use crate::step::Executors;

pub use fault::Fault;
use library::Library;
use readiness::Chat;
use rehearsing::Shown;

/// Makes the journal when the first command needs it.
pub type OpenJournal = Box<dyn Fn() -> Result<Arc<dyn Journal>, String> + Send + Sync>;
/// Makes what carries actions out when the first run needs it, with the secrets that `targets.yaml` names.
pub type MakeExecutors = Box<dyn Fn(crate::base::secret::Secrets) -> Result<Executors, String> + Send + Sync>;

/// Opens pages over a rehearsal that is being played, for the person who is named.
pub type ShowRehearsal = Box<dyn Fn(Scene, &str) -> Result<Shown, String> + Send + Sync>;

/// The journal once it is open.
struct Known {
    engine: Engine,
    heard: Arc<Heard>,
}

/// Carries out commands. Nothing is opened before a command needs it.
pub struct Bot {
    clock: Arc<dyn Clock>,
    library: Library,
    journal_file: PathBuf,
    open: OpenJournal,
    executors: MakeExecutors,
    engine: OnceLock<Known>,
    process: String,
    digests: Vec<Schedule>,
    remembered: lists::Remembered,
    chat: Chat,
    pages: Option<String>,
    sessions: sessions::Remembered,
    shows: Option<ShowRehearsal>,
}

impl Bot {
    /// Puts the parts together. `process` is this process's name in the record; `journal_file` is where the journal that
    /// `open` opens is, or will be.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        library: Library,
        process: String,
        journal_file: PathBuf,
        open: OpenJournal,
        executors: MakeExecutors,
    ) -> Self {
        Self {
            clock,
            library,
            journal_file,
            open,
            executors,
            engine: OnceLock::new(),
            process,
            digests: Vec::new(),
            remembered: lists::Remembered::default(),
            chat: Chat::default(),
            pages: None,
            sessions: sessions::Remembered::default(),
            shows: None,
        }
    }

    /// The same with the digests that it sends, and that can be asked for by their names.
    #[must_use]
    pub fn with_digests(self, digests: Vec<Schedule>) -> Self {
        Self { digests, ..self }
    }

    /// The same with pages over rehearsals.
    #[must_use]
    pub fn with_rehearsals_shown(self, shows: ShowRehearsal) -> Self {
        Self { shows: Some(shows), ..self }
    }

    /// The same over a journal that others in this process write to as well, so that it hears of their appends.
    #[must_use]
    pub fn sharing(self, heard: Arc<Heard>) -> Self {
        let known = Known { engine: Engine::new(heard.clone(), self.clock.clone()), heard };
        Self { engine: OnceLock::from(known), ..self }
    }

    /// Whether there is anything to read. Whoever only looks makes no journal where there is none.
    fn has_record(&self) -> bool {
        self.engine.get().is_some() || self.journal_file.exists()
    }

    /// The engine over the journal, which is opened now if nobody needed it before.
    ///
    /// # Errors
    /// The journal cannot be opened.
    pub fn engine(&self) -> Result<&Engine, Fault> {
        self.known().map(|known| &known.engine)
    }

    /// The journal, as it can be listened to.
    fn heard(&self) -> Result<&Heard, Fault> {
        self.known().map(|known| &*known.heard)
    }

    fn known(&self) -> Result<&Known, Fault> {
        if let Some(known) = self.engine.get() {
            return Ok(known);
        }
        let heard = Arc::new(Heard::new((self.open)().map_err(Fault::Failed)?, self.clock.clone()));
        Ok(self.engine.get_or_init(|| Known { engine: Engine::new(heard.clone(), self.clock.clone()), heard }))
    }

    /// What really reaches out, with the secrets that `targets.yaml` names now.
    fn executors(&self) -> Result<Executors, Fault> {
        (self.executors)(self.library.secrets()?).map_err(Fault::Failed)
    }

    /// The file of monitors' samples, which lies beside the journal.
    #[must_use]
    pub fn samples_file(&self) -> PathBuf {
        crate::samples::beside(&self.journal_file)
    }

    /// How the connection to Discord is.
    #[must_use]
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The runbooks.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }
}
