//! Pages: who is called, by which way, in which order, until somebody answers; and never twice for one call.

use super::place::{Place, count, has};
use super::response::people;
use super::served::Served;
use crate::world::discord::{How, Id, Person, State, permissions};
use crate::world::pagerduty::{PagerDuty, ROUTING_KEY};

/// Ana is on call first, Bo next; Eva is the last resort.
pub struct Duty {
    pub place: Place,
    pub bo: Person,
    pub eva: Person,
    pub pager: PagerDuty,
}

impl Duty {
    pub async fn new(first: &str, next: &str) -> Self {
        let place = Place::by_hand();
        let (bo, eva) = (place.discord.member("bo"), place.discord.member("eva"));
        people(&place.desk, &[("Ana", &place.ana, "commander"), ("Bo", &bo, "responder"), ("Eva", &eva, "responder")]);
        let always = |name: &str| {
            format!(
                "layers: [{{ name: Always, people: [{name}], rotate: weekly, handoff: mon 09:00, from: 2026-01-05 }}]"
            )
        };
        place.desk.add_page(
            "oncall.yaml",
            &format!(
                "zone: UTC\nschedules:\n  primary: {{ {} }}\n  secondary: {{ {} }}\npolicies:\n  default:\n    steps:\n      - \
                 {{ notify: [schedule: primary], escalate_after: {first} }}\n      - {{ notify: [schedule: secondary], \
                 escalate_after: {next} }}\n    repeat: 1\n    finally: [person: Eva]\npage: {{ P0: default, P1: default }}\n",
                always("Ana"),
                always("Bo")
            ),
        );
        Self { place, bo, eva, pager: PagerDuty::start().await }
    }

    async fn serve(&self) -> Served {
        self.serve_with("").await
    }

    /// Starts the server with more in its settings.
    pub async fn serve_with(&self, settings: &str) -> Served {
        let before = self.place.discord.look(|world| world.sessions.identified);
        let more = format!("{settings}[pagerduty]\nurl = \"{}\"\nrouting-key = {{ file = \"key\" }}\n", self.pager.url);
        std::fs::write(self.place.desk.path().join("key"), format!("{ROUTING_KEY}\n")).unwrap();
        let served = Served::spawn(&self.place.desk, &self.place.discord, self.place.ops, &more);
        self.place
            .discord
            .until("the bot is ready", |world| world.sessions.identified > before && world.sessions.is_connected())
            .await;
        self.place.discord.registered("incident").await;
        served
    }

    /// Declares an incident that pages; its thread.
    async fn declare(&self, title: &str) -> Id {
        let Place { discord, ana, ops, .. } = &self.place;
        ana.slash(*ops, "incident declare", &[("title", title), ("severity", "P1")]).reply().await;
        discord.find("its thread", |world| world.threads(*ops).last().map(|thread| thread.id)).await
    }

    /// How many calls of the page a person can see in a place.
    fn calls(&self, place: Id) -> usize {
        self.place.discord.look(|world| {
            world.bot_messages_in(place).iter().filter(|message| message.text().contains("· call ")).count()
        })
    }

    /// Who is mentioned by the messages of a place: what Discord would let the telephone ring for.
    fn rung(&self, place: Id) -> Vec<Id> {
        self.place.discord.look(|world| {
            let messages = world.bot_messages_in(place);
            let users = messages.iter().filter_map(|message| message.allowed_mentions["users"].as_array().cloned());
            users.flatten().filter_map(|id| id.as_str().and_then(|id| id.parse().ok())).collect()
        })
    }
}

#[tokio::test]
async fn silence_calls_the_next_one_and_an_answer_ends_it_everywhere() {
    let duty = Duty::new("2s", "5m").await;
    let Duty { place: Place { discord, ana, .. }, bo, pager, .. } = &duty;
    let _bot = duty.serve().await;
    let thread = duty.declare("Redis is down").await;

    // Ana, who is first, hears it in the thread and alone, and cannot.
    let alone = ana.sees(ana.direct(), "Redis is down").await;
    ana.sees(thread, "page-1 · call 1").await;
    pager.until("it rings", |alert| alert.status == "triggered" && alert.summary == "P1 Redis is down").await;
    // Nobody answered for two seconds: Bo.
    let called = bo.sees(bo.direct(), "nobody has answered yet").await;
    bo.sees(thread, "page-1 · call 2").await;
    assert_eq!(duty.rung(thread), [ana.id, bo.id], "each is mentioned once, and nobody else");

    bo.press(called, "I have it").acknowledged().await;
    discord.until("Ana's buttons are gone", |world| world.messages[&alone].buttons().is_empty()).await;
    discord.until("so are Bo's", |world| world.messages[&called].text().contains("Bo has it")).await;
    pager.until("it rings no more", |alert| alert.status == "acknowledged").await;
    let record = duty.place.recorded("inc-1", "Bo has it", |events| has(events, "page.acknowledged", ""));
    assert_eq!((count(&record, "page.called", ""), count(&record, "incident.acknowledged", "")), (2, 1));
    let said = duty.place.desk.rundown(&["page", "list"]).out;
    assert!(said.contains("Bo has it since"), "{said}");

    bo.slash(thread, "incident resolve", &[("why", "it is over")]).reply().await;
    pager.until("it is closed there, too", |alert| alert.status == "resolved").await;
    discord.until("the message says so", |world| world.messages[&called].text().contains("it is over")).await;
    assert_eq!(pager.alerts().len(), 1, "one alert, however many calls");
    assert_eq!(pager.findings(), Vec::<String>::new());
    for person in [ana, bo] {
        person.reads(thread);
        person.reads(person.direct());
    }
    discord.finished();
}

