//! How much was recorded that a thread does not show yet, for metrics.

use crate::base::metrics;

/// What one thread owes. Letting go of it takes it out of the count.
#[derive(Default)]
pub(super) struct Untold(u32);

impl Untold {
    /// How many facts it is.
    pub fn many(&self) -> u32 {
        self.0
    }

    /// How many facts it is from now on.
    pub fn are(&mut self, many: u32) {
        if many != self.0 {
            let by = f64::from(many) - f64::from(self.0);
            metrics::CHAT_BACKLOG.change(&[("direction", "out".into())], by);
            self.0 = many;
        }
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.are(0);
    }
}
