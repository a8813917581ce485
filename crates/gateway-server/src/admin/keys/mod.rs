//! Virtual keys.

mod changes;
mod key;

use std::time::Duration;

use serde::Deserialize;
use tollgate_usage::directory::{self, KeyFilter};

use self::changes::{KeyUpdate, NewKey, Rotation};
use self::key::{IssuedKey, Key};
use super::rest::{Call, Created, Cursor, Done, Failure, Json, Limit, Name, Nothing, Page, PathText, TagPair, page};

/// Which key.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct KeyId {
    /// The id or the name of a key; a name's `/` is written `%2F`.
    pub(super) key: Name,
}

/// Which keys.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct KeysQuery {
    /// Only those with this path or one below it.
    within: Option<PathText>,
    /// Only those that are disabled, or that are not.
    disabled: Option<bool>,
    /// Only those that have expired, or that have not.
    expired: Option<bool>,
    /// Only those with this default tag.
    tag: Option<TagPair>,
    /// How many.
    #[serde(default)]
    limit: Limit,
    /// Where to go on.
    cursor: Option<Cursor>,
}

/// `GET keys`
pub(super) async fn list(call: Call<Nothing, KeysQuery>) -> Result<Json<Page<Key>>, Failure> {
    let directory = call.directory()?.clone();
    let KeysQuery { within, disabled, expired, tag, limit, cursor } = call.query;
    let within = within.as_ref().map(changes::path).transpose()?;
    let tag = tag.map(|TagPair { name, value }| (name, value));
    let filter = KeyFilter { within, disabled, expired, tag };
    Ok(Json(Page::of(directory.list_keys(&filter, &page(limit, cursor)).await?)))
}

/// `POST keys`
pub(super) async fn create(call: Call<Nothing, Nothing, Json<NewKey>>) -> Result<Created<IssuedKey>, Failure> {
    let (call, new) = call.take_body();
    let issued = call.directory()?.create_key(&call.actor, new.0.try_into()?).await?;
    call.changed().await;
    let location = format!("keys/{}", issued.key.id);
    Ok(Created { made: issued.into(), location })
}

/// `GET keys/{key}`
pub(super) async fn get(call: Call<KeyId>) -> Result<Json<Key>, Failure> {
    let key = call.directory()?.find_key(&call.path.key.0).await?;
    Ok(Json(key.into()))
}

/// `PATCH keys/{key}`
pub(super) async fn update(call: Call<KeyId, Nothing, Json<KeyUpdate>>) -> Result<Json<Key>, Failure> {
    let (call, update) = call.take_body();
    change(call, update.0.try_into()?).await
}

/// `DELETE keys/{key}`
pub(super) async fn delete(call: Call<KeyId>) -> Result<Done, Failure> {
    call.directory()?.delete_key(&call.actor, &call.path.key.0).await?;
    call.changed().await;
    Ok(Done)
}

/// `POST keys/{key}/rotate`
pub(super) async fn rotate(call: Call<KeyId, Nothing, Json<Rotation>>) -> Result<Json<IssuedKey>, Failure> {
    let grace = Duration::from_secs(call.body.0.grace_seconds.0);
    let issued = call.directory()?.rotate_key(&call.actor, &call.path.key.0, grace).await?;
    call.changed().await;
    Ok(Json(issued.into()))
}

/// `POST keys/{key}/disable`
pub(super) async fn disable(call: Call<KeyId>) -> Result<Json<Key>, Failure> {
    change(call, directory::KeyUpdate::disabled(true)).await
}

/// `POST keys/{key}/enable`
pub(super) async fn enable(call: Call<KeyId>) -> Result<Json<Key>, Failure> {
    change(call, directory::KeyUpdate::disabled(false)).await
}

async fn change(call: Call<KeyId>, update: directory::KeyUpdate) -> Result<Json<Key>, Failure> {
    let key = call.directory()?.update_key(&call.actor, &call.path.key.0, update).await?;
    call.changed().await;
    Ok(Json(key.into()))
}
