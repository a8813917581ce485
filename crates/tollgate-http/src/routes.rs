//! Which door a path leads to.

use http::Method;
use tollgate_core::{Error, ErrorKind, Operation};

/// A door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door<'a> {
    Operation(Operation),
    ListModels,
    /// The id, still percent-encoded.
    DescribeModel(&'a str),
    Passthrough {
        provider: &'a str,
        /// The path below the provider, without a leading slash.
        path: &'a str,
    },
}

/// The door for a method and a path; the path is without the base path.
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Result<Door<'a>, Error> {
    if let Some(rest) = path.strip_prefix("/p/") {
        return passthrough(rest);
    }
    let (allowed, door) = match path {
        "/v1/chat/completions" => (Method::POST, Door::Operation(Operation::ChatCompletions)),
        "/v1/completions" => (Method::POST, Door::Operation(Operation::Completions)),
        "/v1/embeddings" => (Method::POST, Door::Operation(Operation::Embeddings)),
        "/v1/responses" => (Method::POST, Door::Operation(Operation::Responses)),
        "/v1/models" => (Method::GET, Door::ListModels),
        _ => match path.strip_prefix("/v1/models/").filter(|id| !id.is_empty()) {
            Some(id) => (Method::GET, Door::DescribeModel(id)),
            None => {
                let message = format!("There is nothing at {path}.");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
        },
    };
    if *method != allowed {
        let message = format!("{path} takes {allowed}, not {method}.");
        return Err(Error::new(ErrorKind::MethodNotAllowed, message));
    }
    Ok(door)
}

fn passthrough(rest: &str) -> Result<Door<'_>, Error> {
    let (provider, path) = rest.split_once('/').unwrap_or((rest, ""));
    let climbs = path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == ".." || plain == "."
    });
    if climbs {
        // The provider's server would resolve it to a place that the base address was to keep out of reach.
        return Err(Error::invalid_request("The path must not have `.` or `..` segments.", None));
    }
    Ok(Door::Passthrough { provider, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors() {
        let post = |path| find(&Method::POST, path);
        assert_eq!(post("/v1/chat/completions").unwrap(), Door::Operation(Operation::ChatCompletions));
        assert_eq!(find(&Method::GET, "/v1/models").unwrap(), Door::ListModels);
        assert_eq!(find(&Method::GET, "/v1/models/a/b%2Fc").unwrap(), Door::DescribeModel("a/b%2Fc"));
        assert_eq!(post("/p/openai/v1/x").unwrap(), Door::Passthrough { provider: "openai", path: "v1/x" });
        assert_eq!(post("/p/openai").unwrap(), Door::Passthrough { provider: "openai", path: "" });
        for (method, path, kind) in [
            (Method::GET, "/v1/chat/completions", ErrorKind::MethodNotAllowed),
            (Method::POST, "/v1/models", ErrorKind::MethodNotAllowed),
            (Method::POST, "/v1/nothing", ErrorKind::NotFound),
            (Method::POST, "/chat/completions", ErrorKind::NotFound),
            (Method::GET, "/p/openai/../secret", ErrorKind::InvalidRequest),
            (Method::GET, "/p/openai/a/%2E%2e/b", ErrorKind::InvalidRequest),
        ] {
            assert_eq!(find(&method, path).unwrap_err().kind(), kind, "{path}");
        }
    }
}
