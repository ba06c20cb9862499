//! Schemas of a document, made to stand for themselves.
//!
//! Lives here: references put in place, OpenAPI 3.0 rewritten as JSON Schema 2020-12, everything left out that is neither a
//! rule nor known. Never lives here: validating.

use serde_json::{Map, Value, json};

/// How deep schemas may nest, references followed.
const MAX_DEPTH: usize = 48;
/// How many schemas one may come to when every reference is put in place.
const MAX_SCHEMAS: usize = 5_000;

/// Keywords whose value is one schema.
const ONE: [&str; 10] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is schemas by name.
const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// Keywords that are taken as they are.
const PLAIN: [&str; 19] = [
    "const",
    "dependentRequired",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "required",
    "type",
];

/// Puts references in place. One for each schema: what it may come to is limited.
pub(super) struct Inliner<'a> {
    document: &'a Value,
    /// References that are being put in place.
    open: Vec<&'a str>,
    left: usize,
}

impl<'a> Inliner<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document, open: Vec::new(), left: MAX_SCHEMAS }
    }

    /// The schema without references.
    ///
    /// # Errors
    /// A reference out of the document or to nothing, a circle, one that is too deep or comes to too much.
    pub(super) fn inline(&mut self, schema: &'a Value) -> Result<Value, String> {
        self.schema(schema, 0)
    }

    fn schema(&mut self, schema: &'a Value, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("its schemas nest deeper than {MAX_DEPTH}"));
        }
        self.left =
            self.left.checked_sub(1).ok_or("its schemas come to too much when their references are followed")?;
        let Some(map) = schema.as_object() else {
            return Ok(if schema == &json!(false) { json!(false) } else { json!(true) });
        };
        let mut plain = Map::new();
        for (key, value) in map {
            let value = match key.as_str() {
                one if ONE.contains(&one) => self.schema(value, depth + 1)?,
                list if LIST.contains(&list) => {
                    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                    let items = items.iter().map(|item| self.schema(item, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                    if items.is_empty() {
                        continue;
                    }
                    Value::Array(items)
                }
                named if NAMED.contains(&named) => {
                    let entries = value.as_object().into_iter().flatten();
                    let entries = entries.map(|(name, item)| Ok((name.clone(), self.schema(item, depth + 1)?)));
                    Value::Object(entries.collect::<Result<_, String>>()?)
                }
                "pattern" | "uniqueItems" => value.clone(),
                known if PLAIN.contains(&known) => value.clone(),
                _ => continue,
            };
            plain.insert(key.clone(), value);
        }
        modern(map, &mut plain);
        let Some(reference) = map.get("$ref").and_then(Value::as_str) else { return Ok(Value::Object(plain)) };
        let there = self.reference(reference, depth)?;
        if plain.is_empty() {
            return Ok(there);
        }
        // What stands beside a reference holds as well, as JSON Schema has it since 2019.
        let all = plain.entry("allOf").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(there);
        }
        Ok(Value::Object(plain))
    }

    fn reference(&mut self, reference: &'a str, depth: usize) -> Result<Value, String> {
        let shown = crate::base::text::one_line(reference, 80);
        if !reference.starts_with('#') {
            return Err(format!("`{shown}` leads out of the document, and nothing is fetched"));
        }
        if self.open.contains(&reference) {
            return Err(format!("`{shown}` leads back to itself, which is not supported"));
        }
        let there = super::lookup(self.document, reference).ok_or_else(|| format!("`{shown}` leads nowhere"))?;
        self.open.push(reference);
        let inlined = self.schema(there, depth + 1);
        self.open.pop();
        inlined
    }
}

/// What OpenAPI 3.0 writes otherwise: `nullable`, and limits that are exclusive by a second key.
fn modern(map: &Map<String, Value>, plain: &mut Map<String, Value>) {
    if map.get("nullable") == Some(&json!(true)) {
        if let Some(Value::String(name)) = plain.get("type") {
            plain.insert("type".to_owned(), json!([name, "null"]));
        }
        if let Some(Value::Array(options)) = plain.get_mut("enum")
            && !options.contains(&Value::Null)
        {
            options.push(Value::Null);
        }
    }
    for (exclusive, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match plain.get(exclusive) {
            Some(Value::Bool(true)) => match plain.remove(limit) {
                Some(value) => drop(plain.insert(exclusive.to_owned(), value)),
                None => drop(plain.remove(exclusive)),
            },
            Some(Value::Bool(false)) => drop(plain.remove(exclusive)),
            _ => {}
        }
    }
}
