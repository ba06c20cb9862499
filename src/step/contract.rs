//! A request held against its contract before it is sent, and its answer after.
//!
//! Lives here: what is held against what. Never lives here: the rules (`domain::action::contract`).

use serde_json::{Value, json};

use super::Inventory;
use crate::base::secret::holds_reference;
use crate::domain::action::contract::operation::{Body, Operation};
use crate::domain::action::contract::{Asked, Finding};
use crate::domain::action::http::Request;

/// What the API promises about one request.
pub(super) struct Promise<'a> {
    operation: Option<Operation<'a>>,
    findings: Vec<String>,
}

impl<'a> Promise<'a> {
    /// `None` where no contract is named.
    pub(super) fn of(request: &Request, inventory: &'a Inventory) -> Option<Self> {
        let name = request.contract.as_ref()?;
        let asked = Asked::of(&request.url);
        let found = match inventory.contracts.get(name) {
            Some(contract) => contract.operation(request.method, &asked),
            None => Err(format!("the contract '{name}' was not read when the run was planned")),
        };
        let operation = match found {
            Ok(operation) => operation,
            Err(why) => return Some(Self { operation: None, findings: vec![why] }),
        };
        // Text that is JSON is looked into like JSON.
        let text = request.body.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let json = request.json.as_ref().or(text.as_ref());
        let body = match (json, &request.body) {
            (Some(json), _) => Body::Json(json),
            (None, Some(_)) => Body::Opaque,
            (None, None) => Body::None,
        };
        let findings = operation.as_ref().map_or_else(|| Ok(Vec::new()), |operation| operation.request(&asked, body));
        let findings = match findings {
            Ok(findings) => findings.into_iter().filter(|finding| !is_secret(finding, json)).map(|f| f.text).collect(),
            Err(why) => vec![why],
        };
        Some(Self { operation, findings })
    }

    /// What the request does not keep, in a sentence or several.
    pub(super) fn broken(&self) -> Option<String> {
        (!self.findings.is_empty()).then(|| self.findings.join("; "))
    }

    /// The facts, once there is an answer. `body` is absent where it is not to be looked at.
    pub(super) fn answered(self, status: u16, body: Option<&Value>) -> Value {
        let Self { operation, mut findings } = self;
        if let Some(operation) = &operation {
            match operation.response(status, body) {
                Ok(found) => findings.extend(found.into_iter().map(|finding| finding.text)),
                Err(why) => findings.push(why),
            }
        }
        let name = operation.as_ref().map(Operation::name);
        json!({ "ok": findings.is_empty(), "findings": findings, "operation": name })
    }
}

/// A secret stands in the body as a reference until it is sent: whether it fits nobody can say before.
fn is_secret(finding: &Finding, json: Option<&Value>) -> bool {
    let at = finding.pointer.as_ref().and_then(|pointer| json?.pointer(pointer));
    at.and_then(Value::as_str).is_some_and(holds_reference)
}
