//! Signing in to the pages, in words for every door.
//!
//! Lives here: the sentences. Never lives here: links themselves (whoever shows one does).

/// What stands beside a link.
pub const ABOUT_A_LINK: &str =
    "It signs you in once, within ten minutes, for twelve hours. It is yours alone: whoever opens it is taken for you.";

/// That somebody signed out everywhere; `count` sessions and links were ended by that.
#[must_use]
pub fn signed_out(count: usize) -> String {
    match count {
        0 => "you were signed in nowhere".to_owned(),
        1 => "signed out: one session or link ended".to_owned(),
        several => format!("signed out everywhere: {several} sessions and links ended"),
    }
}
