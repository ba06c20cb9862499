//! Routes of messages.

use serde_json::{Value, json};

use super::channels::{may_write, not_archived};
use super::{Answer, Call, Refusal};
use crate::world::discord::changes::{Draft, snowflake};
use crate::world::discord::permissions::{
    ADD_REACTIONS, ATTACH_FILES, EMBED_LINKS, MANAGE_MESSAGES, READ_MESSAGE_HISTORY,
};
use crate::world::discord::state::{ChannelKind, Id, LOADING};

pub fn create(call: &mut Call<'_>) -> Answer {
    let channel = call.channel(0)?;
    call.permit(channel, may_write(call, channel))?;
    not_archived(call, channel)?;
    if let ChannelKind::Direct { with } = call.state.channels[&channel].kind
        && call.state.users[&with].refuses_direct
    {
        return Err(Refusal::new(403, 50007, "Cannot send messages to this user"));
    }
    permit_contents(call, channel)?;
    if let Some(known) = same_nonce(call, channel) {
        return Ok(call.state.message_json(&call.state.messages[&known]));
    }
    let reference = referenced(call, channel)?;
    let mut draft = draft(call, call.body)?;
    draft.reference = reference;
    let id = call.state.post(channel, call.state.bot, draft);
    Ok(call.state.message_json(&call.state.messages[&id]))
}

/// A message of the bot with the same nonce, where the request says that it must be the only one.
fn same_nonce(call: &Call<'_>, channel: Id) -> Option<Id> {
    let nonce = nonce(call.body)?;
    if call.body["enforce_nonce"] != true {
        return None;
    }
    let messages = call.state.messages_in(channel);
    let same = messages.iter().find(|one| one.author == call.state.bot && one.nonce.as_ref() == Some(&nonce));
    same.map(|message| message.id)
}

fn nonce(body: &Value) -> Option<String> {
    match &body["nonce"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn referenced(call: &Call<'_>, channel: Id) -> Result<Option<Id>, Refusal> {
    let reference = &call.body["message_reference"];
    let Some(id) = snowflake(&reference["message_id"]) else { return Ok(None) };
    call.permit(channel, READ_MESSAGE_HISTORY)?;
    if call.state.messages.get(&id).is_some_and(|message| message.channel == channel) {
        return Ok(Some(id));
    }
    if reference["fail_if_not_exists"] == false {
        return Ok(None);
    }
    Err(Refusal::invalid("/message_reference", "Unknown message"))
}

/// What a message of an interaction or a channel says; empty ones are refused.
pub fn draft(call: &mut Call<'_>, data: &Value) -> Result<Draft, Refusal> {
    let list = |key: &str| data[key].as_array().cloned().unwrap_or_default();
    let draft = Draft {
        content: data["content"].as_str().unwrap_or_default().to_owned(),
        embeds: list("embeds"),
        components: list("components"),
        attachments: call.attachments(data),
        flags: data["flags"].as_u64().unwrap_or_default(),
        allowed_mentions: data["allowed_mentions"].clone(),
        nonce: nonce(data),
        ..Draft::default()
    };
    if draft.content.trim().is_empty() && draft.embeds.is_empty() && draft.attachments.is_empty() {
        return Err(Refusal::new(400, 50006, "Cannot send an empty message"));
    }
    Ok(draft)
}

fn permit_contents(call: &Call<'_>, channel: Id) -> Result<(), Refusal> {
    if call.body["embeds"].as_array().is_some_and(|embeds| !embeds.is_empty()) {
        call.permit(channel, EMBED_LINKS)?;
    }
    if call.files.is_empty() { Ok(()) } else { call.permit(channel, ATTACH_FILES) }
}

pub fn get(call: &mut Call<'_>) -> Answer {
    let channel = call.channel(READ_MESSAGE_HISTORY)?;
    let id = call.message(channel, 1)?;
    Ok(call.state.message_for_bot(&call.state.messages[&id]))
}

pub fn list(call: &mut Call<'_>) -> Answer {
    let channel = call.channel(0)?;
    if call.permit(channel, READ_MESSAGE_HISTORY).is_err() {
        return Ok(json!([]));
    }
    let number = |key: &str| call.query.get(key).and_then(|value| value.parse::<u64>().ok());
    let limit = usize::try_from(number("limit").unwrap_or(50)).unwrap_or(100);
    if !(1..=100).contains(&limit) {
        return Err(Refusal::invalid("/limit", "int value should be between 1 and 100"));
    }
    let mut messages = call.state.messages_in(channel);
    if let Some(after) = number("after") {
        messages.retain(|message| message.id > after);
        messages.truncate(limit);
    }
    if let Some(before) = number("before") {
        messages.retain(|message| message.id < before);
    }
    // Newest first, and of many the newest.
    Ok(messages.iter().rev().take(limit).map(|message| call.state.message_for_bot(message)).collect())
}

pub fn edit(call: &mut Call<'_>) -> Answer {
    let channel = call.channel(0)?;
    let id = call.message(channel, 1)?;
    if call.state.messages[&id].author != call.state.bot {
        return Err(Refusal::new(403, 50005, "Cannot edit a message authored by another user"));
    }
    not_archived(call, channel)?;
    permit_contents(call, channel)?;
    change(call, id, call.body)
}

/// Changes a message by what the request names; one that would be empty afterwards is refused.
pub fn change(call: &mut Call<'_>, id: Id, data: &Value) -> Answer {
    let files = call.attachments(data);
    let message = &call.state.messages[&id];
    let stays = |key: &str, empty: bool| {
        data.get(key).map_or(!empty, |value| {
            value.as_str().is_some_and(|text| !text.trim().is_empty())
                || value.as_array().is_some_and(|list| !list.is_empty())
        })
    };
    let says = stays("content", message.content.is_empty())
        || stays("embeds", message.embeds.is_empty())
        || stays("attachments", message.attachments.is_empty())
        || !files.is_empty();
    if !says && (message.flags & LOADING == 0 || data.get("components").is_none()) {
        return Err(Refusal::new(400, 50006, "Cannot send an empty message"));
    }
    call.state.edit(id, data, files);
    Ok(call.state.message_json(&call.state.messages[&id]))
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let channel = call.channel(0)?;
    let id = call.message(channel, 1)?;
    if call.state.messages[&id].author != call.state.bot {
        call.permit(channel, MANAGE_MESSAGES)?;
    }
    not_archived(call, channel)?;
    call.state.remove_message(id);
    Ok(Value::Null)
}

/// The bot marks a message. The emoji stands in the path, percent-encoded.
pub fn react(call: &mut Call<'_>) -> Answer {
    let channel = call.channel(ADD_REACTIONS | READ_MESSAGE_HISTORY)?;
    let id = call.message(channel, 1)?;
    not_archived(call, channel)?;
    let unknown = || Refusal::new(400, 10014, "Unknown Emoji");
    let emoji = percent_decoded(call.parts[2]).filter(|emoji| !emoji.is_ascii()).ok_or_else(unknown)?;
    call.state.react(id, emoji);
    Ok(Value::Null)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match first {
            b'%' => (u8::from_str_radix(std::str::from_utf8(behind.get(..2)?).ok()?, 16).ok()?, &behind[2..]),
            other => (*other, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}
