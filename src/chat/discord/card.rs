//! The card of an incident: how it stands in one message that is edited in place, with what can be pressed now.
//!
//! Lives here: what stands on it, within Discord's limits. Pure: the same scene gives the same card. Never lives here: when
//! it is sent (`thread`), what a button does (`offers`).

use chrono_tz::Tz;
use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateEmbed, CreateEmbedFooter, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption,
};

use super::text::{cut, label, markdown, units};
use crate::base::event::{IncidentId, Instant, Severity};
use crate::base::text::plain;
use crate::bot::offers::{self, First, Offer, RESOLVE_ANYWAY, Weight};
use crate::bot::waiting::{Waiting, What, waiting};
use crate::domain::incident;
use crate::domain::incident::event::{Role, Status};
use crate::domain::run::event::{Offered, Outcome, Question};
use crate::domain::run::state::{Progress, Stage, State};
use crate::view::evidence::{self, Pen};
use crate::view::time;

/// The longest headline and text of the embed; Discord takes 256 and 4,096, and 6,000 over all.
const TITLE: usize = 250;
const TEXT: usize = 3_600;
/// Steps that are shown around the one under way, where one run goes on and where several do. A telephone shows some 40
/// characters a line and 20 lines.
const STEPS: usize = 9;
const STEPS_OF_SEVERAL: usize = 4;
/// Runs that are shown with their steps; the others have a line each.
const RUNS: usize = 3;
const RUNS_IN_A_LINE: usize = 10;
/// Characters of a step's title and of what it said.
const STEP: usize = 48;
const SAID: usize = 70;
const FAILED: usize = 140;
/// Series of a watch.
const SERIES: usize = 4;
/// Buttons in a row, rows in a message, choices in a menu: Discord's limits.
const IN_ROW: usize = 5;
const ROWS: usize = 5;
const IN_MENU: usize = 25;
/// Decisions with more cases than this become a menu.
const CASES_AS_BUTTONS: usize = 5;
/// Cases that are listed where they are asked for.
const CASES_LISTED: usize = 12;

/// What a message that asks keeps free for what stands around the question.
pub(super) const ROOM: usize = 200;

/// Everything a card shows.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Which incident.
    pub id: &'a IncidentId,
    /// As it stands.
    pub incident: &'a incident::State,
    /// Its runs that are worth showing, the newest last.
    pub runs: &'a [State],
    /// The last value and a sparkline of what a watch reads, a line a series, by run.
    pub measured: &'a [(crate::base::event::RunId, Vec<String>)],
    /// What was changed or deployed lately on the targets, a line each.
    pub changed: &'a [String],
    /// The journal's head.
    pub anchor: &'a str,
    /// The zone that people talk about it in.
    pub zone: Tz,
}

/// A card, ready to be sent. Equal cards need not be sent again.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The headline.
    pub title: String,
    /// The text, in Discord's Markdown.
    pub text: String,
    /// Under the text.
    pub footer: String,
    /// The colour of its edge.
    pub colour: u32,
    /// What can be pressed, in rows.
    pub rows: Vec<Row>,
}

/// One row of a card.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Up to five buttons.
    Buttons(Vec<Offer>),
    /// A menu of cases, with what is asked.
    Menu(String, Vec<Offer>),
    /// One button that cannot be pressed any more: what became of the question.
    Settled(Offer),
}

/// Discord shows it in the reader's own time: `in 14 minutes`.
#[must_use]
pub fn relative(at: Instant) -> String {
    format!("<t:{}:R>", at.timestamp())
}

