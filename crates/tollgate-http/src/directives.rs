//! What clients ask of caches, and what they are told.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};
use tollgate_core::{CacheDirectives, CacheMode, CacheOutcome, CacheStatus, Context, Error, ErrorKind};

const X_CACHE: &str = "x-tollgate-cache";
const X_CACHE_TTL: &str = "x-tollgate-cache-ttl";
const X_CACHE_TAGS: &str = "x-tollgate-cache-tags";
const X_MIN_SIMILARITY: &str = "x-tollgate-min-similarity";
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Tags that one answer may have, and the bytes of each.
const MAX_TAGS: usize = 16;
const MAX_TAG_LEN: usize = 128;

/// What the headers of a request ask for; `None` if nothing.
///
/// # Errors
/// A value that means nothing: who misspells `off` must not get a stored answer.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Arc<CacheDirectives>>, Error> {
    let mut asked = CacheDirectives::default();
    for value in headers.get_all(CACHE_CONTROL) {
        cache_control(value.to_str().unwrap_or_default(), &mut asked);
    }
    for value in headers.get_all(X_CACHE) {
        let words = value.to_str().unwrap_or_default();
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            mode(word, &mut asked)?;
        }
    }
    if let Some(value) = headers.get(X_CACHE_TTL) {
        let seconds = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        let seconds = seconds.ok_or_else(|| bad(X_CACHE_TTL, "a number of seconds"))?;
        asked.ttl = Some(Duration::from_secs(seconds));
    }
    for value in headers.get_all(X_CACHE_TAGS) {
        let text = value.to_str().map_err(|_| bad_tags())?;
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            if tag.len() > MAX_TAG_LEN || asked.tags.len() == MAX_TAGS {
                return Err(bad_tags());
            }
            asked.tags.push(tag.into());
        }
    }
    if let Some(value) = headers.get(X_MIN_SIMILARITY) {
        let similarity = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        let similarity = similarity.filter(|similarity| (0.0..=1.0).contains(similarity));
        asked.min_similarity = Some(similarity.ok_or_else(|| bad(X_MIN_SIMILARITY, "a number from 0 to 1"))?);
    }
    Ok((asked != CacheDirectives::default()).then(|| Arc::new(asked)))
}

/// The directives of a request in RFC 9111, section 5.2.1, as far as they mean something here; others are ignored, as it says.
fn cache_control(value: &str, asked: &mut CacheDirectives) {
    for directive in value.split(',') {
        let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
        match &*name.trim().to_ascii_lowercase() {
            "no-cache" => asked.refresh = true,
            "no-store" => asked.no_store = true,
            "only-if-cached" => asked.only_if_cached = true,
            "max-age" => {
                let seconds = argument.trim().trim_matches('"').parse().ok();
                asked.max_age = seconds.map(Duration::from_secs).or(asked.max_age);
                // Else an answer of this very moment would still do, which nobody means who says so.
                asked.refresh |= seconds == Some(0);
            }
            _ => {}
        }
    }
}

fn mode(word: &str, asked: &mut CacheDirectives) -> Result<(), Error> {
    match word {
        "off" => asked.mode = Some(CacheMode::Off),
        "exact" => asked.mode = Some(CacheMode::Exact),
        "semantic" => asked.mode = Some(CacheMode::Semantic),
        "refresh" => {
            asked.refresh = true;
            // Who wants a new answer stored wants a cache.
            asked.mode.get_or_insert(CacheMode::Exact);
        }
        "only-if-cached" => {
            asked.only_if_cached = true;
            asked.mode.get_or_insert(CacheMode::Exact);
        }
        _ => return Err(bad(X_CACHE, "off, exact, semantic, refresh or only-if-cached")),
    }
    Ok(())
}

fn bad(header: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidRequest, format!("`{header}` must be {expected}.")).with_param(header)
}

fn bad_tags() -> Error {
    let expected = format!("a list such as `doc:1,doc:2` of at most {MAX_TAGS} tags of at most {MAX_TAG_LEN} bytes");
    bad(X_CACHE_TAGS, &expected)
}

