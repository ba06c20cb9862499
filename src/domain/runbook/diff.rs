//! What a review of a changed runbook must see.
//!
//! Lives here: [`compare`]: guards that were removed or weakened first, then everything else. Never lives here: a line by
//! line comparison of the text; `git diff` does that.

use std::collections::{BTreeSet, HashMap};

use super::model::{Approval, Destination, Does, OnDoubt, OnFailure, Runbook, Step, Wait};
use crate::base::text::one_line;

/// How much a difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A guard is gone or weaker.
    Guard,
    /// The run does something else.
    Behaviour,
    /// People read something else.
    Words,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How much it matters.
    pub weight: Weight,
    /// A sentence: `approval removed from Restart Redis`.
    pub text: String,
    /// The line in the new page, where the step is there.
    pub line: Option<u32>,
}

/// All differences, the weightiest first.
#[must_use]
pub fn compare(old: &Runbook, new: &Runbook) -> Vec<Difference> {
    let mut differences = Differences::default();
    differences.page(old, new);
    let before: HashMap<&str, (usize, &Step)> = by_id(old);
    let after: HashMap<&str, (usize, &Step)> = by_id(new);
    for step in old.steps.iter().filter(|step| !after.contains_key(step.id.as_str())) {
        let guard = step.always_after.is_some() || !step.expect.is_empty();
        let weight = if guard { Weight::Guard } else { Weight::Behaviour };
        differences.add(weight, None, format!("step removed: {}", name(step)));
    }
    for step in &new.steps {
        match before.get(step.id.as_str()) {
            None => differences.add(Weight::Behaviour, Some(step), format!("step added: {}", name(step))),
            Some((_, earlier)) => differences.step(earlier, step),
        }
    }
    differences.moved(new, &before);
    differences.criteria(old, new);
    differences.0.sort_by_key(|difference| difference.weight);
    differences.0
}

fn by_id(runbook: &Runbook) -> HashMap<&str, (usize, &Step)> {
    runbook.steps.iter().enumerate().map(|(position, step)| (step.id.as_str(), (position, step))).collect()
}

