//! What Discord suggests while a value is typed.

use super::verbs::Source;
use crate::base::event::{IncidentId, RunId};
use crate::base::text::one_line;
use crate::bot::digest::Schedule;
use crate::bot::waiting::{What, waiting};
use crate::bot::{Bot, Fault};
use crate::domain::run::event::Question;

/// Discord's limits: suggestions at a time, and characters of each.
const MOST: usize = 25;
const NAME: usize = 100;

/// Suggestions for what was typed so far: what is shown, and the value it stands for. The likeliest first.
pub(super) async fn suggest(
    bot: &Bot,
    source: Source,
    typed: &str,
    incident: Option<&IncidentId>,
    run: Option<&RunId>,
) -> Result<Vec<(String, String)>, Fault> {
    let all: Vec<(String, String)> = match source {
        Source::Runbooks => {
            let listed = bot.library().list()?;
            // A pasted error finds the runbook that is made for it.
            let typed = typed.to_lowercase();
            let (fits, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|runbook| {
                let error = |words: &String| !words.is_empty() && typed.contains(&words.to_lowercase());
                runbook.use_when.iter().any(error)
            });
            let fitting: Vec<_> = fits.into_iter().map(|book| (format!("{} · fits", book.title), book.id)).collect();
            if !fitting.is_empty() {
                return Ok(shown(fitting));
            }
            others.into_iter().map(|book| (format!("{} · {}", book.id, book.title), book.id)).collect()
        }
        Source::Incidents => {
            let mut all = bot.incident_list().await?;
            all.reverse();
            all.sort_by_key(|(_, state)| !state.status.is_open());
            all.into_iter()
                .map(|(id, state)| (format!("{id} · {} · {}", state.status_words(), state.title), id.to_string()))
                .collect()
        }
        Source::Runs => {
            let runs = bot.runs().await?;
            let words = |open: bool| if open { "open" } else { "over" };
            runs.into_iter()
                .rev()
                .map(|run| (format!("{} · {}", run.id, words(run.open)), run.id.to_string()))
                .collect()
        }
        Source::Monitors => {
            let all = bot.library().monitors()?.monitors.all;
            all.into_values().map(|spec| (format!("{} · {}", spec.id, spec.title), spec.id)).collect()
        }
        Source::Digests => {
            let told =
                |one: &Schedule| (format!("{} · {} ({})", one.name, one.cron, one.zone.name()), one.name.clone());
            bot.digests().iter().map(told).collect()
        }
        Source::Steps => {
            let Some(run) = run else { return Ok(Vec::new()) };
            let state = bot.state(run).await?;
            let now: Vec<String> = state.active().map(|position| state.step(position).id.clone()).collect();
            let mut steps: Vec<_> = state.plan.steps.iter().map(|step| (step.id.clone(), step.title.clone())).collect();
            steps.sort_by_key(|(id, _)| !now.contains(id));
            steps.into_iter().map(|(id, title)| (format!("{title} ({id})"), id)).collect()
        }
        Source::Cases => {
            let Some(run) = run else { return Ok(Vec::new()) };
            let asked = waiting(&bot.state(run).await?);
            asked
                .into_iter()
                .filter_map(|waiting| match waiting.what {
                    What::Question { question: Question::Branch { cases }, .. } => Some(cases),
                    _ => None,
                })
                .flatten()
                .map(|case| (format!("{} ({})", case.label, case.id), case.id))
                .collect()
        }
        Source::Persons => {
            let oncall = bot.library().oncall().ok().flatten();
            let mut names: std::collections::BTreeSet<String> = bot.person_names().await?.into_iter().collect();
            names.extend(oncall.iter().flat_map(|oncall| oncall.persons()).map(|person| person.name().to_owned()));
            names.into_iter().map(|name| (name.clone(), name)).collect()
        }
        Source::Schedules => {
            let schedules = bot.library().oncall()?.map(|oncall| oncall.schedules).unwrap_or_default();
            schedules.into_keys().map(|name| (name.clone(), name)).collect()
        }
        Source::Covers => {
            let (now, rota) = (bot.clock().now(), bot.rota().await?);
            let asked = rota
                .open(now)
                .map(|(id, one)| (format!("{id} · {} asks for cover on {}", one.person, one.schedule), id.to_string()));
            let ahead = rota.overrides().iter().filter(|one| one.until > now);
            let ahead = ahead
                .map(|one| (format!("{} · {} is on call on {}", one.id, one.person, one.schedule), one.id.to_string()));
            asked.chain(ahead).collect()
        }
        Source::Items => {
            let Some(incident) = incident else { return Ok(Vec::new()) };
            let state = bot.incident_state(incident).await?;
            let lines = crate::view::notify::investigation::lines(&state);
            let item = |line: &str| line.split_whitespace().next().map(|id| (line.to_owned(), id.to_owned()));
            let actions = state
                .review
                .actions
                .iter()
                .map(|(number, action)| (format!("A{number}  {}", action.stated.text), format!("A{number}")));
            lines.iter().filter_map(|(_, line)| item(line)).filter(|(_, id)| is_item(id)).chain(actions).collect()
        }
    };
    let typed = typed.trim().to_lowercase();
    Ok(shown(all.into_iter().filter(|(name, _)| name.to_lowercase().contains(&typed)).collect()))
}

fn is_item(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_uppercase()) && id[1..].chars().all(|digit| digit.is_ascii_digit())
}

fn shown(all: Vec<(String, String)>) -> Vec<(String, String)> {
    let fits = |(name, value): (String, String)| {
        (value.chars().count() <= NAME && !value.is_empty()).then(|| (one_line(&name, NAME), value))
    };
    all.into_iter().filter_map(fits).take(MOST).collect()
}