/// The card of a scene.
#[must_use]
pub fn card(scene: &Scene<'_>) -> Card {
    let Scene { id, incident, runs, .. } = scene;
    let severity = incident.severity.map_or(String::new(), |severity| format!("{severity} · "));
    let title = cut(&format!("{id} · {severity}{}", markdown(&incident.title, 120)), TITLE);
    let (rows, left) = rows(scene);
    let mut text = head(scene);
    let (others, shown) = runs.split_at(runs.len().saturating_sub(RUNS));
    for room in [STEPS, 1] {
        text.truncate(head(scene).len());
        if !others.is_empty() {
            text.push('\n');
            text.push_str(&in_a_line(others));
        }
        for run in shown {
            text.push('\n');
            text.push_str(&told(run, scene, room));
        }
        // Where all of it is too long, steps go first: what is asked stays.
        if units(&text) <= TEXT {
            break;
        }
    }
    if left > 0 {
        let more = if left == 1 { "question is" } else { "questions are" };
        text.push_str(&format!("-# {left} more {more} answered where they are asked"));
    }
    Card {
        title,
        text: cut(&text, TEXT),
        footer: label(&format!("journal {}", scene.anchor), 100),
        colour: colour(incident),
        rows,
    }
}

fn colour(incident: &incident::State) -> u32 {
    if !incident.status.is_open() {
        return if incident.resolution.as_ref().is_some_and(|resolved| !resolved.verified) {
            0x00c0_8a2b
        } else {
            0x003b_a55c
        };
    }
    match incident.severity {
        Some(Severity::P0) => 0x00d8_3c3e,
        Some(Severity::P1) => 0x00e8_7a2f,
        Some(Severity::P2) => 0x00d9_b33a,
        Some(Severity::P3) | None => 0x0058_82c9,
    }
}

fn head(scene: &Scene<'_>) -> String {
    let incident = scene.incident;
    let place = incident.environment.as_deref().map_or(String::new(), |place| format!(" on {}", markdown(place, 40)));
    let mut lines =
        vec![format!("**{}**{place} · declared {}", incident.status_words(), relative(incident.declared_at))];
    if matches!(incident.status, Status::Resolved | Status::Closed)
        && let Some(at) = incident.milestones.get(&incident::event::Milestone::Resolved)
    {
        let took = time::length(*at - incident.declared_at);
        lines[0] = format!("**{}**{place} · {} after it was declared", incident.status_words(), took);
    }
    let roles: Vec<String> = Role::ALL
        .iter()
        .filter_map(|role| Some(format!("{} {}", role.word(), markdown(incident.roles.get(role)?.name(), 40))))
        .collect();
    if !roles.is_empty() {
        lines.push(roles.join(" · "));
    } else if let Some(by) = &incident.acknowledged_by {
        lines.push(format!("{} is on it", markdown(by.name(), 40)));
    } else if incident.status.is_open() {
        lines.push("nobody has taken it on yet".to_owned());
    }
    lines.extend(scene.changed.iter().map(|changed| format!("-# changed: {changed}")));
    lines.join("\n") + "\n"
}

/// Runs for which there is no room, a line each.
fn in_a_line(runs: &[State]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for run in runs.iter().rev().take(RUNS_IN_A_LINE) {
        let asks = if waiting(run).is_empty() { "" } else { " ❓" };
        lines.push(format!("**{}** ({}) · {}{asks}", markdown(&run.plan.title, STEP), run.id, how(run)));
    }
    let more = runs.len().saturating_sub(RUNS_IN_A_LINE);
    if more > 0 {
        lines.push(format!("-# {more} more runs; `/now` tells all"));
    }
    lines.join("\n") + "\n"
}

/// How a run stands, in a few words.
fn how(run: &State) -> String {
    match &run.progress {
        Progress::Over { outcome, why } => {
            let why = if why.is_empty() { String::new() } else { format!(": {}", markdown(why, 160)) };
            format!("{}{why}", outcome.word())
        }
        Progress::Ending { outcome, .. } => format!("ending, {}", outcome.word()),
        Progress::Running => match &run.paused {
            Some(who) => format!("paused by {}", markdown(who.name(), 40)),
            None => format!("step {} of {}", at(run) + 1, run.plan.steps.len()),
        },
    }
}

