//! Signing in to the pages: links, and who is behind a session.
//!
//! Lives here: making a link, using it, looking up who is signed in, signing out. Never lives here: when a link can be used
//! (`domain/session`), cookies (`web`), what somebody may do (`rights`: the same table for every door).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use super::{Bot, Fault};
use crate::base::event::{Actor, Instant};
use crate::base::token::Token;
use crate::domain::people::{Account, Identity, WEB};
use crate::domain::session::decide::{self, NoLink};
use crate::domain::session::event::{Holder, Offered, Why};
use crate::domain::session::state::State;

/// Sessions that are remembered at a time.
const REMEMBERED: usize = 512;

/// What the journal's version and this process's own count were before something was read.
type Moment = (u64, u64);

/// What was read of sessions, so that a page does not read the journal each time.
#[derive(Default)]
pub(super) struct Remembered {
    /// How often this process wrote about sessions.
    written: AtomicU64,
    /// By name: as it was read, and when.
    read: Mutex<BTreeMap<String, (State, Moment)>>,
}

impl Remembered {
    fn find(&self, name: &str, at: Moment) -> Option<State> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(name).filter(|(_, known)| *known == at).map(|(state, _)| state.clone())
    }

    fn keep(&self, name: &str, state: &State, at: Moment) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= REMEMBERED {
            read.retain(|_, (_, known)| *known == at);
        }
        if read.len() < REMEMBERED {
            read.insert(name.to_owned(), (state.clone(), at));
        }
    }
}

/// A link that signs somebody in.
#[derive(Clone, Debug)]
pub struct Link {
    /// What stands in it.
    pub token: Token,
    /// The address of the pages, without a slash at its end.
    pub address: String,
    /// Until when it can be used.
    pub until: Instant,
}

impl Link {
    /// All of it, for the person who asked and nobody else.
    #[must_use]
    pub fn url(&self) -> SecretString {
        SecretString::from(format!("{}/login/{}", self.address, self.token.expose()))
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The name of the session, which is no secret.
    pub name: String,
    /// Who, and what they may now.
    pub who: Identity,
    /// Until when.
    pub until: Instant,
}

impl Bot {
    /// The same with the address of the pages, without a slash at its end.
    #[must_use]
    pub fn with_pages(self, address: Option<String>) -> Self {
        Self { pages: address, ..self }
    }

    /// Makes a link for somebody.
    ///
    /// # Errors
    /// There are no pages, the journal, no random bytes.
    pub async fn login_link(&self, who: &Identity) -> Result<Link, Fault> {
        let address =
            self.pages.clone().ok_or_else(|| Fault::Usage("there are no pages to sign in to here".to_owned()))?;
        let token = Token::fresh().map_err(Fault::Failed)?;
        let Account { door, id, shown, roles } = who.account();
        let holder =
            Holder { door: door.to_owned(), id: id.to_owned(), shown: shown.to_owned(), roles: roles.to_vec() };
        let person = crate::base::event::Person::new(who.actor.label());
        let offer = |state: &State, now| match state {
            // Two tokens have the same name never.
            State { offered: Some(_), .. } => Err(NoLink::Used),
            _ => Ok(decide::offer(holder.clone(), person.clone(), now).into()),
        };
        let told = self.engine()?.tell_session(&token.name(), &who.actor, offer).await?;
        let state = told.map_err(|refused| Fault::Failed(refused.to_string()))?;
        let until = state.offered.map_or_else(|| self.clock.now(), |offered| offered.until);
        Ok(Link { token, address, until })
    }

    /// For whom a link is that can be used now. Nothing is used up: programs look at links by themselves.
    ///
    /// # Errors
    /// The journal.
    pub async fn linked(&self, token: &Token) -> Result<Result<Identity, NoLink>, Fault> {
        let state = self.engine()?.session(&token.name()).await?;
        Ok(decide::open(&state, self.clock.now()).map(|offered| self.holder(offered)))
    }

    /// Uses a link: whoever shows it is signed in. Works once.
    ///
    /// # Errors
    /// The journal.
    pub async fn sign_in(&self, token: &Token) -> Result<Result<SignedIn, NoLink>, Fault> {
        let (name, engine) = (token.name(), self.engine()?);
        let actor = match decide::open(&engine.session(&name).await?, self.clock.now()) {
            Ok(offered) => self.holder(offered).actor,
            Err(refused) => return Ok(Err(refused)),
        };
        let begin = |state: &State, now| decide::begin(state, now).map(Into::into);
        let told = engine.tell_session(&name, &actor, begin).await?;
        self.sessions.written.fetch_add(1, Ordering::SeqCst);
        let found = told.map(|state| self.behind(&name, &state));
        Ok(found.and_then(|found| found.ok_or(NoLink::TooLate)))
    }

    /// Who is signed in by a session; `None` where nobody is, any more. Whether it still stands is known as it is now, also where
    /// another process ended it; so are the person's rights.
    ///
    /// # Errors
    /// The journal.
    pub async fn signed_in(&self, name: &str) -> Result<Option<SignedIn>, Fault> {
        if !Token::is_name(name) {
            return Ok(None);
        }
        let engine = self.engine()?;
        // Before it is read: what comes in between is then read again.
        let at = (engine.journal().version().await?, self.sessions.written.load(Ordering::SeqCst));
        let state = match self.sessions.find(name, at) {
            Some(state) => state,
            None => {
                let state = engine.session(name).await?;
                if state.offered.is_some() {
                    self.sessions.keep(name, &state, at);
                }
                state
            }
        };
        Ok(self.behind(name, &state))
    }

    /// Signs out of one session. That it is over already is as good.
    ///
    /// # Errors
    /// The journal.
    pub async fn sign_out(&self, actor: &Actor, name: &str) -> Result<(), Fault> {
        self.end_session(actor, name, Why::SignedOut).await.map(drop)
    }

    /// Signs somebody out everywhere, and takes links of theirs back that nobody used; how many that were.
    ///
    /// # Errors
    /// The journal.
    pub async fn sign_out_everywhere(&self, who: &Identity) -> Result<usize, Fault> {
        let engine = self.engine()?;
        let mut ended = 0;
        for name in engine.open_sessions().await? {
            let state = engine.session(&name).await?;
            let theirs = |offered: &Offered| self.holder(offered).actor.person() == who.actor.person();
            if state.offered.as_ref().is_some_and(theirs) && self.end_session(&who.actor, &name, Why::AllEnded).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }

    async fn end_session(&self, actor: &Actor, name: &str, why: Why) -> Result<bool, Fault> {
        let end = |state: &State, now| decide::end(state, why, now).map(Into::into).ok_or(());
        let told = self.engine()?.tell_session(name, actor, end).await?;
        self.sessions.written.fetch_add(1, Ordering::SeqCst);
        Ok(told.is_ok())
    }

    fn behind(&self, name: &str, state: &State) -> Option<SignedIn> {
        let standing = decide::standing(state, self.clock.now())?;
        Some(SignedIn { name: name.to_owned(), who: self.holder(standing.offered), until: standing.until })
    }

    /// Who the account of a link is now, as somebody at the pages.
    fn holder(&self, offered: &Offered) -> Identity {
        let Holder { door, id, shown, roles } = &offered.account;
        self.identify(Account { door, id, shown, roles }).through(WEB)
    }
}
