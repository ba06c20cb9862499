//! Signals: a person or the system wants this process to leave.
//!
//! Lives here: turning them into a stream. Never lives here: what is done about one.

use futures::stream::{BoxStream, StreamExt as _};

/// Who wants it to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The system; it kills the process if it stays.
    Terminate,
}

/// From now on signals arrive here and do not end the process. Must be called inside a tokio runtime.
///
/// # Errors
/// The system does not let signals be caught.
#[cfg(unix)]
pub fn signals() -> std::io::Result<BoxStream<'static, Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    let each = |kind: SignalKind, meaning: Signal| {
        let caught = signal(kind)?;
        Ok::<_, std::io::Error>(futures::stream::unfold(caught, move |mut caught| async move {
            caught.recv().await.map(|()| (meaning, caught))
        }))
    };
    let interrupts = each(SignalKind::interrupt(), Signal::Interrupt)?;
    let terminations = each(SignalKind::terminate(), Signal::Terminate)?;
    Ok(futures::stream::select(interrupts, terminations).boxed())
}

/// From now on Ctrl-C arrives here and does not end the process. Must be called inside a tokio runtime.
///
/// # Errors
/// Never: a system that does not tell of Ctrl-C ends the stream.
#[cfg(not(unix))]
pub fn signals() -> std::io::Result<BoxStream<'static, Signal>> {
    let each = futures::stream::unfold((), |()| async {
        tokio::signal::ctrl_c().await.ok().map(|()| (Signal::Interrupt, ()))
    });
    Ok(each.boxed())
}
