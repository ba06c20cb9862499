//! What is said about copies of the journal.
//!
//! Lives here: the text. Never lives here: what a restore does (`bot`).

use super::Exit;
use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown, count};
use crate::base::text::one_line;
use crate::bot::backup::{BackedUp, Before, Restored};
use crate::bot::records::Anchor;
use crate::view::time;

impl Show {
    /// A copy that was taken and checked.
    pub fn backed_up(&self, done: &BackedUp) -> Shown {
        let (to, anchor) = (done.to.display(), Anchor::from(done.verified.head));
        telln!("{} in {}, to {to}", count(done.verified.head.pos, "event"), size(done.size));
        telln!("checked: as they were written");
        match &done.samples {
            Some(Ok(samples)) => telln!("monitors' samples: {}", samples.display()),
            Some(Err(why)) => telln!("monitors' samples are not part of it: {why}"),
            None => {}
        }
        telln!("anchor: {anchor}");
        telln!("Keep the anchor elsewhere. To put the copy back: rundown restore {to} --anchor {}", anchor.short());
        Ok(Exit::Succeeded)
    }

    /// A copy that was put back, and what that means for what came after it.
    pub fn restored(&self, done: &Restored) -> Shown {
        let end = done.verified.head.pos;
        telln!("{} is back in its place: {}, as they were written", done.journal.display(), count(end, "event"));
        if let Some(aside) = &done.aside {
            telln!("what stood there is kept: {}", aside.display());
        }
        let at =
            done.last_at.map_or(String::new(), |at| format!(", recorded {} UTC", time::moment(at, chrono_tz::Tz::UTC)));
        let lost = match done.before {
            Before::Same => String::new(),
            Before::WentOn(last) if last == end + 1 => {
                format!(
                    "Event #{last} was recorded after the backup was taken and is not in it; it is in what was kept."
                )
            }
            Before::WentOn(last) => format!(
                "Events #{} to #{last} were recorded after the backup was taken and are not in it; they are in what was kept.",
                end + 1
            ),
            Before::Unknown => format!(
                "It ends with #{end}{at}. Whatever was recorded after that, from #{} on, is not in it.",
                end + 1
            ),
            Before::Another => format!(
                "It ends with #{end}{at}. What stood there before is another journal, or was rewritten \
                 since the backup was taken."
            ),
        };
        self.paragraph(&lost);
        if !done.erased_again.is_empty() {
            let numbers: Vec<String> = done.erased_again.iter().map(|number| format!("#{number}")).collect();
            let which = numbers.join(", ");
            self.paragraph(&format!("What was erased since the backup was taken is erased again: {which}."));
        }
        if !done.open.is_empty() {
            let runs = if done.open.len() == 1 { "One run was" } else { "These runs were" };
            self.paragraph(&format!(
                "{runs} under way when the backup was taken. As after a crash, a change that was sent and not answered by \
                 then is in doubt, and what was done later is not known here: look at the world before going on."
            ));
            for (run, title) in &done.open {
                telln!("  rundown run --resume {:<8} {}", run.as_str(), one_line(title, 80));
            }
        }
        Ok(Exit::Succeeded)
    }

    fn paragraph(&self, text: &str) {
        if !text.is_empty() {
            telln!("{}", wrap(text, "", self.width));
        }
    }
}

/// `96 KiB`, `1.2 MiB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..=1_048_575 => format!("{} KiB", bytes.div_ceil(1024)),
        #[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
