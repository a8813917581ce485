//! One change at one random place of a request.

use fastrand::Rng;
use serde_json::{Value, json};
use tollgate_core::Operation;

use super::specimen::{OPERATIONS, Specimen, anything};

/// The same request with something else in one place. What it was is not told: whoever wants to know compares.
pub(super) fn mutated(of: &Specimen, rng: &mut Rng) -> Specimen {
    let mut next = of.clone();
    match rng.u8(..40) {
        0 => header(&mut next, rng),
        1 => next.model = format!("{}-{}", next.model, rng.u8(..3)),
        2 => next.provider = format!("{}{}", next.provider, rng.u8(..3)),
        3 => next.key = rng.bool().then(|| format!("acme/{}/{}", rng.lowercase(), rng.lowercase())),
        4 => next.scope = rng.usize(..4),
        5 => next.operation = OPERATIONS[rng.usize(..OPERATIONS.len())],
        6 => twice(&mut next, rng),
        7 | 8 => move_words(&mut next.body, rng),
        9 => swap_leaves(&mut next.body, rng),
        _ => body(&mut next.body, rng),
    }
    next
}

fn header(next: &mut Specimen, rng: &mut Rng) {
    match next.headers.first_mut() {
        Some((_, value)) if rng.bool() => value.push('x'),
        Some(_) if rng.bool() => drop(next.headers.pop()),
        _ => next.headers.push(("openai-project", format!("p{}", rng.u8(..3)))),
    }
}

/// Every place of a value, as pointers; `into` begins with the root.
pub(super) fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| places(item, &format!("{at}/{number}"), into));
        }
        Value::Object(members) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{}", escaped(name)), into));
        }
        _ => {}
    }
}

fn any_place<'v>(body: &'v mut Value, rng: &mut Rng, fits: impl Fn(&Value) -> bool) -> Option<&'v mut Value> {
    let mut all = Vec::new();
    places(body, "", &mut all);
    all.retain(|place| body.pointer(place).is_some_and(&fits));
    let place = all.get(rng.usize(..all.len().max(1)))?.clone();
    body.pointer_mut(&place)
}

fn body(body: &mut Value, rng: &mut Rng) {
    let Some(place) = any_place(body, rng, |_| true) else { return };
    match place {
        Value::Object(members) => object(members, rng),
        Value::Array(items) => array(items, rng),
        leaf => self::leaf(leaf, rng),
    }
}

fn object(members: &mut serde_json::Map<String, Value>, rng: &mut Rng) {
    let names: Vec<String> = members.keys().cloned().collect();
    let some = names.get(rng.usize(..names.len().max(1))).cloned();
    match (rng.u8(..4), some) {
        (0, Some(name)) => drop(members.remove(&name)),
        (1, Some(name)) => {
            // Names in another case, or of another protocol, are other names.
            let value = members.remove(&name).unwrap_or_default();
            let other = if rng.bool() { name.to_uppercase() } else { format!("{name}_") };
            members.insert(other, value);
        }
        // Names of delivery, too: below the top they are as good as any other.
        _ => {
            let names = ["x_new", "stream", "model", "metadata", "cache_control", "name", "store", "type", "role"];
            members.insert(names[rng.usize(..names.len())].to_owned(), anything(rng, 2));
        }
    }
}

fn array(items: &mut Vec<Value>, rng: &mut Rng) {
    let at = rng.usize(..items.len().max(1));
    match rng.u8(..5) {
        0 if !items.is_empty() => drop(items.remove(at)),
        1 if items.len() > 1 => items.swap(at, (at + 1) % at.max(1).max(2)),
        2 if !items.is_empty() => items.insert(at, items[at].clone()),
        3 if items.len() > 1 => items.reverse(),
        _ => items.push(anything(rng, 1)),
    }
}

fn leaf(leaf: &mut Value, rng: &mut Rng) {
    *leaf = match &*leaf {
        _ if rng.u8(..12) == 0 => anything(rng, 2),
        Value::String(text) => json!(other_text(text, rng)),
        Value::Number(number) => match rng.u8(..4) {
            0 => json!(number.to_string()),
            1 => json!(number.as_f64().unwrap_or_default() + 0.5),
            2 => json!(-number.as_f64().unwrap_or_default() - 1.0),
            _ => json!(number.as_i64().unwrap_or_default() + 1),
        },
        Value::Bool(value) => json!(!value),
        _ => json!(0),
    };
}

