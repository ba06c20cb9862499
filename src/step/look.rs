//! A read that is made again and again: what does not change from one time to the next is made ready once.
//!
//! Lives here: [`Look`]. Never lives here: how often, and what an answer means.

use std::sync::Arc;
use std::time::Duration;

use super::contract::Promise;
use super::{Executors, Inventory, Reply, Silent, http};
use crate::client::http::HttpRequest;
use crate::domain::action::Action;
use crate::domain::action::reply::Failure;

/// An action that only reads, ready to be carried out any number of times. It holds the values of secrets, as its request does.
pub struct Look {
    action: Action,
    inventory: Arc<Inventory>,
    request: Option<Result<HttpRequest, Failure>>,
}

impl Executors {
    /// Makes a read ready.
    #[must_use]
    pub fn ready(&self, action: Action, inventory: &Arc<Inventory>) -> Look {
        let request = match &action {
            Action::Http(request) => {
                let built = http::build(self, request, inventory, "", self.clock.now());
                Some(built.map_err(|message| self.lasting(&message)))
            }
            _ => None,
        };
        Look { action, inventory: Arc::clone(inventory), request }
    }

    /// Carries it out, once; over after `timeout`. What would change something is not done.
    pub async fn look(&self, look: &Look, timeout: Duration) -> Reply {
        if look.action.changes() {
            return Reply::NotDone(self.lasting("this may change something, and is no look"));
        }
        match (&look.action, &look.request) {
            (Action::Http(request), Some(Ok(ready))) => {
                let sending = HttpRequest { until: self.clock.now() + timeout, ..ready.clone() };
                http::send(self, request, Promise::of(request, &look.inventory), sending).await
            }
            (_, Some(Err(failure))) => Reply::NotDone(failure.clone()),
            (action, _) => self.act(action, &look.inventory, "look", None, timeout, &Silent).await,
        }
    }
}
