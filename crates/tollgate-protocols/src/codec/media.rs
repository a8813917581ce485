//! Media types and `data:` URLs.

/// The media type and the Base64 text of a `data:` URL (RFC 2397); `None` if it is another URL, or its data are not Base64.
#[must_use]
pub fn parse_data_url(url: &str) -> Option<(Option<&str>, &str)> {
    let scheme = url.get(..5)?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = url[5..].split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    let mime = head.split(';').next().filter(|mime| !mime.is_empty());
    Some((mime, data))
}

/// The media type that the end of a file's name or address stands for.
#[must_use]
pub fn mime_of_name(name: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 24] = [
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("heic", "image/heic"),
        ("pdf", "application/pdf"),
        ("txt", "text/plain"),
        ("md", "text/markdown"),
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("json", "application/json"),
        ("wav", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("ogg", "audio/ogg"),
        ("flac", "audio/flac"),
        ("m4a", "audio/mp4"),
        ("mp4", "video/mp4"),
        ("mov", "video/quicktime"),
        ("webm", "video/webm"),
        ("doc", "application/msword"),
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("xls", "application/vnd.ms-excel"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ];
    let path = name.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit_once('.')?;
    KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending)).map(|(_, mime)| *mime)
}

/// The media type of a picture by how its Base64 text begins. What clients say it is may be wrong, and is refused then.
#[must_use]
pub fn image_mime(data: &str) -> Option<&'static str> {
    const BEGINNINGS: [(&str, &str); 4] =
        [("/9j/", "image/jpeg"), ("iVBORw0KGgo", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];
    BEGINNINGS.iter().find(|(start, _)| data.starts_with(start)).map(|(_, mime)| *mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls() {
        assert_eq!(parse_data_url("data:image/png;base64,AAAA"), Some((Some("image/png"), "AAAA")));
        assert_eq!(parse_data_url("data:;base64,AAAA"), Some((None, "AAAA")));
        assert_eq!(parse_data_url("data:audio/wav;rate=8000;base64,AA"), Some((Some("audio/wav"), "AA")));
        for other in ["https://h/x.png", "data:text/plain,hi", "data:", "", "é"] {
            assert_eq!(parse_data_url(other), None, "{other}");
        }
    }

    #[test]
    fn endings() {
        assert_eq!(mime_of_name("gs://bucket/x.PNG?y=1.pdf"), Some("image/png"));
        assert_eq!(mime_of_name("noending"), None);
    }
}
