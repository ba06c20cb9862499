//! More of everything than fits into one message: a hundred steps, dozens of runbooks, pages of prose.

use std::fmt::Write as _;

use super::response::{people, thread};
use super::served::Served;
use crate::rundown::Desk;
use crate::world::discord::{Config, Discord};

const TARGETS: &str = "programs: { 'true': {} }\nenvironments:\n  production: { zone: UTC }\n";

/// Ninety-nine programs and, in the middle, something that is done by hand with four thousand characters of prose.
fn hundred_steps() -> String {
    let mut page = "---\nid: shards\ntitle: Move every shard\n---\n# Move every shard\n\n## Move\n".to_owned();
    for number in 1..=100 {
        let done = if number == 60 {
            (1..=50).fold(String::new(), |mut prose, line| {
                writeln!(prose, "{line}. Read out every number on board {line} of the hall, and wait for a nod.\n")
                    .unwrap();
                prose
            })
        } else {
            "```yaml rundown\nexec: { argv: [\"true\"] }\n```\n".to_owned()
        };
        writeln!(page, "\n### Move shard {number} to the new cluster\n{done}").unwrap();
    }
    page + "\n## Success criteria\n- [ ] All of them are there\n"
}

#[tokio::test]
async fn a_hundred_steps_and_dozens_of_runbooks_stay_readable() {
    let hundred = hundred_steps();
    let mut pages = vec![("targets.yaml".to_owned(), TARGETS.to_owned()), ("shards.md".to_owned(), hundred)];
    for number in 1..=30 {
        let title = format!("What to do when queue {number} stands still and nobody takes anything out of it");
        let page = format!(
            "---\nid: queue-{number}\ntitle: {title}\n---\n# {title}\n\n## Look\n\n### Look at it\nLook.\n\n## Success criteria\n- [ ] It moves\n"
        );
        pages.push((format!("queue-{number}.md"), page));
    }
    let pages: Vec<(&str, &str)> = pages.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let desk = Desk::with_pages(&pages);
    desk.rundown(&["check"]).exits(0);
    let discord = Discord::start(Config::default());
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    people(&desk, &[("Ana", &ana, "commander")]);
    let bot = Served::start(&desk, &discord, ops).await;

    // Twenty-five are suggested; typing finds the others.
    let suggested = ana.autocomplete(ops, "runbook run", &[("runbook", "")]).await;
    assert_eq!(suggested.len(), 25);
    let suggested = ana.autocomplete(ops, "runbook run", &[("runbook", "queue 27")]).await;
    assert_eq!(suggested.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["queue-27"]);
    let listed = ana.slash(ops, "runbook list", &[]).message().await;
    let files = discord.look(|world| world.messages[&listed].attachments().to_vec());
    let list = String::from_utf8(files[0].bytes.clone()).expect("text");
    assert!((1..=30).all(|number| list.contains(&format!("queue-{number} "))), "{list}");
    ana.sees(ops, "all of it is attached").await;

    ana.slash(ops, "incident declare", &[("title", "The old cluster is full")]).reply().await;
    let thread = thread(&discord, "inc-1");
    ana.slash(thread, "runbook run", &[("runbook", "shards")]).reply().await;
    let card = ana.sees(thread, "step 60 of 100").await;
    let asked = ana.sees(thread, "all of it is attached").await;
    println!("{}", discord.look(|world| world.messages[&card].text()));
    let prose = discord.look(|world| world.messages[&asked].attachments()[0].clone());
    assert!(String::from_utf8(prose.bytes).expect("text").contains("50. Read out every number on board 50"));
    ana.press(asked, "Done").acknowledged().await;
    ana.sees(thread, "run-1 succeeded").await;
    ana.sees(thread, "(run-1) · succeeded").await;
    for text in ana.reads(thread) {
        println!("-----\n{text}");
    }
    assert_eq!(bot.leaves(), Some(0));
    discord.finished();
}
