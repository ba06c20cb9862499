//! An alert of another system, from its body to the person who answers the page.

use serde_json::json;

use super::paging::Duty;
use super::place::{Place, count, has};
use crate::hooks::{HOOKS, address, alertmanager, notification, with_secrets};

#[tokio::test]
async fn a_critical_alert_is_an_incident_with_a_thread_and_a_page_and_its_runbook_is_at_hand() {
    let mut duty = Duty::new("5m", "5m").await;
    with_secrets(&mut duty.place.desk);
    let bot = duty.serve_with(HOOKS).await;
    let url = address(&bot).await;
    let Duty { place: Place { discord, ana, ops, desk, .. }, pager, .. } = &duty;
    let mut firing = notification(&[("redis", "firing")], "critical");
    firing["alerts"][0]["annotations"]["runbook_url"] = json!("https://wiki.example/runbooks/hand.md");
    assert_eq!(alertmanager(&url, &firing).await.0, 202);

    let thread = discord.find("its thread", |world| world.threads(*ops).last().map(|thread| thread.id)).await;
    ana.sees(thread, "redis is down").await;
    ana.sees(thread, "There is a runbook for this").await;
    let called = ana.sees(ana.direct(), "redis is down").await;
    pager.until("it rings", |alert| alert.status == "triggered" && alert.summary == "P1 redis is down").await;
    ana.press(called, "I have it").acknowledged().await;
    duty.place.recorded("inc-1", "Ana has it", |events| has(events, "incident.acknowledged", ""));

    // Another one of its group joins; it calls nobody anew.
    let both = notification(&[("redis", "firing"), ("queue", "firing")], "critical");
    assert_eq!(alertmanager(&url, &both).await.0, 202);
    ana.sees(thread, "🚨 also from Alertmanager: queue is down").await;
    let over = notification(&[("redis", "resolved"), ("queue", "resolved")], "critical");
    assert_eq!(alertmanager(&url, &over).await.0, 202);
    ana.sees(thread, "resolve the incident when you are sure").await;
    let record = duty.place.recorded("inc-1", "both ended", |events| count(events, "alert.resolved", "") == 2);
    assert_eq!((count(&record, "page.opened", ""), count(&record, "incident.resolved", "")), (1, 0));

    ana.slash(thread, "incident resolve", &[("why", "it was the cable")]).reply().await;
    pager.until("it is closed there, too", |alert| alert.status == "resolved").await;
    discord.until("the page's message says so", |world| world.messages[&called].text().contains("it is over")).await;
    let next = alertmanager(&url, &notification(&[("queue", "firing")], "warning")).await;
    assert_eq!(next.1["incidents"], json!(["inc-2"]));
    discord.until("it has a thread of its own", |world| world.threads(*ops).len() == 2).await;
    let second = discord.look(|world| world.threads(*ops)[1].id);
    ana.sees(second, "queue is down").await;
    desk.rundown(&["verify"]).exits(0);
    ana.reads(thread);
    ana.reads(second);
    ana.reads(ana.direct());
    discord.finished();
}
