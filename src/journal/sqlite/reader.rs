//! The reading thread: queries one after another over its own connection, so that no read waits for a commit.
//!
//! Lives here: [`Reader`]. Never lives here: what is asked (`rows`).

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use rusqlite::Connection;

use super::fault::{Fault, explain};
use super::open::{self, Access, OpenError};
use crate::journal::ReadError;

/// How many questions may wait.
const QUEUE: usize = 4096;

type Question = Box<dyn FnOnce(&mut Source) + Send>;

/// Hands questions to the thread; dropping it ends the thread once it has answered what waits.
pub(super) struct Reader {
    questions: Option<SyncSender<Question>>,
    thread: Option<JoinHandle<()>>,
}

/// The connection; gone after SQLite failed, and made again for the next question.
struct Source {
    path: PathBuf,
    access: Access,
    connection: Option<Connection>,
}

impl Reader {
    pub(super) fn start(path: &Path, access: Access) -> Result<Self, OpenError> {
        let connection = Some(open::for_reading(path, access)?);
        let source = Source { path: path.to_owned(), access, connection };
        let (questions, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("journal reader".to_owned())
            .spawn(move || answer(source, &queue))
            .map_err(|error| OpenError::Failed(format!("the journal's reading thread cannot start: {error}")))?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// The answer of `query`, asked when this is called.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |source| {
            // Whoever asked may have lost interest.
            let _ = reply.send(source.ask(query));
        });
        let sent = self.questions.as_ref().map(|questions| questions.try_send(question));
        Box::pin(async move {
            if !matches!(sent, Some(Ok(()))) {
                return Err(ReadError::Failed(format!(
                    "over {QUEUE} reads of the journal are waiting: try again later"
                )));
            }
            answer
                .await
                .map_err(|_| ReadError::Failed("the reading thread ended; start the program again".to_owned()))?
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Source {
    fn ask<T>(&mut self, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, ReadError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::for_reading(&self.path, self.access).map_err(|error| ReadError::Failed(error.to_string()))?,
        };
        let answer = query(&connection);
        if let Err(Fault::Sqlite(error)) = &answer {
            tracing::warn!(
                error = explain(&self.path, error),
                "a read of the journal failed; its connection is made again"
            );
        } else {
            self.connection = Some(connection);
        }
        answer.map_err(|fault| fault.into_read_error(&self.path))
    }
}

fn answer(mut source: Source, queue: &Receiver<Question>) {
    while let Ok(question) = queue.recv() {
        question(&mut source);
    }
}
