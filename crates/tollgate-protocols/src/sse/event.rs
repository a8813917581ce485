//! Reads the fields of one event.

use std::borrow::Cow;

use memchr::memchr2;

/// The event's data: its `data` lines joined by LF. `None` if it has none, as comments do.
#[must_use]
pub fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut data: Option<Cow<'_, [u8]>> = None;
    for line in lines(event) {
        let Some(value) = field(line, b"data") else { continue };
        match &mut data {
            None => data = Some(Cow::Borrowed(value)),
            Some(known) => {
                let joined = known.to_mut();
                joined.push(b'\n');
                joined.extend_from_slice(value);
            }
        }
    }
    data
}

/// The event's name, the last `event` field; `None` if it has none.
#[must_use]
pub fn name(event: &[u8]) -> Option<&[u8]> {
    lines(event).filter_map(|line| field(line, b"event")).last()
}

/// The value of a line if the line's field is `name`: what stands after the first colon, less one leading space.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = event;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // CRLF gives an empty line between its two bytes, which no field matches.
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: &str, expect_name: Option<&str>, expect_data: Option<&str>) {
        assert_eq!(name(event.as_bytes()), expect_name.map(str::as_bytes));
        assert_eq!(data(event.as_bytes()).as_deref(), expect_data.map(str::as_bytes));
    }

    #[test]
    fn fields() {
        check("data: a\n\n", None, Some("a"));
        check("data:a\r\n\r\n", None, Some("a"));
        check("data:  a\n\n", None, Some(" a"));
        check("event: delta\ndata: {}\n\n", Some("delta"), Some("{}"));
        check("data: {}\nevent: late\n\n", Some("late"), Some("{}"));
        check("data: a\ndata: b\r\ndata\n\n", None, Some("a\nb\n"));
        check(": comment\n\n", None, None);
        check("database: x\nid: 1\nretry: 3\n\n", None, None);
        check("\ndata: a", None, Some("a"));
    }
}
