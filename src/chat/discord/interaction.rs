//! One thing that came in, carried out and answered.
//!
//! Lives here: who it is that speaks, what each kind of interaction leads to, the answer. Never lives here: acknowledging
//! (`gateway`), the loop (`door`), what a command does (`bot`).

use std::time::Duration;

use chrono::TimeDelta;
use serenity::all::{
    AutocompleteChoice, CommandInteraction, ComponentInteraction, CreateActionRow, CreateAllowedMentions,
    CreateAttachment, CreateAutocompleteResponse, CreateInteractionResponse, CreateMessage, EditInteractionResponse,
    Message, ModalInteraction, RoleId, User,
};
use serenity::builder::Builder as _;
use serenity::http::HttpError;

use super::answer::{MESSAGE, Reply, answer, answer_confirmed, cut};
use super::gateway::{Asker, Incoming, spoken, written};
use super::hints::spoken as named_here;
use super::text::markdown;
use super::thread::House;
use super::thread::trouble::may_pass;
use super::verbs::{Given, Source, Verb};
use super::{DOOR, menus, suggest};
use crate::base::event::{IncidentId, RunId};
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::grammar::{Command, Incident};
use crate::bot::offers::{self, About, First, Offer, OfferId, RESOLVE_ANYWAY, Says};
use crate::domain::people::{Account, Identity};

/// The longest name of a person, in characters.
const NAME: usize = 60;
/// How long is waited before an answer is sent again that did not get through.
const ANSWER_AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// How long is waited where Discord does not know an interaction that was answered in an HTTP response: it is still reading it.
const UNREAD: [TimeDelta; 4] = [
    TimeDelta::milliseconds(100),
    TimeDelta::milliseconds(400),
    TimeDelta::milliseconds(1_000),
    TimeDelta::milliseconds(2_000),
];
/// Discord's error code of an interaction that it does not know, or not yet.
const UNKNOWN_WEBHOOK: isize = 10_015;

/// One thing that came in, and where.
pub(super) struct Context<'a> {
    pub(super) house: &'a House<'a>,
    pub(super) verbs: Vec<Verb>,
    /// The incident of the thread it came in.
    pub(super) incident: Option<IncidentId>,
}

