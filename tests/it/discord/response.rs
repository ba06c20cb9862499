//! People respond to incidents through Discord, with the real bot in a process of its own.

use super::served::Served;
use crate::rundown::Desk;
use crate::world::discord::{Config, Discord, Id, Person};

const PAGE: &str = r#"---
id: tidy
title: Tidy up
severity: P2
use_when: ["disk is full"]
---
# Tidy up

## Tidy

### Look
```yaml rundown
id: look
exec: { argv: ["true"] }
approval: { quorum: 1, within: 10m }
```

### Throw the old logs away
Everything older than a week; ask the shift lead first.

### What now?
```yaml rundown
id: verdict
decide:
  cases:
    - { id: keep, label: "Keep it", when: "steps.look.ok", go: next }
    - { id: deeper, label: "Look deeper", go: stop }
```

## Success criteria
- [ ] It was looked at: `steps.look.ok`
"#;

const TARGETS: &str = "programs: { 'true': {} }\nenvironments:\n  production: { zone: UTC }\n";

/// A desk with one small runbook.
pub fn desk() -> Desk {
    Desk::with_pages(&[("tidy.md", PAGE), ("targets.yaml", TARGETS)])
}

/// Names people by their accounts in Discord, each with a role.
pub fn people(desk: &Desk, people: &[(&str, &Person, &str)]) {
    let entry = |(name, person, role): &(&str, &Person, &str)| {
        format!("  {name}: {{ discord: \"{}\", role: {role} }}\n", person.id)
    };
    desk.add_page("people.yaml", &format!("people:\n{}", people.iter().map(entry).collect::<String>()));
}

/// The thread of the incident whose title starts like this.
pub fn thread(discord: &Discord, name: &str) -> Id {
    discord.look(|world| {
        let found = world.channels.values().find(|one| one.is_thread() && one.name.contains(name));
        found.unwrap_or_else(|| panic!("no thread is called {name}")).id
    })
}

#[tokio::test]
async fn an_incident_is_declared_worked_on_and_resolved_from_a_telephone() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let (ana, bo) = (discord.member("ana"), discord.member("bo"));
    let desk = desk();
    people(&desk, &[("Ana", &ana, "commander"), ("Bo", &bo, "responder")]);
    let bot = Served::start(&desk, &discord, ops).await;

    ana.slash(ops, "incident declare", &[("title", "The disk is full, says the backend"), ("severity", "P1")]);
    let reply = ana.sees_reply().await;
    assert!(reply.contains("inc-1"), "{reply}");
    let offer = {
        discord
            .until("the thread is there", |world| world.channels.values().any(|one| one.name.contains("disk is full")))
            .await;
        let thread = thread(&discord, "disk is full");
        ana.sees(thread, "There is a runbook for this").await
    };
    let thread = thread(&discord, "disk is full");
    let card = ana.sees(thread, "nobody has taken it on yet").await;
    bo.press(card, "I'm on it").acknowledged().await;
    ana.sees(thread, "Bo is on it").await;

    let again = ana.press(offer, "Run: Tidy up").message().await;
    ana.press(again, "Run: Tidy up").acknowledged().await;
    let asked = ana.sees(thread, "waits for the approval").await;
    let sure = bo.press(asked, "Approve").message().await;
    bo.press(sure, "Approve").acknowledged().await;

    let asked = ana.sees(thread, "is to be done by hand").await;
    ana.press(asked, "Done").acknowledged().await;
    let asked = ana.sees(thread, "waits for a decision").await;
    ana.press(asked, "Look deeper").acknowledged().await;
    ana.sees(thread, "run-1 stopped").await;

    let said = ana.says(thread, "@Rundown the old logs are gone");
    discord.until("the note is marked as taken", |world| world.messages[&said].reactions == ["📝"]).await;
    discord
        .until("the note is in the record", |_| {
            desk.rundown(&["timeline", "inc-1"]).out.contains("the old logs are gone")
        })
        .await;
    // Outside a thread nobody is left to believe that it was written down.
    ana.says(ops, "@Rundown the old logs are back");
    ana.sees(ops, "in an incident's thread").await;

    // The whole record as one file, which a terminal can check.
    let exported = ana.slash(thread, "postmortem export", &[]).message().await;
    let file = discord.look(|world| world.messages[&exported].attachments()[0].clone());
    assert_eq!(file.name, "inc-1.tar");
    tar::Archive::new(file.bytes.as_slice()).unpack(desk.path()).expect("an archive");
    desk.rundown(&["verify", "inc-1"]).exits(0);
    ana.slash(thread, "now", &[]);
    assert!(ana.sees_reply().await.contains("The disk is full"));
    bo.slash(ops, "can-i", &[("what", "incident resolve")]);
    let said = bo.sees_reply().await;
    assert!(said.contains("commander"), "{said}");
    ana.reads(thread);
    assert_eq!(bot.leaves(), Some(0));
    discord.finished();
}

const CHECKED: &str = r#"---
id: checked
title: Throw old logs away
---
# Throw old logs away

## Go

### Look at the disk
```yaml rundown
id: look
exec: { argv: ["true"] }
```

### Throw them away
```yaml rundown
id: throw
when: steps.look.ok
exec: { argv: [sleep, "0"] }
approval: { quorum: 2, within: 10m }
```

### Tell the lead
By telephone.

### Look at the disk again
```yaml rundown
id: look_again
exec: { argv: ["true"] }
```
"#;

#[tokio::test]
async fn an_approval_says_who_agreed_and_what_was_seen_before_and_after_also_across_a_restart() {
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let (ana, bo) = (discord.member("ana"), discord.member("bo"));
    let desk = desk();
    desk.add_page("checked.md", CHECKED);
    desk.add_page("targets.yaml", &TARGETS.replace("'true': {}", "'true': {}, sleep: {}"));
    people(&desk, &[("Ana", &ana, "commander"), ("Bo", &bo, "responder")]);
    let bot = Served::start(&desk, &discord, ops).await;
    ana.slash(ops, "incident declare", &[("title", "The disk is full")]).reply().await;
    let thread = thread(&discord, "inc-1");
    ana.slash(thread, "runbook run", &[("runbook", "checked")]).reply().await;

    let asked = ana.sees(thread, "waits for the approval of 2 persons").await;
    let says = async |text: &str| {
        let what = format!("the message that asked says: {text}");
        discord.until(&what, |world| world.messages[&asked].text().contains(text)).await;
    };
    says("before: Look at the disk · done").await;
    for (person, agreed) in [(&ana, "agreed: Ana (1 of 2)"), (&bo, "approved by Ana, Bo")] {
        let sure = person.press(asked, "Approve").message().await;
        person.press(sure, "Approve").acknowledged().await;
        says(agreed).await;
    }
    says("after: Throw them away · done").await;

    let by_hand = ana.sees(thread, "is to be done by hand").await;
    bot.kill();
    let bot = Served::start(&desk, &discord, ops).await;
    ana.press(by_hand, "Done").acknowledged().await;
    says("after: Look at the disk again · done").await;
    let left = discord.look(|world| world.messages[&asked].text());
    assert!(left.contains("before: Look at the disk · done"), "{left}");
    ana.sees(thread, "run-1 succeeded").await;
    bo.reads(thread);
    assert_eq!(bot.leaves(), Some(0));
    discord.finished();
}
