//! Routes by which the bot answers interactions: the callback, the original answer, followups.

use serde_json::{Value, json};

use super::messages::{change, draft};
use super::{Answer, Call, Refusal};
use crate::world::discord::changes::Draft;
use crate::world::discord::state::{self, EPHEMERAL, Id, InteractionKind, LOADING};

const MESSAGE: u64 = 4;
const DEFERRED: u64 = 5;
const DEFERRED_UPDATE: u64 = 6;
const UPDATE: u64 = 7;
const SUGGESTIONS: u64 = 8;
const MODAL: u64 = 9;

pub fn answer(call: &mut Call<'_>) -> Answer {
    let (id, token) = (call.id(0)?, call.parts[1]);
    let unknown = || Refusal::new(404, 10062, "Unknown interaction");
    let within = call.state.acknowledge_within;
    let interaction = call.state.interactions.get(&id).filter(|one| one.token == token).ok_or_else(unknown)?;
    if interaction.answer.is_some() {
        return Err(Refusal::new(400, 40060, "Interaction has already been acknowledged."));
    }
    if call.now.duration_since(interaction.sent) > within || interaction.is_expired {
        let late = format!("the bot answered after more than {within:?}: {}", interaction.what);
        call.state.findings.push(late);
        return Err(unknown());
    }
    take(call, id, call.body)?;
    Ok(Value::Null)
}

/// Carries out the first answer to an interaction, by whichever way it came.
pub fn take(call: &mut Call<'_>, id: Id, answer: &Value) -> Result<(), Refusal> {
    let kind = answer["type"].as_u64().unwrap_or_default();
    let interaction = &call.state.interactions[&id];
    let (what, message) = (interaction.kind, interaction.message);
    if !call.state.channels.contains_key(&interaction.channel) {
        return Err(Refusal::new(404, 10003, "Unknown Channel"));
    }
    let fits = match what {
        InteractionKind::Ping => kind == 1,
        InteractionKind::Autocomplete => kind == SUGGESTIONS,
        InteractionKind::Command => matches!(kind, MESSAGE | DEFERRED | MODAL),
        InteractionKind::Component => matches!(kind, MESSAGE..=UPDATE | MODAL),
        InteractionKind::ModalSubmit if message.is_some() => matches!(kind, MESSAGE..=UPDATE),
        InteractionKind::ModalSubmit => matches!(kind, MESSAGE | DEFERRED),
    };
    if !fits {
        let sentence = format!("an answer of type {kind} does not fit: {}", interaction.what);
        call.state.findings.push(sentence.clone());
        return Err(Refusal::invalid("/type", &sentence));
    }
    let data = &answer["data"];
    let original = match kind {
        MESSAGE => Some(write(call, id, data)?),
        DEFERRED => Some(defer(call, id, data)),
        DEFERRED_UPDATE => message,
        UPDATE => {
            let message = message.filter(|id| call.state.messages.contains_key(id));
            change(call, message.ok_or_else(Refusal::unknown_message)?, data)?;
            message
        }
        _ => None,
    };
    let now = call.now;
    let interaction = call.state.interactions.get_mut(&id).expect("an interaction");
    interaction.answer = Some(state::Answer { kind, data: data.clone() });
    interaction.acknowledged = Some(now);
    interaction.original = original;
    Ok(())
}

fn write(call: &mut Call<'_>, id: Id, data: &Value) -> Result<Id, Refusal> {
    let mut draft = draft(call, data)?;
    draft.interaction = Some(id);
    let channel = call.state.interactions[&id].channel;
    Ok(call.state.post(channel, call.state.bot, draft))
}

fn defer(call: &mut Call<'_>, id: Id, data: &Value) -> Id {
    let flags = data["flags"].as_u64().unwrap_or_default() & EPHEMERAL | LOADING;
    let channel = call.state.interactions[&id].channel;
    call.state.post(channel, call.state.bot, Draft { flags, interaction: Some(id), ..Draft::default() })
}

/// The interaction whose token the path names; it must have been acknowledged.
fn of_token(call: &Call<'_>) -> Result<Id, Refusal> {
    let unknown = || Refusal::new(404, 10015, "Unknown Webhook");
    let token = call.parts[1];
    let found = call.state.interactions.values().find(|one| one.token == token).ok_or_else(unknown)?;
    if call.id(0)? != call.state.application || found.answer.is_none() {
        return Err(unknown());
    }
    if found.is_expired {
        return Err(Refusal::new(401, 50027, "Invalid Webhook Token"));
    }
    Ok(found.id)
}

fn original(call: &Call<'_>) -> Result<Id, Refusal> {
    let interaction = of_token(call)?;
    let original = call.state.interactions[&interaction].original;
    original.filter(|id| call.state.messages.contains_key(id)).ok_or_else(Refusal::unknown_message)
}

fn followup(call: &Call<'_>) -> Result<Id, Refusal> {
    let interaction = &call.state.interactions[&of_token(call)?];
    let id = call.id(2)?;
    let is_own = interaction.followups.contains(&id) || interaction.original == Some(id);
    if is_own && call.state.messages.contains_key(&id) { Ok(id) } else { Err(Refusal::unknown_message()) }
}

pub fn follow_up(call: &mut Call<'_>) -> Answer {
    let interaction = of_token(call)?;
    // The first one after a deferral takes the place of "thinking…".
    if let Some(id) = call.state.interactions[&interaction].original
        && call.state.messages.get(&id).is_some_and(state::Message::is_loading)
    {
        return change(call, id, call.body);
    }
    let mut draft = draft(call, call.body)?;
    draft.interaction = Some(interaction);
    let channel = call.state.interactions[&interaction].channel;
    if !call.state.channels.contains_key(&channel) {
        return Err(Refusal::new(404, 10003, "Unknown Channel"));
    }
    let id = call.state.post(channel, call.state.bot, draft);
    call.state.interactions.get_mut(&interaction).expect("an interaction").followups.push(id);
    Ok(shown(call, id))
}

pub fn get_original(call: &mut Call<'_>) -> Answer {
    let id = original(call)?;
    Ok(shown(call, id))
}

pub fn edit_original(call: &mut Call<'_>) -> Answer {
    let id = original(call)?;
    change(call, id, call.body)
}

pub fn delete_original(call: &mut Call<'_>) -> Answer {
    let id = original(call)?;
    call.state.remove_message(id);
    Ok(Value::Null)
}

pub fn get_followup(call: &mut Call<'_>) -> Answer {
    let id = followup(call)?;
    Ok(shown(call, id))
}

pub fn edit_followup(call: &mut Call<'_>) -> Answer {
    let id = followup(call)?;
    change(call, id, call.body)
}

pub fn delete_followup(call: &mut Call<'_>) -> Answer {
    let id = followup(call)?;
    call.state.remove_message(id);
    Ok(Value::Null)
}

fn shown(call: &Call<'_>, id: Id) -> Value {
    call.state.messages.get(&id).map_or_else(|| json!({}), |message| call.state.message_json(message))
}
