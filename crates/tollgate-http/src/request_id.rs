//! The name of a request.

use std::sync::Arc;

use http::HeaderMap;

const MAX_LEN: usize = 128;

/// The client's `x-request-id` if it has a usable one, else a new id (UUID, version 4).
#[must_use]
pub fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    match given.filter(|id| is_usable(id)) {
        Some(id) => id.into(),
        None => {
            // It names a request; it guards nothing. So a fast generator serves, where the system's costs a call.
            let id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
            id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).into()
        }
    }
}

/// Printable and not too long: it is written into logs and answered in a header.
fn is_usable(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_LEN && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_usable_id_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static("trace-7"));
        assert_eq!(&*request_id(&headers), "trace-7");
        headers.insert("x-request-id", HeaderValue::from_static("not usable"));
        assert_eq!(request_id(&headers).len(), 36);
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
