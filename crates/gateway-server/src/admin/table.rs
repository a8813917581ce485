//! Every endpoint of the admin API, one row each.

use http::Method;

use super::rest::{Kind, Route};
use super::rules::RuleKind;
use super::{audit, cache, captures, document, health, keys, levels, prices, reload, rules, usage};
use crate::rules::{Budget, Limit, Scope};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The table.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::new(GET, "openapi.json", "get_openapi", "The OpenAPI document of this API.", document::get),
        Route::new(GET, "health", "get_health", "How the parts fare that requests rely on.", health::get),
        Route::new(POST, "reload", "reload", "Loads the configuration again.", reload::reload)
            .notes(
                "All or nothing: with any mistake the configuration in use stays, and `details` of the error has every mistake. \
                 Requests in flight keep what they began with.",
            )
            .fails(&[Kind::Unprocessable]),
    ];
    routes.extend(of_keys());
    routes.extend(of_rules());
    routes.extend(of_prices());
    routes.extend(of_usage());
    routes.extend(of_cache());
    routes
}

fn of_keys() -> Vec<Route> {
    let secret = "The secret is in this answer and nowhere else: the gateway keeps only its digest.";
    vec![
        Route::new(GET, "keys", "list_keys", "All virtual keys, by name.", keys::list).fails(&[Kind::Unavailable]),
        Route::new(POST, "keys", "create_key", "Makes a virtual key.", keys::create)
            .notes(secret)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(GET, "keys/{key}", "get_key", "A virtual key.", keys::get).fails(&[Kind::Unavailable]),
        Route::new(PATCH, "keys/{key}", "update_key", "Changes a virtual key.", keys::update)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(
            DELETE,
            "keys/{key}",
            "delete_key",
            "Removes a virtual key. What was accounted to it stays.",
            keys::delete,
        )
        .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(POST, "keys/{key}/rotate", "rotate_key", "Gives a virtual key another secret.", keys::rotate)
            .notes(secret)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(POST, "keys/{key}/disable", "disable_key", "Refuses a virtual key from now on.", keys::disable)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(POST, "keys/{key}/enable", "enable_key", "Takes a virtual key again.", keys::enable)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
        Route::new(
            GET,
            "keys/{key}/levels",
            "list_key_levels",
            "What the limits and budgets of a key stand at.",
            levels::of_key,
        )
        .fails(&[Kind::Unavailable]),
        Route::new(GET, "audit", "list_audit", "Who changed what and when, the newest first.", audit::list)
            .fails(&[Kind::Unavailable]),
        Route::new(
            GET,
            "captures",
            "list_captures",
            "Requests and answers that were kept, the newest first.",
            captures::list,
        )
        .fails(&[Kind::Unavailable]),
    ]
}

fn of_rules() -> Vec<Route> {
    let [list, get, put, delete] = of_kind::<Limit<Scope>>(
        ["limits", "limits/{id}"],
        ["list_limits", "get_limit", "put_limit", "delete_limit"],
        ["All limits, by id.", "A limit.", "Makes or replaces a limit.", "Removes a limit."],
    );
    let mut routes = vec![list, get, put, delete];
    let level = "What a limit stands at.";
    routes.push(
        Route::new(GET, "limits/{id}/level", "get_limit_level", level, levels::get::<Limit<Scope>>)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
    );
    let [list, get, put, delete] = of_kind::<Budget<Scope>>(
        ["budgets", "budgets/{id}"],
        ["list_budgets", "get_budget", "put_budget", "delete_budget"],
        ["All budgets, by id.", "A budget.", "Makes or replaces a budget.", "Removes a budget."],
    );
    routes.extend([list, get, put, delete]);
    let level = "What a budget stands at.";
    routes.push(
        Route::new(GET, "budgets/{id}/level", "get_budget_level", level, levels::get::<Budget<Scope>>)
            .fails(&[Kind::Conflict, Kind::Unavailable]),
    );
    let reset = "Takes a budget as not spent.";
    routes.push(
        Route::new(POST, "budgets/{id}/reset", "reset_budget", reset, levels::reset::<Budget<Scope>>)
            .notes("What is held for requests that have not ended stays held. What was used is told by the audit log.")
            .fails(&[Kind::Conflict, Kind::Unavailable]),
    );
    routes
}

fn of_kind<R: RuleKind>(
    [all, one]: [&'static str; 2],
    [list, get, put, delete]: [&'static str; 4],
    summaries: [&'static str; 4],
) -> [Route; 4] {
    let changing = [Kind::Conflict, Kind::Unavailable];
    let notes = "What has been counted stays as long as there is a rule of this id, also when the amount changes.";
    [
        Route::new(GET, all, list, summaries[0], rules::list::<R>).fails(&[Kind::Unavailable]),
        Route::new(GET, one, get, summaries[1], rules::get::<R>).fails(&[Kind::Unavailable]),
        Route::new(PUT, one, put, summaries[2], rules::put::<R>).notes(notes).fails(&changing),
        Route::new(DELETE, one, delete, summaries[3], rules::delete::<R>).fails(&changing),
    ]
}

fn of_prices() -> Vec<Route> {
    let changing = [Kind::Conflict, Kind::Unavailable];
    vec![
        Route::new(GET, "prices/book", "get_price_book", "Which price book this gateway has.", prices::book),
        Route::new(GET, "prices/of-model", "get_price_of_model", "What a model costs.", prices::of_model)
            .fails(&[Kind::NotFound]),
        Route::new(
            GET,
            "prices/of-record",
            "get_price_of_record",
            "The price that a usage record names.",
            prices::of_record,
        )
        .fails(&[Kind::NotFound]),
        Route::new(
            GET,
            "prices/overrides",
            "list_price_overrides",
            "The prices in place of the book's.",
            prices::overrides,
        )
        .notes("Those of the configuration are not among them; these win over those.")
        .fails(&[Kind::Unavailable]),
        Route::new(
            PUT,
            "prices/overrides/{provider}/{model}",
            "put_price_override",
            "Sets what a model costs.",
            prices::put,
        )
        .fails(&changing),
        Route::new(
            DELETE,
            "prices/overrides/{provider}/{model}",
            "delete_price_override",
            "Lets the book say again what a model costs.",
            prices::delete,
        )
        .fails(&changing),
    ]
}

fn of_usage() -> Vec<Route> {
    vec![
        Route::new(GET, "usage/summary", "summarize_usage", "Sums of what was used.", usage::summary)
            .fails(&[Kind::Unavailable]),
        Route::new(GET, "usage/records", "list_usage_records", "Single requests, the newest first.", usage::records)
            .fails(&[Kind::Unavailable]),
        Route::new(GET, "usage/export", "export_usage", "Single requests as a file, the newest first.", usage::export)
            .notes("The file is written while it is sent, so that it may be as long as the ledger.")
            .fails(&[Kind::Unavailable]),
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
