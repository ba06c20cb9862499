//! Alerts, whoever noticed: incidents are declared for them, joined by them, resolved with them.
//!
//! Lives here: load, decide, append. What is decided about a group and about its incident is one commit. Never lives here: what follows
//! from what (`domain/alert`), in which shape an alert came.

use std::collections::BTreeMap;

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, IncidentId, Instant, Recorded, Stream};
use crate::domain::alert::decide::{Follows, Incidents, fire, resolve};
use crate::domain::alert::state::State;
use crate::domain::alert::{Alert, Standing};
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

/// Groups of one source in which something fires at a time. Whatever fires beyond that is one group: a thousand incidents at once help
/// nobody.
const GROUPS: usize = 200;
/// What that one group is called.
const REST: &str = "everything else";

/// What came of alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Took {
    /// The incidents that they concern now, each once.
    pub incidents: Vec<IncidentId>,
    /// What was written down; nothing where all of it was known.
    pub facts: Vec<Recorded<Fact>>,
}

impl Took {
    fn add(&mut self, incident: IncidentId, facts: Vec<Recorded<Fact>>) {
        if !self.incidents.contains(&incident) {
            self.incidents.push(incident);
        }
        self.facts.extend(facts);
    }
}

/// A group as it was read.
struct Group {
    stream: Stream,
    seq: u64,
    state: State,
    incidents: Incidents,
    seqs: BTreeMap<IncidentId, u64>,
}

/// Groups of a source in which something fires, as far as they had to be read.
#[derive(Default)]
struct Firing(Option<Vec<(Stream, State)>>);

impl Engine {
    /// Takes in an alert from anybody. One that is known to fire changes nothing.
    ///
    /// # Errors
    /// The journal.
    pub async fn alert(&self, alert: Alert) -> Result<Took, EngineError> {
        self.alerts(vec![alert]).await
    }

    /// Takes in alerts: those that fire first, so that an incident that some of them begin and others leave stays. Alerts of one group
    /// are one commit, and taking in the same ones again changes nothing: where the journal fails in between, they are sent again.
    ///
    /// # Errors
    /// The journal.
    pub async fn alerts(&self, alerts: Vec<Alert>) -> Result<Took, EngineError> {
        let mut took = Took::default();
        for standing in [Standing::Firing, Standing::Resolved] {
            let these = alerts.iter().filter(|alert| alert.state == standing);
            for (stream, alerts) in self.grouped(these.cloned().map(Alert::bounded).collect()).await? {
                match standing {
                    Standing::Firing => self.fire(&stream, &alerts, &mut took).await?,
                    Standing::Resolved => self.resolve(&stream, &alerts, &mut took).await?,
                }
            }
        }
        Ok(took)
    }

    /// Alerts by the group that knows them: the one that they name, unless another one of their source knows them to fire. A source may
    /// send the same alert in two groups, or call a group something else from now on.
    async fn grouped(&self, alerts: Vec<Alert>) -> Result<Vec<(Stream, Vec<Alert>)>, EngineError> {
        let mut groups: Vec<(Stream, Vec<Alert>)> = Vec::new();
        let mut firing: BTreeMap<String, Firing> = BTreeMap::new();
        for alert in alerts {
            let all = self.firing(&alert.source, firing.entry(alert.source.clone()).or_default()).await?;
            let own = Stream::alerts(&alert.source, &alert.group);
            let knows = |stream: &Stream| {
                all.iter().any(|(known, state)| known == stream && state.firing.contains_key(&alert.fingerprint))
            };
            let elsewhere = || all.iter().map(|(stream, _)| stream).find(|stream| knows(stream)).cloned();
            let full = all.len() >= GROUPS && !all.iter().any(|(stream, _)| *stream == own);
            let stream = match knows(&own) {
                true => own,
                false => elsewhere().unwrap_or_else(|| if full { Stream::alerts(&alert.source, REST) } else { own }),
            };
            match groups.iter_mut().find(|(known, _)| *known == stream) {
                Some((_, alerts)) => alerts.push(alert),
                None => groups.push((stream, vec![alert])),
            }
        }
        Ok(groups)
    }

