//! What is said about pages.
//!
//! Lives here: the text. Never lives here: who is called when (`domain/page`).

use super::out::telln;
use super::show::{Show, Shown};
use super::{Exit, json};
use crate::bot::paging::Paged;
use crate::view::pages::{headline, standing};

impl Show {
    /// Pages, or what became of one.
    pub fn paged(&self, paged: &Paged) -> Shown {
        match paged {
            Paged::Told { facts, .. } if self.json => facts.iter().for_each(|fact| telln!("{}", json::line(fact))),
            Paged::List { pages, all, zone } => {
                match (pages.is_empty(), all) {
                    (true, true) => telln!("there has been no page yet"),
                    (true, false) => telln!("nobody is called, and no page's incident goes on"),
                    (false, _) => {}
                }
                for page in pages {
                    telln!("{}", headline(page));
                    telln!("  {}", self.paint.dim(&standing(page, self.now, *zone)));
                }
            }
            Paged::Told { page, zone, .. } => {
                telln!("{}", headline(page));
                telln!("  {}", standing(page, self.now, *zone));
            }
        }
        Ok(Exit::Succeeded)
    }
}
