//! What people suspected, looked at and settled on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use crate::domain::incident::investigation::{EvidenceFound, Hypothesis, Verdict};
use crate::domain::incident::item::{ItemId, ItemKind};
use crate::domain::timeline::Fact;
use crate::view::time;

/// The longest text of one statement, in characters.
pub(super) const TEXT: usize = 2_000;

/// The events that speak of each numbered thing.
pub(super) type ItemCites = BTreeMap<ItemId, Cites>;

pub(super) fn item_cites(context: &Context<'_>) -> ItemCites {
    let mut cites = ItemCites::new();
    for recorded in context.facts {
        if let Fact::Incident(_, event) = &recorded.event
            && let Some(id) = event.item()
        {
            cites.entry(id).or_default().add(recorded.pos);
        }
    }
    cites
}

pub(super) fn cites_of(cites: &ItemCites, kind: ItemKind, number: u32) -> String {
    cites.get(&ItemId { kind, number }).map(Cites::text).unwrap_or_default()
}

/// The investigation as the templates see it.
#[derive(Serialize)]
pub(super) struct Findings {
    hypotheses: Vec<Suspicion>,
    /// What is looked at now: the last open hypothesis of this incident's own fault.
    focus: Option<Suspicion>,
    eliminated: Vec<Suspicion>,
    /// Other faults, found on the way.
    different: Vec<Suspicion>,
    evidence: Vec<Evidence>,
    /// What belongs to no hypothesis that still stands.
    loose: Vec<Evidence>,
    pub(super) root: Vec<Cause>,
    contributing: Vec<Cause>,
}

#[derive(Clone, Serialize)]
struct Suspicion {
    id: String,
    claim: String,
    verdict: &'static str,
    why: String,
    expecting: String,
    test: String,
    different: bool,
    evidence: Vec<Evidence>,
    cites: String,
}

#[derive(Clone, Serialize)]
struct Evidence {
    id: String,
    about: String,
    time: String,
    checked: String,
    found: String,
    implication: String,
    link: String,
    cites: String,
}

#[derive(Serialize)]
pub(super) struct Cause {
    id: String,
    text: String,
    from: String,
    cites: String,
}

pub(super) fn findings(context: &Context<'_>, cites: &ItemCites) -> Findings {
    let Some(known) = context.incident.as_ref().map(|state| &state.investigation) else {
        return Findings {
            hypotheses: Vec::new(),
            focus: None,
            eliminated: Vec::new(),
            different: Vec::new(),
            evidence: Vec::new(),
            loose: Vec::new(),
            root: Vec::new(),
            contributing: Vec::new(),
        };
    };
    let evidence: Vec<(u32, Evidence)> = known
        .evidence
        .iter()
        .map(|(number, found)| {
            let since = known.evidence.item(number).map(|item| item.since);
            let time = since.map_or(NOT_RECORDED.to_owned(), |since| time::moment(since, context.zone));
            (found.hypothesis.map_or(0, |about| about.number), looked(number, found, time, cites))
        })
        .collect();
    let hypotheses: Vec<(Verdict, Suspicion)> = known
        .hypotheses
        .iter()
        .map(|(number, hypothesis)| {
            let about = evidence.iter().filter(|(of, _)| *of == number).map(|(_, found)| found.clone()).collect();
            (hypothesis.verdict, suspicion(number, hypothesis, about, cites))
        })
        .collect();
    let of = |wanted: &dyn Fn(Verdict, &Suspicion) -> bool| -> Vec<Suspicion> {
        let chosen = hypotheses.iter().filter(|(verdict, suspicion)| wanted(*verdict, suspicion));
        chosen.map(|(_, suspicion)| suspicion.clone()).collect()
    };
    let causes = |root: bool| -> Vec<Cause> {
        let chosen = known.causes.iter().filter(|(_, cause)| cause.root == root);
        chosen
            .map(|(number, cause)| Cause {
                id: format!("C{number}"),
                text: md(&cause.text, TEXT),
                from: cause.hypothesis.map_or(String::new(), |hypothesis| format!(" (from {hypothesis})")),
                cites: cites_of(cites, ItemKind::Cause, number),
            })
            .collect()
    };
    Findings {
        focus: of(&|verdict, suspicion| verdict == Verdict::Open && !suspicion.different).pop(),
        eliminated: of(&|verdict, _| verdict == Verdict::Eliminated),
        different: of(&|_, suspicion| suspicion.different),
        loose: evidence
            .iter()
            .filter(|(about, _)| known.hypotheses.get(*about).is_none())
            .map(|(_, found)| found.clone())
            .collect(),
        evidence: evidence.into_iter().map(|(_, found)| found).collect(),
        root: causes(true),
        contributing: causes(false),
        hypotheses: hypotheses.into_iter().map(|(_, suspicion)| suspicion).collect(),
    }
}

fn suspicion(number: u32, hypothesis: &Hypothesis, evidence: Vec<Evidence>, cites: &ItemCites) -> Suspicion {
    let said = |text: &Option<String>| text.as_deref().map_or(NOT_RECORDED.to_owned(), |text| md(text, TEXT));
    Suspicion {
        id: format!("H{number}"),
        claim: md(&hypothesis.stated.claim, TEXT),
        verdict: hypothesis.verdict.word(),
        why: hypothesis.why.as_deref().map_or(String::new(), |why| md(why, TEXT)),
        expecting: said(&hypothesis.stated.expecting),
        test: said(&hypothesis.stated.test),
        different: hypothesis.stated.different_problem,
        evidence,
        cites: cites_of(cites, ItemKind::Hypothesis, number),
    }
}

fn looked(number: u32, found: &EvidenceFound, time: String, cites: &ItemCites) -> Evidence {
    Evidence {
        id: format!("E{number}"),
        about: found.hypothesis.map_or("–".to_owned(), |about| about.to_string()),
        time,
        checked: md(&found.checked, TEXT),
        found: md(&found.found, TEXT),
        implication: found.implication.as_deref().map_or("–".to_owned(), |text| md(text, TEXT)),
        link: found.url.as_deref().map(super::cite::address).unwrap_or_default(),
        cites: cites_of(cites, ItemKind::Evidence, number),
    }
}
