//! Routes of channels and threads.

use serde_json::{Value, json};

use super::{Answer, Call, Refusal, guilds};
use crate::world::discord::changes::snowflake;
use crate::world::discord::permissions::{
    CREATE_PUBLIC_THREADS, MANAGE_CHANNELS, MANAGE_THREADS, READ_MESSAGE_HISTORY, SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
};
use crate::world::discord::state::{ChannelKind, Id};

pub fn get(call: &mut Call<'_>) -> Answer {
    let id = call.channel(0)?;
    Ok(call.state.channel_json(&call.state.channels[&id]))
}

pub fn open_direct(call: &mut Call<'_>) -> Answer {
    let person = snowflake(&call.body["recipient_id"]);
    let Some(person) = person.filter(|id| call.state.users.contains_key(id) && *id != call.state.bot) else {
        return Err(Refusal::new(400, 50033, "Invalid Recipient(s)"));
    };
    let id = call.state.open_direct_channel(person);
    Ok(call.state.channel_json(&call.state.channels[&id]))
}

pub fn typing(call: &mut Call<'_>) -> Answer {
    let id = call.channel(0)?;
    call.permit(id, may_write(call, id))?;
    Ok(Value::Null)
}

/// The permission that it takes to write in a channel.
pub fn may_write(call: &Call<'_>, id: Id) -> u64 {
    if call.state.channels[&id].is_thread() { SEND_MESSAGES_IN_THREADS } else { SEND_MESSAGES }
}

/// An archived thread takes nothing until it is opened again.
pub fn not_archived(call: &Call<'_>, id: Id) -> Result<(), Refusal> {
    if call.state.channels[&id].is_archived() { Err(archived()) } else { Ok(()) }
}

fn archived() -> Refusal {
    Refusal::new(400, 50083, "Thread is archived")
}

pub fn patch(call: &mut Call<'_>) -> Answer {
    let id = call.channel(0)?;
    let kind = call.state.channels[&id].kind.clone();
    let ChannelKind::Thread { owner, archived: is_archived, locked, .. } = kind else {
        call.permit(id, MANAGE_CHANNELS)?;
        rename(call, id);
        call.state.channel_changed(id);
        return Ok(call.state.channel_json(&call.state.channels[&id]));
    };
    let (archive, lock) = (call.body["archived"].as_bool(), call.body["locked"].as_bool());
    if is_archived && archive != Some(false) {
        return Err(archived());
    }
    let opens_only = archive == Some(false) && call.body.as_object().is_some_and(|body| body.len() == 1);
    if lock.is_some() || (locked && archive == Some(false)) {
        call.permit(id, MANAGE_THREADS)?;
    } else if opens_only {
        call.permit(id, SEND_MESSAGES_IN_THREADS)?;
    } else if owner != call.state.bot {
        call.permit(id, MANAGE_THREADS)?;
    }
    rename(call, id);
    if let (Some(minutes), Some(channel)) =
        (call.body["auto_archive_duration"].as_u64(), call.state.channels.get_mut(&id))
        && let ChannelKind::Thread { archive_after, .. } = &mut channel.kind
    {
        *archive_after = minutes;
    }
    call.state.update_thread(id, archive, lock);
    Ok(call.state.channel_json(&call.state.channels[&id]))
}

fn rename(call: &mut Call<'_>, id: Id) {
    if let (Some(name), Some(channel)) = (call.body["name"].as_str(), call.state.channels.get_mut(&id)) {
        name.clone_into(&mut channel.name);
    }
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let id = call.channel(0)?;
    let is_thread = call.state.channels[&id].is_thread();
    call.permit(id, if is_thread { MANAGE_THREADS } else { MANAGE_CHANNELS })?;
    let gone = call.state.channel_json(&call.state.channels[&id]);
    call.state.remove_channel(id);
    Ok(gone)
}

/// How many channels Discord allows in a guild and in a category.
const IN_GUILD: usize = 500;
const IN_CATEGORY: usize = 50;

