//! One request, from its bytes to what is answered.
//!
//! Lives here: the order of the checks (signature and age on the bytes as they came, only then what they say). Pure but for the
//! memory of what came already. Never lives here: sockets and time limits (`endpoint`), first answers (`gateway`).

use std::sync::{Mutex, PoisonError};

use serenity::all::{CommandInteraction, CreateInteractionResponse, Interaction};

use super::seen::Seen;
use super::signed::{PublicKey, Refused};
use crate::base::event::Instant;
use crate::chat::discord::gateway::{Incoming, first_answer, incoming};

/// A request as it came; nothing of it is believed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The header `X-Signature-Ed25519`.
    pub signature: Option<&'a [u8]>,
    /// The header `X-Signature-Timestamp`.
    pub timestamp: Option<&'a [u8]>,
    /// The body.
    pub body: &'a [u8],
}

/// What is to be answered.
#[derive(Debug)]
pub enum Judged {
    /// It is not Discord's, or not any more: 401.
    Refused(Refused),
    /// It is signed by Discord, and no interaction that is known here: 400.
    Unknown(String),
    /// This as JSON, at once; and what follows from it, where it came for the first time.
    Answered(Vec<u8>, Option<Incoming>),
    /// What is answered must be found out first: suggestions. They change nothing, so they may be asked for again.
    Typing(Box<CommandInteraction>),
}

/// Judges a request.
pub fn judge(key: &PublicKey, seen: &Mutex<Seen>, request: Request<'_>, now: Instant) -> Judged {
    let Request { signature, timestamp, body } = request;
    let signed = match key.signed_at(signature, timestamp, body, now) {
        Ok(signed) => signed,
        Err(refused) => return Judged::Refused(refused),
    };
    let interaction: Interaction = match serde_json::from_slice(body) {
        Ok(interaction) => interaction,
        Err(error) => return Judged::Unknown(error.to_string()),
    };
    match interaction {
        Interaction::Ping(_) => Judged::Answered(json(&CreateInteractionResponse::Pong), None),
        Interaction::Autocomplete(typing) => Judged::Typing(Box::new(typing)),
        interaction => {
            let Some(answer) = first_answer(&interaction) else {
                return Judged::Unknown("an interaction of another kind".to_owned());
            };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let (answer, is_new) = seen.answer(interaction.id(), signed, now, || json(&answer));
            Judged::Answered(answer, if is_new { incoming(interaction) } else { None })
        }
    }
}