#[tokio::test]
async fn a_restart_in_the_middle_calls_nobody_twice_and_goes_on_up_the_ladder() {
    let duty = Duty::new("8s", "5m").await;
    let Duty { place: Place { discord, ana, .. }, bo, pager, .. } = &duty;
    let bot = duty.serve().await;
    let thread = duty.declare("Redis is down").await;
    ana.sees(ana.direct(), "Redis is down").await;
    // The answer to the second message is lost, and with it the process: nobody knows that Ana was called.
    bot.kill();
    let bot = duty.serve().await;
    pager.until("it rings", |alert| alert.status == "triggered").await;
    bo.sees(bo.direct(), "nobody has answered yet").await;
    assert_eq!((duty.calls(ana.direct()), duty.calls(bo.direct())), (1, 1));
    assert_eq!(duty.rung(thread), [ana.id, bo.id]);
    bot.kill();
    let _bot = duty.serve().await;
    // An early message answers as well as the last one, and after whatever happened to the process.
    let first = ana.sees(thread, "page-1 · call 1").await;
    ana.press(first, "I have it").acknowledged().await;
    discord.until("it is settled", |world| world.messages[&first].text().contains("Ana has it")).await;
    let (to_ana, to_bo) = (ana.direct(), bo.direct());
    for place in [to_ana, to_bo] {
        let settled = |world: &State| world.bot_messages_in(place).iter().all(|message| message.buttons().is_empty());
        discord.until("everybody who was called hears it", settled).await;
    }
    let record = duty.place.recorded("inc-1", "Ana has it", |events| has(events, "page.acknowledged", ""));
    assert_eq!(count(&record, "page.called", ""), 2);
    for person in [ana, bo] {
        person.reads(thread);
        person.reads(person.direct());
    }
    discord.finished();
}

#[tokio::test]
async fn without_discord_pagerduty_rings_and_discord_hears_of_the_last_call_when_it_is_back() {
    let duty = Duty::new("3s", "5m").await;
    let Duty { place: Place { discord, ana, .. }, bo, pager, .. } = &duty;
    let _bot = duty.serve().await;
    discord.fail("POST", "/channels/{channel_id}/messages", 5, How::Down { status: 503 });
    pager.refuse(&[429, 503]);
    duty.place.desk.rundown(&["incident", "declare", "Redis is down", "--severity", "P1"]).exits(0);
    pager.until("it rings at the third try", |alert| alert.status == "triggered").await;
    let called = bo.sees(bo.direct(), "page-1 · call 2").await;
    assert_eq!(duty.calls(ana.direct()), 0, "whoever was called before is not told of it now");
    let record = duty.place.recorded("inc-1", "it is said", |events| has(events, "page.undelivered", ""));
    let failed = |one: &&serde_json::Value| one["kind"] == "page.undelivered" && one["body"]["route"] == "discord";
    let first = record.iter().filter(failed).filter(|one| one["body"]["task"]["call"] == 1);
    assert_eq!(first.count(), 1, "the first failure of several is written down");
    bo.press(called, "Pass it on…");
    bo.submit_modal(&[("Why, or how it went", "on a train")]).await.acknowledged().await;
    let again = duty.place.recorded("inc-1", "Bo passed it on", |events| count(events, "page.called", "") == 3);
    assert!(again.iter().any(|one| one["kind"] == "page.passed_on" && one["body"]["why"] == "on a train"));
    ana.sees(ana.direct(), "page-1 · call 3").await;
    let thread = discord.look(|world| world.threads(duty.place.ops)[0].id);
    for person in [ana, bo] {
        person.reads(thread);
        person.reads(person.direct());
    }
    discord.finished();
}

#[tokio::test]
async fn a_drill_says_so_and_ends_with_its_answer() {
    let duty = Duty::new("5m", "5m").await;
    let Duty { place: Place { discord, ana, desk, .. }, eva, pager, .. } = &duty;
    ana.refuses_direct_messages();
    let _bot = duty.serve().await;
    let said = desk.rundown(&["--as", "eva", "oncall", "drill"]).exits(0);
    assert!(said.out.contains("page-1  drill: "), "{}", said.out);
    let called = ana.sees(duty.place.ops, "This is a drill").await;
    pager.until("it rings", |alert| alert.summary.starts_with("[drill]")).await;
    ana.press(called, "I have it").acknowledged().await;
    discord.until("it is over", |world| world.messages[&called].text().contains("Ana had it; it is over")).await;
    pager.until("there, too", |alert| alert.status == "resolved").await;
    // Too late is said to whoever is late, and to nobody else.
    let late = eva.slash(duty.place.ops, "page ack", &[("page", "page-1")]).reply().await;
    assert!(late.contains("Ana has it already"), "{late}");
    ana.reads(duty.place.ops);
    discord.finished();
}

#[tokio::test]
async fn where_the_channel_is_closed_to_the_bot_whoever_is_called_still_hears_it_alone() {
    let duty = Duty::new("5m", "5m").await;
    let Duty { place: Place { discord, ana, desk, ops, .. }, eva, .. } = &duty;
    let _bot = duty.serve().await;
    discord.deny_bot(*ops, permissions::SEND_MESSAGES);
    desk.rundown(&["--as", "eva", "oncall", "drill"]).exits(0);
    let called = ana.sees(ana.direct(), "This is a drill").await;
    ana.press(called, "I have it").acknowledged().await;
    discord.until("it is over", |world| world.messages[&called].text().contains("Ana had it; it is over")).await;
    let late = eva.slash(*ops, "page list", &[]).reply().await;
    assert!(late.contains("nobody is called"), "{late}");
    ana.reads(ana.direct());
    discord.finished();
}
