//! Commands answered in Discord's Markdown: what a person said, carried out, and what came of it in a message.
//!
//! Lives here: which use case a command is, and its answer. Never lives here: the wording of facts (`view`), sending.

use crate::base::event::{CoverId, IncidentId, Recorded, RunId};
use crate::base::text::{one_line, plain};
use crate::bot::answers::Written;
use crate::bot::fleet::Fleet;
use crate::bot::grammar::{Command, Incident, Monitor, Postmortem, Runbook};
use crate::bot::incidents::{Outcome, zone_of};
use crate::bot::library::Listed;
use crate::bot::overview::{Condition, Going};
use crate::bot::reports::Drafted;
use crate::bot::running::Start;
use crate::bot::{Bot, Fault};
use crate::domain::people::Identity;
use crate::domain::timeline::Fact;
use crate::view::notify::card::card;
use crate::view::sentence::Wording;
use crate::view::time;

use super::card::relative;
use super::hints;
use super::text::{self, bare, markdown, units};

/// The longest text that is sent as a message; Discord takes 2,000 characters.
pub const MESSAGE: usize = 1_900;
/// The largest file that is attached, in bytes; Discord takes 10 MiB of a bot.
const LARGEST_FILE: usize = 9 << 20;
/// Lines of a page that stand in front of it.
const PREVIEW: usize = 5;
/// What is said back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// In Discord's Markdown; what came from outside is neutralised.
    pub text: String,
    /// Files beside it: name and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// What a picture among them shows, in words, for who cannot see it.
    pub alt: String,
    /// The incident it is about, whose thread is linked where the reply is read elsewhere.
    pub incident: Option<IncidentId>,
    /// The request for cover that whoever reads it may take by pressing.
    pub cover: Option<CoverId>,
}

impl Reply {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same within one message: where the text is longer, all of it becomes a file.
    fn fitted(mut self) -> Self {
        if units(&self.text) > MESSAGE {
            self.files.push(("answer.txt".to_owned(), bare(&self.text).into_bytes()));
            self.text = format!("{}\n-# all of it is attached", text::cut(&self.text, MESSAGE - 40));
        }
        self
    }

    /// Plain text as it is: in a message where it is short, else as a file with its first lines in front.
    fn page(name: &str, text: &str) -> Self {
        let shown = plain(text, usize::MAX);
        if units(&shown) <= MESSAGE - 20 && !shown.contains("```") {
            return Self::text(format!("```\n{}\n```", shown.trim_end()));
        }
        let head: String = shown.lines().take(8).map(|line| format!("> {}\n", markdown(line, 90))).collect();
        Self {
            text: format!("{head}-# the whole of it is attached"),
            files: vec![(name.to_owned(), text.into())],
            ..Self::default()
        }
    }
}

/// Whether the answer to a verb is for the asker alone: looking concerns nobody else.
#[must_use]
pub fn private(path: &[String]) -> bool {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["incident", verb] => matches!(*verb, "list" | "show"),
        ["runbook", verb] => matches!(*verb, "list" | "show" | "plan" | "status"),
        ["oncall", verb] => matches!(*verb, "who" | "next" | "schedule"),
        ["monitor", verb] => matches!(*verb, "list" | "show" | "test"),
        ["hypothesis" | "action" | "page", verb] => *verb == "list",
        ["postmortem", verb] => *verb == "check",
        [verb] => {
            matches!(
                *verb,
                "brief" | "login" | "timeline" | "similar" | "verify" | "can-i" | "now" | "health" | "report" | "chart"
            )
        }
        _ => false,
    }
}

/// Carries a command out.
///
/// # Errors
/// What goes wrong, in a sentence.
pub async fn answer(bot: &Bot, fleet: &Fleet, who: &Identity, command: Command) -> Result<Reply, Fault> {
    answer_confirmed(bot, fleet, who, command, false).await
}

/// As [`answer`], of somebody who tapped twice: they saw where it happens.
///
/// # Errors
/// As [`answer`].
pub async fn answer_confirmed(
    bot: &Bot,
    fleet: &Fleet,
    who: &Identity,
    command: Command,
    confirmed: bool,
) -> Result<Reply, Fault> {
    let told = bot.admit(who, &command).await?;
    let mut reply = carry_out(bot, fleet, who, command, confirmed).await?;
    if let Some(told) = told {
        reply.text = format!("{}\n⚠️ {}", reply.text, markdown(&hints::spoken(&told), 400));
    }
    Ok(reply.fitted())
}

