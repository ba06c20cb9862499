//! `rundown doctor` with the real binary, against what it examines.

#![allow(clippy::disallowed_methods, reason = "what is examined is outside the program and lives in real time")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use serde_json::Value;

use crate::rundown::{Desk, Said};
use crate::world::discord::{Config, Discord, Id, permissions};
use crate::world::railway::{ENVIRONMENT, PROJECT, PROJECT_TOKEN, Service, WORKSPACE_TOKEN};
use crate::world::{self, World};

const PAGE: &str = "---\nid: tidy\ntitle: Tidy up\n---\n# Tidy up\n\n## Tidy\n\n### Look\n```yaml rundown\nid: look\nexec: { argv: [\"true\"] }\n```\n\n## Success criteria\n- [ ] It was looked at: `steps.look.ok`\n";
const TARGETS: &str = "programs: { 'true': {} }\nenvironments:\n  production: { zone: UTC }\n";

/// A desk whose runbook and targets are in order.
fn desk() -> Desk {
    Desk::with_pages(&[("tidy.md", PAGE), ("targets.yaml", TARGETS)])
}

/// What was found of one thing.
#[track_caller]
fn found(said: &Said, check: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = said.events();
    let of: Vec<_> = all.iter().filter(|finding| finding["check"] == check).collect();
    assert!(!of.is_empty(), "nothing was found of {check}:\n{}\n{}", said.out, said.err);
    of.iter()
        .map(|finding| {
            let wants_mending = matches!(finding["mark"].as_str(), Some("warn" | "wrong"));
            assert!(!wants_mending || finding["mend"][0].is_string(), "how is this mended? {finding}");
            let mend = finding["mend"].as_array().into_iter().flatten().map(text);
            (text(&finding["mark"]), [text(&finding["says"])].into_iter().chain(mend).collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// The only finding of one thing, which must have this mark and say this.
#[track_caller]
fn finds(said: &Said, check: &str, mark: &str, says: &str) {
    let of = found(said, check);
    assert!(of.len() == 1 && of[0].0 == mark && of[0].1.contains(says), "{check}: {of:#?}");
}

/// Settings for the look-alike, with a person who is known there.
fn in_discord(desk: &mut Desk, discord: &Discord, channel: Id, token: &str) {
    settings(desk, discord, discord.guild(), channel);
    desk.set("DISCORD_TOKEN", token);
    let ana = discord.member("ana");
    desk.add_page("people.yaml", &format!("people:\n  Ana: {{ discord: \"{}\", role: commander }}\n", ana.id));
}

fn settings(desk: &Desk, discord: &Discord, server: Id, channel: Id) {
    let text = format!(
        "drain = \"10s\"\n[discord]\nserver = \"{server}\"\nchannel = \"{channel}\"\napi = \"{}\"\n",
        discord.url()
    );
    std::fs::write(desk.path().join("rundown.toml"), text).expect("settings");
}

#[test]
fn all_is_well_in_discord_and_the_commands_are_known_once_the_server_ran() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    discord.allow_bot(ops, permissions::MANAGE_THREADS);
    let mut desk = desk();
    in_discord(&mut desk, &discord, ops, &discord.token());
    let said = desk.rundown(&["doctor", "--json"]).exits(0);
    for check in ["settings", "people", "runbooks", "discord server", "discord channel", "permissions", "clock"] {
        assert_eq!(found(&said, check)[0].0, "good", "{}", said.out);
    }
    finds(&said, "commands", "note", "`rundown serve` tells it");
    finds(&said, "drain time", "good", "waits 10");
    finds(&said, "invite", "note", &format!("client_id={}", discord.look(|world| world.application)));
    assert!(discord.look(|world| world.requests.iter().all(|asked| asked.method == "GET")), "a doctor only looks");
    discord.finished();
}

#[tokio::test]
async fn the_commands_that_the_server_registered_are_the_ones_the_doctor_expects() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let mut desk = desk();
    in_discord(&mut desk, &discord, ops, &discord.token());
    let bot = crate::discord::served::Served::start(&desk, &discord, ops).await;
    finds(&desk.rundown(&["doctor", "--json"]), "commands", "good", "Discord knows them");
    drop(bot);
    discord.finished();
}

#[test]
fn a_wrong_token_is_told_with_the_way_to_a_new_one() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let mut desk = desk();
    in_discord(&mut desk, &discord, ops, "MTA5.wrong.b3J3");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "discord token", "wrong", "Reset Token");
    assert!(!said.out.contains("MTA5.wrong"), "a token is never shown");
    let account = discord.account();
    assert!(account.iter().all(|line| line.starts_with("nobody asked for the gateway")), "{account:?}");
}

