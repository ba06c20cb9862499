//! Many monitors as one: how a target is, how everything is.
//!
//! Lives here: [`Whole`]. Pure. Never lives here: how one monitor is (`state`).

use super::state::Level;

/// How one monitor is, as far as the whole goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// How it is; absent: nobody knows.
    pub level: Option<Level>,
    /// Whether it changes to and fro.
    pub flapping: bool,
}

/// How many are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// As they should be.
    pub healthy: usize,
    /// Worse than they should be.
    pub degraded: usize,
    /// Failing.
    pub failing: usize,
    /// Going to and fro, whatever they are just now.
    pub flapping: usize,
    /// Nobody has asked lately.
    pub unknown: usize,
    /// Whether everything that is known does what it is for: nothing is failing just now.
    pub operational: bool,
}

impl Whole {
    /// Puts them together.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut whole = Self { operational: true, ..Self::default() };
        for part in parts {
            match part.level {
                None => whole.unknown += 1,
                Some(level) => {
                    whole.operational &= level != Level::Failing;
                    match level {
                        _ if part.flapping => whole.flapping += 1,
                        Level::Healthy => whole.healthy += 1,
                        Level::Degraded => whole.degraded += 1,
                        Level::Failing => whole.failing += 1,
                    }
                }
            }
        }
        whole
    }

    /// `healthy`, `degraded`, `unhealthy`, `unknown`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self { failing: 1.., .. } | Self { flapping: 1.., .. } => "unhealthy",
            Self { degraded: 1.., .. } => "degraded",
            Self { healthy: 1.., .. } => "healthy",
            _ => "unknown",
        }
    }

    /// In one line: `unhealthy, not operational: 1 failing, 3 healthy`.
    #[must_use]
    pub fn words(&self) -> String {
        let counts = [
            (self.failing, "failing"),
            (self.flapping, "going to and fro"),
            (self.degraded, "degraded"),
            (self.healthy, "healthy"),
            (self.unknown, "unknown"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if counts.is_empty() {
            return "nothing is monitored".to_owned();
        }
        let operational = match (self.word(), self.operational) {
            ("unknown", _) => "",
            (_, true) => ", operational",
            (_, false) => ", not operational",
        };
        format!("{}{operational}: {}", self.word(), counts.join(", "))
    }
}
