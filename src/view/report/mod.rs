//! The postmortem and the other pages about an incident: facts in, a view model, a Markdown page and its charts out. Pure.
//!
//! Lives here: [`report`] and the pages' frame; each section is a file that reads the facts by itself. One view model serves
//! all pages: they differ in their templates. Every generated statement cites its events, and what nobody recorded reads "not recorded". All text from outside is neutralised when
//! the view model is made, because the template does not escape. Never lives here: where the files go.

mod asked;
mod check;
mod cite;
mod criteria;
mod deployments;
mod drawn;
mod findings;
mod glance;
mod limits;
mod measurements;
mod missing;
mod open;
mod pairs;
mod repairs;
mod resolution;
mod review;
mod suites;
#[cfg(test)]
mod tests;
mod timeline;
mod watches;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use handlebars::Handlebars;
use serde::Serialize;

use crate::base::event::{Instant, Recorded, RunId};
use crate::base::schedule::zone;
use crate::domain::incident;
use crate::domain::incident::event::Event;
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
use crate::view::chart::Look;
use crate::view::sentence::Wording;
use crate::view::time;

pub use cite::{Cites, NOT_RECORDED};
pub use drawn::{Drawn, Picture};

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Everything, for the review and for later.
    Postmortem,
    /// One page for those who decide: what is wrong, the tests, the cause, what to do.
    Summary,
    /// How the cause was looked for: what was suspected, checked, found, ruled out.
    Debugging,
    /// What was done phase by phase, with the proof.
    Phases,
    /// A few sentences for those who wait, ready to be copied.
    Update,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Postmortem, Self::Summary, Self::Debugging, Self::Phases, Self::Update];

    /// As people type it, and the name of its files without their endings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Postmortem => "postmortem",
            Self::Summary => "summary",
            Self::Debugging => "debugging",
            Self::Phases => "phases",
            Self::Update => "update",
        }
    }

    /// The name of its template in the operator's folder.
    #[must_use]
    pub fn template_file(self) -> String {
        format!("{}.md.hbs", self.word())
    }

    fn template(self) -> &'static str {
        match self {
            Self::Postmortem => include_str!("../../../templates/postmortem.md.hbs"),
            Self::Summary => include_str!("../../../templates/summary.md.hbs"),
            Self::Debugging => include_str!("../../../templates/debugging.md.hbs"),
            Self::Phases => include_str!("../../../templates/phases.md.hbs"),
            Self::Update => include_str!("../../../templates/update.md.hbs"),
        }
    }
}

/// What a page is made with besides the facts.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Shows times in this zone instead of the incident's own (which is UTC where none was recorded).
    pub zone: Option<Tz>,
    /// The journal's head, `pos:hash`, against which `verify --anchor` checks.
    pub anchor: Option<String>,
    /// When this page is made.
    pub generated_at: Instant,
    /// The operator's own Handlebars template instead of the built-in one.
    pub template: Option<&'a str>,
    /// What the runs were pinned to, as far as it can be read: gives phases and limits.
    pub plans: &'a BTreeMap<RunId, Arc<Plan>>,
}

/// A page and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The page.
    pub markdown: String,
    /// Files beside it, by the name that the page links: SVG.
    pub charts: Vec<(String, String)>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The template does not parse, or names something that is not there.
    #[error(
        "{file}{place} does not work: {why}; compare it with the built-in one (`rundown report {kind} --template`)"
    )]
    Template {
        /// Its name.
        file: String,
        /// `, line 12`, where it is known.
        place: String,
        /// What is wrong.
        why: String,
        /// Of which page.
        kind: &'static str,
    },
}

/// What every section needs.
struct Context<'a> {
    facts: &'a [Recorded<Fact>],
    zone: Tz,
    incident: Option<incident::State>,
    wording: Wording,
    plans: &'a BTreeMap<RunId, Arc<Plan>>,
    erased: missing::Erased,
}

/// A page as its template sees it.
#[derive(Serialize)]
struct Page {
    glance: glance::Glance,
    timeline: timeline::Timeline,
    deployments: Vec<deployments::Deployed>,
    resolution: Vec<resolution::Run>,
    criteria: Vec<criteria::Judgement>,
    suites: Vec<suites::Suite>,
    measurements: measurements::Measurements,
    pairs: Vec<pairs::Shown>,
    watches: Vec<watches::Watch>,
    doubts: Vec<asked::Doubt>,
    decisions: Vec<asked::Decision>,
    overrides: Vec<asked::Override>,
    open: Vec<open::Open>,
    follow_ups: Vec<open::FollowUp>,
    findings: findings::Findings,
    review: review::Review,
    /// Whether there is anything to say of what people saw.
    has_symptoms: bool,
    /// Whether there is an action item or an open end.
    has_next: bool,
    /// Whether anything is left to do.
    has_left: bool,
    anchor: Option<String>,
    generated_at: String,
    missing: missing::Missing,
    not_recorded: &'static str,
}

/// A page about one incident from its facts, in order of their positions. Any part of the facts gives a page.
///
/// # Errors
/// A template of the operator's that does not work.
pub fn report(kind: Kind, facts: &[Recorded<Fact>], options: &Options<'_>) -> Result<Report, ReportError> {
    let context = context(facts, options);
    let (page, drawn) = page(&context, options);
    let markdown = render(kind, options.template, &page)?;
    // Only the postmortem shows them.
    let drawn = if kind == Kind::Postmortem { drawn } else { Vec::new() };
    let charts = drawn.iter().map(|drawn| (file(&drawn.name), drawn.picture.svg(Look::page()))).collect();
    Ok(Report { markdown, charts })
}