/// A run on the card: how it stands, its steps, what it waits for.
fn told(run: &State, scene: &Scene<'_>, room: usize) -> String {
    let mut lines = vec![format!("**{}** ({}) · {}", markdown(&run.plan.title, 60), run.id, how(run))];
    let going_on = scene.runs.iter().filter(|other| !other.is_over()).count();
    if run.is_over() && going_on > 0 {
        // What goes on needs the room.
        return lines.join("\n") + "\n";
    }
    lines.extend(steps(run, if going_on > 1 { room.min(STEPS_OF_SEVERAL) } else { room }));
    if let Some((_, measured)) = scene.measured.iter().find(|(id, _)| *id == run.id) {
        lines.extend(measured.iter().take(SERIES).map(|line| format!("`{}`", label(line, 60).replace('`', "'"))));
        if measured.len() > SERIES {
            lines.push(format!("-# {} more series; `/chart` draws them", measured.len() - SERIES));
        }
    }
    lines.extend(waiting(run).iter().map(briefly));
    lines.join("\n") + "\n"
}

fn at(run: &State) -> usize {
    run.main.unwrap_or_else(|| run.next.min(run.plan.steps.len().saturating_sub(1)))
}

/// The steps around the one under way; what lies before and behind is counted.
fn steps(run: &State, room: usize) -> Vec<String> {
    let all = run.plan.steps.len();
    let here = at(run);
    let first = if all <= room { 0 } else { here.saturating_sub(room / 2).min(all - room) };
    let last = (first + room).min(all);
    // What the newest answer was is worth its words; those before are in the timeline.
    let newest = (first..last).rev().find(|position| run.steps[*position].result.is_some());
    let mut lines = Vec::new();
    if first > 0 {
        lines.push(format!("-# {first} steps before"));
    }
    lines.extend((first..last).map(|position| step(run, position, newest == Some(position))));
    if last < all {
        lines.push(format!("-# {} more steps", all - last));
    }
    lines
}

fn step(run: &State, position: usize, newest: bool) -> String {
    let (plan, step) = (run.step(position), &run.steps[position]);
    let title = markdown(&plan.title, STEP);
    let said =
        |text: &str, room| if text.is_empty() { String::new() } else { format!("\n-# {}", markdown(text, room)) };
    match (&step.stage, &step.result) {
        (Stage::Pending, _) => format!("▫️ {title}"),
        (Stage::Skipped, _) => format!("➖ {title}"),
        (Stage::Done | Stage::Failed, Some(result)) => {
            let took = time::length_ms(result.took_ms);
            match (result.ok, newest) {
                (true, true) => format!("✅ {title} · {took}{}", said(&result.summary, SAID)),
                (true, false) => format!("✅ {title} · {took}"),
                (false, _) => format!("❌ {title} · {took}{}", said(&result.summary, FAILED)),
            }
        }
        (Stage::Watching { until } | Stage::Waiting { until }, _) => format!("⏳ {title} · ends {}", relative(*until)),
        (stage, _) if stage.waits_for_human() => format!("❓ **{title}**"),
        (stage, _) => {
            let since = step.started_at.map_or(String::new(), |at| format!(" · since {}", relative(at)));
            format!("▶️ **{title}** · {}{since}", stage.name())
        }
    }
}

/// What a person is asked, with everything that is needed to answer: the prose of what they do by hand, the cases.
pub(super) fn wanted(waiting: &Waiting) -> String {
    let mut text = asked(waiting, 500, usize::MAX, CASES_LISTED);
    for line in waiting.before.iter().flat_map(|seen| evidence::before(seen, &PEN)) {
        text.push_str(&format!("\n> {line}"));
    }
    text
}

/// How what was seen is written here.
pub(super) const PEN: Pen<'static> = Pen { safe: &markdown, ago: &relative };

/// Whether [`wanted`] left something out, or is longer than a message: then [`whole`] goes with it.
pub(super) fn is_long(waiting: &Waiting) -> bool {
    let cases = match &waiting.what {
        What::Question { question: Question::Branch { cases }, .. } => cases.len(),
        _ => 0,
    };
    waiting.words() != waiting.short(500)
        || cases > CASES_LISTED
        || units(&wanted(waiting)) > super::answer::MESSAGE - ROOM
}

/// All of a question as plain text.
pub(super) fn whole(waiting: &Waiting) -> String {
    let mut text = format!("{}\n{}\n", waiting.title, waiting.words());
    match &waiting.what {
        What::Question { question: Question::Work, prose } => text.push_str(&format!("\n{prose}\n")),
        What::Question { question: Question::Branch { cases }, .. } => {
            for case in cases {
                text.push_str(&format!("{}  {}{}\n", case.id, case.label, note(case).unwrap_or_default()));
            }
        }
        _ => {}
    }
    for line in waiting.before.iter().flat_map(|seen| evidence::plain_before(seen)) {
        text.push_str(&format!("{line}\n"));
    }
    plain(&text, usize::MAX)
}

