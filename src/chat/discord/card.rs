//! The card of an incident: how it stands in one message that is edited in place, with what can be pressed now.
//!
//! Lives here: what stands on it, within Discord's limits. Pure: the same scene gives the same card. Never lives here: when
//! it is sent (`thread`), what a button does (`offers`).

use chrono_tz::Tz;
use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateEmbed, CreateEmbedFooter, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption,
};

use super::offers::{self, Offer, RESOLVE_ANYWAY, Weight};
use super::words::markdown;
use crate::base::event::{IncidentId, Instant, Severity};
use crate::base::text::one_line;
use crate::bot::waiting::{Waiting, What, waiting};
use crate::domain::incident;
use crate::domain::incident::event::{Role, Status};
use crate::domain::run::event::{Outcome, Question};
use crate::domain::run::state::{Progress, Stage, State};
use crate::view::time;

/// Characters of the embed's text; Discord takes 4,096 in the description and 6,000 over all.
const TEXT: usize = 3_600;
/// Steps that are shown around the one under way.
const STEPS: usize = 12;
/// Buttons in a row, rows in a message, choices in a menu: Discord's limits.
const IN_ROW: usize = 5;
const ROWS: usize = 5;
const IN_MENU: usize = 25;
/// Decisions with more cases than this become a menu.
const CASES_AS_BUTTONS: usize = 5;

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
    /// What was deployed lately on the targets, a line each.
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
    let title = format!("{id} · {severity}{}", markdown(&incident.title, 80));
    let mut text = head(scene);
    for run in *runs {
        text.push('\n');
        text.push_str(&told(run, scene));
    }
    let rows = rows(scene);
    Card {
        title,
        text: cut(&text, TEXT),
        footer: format!("journal {}", one_line(scene.anchor, 90)),
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
    if !scene.changed.is_empty() {
        lines.push(format!("changed lately: {}", scene.changed.join(" · ")));
    }
    lines.join("\n") + "\n"
}

/// A run on the card: how it stands, its steps, what it waits for.
fn told(run: &State, scene: &Scene<'_>) -> String {
    let how = match &run.progress {
        Progress::Over { outcome, why } => {
            let why = if why.is_empty() { String::new() } else { format!(": {}", markdown(why, 160)) };
            format!("{}{why}", outcome.word())
        }
        Progress::Ending { outcome, .. } => format!("ending, {}", outcome.word()),
        Progress::Running => match &run.paused {
            Some(who) => format!("paused by {}", markdown(who.name(), 40)),
            None => format!("step {} of {}", at(run) + 1, run.plan.steps.len()),
        },
    };
    let mut lines = vec![format!("**{}** ({}) · {how}", markdown(&run.plan.title, 80), run.id)];
    if run.is_over() && scene.runs.iter().any(|other| !other.is_over()) {
        // What goes on needs the room.
        return lines.join("\n") + "\n";
    }
    lines.extend(steps(run));
    if let Some((_, measured)) = scene.measured.iter().find(|(id, _)| *id == run.id) {
        lines.extend(measured.iter().take(4).map(|line| format!("`{}`", line.replace('`', "'"))));
    }
    lines.extend(waiting(run).iter().map(wanted));
    lines.join("\n") + "\n"
}

fn at(run: &State) -> usize {
    run.main.unwrap_or_else(|| run.next.min(run.plan.steps.len().saturating_sub(1)))
}

/// The steps around the one under way; what lies before and behind is counted.
fn steps(run: &State) -> Vec<String> {
    let all = run.plan.steps.len();
    let here = at(run);
    let first = if all <= STEPS { 0 } else { here.saturating_sub(STEPS / 2).min(all - STEPS) };
    let last = (first + STEPS).min(all);
    let mut lines = Vec::new();
    if first > 0 {
        lines.push(format!("-# {first} steps before"));
    }
    lines.extend((first..last).map(|position| step(run, position)));
    if last < all {
        lines.push(format!("-# {} more steps", all - last));
    }
    lines
}

