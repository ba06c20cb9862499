//! Pages for people: who is called by which policy, what is said to a page, and the duty that its keeper asks.
//!
//! Lives here: [`DutyRoster`] (what `oncall.yaml` and the overrides say now), the use cases of `page …` and `oncall drill`. Never lives
//! here: when the next one is called (`domain/page`), how somebody is reached ([`crate::engine::paging::Carrier`]).

pub mod pagerduty;

use std::sync::{Mutex, PoisonError};

use chrono_tz::Tz;
use futures::FutureExt as _;
use futures::channel::mpsc;
use futures::future::BoxFuture;

use super::grammar::Page;
use super::{Bot, Fault};
use crate::base::event::{Actor, IncidentId, Instant, PageId, Person, Recorded, Severity};
use crate::base::text::{nearest, one_line};
use crate::domain::oncall::{self, Oncall, Overrides, Policy, Target};
use crate::domain::page::OnCall;
use crate::domain::page::attention::Rule;
use crate::domain::page::decide::Input;
use crate::domain::page::event::{Cause, End, Ladder, Opened, Rung, Whom};
use crate::domain::page::state::State;
use crate::domain::timeline::Fact;
pub use crate::engine::paging::Carrier;
use crate::engine::paging::{Duty, Roster};
use crate::engine::tail::Appended;

/// The longest subject, in characters.
const SUBJECT: usize = 200;

/// Who is on call, and who is called for what, as it stands now.
#[derive(Clone, Debug, Default)]
pub struct OnDuty {
    oncall: Option<Oncall>,
    overrides: Overrides,
}

impl OnCall for OnDuty {
    fn who(&self, schedule: &str, at: Instant) -> Option<Person> {
        oncall::who(self.oncall.as_ref()?.schedules.get(schedule)?, &self.overrides, at)
    }
}

impl Duty for OnDuty {
    fn ladder(&self, severity: Severity) -> Option<Ladder> {
        self.oncall.as_ref()?.policy_for(severity).map(ladder)
    }

    fn any_ladder(&self) -> Option<Ladder> {
        named(self.oncall.as_ref()?, None).ok().map(ladder)
    }

    fn reminders(&self, severity: Severity) -> Option<Rule> {
        let reminders = &self.oncall.as_ref()?.reminders;
        let every = *reminders.update_every.get(&severity)?;
        Some(Rule { every, at_most: reminders.at_most })
    }

    fn held_until(&self, severity: Severity, now: Instant) -> Option<Instant> {
        self.oncall.as_ref()?.held_until(severity, now)
    }
}

/// Reads the duty anew each time it is asked. Where `oncall.yaml` has become unusable, the last one that could be used counts.
pub struct DutyRoster<'a> {
    bot: &'a Bot,
    last: Mutex<OnDuty>,
}

impl<'a> DutyRoster<'a> {
    /// The roster of a bot.
    #[must_use]
    pub fn new(bot: &'a Bot) -> Self {
        Self { bot, last: Mutex::default() }
    }

    async fn read(&self) -> OnDuty {
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let oncall = match self.bot.library.oncall() {
            Ok(oncall) => oncall,
            Err(fault) => {
                tracing::error!(%fault, "who is on call cannot be read; what was known before still counts");
                before.oncall
            }
        };
        let overrides = match self.bot.overrides().await {
            Ok(overrides) => overrides,
            Err(fault) => {
                tracing::error!(%fault, "overrides cannot be read; those that were known before still count");
                before.overrides
            }
        };
        let now = OnDuty { oncall, overrides };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now.clone();
        now
    }
}

impl Roster for DutyRoster<'_> {
    fn duty(&self) -> BoxFuture<'_, Box<dyn Duty>> {
        async move { Box::new(self.read().await) as Box<dyn Duty> }.boxed()
    }
}

/// What came of a command about pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Paged {
    /// Pages, oldest first; whether those that are over are among them.
    List {
        /// The pages.
        pages: Vec<State>,
        /// Whether all were asked for.
        all: bool,
        /// By whose clock times are told.
        zone: Tz,
    },
    /// Something was written down.
    Told {
        /// The page as it stands now.
        page: Box<State>,
        /// What was written.
        facts: Vec<Recorded<Fact>>,
        /// By whose clock times are told.
        zone: Tz,
    },
}