/// The charts of an incident: one of each watch that has samples, and one of each change that has samples of the same
/// series before and behind it. Any part of the facts will do.
#[must_use]
pub fn charts(facts: &[Recorded<Fact>], options: &Options<'_>) -> Vec<Drawn> {
    let context = context(facts, options);
    drawn::drawn(&context, &watches::readings(&context), &repairs::repairs(&context))
}

/// The name of a chart's file, as the page links it.
fn file(name: &str) -> String {
    format!("{name}.svg")
}

/// What is missing in the record, or said without anything to support it: a line each, for whoever writes the postmortem.
#[must_use]
pub fn check(facts: &[Recorded<Fact>], options: &Options<'_>) -> Vec<String> {
    let context = context(facts, options);
    let (page, _) = page(&context, options);
    check::lacks(&context, &page, options.generated_at)
}

/// The template that is built in.
#[must_use]
pub fn built_in_template(kind: Kind) -> &'static str {
    kind.template()
}

fn context<'a>(facts: &'a [Recorded<Fact>], options: &Options<'a>) -> Context<'a> {
    let incident = fold_incident(facts);
    let recorded_zone = incident.as_ref().and_then(|state| zone(state.zone.as_deref()?).ok());
    let zone = options.zone.or(recorded_zone).unwrap_or(Tz::UTC);
    let mut wording = Wording::new(zone);
    for (run, plan) in options.plans {
        wording.know(run, plan);
    }
    for recorded in facts {
        wording.tell(&recorded.event);
    }
    Context { facts, zone, incident, wording, plans: options.plans, erased: missing::erased(facts) }
}

fn page(context: &Context<'_>, options: &Options<'_>) -> (Page, Vec<Drawn>) {
    let zone = context.zone;
    let readings = watches::readings(context);
    let repairs = repairs::repairs(context);
    let drawn = drawn::drawn(context, &readings, &repairs);
    let watches = readings.into_iter().enumerate().map(|(index, reading)| {
        let chart = drawn.iter().find(|drawn| drawn.watch == Some(index));
        reading.finish(context, chart.map(|drawn| file(&drawn.name)))
    });
    let watches = watches.collect();
    let doubts = asked::doubts(context);
    let criteria = criteria::judgements(context);
    let resolution = resolution::runs(context);
    let items = findings::item_cites(context);
    let review = review::review(context, &items, options.generated_at.with_timezone(&zone).date_naive());
    let open = open::open(&resolution, &criteria, &doubts);
    let follow_ups = open::follow_ups(context);
    let page = Page {
        has_symptoms: !review.impact.is_empty() || resolution.iter().any(resolution::Run::has_failed_steps),
        has_next: !open.is_empty() || !review.actions.is_empty(),
        has_left: !open.is_empty() || !follow_ups.is_empty() || review.actions.iter().any(|action| !action.done),
        glance: glance::glance(context),
        timeline: timeline::timeline(context),
        deployments: deployments::deployments(context),
        open,
        follow_ups,
        findings: findings::findings(context, &items),
        review,
        resolution,
        criteria,
        suites: suites::suites(context),
        measurements: measurements::measurements(context, &repairs),
        pairs: pairs::shown(&drawn),
        watches,
        doubts,
        decisions: asked::decisions(context),
        overrides: asked::overrides(context),
        anchor: options.anchor.as_deref().map(|anchor| cite::md(anchor, 200)),
        generated_at: format!(
            "{} ({})",
            time::moment(options.generated_at, zone),
            time::zone_label(options.generated_at, zone)
        ),
        missing: missing::missing(context),
        not_recorded: NOT_RECORDED,
    };
    (page, drawn)
}

fn render(kind: Kind, own: Option<&str>, page: &Page) -> Result<String, ReportError> {
    let mut registry = Handlebars::new();
    registry.register_escape_fn(handlebars::no_escape);
    registry.set_strict_mode(true);
    let failed = |line: Option<usize>, why: String| ReportError::Template {
        file: kind.template_file(),
        place: line.map_or(String::new(), |line| format!(", line {line}")),
        why,
        kind: kind.word(),
    };
    let template = handlebars::Template::compile(own.unwrap_or(kind.template()))
        .map_err(|error| failed(error.pos().map(|(line, _)| line), error.reason().to_string()))?;
    registry.register_template(kind.word(), template);
    registry.render(kind.word(), page).map_err(|error| failed(error.line_no, error.reason().to_string()))
}

/// The incident as far as its events allow. Where its declaration was erased or is not among the facts, the later events
/// still count, and nothing is made up for it: the sections ask whether it is there before they show what it says.
fn fold_incident(facts: &[Recorded<Fact>]) -> Option<incident::State> {
    let declared = |recorded: &Recorded<Fact>| matches!(&recorded.event, Fact::Incident(_, Event::Declared(_)));
    let mut state = None;
    if !facts.iter().any(declared) {
        let first = facts.iter().find(|recorded| matches!(recorded.event, Fact::Incident(..)))?;
        let at = first.head.occurred_at;
        state = Some(incident::State::undeclared(at));
    }
    for recorded in facts {
        if let Fact::Incident(_, event) = &recorded.event
            && incident::State::step(&mut state, event, recorded.head.occurred_at).is_err()
        {
            tracing::warn!(pos = recorded.pos, "an incident event that does not fit is left out of the page's head");
        }
    }
    state
}
