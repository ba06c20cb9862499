//! The real clients as a live rehearsal uses them.
//!
//! Lives here: the fence (nothing but the scripted world is reached) and the brake (time passes slowly while a call is on a
//! socket). Never lives here: the clients, what they are answered.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::base::clock::{Clock, ScaledClock};
use crate::base::event::Instant;
use crate::client::SendError;
use crate::client::egress::host_and_port;
use crate::client::http::{Http, HttpClient, HttpRequest, HttpResponse};
use crate::client::railway::RailwayApi;
use crate::client::redis::{Inspection, Redis, RedisServers};
use crate::rehearsal::world::ScriptedWorld;
use crate::step::Ports;

/// What may be reached: the world's own addresses, and Redis servers by target.
pub(super) struct Served {
    pub hosts: BTreeSet<(String, u16)>,
    pub redis: BTreeSet<String>,
    /// Railway's endpoint.
    pub railway: String,
}

/// New clients, as a bot that was just started has them. Programs stay scripted.
pub(super) fn ports(world: &ScriptedWorld, clock: &ScaledClock, served: &Arc<Served>) -> Ports {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let (world, clock, served) = (world.clone(), clock.clone(), served.clone());
    let client = HttpClient::new(shared.clone());
    let http = Arc::new(FencedHttp { client, clock: clock.clone(), served: served.clone(), world: world.clone() });
    let railway = Arc::new(RailwayApi::new(http.clone(), shared.clone(), served.railway.clone()));
    let redis = Arc::new(FencedRedis { servers: RedisServers::new(shared), clock, served, world: world.clone() });
    Ports { http, railway, redis, processes: Arc::new(world) }
}

struct FencedHttp {
    client: HttpClient,
    clock: ScaledClock,
    served: Arc<Served>,
    world: ScriptedWorld,
}

impl Http for FencedHttp {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        Box::pin(async move {
            // A URL that is none is the client's to refuse. The world sends no redirects.
            if let Some(place) = host_and_port(&request.url).filter(|place| !self.served.hosts.contains(place)) {
                self.world.complain(format!("there is no site at {}, which the run asks", place.0));
                return Err(SendError::NotSent(format!("there is no host {} in this rehearsal", place.0)));
            }
            let _brake = self.clock.brake();
            self.client.send(request).await
        })
    }
}

struct FencedRedis {
    servers: RedisServers,
    clock: ScaledClock,
    served: Arc<Served>,
    world: ScriptedWorld,
}

impl FencedRedis {
    fn outside(&self, target: &str) -> Option<SendError> {
        let outside = !self.served.redis.contains(target);
        outside.then(|| SendError::NotSent(format!("there is no host for {target} in this rehearsal")))
    }
}

impl Redis for FencedRedis {
    fn inspect<'a>(
        &'a self,
        target: &'a str,
        url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<Inspection, SendError>> {
        Box::pin(async move {
            if let Some(error) = self.outside(target) {
                self.world.complain(format!("there is no Redis server for the target '{target}'"));
                return Err(error);
            }
            let _brake = self.clock.brake();
            self.servers.inspect(target, url, until).await
        })
    }

    fn hold<'a>(
        &'a self,
        target: &'a str,
        url: &'a SecretString,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            if let Some(error) = self.outside(target) {
                return Err(error);
            }
            let _brake = self.clock.brake();
            self.servers.hold(target, url, until).await
        })
    }
}
