//! YAML documents with `when` and `then`.

use std::path::Path;

use super::yaml::Node;
use super::{Answer, Exchange, shape, unpack};

/// Reads one document. The provider is the folder next to the root of the collection.
pub(super) fn read(document: &Node, source: &Path) -> Result<Exchange, &'static str> {
    let (Some(when), Some(then)) = (document.get("when"), document.get("then")) else {
        return Err("YAML of another kind");
    };
    let path = when.get("path").and_then(Node::text).ok_or("a request without a path")?;
    let query: Vec<String> = when.get("query_param").map(pairs).unwrap_or_default();
    let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
    let method = when.get("method").and_then(Node::text).unwrap_or("POST").to_ascii_uppercase();
    let status = then.get("status").and_then(Node::text).and_then(|status| status.parse().ok()).ok_or("no status")?;
    let recorded = then.get("body").and_then(Node::bytes).unwrap_or_default();
    let body = match then.get("body_encoding").and_then(Node::text) {
        Some("base64") => {
            let text = String::from_utf8(recorded).map_err(|_| "damaged base64")?;
            unpack::base64(&text).ok_or("damaged base64")?
        }
        Some(_) => return Err("encoded in a way that is not known here"),
        None => recorded,
    };
    let request = when.get("body").and_then(Node::text).and_then(|body| serde_json::from_str(body).ok());
    let provider = source.components().nth(1).map(|folder| folder.as_os_str().to_string_lossy().into_owned());
    let exchange = Exchange::new(provider.unwrap_or_default(), shape::of_path(&path), Answer::sniff(body));
    let content_type = then.get("header").and_then(|headers| header(headers, "content-type"));
    Ok(Exchange {
        method,
        status,
        request,
        path,
        content_type: content_type.unwrap_or(exchange.content_type),
        ..exchange
    })
}

/// `{name, value}` or `[name, value]` as `name=value`.
fn pairs(list: &Node) -> Vec<String> {
    let text = |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
    let pair = |item: &Node| match item.items() {
        [name, value] => format!("{}={}", text(Some(name)), text(Some(value))),
        _ => format!("{}={}", text(item.get("name")), text(item.get("value"))),
    };
    list.items().iter().map(pair).collect()
}

fn header(headers: &Node, name: &str) -> Option<String> {
    let is_it = |item: &&Node| item.get("name").and_then(Node::text).is_some_and(|n| n.eq_ignore_ascii_case(name));
    headers.items().iter().find(is_it)?.get("value").and_then(Node::text).map(str::to_owned)
}
