//! How runbooks are, as a table.
//!
//! Lives here: the columns and the notes below them. Never lives here: what needs attention (`bot`).

use super::Exit;
use super::out::telln;
use super::paint::wrap;
use super::show::Show;
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::health::{Health, Rehearsal};
use crate::view::time;

/// Columns of the names on the left.
const NAME: usize = 12;

impl Show {
    /// Runbooks, and what of them needs somebody. Fails where something does.
    pub fn health(&self, all: &[Health]) -> Result<Exit, Fault> {
        if self.json {
            for health in all {
                let line = serde_json::to_string(health).map_err(|error| Fault::Failed(error.to_string()))?;
                telln!("{line}");
            }
        } else {
            for (index, health) in all.iter().enumerate() {
                if index > 0 {
                    telln!();
                }
                self.one(health);
            }
            if all.is_empty() {
                telln!("there are no runbooks");
            }
        }
        Ok(if all.iter().all(|health| health.attention.is_empty()) { Exit::Succeeded } else { Exit::Failed })
    }

    fn one(&self, health: &Health) {
        let paint = self.paint;
        let (mark, word) =
            if health.attention.is_empty() { (paint.good("✓"), "") } else { (paint.warn("!"), "  needs attention") };
        telln!("{mark} {}  {}{word}", paint.bold(&one_line(&health.runbook, 60)), one_line(&health.title, 80));
        self.row("rehearsed", &self.rehearsed_when(&health.scenarios));
        self.row("last run", &self.last_run(health));
        self.row("branches", &untaken(health));
        let mut step = None;
        for branch in &health.untaken {
            let named = if step == Some(&branch.step) { "" } else { branch.step.as_str() };
            telln!("  {:NAME$}  {}", "", paint.dim(&format!("{named:<18} {}", branch.way)));
            step = Some(&branch.step);
        }
        for text in &health.attention {
            self.row("attention", text);
        }
    }

    fn row(&self, name: &str, text: &str) {
        let lead = format!("  {name:<NAME$}  ");
        let body = wrap(text, &" ".repeat(lead.chars().count()), self.width);
        telln!("{lead}{}", body.trim_start());
    }

    fn rehearsed_when(&self, scenarios: &[Rehearsal]) -> String {
        let noted: Vec<_> = scenarios.iter().filter_map(|one| one.last.as_ref()).collect();
        let Some(last) = noted.iter().map(|noted| noted.at).max() else {
            return match scenarios.len() {
                0 => "no scenarios".to_owned(),
                1 => "never; it has 1 scenario".to_owned(),
                several => format!("never; it has {several} scenarios"),
            };
        };
        let ago = ago(self.now - last);
        let passed = noted.iter().filter(|noted| noted.ok).count();
        format!("{ago}; {passed} of {} scenarios passed when last rehearsed", scenarios.len())
    }

    fn last_run(&self, health: &Health) -> String {
        let Some(last) = &health.last_run else { return "none in this journal".to_owned() };
        let ago = ago(self.now - last.at);
        let rate = match health.runs {
            0 => "none is over".to_owned(),
            runs => format!("{} of {runs} failed", health.failed),
        };
        format!("{ago}: {} {}; {rate}", last.run, last.outcome)
    }
}

fn ago(time: chrono::TimeDelta) -> String {
    if time < chrono::TimeDelta::minutes(1) { "just now".to_owned() } else { format!("{} ago", time::length(time)) }
}

fn untaken(health: &Health) -> String {
    match (health.branches, health.untaken.len()) {
        (0, _) if health.scenarios.iter().all(|one| one.faulty.is_some()) => {
            "not known: they are found by playing scenarios, and none can be played".to_owned()
        }
        (0, _) => "it has none".to_owned(),
        (all, 0) => format!("all {all} are taken by some scenario"),
        (all, untaken) => format!("{} of {all} are taken by some scenario; not these:", all - untaken),
    }
}
