//! Every endpoint of the admin API, one row each.

use http::Method;

use super::rest::{Kind, Route};
use super::{cache, document, reload, usage};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// The table.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::new(GET, "openapi.json", "get_openapi", "The OpenAPI document of this API.", document::get),
        Route::new(POST, "reload", "reload", "Loads the configuration again.", reload::reload)
            .notes(
                "All or nothing: with any mistake the configuration in use stays, and `details` of the error has every mistake. \
                 Requests in flight keep what they began with.",
            )
            .fails(&[Kind::Unprocessable]),
    ];
    routes.extend(of_usage());
    routes.extend(of_cache());
    routes
}

fn of_usage() -> Vec<Route> {
    vec![
        Route::new(GET, "usage/summary", "summarize_usage", "Sums of what was used.", usage::summary),
        Route::new(GET, "usage/recent", "list_recent_usage", "The latest records, the newest first.", usage::recent),
    ]
}

fn of_cache() -> Vec<Route> {
    vec![
        Route::new(GET, "cache/stats", "get_cache_stats", "What the cache has done since the server started.", cache::stats),
        Route::new(GET, "cache/entries", "list_cache_entries", "Stored answers, without what was asked and answered.", cache::entries),
        Route::new(POST, "cache/purge", "purge_cache", "Forgets stored answers.", cache::purge)
            .notes(
                "What is named by one property is forgotten everywhere at once, also answers that are on their way; several \
                 properties together select what has all of them, in the memory of this process only.",
            )
            .fails(&[Kind::Unavailable]),
        Route::new(POST, "cache/purge-near", "purge_cache_near", "Forgets what was stored for prompts like a text.", cache::purge_near)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(POST, "cache/explain", "explain_cache", "Why the cache would answer a request as it would.", cache::explain)
            .notes(
                "Nothing is sent to a provider, and nothing is learned or counted, but for what turns the prompt into a \
                 vector.",
            )
            .fails(&[Kind::NotFound, Kind::Unavailable]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_of_two_forms() {
        let routes = routes();
        for route in &routes {
            let example = route.path.replace(['{', '}'], "");
            let forms: Vec<&str> = routes
                .iter()
                .filter(|other| other.parts(&example).is_ok_and(|parts| parts.is_some()))
                .map(|other| other.path)
                .collect();
            assert!(forms.iter().all(|form| *form == route.path), "{example} is {forms:?}");
        }
    }

    #[test]
    fn endpoints_have_names_of_their_own() {
        let mut ids: Vec<&str> = routes().iter().map(|route| route.documented.id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
