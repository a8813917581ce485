//! Forms with files, as far as the gateway reads them: the model.

use tollgate_core::{Head, Located};

/// The boundary of a `multipart/form-data` body (RFC 7578); `None` if the content type is another.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    });
    // RFC 2046, section 5.1.1.
    value.filter(|value| !value.is_empty() && value.len() <= 70)
}

/// The head of a form: its model, and where that stands. Whatever else it holds is the provider's to read.
pub(crate) fn head(body: &[u8], boundary: &str) -> Head {
    let model = model(body, boundary).map(|(value, span)| Located { value: value.into(), span });
    Head { model, ..Head::default() }
}

fn model<'a>(body: &'a [u8], boundary: &str) -> Option<(&'a str, std::ops::Range<usize>)> {
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes())? + delimiter.len();
    loop {
        let rest = body.get(at..)?;
        let headers_end = find(rest, b"\r\n\r\n")?;
        let content = at + headers_end + 4;
        let end = content + find(body.get(content..)?, format!("\r\n{delimiter}").as_bytes())?;
        if is_model(&rest[..headers_end]) {
            let span = content..end;
            return Some((std::str::from_utf8(&body[span.clone()]).ok()?, span));
        }
        at = end + 2 + delimiter.len();
    }
}

fn is_model(headers: &[u8]) -> bool {
    let headers = String::from_utf8_lossy(headers);
    headers
        .lines()
        .filter(|line| line.to_ascii_lowercase().starts_with("content-disposition"))
        .any(|line| line.split(';').any(|parameter| matches!(parameter.trim(), "name=\"model\"" | "name=model")))
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_a_form() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nname=\"model\"\r\n\
            --B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--B--\r\n";
        let head = head(body.as_bytes(), "B");
        let model = head.model.unwrap();
        assert_eq!((&*model.value, &body[model.span]), ("whisper-1", "whisper-1"));
        assert_eq!(boundary("multipart/form-data; boundary=\"B\"").as_deref(), Some("B"));
        assert_eq!(boundary("application/json; boundary=B"), None);
    }

    #[test]
    fn what_is_no_form_has_no_model() {
        for body in ["", "--B", "--B\r\n\r\n", "--B\r\nname=\"model\"\r\n\r\nx"] {
            assert!(head(body.as_bytes(), "B").model.is_none(), "{body}");
        }
    }
}
