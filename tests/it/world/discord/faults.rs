//! How Discord fails: on request, and by its rate limits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::rest::Refusal;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A status of 500 and above, with no JSON.
    Down { status: u16 },
    /// 429 for every route at once.
    GlobalLimit { retry_after: Duration },
    /// The connection is reset, and nothing was done.
    ResetBefore,
    /// It was carried out, and then the connection is reset: nobody knows.
    ResetAfter,
}

/// Planned faults and the limits of each route.
pub struct Faults {
    planned: Vec<Planned>,
    default: (u32, Duration),
    limits: BTreeMap<(String, String), (u32, Duration)>,
    buckets: BTreeMap<String, Bucket>,
    global_until: Option<Instant>,
    /// How many requests were refused with 429.
    pub limited: u32,
}

struct Planned {
    method: String,
    route: String,
    how: How,
    left: u32,
}

struct Bucket {
    used: u32,
    since: Instant,
}

/// What is left of a route's limit: for the headers of every answer.
pub struct Allowance {
    pub bucket: String,
    pub limit: u32,
    pub remaining: u32,
    pub reset_after: Duration,
}

impl Faults {
    pub fn new(limit: u32, window: Duration) -> Self {
        Self {
            planned: Vec::new(),
            default: (limit, window),
            limits: BTreeMap::new(),
            buckets: BTreeMap::new(),
            global_until: None,
            limited: 0,
        }
    }

    /// Lets the next `times` requests of this kind fail; an empty method or route is any.
    pub fn plan(&mut self, method: &str, route: &str, times: u32, how: How) {
        self.planned.push(Planned { method: method.to_owned(), route: route.to_owned(), how, left: times });
    }

    /// Faults that nothing has run into yet.
    pub fn left(&self) -> u32 {
        self.planned.iter().map(|fault| fault.left).sum()
    }

    /// Sets how many requests of one kind are allowed in a window of time, for each channel by itself.
    pub fn limit(&mut self, method: &str, route: &str, limit: u32, window: Duration) {
        self.limits.insert((method.to_owned(), route.to_owned()), (limit, window));
    }

    pub(super) fn take(&mut self, method: &str, route: &str) -> Option<How> {
        let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let mut waiting = self.planned.iter_mut().filter(|fault| fault.left > 0);
        let fault = waiting.find(|fault| fits(&fault.method, method) && fits(&fault.route, route))?;
        fault.left -= 1;
        Some(fault.how)
    }

    pub(super) fn limit_globally(&mut self, retry_after: Duration, now: Instant) {
        self.global_until = Some(now + retry_after);
    }

    /// Counts a request against its bucket. `major` is the channel, guild or webhook of the path.
    pub(super) fn count(&mut self, method: &str, route: &str, major: &str, now: Instant) -> Result<Allowance, Refusal> {
        if let Some(left) = self.global_until.map(|until| until.saturating_duration_since(now))
            && !left.is_zero()
            && !route.starts_with("/interactions/")
        {
            self.limited += 1;
            return Err(too_many(left, true, None));
        }
        let key = (method.to_owned(), route.to_owned());
        let (limit, window) = self.limits.get(&key).copied().unwrap_or(self.default);
        let name = format!("{method} {route} {major}");
        let bucket = self.buckets.entry(name.clone()).or_insert(Bucket { used: 0, since: now });
        if now.duration_since(bucket.since) >= window {
            *bucket = Bucket { used: 0, since: now };
        }
        let reset_after = window.saturating_sub(now.duration_since(bucket.since));
        bucket.used += 1;
        let remaining = limit.saturating_sub(bucket.used);
        let allowance = Allowance { bucket: digest(&name), limit, remaining, reset_after };
        if bucket.used <= limit {
            return Ok(allowance);
        }
        self.limited += 1;
        Err(too_many(reset_after, false, Some(allowance)))
    }
}

fn too_many(after: Duration, global: bool, allowance: Option<Allowance>) -> Refusal {
    let body = json!({
        "message": "You are being rate limited.", "retry_after": after.as_secs_f64(), "global": global,
    });
    let scope = if global { "global" } else { "user" };
    let mut headers =
        vec![("Retry-After", format!("{:.3}", after.as_secs_f64())), ("X-RateLimit-Scope", scope.to_owned())];
    if global {
        headers.push(("X-RateLimit-Global", "true".to_owned()));
    }
    headers.extend(allowance.into_iter().flat_map(|allowance| allowance.headers()));
    Refusal { status: 429, body, headers }
}

impl Allowance {
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let reset = (chrono::Utc::now() + self.reset_after).timestamp_micros();
        vec![
            ("X-RateLimit-Limit", self.limit.to_string()),
            ("X-RateLimit-Remaining", self.remaining.to_string()),
            ("X-RateLimit-Reset", format!("{}.{:06}", reset / 1_000_000, reset % 1_000_000)),
            ("X-RateLimit-Reset-After", format!("{:.3}", self.reset_after.as_secs_f64())),
            ("X-RateLimit-Bucket", self.bucket.clone()),
        ]
    }
}

/// Buckets have names that mean nothing.
fn digest(name: &str) -> String {
    let sum =
        name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{sum:016x}")
}