    async fn firing<'a>(&self, source: &str, known: &'a mut Firing) -> Result<&'a [(Stream, State)], EngineError> {
        if known.0.is_none() {
            let mut found = Vec::new();
            for info in self.journal.streams(&format!("alert:{source}/"), true).await? {
                let (state, _) = self.alert_group(&info.stream).await?;
                found.push((info.stream, state));
            }
            known.0 = Some(found);
        }
        Ok(known.0.as_deref().unwrap_or_default())
    }

    async fn fire(&self, stream: &Stream, alerts: &[Alert], took: &mut Took) -> Result<(), EngineError> {
        let mut tried = 0;
        for _ in 0..CONFLICTS {
            // Counted before the group is read: who declares for it in between takes the number, and is noticed.
            let number = (self.journal.streams("incident:", false).await?.len() as u64).max(tried) + 1;
            let next = IncidentId::number(number);
            let group = self.load_group(stream).await?;
            let now = self.clock.now();
            let Some(follows) = fire(&group.state, &group.incidents, &next, alerts, now) else {
                let known = alerts.iter().filter_map(|alert| group.state.firing.get(&alert.fingerprint));
                known.for_each(|incident| took.add(incident.clone(), Vec::new()));
                return Ok(());
            };
            match self.append_alerts(&group, &follows, now).await {
                Ok(facts) => {
                    took.add(follows.incident, facts);
                    return Ok(());
                }
                Err(EngineError::NotWritten(AppendError::Conflict { stream, .. })) => {
                    if stream == Stream::incident(&next) {
                        tried = number;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(busy(stream))
    }

    async fn resolve(&self, stream: &Stream, alerts: &[Alert], took: &mut Took) -> Result<(), EngineError> {
        for _ in 0..CONFLICTS {
            let group = self.load_group(stream).await?;
            let now = self.clock.now();
            // One incident at a time; those that are written down already do not follow again.
            let Some(follows) = resolve(&group.state, &group.incidents, alerts, now).into_iter().next() else {
                return Ok(());
            };
            match self.append_alerts(&group, &follows, now).await {
                Ok(facts) => took.add(follows.incident, facts),
                Err(EngineError::NotWritten(AppendError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(busy(stream))
    }

    async fn load_group(&self, stream: &Stream) -> Result<Group, EngineError> {
        let (state, seq) = self.alert_group(stream).await?;
        let (mut incidents, mut seqs) = (Incidents::new(), BTreeMap::new());
        for id in state.incidents() {
            let (incident, at) = self.load_incident(&id).await?;
            incidents.insert(id.clone(), incident);
            seqs.insert(id, at);
        }
        Ok(Group { stream: stream.clone(), seq, state, incidents, seqs })
    }

    async fn alert_group(&self, stream: &Stream) -> Result<(State, u64), EngineError> {
        let (mut state, mut seq) = (State::default(), 0);
        for row in self.rows(Select::Stream(stream.clone()), 0).await? {
            if let Fact::Alert(_, event) = codec::recorded(&row)?.event {
                state.apply(&event);
            }
            seq = row.seq;
        }
        Ok((state, seq))
    }

    /// Writes down what follows. The incident's stream is part of the commit even where nothing is said to it: who resolves it the moment
    /// before is heard.
    async fn append_alerts(
        &self,
        group: &Group,
        follows: &Follows,
        now: Instant,
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let mut state = group.state.clone();
        follows.group.iter().for_each(|event| state.apply(event));
        let incident = Some(follows.incident.clone());
        let told = follows.of_incident.iter().map(|event| codec::incident_event(event, &Actor::Bot, now));
        let alerts = follows.group.iter().map(|event| codec::alert_event(event, &Actor::Bot, now));
        let items = vec![
            Item {
                stream: Stream::incident(&follows.incident),
                expected: if follows.declares {
                    0
                } else {
                    group.seqs.get(&follows.incident).copied().unwrap_or_default()
                },
                incident: incident.clone(),
                events: told.collect::<Result<_, _>>()?,
                open: None,
            },
            Item {
                stream: group.stream.clone(),
                expected: group.seq,
                incident,
                events: alerts.collect::<Result<_, _>>()?,
                open: Some(state.is_firing()),
            },
        ];
        let appended = self.journal.append(Batch { items, ..Batch::default() }, now).await;
        let appended = appended.map_err(EngineError::NotWritten)?;
        appended.rows.iter().map(|row| codec::recorded(row).map_err(EngineError::from)).collect()
    }
}

fn busy(stream: &Stream) -> EngineError {
    EngineError::NotWritten(AppendError::Refused(format!("{stream} is being changed by others; try again")))
}
