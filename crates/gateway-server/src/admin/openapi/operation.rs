//! One endpoint of the document.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::parameters;
use crate::admin::rest::{BodySchema, Content, Generators, Kind, Route, Shape};

/// Those that every endpoint has: who is not allowed, what is not known, and what should never happen.
const EVERYWHERE: [Kind; 4] = [Kind::Invalid, Kind::Unauthorized, Kind::Forbidden, Kind::Internal];

pub(super) fn of(route: &Route, generators: &mut Generators) -> Value {
    let shape = (route.documented.shape)(generators);
    let mut operation = Map::new();
    let mut set = |name: &str, value: Value| operation.insert(name.to_owned(), value);
    set("operationId", route.documented.id.into());
    set("tags", json!([route.path.split('/').next().unwrap_or_default()]));
    set("summary", route.documented.summary.into());
    if !route.documented.notes.is_empty() {
        set("description", route.documented.notes.into());
    }
    let mut parameters = parameters::of(&shape.path, "path");
    parameters.extend(parameters::of(&shape.query, "query"));
    if !parameters.is_empty() {
        set("parameters", parameters.into());
    }
    if let Some(BodySchema(schema)) = &shape.body {
        set("requestBody", json!({ "required": true, "content": { "application/json": { "schema": schema } } }));
    }
    set("responses", responses(route, &shape));
    operation.into()
}

fn responses(route: &Route, shape: &Shape) -> Value {
    let mut responses = Map::new();
    responses.insert(shape.status.as_str().to_owned(), answer(shape));
    let mut kinds = EVERYWHERE.to_vec();
    kinds.extend(&route.documented.failures);
    if route.path.contains('{') {
        kinds.push(Kind::NotFound);
    }
    if shape.body.is_some() {
        kinds.extend([Kind::TooLarge, Kind::UnsupportedMediaType]);
    }
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let reference = json!({ "$ref": format!("#/components/responses/{}", kind.code()) });
        responses.insert(kind.status().as_str().to_owned(), reference);
    }
    responses.into()
}

fn answer(shape: &Shape) -> Value {
    let description = shape.status.canonical_reason().unwrap_or_default();
    if shape.contents.is_empty() {
        return json!({ "description": description });
    }
    let contents = shape.contents.iter();
    let contents: Map<String, Value> = contents
        .map(|Content { media_type, schema }| ((*media_type).to_owned(), json!({ "schema": schema })))
        .collect();
    json!({ "description": description, "content": contents })
}

/// What a refusal of a kind looks like.
pub(super) fn refusal(kind: Kind, error: &Schema) -> Value {
    let mut response = json!({
        "description": kind.meaning(),
        "content": { "application/json": { "schema": error } },
    });
    if kind == Kind::Unauthorized {
        response["headers"] = json!({ "www-authenticate": { "required": true, "schema": { "const": "Bearer" } } });
    }
    response
}
