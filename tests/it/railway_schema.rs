//! Holds every GraphQL document of the program against our own schema, and both against Railway's full one where that
//! is at hand (`RAILWAY_SCHEMA`).

use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use rundown::client::railway::{DOCUMENTS, SCHEMA};

use crate::world::railway::{self, differences, full_schema};

fn check(schema: &Valid<Schema>, which: &str) {
    for (name, text) in DOCUMENTS {
        let checked = ExecutableDocument::parse_and_validate(schema, *text, format!("{name}.graphql"));
        let document = checked.unwrap_or_else(|error| panic!("{name} against {which}: {}", error.errors));
        let named = document.operations.get(Some(name));
        assert!(named.is_ok(), "the operation of {name} bears its name");
    }
}

#[test]
fn every_document_asks_only_for_what_our_schemas_have() {
    assert_eq!(DOCUMENTS.len(), 8);
    check(&Schema::parse_and_validate(SCHEMA, "schema.graphql").expect("our schema is valid"), "our schema");
    check(&Schema::parse_and_validate(railway::SDL, "railway.graphql").expect("valid"), "the look-alike's schema");
}

#[test]
fn every_document_asks_only_for_what_railway_has() {
    let Some(full) = full_schema() else {
        println!("skipped: RAILWAY_SCHEMA does not name Railway's introspection result");
        return;
    };
    check(&full, "Railway's schema");
    assert_eq!(differences(SCHEMA, &full), Vec::<String>::new());
    assert_eq!(differences(railway::SDL, &full), Vec::<String>::new());
}
