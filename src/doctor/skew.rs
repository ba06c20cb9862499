//! Whether this machine's clock is right, by the `Date` of answers that were asked for anyway.
//!
//! Lives here: how far an answer says it is off, what several answers say together. Never lives here: asking.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::base::clock::OFF;
use crate::base::event::Instant;
use crate::client::http::HttpResponse;
use crate::view::time;

const CHECK: &str = "clock";
/// From here on deadlines, approvals and tokens expire at the wrong time.
const WRONG: TimeDelta = TimeDelta::seconds(60);

/// How far this clock is ahead of a server's (negative: behind), as little as the answer allows: `Date` has whole seconds, and
/// was written some time between asking and answering. `None` where the answer does not tell, or came out of a cache.
#[must_use]
pub fn ahead(asked: Instant, answered: Instant, answer: &HttpResponse) -> Option<TimeDelta> {
    if answer.header("age").is_some_and(|age| age.trim() != "0") {
        return None;
    }
    let date = DateTime::parse_from_rfc2822(answer.header("date")?.trim()).ok()?.with_timezone(&Utc);
    let (least, most) = (asked - (date + TimeDelta::seconds(1)), answered - date);
    Some(if least > TimeDelta::zero() { least } else { most.min(TimeDelta::zero()) })
}

/// What the answers of several servers say together: the one in the middle, so that one server with a wrong clock accuses
/// nobody.
#[must_use]
pub fn judge(mut seen: Vec<TimeDelta>) -> Finding {
    seen.sort();
    let Some(ahead) = seen.get(seen.len() / 2).copied() else {
        return Finding::note(CHECK, "it could not be compared: no answer had a date");
    };
    let servers = if seen.len() == 1 { "1 server".to_owned() } else { format!("{} servers", seen.len()) };
    let way = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
    let off = || format!("it is {} {way} that of {servers}", time::length(ahead.abs()));
    let mend = "Let the system set its clock (NTP): times in the timeline, deadlines and tokens hang on it.";
    match ahead.abs() {
        off if off <= OFF => Finding::good(CHECK, format!("it agrees with {servers}")),
        size if size <= WRONG => Finding::warn(CHECK, off()).mend(mend),
        _ => Finding::wrong(CHECK, off()).mend(mend),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Instant {
        "2026-03-01T10:00:00Z".parse::<Instant>().unwrap() + TimeDelta::seconds(second)
    }

    fn dated(date: &str, more: &[(&str, &str)]) -> HttpResponse {
        let date = ("date", date);
        let headers = std::iter::once(&date).chain(more).map(|(name, value)| ((*name).into(), (*value).into()));
        HttpResponse { headers: headers.collect(), ..HttpResponse::default() }
    }

    #[test]
    fn a_slow_answer_does_not_make_a_clock_wrong() {
        let answer = dated("Sun, 01 Mar 2026 10:00:00 GMT", &[]);
        assert_eq!(ahead(at(0), at(0), &answer), Some(TimeDelta::zero()));
        assert_eq!(ahead(at(-4), at(4), &answer), Some(TimeDelta::zero()), "written some time in between");
        assert_eq!(ahead(at(91), at(92), &answer), Some(TimeDelta::seconds(90)));
        assert_eq!(ahead(at(-70), at(-69), &answer), Some(TimeDelta::seconds(-69)));
        assert_eq!(ahead(at(900), at(900), &dated("Sun, 01 Mar 2026 10:00:00 GMT", &[("age", "900")])), None);
        assert_eq!(ahead(at(0), at(0), &dated("yesterday", &[])), None);
    }

    #[test]
    fn the_clock_is_judged_by_the_server_in_the_middle() {
        let judged = |seconds: &[i64]| judge(seconds.iter().map(|second| TimeDelta::seconds(*second)).collect());
        let all = [judged(&[]), judged(&[0]), judged(&[0, 3600, 1]), judged(&[-6, -7, 0]), judged(&[90, 90])];
        insta::assert_snapshot!(super::super::finding::page(&all, Default::default(), 100));
    }
}
