//! The address of a provider.

use http::Uri;

/// Checks a base URL and drops the slashes at its end, so that paths can be put behind it. The message does not repeat
/// the URL, which may hold a password.
pub(super) fn base_url(text: &str) -> Result<String, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("must begin with http:// or https://");
    }
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    if authority.contains('@') {
        return Err("must not hold a user name or a password");
    }
    if uri.host().unwrap_or_default().is_empty() {
        return Err("has no host");
    }
    // `http` takes any text after the host's colon and reads an unusable port as none.
    if authority.trim_end_matches(|last: char| last.is_ascii_digit()).ends_with(':') && uri.port().is_none() {
        return Err("the port is not a number from 0 to 65535");
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("must end before any ? or #");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_addresses_of_providers() {
        for (text, expect) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("https://api.openai.com/v1//", "https://api.openai.com/v1"),
            ("http://localhost:11434", "http://localhost:11434"),
            ("http://127.0.0.1:1/", "http://127.0.0.1:1"),
            ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
            ("HTTPS://EXAMPLE.COM", "HTTPS://EXAMPLE.COM"),
            (
                "https://name.openai.azure.com/openai/deployments/x",
                "https://name.openai.azure.com/openai/deployments/x",
            ),
        ] {
            assert_eq!(base_url(text).as_deref(), Ok(expect));
        }
    }

    #[test]
    fn refuses_others() {
        for (text, expect) in [
            ("", "not a URL"),
            ("https://", "not a URL"),
            ("https://a b", "not a URL"),
            ("api.openai.com", "must begin with http:// or https://"),
            ("/v1", "must begin with http:// or https://"),
            ("ftp://example.com", "must begin with http:// or https://"),
            ("https://user:password@example.com", "must not hold a user name or a password"),
            ("https://key@example.com", "must not hold a user name or a password"),
            ("https://:80", "has no host"),
            ("https://example.com:99999", "the port is not a number from 0 to 65535"),
            ("https://example.com/v1?key=1", "must end before any ? or #"),
            ("https://example.com/v1#x", "must end before any ? or #"),
        ] {
            assert_eq!(base_url(text), Err(expect), "{text}");
        }
    }
}
