//! The document says what the table says.

use super::*;

fn read() -> Value {
    serde_json::from_str(&document()).expect("JSON")
}

#[test]
fn every_route_is_there() {
    let document = read();
    for route in table::routes() {
        let operation = &document["paths"][format!("/admin/v1/{}", route.path)][route.method.as_str().to_lowercase()];
        assert_eq!(operation["operationId"], route.documented.id);
        let names: Vec<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["in"] == "path")
            .filter_map(|one| one["name"].as_str())
            .collect();
        let wanted: Vec<&str> =
            route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(names, wanted, "{}", route.path);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = read();
    let text = document.to_string();
    let mut seen = 0;
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap_or_default();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        seen += 1;
    }
    assert!(seen > 20);
}

#[test]
fn the_document_is_always_the_same() {
    assert_eq!(document(), document());
}

/// Two types of one name, or one type that is read otherwise than it is written, would hide each other.
#[test]
fn types_have_names_of_their_own() {
    let mut generators = super::super::rest::Generators {
        read: generator(SchemaSettings::for_deserialize),
        written: generator(SchemaSettings::for_serialize),
    };
    for route in table::routes() {
        (route.documented.shape)(&mut generators);
    }
    let (read, written) = (generators.read.take_definitions(true), generators.written.take_definitions(true));
    for (name, schema) in &read {
        assert!(written.get(name).is_none_or(|other| other == schema), "{name} is two types");
        assert!(!name.ends_with(|end: char| end.is_ascii_digit()), "{name} is two types");
    }
    assert!(written.keys().all(|name| !name.ends_with(|end: char| end.is_ascii_digit())), "two types have one name");
}