impl Bot {
    /// Keeps pages until the future is dropped: [`Engine::keep_pages`](crate::engine::Engine::keep_pages).
    ///
    /// # Errors
    /// The journal.
    pub async fn keep_pages(
        &self,
        carriers: &[&dyn Carrier],
        news: &mut mpsc::UnboundedReceiver<Appended>,
    ) -> Result<(), Fault> {
        Ok(self.engine()?.keep_pages(&DutyRoster::new(self), carriers, news).await?)
    }

    /// Carries out `page …`.
    ///
    /// # Errors
    /// It is not clear which page is meant, a refusal, no such policy, the journal.
    pub async fn paging(&self, actor: &Actor, verb: Page) -> Result<Paged, Fault> {
        match verb {
            Page::List { all } => {
                let mut pages = self.engine()?.pages(!all).await?;
                // One that is over may still have to be told so somewhere.
                pages.retain(|page| all || !page.is_over());
                Ok(Paged::List { pages, all, zone: self.duty_zone() })
            }
            Page::Ack { page } => {
                let by = who(actor)?;
                self.tell_page(actor, page, Input::Answer { by }).await
            }
            Page::Pass { page, to, why } => {
                let by = who(actor)?;
                let to = to.map(|name| self.meant(&name));
                self.tell_page(actor, page, Input::PassOn { by, to, why }).await
            }
            Page::Call { text, policy, incident } => {
                let subject: String = text.join(" ").trim().chars().take(SUBJECT).collect();
                if subject.is_empty() {
                    return Err(Fault::Usage("say what it is about".to_owned()));
                }
                let cause = Cause::Person { by: who(actor)? };
                self.open_page(actor, subject, cause, policy.as_deref(), incident).await
            }
        }
    }

    /// Calls a policy to try whether pages arrive; everything that is sent says that it is a drill.
    ///
    /// # Errors
    /// No such policy, the journal.
    pub async fn drill(&self, actor: &Actor, policy: Option<&str>) -> Result<Paged, Fault> {
        let cause = Cause::Drill { by: who(actor)? };
        self.open_page(actor, "does this page reach you?".to_owned(), cause, policy, None).await
    }

    /// A page as it stands.
    ///
    /// # Errors
    /// There is none, the journal.
    pub async fn page_state(&self, page: &PageId) -> Result<State, Fault> {
        Ok(self.engine()?.page(page).await?)
    }

    /// The account of a person at a door.
    #[must_use]
    pub fn account_of(&self, person: &Person, door: &str) -> Option<String> {
        self.people().account_of(person, door).map(str::to_owned)
    }

    /// The zone of whoever is on call; UTC where nobody is.
    fn duty_zone(&self) -> Tz {
        self.library.oncall().ok().flatten().map_or(Tz::UTC, |oncall| oncall.zone)
    }

    /// Who is on call instead of whom the rotation names.
    pub(super) async fn overrides(&self) -> Result<Overrides, Fault> {
        Ok(self.engine()?.rota().await?.overrides().clone())
    }

    async fn open_page(
        &self,
        actor: &Actor,
        subject: String,
        cause: Cause,
        policy: Option<&str>,
        incident: Option<IncidentId>,
    ) -> Result<Paged, Fault> {
        let missing = || Fault::Usage("nobody can be paged: there is no oncall.yaml beside the runbooks".to_owned());
        let oncall = self.library.oncall()?.ok_or_else(missing)?;
        let ladder = ladder(named(&oncall, policy)?);
        let severity = match &incident {
            Some(incident) => self.engine()?.incident(incident).await?.severity,
            None => None,
        };
        let opened = Opened { incident, subject, severity, cause, ladder, held_until: None };
        let duty = OnDuty { oncall: Some(oncall), overrides: self.overrides().await? };
        let (page, facts) = self.engine()?.open_page(actor, opened, &duty).await?;
        Ok(Paged::Told { page: Box::new(self.page_state(&page).await?), facts, zone: self.duty_zone() })
    }

