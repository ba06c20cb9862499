//! What a sentence names as a terminal types it, named as it is filled in here: `--why TEXT` is the option `why`.
//!
//! Lives here: that translation, for sentences of ours (refusals, hints). Never lives here: text that people wrote, which stays
//! as they wrote it.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::verbs::verbs;

/// Commands as a terminal types them, with what stands behind them.
const COMMAND: &str = r"rundown((?: (?:--[a-z][a-z-]*|[A-Za-z][A-Za-z0-9_/-]*|…))+)";

fn pattern(text: &str) -> Regex {
    #[allow(clippy::expect_used, reason = "a constant, and a test reads it")]
    Regex::new(text).expect("a pattern")
}

/// A sentence of ours, with commands and options as they are named here.
#[must_use]
pub fn spoken(text: &str) -> String {
    translated(text, &options)
}

/// A page of ours that also says what people wrote: only whole commands are named as they are here.
#[must_use]
pub fn commands(text: &str) -> String {
    translated(text, &str::to_owned)
}

fn translated(text: &str, between: &dyn Fn(&str) -> String) -> String {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| pattern(COMMAND));
    static PATHS: LazyLock<Vec<String>> =
        LazyLock::new(|| verbs().into_iter().map(|verb| verb.path.join(" ")).collect());
    let (mut told, mut done) = (String::with_capacity(text.len()), 0);
    for found in PATTERN.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        told.push_str(&between(&text[done..whole.start()]));
        // What is said at a terminal only is said as it is said there.
        told.push_str(&command(&found, &PATHS).unwrap_or_else(|| whole.as_str().to_owned()));
        done = whole.end();
    }
    told + &between(&text[done..])
}

/// `/cause hypothesis: H1`, and the words behind it as they were; `None` for a command that there is not here.
fn command(found: &Captures<'_>, paths: &[String]) -> Option<String> {
    let words: Vec<&str> = found[1].split_whitespace().collect();
    let known = |count: usize| {
        let path = words.get(..count)?.join(" ");
        paths.contains(&path).then_some((path, count))
    };
    let (path, used) = match words.as_slice() {
        // A run that is held up goes on; to drive it, which a terminal does besides, is the server's affair.
        ["run", "--resume", ..] => ("runbook resume".to_owned(), 2),
        _ => known(2).or_else(|| known(1))?,
    };
    let mut told = format!("/{path}");
    let mut words = words[used..].iter().copied().peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--") else {
            if !stands_in(word) {
                told.push_str(&format!(" {word}"));
            }
            continue;
        };
        let value = match words.next_if(|next| stands_in(next) || is_name(next)) {
            Some(value) if stands_in(value) => "…",
            Some(value) => value,
            None => "True",
        };
        told.push_str(&format!(" {option}: {value}"));
    }
    Some(told)
}

/// Whether a word names something: `H1`, `run-2`.
fn is_name(word: &str) -> bool {
    word.ends_with(|char: char| char.is_ascii_digit())
}

/// Whether a word stands for what a person fills in: `TEXT`.
fn stands_in(word: &str) -> bool {
    word == "…" || (word.len() > 2 && word.chars().all(|char| char.is_ascii_uppercase()))
}

/// Options alone: `fill in `why``.
fn options(text: &str) -> String {
    static WHY: LazyLock<Regex> = LazyLock::new(|| pattern(r"([Ss])ay why with --why(?: TEXT)?|(: )--why TEXT"));
    static OPTION: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(^|[\s(`'])--([a-z][a-z-]*)(?: (?:[A-Z]{3,}\b|<[A-Z_]+>))?"));
    let text =
        WHY.replace_all(text, |found: &Captures<'_>| match (found.get(1).map(|one| one.as_str()), found.get(2)) {
            (Some("S"), _) => "Fill in `why`".to_owned(),
            (_, Some(_)) => ": fill in `why`".to_owned(),
            _ => "fill in `why`".to_owned(),
        });
    OPTION.replace_all(&text, "$1`$2`").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_options_as_they_are_here() {
        let told = [
            "it is not recommended: say why with --why",
            "Vic is a viewer. Say why with --why TEXT and it is done all the same, on record.",
            "say why it is frozen: --why TEXT; whoever is held up by it reads that",
            "so it takes another person, or: rundown approve --break-glass --why TEXT",
            "which environment? name one with --env: blue, green",
            "--zone Mars: there is no such zone",
            "there is no A7 here; `rundown action list --all` shows what there is",
            "run-1 is paused by Ana; `rundown run --resume run-1` goes on",
            "C1 rests on H2, which was withdrawn: rundown cause … --corrects C1",
            "no root cause is named: rundown cause TEXT, or rundown cause --hypothesis H1",
            "H1 has no owner: rundown action set A1 --owner PERSON --due DATE",
            "rundown export inc-1 --to DIR writes it at a terminal",
            "invalid value 'P9' for '--severity <SEVERITY>'",
            "`rundown approve`, `decide`, `runbook pause` and so on reach it from here",
            "a - b -- c is no option, nor is x--y",
        ]
        .map(spoken);
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn what_people_wrote_stays_as_they_wrote_it() {
        let page = "Ana noted: ran sweep --all by hand\n• H1 is confirmed: rundown evidence … --hypothesis H1";
        assert_eq!(commands(page), "Ana noted: ran sweep --all by hand\n• H1 is confirmed: /evidence hypothesis: H1");
    }
}
