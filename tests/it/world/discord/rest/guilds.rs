//! Routes of the application, its commands, and guilds.

use serde_json::{Value, json};

use super::{Answer, Call, Refusal};
use crate::world::discord::json::{guild_entry, role_json};
use crate::world::discord::openapi::tidy;
use crate::world::discord::state::{Id, State};

pub fn gateway(call: &mut Call<'_>) -> Answer {
    call.state.sessions.asked += 1;
    Ok(json!({ "url": call.gateway }))
}

pub fn gateway_bot(call: &mut Call<'_>) -> Answer {
    call.state.sessions.asked += 1;
    let limit = json!({ "total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1 });
    Ok(json!({ "url": call.gateway, "shards": 1, "session_start_limit": limit }))
}

pub fn own_user(call: &mut Call<'_>) -> Answer {
    let mut user = call.state.user_json(call.state.bot);
    user["mfa_enabled"] = json!(true);
    user["locale"] = json!("en-US");
    Ok(user)
}

pub fn user(call: &mut Call<'_>) -> Answer {
    let id = call.id(0)?;
    if !call.state.users.contains_key(&id) {
        return Err(Refusal::new(404, 10013, "Unknown User"));
    }
    Ok(call.state.user_json(id))
}

pub fn application(call: &mut Call<'_>) -> Answer {
    Ok(call.state.application_json())
}

pub fn own_guilds(call: &mut Call<'_>) -> Answer {
    let own = call.state.guilds.values().filter(|guild| guild.members.contains_key(&call.state.bot));
    Ok(own.map(|guild| guild_entry(call.state, guild)).collect())
}

pub fn guild(call: &mut Call<'_>) -> Answer {
    let id = known(call, 0)?;
    Ok(call.state.guild_json(&call.state.guilds[&id]))
}

pub fn channels(call: &mut Call<'_>) -> Answer {
    let id = known(call, 0)?;
    let of_guild = call.state.channels.values().filter(|channel| channel.guild == Some(id) && !channel.is_thread());
    Ok(of_guild.map(|channel| call.state.channel_json(channel)).collect())
}

pub fn roles(call: &mut Call<'_>) -> Answer {
    let id = known(call, 0)?;
    Ok(call.state.guilds[&id].roles.values().map(role_json).collect())
}

pub fn member(call: &mut Call<'_>) -> Answer {
    let (guild, person) = (known(call, 0)?, call.id(1)?);
    if !call.state.users.contains_key(&person) {
        return Err(Refusal::new(404, 10013, "Unknown User"));
    }
    if !call.state.guilds[&guild].members.contains_key(&person) {
        return Err(Refusal::new(404, 10007, "Unknown Member"));
    }
    Ok(call.state.member_json(guild, person))
}

pub fn commands(call: &mut Call<'_>) -> Answer {
    own_application(call)?;
    Ok(json!(call.state.commands.global))
}

pub fn guild_commands(call: &mut Call<'_>) -> Answer {
    own_application(call)?;
    let guild = known(call, 1)?;
    Ok(json!(call.state.commands.of_guild.get(&guild).cloned().unwrap_or_default()))
}

pub fn overwrite_commands(call: &mut Call<'_>) -> Answer {
    own_application(call)?;
    let former = std::mem::take(&mut call.state.commands.global);
    let commands = registered(call.state, call.body, &former, None);
    call.state.commands.global.clone_from(&commands);
    call.state.commands.global_overwrites += 1;
    Ok(json!(commands))
}

pub fn overwrite_guild_commands(call: &mut Call<'_>) -> Answer {
    own_application(call)?;
    let guild = known(call, 1)?;
    let former = call.state.commands.of_guild.remove(&guild).unwrap_or_default();
    let commands = registered(call.state, call.body, &former, Some(guild));
    call.state.commands.of_guild.insert(guild, commands.clone());
    call.state.commands.guild_overwrites += 1;
    Ok(json!(commands))
}

/// Commands as they are kept: a command of the same kind and name keeps its id.
fn registered(state: &mut State, body: &Value, former: &[Value], guild: Option<Id>) -> Vec<Value> {
    let mut commands = body.as_array().cloned().unwrap_or_default();
    for command in &mut commands {
        tidy(command);
        if command["type"].is_null() {
            command["type"] = json!(1);
        }
        let is_same = |one: &&Value| one["name"] == command["name"] && one["type"] == command["type"];
        let id = former.iter().find(is_same).map(|one| one["id"].clone());
        command["id"] = id.unwrap_or_else(|| json!(state.next_id().to_string()));
        command["application_id"] = json!(state.application.to_string());
        command["version"] = json!(state.next_id().to_string());
        if command["description"].is_null() {
            command["description"] = json!("");
        }
        command["default_member_permissions"] = match &command["default_member_permissions"] {
            Value::Number(number) => json!(number.to_string()),
            other => other.clone(),
        };
        if let Some(guild) = guild {
            command["guild_id"] = json!(guild.to_string());
        }
    }
    commands
}

fn own_application(call: &Call<'_>) -> Result<(), Refusal> {
    if call.id(0)? == call.state.application {
        return Ok(());
    }
    Err(Refusal::new(403, 20012, "You are not authorized to perform this action on this application"))
}

/// The guild that the path names, where the bot is a member of it.
pub fn known(call: &Call<'_>, at: usize) -> Result<Id, Refusal> {
    let id = call.id(at)?;
    let guild = call.state.guilds.get(&id).ok_or_else(|| Refusal::new(404, 10004, "Unknown Guild"))?;
    if guild.members.contains_key(&call.state.bot) { Ok(id) } else { Err(Refusal::new(403, 50001, "Missing Access")) }
}
