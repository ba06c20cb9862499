//! What is said about freezes.
//!
//! Lives here: the text. Never lives here: what a freeze stops (`domain`).

use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown};
use super::{Exit, json};
use crate::base::text::one_line;
use crate::bot::freezing::{Frozen, Told};
use crate::view::sentence::Wording;
use crate::view::time;

impl Show {
    /// What was frozen or lifted, and what is frozen now.
    pub fn freeze(&self, told: &Told) -> Shown {
        if self.json {
            telln!("{}", json::line(&told.fact));
            return Ok(Exit::Succeeded);
        }
        if let Some(said) = Wording::new(told.zone).tell(&told.fact.event) {
            telln!("{said}");
        }
        if !told.frozen.is_empty() {
            let text = "No run changes what is frozen; reads, cleanup and steps that take something back go on. One step may \
                        pass with: rundown override STEP --why TEXT";
            telln!("{}", self.paint.dim(&wrap(text, "", self.width)));
        }
        self.frozen_below(&told.frozen)
    }

    /// What is frozen.
    pub fn frozen(&self, frozen: &[Frozen]) -> Shown {
        if frozen.is_empty() {
            telln!("nothing is frozen");
        }
        frozen.iter().for_each(|frozen| telln!("{}", self.freeze_line(frozen)));
        Ok(Exit::Succeeded)
    }

    /// What is frozen, below something else; nothing where nothing is.
    pub fn frozen_below(&self, frozen: &[Frozen]) -> Shown {
        if !frozen.is_empty() {
            telln!("\n{}", self.paint.warn("frozen"));
            frozen.iter().for_each(|frozen| telln!("  {}", self.freeze_line(frozen)));
        }
        Ok(Exit::Succeeded)
    }

    fn freeze_line(&self, frozen: &Frozen) -> String {
        let until = time::due(frozen.until, self.now, frozen.zone);
        format!("{} until {until}, by {}: {}", frozen.what, frozen.by, one_line(&frozen.why, 200))
    }
}