#[test]
fn a_bot_in_another_server_and_a_channel_that_is_gone_are_told_apart() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let mut desk = desk();
    in_discord(&mut desk, &discord, ops, &discord.token());
    settings(&desk, &discord, ops, ops);
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "discord server", "wrong", "Invite it with the link at the end");
    discord.delete_channel(ops);
    settings(&desk, &discord, discord.guild(), ops);
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "discord channel", "wrong", "there is no channel");
    let there = discord.another_guild("elsewhere");
    settings(&desk, &discord, there, discord.channel("lobby"));
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "discord channel", "wrong", "is in another server");
    discord.finished();
}

#[test]
fn each_permission_that_is_denied_is_named_by_itself() {
    let discord = Discord::start(Config::default());
    let mut desk = desk();
    let first = discord.channel("first");
    in_discord(&mut desk, &discord, first, &discord.token());
    let all = [
        (permissions::VIEW_CHANNEL, "VIEW_CHANNEL"),
        (permissions::SEND_MESSAGES, "SEND_MESSAGES"),
        (permissions::SEND_MESSAGES_IN_THREADS, "SEND_MESSAGES_IN_THREADS"),
        (permissions::CREATE_PUBLIC_THREADS, "CREATE_PUBLIC_THREADS"),
        (permissions::EMBED_LINKS, "EMBED_LINKS"),
        (permissions::ATTACH_FILES, "ATTACH_FILES"),
        (permissions::READ_MESSAGE_HISTORY, "READ_MESSAGE_HISTORY"),
        (permissions::ADD_REACTIONS, "ADD_REACTIONS"),
    ];
    for (bit, name) in all {
        let channel = discord.channel(&format!("without-{}", name.to_lowercase()));
        discord.allow_bot(channel, permissions::MANAGE_THREADS);
        discord.deny_bot(channel, bit);
        settings(&desk, &discord, discord.guild(), channel);
        let said = desk.rundown(&["doctor", "--json"]).exits(1);
        let [(mark, text)] = &found(&said, "permissions")[..] else { panic!("{}", said.out) };
        assert_eq!(mark, "wrong");
        assert!(text.lines().next().is_some_and(|line| line.ends_with(&format!("the bot lacks {name}"))), "{text}");
        assert!(text.contains("#without-") && text.contains("denies the bot itself; take that away"), "{text}");
    }
    settings(&desk, &discord, discord.guild(), first);
    let said = desk.rundown(&["doctor", "--json"]).exits(0);
    finds(&said, "permissions", "warn", "lacks MANAGE_THREADS");
    discord.finished();
}

#[test]
fn channels_of_incidents_take_a_category_with_room_and_the_permission_there() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    discord.allow_bot(ops, permissions::MANAGE_THREADS);
    let mut desk = desk();
    in_discord(&mut desk, &discord, ops, &discord.token());
    let file = desk.path().join("rundown.toml");
    let plain = std::fs::read_to_string(&file).expect("settings");
    let examined = |category: Option<Id>| {
        let category = category.map_or(String::new(), |id| format!("category = \"{id}\"\n"));
        std::fs::write(&file, format!("{plain}place = \"channel\"\n{category}")).expect("settings");
        desk.rundown(&["doctor", "--json"])
    };
    finds(&examined(None).exits(1), "incident channels", "wrong", "in the server the bot lacks MANAGE_CHANNELS");
    finds(&examined(Some(ops)).exits(1), "incident channels", "wrong", "there is no category");
    let full = discord.category("full", 50);
    finds(&examined(Some(full)).exits(1), "incident channels", "wrong", "no room for another channel");
    let category = discord.category("incidents", 3);
    finds(
        &examined(Some(category)).exits(1),
        "incident channels",
        "wrong",
        "the category incidents the bot lacks MANAGE_CHANNELS",
    );
    discord.allow_bot(category, permissions::MANAGE_CHANNELS);
    let said = examined(Some(category)).exits(0);
    finds(&said, "incident channels", "good", "everything it needs in the category incidents");
    finds(&said, "invite", "note", "permissions=326417632336");
    std::fs::write(&file, format!("{plain}category = \"{category}\"\n")).expect("settings");
    finds(&desk.rundown(&["doctor", "--json"]).exits(1), "settings", "wrong", "does nothing without place");
    discord.finished();
}

