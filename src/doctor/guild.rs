//! What Discord's answers mean for the night it matters.
//!
//! Lives here: the findings about token, application, server, channel, permissions and commands. Never lives here: asking.

use serde_json::Value;

use super::discord::{Answer, Answers, Place};
use super::finding::Finding;
use super::permissions::{Overwrite, Role, Standing, invite};
use crate::base::text::one_line;
use crate::chat::discord::register::{Registered, compare};

const TOKEN: &str = "discord token";
const CHANNEL: &str = "discord channel";
/// A text channel's type; only such a one has public threads of the kind that incidents get.
const TEXT: u64 = 0;
/// A category's type, and how many channels Discord allows in one and in a server.
const CATEGORY: u64 = 4;
const IN_CATEGORY: usize = 50;
const IN_SERVER: usize = 500;
/// Below so many connections that are left for today somebody should look at it.
const FEW: u64 = 20;

/// Bits of an application's flags: privileged intents, each with and without Discord's own approval.
const INTENTS: [(u64, &str); 3] = [
    (1 << 12 | 1 << 13, "Presence Intent"),
    (1 << 14 | 1 << 15, "Server Members Intent"),
    (1 << 18 | 1 << 19, "Message Content Intent"),
];

/// The findings, and the link that invites the bot.
#[must_use]
pub fn judge(answers: &Answers, place: Place) -> (Vec<Finding>, Option<Finding>) {
    let application = match &answers.application {
        Answer::Told(application) => application,
        refused => return (vec![no_application(refused)], None),
    };
    let id = one_line(application["id"].as_str().unwrap_or_default(), 30);
    let name = one_line(application["name"].as_str().unwrap_or_default(), 60);
    let mut findings = vec![Finding::good(TOKEN, format!("it belongs to the application {name} ({id})"))];
    findings.push(intents(application));
    findings.extend(interactions(application, place));
    findings.push(gateway(&answers.gateway));
    let (server, is_in) = server(&answers.server, place);
    findings.push(server);
    if is_in {
        let (channel, found) = channel(answers, place);
        findings.push(channel);
        findings.extend(found.map(|found| permissions(answers, place, found)));
        findings.extend(place.own_channels.map(|category| own_channels(answers, place, category)));
        findings.push(commands(&answers.commands));
    }
    let link = Finding::note("invite", invite(&id, place.own_channels.is_some()));
    (findings, Some(link))
}

fn no_application(answer: &Answer) -> Finding {
    match answer {
        Answer::Refused(401, ..) => Finding::wrong(TOKEN, "Discord does not accept it; nothing else could be asked there")
            .mend(
                "Make a new one: discord.com/developers/applications > the application > Bot > Reset Token, and put it where \
                 discord.token in rundown.toml says. The old one stops working at once.",
            ),
        other => Finding::wrong(TOKEN, format!("whether it is valid is not known: {}", other.why()))
            .mend("Look at whether this machine may reach discord.com, and at discordstatus.com."),
    }
}

fn intents(application: &Value) -> Finding {
    const CHECK: &str = "discord intents";
    let flags = application["flags"].as_u64().unwrap_or_default();
    let on: Vec<&str> = INTENTS.iter().filter(|(bits, _)| flags & bits != 0).map(|(_, name)| *name).collect();
    if on.is_empty() {
        return Finding::good(CHECK, "no privileged intent is switched on, and none is needed");
    }
    Finding::note(CHECK, format!("switched on and not needed: {}", on.join(", ")))
        .mend("They can go: discord.com/developers/applications > the application > Bot > Privileged Gateway Intents.")
}

/// With an address of its own for interactions, Discord sends none over the gateway.
fn interactions(application: &Value, place: Place) -> Option<Finding> {
    let address = application["interactions_endpoint_url"].as_str().filter(|_| place.by_gateway)?;
    let says = format!("Discord sends commands and buttons to {}, not to this bot", one_line(address, 120));
    let mend = "Clear discord.com/developers/applications > the application > General Information > Interactions Endpoint URL.";
    Some(Finding::wrong("interactions", says).mend(mend))
}

fn gateway(answer: &Answer) -> Finding {
    const CHECK: &str = "discord gateway";
    let Some(told) = answer.told() else {
        return Finding::wrong(CHECK, format!("where to connect is not known: {}", answer.why()))
            .mend("Look at discordstatus.com. The server tries again by itself.");
    };
    let limit = &told["session_start_limit"];
    let (left, all) = (limit["remaining"].as_u64().unwrap_or(FEW), limit["total"].as_u64().unwrap_or_default());
    let hours = limit["reset_after"].as_u64().unwrap_or_default().div_ceil(3_600_000);
    let says = format!("the bot may connect {left} more times of {all} within the next {hours} h");
    let mend = "Something starts the server again and again, or the same token is used elsewhere: end that.";
    match left {
        0 => Finding::wrong(CHECK, says).mend(mend),
        left if left < FEW => Finding::warn(CHECK, says).mend(mend),
        _ => Finding::good(CHECK, says),
    }
}