    /// Calls somebody for a cause, once for as long as that goes on: the policy of the severity, or else the worst one's. Where an
    /// incident's severity calls somebody by itself, that is enough; without an `oncall.yaml` nobody can be called.
    pub(super) async fn page_for(
        &self,
        cause: Cause,
        subject: String,
        severity: Option<Severity>,
        incident: Option<&IncidentId>,
    ) -> Result<(), Fault> {
        let duty = DutyRoster::new(self).read().await;
        let by_severity = severity.and_then(|severity| duty.ladder(severity));
        if incident.is_some() && by_severity.is_some() {
            return Ok(());
        }
        let Some(ladder) = by_severity.or_else(|| duty.any_ladder()) else { return Ok(()) };
        let engine = self.engine()?;
        if engine.pages(true).await?.iter().any(|page| page.opened.cause == cause && !page.is_over()) {
            return Ok(());
        }
        let held_until = severity.and_then(|severity| duty.held_until(severity, self.clock.now()));
        let subject = one_line(&subject, SUBJECT);
        let opened = Opened { incident: incident.cloned(), subject, severity, cause, ladder, held_until };
        engine.open_page(&Actor::Bot, opened, &duty).await?;
        Ok(())
    }

    /// Nobody is needed for a cause any more.
    pub(super) async fn end_page(&self, cause: &Cause) -> Result<(), Fault> {
        let engine = self.engine()?;
        let pages = engine.pages(true).await?;
        for page in pages.iter().filter(|page| page.opened.cause == *cause && !page.is_over()) {
            engine.tell_page(&page.id, &Actor::Bot, Input::End(End::Settled), &OnDuty::default()).await?;
        }
        Ok(())
    }

    async fn tell_page(&self, actor: &Actor, page: Option<PageId>, input: Input) -> Result<Paged, Fault> {
        let page = self.meant_page(actor, page).await?;
        let duty = DutyRoster::new(self).read().await;
        let facts = self.engine()?.tell_page(&page, actor, input, &duty).await?;
        Ok(Paged::Told { page: Box::new(self.page_state(&page).await?), facts, zone: self.duty_zone() })
    }

    /// The page that was named; else the newest one that waits for this person, or for anybody.
    async fn meant_page(&self, actor: &Actor, named: Option<PageId>) -> Result<PageId, Fault> {
        if let Some(page) = named {
            return Ok(page);
        }
        let pages = self.engine()?.pages(true).await?;
        let waiting: Vec<&State> = pages.iter().filter(|page| page.may_be_answered()).collect();
        let mine = |page: &&&State| actor.person().is_some_and(|person| page.called().contains(&person));
        let meant = waiting.iter().rev().find(mine).or(waiting.last());
        meant.map(|page| page.id.clone()).ok_or_else(|| Fault::Usage("no page waits for an answer".to_owned()))
    }
}

fn who(actor: &Actor) -> Result<Person, Fault> {
    actor.person().cloned().ok_or_else(|| Fault::Usage("only a person says that".to_owned()))
}

/// The policy of that name; the one for the worst severity where none is named.
fn named<'o>(oncall: &'o Oncall, policy: Option<&str>) -> Result<&'o Policy, Fault> {
    let Some(name) = policy else {
        let first = oncall.page.values().next().and_then(|name| oncall.policies.get(name));
        let first = first.or_else(|| oncall.policies.values().next());
        return first.ok_or_else(|| Fault::Usage("oncall.yaml has no policy".to_owned()));
    };
    oncall.policies.get(name).ok_or_else(|| {
        let near = nearest(name, oncall.policies.keys().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
        Fault::Usage(format!("oncall.yaml has no policy '{name}'{hint}"))
    })
}

fn ladder(policy: &Policy) -> Ladder {
    let whom = |targets: &[Target]| targets.iter().map(whom_of).collect();
    let rungs = policy.steps.iter();
    Ladder {
        policy: policy.name.clone(),
        rungs: rungs.map(|step| Rung { notify: whom(&step.notify), escalate_after: step.escalate_after }).collect(),
        repeat: policy.repeat,
        finally: whom(&policy.finally),
    }
}

fn whom_of(target: &Target) -> Whom {
    match target {
        Target::Schedule(name) => Whom::Schedule(name.clone()),
        Target::Person(person) => Whom::Person(person.clone()),
    }
}