#[test]
fn who_is_known_nowhere_in_discord_can_do_nothing_there() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let mut desk = desk();
    in_discord(&mut desk, &discord, ops, &discord.token());
    desk.add_page("people.yaml", "people:\n  Ana: { terminal: ana, role: commander }\n");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "people", "wrong", "nobody is known in Discord");
    discord.finished();
}

/// The stock runbooks with a world around them.
fn beside(world: &World) -> Desk {
    let mut desk = Desk::new();
    world.env().into_iter().for_each(|(name, value)| desk.set(name, value));
    desk
}

#[test]
fn railways_tokens_are_told_apart_and_held_against_what_they_are_for() {
    let world = World::start(world::Config::default());
    let mut desk = beside(&world);
    let said = desk.rundown(&["doctor", "--json"]).exits(0);
    finds(&said, "railway token", "good", "it is an account's");
    finds(&said, "railway scope", "good", "it sees backend, redis");
    finds(&said, "targets", "good", "backend, redis answer");
    finds(&said, "variables", "good", "production");

    desk.set("RAILWAY_TOKEN", WORKSPACE_TOKEN);
    finds(&desk.rundown(&["doctor", "--json"]).exits(0), "railway token", "good", "it is a workspace's");
    desk.set("RAILWAY_TOKEN", PROJECT_TOKEN);
    finds(&desk.rundown(&["doctor", "--json"]).exits(1), "railway token", "wrong", "Add `project_token: true`");
    desk.set("RAILWAY_TOKEN", "revoked");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "railway token", "wrong", "does not accept the token in the variable RAILWAY_TOKEN");
    assert!(!said.out.contains("revoked"), "a token is never shown");

    desk.set("RAILWAY_TOKEN", WORKSPACE_TOKEN);
    desk.set("RAILWAY_REDIS_SERVICE_ID", "another");
    finds(&desk.rundown(&["doctor", "--json"]).exits(0), "railway scope", "warn", "no deployment of redis");

    desk.set("RAILWAY_TOKEN", PROJECT_TOKEN);
    for (environment, mark, says) in
        [(ENVIRONMENT, "good", "it sees redis"), ("another", "wrong", "is for another project or environment")]
    {
        let targets = format!(
            "secrets:\n  railway: {{ env: RAILWAY_TOKEN }}\nenvironments:\n  production:\n    zone: UTC\n    targets:\n      \
             redis:\n        railway: {{ project: {PROJECT}, environment: {environment}, service: {}, token: railway, \
             project_token: true }}\n",
            Service::Redis.id()
        );
        let folder = desk.path().join(environment);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("targets.yaml"), targets).expect("targets");
        let said = desk.rundown(&["doctor", "--json", "--runbooks", &folder.to_string_lossy()]);
        finds(&said, "railway token", "good", "it is a project's");
        finds(&said, "railway scope", mark, says);
    }
    assert_eq!(world.railway().changes(), [], "a doctor only looks");
}

#[test]
fn a_target_that_nobody_listens_at_is_named_and_the_others_answer() {
    let listens = Answering::start();
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let targets = format!(
        "secrets:\n  cache: {{ env: CACHE_URL }}\nenvironments:\n  production:\n    zone: UTC\n    targets:\n      api: \
         {{ url: \"{}\" }}\n      web: {{ url: \"http://{dead}\" }}\n      cache: {{ redis: cache }}\n",
        listens.url()
    );
    let desk = Desk::with_pages(&[("targets.yaml", &targets)]);
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    let of = found(&said, "targets");
    assert_eq!(of[0], ("good".into(), "api answers".into()));
    assert!(of.len() == 2 && of[1].1.starts_with("web does not answer"), "{of:?}");
    finds(&said, "variables", "warn", "CACHE_URL (the secret cache)");
}

#[test]
fn a_clock_that_is_off_and_a_heartbeat_that_is_called_once() {
    let listens = Answering::start();
    let targets = format!(
        "environments:\n  production:\n    zone: UTC\n    targets:\n      api: {{ url: \"{}\" }}\n",
        listens.url()
    );
    let mut desk = Desk::with_pages(&[("tidy.md", PAGE), ("targets.yaml", &(targets + "programs: { 'true': {} }\n"))]);
    let beat = Answering::start();
    desk.set("BEAT", format!("{}/k3y", beat.url()));
    std::fs::write(desk.path().join("rundown.toml"), "[heartbeat]\nurl = { env = \"BEAT\" }\n").expect("settings");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "clock", "wrong", "ahead of that of 1 server");
    finds(&said, "heartbeat", "good", "it was called once");
    assert_eq!(beat.asked.load(Ordering::SeqCst), 1);
    assert!(!said.out.contains("k3y"), "the address may hold a key");
}