fn server(answer: &Answer, place: Place) -> (Finding, bool) {
    const CHECK: &str = "discord server";
    let finding = match answer {
        Answer::Told(server) => {
            let name = one_line(server["name"].as_str().unwrap_or_default(), 60);
            return (Finding::good(CHECK, format!("the bot is in {name}")), true);
        }
        Answer::Refused(403 | 404, ..) => Finding::wrong(
            CHECK,
            format!("the bot is not in the server {}", place.server),
        )
        .mend(
            "Invite it with the link at the end, opened by somebody who manages that server; or correct discord.server \
                 in rundown.toml.",
        ),
        other => Finding::wrong(CHECK, format!("whether the bot is there is not known: {}", other.why()))
            .mend("Try again, and look at discordstatus.com."),
    };
    (finding, false)
}

/// The channel, found in the server's list, which names those that the bot may not see as well.
fn channel(answers: &Answers, place: Place) -> (Finding, Option<&Value>) {
    let id = place.channel.to_string();
    let Some(list) = answers.channels.told().and_then(Value::as_array) else {
        let says = format!("the server's channels are not known: {}", answers.channels.why());
        return (Finding::wrong(CHANNEL, says).mend("Try again, and look at discordstatus.com."), None);
    };
    let Some(found) = list.iter().find(|one| one["id"] == id.as_str()) else {
        return (elsewhere(&answers.channel, place), None);
    };
    let name = one_line(found["name"].as_str().unwrap_or_default(), 60);
    if found["type"].as_u64() != Some(TEXT) {
        let says = format!("{name} is no text channel, and incidents get their threads in one");
        return (Finding::wrong(CHANNEL, says).mend(copy_another()), None);
    }
    (Finding::good(CHANNEL, format!("#{name} is there, and a text channel")), Some(found))
}

fn elsewhere(channel: &Answer, place: Place) -> Finding {
    let id = place.channel;
    let says = match channel {
        Answer::Told(one) if matches!(one["type"].as_u64(), Some(10..=12)) => {
            format!("{id} is a thread, and threads have no threads")
        }
        Answer::Told(_) => format!("the channel {id} is in another server"),
        _ => format!("there is no channel {id} in that server"),
    };
    Finding::wrong(CHANNEL, says).mend(copy_another())
}

fn copy_another() -> &'static str {
    "Put a text channel's id into discord.channel in rundown.toml: with developer mode on, right-click it > Copy Channel ID."
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_u64()).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn permissions(answers: &Answers, place: Place, channel: &Value) -> Finding {
    let (Some(server), Some(member), Some(me)) = (answers.server.told(), answers.member.told(), answers.me.told())
    else {
        let missing = [&answers.member, &answers.me].into_iter().find(|answer| answer.told().is_none());
        let why = missing.map(Answer::why).unwrap_or_default();
        return Finding::wrong("permissions", format!("what the bot may do is not known: {why}"))
            .mend("Try again, and look at discordstatus.com.");
    };
    standing(server, member, me, channel, place).finding()
}

fn standing(server: &Value, member: &Value, me: &Value, channel: &Value, place: Place) -> Standing {
    let role = |role: &Value| Role {
        id: number(&role["id"]),
        name: one_line(role["name"].as_str().unwrap_or_default(), 60),
        permissions: number(&role["permissions"]),
        of_bot: role["tags"]["bot_id"] == me["id"],
    };
    let overwrite = |one: &Value| Overwrite {
        id: number(&one["id"]),
        member: one["type"] == 1,
        allow: number(&one["allow"]),
        deny: number(&one["deny"]),
    };
    Standing {
        server: place.server,
        bot: number(&me["id"]),
        roles: list(&server["roles"]).map(role).collect(),
        own: list(&member["roles"]).map(number).collect(),
        overwrites: list(&channel["permission_overwrites"]).map(overwrite).collect(),
        channel: match channel["name"].as_str() {
            Some(name) if channel["type"].as_u64() == Some(CATEGORY) => format!("the category {}", one_line(name, 60)),
            Some(name) => format!("#{}", one_line(name, 60)),
            None => "the server".to_owned(),
        },
    }
}

/// Whether incidents can have channels of their own: the category is one and has room, and the bot may make channels there.
fn own_channels(answers: &Answers, place: Place, category: u64) -> Finding {
    const CHECK: &str = "incident channels";
    let known = answers.channels.told().and_then(Value::as_array);
    let (Some(known), Some(server), Some(member), Some(me)) =
        (known, answers.server.told(), answers.member.told(), answers.me.told())
    else {
        let says = "whether the bot may make channels is not known: Discord did not say all that it takes";
        return Finding::wrong(CHECK, says).mend("Try again, and look at discordstatus.com.");
    };
    let id = category.to_string();
    let found = known.iter().find(|one| one["id"] == id.as_str() && one["type"].as_u64() == Some(CATEGORY));
    if category > 0 && found.is_none() {
        return Finding::wrong(CHECK, format!("there is no category {id} in that server"))
            .mend("Put a category's id into discord.category in rundown.toml: right-click it > Copy Category ID.");
    }
    let inside = known.iter().filter(|one| one["parent_id"] == id.as_str()).count();
    if known.len() >= IN_SERVER || (category > 0 && inside >= IN_CATEGORY) {
        let says =
            format!("there is no room for another channel: {} in the server, {inside} in the category", known.len());
        return Finding::wrong(CHECK, says)
            .mend("Delete channels of incidents that are closed; until then they have threads.");
    }
    standing(server, member, me, found.unwrap_or(&Value::Null), place).of_channels()
}