async fn carry_out(
    bot: &Bot,
    fleet: &Fleet,
    who: &Identity,
    command: Command,
    confirmed: bool,
) -> Result<Reply, Fault> {
    let me = &who.actor;
    match command {
        Command::Incident(Incident::Note(note)) | Command::Note(note) => outcome(bot, bot.note(me, note).await?),
        Command::Incident(verb) => outcome(bot, bot.incident(me, verb).await?),
        Command::Monitor(verb) => monitors(bot, me, verb).await,
        Command::Hypothesis(verb) => outcome(bot, bot.hypothesis(me, verb).await?),
        Command::Evidence(said) => outcome(bot, bot.evidence(me, said).await?),
        Command::Cause(said) => outcome(bot, bot.cause(me, said).await?),
        Command::Impact(said) => outcome(bot, bot.impact(me, said).await?),
        Command::Lesson(said) => outcome(bot, bot.lesson(me, said).await?),
        Command::Recommend(said) => outcome(bot, bot.recommend(me, said).await?),
        Command::Action(verb) => outcome(bot, bot.action(me, verb).await?),
        Command::Review(said) => outcome(bot, bot.review(me, said).await?),
        Command::Withdraw(said) => outcome(bot, bot.withdraw(me, said).await?),
        Command::Now(asked) => Ok(going(&bot.now(&asked).await?)),
        Command::Health(asked) => Ok(conditions(&bot.conditions(&asked).await?)),
        Command::Oncall(verb) => super::oncall::answer(bot, me, verb).await,
        Command::Digest(asked) => super::digest::answer(bot, asked.name()).await,
        Command::Stop(asked) => Ok(stopped(&bot.stop_all(who, &asked).await?)),
        Command::Approve(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Reject(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Decide(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Answer(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Done(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Settle(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Override(said) => Ok(written(&bot.say(who, said).await?)),
        Command::Tick(said) => Ok(written(&bot.tick(who, said).await?)),
        Command::Runbook(verb) => runbook(bot, fleet, who, verb, confirmed).await,
        Command::Do(asked) => {
            let incident = asked.incident.clone();
            let planned = bot.single(asked)?;
            let run = bot.start(me, &planned, Start { incident, ..Start::default() }).await?;
            begun(bot, fleet, &run).await
        }
        Command::Brief(asked) => Ok(Reply::page("brief.txt", &hints::commands(&bot.brief(&asked).await?))),
        Command::Handoff(asked) => {
            let (done, brief) = bot.handoff(me, asked).await?;
            let reply = outcome(bot, done)?;
            let page = Reply::page("brief.txt", &hints::commands(&brief));
            Ok(Reply { text: format!("{}\n{}", reply.text, page.text), files: page.files, ..reply })
        }
        Command::Similar(asked) => {
            let (incident, alike) = bot.similar(&asked).await?;
            let lines = alike.iter().map(|other| {
                let why = other.likeness.reasons().join("; ");
                format!(
                    "**{}** {} · {}\n-# {}",
                    other.incident,
                    markdown(&other.title, 80),
                    other.status,
                    markdown(&why, 200)
                )
            });
            Ok(Reply::text(list(lines, &format!("no other incident looks like {incident}"))))
        }
        Command::Postmortem(Postmortem::Export { incident, .. }) => {
            let (incident, packed) = bot.archive(incident.as_ref(), LARGEST_FILE).await?;
            let text = format!("Everything about {incident}; unpacked, `rundown verify {incident}` checks it");
            Ok(Reply {
                text,
                files: vec![(format!("{incident}.tar"), packed)],
                incident: Some(incident),
                ..Reply::default()
            })
        }
        Command::Postmortem(asked) => Ok(drafted("postmortem.md", bot.postmortem(asked).await?)),
        Command::Report(asked) => {
            let name = format!("{:?}.md", asked.kind).to_lowercase();
            Ok(drafted(&name, bot.report(asked).await?))
        }
        Command::Chart(asked) => {
            let pictures = bot.pictures(asked.incident.as_ref()).await?;
            // The figures in words too: not everybody can see a picture.
            let told = |picture: &crate::bot::charts::Pictured| {
                format!("• {}\n-# {}", markdown(&picture.title, 160), markdown(&picture.words, 300))
            };
            let titles = pictures.iter().map(told);
            let text = list(titles, "there is no chart: no watch of this incident has taken a sample");
            let files = pictures.into_iter().map(|picture| (format!("{}.png", picture.name), picture.png)).collect();
            Ok(Reply { text, files, ..Reply::default() })
        }
        Command::Timeline(asked) => Ok(timeline(&bot.timeline(&asked).await?)),
        Command::Verify(asked) => {
            let verified = bot.verify(&asked).await?;
            let crate::bot::records::Verified { head, erased, .. } = verified;
            let anchor = crate::bot::records::Anchor::from(head);
            Ok(Reply::text(format!("as they were written: {} events, {erased} erased\nanchor: `{anchor}`", head.pos)))
        }
        Command::Page(verb) => Ok(super::paging::answered(&bot.paging(me, verb).await?, bot.clock().now())),
        Command::Freeze(asked) if asked.list => {
            let frozen = bot.freezes(asked.env.as_deref()).await?;
            let lines = frozen.iter().map(|frozen| {
                let (what, by) = (markdown(&frozen.what, 60), markdown(frozen.by.name(), 40));
                format!("**{what}** until {}, by {by}: {}", relative(frozen.until), markdown(&frozen.why, 200))
            });
            Ok(Reply::text(list(lines, "nothing is frozen")))
        }
        Command::Freeze(asked) => Ok(facts(&[bot.freeze(me, &asked).await?.fact], chrono_tz::Tz::UTC)),
        Command::Unfreeze(asked) => Ok(facts(&[bot.unfreeze(me, &asked).await?.fact], chrono_tz::Tz::UTC)),
        Command::Login(asked) => super::login::answer(bot, who, &asked).await,
        Command::CanI(asked) => {
            let answered = bot.can_i(who, &asked).await?;
            Ok(Reply::text(list(answered.lines.iter().map(|line| markdown(&hints::spoken(line), 400)), "yes")))
        }
        Command::Check(_)
        | Command::Plan(_)
        | Command::Run(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Purge(_)
        | Command::Export(_)
        | Command::Schema
        | Command::Rehearse(_) => {
            Err(Fault::Usage("this is said at a terminal of the machine Rundown runs on".to_owned()))
        }
    }
}

async fn runbook(bot: &Bot, fleet: &Fleet, who: &Identity, verb: Runbook, confirmed: bool) -> Result<Reply, Fault> {
    match verb {
        Runbook::List => {
            let listed = bot.library().list()?;
            Ok(Reply::text(list(listed.iter().map(one_runbook), "there are no runbooks here")))
        }
        Runbook::Show { runbook } => {
            let page = bot.library().page(&known(bot, &runbook)?)?;
            Ok(Reply::page(&format!("{}.md", page.name), &page.source))
        }
        Runbook::Plan(plan) => {
            let runbook = known(bot, &plan.runbook)?;
            Ok(Reply::page("plan.txt", &bot.library().plan_text(&runbook, &plan.at.into())?))
        }
        Runbook::Run(run) => {
            let runbook = known(bot, run.runbook.as_deref().unwrap_or_default())?;
            let named = run.at.env.is_some();
            let planned = bot.plan(&runbook, &run.at.into())?;
            let inventory = &planned.plan.inventory;
            if inventory.confirm && !named && !confirmed {
                let environment = markdown(&inventory.environment, 60);
                let text = format!("runs on {environment} are confirmed first: say it again with `env: {environment}`");
                return Err(Fault::NeedsHuman(text));
            }
            let start = Start { incident: run.incident, from: run.from, approves: Vec::new() };
            let run = bot.start(&who.actor, &planned, start).await?;
            begun(bot, fleet, &run).await
        }
        Runbook::Status { run } => {
            let state = bot.run_status(run.as_ref()).await?;
            let incident = bot.incident_state(&state.opened.incident).await?;
            let anchor = bot.anchor().await?.to_string();
            let id = state.opened.incident.clone();
            let runs = [state];
            let scene = super::card::Scene {
                id: &id,
                incident: &incident,
                runs: &runs,
                measured: &[],
                changed: &[],
                anchor: &anchor,
                zone: zone_of(&incident),
            };
            let card = super::card::card(&scene);
            Ok(Reply {
                text: cut(&format!("**{}**\n{}", markdown(&card.title, 200), card.text)),
                incident: Some(id),
                ..Reply::default()
            })
        }
        verb => match crate::bot::steer::steering(&verb) {
            Some(said) => Ok(written(&bot.steer(who, said).await?)),
            None => Err(Fault::Usage("this is said at a terminal of the machine Rundown runs on".to_owned())),
        },
    }
}

/// A runbook by its id. A terminal may name a file; a chat must not reach into the machine's files.
fn known(bot: &Bot, name: &str) -> Result<String, Fault> {
    let listed = bot.library().list()?;
    if listed.iter().any(|listed| listed.id == name) {
        return Ok(name.to_owned());
    }
    let near = crate::base::text::nearest(name, listed.iter().map(|listed| listed.id.as_str()));
    let hint = near.map_or_else(|| "`/runbook list` shows them".to_owned(), |near| format!("did you mean '{near}'?"));
    Err(Fault::Usage(format!("there is no runbook '{}'; {hint}", one_line(name, 60))))
}

async fn begun(bot: &Bot, fleet: &Fleet, run: &RunId) -> Result<Reply, Fault> {
    fleet.drive(run);
    let state = bot.state(run).await?;
    let text =
        format!("▶️ {run} **{}** on {}", markdown(&state.plan.title, 100), markdown(&state.opened.environment, 40));
    Ok(Reply { text, incident: Some(state.opened.incident.clone()), ..Reply::default() })
}

fn one_runbook(runbook: &Listed) -> String {
    let severity = runbook.severity.map_or(String::new(), |severity| format!(" · {severity}"));
    let faults = if runbook.faults == 0 { String::new() } else { format!(" · {} faults", runbook.faults) };
    let words = markdown(&runbook.use_when.join(" · "), 160);
    let words = if words.is_empty() { words } else { format!("\n-# {words}") };
    format!("**{}** {}{severity}{faults}{words}", markdown(&runbook.id, 60), markdown(&runbook.title, 80))
}

/// Lines one below the other, or what to say where there is none.
fn list(lines: impl Iterator<Item = String>, none: &str) -> String {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { none.to_owned() } else { lines.join("\n") }
}

/// A text within one message; whole lines only, where they fit.
pub(super) fn cut(text: &str) -> String {
    text::cut(text, MESSAGE)
}

fn facts(facts: &[Recorded<Fact>], zone: chrono_tz::Tz) -> Reply {
    let mut wording = Wording::new(zone);
    let lines: Vec<String> =
        facts.iter().filter_map(|fact| wording.tell(&fact.event)).map(|line| markdown(&line, 600)).collect();
    Reply::text(list(lines.into_iter(), "nothing changes, it is so already"))
}

pub(super) fn written(written: &Written) -> Reply {
    facts(&written.facts, written.zone)
}

pub(super) fn outcome(bot: &Bot, outcome: Outcome) -> Result<Reply, Fault> {
    Ok(match outcome {
        Outcome::Written { incident, facts: said, zone } => {
            let reply = facts(&said, zone);
            let declared = said.iter().any(|recorded| {
                matches!(&recorded.event, Fact::Incident(_, crate::domain::incident::event::Event::Declared(_)))
            });
            let text = if declared { format!("🚨 **{incident}** {}", reply.text) } else { reply.text };
            Reply { text, incident: Some(incident), ..Reply::default() }
        }
        Outcome::List { incidents, all } => {
            let lines = incidents.iter().rev().map(|(id, state)| {
                let severity = state.severity.map_or(String::new(), |severity| format!(" · {severity}"));
                format!(
                    "**{id}**{severity} · {} · {} · {}",
                    state.status_words(),
                    relative(state.declared_at),
                    markdown(&state.title, 80)
                )
            });
            Reply::text(list(lines, if all { "there has been no incident yet" } else { "no incident is open" }))
        }
        Outcome::Investigation { incident, state } => {
            let lines = crate::view::notify::investigation::lines(&state);
            let lines = lines.iter().map(|(indent, line)| format!("{}• {}", " ".repeat(*indent), markdown(line, 400)));
            let none = format!("{incident}: nobody suspects anything yet; `/hypothesis add` says what may be wrong");
            Reply::text(list(lines, &none))
        }
        Outcome::Actions { listed, all } => {
            let lines = listed.iter().map(|item| markdown(&item.words(), 300));
            Reply::text(list(lines, if all { "there are no action items" } else { "no action item is open" }))
        }
        Outcome::Card { incident, state, gate } => {
            let text = card(&incident, &state, &gate, zone_of(&state), bot.clock().now());
            Reply { incident: Some(incident), ..Reply::page("incident.txt", &text) }
        }
    })
}

fn going(going: &[Going]) -> Reply {
    let lines = going.iter().flat_map(|one| {
        let head = format!("**{}** {}", one.incident, markdown(&one.headline, 240));
        std::iter::once(head).chain(one.doing.iter().map(|line| format!("• {}", markdown(line, 300))))
    });
    Reply::text(list(lines, "no incident is open"))
}

fn conditions(conditions: &[Condition]) -> Reply {
    let lines = conditions.iter().map(|one| {
        let mark = match one.ok {
            Some(true) => "✅",
            Some(false) => "❌",
            None => "▫️",
        };
        format!("{mark} **{}** {}", markdown(&one.target, 60), markdown(&one.told, 300))
    });
    Reply::text(list(lines, "targets.yaml names no targets"))
}

async fn monitors(bot: &Bot, me: &crate::base::event::Actor, verb: Monitor) -> Result<Reply, Fault> {
    let lines = |lines: Vec<String>| Reply::text(list(lines.iter().map(|line| markdown(line, 600)), "nothing"));
    match verb {
        Monitor::List { target } => {
            let (all, overall) = bot.monitors(target.as_deref()).await?;
            let told = all.iter().map(|one| {
                let (mark, id) = (one.mark(), markdown(&one.id, 60));
                format!(
                    "{mark} **{id}** {}\n-# {}",
                    markdown(&one.spark(20), 60),
                    markdown(&one.words(bot.clock().now()), 400)
                )
            });
            let text = list(told, "monitors.yaml names no monitors, or is not there");
            Ok(Reply::text(format!("**{}**\n{text}", markdown(&overall.words(), 200))))
        }
        Monitor::Show { monitor } => {
            let shown = bot.monitor(&monitor).await?;
            Ok(lines(shown.lines(bot.clock().now())))
        }
        Monitor::Test { monitor } => {
            let tested = bot.test_monitors(monitor.as_deref()).await?;
            Ok(lines(tested.iter().map(crate::bot::monitors::Tested::line).collect()))
        }
        Monitor::Mute { monitor, span, why } => {
            Ok(facts(&[bot.mute_monitor(me, &monitor, &span, &why).await?], bot.monitors_zone()))
        }
        Monitor::Unmute { monitor, why } => {
            Ok(facts(&[bot.unmute_monitor(me, &monitor, why.as_deref()).await?], bot.monitors_zone()))
        }
        Monitor::Heard { monitor } => {
            bot.beat(&monitor)?;
            Ok(Reply::text(format!("heard {}", markdown(&monitor, 64))))
        }
    }
}

fn stopped(told: &[(RunId, Result<Written, Fault>)]) -> Reply {
    let lines = told.iter().map(|(run, held)| match held {
        Ok(_) => format!("⏸️ {run} is held up; `/runbook resume` lets it go on"),
        Err(fault) => format!("⚠️ {run}: {}", markdown(&fault.to_string(), 300)),
    });
    Reply::text(list(lines, "no run is open that is not held up already"))
}

fn timeline(told: &crate::bot::records::Told) -> Reply {
    let mut wording = Wording::new(told.zone);
    let mut text = format!("{}  {}\n", told.incident, one_line(&told.state.title, 200));
    for recorded in &told.facts {
        let Some(said) = wording.tell(&recorded.event) else { continue };
        let at = time::moment(recorded.head.occurred_at, told.zone);
        text.push_str(&format!("{at}  #{}  {}  {said}\n", recorded.pos, one_line(recorded.head.actor.label(), 20)));
    }
    Reply::page("timeline.txt", &text)
}

fn drafted(name: &str, drafted: Drafted) -> Reply {
    match drafted {
        Drafted::Text(text) => Reply::document(name, &text),
        Drafted::Lines(lines) => Reply::text(list(lines.iter().map(|line| markdown(line, 300)), "")),
        Drafted::Lacks(incident, lacks) if lacks.is_empty() => Reply::text(format!("{incident}: nothing is missing")),
        Drafted::Lacks(incident, lacks) => {
            let lines = lacks.iter().map(|lack| format!("• {}", markdown(&hints::commands(lack), 300)));
            Reply::text(format!("{incident}: {} missing or unsupported\n{}", lacks.len(), list(lines, "")))
        }
        // A chat is never asked to write files.
        Drafted::Files(files) => Reply::text(format!("{} files written", files.len())),
    }
}

impl Reply {
    /// A Markdown page: attached, with its first sentences in front.
    #[must_use]
    pub fn document(name: &str, text: &str) -> Self {
        Self { text: preview(text), files: vec![(name.to_owned(), text.as_bytes().to_vec())], ..Self::default() }
    }
}

/// The first sentences of a page of ours. What came from outside is neutralised in the page already; headings, tables, pictures
/// and the numbers of events are for whoever opens it.
fn preview(page: &str) -> String {
    let mut lines = Vec::new();
    for line in page.lines() {
        let line = line.trim_start_matches(['>', ' ']);
        let skipped = line.is_empty()
            || line.starts_with(['#', '|', '!', '<'])
            || line.starts_with("Numbers like")
            || line == "not recorded";
        if !skipped {
            // Discord shows entities as they are written.
            let line = without_links(line).replace("&lt;", "\\<").replace("&gt;", "\\>").replace("&amp;", "&");
            lines.push(format!("> {}", text::cut(&line, 300)));
        }
        if lines.len() == PREVIEW {
            break;
        }
    }
    lines.join("\n")
}

/// Text without citations (`[#12]`) and with the words of links alone: inside a chat neither leads anywhere.
fn without_links(line: &str) -> String {
    let mut told = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        let escaped = rest[..open].ends_with('\\');
        let Some(close) = rest[open..].find(']').filter(|_| !escaped) else {
            told.push_str(&rest[..=open]);
            rest = &rest[open + 1..];
            continue;
        };
        let (words, behind) = (&rest[open + 1..open + close], &rest[open + close + 1..]);
        told.push_str(&rest[..open]);
        if words.starts_with('#') {
            told.truncate(told.trim_end().len());
            rest = behind;
        } else {
            told.push_str(words);
            let target = behind.strip_prefix('(').and_then(|target| target.find(')'));
            rest = target.map_or(behind, |end| &behind[end + 2..]);
        }
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_longer_than_a_message_is_attached_whole() {
        let lines =
            (1..=80).map(|number| format!("**book-{number}** {}", markdown("Clear `/tmp` of @everyone's files", 80)));
        let long = Reply::text(list(lines, "none")).fitted();
        assert!(units(&long.text) <= MESSAGE && long.text.ends_with("attached"), "{}", long.text);
        let file = String::from_utf8(long.files[0].1.clone()).unwrap();
        assert_eq!(file.lines().nth(79), Some("book-80 Clear `/tmp` of @everyone's files"));
        assert_eq!(Reply::text("short").fitted(), Reply::text("short"));
    }

    #[test]
    fn a_preview_has_sentences_and_no_numbers_of_events() {
        let page = "# Full disk\n\n**inc-1** [#1] · severity P1 [#1, #4]\n\n> See [What stayed open](#open) [#9].\n\n## At a \
                    glance\n| a | b |\n\nThe \\[word\\] of a &lt; b stays [#2].\n";
        assert_eq!(
            preview(page),
            "> **inc-1** · severity P1\n> See What stayed open.\n> The \\[word\\] of a \\< b stays."
        );
    }
}