/// The same in few lines: the message that asks has all of it.
fn briefly(waiting: &Waiting) -> String {
    asked(waiting, 120, 3, CASES_AS_BUTTONS)
}

fn asked(waiting: &Waiting, words: usize, prose_lines: usize, listed: usize) -> String {
    let until = waiting.until.map_or(String::new(), |until| format!(" (until {})", relative(until)));
    let said = waiting.short(words);
    let mut text = format!("> **{}** {}{until}", markdown(&waiting.title, 80), markdown(&said, words * 3 + 300));
    match &waiting.what {
        What::Question { question: Question::Work, prose } => {
            let mut lines = paragraphs(prose).into_iter();
            for line in lines.by_ref().take(prose_lines) {
                text.push_str(&format!("\n> {}", markdown(&line, if prose_lines == usize::MAX { 4_000 } else { 120 })));
            }
            if lines.next().is_some() {
                text.push_str("\n> …");
            }
        }
        What::Question { question: Question::Branch { cases }, .. } if cases.len() > listed => {
            text.push_str(&format!("\n> {} cases", cases.len()));
            if cases.len() > IN_MENU {
                text.push_str(&format!("; the menu has {IN_MENU} of them, `/decide` takes any"));
            }
        }
        What::Question { question: Question::Branch { cases }, .. } => {
            for case in cases {
                text.push_str(&format!("\n> • {}{}", markdown(named(case), 120), note(case).unwrap_or_default()));
            }
        }
        What::Approval { given, quorum, .. } if *quorum > 1 => {
            let names: Vec<_> = given.iter().take(10).map(|person| markdown(person.name(), 40)).collect();
            let names = if names.is_empty() { "nobody yet".to_owned() } else { names.join(", ") };
            text.push_str(&format!("\n> agreed: {names} ({} of {quorum})", given.len()));
        }
        _ => {}
    }
    text
}

/// Prose with a line for each paragraph and each entry of a list: a page's own line ends fall anywhere on a telephone.
fn paragraphs(prose: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in prose.lines().map(str::trim) {
        let numbered = line.trim_start_matches(|char: char| char.is_ascii_digit());
        let begins = line.starts_with(['-', '*', '|', '#', '>', '`'])
            || (numbered.len() < line.len() && numbered.starts_with(". "));
        match found.last_mut().filter(|_| open && !begins) {
            _ if line.is_empty() => {}
            Some(before) => before.extend([" ", line]),
            None => found.push(line.to_owned()),
        }
        open = !line.is_empty();
    }
    found
}

fn named(case: &Offered) -> &str {
    if case.label.trim().is_empty() { &case.id } else { &case.label }
}

/// What is to be known of a case.
fn note(case: &Offered) -> Option<&'static str> {
    match (case.recommended, case.fits) {
        (true, _) => Some(" · recommended"),
        (_, false) => Some(" · its condition does not hold"),
        _ => None,
    }
}

/// The row that answers one question: buttons, or a menu where there are too many.
pub(super) fn row(waiting: &Waiting, offers: Vec<Offer>) -> Row {
    if offers.len() > CASES_AS_BUTTONS {
        Row::Menu(label(&waiting.title, 100), offers.into_iter().take(IN_MENU).collect())
    } else {
        Row::Buttons(offers)
    }
}