fn commands(answer: &Answer) -> Finding {
    const CHECK: &str = "commands";
    match (answer, answer.told().and_then(compare)) {
        (_, Some(Registered::Yes)) => Finding::good(CHECK, "Discord knows them"),
        (_, Some(Registered::None)) => Finding::note(CHECK, "Discord knows none yet; `rundown serve` tells it"),
        (_, Some(Registered::Others)) => {
            Finding::note(CHECK, "Discord knows those of another version; `rundown serve` tells it these")
        }
        (Answer::Refused(403, ..), _) => Finding::wrong(CHECK, "the bot may not have commands in that server")
            .mend("It was invited without applications.commands: open the link at the end once more."),
        (other, _) => Finding::warn(CHECK, format!("whether Discord knows them is not known: {}", other.why()))
            .mend("Try again; `rundown serve` tells Discord the commands when it starts."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::page;
    use super::super::permissions::wanted;
    use super::*;

    const PLACE: Place = Place { server: 1, channel: 7, own_channels: None, by_gateway: true };

    fn refused(status: u16, code: u64, words: &str) -> Answer {
        Answer::Refused(status, code, words.into())
    }

    /// Everything as it should be.
    fn well() -> Answers {
        let roles = json!([
            { "id": "1", "name": "@everyone", "permissions": "0" },
            { "id": "2", "name": "Rundown", "permissions": wanted().to_string(), "tags": { "bot_id": "9" } },
        ]);
        let channel = json!({ "id": "7", "type": 0, "name": "ops", "permission_overwrites": [] });
        Answers {
            application: Answer::Told(json!({ "id": "9", "name": "Rundown", "flags": 1 << 23 })),
            me: Answer::Told(json!({ "id": "9" })),
            gateway: Answer::Told(
                json!({ "session_start_limit": { "total": 1000, "remaining": 990, "reset_after": 50_000_000 } }),
            ),
            server: Answer::Told(json!({ "id": "1", "name": "Yard", "roles": roles })),
            channels: Answer::Told(json!([channel])),
            channel: Answer::Told(channel),
            member: Answer::Told(json!({ "roles": ["2"] })),
            commands: Answer::Told(json!([])),
        }
    }

    fn told(change: impl FnOnce(&mut Answers)) -> String {
        let mut answers = well();
        change(&mut answers);
        let (findings, invite) = judge(&answers, PLACE);
        let all: Vec<Finding> = findings.into_iter().chain(invite).collect();
        page(&all, Default::default(), 100)
    }

    #[test]
    fn a_bot_that_is_ready_and_one_that_discord_does_not_know() {
        let ready = told(|_| {});
        let unknown = told(|answers| answers.application = refused(401, 0, "401: Unauthorized"));
        let gone = told(|answers| answers.application = Answer::Nothing("no connection to discord.com".into()));
        insta::assert_snapshot!(format!("{ready}\n----\n{unknown}\n----\n{gone}"));
    }

    #[test]
    fn each_way_of_being_in_the_wrong_place_is_told_apart() {
        let outside = told(|answers| answers.server = refused(404, 10004, "Unknown Guild"));
        let none = told(|answers| {
            answers.channels = Answer::Told(json!([]));
            answers.channel = refused(404, 10003, "Unknown Channel");
        });
        let thread = told(|answers| {
            answers.channels = Answer::Told(json!([]));
            answers.channel = Answer::Told(json!({ "id": "7", "type": 11 }));
        });
        let voice = told(|answers| {
            answers.channels = Answer::Told(json!([{ "id": "7", "type": 2, "name": "lounge" }]));
        });
        let lines = |text: String, about: &str| {
            text.lines().skip_while(|line| !line.contains(about)).take(3).collect::<Vec<_>>().join("\n")
        };
        let told = [(outside, "discord server"), (none, CHANNEL), (thread, CHANNEL), (voice, CHANNEL)];
        insta::assert_snapshot!(told.map(|(text, about)| lines(text, about)).join("\n----\n"));
    }

    #[test]
    fn what_the_developer_portal_says_is_held_against_what_is_needed() {
        let text = told(|answers| {
            answers.application = Answer::Told(json!({
                "id": "9", "name": "Rundown", "flags": 1 << 19 | 1 << 15,
                "interactions_endpoint_url": "https://old.example/interactions",
            }));
            answers.gateway = Answer::Told(
                json!({ "session_start_limit": { "total": 1000, "remaining": 3, "reset_after": 3_600_001 } }),
            );
            answers.commands = refused(403, 50001, "Missing Access");
            answers.server = Answer::Told(json!({ "name": "Yard\u{1b}[31m", "roles": [] }));
        });
        insta::assert_snapshot!(text);
    }
}
