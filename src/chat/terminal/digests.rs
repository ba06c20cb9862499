//! Digests at a terminal.
//!
//! Lives here: the text. Never lives here: what a digest says (`view::digest`).

use super::Exit;
use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown};
use crate::domain::digest::model::Digest;
use crate::view::digest::{about, quiet, sections, title};

/// The digest as it would be sent.
pub(super) fn digest(show: &Show, digest: &Digest) -> Shown {
    telln!("{}", show.paint.bold(&title(digest)));
    about(digest).iter().for_each(|line| telln!("{}", wrap(line, "", show.width)));
    if let Some(quiet) = quiet(digest) {
        telln!("\n{}", wrap(&quiet, "", show.width));
    }
    for section in sections(digest) {
        telln!("\n{}", show.paint.bold(&section.title));
        for line in section.lines {
            let lead = if line.lead.is_empty() { String::new() } else { format!("{}: ", line.lead) };
            telln!("{}", wrap(&format!("- {lead}{}", line.text), "  ", show.width));
        }
    }
    Ok(Exit::Succeeded)
}