/// What can be pressed, and how many questions had no room: the messages that ask them carry their own buttons.
fn rows(scene: &Scene<'_>) -> (Vec<Row>, usize) {
    // Those of the runs that the card shows come first.
    let (others, shown) = scene.runs.split_at(scene.runs.len().saturating_sub(RUNS));
    let runs = shown.iter().chain(others);
    let questions: Vec<(&State, Waiting)> =
        runs.flat_map(|run| waiting(run).into_iter().map(move |waiting| (run, waiting))).collect();
    let of_one_run = questions.windows(2).all(|pair| pair[0].0.id == pair[1].0.id);
    let mut answered = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for (run, waiting) in &questions {
        let mut offers = offers::of_question(run, waiting);
        answered.extend(offers.iter().map(Offer::id));
        // Which of several is answered must stand on the button itself.
        if let Some(first) = offers.first_mut().filter(|_| questions.len() > 1) {
            let place = if of_one_run { String::new() } else { format!(" {}", run.id) };
            first.label = format!("{}{place}: {}", first.label, waiting.title);
        }
        if !offers.is_empty() {
            rows.push(row(waiting, offers));
        }
    }
    let left = rows.len().saturating_sub(ROWS - 1);
    rows.truncate(ROWS - 1);
    // What answers a question comes first; the incident's own, and what holds a run up, fill the last rows.
    let own = offers::of_incident(scene.id, scene.incident).into_iter().filter(|offer| offer.label != RESOLVE_ANYWAY);
    let open: Vec<&State> = scene.runs.iter().filter(|run| !run.is_over()).collect();
    let steering = open.iter().rev().flat_map(|run| {
        let mut offers = offers::of_run(run);
        offers.retain(|offer| !answered.contains(&offer.id()));
        if open.len() > 1 {
            offers.iter_mut().for_each(|offer| {
                offer.label = format!("{} {}", offer.label.trim_end_matches(" run"), run.id);
            });
        }
        offers
    });
    let last: Vec<Offer> = own.chain(steering).collect();
    let room = ROWS - rows.len();
    rows.extend(last.chunks(IN_ROW).take(room).map(|chunk| Row::Buttons(chunk.to_vec())));
    (rows, left)
}

impl Card {
    /// What stands in a message that was found again: nothing that is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self { title: String::new(), text: String::new(), footer: String::new(), colour: 0, rows: Vec::new() }
    }

    /// As Discord takes it.
    pub fn embed(&self) -> CreateEmbed {
        CreateEmbed::new()
            .title(&self.title)
            .description(&self.text)
            .colour(self.colour)
            .footer(CreateEmbedFooter::new(&self.footer))
    }

    /// Its buttons and menus as Discord takes them.
    #[must_use]
    pub fn components(&self) -> Vec<CreateActionRow> {
        self.rows.iter().map(components).collect()
    }
}

/// One row as Discord takes it.
pub fn components(row: &Row) -> CreateActionRow {
    match row {
        Row::Buttons(offers) => CreateActionRow::Buttons(offers.iter().map(button).collect()),
        Row::Settled(offer) => {
            let label = label(&offer.label, 80);
            let style = ButtonStyle::Secondary;
            let shown = CreateButton::new(offer.id().to_string()).label(label).style(style).disabled(true);
            CreateActionRow::Buttons(vec![shown])
        }
        Row::Menu(asked, offers) => {
            let options = offers
                .iter()
                .map(|offer| {
                    let option = CreateSelectMenuOption::new(label(&offer.label, 100), offer.id().to_string());
                    match (offer.weight, offer.first) {
                        (Weight::Main, _) => option.description("recommended"),
                        (_, First::Reason) => option.description("its condition does not hold: needs a reason"),
                        _ => option,
                    }
                })
                .collect();
            let id = offers.first().map_or_else(|| "rd.menu".to_owned(), |offer| format!("menu.{}", offer.id()));
            let menu = CreateSelectMenu::new(id, CreateSelectMenuKind::String { options });
            CreateActionRow::SelectMenu(menu.placeholder(label(asked, 150)))
        }
    }
}

fn button(offer: &Offer) -> CreateButton {
    let style = match offer.weight {
        Weight::Main => ButtonStyle::Success,
        Weight::Plain => ButtonStyle::Secondary,
        Weight::Grave => ButtonStyle::Danger,
    };
    let dots = if offer.first.asks() { "…" } else { "" };
    CreateButton::new(offer.id().to_string()).label(format!("{}{dots}", label(&offer.label, 78))).style(style)
}

/// The word under which a run's end is announced.
#[must_use]
pub fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "✅",
        _ => "❌",
    }
}

#[cfg(test)]
mod tests;