impl Context<'_> {
    /// Who speaks: the person whom `people.yaml` gives this account, with the rights it gives the account's roles.
    fn who(&self, user: &User, member: Option<(&Option<String>, &[RoleId])>) -> Identity {
        let nick = member.and_then(|(nick, _)| nick.as_deref());
        let shown = one_line(nick.or(user.global_name.as_deref()).unwrap_or(&user.name), NAME);
        let roles: Vec<String> = member.map_or(&[][..], |(_, roles)| roles).iter().map(ToString::to_string).collect();
        let id = user.id.to_string();
        self.house.bot.identify(Account { door: DOOR, id: &id, shown: &shown, roles: &roles })
    }

    pub(super) async fn take(self, incoming: Incoming) {
        match incoming {
            Incoming::Command(command) if command.data.target_id.is_some() => self.menu(*command).await,
            Incoming::Command(command) => self.command(*command).await,
            Incoming::Typing(typing, asker) => self.typing(*typing, asker).await,
            Incoming::Press(press, id) => self.press(*press, id).await,
            Incoming::Wrote(modal, id) => self.wrote(*modal, id).await,
            Incoming::Message(message) => self.mention(*message).await,
            Incoming::Passed(..)
            | Incoming::Deleted(..)
            | Incoming::Gone(_)
            | Incoming::Permitted
            | Incoming::Connected { .. } => {}
        }
    }

    async fn command(&self, command: CommandInteraction) {
        let who = self.who(&command.user, command.member.as_ref().map(|member| (&member.nick, &member.roles[..])));
        let (path, mut given) = spoken(&command);
        let replied = match Verb::find(&self.verbs, &path) {
            Some(verb) => match self.fill_in(verb, &mut given).await.and_then(|()| verb.command(&given)) {
                Ok(said) => answer(self.house.bot, &self.house.fleet, &who, said).await,
                Err(fault) => Err(fault),
            },
            None => Err(Fault::Usage("this version does not know that command; it will in a minute".to_owned())),
        };
        self.reply(&command.token, replied).await;
    }

    /// In an incident's thread what is not said is that incident, and its run.
    async fn fill_in(&self, verb: &Verb, given: &mut Vec<Given>) -> Result<(), Fault> {
        let Some(incident) = &self.incident else { return Ok(()) };
        let missing =
            |given: &[Given], name: &str| verb.option(name).is_some() && !given.iter().any(|(known, _)| known == name);
        if missing(given, "incident") {
            given.push(("incident".to_owned(), incident.to_string()));
        }
        if missing(given, "run")
            && let Some(run) = self.run_of(incident).await?
        {
            given.push(("run".to_owned(), run.to_string()));
        }
        Ok(())
    }

    /// The run that is meant in an incident's thread: the newest open one, or else the last.
    async fn run_of(&self, incident: &IncidentId) -> Result<Option<RunId>, Fault> {
        let runs = self.house.bot.incident_state(incident).await?.runs;
        for run in runs.iter().rev() {
            if self.house.fleet.state(run).is_some() || !self.house.bot.state(run).await?.is_over() {
                return Ok(Some(run.clone()));
            }
        }
        Ok(runs.last().cloned())
    }

    async fn typing(&self, typing: CommandInteraction, asker: Asker) {
        let (path, given) = spoken(&typing);
        let field = typing.data.autocomplete();
        let (Some(field), Some(verb)) = (field, Verb::find(&self.verbs, &path)) else { return };
        let source = verb.option(field.name).and_then(|option| match option.takes {
            super::verbs::Takes::Text(source) => source,
            _ => None,
        });
        let found = match source {
            Some(source) => self.suggest(source, field.value, &given).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let choices = found.into_iter().map(|(name, value)| AutocompleteChoice::new(name, value)).collect();
        let response = CreateInteractionResponse::Autocomplete(CreateAutocompleteResponse::new().set_choices(choices));
        match asker {
            Asker::Callback => {
                if let Err(error) = typing.create_response(&self.house.http, response).await {
                    tracing::debug!(%error, "suggestions came too late");
                }
            }
            // Where they come too late, nobody waits any more.
            Asker::Request(asker) => drop(asker.send(response)),
        }
    }

    async fn suggest(&self, source: Source, typed: &str, given: &[Given]) -> Result<Vec<(String, String)>, Fault> {
        let named = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let incident = named("incident").and_then(|id| IncidentId::parse(id).ok()).or_else(|| self.incident.clone());
        let run = match (named("run").and_then(|id| RunId::parse(id).ok()), &incident) {
            (Some(run), _) => Some(run),
            (None, Some(incident)) => self.run_of(incident).await?,
            (None, None) => None,
        };
        suggest::suggest(self.house.bot, source, typed, incident.as_ref(), run.as_ref()).await
    }

    async fn press(&self, press: ComponentInteraction, id: OfferId) {
        let who = self.who(&press.user, press.member.as_ref().map(|member| (&member.nick, &member.roles[..])));
        // Seen again on the way back from a second tap: only that message is about it alone.
        let second = press.message.flags.is_some_and(|flags| flags.contains(serenity::all::MessageFlags::EPHEMERAL));
        let alone = second || id.first == First::Confirm;
        let offer = match self.offered(&id).await {
            Ok(offer) => offer,
            Err(fault) if alone => return self.edit(&press.token, only(&sorry(&fault))).await,
            Err(fault) => return self.whisper(&press, &sorry(&fault), Vec::new()).await,
        };
        if id.first == First::Confirm {
            let text = self.confirmation(&offer).await;
            let again = offer.at_once();
            let row = super::card::components(&super::card::Row::Buttons(vec![again]));
            let edit = EditInteractionResponse::new().content(text).components(vec![row]);
            self.edit(&press.token, edit).await;
            return;
        }
        let cover = matches!(offer.about, About::Cover(_));
        match self.carry_out(&who, offer, None).await {
            Ok(reply) if second => self.edit(&press.token, only(&cut(&reply.text))).await,
            Ok(reply) if cover => {
                let text = format!("{}\n{}", press.message.content, reply.text);
                self.edit(&press.token, only(&cut(&text))).await;
            }
            Ok(_) => {}
            Err((fault, rows)) if second => self.edit(&press.token, only(&sorry(&fault)).components(rows)).await,
            Err((fault, rows)) => self.whisper(&press, &sorry(&fault), rows).await,
        }
    }

    async fn wrote(&self, modal: ModalInteraction, id: OfferId) {
        let who = self.who(&modal.user, modal.member.as_ref().map(|member| (&member.nick, &member.roles[..])));
        let replied = match self.offered(&id).await {
            Ok(offer) => self.carry_out(&who, offer, written(&modal)).await.map_err(|(fault, _)| fault),
            Err(fault) => Err(fault),
        };
        self.reply(&modal.token, replied).await;
    }

    /// The offer behind an id, if what it was about still stands.
    async fn offered(&self, id: &OfferId) -> Result<Offer, Fault> {
        let settled = || Fault::Usage("that is settled already: the card shows how it stands".to_owned());
        self.house.bot.offered(id).await?.ok_or_else(settled)
    }

    async fn confirmation(&self, offer: &Offer) -> String {
        let About::Run(run) = &offer.about else {
            let environment = self.house.bot.library().environment(None);
            let place =
                environment.map_or(String::new(), |known| format!(" on **{}**", markdown(&known.environment, 40)));
            let label = markdown(&offer.label, 100);
            return format!("{label}{place}?\n-# Tap once more to begin. `/runbook plan` shows every step.");
        };
        let Ok(state) = self.house.bot.state(run).await else { return format!("{}?", offer.label) };
        let found = crate::bot::waiting::waiting(&state)
            .into_iter()
            .find(|waiting| offers::of_question(&state, waiting).iter().any(|known| known.id() == offer.id()));
        let Some(waiting) = found else { return format!("{}?", offer.label) };
        let environment = markdown(&state.opened.environment, 40);
        cut(&format!(
            "**{}** on **{environment}**, {run}\n{}\n-# Tap once more to approve exactly this.",
            markdown(&waiting.title, 100),
            super::card::wanted(&waiting)
        ))
    }

    /// Says what an offer says. What it was refused for may bring another offer: whoever knows better is not held up.
    async fn carry_out(
        &self,
        who: &Identity,
        offer: Offer,
        text: Option<String>,
    ) -> Result<Reply, (Fault, Vec<CreateActionRow>)> {
        let bot = self.house.bot;
        let about = offer.about.clone();
        match (about, offer.says(text)) {
            (About::Run(run), Says::Run(command)) => {
                let written = bot.tell_run(who, &run, command).await.map_err(|fault| (fault, Vec::new()))?;
                Ok(super::answer::written(&written))
            }
            (About::Page(_), Says::Typed(typed)) => {
                answer(bot, &self.house.fleet, who, *typed).await.map_err(|fault| (fault, Vec::new()))
            }
            (About::Incident(incident), Says::Typed(typed)) => {
                let resolves = matches!(&*typed, Command::Incident(Incident::Resolve { why: None, .. }));
                match answer_confirmed(bot, &self.house.fleet, who, *typed, true).await {
                    Ok(reply) => Ok(reply),
                    Err(fault) if resolves => Err((fault, self.resolve_anyway(&incident).await)),
                    Err(fault) => Err((fault, Vec::new())),
                }
            }
            (About::Cover(_), Says::Typed(typed)) => {
                answer(bot, &self.house.fleet, who, *typed).await.map_err(|fault| (fault, Vec::new()))
            }
            _ => Err((Fault::Usage("that cannot be said there".to_owned()), Vec::new())),
        }
    }

    async fn resolve_anyway(&self, incident: &IncidentId) -> Vec<CreateActionRow> {
        let Ok(state) = self.house.bot.incident_state(incident).await else { return Vec::new() };
        let offers: Vec<Offer> =
            offers::of_incident(incident, &state).into_iter().filter(|offer| offer.label == RESOLVE_ANYWAY).collect();
        match offers.is_empty() {
            true => Vec::new(),
            false => vec![super::card::components(&super::card::Row::Buttons(offers))],
        }
    }

    async fn menu(&self, command: CommandInteraction) {
        let who = self.who(&command.user, command.member.as_ref().map(|member| (&member.nick, &member.roles[..])));
        let replied = match (&self.incident, command.data.resolved.messages.values().next()) {
            (Some(incident), Some(message)) => {
                menus::take(self.house, &who, incident, &command.data.name, message).await
            }
            (None, _) => {
                let place = self.house.settings.place.word();
                Err(Fault::Usage(format!("this works in an incident's {place}; `/incident list` names them")))
            }
            (_, None) => Err(Fault::Usage("the message is not there any more".to_owned())),
        };
        self.reply(&command.token, replied).await;
    }

    async fn mention(&self, message: Message) {
        let who = self.who(&message.author, message.member.as_ref().map(|member| (&member.nick, &member.roles[..])));
        let done = match &self.incident {
            Some(incident) => menus::mention(self.house, &who, incident, &message).await,
            None => {
                let place = self.house.settings.place.word();
                Err(Fault::Usage(format!(
                    "a mention becomes a note in an incident's {place}; /now names the open ones"
                )))
            }
        };
        let Err(fault) = done else {
            if let Err(error) = message.react(&self.house.http, '📝').await {
                tracing::debug!(%error, "the note is taken, and could not be marked");
            }
            return;
        };
        // Who believes that something was written down must hear that it was not.
        let said = CreateMessage::new()
            .content(sorry(&fault))
            .reference_message(&message)
            .allowed_mentions(CreateAllowedMentions::new());
        if let Err(error) = message.channel_id.send_message(&self.house.http, said).await {
            tracing::warn!(%error, %fault, "a note by mention could not be taken, and nobody could be told");
        }
    }

    /// Answers an interaction that was acknowledged.
    async fn reply(&self, token: &str, replied: Result<Reply, Fault>) {
        let reply = replied.unwrap_or_else(|fault| Reply { text: sorry(&fault), ..Reply::default() });
        let mut text = if reply.text.chars().count() > MESSAGE { cut(&reply.text) } else { reply.text };
        if let Some(incident) = reply.incident.filter(|incident| self.incident.as_ref() != Some(incident))
            && let Some(thread) = self.house.thread_of(&incident).await
        {
            text.push_str(&format!("\n<#{thread}>"));
        }
        let files = reply.files.into_iter().map(|(name, bytes)| {
            let described = name.ends_with(".png") && !reply.alt.is_empty();
            let file = CreateAttachment::bytes(bytes, name);
            if described { file.description(&reply.alt) } else { file }
        });
        let edit = files.fold(EditInteractionResponse::new().content(text), EditInteractionResponse::new_attachment);
        let offered = reply.cover.as_ref().map(offers::of_cover);
        let edit = match offered {
            Some(offers) => edit.components(vec![super::card::components(&super::card::Row::Buttons(offers))]),
            None => edit,
        };
        self.edit(token, edit).await;
    }

    /// Does something about an interaction that was answered, as soon as Discord has read that answer.
    async fn once_read<T>(&self, act: impl AsyncFn() -> serenity::Result<T>) -> serenity::Result<T> {
        let clock = self.house.bot.clock();
        let pauses = if self.house.settings.endpoint.is_some() { &UNREAD[..] } else { &[] };
        for pause in pauses {
            match act().await {
                Err(serenity::Error::Http(HttpError::UnsuccessfulRequest(response)))
                    if response.error.code == UNKNOWN_WEBHOOK =>
                {
                    clock.sleep_until(clock.now() + *pause).await;
                }
                done => return done,
            }
        }
        act().await
    }

    /// Edits the answer to an interaction; tries again where that can help, because somebody waits for it.
    async fn edit(&self, token: &str, edit: EditInteractionResponse) {
        let edit = edit.allowed_mentions(CreateAllowedMentions::new());
        let clock = self.house.bot.clock();
        for pause in ANSWER_AGAIN.into_iter().map(Some).chain([None]) {
            let done = self.once_read(async || edit.clone().execute(&self.house.http, token).await).await;
            match (done, pause) {
                (Ok(_), _) => return,
                (Err(error), Some(pause)) if may_pass(&error) => clock.sleep_until(clock.now() + pause).await,
                (Err(error), _) => {
                    // It was done, and the journal says so; the card will show it.
                    tracing::warn!(%error, "an answer could not be delivered");
                    return;
                }
            }
        }
    }

    /// Tells the person who pressed, and nobody else.
    async fn whisper(&self, press: &ComponentInteraction, text: &str, rows: Vec<CreateActionRow>) {
        let said = serenity::all::CreateInteractionResponseFollowup::new()
            .content(cut(text))
            .ephemeral(true)
            .allowed_mentions(CreateAllowedMentions::new())
            .components(rows);
        if let Err(error) = self.once_read(async || press.create_followup(&self.house.http, said.clone()).await).await {
            tracing::warn!(%error, "an answer could not be delivered");
        }
    }
}

/// A text that takes the place of a message and its buttons.
fn only(text: &str) -> EditInteractionResponse {
    EditInteractionResponse::new().content(text).components(Vec::new())
}

/// What went wrong, for the person who asked.
fn sorry(fault: &Fault) -> String {
    let said = named_here(&fault.to_string());
    cut(&format!("⚠️ {}", said.lines().map(|line| markdown(line, 600)).collect::<Vec<_>>().join("\n")))
}
