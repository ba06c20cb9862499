//! `rundown rehearse --live`: pages over a rehearsal while it is played.
//!
//! Lives here: a second bot over the rehearsal's journal and clock, and the thread that serves its pages. Never lives here: how it is
//! played (`rehearsal/live`), what stands on the pages (`web`).

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use futures::channel::oneshot;

use crate::base::expr::spawn;
use crate::bot::Bot;
use crate::bot::library::Library;
use crate::bot::rehearsing::Shown;
use crate::domain::people::{Account, TERMINAL};
use crate::rehearsal::live::Scene;
use crate::web::live::Live;
use crate::web::session::{Gate, Key, Site};
use crate::web::{Web, front};

/// Opens pages over a rehearsal, on this machine alone. Whoever opens the link is `who` there. `nowhere` is a file that is not
/// there: what lies beside a journal lies beside it, and so is not there either.
///
/// # Errors
/// No port, no thread.
pub fn show(scene: &Scene, library: Library, nowhere: PathBuf, who: &str) -> Result<Shown, String> {
    let cannot = |error: std::io::Error| format!("nobody can listen on 127.0.0.1: {error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
    let address = format!("http://{}", listener.local_addr().map_err(cannot)?);
    // Whoever rehearses is nobody elsewhere: rights are those of the scenario's people, who may all act.
    let bot = Arc::new(bot(scene, library.without_people(), nowhere));
    let listen = listener.local_addr().map_err(cannot)?;
    let person = bot.identify(Account { door: TERMINAL, id: who, shown: who, roles: &[] });
    let gate = Gate::of_rehearsal(bot.clone(), Key::fresh()?, Site::new(listen, None), person);
    let live = Arc::new(Live::new(bot));
    let web = Web::on(listener, front(live.clone(), gate)).map_err(cannot)?;
    let (serving, over) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("a thread for them cannot be had: {error}"))?;
    let serve = move || {
        let served = std::pin::pin!(crate::serve::show(vec![web], &live));
        drop(runtime.block_on(futures::future::select(served, over)));
        runtime.shutdown_background();
    };
    spawn("web", serve).map_err(|error| format!("a thread for them cannot be had: {error}"))?;
    let lines = vec![format!("pages: {address}/incidents/{} (you are {who} there)", scene.incident)];
    Ok(Shown { address, lines, serving: Box::new(serving) })
}

/// Carries out what is said on the pages. It writes into the rehearsal's journal, and begins nothing of its own.
fn bot(scene: &Scene, library: Library, nowhere: PathBuf) -> Bot {
    let other = || "a rehearsal has one journal, and starts no other runs".to_owned();
    let (open, executors) = (move || Err(other()), move |_| Err(other()));
    let process = "rehearsal".to_owned();
    let bot = Bot::new(scene.clock.clone(), library, process, nowhere, Box::new(open), Box::new(executors));
    bot.sharing(scene.journal.clone())
}
