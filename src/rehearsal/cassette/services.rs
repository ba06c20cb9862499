//! The services of a recorded world: how long they took, when they did not come up, which orders went astray.
//!
//! Lives here: what the orders of a run say of Railway. Never lives here: what else was answered (`world`).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::observe::Order;
use super::world::{Maker, gets_value};
use super::write::{Line, span};
use crate::base::event::Instant;

/// A service is looked at every two seconds while it becomes ready: on average it was so a little before it was seen.
const SEEN_LATE: TimeDelta = TimeDelta::milliseconds(1_200);
/// Half of what Railway takes to answer: when an order arrives.
const ON_THE_WAY: TimeDelta = TimeDelta::milliseconds(90);
/// Where nobody saw how long a restart took.
const USUAL: TimeDelta = TimeDelta::seconds(40);
impl Maker<'_> {
    /// The services of the inventory, and the faults of their orders.
    pub(super) fn services(&mut self) {
        let targets: Vec<_> = self.inventory.targets.iter().collect();
        for (target, entry) in targets {
            let Some(railway) = &entry.railway else { continue };
            let orders: Vec<&Order> = self.seen.orders.iter().filter(|order| order.target == *target).collect();
            let mut service = vec![Line::Entry("id".to_owned(), json!(railway.service))];
            for (key, verbs) in [("restart_takes", &["restart"][..]), ("deploy_takes", &["redeploy", "rollback"])] {
                let known: Vec<&&Order> =
                    orders.iter().filter(|order| verbs.contains(&order.verb) && order.up.is_some()).collect();
                let Some(first) = known.first() else { continue };
                service.push(Line::Entry(key.to_owned(), json!(span(takes(first)))));
                if let Some(other) = known.iter().find(|one| (takes(one) - takes(first)).abs() > TimeDelta::seconds(3))
                {
                    let other = span(takes(other));
                    self.made
                        .missing
                        .push(format!("{target} took {other} another time; the first time stands for all"));
                }
            }
            service.extend(self.crashes(&orders));
            service.extend(orders.iter().find_map(|order| self.deployments(order)));
            self.made.services.push(Line::Block(target.clone(), service));
        }
        for order in &self.seen.orders {
            let Some(gets) = order.gets else { continue };
            let done = order.accepted.is_some();
            let mut call = Map::from_iter([
                ("railway".to_owned(), json!(order.verb)),
                ("target".to_owned(), json!(order.target)),
                ("nth".to_owned(), json!(order.nth)),
                ("gets".to_owned(), gets_value(gets)),
            ]);
            if done {
                call.insert("done".to_owned(), json!(true));
            }
            self.made.faults.push(Line::Item(json!({ "call": call })));
        }
    }

    /// In which phases a service did not come up.
    fn crashes(&self, orders: &[&Order]) -> Vec<Line> {
        let broken: BTreeSet<&str> = orders
            .iter()
            .filter(|order| order.broke.is_some())
            .map(|order| self.phases[self.phase_at(order.sent)].name.as_str())
            .collect();
        if broken.is_empty() {
            return Vec::new();
        }
        let phases = broken.into_iter().collect::<Vec<_>>().join(" | ");
        vec![Line::Entry("crashes".to_owned(), json!({ "phase": phases }))]
    }

    fn deployments(&self, order: &Order) -> Option<Line> {
        let known = order.baseline.as_ref()?.get("known")?.as_array()?;
        let mut lines = vec![Line::Comment("how old they were is not recorded; their order is".to_owned())];
        for (days, id) in (1..).zip(known.iter().filter_map(Value::as_str)) {
            lines.push(Line::Item(json!({ "id": id, "age": format!("{days}d") })));
        }
        Some(Line::Block("deployments".to_owned(), lines))
    }
}

/// When an order reached its service.
pub(super) fn arrived(order: &Order) -> Instant {
    if order.doubted { order.sent } else { order.sent + ON_THE_WAY }
}

/// How long it took from the order's arrival until the service was up.
pub(super) fn takes(order: &Order) -> TimeDelta {
    let known = order.up.map(|up| up - SEEN_LATE - arrived(order));
    let known = match (order.doubted, order.accepted, known) {
        // Nobody looked meanwhile.
        (true, Some(accepted), Some(known)) => known.min(accepted - order.sent).min(USUAL),
        (_, _, Some(known)) => known,
        (_, _, None) => USUAL,
    };
    known.max(TimeDelta::zero())
}
