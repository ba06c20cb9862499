//! A stack on which other people's recursive parsers have room.
//!
//! Lives here: [`with_room`] and [`guarded`]. A text that passes the scan needs a small part of that stack, optimised or
//! not; the stack a caller happens to have may be a tenth of it. Never lives here: what is parsed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{Builder, Scope};

/// Bytes of stack.
const STACK: usize = 16 * 1024 * 1024;

thread_local! {
    static HAS_ROOM: Cell<bool> = const { Cell::new(false) };
}

/// Runs work that reads many expressions where each of them has room, so that not every one needs a thread of its own.
/// Where the system has no thread left, it runs where it is, and each expression asks again.
///
/// # Panics
/// As the work does.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut work = Some(work);
    match roomy(|| work.take().map(|work| work())) {
        Ok(Ok(Some(outcome))) => outcome,
        Ok(Err(panic)) => resume_unwind(panic),
        Ok(Ok(None)) | Err(_) => match work.take() {
            Some(work) => work(),
            None => unreachable!("work that was begun has an outcome"),
        },
    }
}

/// A thread that has room from its start: for what goes on beside everything else and reads expressions, too.
///
/// # Errors
/// The system has no thread left.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    builder(name).spawn(marked(work)).map(drop)
}

/// The same for as long as a scope lasts.
///
/// # Errors
/// The system has no thread left.
pub fn spawn_scoped<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() + Send + 'scope,
) -> std::io::Result<()> {
    builder(name).spawn_scoped(scope, marked(work)).map(drop)
}

fn builder(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK)
}

/// Work that knows that it has room: only for a thread with such a stack.
fn marked<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        HAS_ROOM.set(true);
        work()
    }
}

/// Runs other people's generated code over text from outside, where it has room. `Err` says why there is no outcome: a
/// panic inside it is an answer like any other, since a bad expression must not end a run.
pub(super) fn guarded<T: Send>(what: &str, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    match roomy(work) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(_)) => Err(format!("the {what} cannot be read")),
        Err(error) => Err(format!("no thread to read the {what}: {error}")),
    }
}

fn roomy<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<std::thread::Result<T>> {
    if HAS_ROOM.get() {
        // What the work leaves half done is dropped with it.
        return Ok(catch_unwind(AssertUnwindSafe(work)));
    }
    std::thread::scope(|threads| Ok(builder("reader").spawn_scoped(threads, marked(work))?.join()))
}
