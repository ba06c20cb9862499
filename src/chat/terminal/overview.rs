//! What is going on, how everything is, what was held up: as text.

use super::Exit;
use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown};
use crate::base::event::RunId;
use crate::bot::Fault;
use crate::bot::answers::Written;
use crate::bot::overview::{Condition, Going};

impl Show {
    /// What is going on.
    pub fn going(&self, going: &[Going]) -> Shown {
        if going.is_empty() {
            telln!("no incident is open");
        }
        for one in going {
            telln!(
                "{}",
                wrap(&format!("{}  {}", self.paint.bold(one.incident.as_str()), one.headline), "", self.width)
            );
            one.doing.iter().for_each(|line| telln!("{}", wrap(line, "    ", self.width)));
        }
        Ok(Exit::Succeeded)
    }

    /// How every target is.
    pub fn conditions(&self, conditions: &[Condition]) -> Shown {
        if conditions.is_empty() {
            telln!("targets.yaml names no targets");
        }
        let wide = conditions.iter().map(|one| one.target.chars().count()).max().unwrap_or(0);
        for one in conditions {
            let mark = match one.ok {
                Some(true) => self.paint.good("✓"),
                Some(false) => self.paint.bad("✗"),
                None => " ".to_owned(),
            };
            let gap = " ".repeat(wide - one.target.chars().count());
            telln!("{mark} {}{gap}  {}", one.target, one.told);
        }
        Ok(Exit::Succeeded)
    }

    /// What was held up. Fails where something could not be.
    pub fn stopped(&self, told: &[(RunId, Result<Written, Fault>)]) -> Shown {
        if told.is_empty() {
            telln!("no run is open that is not held up already");
        }
        for (run, held) in told {
            match held {
                Ok(_) => telln!("{run} is held up; it goes on with: rundown runbook resume {run}"),
                Err(fault) => telln!("{run} is not held up: {fault}"),
            }
        }
        let all = told.iter().all(|(_, held)| held.is_ok());
        Ok(if all { Exit::Succeeded } else { Exit::Failed })
    }
}
