//! Where the stories of trouble play: a few runbooks, an incident with its thread, the record as another process reads it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::served::Served;
use crate::rundown::Desk;
use crate::world::discord::{Config, Discord, Id, Person};

const TARGETS: &str = "programs: { 'true': {}, sleep: {} }\nenvironments:\n  production: { zone: UTC }\n";
const CRITERIA: &str = "\n## Success criteria\n- [ ] It is over: `steps.act.ok`\n";

/// A page whose steps are these blocks and prose, by heading.
pub fn page(id: &str, steps: &[(&str, &str)]) -> String {
    let steps: String = steps.iter().map(|(title, text)| format!("### {title}\n{text}\n\n")).collect();
    format!("---\nid: {id}\ntitle: The {id} runbook\n---\n# The {id} runbook\n\n## Go\n\n{steps}\n")
}

/// A step's block.
pub fn block(text: &str) -> String {
    format!("```yaml rundown\n{text}\n```")
}

/// A Discord with one channel, somebody in it, and a desk with pages.
pub struct Place {
    pub discord: Discord,
    pub ops: Id,
    pub ana: Person,
    pub desk: Desk,
}

impl Place {
    /// With these runbooks, by id.
    pub fn new(pages: &[(&str, &[(&str, &str)])]) -> Self {
        let discord = Discord::start(Config::default());
        let ops = discord.channel("ops");
        let ana = discord.member("ana");
        let desk = Desk::with_pages(&[("targets.yaml", TARGETS)]);
        let account = ana.id;
        desk.add_page(
            "people.yaml",
            &format!("people:\n  Ana: {{ discord: \"{account}\", terminal: ana, role: commander }}\n"),
        );
        for (id, steps) in pages {
            desk.add_page(&format!("{id}.md"), &page(id, steps));
        }
        Self { discord, ops, ana, desk }
    }

    /// One runbook that asks for work by hand, twice.
    pub fn by_hand() -> Self {
        Self::new(&[("hand", &[("Look at it", "With your own eyes."), ("Look again", "It may have changed.")])])
    }

    pub async fn serve(&self) -> Served {
        Served::start(&self.desk, &self.discord, self.ops).await
    }

    /// Declares an incident in the channel; its thread and its card.
    pub async fn declare(&self, title: &str) -> (Id, Id) {
        let before = self.discord.look(|world| world.threads(self.ops).len());
        self.ana.slash(self.ops, "incident declare", &[("title", title)]);
        let reply = self.ana.sees_reply().await;
        assert!(reply.contains("inc-"), "{reply}");
        let thread =
            self.discord.find("its thread", |world| world.threads(self.ops).get(before).map(|thread| thread.id)).await;
        (thread, self.ana.sees(thread, "nobody has taken it on yet").await)
    }

    /// Starts a runbook on an incident, from the thread.
    pub async fn run(&self, thread: Id, runbook: &str) {
        let used = self.ana.slash(thread, "runbook run", &[("runbook", runbook)]);
        used.reply().await;
    }

    /// Waits until the record of an incident, as another process reads it, says so.
    pub fn recorded(&self, incident: &str, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        recorded(&self.desk, incident, what, is_so)
    }

    /// How many messages in a channel say this.
    pub fn times(&self, channel: Id, text: &str) -> usize {
        self.ana.reads(channel).iter().filter(|message| message.contains(text)).count()
    }
}

/// Waits until the record of an incident says so. Asking again takes a process each time: that is pause enough.
pub fn recorded(desk: &Desk, incident: &str, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let said = desk.rundown(&["timeline", incident, "--json"]);
        let events = if said.code == 0 { said.events() } else { Vec::new() };
        if is_so(&events) {
            return events;
        }
        assert!(Instant::now() < deadline, "in vain: {what}\n{}\n{}", said.out, said.err);
    }
}

/// Whether there is an event of a kind about a step.
pub fn has(events: &[Value], kind: &str, step: &str) -> bool {
    count(events, kind, step) > 0
}

/// How many events of a kind there are about a step; about any, where it is empty.
pub fn count(events: &[Value], kind: &str, step: &str) -> usize {
    events.iter().filter(|one| one["kind"] == kind && (step.is_empty() || one["body"]["step"] == step)).count()
}

/// The same runbook text with a criterion about its step `act`.
pub fn with_criteria(page: &str) -> String {
    format!("{page}{CRITERIA}")
}