fn other_text(text: &str, rng: &mut Rng) -> String {
    let roles = ["user", "assistant", "system", "developer", "tool", "model"];
    if roles.contains(&text) && rng.bool() {
        return roles[rng.usize(..roles.len())].to_owned();
    }
    let at = text.char_indices().map(|(at, _)| at).nth(rng.usize(..text.chars().count().max(1))).unwrap_or(0);
    let (before, after) = text.split_at(at);
    match rng.u8(..7) {
        0 => format!("{text} "),
        1 => text.to_uppercase(),
        2 => format!("{before}{}", after.chars().skip(1).collect::<String>()),
        3 => format!("{before}\u{301}{after}"),
        4 => format!("{before} {after}"),
        5 => format!("{before}{}{after}", rng.digit(10)),
        _ => format!("{before}{}{after}", rng.alphabetic()),
    }
}

/// Moves the beginning of one text to the end of another: together they say the same.
fn move_words(body: &mut Value, rng: &mut Rng) {
    let Some(from) = any_place(body, rng, |value| value.as_str().is_some_and(|text| text.len() > 3)) else { return };
    let text = from.as_str().unwrap_or_default().to_owned();
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    *from = json!(text[middle..]);
    if let Some(to) = any_place(body, rng, Value::is_string) {
        *to = json!([to.as_str().unwrap_or_default(), &text[..middle]].concat());
    }
}

fn swap_leaves(body: &mut Value, rng: &mut Rng) {
    let mut all = Vec::new();
    places(body, "", &mut all);
    all.retain(|place| body.pointer(place).is_some_and(|value| !value.is_object() && !value.is_array()));
    let mut pick = || all.get(rng.usize(..all.len().max(1))).cloned().unwrap_or_default();
    let (one, other) = (pick(), pick());
    let (Some(a), Some(b)) = (body.pointer(&one).cloned(), body.pointer(&other).cloned()) else { return };
    for (place, value) in [(one, b), (other, a)] {
        if let Some(place) = body.pointer_mut(&place) {
            *place = value;
        }
    }
}

/// A member that stands twice: servers differ in which of the two they take.
fn twice(next: &mut Specimen, rng: &mut Rng) {
    let mut all = Vec::new();
    places(&next.body, "", &mut all);
    all.retain(|place| next.body.pointer(place).and_then(Value::as_object).is_some_and(|members| !members.is_empty()));
    let Some(place) = all.get(rng.usize(..all.len().max(1))).cloned() else { return };
    let names: Vec<String> = next
        .body
        .pointer(&place)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    let name = names[rng.usize(..names.len())].clone();
    let outermost = place.split('/').nth(1).unwrap_or(&name);
    if !super::oracle::is_delivery(next.operation, outermost) {
        next.twice = Some((place, name, anything(rng, 1)));
    }
}

/// The same request, said otherwise: what is about delivery, and where it is traced.
pub(super) fn delivered_otherwise(of: &Specimen, rng: &mut Rng) -> Specimen {
    let mut next = of.clone();
    let members: &[(&str, Value)] = match of.operation {
        Operation::ChatCompletions => {
            &[("stream", json!(true)), ("metadata", json!({ "a": "b" })), ("store", json!(false))]
        }
        Operation::Responses => &[("stream", json!(true)), ("store", json!(false))],
        Operation::GenerateContent => &[("model", json!("another"))],
        Operation::OllamaChat => &[("stream", json!(false)), ("keep_alive", json!("1h"))],
        Operation::Embeddings => &[("model", json!("another"))],
        _ => &[("stream", json!(true)), ("model", json!("another"))],
    };
    let (name, value) = &members[rng.usize(..members.len())];
    next.body[*name] = value.clone();
    next.headers.push(("traceparent", format!("00-{}", rng.u32(..))));
    next
}
