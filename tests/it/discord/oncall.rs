//! Who is on call, asked and changed in Discord; a request for cover is taken by pressing.

use super::place::Place;
use super::response::people;

const ONCALL: &str = "zone: America/Santiago
schedules:
  primary:
    layers:
      - { people: [Ana], rotate: weekly, handoff: mon 09:00, from: 2026-01-05 }
";

#[tokio::test]
async fn a_request_for_cover_is_taken_by_pressing_and_the_first_one_has_it() {
    let place = Place::new(&[("look", &[("Look", "By hand.")])]);
    place.desk.add_page("oncall.yaml", ONCALL);
    let Place { discord, ana, ops: channel, .. } = &place;
    let (bo, cy, vic) = (discord.member("bo"), discord.member("cy"), discord.member("vic"));
    let team = [("Ana", ana, "responder"), ("Bo", &bo, "responder"), ("Cy", &cy, "responder"), ("Vic", &vic, "viewer")];
    people(&place.desk, &team);
    let _bot = place.serve().await;

    let told = vic.slash(*channel, "oncall who", &[]).reply().await;
    assert_eq!(told, "primary: **Ana**", "nobody comes after the only one");
    let typed = ana.autocomplete(*channel, "oncall cover", &[("schedule", "pri")]).await;
    assert_eq!(typed, [("primary".to_owned(), "primary".to_owned())]);
    let wanted = [("schedule", "primary"), ("until", "in 4h"), ("why", "a *wedding*")];
    let asked = ana.slash(*channel, "oncall cover", &wanted).message().await;
    let request = bo.sees(*channel, "asks for cover on primary from <t:").await;
    assert_eq!(asked, request);
    assert!(discord.look(|world| world.messages[&asked].text().contains("a \\*wedding\\*")));

    let typed = bo.autocomplete(*channel, "oncall take", &[("id", "")]).await;
    assert_eq!(typed, [("cov-1 · Ana asks for cover on primary".to_owned(), "cov-1".to_owned())]);

    // Whoever may not, and whoever asked, is told so, and nobody else has to read it.
    vic.press(asked, "I take it").acknowledged().await;
    vic.sees(*channel, "Vic is a viewer").await;
    ana.press(asked, "I take it").acknowledged().await;
    ana.sees(*channel, "Ana asked for that cover, and another person has to take it").await;
    let (first, second) = (bo.press(asked, "I take it"), cy.press(asked, "I take it"));
    first.acknowledged().await;
    second.acknowledged().await;
    discord.until("its button is gone", |world| world.messages[&asked].buttons().is_empty()).await;
    let winner =
        if discord.look(|world| world.messages[&asked].text().contains("**Bo** takes it")) { "Bo" } else { "Cy" };
    let late = if winner == "Bo" { &cy } else { &bo };
    late.sees(*channel, &format!("{winner} took that already")).await;
    let told = vic.slash(*channel, "oncall who", &[("schedule", "primary")]).reply().await;
    assert!(told.starts_with(&format!("primary: **{winner}** until <t:")), "{told}");
    assert!(told.ends_with("then Ana (cov-1)"), "{told}");
    let told = ana.slash(*channel, "oncall remove", &[("id", "cov-1")]).reply().await;
    assert!(told.contains("the rotation holds again") && told.contains("now primary: **Ana**"), "{told}");
    for person in [ana, &bo, &cy, &vic] {
        person.reads(*channel);
    }
    discord.finished();
}