fn name(step: &Step) -> String {
    one_line(&step.title, 100)
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, weight: Weight, step: Option<&Step>, text: String) {
        self.0.push(Difference { weight, text, line: step.map(|step| step.line) });
    }

    fn page(&mut self, old: &Runbook, new: &Runbook) {
        if old.title != new.title {
            self.add(Weight::Words, None, format!("title changed to {}", one_line(&new.title, 100)));
        }
        if old.severity != new.severity {
            let shown = |severity: Option<crate::base::event::Severity>| {
                severity.map_or("none".to_owned(), |found| found.to_string())
            };
            self.add(
                Weight::Behaviour,
                None,
                format!("severity changed from {} to {}", shown(old.severity), shown(new.severity)),
            );
        }
        for target in new.targets.iter().filter(|target| !old.targets.contains(target)) {
            self.add(Weight::Guard, None, format!("it now acts on {target}"));
        }
        for target in old.targets.iter().filter(|target| !new.targets.contains(target)) {
            self.add(Weight::Behaviour, None, format!("it no longer acts on {target}"));
        }
        if old.deadline != new.deadline {
            let shown = new.deadline.map_or("removed".to_owned(), |deadline| format!("changed to {deadline}"));
            let weight =
                if new.deadline.is_none() || new.deadline > old.deadline { Weight::Guard } else { Weight::Behaviour };
            self.add(weight, None, format!("deadline of the run {shown}"));
        }
        let names: BTreeSet<&String> = old.inputs.keys().chain(new.inputs.keys()).collect();
        for input in names {
            match (old.inputs.get(input), new.inputs.get(input)) {
                (None, _) => self.add(Weight::Behaviour, None, format!("input added: {input}")),
                (_, None) => self.add(Weight::Behaviour, None, format!("input removed: {input}")),
                (before, after) if before != after => {
                    self.add(Weight::Behaviour, None, format!("input changed: {input}"))
                }
                _ => {}
            }
        }
        for phase in &new.phases {
            match old.phases.iter().find(|before| before.title == phase.title) {
                Some(before) if before.covered && !phase.covered => {
                    self.add(Weight::Guard, None, format!("phase no longer covered: {}", phase.title));
                }
                Some(before) if !before.covered && phase.covered => {
                    self.add(Weight::Behaviour, None, format!("phase now covered: {}", phase.title));
                }
                _ => {}
            }
        }
    }

    fn step(&mut self, old: &Step, new: &Step) {
        let step = Some(new);
        if old.title != new.title {
            self.add(Weight::Words, step, format!("{} is now called {}", name(old), name(new)));
        }
        if old.prose != new.prose {
            self.add(Weight::Words, step, format!("instructions changed for {}", name(new)));
        }
        self.approval(old.approval.as_ref(), new.approval.as_ref(), new);
        self.conditions(old, new);
        self.does(old, new);
        if old.timeout != new.timeout {
            let text = match (old.timeout, new.timeout) {
                (Some(before), Some(after)) if after > before => {
                    format!("timeout longer for {}: {before} → {after}", name(new))
                }
                (Some(before), Some(after)) => format!("timeout shorter for {}: {before} → {after}", name(new)),
                (None, Some(after)) => format!("timeout of {after} added to {}", name(new)),
                _ => format!("timeout removed from {}", name(new)),
            };
            let weaker = new.timeout.is_none() || old.timeout.is_some_and(|before| new.timeout > Some(before));
            self.add(if weaker { Weight::Guard } else { Weight::Behaviour }, step, text);
        }
        if old.retry != new.retry {
            let shown = |retry: &Option<super::model::Retry>| {
                retry
                    .as_ref()
                    .map_or("no retry".to_owned(), |retry| format!("{} tries {} apart", retry.attempts, retry.delay))
            };
            self.add(
                Weight::Behaviour,
                step,
                format!("retry changed for {}: {} → {}", name(new), shown(&old.retry), shown(&new.retry)),
            );
        }
        if old.idempotent != new.idempotent {
            let text = if new.idempotent {
                "now says that doing it twice is the same as once"
            } else {
                "no longer says that it is idempotent"
            };
            let weight = if new.idempotent { Weight::Guard } else { Weight::Behaviour };
            self.add(weight, step, format!("{} {text}", name(new)));
        }
        self.ways(old, new);
    }

    fn approval(&mut self, old: Option<&Approval>, new: Option<&Approval>, step: &Step) {
        match (old, new) {
            (Some(_), None) => self.add(Weight::Guard, Some(step), format!("approval removed from {}", name(step))),
            (None, Some(_)) => self.add(Weight::Behaviour, Some(step), format!("approval added to {}", name(step))),
            (Some(before), Some(after)) if before != after => {
                if before.quorum != after.quorum {
                    let weight = if after.quorum < before.quorum { Weight::Guard } else { Weight::Behaviour };
                    let text =
                        format!("approval of {} takes {} instead of {}", name(step), after.quorum, before.quorum);
                    self.add(weight, Some(step), text);
                }
                if before.within != after.within {
                    let weight = if after.within > before.within { Weight::Guard } else { Weight::Behaviour };
                    let text =
                        format!("approval of {} is good for {} instead of {}", name(step), after.within, before.within);
                    self.add(weight, Some(step), text);
                }
                if before.on_timeout != after.on_timeout {
                    self.add(
                        Weight::Behaviour,
                        Some(step),
                        format!("what a missed approval of {} does has changed", name(step)),
                    );
                }
            }
            _ => {}
        }
    }

    fn conditions(&mut self, old: &Step, new: &Step) {
        let step = Some(new);
        let sources =
            |step: &Step| step.expect.iter().map(|condition| condition.source().to_owned()).collect::<BTreeSet<_>>();
        let (before, after) = (sources(old), sources(new));
        for gone in before.difference(&after) {
            self.add(Weight::Guard, step, format!("expectation removed from {}: {gone}", name(new)));
        }
        for added in after.difference(&before) {
            self.add(Weight::Behaviour, step, format!("expectation added to {}: {added}", name(new)));
        }
        if old.when != new.when {
            let text = match (&old.when, &new.when) {
                (Some(before), Some(after)) => {
                    format!("{} runs under another condition: {before} → {after}", name(new))
                }
                (Some(before), None) => format!("{} now always runs; before only if {before}", name(new)),
                (_, Some(after)) => format!("{} now runs only if {after}", name(new)),
                (None, None) => return,
            };
            let weight = if old.when.is_some() { Weight::Guard } else { Weight::Behaviour };
            self.add(weight, step, text);
        }
        if old.save != new.save {
            self.add(Weight::Behaviour, step, format!("what {} keeps has changed", name(new)));
        }
    }

    fn does(&mut self, old: &Step, new: &Step) {
        if old.does == new.does {
            return;
        }
        let step = Some(new);
        match (&old.does, &new.does) {
            (Does::Act(before), Does::Act(after)) if before.kind == after.kind => {
                self.add(Weight::Behaviour, step, format!("{} does {} otherwise", name(new), after.kind.key()));
            }
            (Does::Watch(before), Does::Watch(after)) => {
                if before.lasts != after.lasts {
                    self.add(
                        Weight::Guard,
                        step,
                        format!("{} watches for {} instead of {}", name(new), after.lasts, before.lasts),
                    );
                }
                for limit in before.expect.iter().filter(|limit| !after.expect.contains(limit)) {
                    self.add(Weight::Guard, step, format!("limit removed or changed in {}: {}", name(new), limit.that));
                }
                for forbidden in before
                    .forbid_logs
                    .iter()
                    .filter(|logs| !after.forbid_logs.iter().any(|other| other.text == logs.text))
                {
                    let text = one_line(&forbidden.text, 60);
                    self.add(Weight::Guard, step, format!("{} no longer looks for \"{text}\" in logs", name(new)));
                }
                if after.min_coverage < before.min_coverage {
                    let text = format!(
                        "{} needs {} % of its samples instead of {} %",
                        name(new),
                        after.min_coverage,
                        before.min_coverage
                    );
                    self.add(Weight::Guard, step, text);
                }
                self.add(Weight::Behaviour, step, format!("the watch {} has changed", name(new)));
            }
            (Does::Decide(before), Does::Decide(after)) => {
                let bound = |to: &Destination| if let Destination::Redo { max, .. } = to { *max } else { 0 };
                for case in &after.cases {
                    let earlier = before.cases.iter().find(|earlier| earlier.id == case.id);
                    match earlier {
                        None => self.add(Weight::Behaviour, step, format!("case added to {}: {}", name(new), case.id)),
                        Some(earlier) if bound(&case.to) > bound(&earlier.to) => {
                            let text = format!("{}: {} may be done {} times", name(new), case.id, bound(&case.to));
                            self.add(Weight::Guard, step, text);
                        }
                        Some(earlier) if earlier != case => {
                            self.add(Weight::Behaviour, step, format!("case changed in {}: {}", name(new), case.id));
                        }
                        Some(_) => {}
                    }
                }
                for case in before.cases.iter().filter(|case| !after.cases.iter().any(|other| other.id == case.id)) {
                    self.add(Weight::Behaviour, step, format!("case removed from {}: {}", name(new), case.id));
                }
                if before.deadline != after.deadline || before.on_timeout != after.on_timeout {
                    self.add(Weight::Behaviour, step, format!("the deadline of {} has changed", name(new)));
                }
            }
            (Does::Wait(Wait::For(before)), Does::Wait(Wait::For(after))) => {
                self.add(Weight::Behaviour, step, format!("{} waits {after} instead of {before}", name(new)));
            }
            (before, after) if kind(before) == kind(after) => {
                self.add(Weight::Behaviour, step, format!("{} has changed", name(new)));
            }
            (before, after) => {
                self.add(
                    Weight::Behaviour,
                    step,
                    format!("{} is now {}, before {}", name(new), kind(after), kind(before)),
                );
            }
        }
    }

    /// Where a step leads, and what it is tied to.
    fn ways(&mut self, old: &Step, new: &Step) {
        let step = Some(new);
        if old.on_failure != new.on_failure {
            let shown = |way: &OnFailure| match way {
                OnFailure::Ask => "ask".to_owned(),
                OnFailure::Continue => "continue".to_owned(),
                OnFailure::Stop => "stop".to_owned(),
                OnFailure::Go(to) => to.clone(),
            };
            let weight = if new.on_failure == OnFailure::Continue { Weight::Guard } else { Weight::Behaviour };
            let text = format!("on_failure of {}: {} → {}", name(new), shown(&old.on_failure), shown(&new.on_failure));
            self.add(weight, step, text);
        }
        if old.on_doubt != new.on_doubt {
            let weight = if new.on_doubt == OnDoubt::Probe { Weight::Guard } else { Weight::Behaviour };
            self.add(weight, step, format!("on_doubt of {} has changed", name(new)));
        }
        if old.always_after != new.always_after {
            let (weight, text) = match &new.always_after {
                None => (Weight::Guard, format!("{} is no longer a cleanup that always runs", name(new))),
                Some(after) => (Weight::Behaviour, format!("{} always runs after {after}", name(new))),
            };
            self.add(weight, step, text);
        }
        if old.undo != new.undo || old.during != new.during {
            self.add(Weight::Behaviour, step, format!("{} is tied to other steps than before", name(new)));
        }
        if old.phase != new.phase {
            self.add(Weight::Behaviour, step, format!("{} is in another phase", name(new)));
        }
    }

    /// Steps whose order among those in both pages has changed: the fewest that explain the new order.
    fn moved(&mut self, new: &Runbook, before: &HashMap<&str, (usize, &Step)>) {
        let both: Vec<&Step> = new.steps.iter().filter(|step| before.contains_key(step.id.as_str())).collect();
        let order: Vec<usize> = both.iter().map(|step| before[step.id.as_str()].0).collect();
        let kept = longest_increasing(&order);
        for (index, step) in both.iter().enumerate().filter(|(index, _)| !kept.contains(index)) {
            let behind = index
                .checked_sub(1)
                .map_or("the beginning".to_owned(), |before| format!("behind {}", name(both[before])));
            self.add(Weight::Behaviour, Some(step), format!("step moved: {} ({behind})", name(step)));
        }
    }

    fn criteria(&mut self, old: &Runbook, new: &Runbook) {
        for criterion in &old.criteria {
            match new.criteria.iter().find(|other| other.text == criterion.text) {
                None => self.add(Weight::Guard, None, format!("success criterion removed: {}", criterion.text)),
                Some(other) if other.condition != criterion.condition => {
                    self.add(Weight::Guard, None, format!("success criterion judged otherwise: {}", criterion.text));
                }
                Some(_) => {}
            }
        }
        for criterion in
            new.criteria.iter().filter(|criterion| !old.criteria.iter().any(|other| other.text == criterion.text))
        {
            self.add(Weight::Behaviour, None, format!("success criterion added: {}", criterion.text));
        }
    }
}

fn kind(does: &Does) -> &'static str {
    super::facts::kind_name(does)
}

/// Indices of a longest increasing part of `order`, in O(n log n).
fn longest_increasing(order: &[usize]) -> BTreeSet<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous = vec![None; order.len()];
    for (index, value) in order.iter().enumerate() {
        let at = tails.partition_point(|tail| order[*tail] < *value);
        previous[index] = at.checked_sub(1).map(|before| tails[before]);
        if at == tails.len() {
            tails.push(index);
        } else {
            tails[at] = index;
        }
    }
    let mut kept = BTreeSet::new();
    let mut next = tails.last().copied();
    while let Some(index) = next {
        kept.insert(index);
        next = previous[index];
    }
    kept
}