/// Makes a text channel; nothing else is asked for here.
pub fn create(call: &mut Call<'_>) -> Answer {
    let guild = guilds::known(call, 0)?;
    let parent = snowflake(&call.body["parent_id"]);
    let is_category = |id: &Id| call.state.channels.get(id).is_some_and(|one| one.kind == ChannelKind::Category);
    if parent.is_some_and(|id| !is_category(&id)) {
        return Err(Refusal::invalid("/parent_id", "Category does not exist"));
    }
    match parent {
        Some(category) => call.permit(category, MANAGE_CHANNELS)?,
        None if call.state.base_permissions(guild, call.state.bot) & MANAGE_CHANNELS == 0 => {
            return Err(Refusal::new(403, 50013, "Missing Permissions"));
        }
        None => {}
    }
    let of_guild = call.state.channels.values().filter(|one| one.guild == Some(guild) && !one.is_thread());
    let all: Vec<_> = of_guild.map(|one| one.category).collect();
    if all.len() >= IN_GUILD {
        return Err(Refusal::new(400, 30013, "Maximum number of guild channels reached (500)"));
    }
    if parent.is_some() && all.iter().filter(|category| **category == parent).count() >= IN_CATEGORY {
        return Err(Refusal::invalid("/parent_id", "Maximum number of channels in category reached (50)"));
    }
    if call.body["type"].as_u64().is_some_and(|kind| kind != 0) {
        return Err(Refusal::invalid("/type", "only text channels are made here"));
    }
    // A text channel's name has neither capitals nor spaces: Discord changes them.
    let name = call.body["name"].as_str().unwrap_or_default().to_lowercase().replace(' ', "-");
    let id = call.state.make_channel(guild, &name, ChannelKind::Text, parent);
    let made = call.state.channels.get_mut(&id).expect("a channel");
    made.topic = call.body["topic"].as_str().map(str::to_owned);
    Ok(call.state.channel_json(&call.state.channels[&id]))
}

pub fn open_thread(call: &mut Call<'_>) -> Answer {
    let parent = call.channel(CREATE_PUBLIC_THREADS)?;
    // Without a type Discord makes a private thread, as it did before there were public ones.
    if call.body["type"] != 11 {
        return Err(Refusal::new(403, 50013, "Missing Permissions"));
    }
    open(call, parent, None)
}

pub fn open_thread_from(call: &mut Call<'_>) -> Answer {
    let parent = call.channel(CREATE_PUBLIC_THREADS | READ_MESSAGE_HISTORY)?;
    let message = call.message(parent, 1)?;
    if call.state.channels.contains_key(&message) {
        return Err(Refusal::new(400, 160_004, "A thread has already been created for this message"));
    }
    open(call, parent, Some(message))
}

fn open(call: &mut Call<'_>, parent: Id, from: Option<Id>) -> Answer {
    if call.state.channels[&parent].kind != ChannelKind::Text {
        return Err(Refusal::new(400, 50024, "Cannot execute action on this channel type"));
    }
    let name = call.body["name"].as_str().unwrap_or_default();
    let minutes = call.body["auto_archive_duration"].as_u64().unwrap_or(4320);
    let id = call.state.open_thread(parent, from, name, call.state.bot, minutes);
    Ok(call.state.channel_json(&call.state.channels[&id]))
}

pub fn join(call: &mut Call<'_>) -> Answer {
    let id = call.channel(0)?;
    enter(call, id, call.state.bot)
}

pub fn add_member(call: &mut Call<'_>) -> Answer {
    let id = call.channel(SEND_MESSAGES_IN_THREADS)?;
    let person = call.id(1)?;
    let guild = call.state.channels[&id].guild.and_then(|guild| call.state.guilds.get(&guild));
    if !guild.is_some_and(|guild| guild.members.contains_key(&person)) {
        return Err(Refusal::new(404, 10007, "Unknown Member"));
    }
    enter(call, id, person)
}

fn enter(call: &mut Call<'_>, id: Id, person: Id) -> Answer {
    not_archived(call, id)?;
    let channel = call.state.channels.get_mut(&id).expect("a channel");
    let ChannelKind::Thread { members, .. } = &mut channel.kind else {
        return Err(Refusal::new(400, 50024, "Cannot execute action on this channel type"));
    };
    if !members.contains(&person) {
        members.push(person);
    }
    Ok(Value::Null)
}

pub fn active_threads(call: &mut Call<'_>) -> Answer {
    let guild = guilds::known(call, 0)?;
    let of_guild = call.state.channels.values().filter(|one| one.guild == Some(guild) && one.is_thread());
    let active = of_guild.filter(|one| !one.is_archived() && call.state.can_see(one.id, call.state.bot));
    let threads: Vec<_> = active.map(|one| call.state.channel_json(one)).collect();
    Ok(json!({ "threads": threads, "members": [], "has_more": false }))
}

pub fn archived_threads(call: &mut Call<'_>) -> Answer {
    let parent = call.channel(READ_MESSAGE_HISTORY)?;
    let archived = call.state.threads(parent).into_iter().filter(|one| one.is_archived());
    let threads: Vec<_> = archived.map(|one| call.state.channel_json(one)).collect();
    Ok(json!({ "threads": threads, "members": [], "has_more": false }))
}
