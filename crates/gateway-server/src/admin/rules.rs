//! Limits and budgets for whatever they are about; those of single keys are at the keys.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_usage::directory::{Document, Expected, kinds};

use super::rest::{
    Call, Cursor, Described, Done, Failure, Json, Kind, Limit as PageLimit, Name, Nothing, Page, Time, Version, page,
};
use crate::rules::{Budget, Limit, Scope};

/// What kind of document something is.
pub(super) trait RuleKind: DeserializeOwned + Serialize + Described + Send + 'static {
    /// The kind, as the directory has it.
    const KIND: &'static str;
}

impl RuleKind for Limit<Scope> {
    const KIND: &'static str = kinds::LIMIT;
}

impl RuleKind for Budget<Scope> {
    const KIND: &'static str = kinds::BUDGET;
}

/// Which rule.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RuleId {
    /// Its id, which you choose; a `/` is written `%2F`.
    id: Name,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RulesQuery {
    /// How many.
    #[serde(default)]
    limit: PageLimit,
    /// Where to go on.
    cursor: Option<Cursor>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PutQuery {
    /// The version that is to be replaced; 0 if it must not be there yet. Left out: whatever there is.
    pub(super) version: Option<Version>,
}

/// A document and since when it is like this.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Stored {
    id: String,
    /// The revision that it has been like this since.
    version: u64,
    created_at: Time,
    changed_at: Time,
    /// What it says, as it was put.
    body: Value,
}

/// `GET limits`, `GET budgets`
pub(super) async fn list<R: RuleKind>(call: Call<Nothing, RulesQuery>) -> Result<Json<Page<Stored>>, Failure> {
    let directory = call.directory()?.clone();
    let RulesQuery { limit, cursor } = call.query;
    Ok(Json(Page::of(directory.list_documents(R::KIND, &page(limit, cursor)).await?)))
}

/// `GET limits/{id}`, `GET budgets/{id}`
pub(super) async fn get<R: RuleKind>(call: Call<RuleId>) -> Result<Json<Stored>, Failure> {
    Ok(Json(call.directory()?.find_document(R::KIND, &call.path.id.0).await?.into()))
}

/// `PUT limits/{id}`, `PUT budgets/{id}`
pub(super) async fn put<R: RuleKind>(call: Call<RuleId, PutQuery, Json<R>>) -> Result<Json<Stored>, Failure> {
    let (call, body) = call.take_body();
    let body = to_value(&body.0)?;
    let expected = expected(call.query.version);
    let stored = call.directory()?.put_document(&call.actor, R::KIND, &call.path.id.0, body, expected).await?;
    call.changed().await;
    Ok(Json(stored.into()))
}

/// `DELETE limits/{id}`, `DELETE budgets/{id}`
pub(super) async fn delete<R: RuleKind>(call: Call<RuleId>) -> Result<Done, Failure> {
    call.directory()?.delete_document(&call.actor, R::KIND, &call.path.id.0).await?;
    call.changed().await;
    Ok(Done)
}

pub(super) fn expected(version: Option<Version>) -> Expected {
    match version {
        None => Expected::Anything,
        Some(Version(0)) => Expected::Absent,
        Some(Version(version)) => Expected::Version(version),
    }
}

pub(super) fn to_value(body: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(body).map_err(|error| Failure::new(Kind::Invalid, format!("It cannot be written: {error}.")))
}

impl From<Document> for Stored {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            version: document.version,
            created_at: Time(document.created_at),
            changed_at: Time(document.changed_at),
            body: document.body,
        }
    }
}
