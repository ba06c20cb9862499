//! The REST side: which routes there are, in which order a request is judged, and how a refusal is written.

pub mod callbacks;
mod channels;
mod guilds;
mod messages;

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::changes::snowflake;
use super::faults::How;
use super::permissions::{VIEW_CHANNEL, names};
use super::state::{Attachment, Id, Request, State};
use super::{limits, openapi};

/// A request of the bot, taken apart.
pub struct Asked {
    pub method: String,
    /// Without `/api/v10`.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub authorization: String,
    pub body: Value,
    pub files: Vec<Upload>,
}

/// A file of a multipart request.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The number in `files[number]`.
    pub number: u64,
    pub name: String,
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// A request on its way to its route.
pub struct Call<'a> {
    pub state: &'a mut State,
    /// The variable parts of the path.
    pub parts: Vec<&'a str>,
    pub query: &'a BTreeMap<String, String>,
    pub body: &'a Value,
    pub files: &'a [Upload],
    pub gateway: &'a str,
    pub now: Instant,
}

pub type Answer = Result<Value, Refusal>;

/// An answer that is an error.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

/// What becomes of a request.
pub enum Outcome {
    /// Status, body (`null`: none) and headers.
    Reply(u16, Value, Vec<(&'static str, String)>),
    /// A page of an intermediary instead of JSON.
    Page(u16),
    Reset,
}

pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    handle: fn(&mut Call<'_>) -> Answer,
}

/// Every route, named as in Discord's own document. Fixed parts come before variable ones.
pub const ROUTES: &[Route] = &[
    route("GET", "/gateway", guilds::gateway),
    route("GET", "/gateway/bot", guilds::gateway_bot),
    route("GET", "/users/@me", guilds::own_user),
    route("GET", "/users/@me/guilds", guilds::own_guilds),
    route("POST", "/users/@me/channels", channels::open_direct),
    route("GET", "/users/{user_id}", guilds::user),
    route("GET", "/oauth2/applications/@me", guilds::application),
    route("GET", "/applications/@me", guilds::application),
    route("GET", "/applications/{application_id}/commands", guilds::commands),
    route("PUT", "/applications/{application_id}/commands", guilds::overwrite_commands),
    route("GET", "/applications/{application_id}/guilds/{guild_id}/commands", guilds::guild_commands),
    route("PUT", "/applications/{application_id}/guilds/{guild_id}/commands", guilds::overwrite_guild_commands),
    route("GET", "/guilds/{guild_id}", guilds::guild),
    route("GET", "/guilds/{guild_id}/channels", guilds::channels),
    route("POST", "/guilds/{guild_id}/channels", channels::create),
    route("GET", "/guilds/{guild_id}/roles", guilds::roles),
    route("GET", "/guilds/{guild_id}/members/{user_id}", guilds::member),
    route("GET", "/guilds/{guild_id}/threads/active", channels::active_threads),
    route("GET", "/channels/{channel_id}", channels::get),
    route("PATCH", "/channels/{channel_id}", channels::patch),
    route("DELETE", "/channels/{channel_id}", channels::delete),
    route("POST", "/channels/{channel_id}/typing", channels::typing),
    route("POST", "/channels/{channel_id}/threads", channels::open_thread),
    route("GET", "/channels/{channel_id}/threads/archived/public", channels::archived_threads),
    route("PUT", "/channels/{channel_id}/thread-members/@me", channels::join),
    route("PUT", "/channels/{channel_id}/thread-members/{user_id}", channels::add_member),
    route("GET", "/channels/{channel_id}/messages", messages::list),
    route("POST", "/channels/{channel_id}/messages", messages::create),
    route("GET", "/channels/{channel_id}/messages/{message_id}", messages::get),
    route("PATCH", "/channels/{channel_id}/messages/{message_id}", messages::edit),
    route("DELETE", "/channels/{channel_id}/messages/{message_id}", messages::delete),
    route("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me", messages::react),
    route("POST", "/channels/{channel_id}/messages/{message_id}/threads", channels::open_thread_from),
    route("POST", CALLBACK, callbacks::answer),
    route("POST", "/webhooks/{webhook_id}/{webhook_token}", callbacks::follow_up),
    route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", callbacks::get_original),
    route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", callbacks::edit_original),
    route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", callbacks::delete_original),
    route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", callbacks::get_followup),
    route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", callbacks::edit_followup),
    route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", callbacks::delete_followup),
];

/// The route of the first answer to an interaction.
pub const CALLBACK: &str = "/interactions/{interaction_id}/{interaction_token}/callback";

const fn route(method: &'static str, path: &'static str, handle: fn(&mut Call<'_>) -> Answer) -> Route {
    Route { method, path, handle }
}

impl Route {
    /// The variable parts of a path that has this route's form.
    fn parts<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let (mut own, mut given) = (self.path.split('/'), path.split('/'));
        let mut parts = Vec::new();
        loop {
            match (own.next(), given.next()) {
                (None, None) => return Some(parts),
                (Some(own), Some(given)) if own.starts_with('{') => parts.push(given),
                (Some(own), Some(given)) if own == given => {}
                _ => return None,
            }
        }
    }

    /// The status of an answer that is no error.
    fn status(&self, body: &Value) -> u16 {
        match self.path {
            _ if body.is_null() => 204,
            path if self.method == "POST" && (path.ends_with("/threads") || path == "/guilds/{guild_id}/channels") => {
                201
            }
            _ => 200,
        }
    }

    /// By whom requests of this route are counted.
    fn major(&self, parts: &[&str]) -> String {
        let first = self.path.split('/').nth(1).unwrap_or_default();
        match first {
            "channels" | "guilds" => parts.first().copied().unwrap_or_default().to_owned(),
            "webhooks" | "interactions" => parts.iter().take(2).copied().collect::<Vec<_>>().join("/"),
            _ => String::new(),
        }
    }
}

impl State {
    /// Judges a request and carries it out: faults, limits, who asks, its form, then the route itself.
    pub(super) fn ask(&mut self, asked: &Asked, gateway: &str, now: Instant) -> Outcome {
        let found = ROUTES.iter().filter(|route| route.method == asked.method);
        let Some((route, parts)) = found.filter_map(|one| Some((one, one.parts(&asked.path)?))).next() else {
            self.findings.push(format!("{} {} is no route that is known here", asked.method, asked.path));
            return Refusal::new(404, 0, "404: Not Found").into();
        };
        let fault = self.faults.take(route.method, route.path);
        let outcome = match fault {
            Some(How::Down { status }) => Outcome::Page(status),
            Some(How::ResetBefore) => Outcome::Reset,
            Some(How::GlobalLimit { retry_after }) => {
                self.faults.limit_globally(retry_after, now);
                self.judge(route, parts, asked, gateway, now)
            }
            Some(How::ResetAfter) => {
                self.judge(route, parts, asked, gateway, now);
                Outcome::Reset
            }
            None => self.judge(route, parts, asked, gateway, now),
        };
        if let Outcome::Reply(status @ 200..300, body, _) = &outcome {
            let own = openapi::check_answer(route, *status, body);
            let own = own.iter().map(|(place, text)| format!("the look-alike itself: {} {place}: {text}", route.path));
            self.findings.extend(own);
        }
        let status = match &outcome {
            Outcome::Reply(status, ..) | Outcome::Page(status) => *status,
            Outcome::Reset => 0,
        };
        let query: Vec<_> = asked.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        self.requests.push(Request {
            method: asked.method.clone(),
            path: format!("{}{query}", asked.path),
            route: route.path,
            body: asked.body.clone(),
            status,
            at: now,
        });
        outcome
    }

    fn judge(&mut self, route: &Route, parts: Vec<&str>, asked: &Asked, gateway: &str, now: Instant) -> Outcome {
        let counted = self.faults.count(route.method, route.path, &route.major(&parts), now);
        let headers = match counted {
            Ok(allowance) => allowance.headers(),
            Err(refusal) => return refusal.into(),
        };
        let result = self.carry_out(route, parts, asked, gateway, now);
        let outcome = result.map_or_else(Outcome::from, |body| Outcome::Reply(route.status(&body), body, Vec::new()));
        match outcome {
            Outcome::Reply(status, body, _) => Outcome::Reply(status, body, headers),
            other => other,
        }
    }

    fn carry_out(
        &mut self,
        route: &Route,
        parts: Vec<&str>,
        asked: &Asked,
        gateway: &str,
        now: Instant,
    ) -> Result<Value, Refusal> {
        let needs_token = !route.path.starts_with("/webhooks/") && !route.path.starts_with("/interactions/");
        if needs_token && route.path != "/gateway" && asked.authorization != format!("Bot {}", self.token) {
            return Err(Refusal::new(401, 0, "401: Unauthorized"));
        }
        let mut findings = openapi::check(route, asked);
        findings.extend(limits::check(route, &asked.body, &asked.files));
        if let Some((place, message)) = findings.first() {
            let refusal = Refusal::invalid(place, message);
            let whole = findings.iter().map(|(place, message)| format!("{place}: {message}"));
            self.findings.extend(whole.map(|one| format!("{} {}: {one}", route.method, route.path)));
            return Err(refusal);
        }
        let mut call =
            Call { state: self, parts, query: &asked.query, body: &asked.body, files: &asked.files, gateway, now };
        (route.handle)(&mut call)
    }
}

impl Call<'_> {
    /// A variable part of the path as an id.
    fn id(&self, at: usize) -> Result<Id, Refusal> {
        let part = self.parts[at];
        part.parse().map_err(|_| Refusal::invalid("/", &format!("{part} is not a snowflake")))
    }

    /// The channel that the path names, where the bot may do what is needed there.
    fn channel(&self, needed: u64) -> Result<Id, Refusal> {
        let id = self.id(0)?;
        if !self.state.channels.contains_key(&id) {
            return Err(Refusal::new(404, 10003, "Unknown Channel"));
        }
        self.permit(id, needed)?;
        Ok(id)
    }

    /// Refuses what the bot may not do in a channel.
    fn permit(&self, channel: Id, needed: u64) -> Result<(), Refusal> {
        let has = self.state.permissions(channel, self.state.bot);
        if has & VIEW_CHANNEL == 0 {
            return Err(Refusal::new(403, 50001, "Missing Access"));
        }
        if needed & !has != 0 {
            let mut refusal = Refusal::new(403, 50013, "Missing Permissions");
            refusal.body["missing"] = json!(names(needed & !has));
            return Err(refusal);
        }
        Ok(())
    }

    /// The message that the path names, in its channel.
    fn message(&self, channel: Id, at: usize) -> Result<Id, Refusal> {
        let id = self.id(at)?;
        let found = self.state.messages.get(&id).filter(|message| message.channel == channel);
        found.map(|message| message.id).ok_or_else(Refusal::unknown_message)
    }

    /// The files of the request, as they are kept.
    fn attachments(&mut self, data: &Value) -> Vec<Attachment> {
        let described = |number: u64| {
            let mut listed = data["attachments"].as_array().into_iter().flatten();
            let entry = listed.find(|entry| snowflake(&entry["id"]) == Some(number))?;
            entry["description"].as_str().map(str::to_owned)
        };
        let files = self.files;
        let keep = |file: &Upload| Attachment {
            id: self.state.next_id(),
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            description: described(file.number),
            bytes: file.bytes.clone(),
        };
        files.iter().map(keep).collect()
    }
}

impl Refusal {
    /// Discord's error: an HTTP status, a code of its own and a sentence.
    pub fn new(status: u16, code: u32, message: &str) -> Self {
        Self { status, body: json!({ "message": message, "code": code }), headers: Vec::new() }
    }

    pub fn unknown_message() -> Self {
        Self::new(404, 10008, "Unknown Message")
    }

    /// A body that does not fit, with the place: `/embeds/0/title` or `/`.
    pub fn invalid(place: &str, message: &str) -> Self {
        let mut refusal = Self::new(400, 50035, "Invalid Form Body");
        let mut errors = json!({ "_errors": [{ "code": "BASE_TYPE_BAD", "message": message }] });
        for part in place.split('/').filter(|part| !part.is_empty()).rev() {
            errors = json!({ part: errors });
        }
        refusal.body["errors"] = errors;
        refusal
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Reply(refusal.status, refusal.body, refusal.headers)
    }
}