fn step(run: &State, position: usize) -> String {
    let (plan, step) = (run.step(position), &run.steps[position]);
    let title = markdown(&plan.title, 60);
    let said = |text: &str| if text.is_empty() { String::new() } else { format!(" · {}", markdown(text, 70)) };
    match (&step.stage, &step.result) {
        (Stage::Pending, _) => format!("▫️ {title}"),
        (Stage::Skipped, _) => format!("➖ {title}"),
        (Stage::Done | Stage::Failed, Some(result)) => {
            let mark = if result.ok { "✅" } else { "❌" };
            format!("{mark} {title}{} · {}", said(&result.summary), time::length_ms(result.took_ms))
        }
        (Stage::Watching { until } | Stage::Waiting { until }, _) => format!("⏳ {title} · ends {}", relative(*until)),
        (stage, _) if stage.waits_for_human() => format!("❓ **{title}**"),
        (stage, _) => {
            let since = step.started_at.map_or(String::new(), |at| format!(" · since {}", relative(at)));
            format!("▶️ **{title}** · {}{since}", stage.name())
        }
    }
}

/// What a person is asked, with the prose where they must do something by hand.
pub(super) fn wanted(waiting: &Waiting) -> String {
    let until = waiting.until.map_or(String::new(), |until| format!(" (until {})", relative(until)));
    let mut text = format!("> **{}** {}{until}", markdown(&waiting.title, 80), markdown(&waiting.words(), 400));
    match &waiting.what {
        What::Question { question: Question::Work, prose } => {
            for line in prose.lines().filter(|line| !line.trim().is_empty()).take(12) {
                text.push_str(&format!("\n> {}", markdown(line, 300)));
            }
        }
        What::Question { question: Question::Branch { cases }, .. } => {
            for case in cases {
                let label = if case.label.trim().is_empty() { &case.id } else { &case.label };
                let note = match (case.recommended, case.fits) {
                    (true, _) => " · recommended",
                    (_, false) => " · its condition does not hold",
                    _ => "",
                };
                text.push_str(&format!("\n> • {}{note}", markdown(label, 120)));
            }
        }
        What::Approval { given, quorum, .. } if *quorum > 1 => {
            let names: Vec<_> = given.iter().map(|person| markdown(person.name(), 40)).collect();
            let names = if names.is_empty() { "nobody yet".to_owned() } else { names.join(", ") };
            text.push_str(&format!("\n> agreed: {names} ({} of {quorum})", given.len()));
        }
        _ => {}
    }
    text
}

fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut buttons = Vec::new();
    for run in scene.runs {
        for waiting in waiting(run) {
            let offers = offers::of_question(run, &waiting);
            if offers.len() > CASES_AS_BUTTONS {
                rows.push(Row::Menu(one_line(&waiting.title, 100), offers.into_iter().take(IN_MENU).collect()));
            } else {
                buttons.extend(offers);
            }
        }
    }
    // What answers a question comes first; what holds a run up, and the incident's own, fills the last rows.
    let asked = buttons.len();
    for run in scene.runs {
        let questions: Vec<_> =
            waiting(run).iter().flat_map(|waiting| offers::of_question(run, waiting)).map(|offer| offer.id()).collect();
        buttons.extend(offers::of_run(run).into_iter().filter(|offer| !questions.contains(&offer.id())));
    }
    let (asked, steering) = buttons.split_at(asked);
    let own = offers::of_incident(scene.id, scene.incident);
    let last: Vec<Offer> =
        own.into_iter().filter(|offer| offer.label != RESOLVE_ANYWAY).chain(steering.to_vec()).collect();
    rows.extend(asked.chunks(IN_ROW).map(|chunk| Row::Buttons(chunk.to_vec())));
    rows.truncate(ROWS - 1);
    let room = ROWS - rows.len();
    rows.extend(last.chunks(IN_ROW).take(room).map(|chunk| Row::Buttons(chunk.to_vec())));
    rows
}

fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.trim_end().to_owned();
    }
    // Whole lines only: half an escape or half a time stamp would show.
    let mut kept = String::new();
    for line in text.lines() {
        if kept.chars().count() + line.chars().count() + 3 > limit {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept + "…"
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
        Row::Menu(asked, offers) => {
            let options = offers
                .iter()
                .map(|offer| CreateSelectMenuOption::new(one_line(&offer.label, 100), offer.id().to_string()))
                .collect();
            let id = offers.first().map_or_else(|| "rd.menu".to_owned(), |offer| format!("menu.{}", offer.id()));
            let menu = CreateSelectMenu::new(id, CreateSelectMenuKind::String { options });
            CreateActionRow::SelectMenu(menu.placeholder(one_line(asked, 150)))
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
    CreateButton::new(offer.id().to_string()).label(format!("{}{dots}", one_line(&offer.label, 78))).style(style)
}

/// The word under which a run's end is announced.
#[must_use]
pub fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "✅",
        _ => "❌",
    }
}
