//! How much was recorded that a thread does not show yet, for metrics.

use crate::base::metrics;

/// What one thread owes. Letting go of it takes it out of the count.
#[derive(Default)]
pub(super) struct Untold(u32);

impl Untold {
    /// Something was recorded.
    pub fn add(&mut self) {
        self.0 += 1;
        metrics::CHAT_BACKLOG.change(&[("direction", "out".into())], 1.0);
    }

    /// The thread is up to date.
    pub fn clear(&mut self) {
        if self.0 > 0 {
            metrics::CHAT_BACKLOG.change(&[("direction", "out".into())], -f64::from(std::mem::take(&mut self.0)));
        }
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.clear();
    }
}