/// Tells a client what caches did, as RFC 9211 has it.
pub(crate) fn tell(headers: &mut HeaderMap, context: &Context, is_whole: bool) {
    let Some(outcome) = context.observe(|observed| observed.cache.clone()) else { return };
    if let Ok(value) = cache_status(&outcome, is_whole) {
        headers.insert(CACHE_STATUS, value);
    }
    if let Some(age) = outcome.age {
        headers.insert(AGE, age.as_secs().into());
    }
}

fn cache_status(outcome: &CacheOutcome, is_whole: bool) -> Result<HeaderValue, InvalidHeaderValue> {
    // What most are that cost nothing else.
    if (outcome.status, outcome.detail) == (CacheStatus::Hit, Some("exact")) {
        return Ok(HeaderValue::from_static("tollgate; hit; detail=exact"));
    }
    let mut text = String::with_capacity(48);
    text.push_str("tollgate; ");
    match outcome.status {
        CacheStatus::Hit | CacheStatus::Stale => text.push_str("hit"),
        CacheStatus::Collapsed => text.push_str("fwd=miss; collapsed"),
        CacheStatus::Bypass => text.push_str("fwd=bypass"),
        // Of a stream nobody knows yet whether it will be stored.
        CacheStatus::Miss if is_whole && outcome.stored => text.push_str("fwd=miss; stored"),
        _ => text.push_str("fwd=miss"),
    }
    if let Some(detail) = outcome.detail {
        text.push_str("; detail=");
        text.push_str(detail);
    }
    HeaderValue::try_from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, &'static str)]) -> Result<CacheDirectives, String> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        read(&headers).map(|asked| asked.as_deref().cloned().unwrap_or_default()).map_err(|error| error.to_string())
    }

    #[test]
    fn directives_of_every_kind() {
        assert_eq!(read(&HeaderMap::new()).unwrap(), None);
        let all = asked(&[
            ("x-tollgate-cache", "semantic, refresh"),
            ("x-tollgate-cache-ttl", "60"),
            ("x-tollgate-cache-tags", "doc:1, doc:2"),
            ("x-tollgate-min-similarity", "0.95"),
            ("cache-control", "Max-Age=10, unknown=1"),
        ])
        .unwrap();
        assert_eq!((all.mode, all.refresh, all.only_if_cached), (Some(CacheMode::Semantic), true, false));
        assert_eq!((all.ttl, all.max_age), (Some(Duration::from_secs(60)), Some(Duration::from_secs(10))));
        assert_eq!((all.tags.len(), all.min_similarity), (2, Some(0.95)));
        assert!(asked(&[("cache-control", "no-store")]).unwrap().no_store);
        assert!(asked(&[("cache-control", "max-age=0")]).unwrap().refresh);
        assert_eq!(asked(&[("x-tollgate-cache", "only-if-cached")]).unwrap().mode, Some(CacheMode::Exact));
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        for (name, value) in [
            ("x-tollgate-cache", "of"),
            ("x-tollgate-cache-ttl", "1h"),
            ("x-tollgate-min-similarity", "1.5"),
            ("x-tollgate-min-similarity", "NaN"),
            ("x-tollgate-cache-tags", "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"),
        ] {
            assert!(asked(&[(name, value)]).unwrap_err().contains(name), "{name}: {value}");
        }
    }

    #[test]
    fn what_clients_are_told() {
        let told = |outcome: CacheOutcome| cache_status(&outcome, true).unwrap();
        assert_eq!(told(CacheOutcome::new(CacheStatus::Hit).detail("exact")), "tollgate; hit; detail=exact");
        let mut miss = CacheOutcome::new(CacheStatus::Miss);
        miss.stored = true;
        assert_eq!(told(miss.clone()), "tollgate; fwd=miss; stored");
        assert_eq!(cache_status(&miss, false).unwrap(), "tollgate; fwd=miss");
        assert_eq!(told(CacheOutcome::new(CacheStatus::Bypass).detail("off")), "tollgate; fwd=bypass; detail=off");
        assert_eq!(told(CacheOutcome::new(CacheStatus::Collapsed)), "tollgate; fwd=miss; collapsed");
    }
}
