//! Railway's full schema, from an introspection result that lives outside this repository: `RAILWAY_SCHEMA` names it.

use std::fmt::Write;

use apollo_compiler::Schema;
use apollo_compiler::schema::{EnumType, ExtendedType, FieldDefinition};
use apollo_compiler::validation::Valid;
use serde_json::Value;

const BUILT_IN: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// The full schema; `None` where `RAILWAY_SCHEMA` is not set. A relative path starts at the package's directory.
pub fn full_schema() -> Option<Valid<Schema>> {
    let path = std::env::var_os("RAILWAY_SCHEMA")?;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let result: Value = serde_json::from_str(&text).expect("an introspection result is JSON");
    let schema = result.pointer("/data/__schema").or(result.get("__schema")).expect("an introspection result");
    let sdl = to_sdl(schema);
    Some(Schema::parse_and_validate(sdl, "railway-full.graphql").expect("Railway's schema is valid"))
}

fn to_sdl(schema: &Value) -> String {
    let mut sdl = String::from("schema {\n");
    for (operation, key) in [("query", "queryType"), ("mutation", "mutationType"), ("subscription", "subscriptionType")]
    {
        if let Some(name) = schema[key]["name"].as_str() {
            line(&mut sdl, format_args!("  {operation}: {name}"));
        }
    }
    sdl.push_str("}\n");
    let types = list(&schema["types"]);
    for definition in types {
        let name = text(&definition["name"]);
        if name.starts_with("__") || BUILT_IN.contains(&name) {
            continue;
        }
        match text(&definition["kind"]) {
            "SCALAR" => line(&mut sdl, format_args!("scalar {name}")),
            "ENUM" => {
                line(&mut sdl, format_args!("enum {name} {{"));
                for value in list(&definition["enumValues"]) {
                    line(&mut sdl, format_args!("  {}{}", text(&value["name"]), deprecated(value)));
                }
                sdl.push_str("}\n");
            }
            "UNION" => {
                let members: Vec<_> = list(&definition["possibleTypes"]).iter().map(|of| text(&of["name"])).collect();
                line(&mut sdl, format_args!("union {name} = {}", members.join(" | ")));
            }
            "INPUT_OBJECT" => {
                line(&mut sdl, format_args!("input {name} {{"));
                for field in list(&definition["inputFields"]) {
                    line(&mut sdl, format_args!("  {}", input(field)));
                }
                sdl.push_str("}\n");
            }
            kind => object(&mut sdl, kind, definition, types),
        }
    }
    sdl
}

fn object(sdl: &mut String, kind: &str, definition: &Value, types: &[Value]) {
    let keyword = if kind == "INTERFACE" { "interface" } else { "type" };
    let interfaces: Vec<_> = list(&definition["interfaces"]).iter().map(|of| text(&of["name"])).collect();
    let implements =
        if interfaces.is_empty() { String::new() } else { format!(" implements {}", interfaces.join(" & ")) };
    line(sdl, format_args!("{keyword} {}{implements} {{", text(&definition["name"])));
    for field in list(&definition["fields"]) {
        let arguments: Vec<_> = list(&field["args"]).iter().map(input).collect();
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        // Railway deprecates `Team.id`, which its interface `Node` does not; the specification forbids that, so such
        // a deprecation is left out.
        let promised = interfaces.iter().any(|name| promises(types, name, text(&field["name"])));
        let deprecated = if promised { String::new() } else { deprecated(field) };
        let result = type_reference(&field["type"]);
        line(sdl, format_args!("  {}{arguments}: {result}{deprecated}", text(&field["name"])));
    }
    sdl.push_str("}\n");
}

/// Whether an interface has `field` without deprecating it.
fn promises(types: &[Value], interface: &str, field: &str) -> bool {
    let interface = types.iter().find(|candidate| text(&candidate["name"]) == interface);
    let mut fields = interface.into_iter().flat_map(|definition| list(&definition["fields"]));
    fields.any(|candidate| text(&candidate["name"]) == field && candidate["isDeprecated"] != true)
}

fn input(value: &Value) -> String {
    let default = value["defaultValue"].as_str().map(|default| format!(" = {default}")).unwrap_or_default();
    format!("{}: {}{default}", text(&value["name"]), type_reference(&value["type"]))
}

fn deprecated(of: &Value) -> String {
    if of["isDeprecated"] != true {
        return String::new();
    }
    match of["deprecationReason"].as_str() {
        // A JSON string is a GraphQL string.
        Some(reason) => format!(" @deprecated(reason: {})", Value::from(reason)),
        None => " @deprecated".to_owned(),
    }
}

fn type_reference(of: &Value) -> String {
    match text(&of["kind"]) {
        "NON_NULL" => format!("{}!", type_reference(&of["ofType"])),
        "LIST" => format!("[{}]", type_reference(&of["ofType"])),
        _ => text(&of["name"]).to_owned(),
    }
}

fn line(sdl: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(sdl, "{text}").expect("a string takes any text");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Where an SDL of our own says something that the full schema does not: unknown types, fields, arguments, enum values
/// (or missing ones), and differing types. Parts left out are no difference.
pub fn differences(sdl: &str, full: &Schema) -> Vec<String> {
    let ours = Schema::parse_and_validate(sdl, "ours.graphql").expect("our schema is valid");
    let mut found = Vec::new();
    for (name, definition) in ours.types.iter().filter(|(_, definition)| !definition.is_built_in()) {
        match (definition, full.types.get(name)) {
            (ExtendedType::Scalar(_), Some(ExtendedType::Scalar(_))) => {}
            (ExtendedType::Object(ours), Some(ExtendedType::Object(real))) => {
                for (field, definition) in &ours.fields {
                    let Some(real) = real.fields.get(field) else {
                        found.push(format!("{name}.{field} does not exist"));
                        continue;
                    };
                    let shape = |of: &FieldDefinition| {
                        let mut arguments: Vec<_> =
                            of.arguments.iter().map(|of| format!("{}: {}", of.name, of.ty)).collect();
                        arguments.sort();
                        format!("({}): {}", arguments.join(", "), of.ty)
                    };
                    compare(&mut found, &format!("{name}.{field}"), &shape(definition), &shape(real));
                }
            }
            (ExtendedType::InputObject(ours), Some(ExtendedType::InputObject(real))) => {
                for (field, definition) in &ours.fields {
                    let real = real.fields.get(field).map(|real| real.ty.to_string());
                    let real = real.unwrap_or_else(|| "nothing".to_owned());
                    compare(&mut found, &format!("{name}.{field}"), &definition.ty.to_string(), &real);
                }
            }
            (ExtendedType::Enum(ours), Some(ExtendedType::Enum(real))) => {
                let names = |of: &EnumType| {
                    let mut names: Vec<_> = of.values.keys().map(ToString::to_string).collect();
                    names.sort();
                    names.join(" ")
                };
                compare(&mut found, name, &names(ours), &names(real));
            }
            _ => found.push(format!("{name} is missing or of another kind")),
        }
    }
    found
}

fn compare(found: &mut Vec<String>, what: &str, ours: &str, real: &str) {
    if ours != real {
        found.push(format!("{what} is {ours} here and {real} there"));
    }
}
