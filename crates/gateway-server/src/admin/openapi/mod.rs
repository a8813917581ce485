//! The OpenAPI document, made from the table of routes.
//!
//! Behind the feature `schema`, because the server hands out the file that `cargo xtask codegen` has written. The output
//! depends on nothing but the table and the types, so that a check can compare it with that file.

mod guide;
mod operation;
mod parameters;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::rest::{ErrorBody, Kind, Route};
use super::{own, table};

pub use self::guide::markdown;

/// Paths are written in full, below what is two levels above the document: the server's root, or its base path.
const SERVER: &str = "../..";

const INTRODUCTION: &str = include_str!("introduction.md");

/// The text of `docs/openapi.json`.
#[must_use]
pub fn document() -> String {
    let mut text = serde_json::to_string_pretty(&build(&table::routes())).unwrap_or_default();
    text.push('\n');
    text
}

fn build(routes: &[Route]) -> Value {
    let mut generators = super::rest::Generators {
        read: generator(SchemaSettings::for_deserialize),
        written: generator(SchemaSettings::for_serialize),
    };
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(format!("/admin/v1/{}", route.path)).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] =
            operation::of(route.path, &route.documented, &mut generators);
    }
    let mut own_usage = operation::of("usage", &own::documented(), &mut generators);
    own_usage["security"] = json!([{ "client": [] }]);
    paths.insert(format!("/{}", own::PATH), json!({ "get": own_usage }));
    let error = generators.written.subschema_for::<ErrorBody>();
    let responses: Map<String, Value> =
        Kind::ALL.into_iter().map(|kind| (kind.code().to_owned(), operation::refusal(kind, &error))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION.trim(),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": SERVER }],
        "security": [{ "bearer": [] }, { "header": [] }],
        "paths": paths,
        "components": {
            "schemas": definitions(generators),
            "responses": responses,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "The admin key." },
                "client": { "type": "http", "scheme": "bearer", "description": "The key of a client." },
                "header": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "The admin key." },
            },
        },
    })
}

fn generator(contract: impl FnOnce(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    contract(settings).into_generator()
}

/// The types of both directions, by name.
fn definitions(mut generators: super::rest::Generators) -> Map<String, Value> {
    let mut definitions = generators.read.take_definitions(true);
    definitions.extend(generators.written.take_definitions(true));
    definitions.sort_keys();
    definitions
}

/// A type that is answered with as it is taken: described by the one that is taken, since two would have one name.
pub(super) struct AsRead<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for AsRead<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "$ref": format!("#/components/schemas/{}", T::schema_name()) })
    }
}

#[cfg(test)]
mod tests;