/// An answer as Discord reads it.
pub fn json(answer: &CreateInteractionResponse) -> Vec<u8> {
    // Plain structures: there is nothing in them that has no JSON.
    serde_json::to_vec(answer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn signing() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn judged(seen: &Mutex<Seen>, signature: Option<&[u8]>, timestamp: Option<&[u8]>, body: &[u8]) -> Judged {
        let key = PublicKey::parse(&hex::encode(signing().verifying_key())).unwrap();
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        judge(&key, seen, Request { signature, timestamp, body }, now)
    }

    /// As Discord would send it.
    fn signed(seen: &Mutex<Seen>, body: &[u8]) -> Judged {
        let timestamp = NOW.to_string();
        let signature = hex::encode(signing().sign(&[timestamp.as_bytes(), body].concat()).to_bytes());
        judged(seen, Some(signature.as_bytes()), Some(timestamp.as_bytes()), body)
    }

    fn interaction(kind: u8, data: Value) -> Value {
        let user = json!({ "id": "9", "username": "ana", "discriminator": "0", "global_name": null, "avatar": null });
        let message = json!({
            "id": "70", "channel_id": "3", "author": user, "content": "", "timestamp": "2026-01-01T00:00:00Z",
            "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
            "attachments": [], "embeds": [], "pinned": false, "type": 0, "flags": 0,
        });
        json!({
            "id": "5", "application_id": "2", "type": kind, "data": data, "channel_id": "3", "user": user,
            "token": "t", "version": 1, "locale": "en-US", "entitlements": [], "attachment_size_limit": 10_485_760,
            "message": message, "authorizing_integration_owners": {}, "context": 0,
        })
    }

    /// One of each kind that the bot knows.
    fn known() -> Vec<Value> {
        let slash = json!({ "id": "4", "name": "timeline", "type": 1, "options": [] });
        let focused = json!([{ "type": 3, "name": "incident", "value": "in", "focused": true }]);
        let typed = json!({ "id": "4", "name": "timeline", "type": 1, "options": focused });
        let button = json!({ "custom_id": "x", "component_type": 2 });
        let text = json!({ "type": 4, "custom_id": "text", "value": "because" });
        let modal = json!({ "custom_id": "x", "components": [{ "type": 1, "components": [text] }] });
        let ping = json!({ "id": "5", "application_id": "2", "type": 1, "token": "t", "version": 1 });
        vec![ping, interaction(2, slash), interaction(3, button), interaction(4, typed), interaction(5, modal)]
    }

    #[test]
    fn each_kind_gets_its_first_answer() {
        let told: Vec<_> = known()
            .iter()
            .map(|one| match signed(&Mutex::default(), one.to_string().as_bytes()) {
                Judged::Answered(answer, _) => serde_json::from_slice::<Value>(&answer).unwrap()["type"].to_string(),
                Judged::Typing(typing) => format!("typing {}", typing.data.name),
                other => panic!("{other:?} to {one}"),
            })
            .collect();
        assert_eq!(told, ["1", "5", "6", "typing timeline", "5"]);
    }

    #[test]
    fn what_came_already_is_answered_alike_and_leads_to_nothing() {
        let seen = Mutex::default();
        let body = known()[1].to_string();
        let Judged::Answered(first, Some(Incoming::Command(_))) = signed(&seen, body.as_bytes()) else { panic!() };
        let Judged::Answered(again, None) = signed(&seen, body.as_bytes()) else { panic!() };
        assert_eq!(first, again);
    }

    #[test]
    fn what_is_no_interaction_is_told_apart_from_what_is_not_discords() {
        for odd in ["", "{}", "[]", "null", r#"{"type":1}"#, r#"{"type":99,"id":"1"}"#, r#"{"type":"1"}"#, "\u{0}"] {
            assert!(matches!(signed(&Mutex::default(), odd.as_bytes()), Judged::Unknown(_)), "{odd}");
            assert!(matches!(
                judged(&Mutex::default(), None, None, odd.as_bytes()),
                Judged::Refused(Refused::Unsigned)
            ));
        }
        let deep = "[".repeat(200_000);
        assert!(matches!(signed(&Mutex::default(), deep.as_bytes()), Judged::Unknown(_)));
    }

    /// Replaces one value somewhere in a document.
    fn spoil(document: &mut Value, mut at: usize, with: &Value) -> bool {
        fn walk(value: &mut Value, at: &mut usize, with: &Value) -> bool {
            if *at == 0 {
                *value = with.clone();
                return true;
            }
            *at -= 1;
            match value {
                Value::Array(items) => items.iter_mut().any(|item| walk(item, at, with)),
                Value::Object(fields) => fields.values_mut().any(|field| walk(field, at, with)),
                _ => false,
            }
        }
        walk(document, &mut at, with)
    }

    fn odd_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(json!(null)),
            Just(json!([])),
            Just(json!({})),
            Just(json!("0")),
            Just(json!(-1)),
            Just(json!(u64::MAX)),
            Just(json!(1e300)),
            any::<i64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_headers_make_it_panic(
            signature in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
            timestamp in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
            body in proptest::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let judged = judged(&Mutex::default(), signature.as_deref(), timestamp.as_deref(), &body);
            prop_assert!(matches!(judged, Judged::Refused(Refused::Unsigned)), "{:?}", judged);
        }

        #[test]
        fn nothing_that_is_signed_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(matches!(signed(&Mutex::default(), &body), Judged::Unknown(_)));
        }

        #[test]
        fn a_spoilt_interaction_is_judged_without_a_panic(which in 0..5_usize, at in 0..90_usize, with in odd_value()) {
            let mut body = known().swap_remove(which);
            spoil(&mut body, at, &with);
            let judged = signed(&Mutex::default(), body.to_string().as_bytes());
            prop_assert!(!matches!(judged, Judged::Refused(_)), "{:?}", judged);
        }
    }
}