#[test]
fn settings_that_cannot_be_read_are_a_finding_and_the_rest_is_examined() {
    let desk = desk();
    std::fs::write(desk.path().join("rundown.toml"), "[discord]\nservr = 1\n").expect("settings");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "settings", "wrong", "rundown.toml, line 2");
    finds(&said, "discord", "note", "the settings cannot be read");
    finds(&said, "runbooks", "good", "1 runbook checked");
    finds(&said, "journal", "good", "it can be made");
    assert!(!desk.journal().exists(), "a doctor makes nothing");
    let left: Vec<_> =
        std::fs::read_dir(desk.path()).expect("the folder").flatten().map(|one| one.file_name()).collect();
    assert_eq!(left.len(), 2, "it leaves nothing behind: {left:?}");

    let said = desk.rundown(&["doctor", "--json", "--journal", "rundown.toml/journal.db"]).exits(1);
    finds(&said, "journal", "wrong", "nothing can be written beside the journal");
}

#[test]
fn a_journal_that_cannot_be_written_or_was_changed_is_told_in_time() {
    let desk = desk();
    desk.rundown(&["incident", "declare", "The disk is full"]).exits(0);
    let anchor = || desk.rundown(&["verify"]).exits(0).out;
    let before = anchor();
    let said = desk.rundown(&["doctor", "--json"]).exits(0);
    finds(&said, "journal", "good", "can be written");
    finds(&said, "last events", "good", "as they were written");
    assert_eq!(anchor(), before, "nothing was recorded");

    // What opening for writing answers on a read-only file system; SQLite then opens for reading.
    let said = failing(&desk, &["-P", &desk.journal().to_string_lossy()], "openat,open:error=EROFS:when=1").exits(1);
    finds(&said, "journal", "wrong", "do not lie on a read-only file system");
    let said = failing(&desk, &[], "fsync:error=ENOSPC").exits(1);
    finds(&said, "journal", "wrong", "no room left");

    let journal = Connection::open(desk.journal()).expect("the file");
    journal.execute("update event set kind = 'incident.invented' where pos = 1", []).expect("changed");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "last events", "wrong", "#1");
    journal.pragma_update(None, "user_version", 99).expect("changed");
    drop(journal);
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "journal", "wrong", "was written by a newer rundown");
    std::fs::write(desk.journal(), "shopping list: milk, bread, and a great many other things that are no journal")
        .expect("written");
    let said = desk.rundown(&["doctor", "--json"]).exits(1);
    finds(&said, "journal", "wrong", "is not a journal");
}

/// A doctor whose system calls fail as `inject` says (strace's syntax).
fn failing(desk: &Desk, only: &[&str], inject: &str) -> Said {
    let plain = desk.command(&["doctor", "--json"]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null"]).args(only).args(["-e", &format!("inject={inject}")]);
    traced.arg(plain.get_program()).args(plain.get_args()).env_clear().current_dir(desk.path());
    traced.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = traced.output().expect("strace is installed (script/bootstrap does it)");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Something that answers everything, with a clock that stands still in March 2024.
struct Answering {
    at: std::net::SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Answering {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (at, asked) = (listener.local_addr().expect("its address"), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let answer = "HTTP/1.1 200 OK\r\nDate: Fri, 01 Mar 2024 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { at, asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.at)
    }
}

#[test]
fn a_hook_without_its_secret_is_told_before_the_server_does_not_start() {
    let mut desk = desk();
    let hooks =
        "[hooks]\nlisten = \"127.0.0.1:8080\"\n[hooks.alertmanager]\nbearer = { env = \"ALERTMANAGER_BEARER\" }\n";
    std::fs::write(desk.path().join("rundown.toml"), hooks).unwrap();
    let said = desk.rundown(&["doctor", "--json"]);
    finds(&said, "settings", "wrong", "hooks.alertmanager.bearer has no value");
    desk.set("ALERTMANAGER_BEARER", "s3cret-value");
    let said = desk.rundown(&["doctor", "--json"]);
    finds(&said, "settings", "good", "every secret that it names has a value");
    assert!(!said.out.contains("s3cret"));
    std::fs::write(desk.path().join("rundown.toml"), hooks.replace("127.0.0.1", "localhost")).unwrap();
    finds(&desk.rundown(&["doctor", "--json"]), "settings", "wrong", "hooks.listen is no address to listen at");
}
