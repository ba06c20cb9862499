//! The Redis side of a scripted world.
//!
//! Lives here: who is connected in which state, refusals, and the connection kept from before. Never lives here: who is to
//! blame.

use chrono::TimeDelta;
use futures::future::BoxFuture;
use secrecy::SecretString;

use super::fault::Call;
use super::{Inner, Missed, ScriptedWorld, failure};
use crate::base::event::Instant;
use crate::client::SendError;
use crate::client::redis::{AnsweredBy, Census, ClientEntry, ClientType, Inspection, MAX_CLIENTS, Redis};
use crate::rehearsal::scenario::{ClientGroup, ClientKind, RedisView};

const LATENCY_MS: i64 = 4;

impl Inner {
    /// What the server shows now; `None` where it is down.
    fn redis_view(&mut self, target: &str) -> Result<RedisView, SendError> {
        let spec = std::sync::Arc::clone(&self.spec);
        let Some(server) = spec.redis.get(target) else {
            self.complain(format!("there is no Redis server for the target '{target}'"));
            return Err(SendError::NotSent(format!("there is no host for {target}")));
        };
        if self.is_down(server.served_by.as_ref()) {
            self.kept.remove(target);
            return Err(SendError::NotSent(format!("{target} refused the connection")));
        }
        let view = server.shows.iter().find(|view| self.holds(&view.when)).cloned();
        view.ok_or_else(|| {
            self.complain(format!("redis '{target}' shows nothing in this state"));
            SendError::NotSent(format!("{target} refused the connection"))
        })
    }

    fn inspect(&mut self, target: &str) -> Result<Inspection, SendError> {
        let view = self.redis_view(target)?;
        let kept = self.kept.contains(target);
        let answered_by = match (&view.refuses, kept) {
            (None, _) => Some(AnsweredBy::New),
            (Some(_), true) => Some(AnsweredBy::Kept),
            (Some(_), false) => None,
        };
        let census = answered_by.map(|answered_by| census(&view, answered_by));
        Ok(Inspection { refusal: view.refuses, census })
    }
}

fn census(view: &RedisView, answered_by: AnsweredBy) -> Census {
    let mut clients = Vec::new();
    for group in &view.clients {
        clients.extend((0..group.count).map(|index| client(group, index)));
    }
    for (id, client) in (1_u64..).zip(&mut clients) {
        client.id = id;
    }
    let connected = u64::try_from(clients.len()).unwrap_or(u64::MAX).saturating_add(1);
    let blocked = clients.iter().filter(|client| client.kind == ClientType::Blocked).count();
    clients.truncate(MAX_CLIENTS);
    Census {
        answered_by,
        connected,
        max: Some(view.max),
        blocked: u64::try_from(blocked).unwrap_or(u64::MAX),
        rejected: Some(view.rejected),
        clients,
    }
}

/// One connection of a group; ages are spread evenly up to the oldest.
fn client(group: &ClientGroup, index: u64) -> ClientEntry {
    let oldest = group.oldest.std().as_secs();
    ClientEntry {
        id: 0,
        kind: match group.kind {
            ClientKind::Normal => ClientType::Normal,
            ClientKind::Pubsub => ClientType::PubSub,
            ClientKind::Blocked => ClientType::Blocked,
            ClientKind::Replica => ClientType::Replica,
        },
        name: group.name.clone(),
        address: group.address.clone(),
        age_s: oldest.saturating_mul(group.count - index) / group.count.max(1),
        idle_s: group.idle.std().as_secs(),
    }
}

impl ScriptedWorld {
    /// A question is on its way to a server. Silence ends at `until`.
    pub(in crate::rehearsal) async fn ask_redis(&self, target: &str, until: Instant) -> Result<(), Missed> {
        let strike = self.now().trouble.strike(Call::Redis { target });
        if let Some(strike) = strike {
            self.endure(strike.how, TimeDelta::milliseconds(LATENCY_MS), until).await;
            return Err(Missed::Struck(strike.how));
        }
        self.pass(TimeDelta::milliseconds(LATENCY_MS)).await;
        Ok(())
    }

    /// In which words a server refuses new connections, where it does.
    pub(in crate::rehearsal) fn redis_refuses(&self, target: &str) -> Option<String> {
        let mut inner = self.now();
        // Whoever only knocks asks no question: a state in which nothing is shown is no difference.
        let known = inner.complaints.len();
        let view = inner.redis_view(target);
        inner.complaints.truncate(known);
        view.ok()?.refuses
    }

    /// Who is connected to a server; one that refuses new connections tells those that it has.
    ///
    /// # Errors
    /// It is down, or the scenario does not say.
    pub(in crate::rehearsal) fn redis_census(&self, target: &str) -> Result<Census, SendError> {
        self.now().redis_view(target).map(|view| census(&view, AnsweredBy::New))
    }
}

impl Redis for ScriptedWorld {
    fn inspect<'a>(
        &'a self,
        target: &'a str,
        _url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<Inspection, SendError>> {
        Box::pin(async move {
            self.ask_redis(target, until).await.map_err(|missed| match missed {
                Missed::Struck(how) => failure(how, target),
                Missed::Send(error) => error,
                Missed::Railway(error) => SendError::Unanswered(error.to_string()),
            })?;
            self.now().inspect(target)
        })
    }

    fn hold<'a>(
        &'a self,
        target: &'a str,
        _url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            if self.clock.now() > until {
                return Err(SendError::NotSent(format!("{target} was not asked in time")));
            }
            let mut inner = self.now();
            // Nobody asked a question: a state in which nothing is shown is no difference.
            let known = inner.complaints.len();
            let view = inner.redis_view(target);
            inner.complaints.truncate(known);
            let view = view?;
            match view.refuses {
                Some(words) if !inner.kept.contains(target) => Err(SendError::NotSent(words)),
                _ => {
                    inner.kept.insert(target.to_owned());
                    Ok(())
                }
            }
        })
    }
}
