//! The provider's list of models.

use bytes::Bytes;
use http::{Method, header};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tollgate_core::{Error, ErrorKind};

use super::failure;
use super::provider::Inner;
use super::request::{Content, Outgoing};
use crate::Model;

/// OpenRouter's list, the longest known, has about half a megabyte.
const MAX_LIST: usize = 16 * 1024 * 1024;

pub(super) async fn list(provider: &Inner) -> Result<Vec<Model>, Error> {
    if !provider.models.is_empty() {
        return Ok(provider.models.iter().map(Model::new).collect());
    }
    let listed = provider.descriptor.quirks.listed_models;
    if !listed.is_empty() {
        return Ok(listed.iter().copied().map(Model::new).collect());
    }
    ask(provider).await
}

async fn ask(provider: &Inner) -> Result<Vec<Model>, Error> {
    let Some(address) =
        provider.address.models().map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?
    else {
        // Nothing that could be asked: the models are those that are configured.
        return Ok(Vec::new());
    };
    let key = provider.keys.pick();
    let mut headers = provider.default_headers.clone();
    headers.extend(provider.headers.clone());
    headers.insert(header::ACCEPT, http::HeaderValue::from_static("application/json"));
    let outgoing =
        Outgoing { method: Method::GET, uri: address, headers, body: Content::Whole(Bytes::new()), at_root: false };
    let (request, secret) = outgoing.sign(key).await?;
    let response = provider.transport.send(request).await?;
    if !response.status().is_success() {
        return Err(failure::read(response, key, secret.as_ref()).await);
    }
    let unreadable = |_| Error::new(ErrorKind::UpstreamInvalid, "The provider's list of models cannot be read.");
    let body = Limited::new(response.into_body(), MAX_LIST).collect().await.map_err(unreadable)?.to_bytes();
    parse(&body).ok_or_else(|| Error::new(ErrorKind::UpstreamInvalid, "The provider's list of models is none."))
}

/// OpenAI's `{"data": [{"id"}]}`, Together's bare list, and lists under `models` with `id` or `name`.
fn parse(body: &[u8]) -> Option<Vec<Model>> {
    let list = match serde_json::from_slice(body).ok()? {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("data").or_else(|| object.remove("models"))? {
            Value::Array(list) => list,
            _ => return None,
        },
        _ => return None,
    };
    let model = |item: Value| {
        let Value::Object(details) = item else { return None };
        let id = details.get("id").or_else(|| details.get("name"))?.as_str()?;
        // Google prefixes the ids of its OpenAI layer in the list, but takes them without.
        let id = id.strip_prefix("models/").unwrap_or(id).to_owned();
        Some(Model { id, details })
    };
    Some(list.into_iter().filter_map(model).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_every_shape() {
        for (body, ids) in [
            (r#"{"object":"list","data":[{"id":"a","owned_by":"x"},{"id":"b"}]}"#, vec!["a", "b"]),
            (r#"[{"id":"a"}]"#, vec!["a"]),
            (r#"{"data":[{"id":"models/g"}]}"#, vec!["g"]),
            (r#"{"models":[{"name":"l"}]}"#, vec!["l"]),
            (r#"{"data":[{"no":"id"},7]}"#, vec![]),
        ] {
            let models = parse(body.as_bytes()).unwrap();
            assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ids, "{body}");
        }
        for body in ["", "{}", "7", r#"{"data":{}}"#] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
    }
}
