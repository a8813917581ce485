//! What models cost.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tollgate_core::Target;
use tollgate_usage::directory::kinds;
use tollgate_usage::price::Price as Known;

use super::rest::{
    Call, Cursor, DeploymentText, Done, Failure, Json, Kind, Limit, Nothing, Page, PricedText, ProviderText, Time,
    Word, page,
};
use super::rules::{PutQuery, Stored, expected, to_value};
use crate::rules::PriceTerms;

/// Which model.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PriceQuery {
    /// The provider by its name in this gateway, and the model as it is called there, as `provider/model`.
    model: DeploymentText,
    /// When; now if it is left out.
    at: Option<Time>,
}

/// Which price.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PriceIdQuery {
    /// The `price` of a usage record.
    id: Word,
}

/// Which deployment.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PricedModel {
    /// The provider by its name in this gateway.
    provider: ProviderText,
    /// The model as it is called there, or `*` for all of them; a `/` is written `%2F`.
    model: PricedText,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct OverridesQuery {
    /// How many.
    #[serde(default)]
    limit: Limit,
    /// Where to go on.
    cursor: Option<Cursor>,
}

/// A price.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Price {
    /// What names it in usage records, so that a bill can be computed again.
    id: String,
    /// What it says, in the words of the price book.
    text: String,
    /// What it says.
    #[cfg_attr(feature = "schema", schemars(with = "super::openapi::AsRead<PriceTerms>"))]
    terms: PriceTerms,
}

/// The price book in this gateway.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Book {
    /// Names this list among all that there were; the ids of its prices begin with it.
    version: String,
    /// How many prices it has.
    prices: usize,
}

/// `GET prices/book`
pub(super) async fn book(call: Call) -> Result<Json<Book>, Failure> {
    let book = call.gateway.prices().book();
    Ok(Json(Book { version: book.version().to_string(), prices: book.entries().count() }))
}

/// `GET prices/of-model`
pub(super) async fn of_model(call: Call<Nothing, PriceQuery>) -> Result<Json<Price>, Failure> {
    let PriceQuery { model: DeploymentText(name), at } = call.query;
    let (provider, model) = name.split_once('/').unwrap_or((&name, ""));
    let at = at.map_or_else(SystemTime::now, |time| time.0);
    told(call.gateway.prices().find(&Target::new(provider, model), at), || format!("No price is known of `{name}`."))
}

/// `GET prices/of-record`
pub(super) async fn of_record(call: Call<Nothing, PriceIdQuery>) -> Result<Json<Price>, Failure> {
    let id = call.query.id.0;
    told(call.gateway.prices().by_id(&id), || format!("No price of this gateway has the id `{id}`."))
}

/// `GET prices/overrides`
pub(super) async fn overrides(call: Call<Nothing, OverridesQuery>) -> Result<Json<Page<Stored>>, Failure> {
    let directory = call.directory()?.clone();
    let OverridesQuery { limit, cursor } = call.query;
    Ok(Json(Page::of(directory.list_documents(kinds::PRICE, &page(limit, cursor)).await?)))
}

/// `PUT prices/overrides/{provider}/{model}`
pub(super) async fn put(call: Call<PricedModel, PutQuery, Json<PriceTerms>>) -> Result<Json<Stored>, Failure> {
    let (call, body) = call.take_body();
    let body = to_value(&body.0)?;
    let expected = expected(call.query.version);
    let id = call.path.id();
    let stored = call.directory()?.put_document(&call.actor, kinds::PRICE, &id, body, expected).await?;
    call.changed().await;
    Ok(Json(stored.into()))
}

/// `DELETE prices/overrides/{provider}/{model}`
pub(super) async fn delete(call: Call<PricedModel>) -> Result<Done, Failure> {
    call.directory()?.delete_document(&call.actor, kinds::PRICE, &call.path.id()).await?;
    call.changed().await;
    Ok(Done)
}

fn told(price: Option<Arc<Known>>, otherwise: impl FnOnce() -> String) -> Result<Json<Price>, Failure> {
    let price = price.ok_or_else(|| Failure::new(Kind::NotFound, otherwise()))?;
    let terms = PriceTerms::from(&price.terms);
    Ok(Json(Price { id: price.id.to_string(), text: price.terms.to_string(), terms }))
}

impl PricedModel {
    /// What its document is known by.
    fn id(&self) -> String {
        format!("{}/{}", self.provider.0, self.model.0)
    }
}
