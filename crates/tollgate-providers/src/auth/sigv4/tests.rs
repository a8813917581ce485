//! Amazon's test suite, and what it leaves out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::*;

/// A request of the suite, which need not be one that `http` would take: its paths have spaces.
struct Vector {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

impl Vector {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        // A header may go on in the next line; as a value it has spaces there (RFC 9112, section 5.2).
        let head = head.trim_end().replace("\n ", " ");
        let (line, rest) = head.split_once('\n').unwrap();
        let (method, target) = line.split_once(' ').unwrap();
        let target = target.strip_suffix(" HTTP/1.1").unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in rest.lines() {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let [path, query, body] = [path, query, body].map(str::to_owned);
        Self { method: method.parse().unwrap(), path, query, headers, body }
    }
}

fn signer(token: Option<&str>) -> SigV4Signer {
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let token = token.map(Secret::new);
    let credentials = AwsCredentials::new("AKIDEXAMPLE", secret, token.as_ref()).unwrap();
    SigV4Signer::new(credentials, "us-east-1", "service").unwrap()
}

/// 30 August 2015, 12:36, the time of the whole suite.
fn suite_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
}

fn vectors_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            vectors_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "req") {
            found.push(path);
        }
    }
}

/// All of them; none is left out.
#[test]
fn the_test_suite_of_amazon() {
    let Some(shared) = tollgate_testkit::shared() else { return };
    let mut vectors = Vec::new();
    vectors_below(&shared.join("fixtures/aws-sigv4-testsuite"), &mut vectors);
    assert!(vectors.len() >= 33, "only {} vectors", vectors.len());
    for path in vectors {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let read = |extension: &str| std::fs::read_to_string(path.with_extension(extension)).unwrap();
        let mut request = Vector::read(&read("req"));
        let expected = Vector::read(&read("sreq"));
        // The token comes with the credentials. One vector adds it after signing, for services that want it so; there
        // the signature is made without it.
        let token = expected.headers.get(SECURITY_TOKEN).filter(|_| name != "post-sts-header-after");
        let signer = signer(token.map(|token| token.to_str().unwrap()));
        let stamp = date::stamp(suite_time()).unwrap();
        if let Some(token) = &signer.credentials.session_token {
            request.headers.insert(SECURITY_TOKEN, token.clone());
        }
        let canonical =
            Canonical::new(&request.method, &request.path, &request.query, &request.headers, request.body.as_bytes());
        assert_eq!(String::from_utf8_lossy(&canonical.request), read("creq"), "{name}");
        assert_eq!(signer.string_to_sign(&canonical, &stamp), read("sts"), "{name}");
        assert_eq!(signer.authorization(&canonical, &stamp), read("authz"), "{name}");
        // The same from outside, wherever the request is one that can be sent.
        let Ok(uri) = format!("{}?{}", request.path, request.query).trim_end_matches('?').parse::<Uri>() else {
            assert_eq!(name, "get-space");
            continue;
        };
        let mut headers = request.headers.clone();
        signer.sign(&request.method, &uri, &mut headers, request.body.as_bytes(), suite_time()).unwrap();
        assert_eq!(headers[AUTHORIZATION], read("authz"), "{name}");
    }
}

#[test]
fn what_an_official_client_of_bedrock_signs() {
    let Some(shared) = tollgate_testkit::shared() else { return };
    let path = shared.join("fixtures/openai-sdk-bedrock-auth/bedrock/v1/sigv4.json");
    let case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |pointer: &str| case.pointer(pointer).and_then(Value::as_str).unwrap();
    let token = Secret::new(text("/credentials/sessionToken"));
    let secret = Secret::new(text("/credentials/secretAccessKey"));
    let credentials = AwsCredentials::new(text("/credentials/accessKeyId"), secret, Some(&token)).unwrap();
    let signer = SigV4Signer::new(credentials, text("/region"), text("/service")).unwrap();
    let body = text("/request/body").as_bytes();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", text("/request/contentType").parse().unwrap());
    headers.insert("x-amz-content-sha256", sha256(body).parse().unwrap());
    headers.insert("user-agent", HeaderValue::from_static("x"));
    assert_eq!(headers["x-amz-content-sha256"], text("/expected/payloadHash"));
    let (method, uri) = (text("/request/method").parse().unwrap(), text("/request/url").parse().unwrap());
    // 2 January 2025, 03:04:05.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_787_045);
    signer.sign(&method, &uri, &mut headers, body, now).unwrap();
    assert_eq!(headers[DATE], text("/expected/date"));
    assert_eq!(headers[AUTHORIZATION], text("/expected/authorization"));
    assert_eq!(headers["host"], "bedrock-mantle.us-east-1.api.aws");
    assert!(headers[AUTHORIZATION].is_sensitive() && headers[SECURITY_TOKEN].is_sensitive());
    // Signed again, as for a retry, it is the same.
    signer.sign(&method, &uri, &mut headers, body, now).unwrap();
    assert_eq!(headers[AUTHORIZATION], text("/expected/authorization"));
}

#[test]
fn what_is_encoded_on_the_wire_is_encoded_again() {
    let path = "/model/anthropic.claude-v2%3A1/converse-stream";
    let canonical = Canonical::new(&Method::POST, path, "a=b%2Fc&a&+=%7e", &HeaderMap::new(), b"");
    let request = String::from_utf8(canonical.request).unwrap();
    assert!(
        request.starts_with("POST\n/model/anthropic.claude-v2%253A1/converse-stream\n%2B=~&a=&a=b%2Fc\n"),
        "{request}"
    );
}

/// The expected signature is that of Amazon's own SDK for Python.
#[test]
fn a_model_with_a_colon() {
    let credentials = signer(None).credentials;
    let signer = SigV4Signer::new(credentials, "us-east-1", "bedrock").unwrap();
    let uri = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v2%3A1/converse-stream";
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    signer.sign(&Method::POST, &Uri::from_static(uri), &mut headers, b"{}", suite_time()).unwrap();
    let expect = "Signature=4dfd37d83be70de6719c8287be30bcefd2729e9b3691396a2e6d8a4d905810ed";
    assert!(headers[AUTHORIZATION].to_str().unwrap().ends_with(expect));
}

#[test]
fn the_host_has_the_port_that_is_not_implied() {
    for (uri, expect) in [
        ("https://a.example:443/", Some("a.example")),
        ("https://a.example:8443/", Some("a.example:8443")),
        ("http://127.0.0.1:80/x", Some("127.0.0.1")),
        ("https://[::1]:9/x", Some("[::1]:9")),
        ("/x", None),
    ] {
        assert_eq!(host(&uri.parse().unwrap()), expect.map(HeaderValue::from_static), "{uri}");
    }
    let signed = signer(None).sign(&Method::GET, &Uri::from_static("/x"), &mut HeaderMap::new(), b"", suite_time());
    assert_eq!(signed.unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn credentials_are_checked_and_not_shown() {
    let secret = || Secret::new("hidden");
    assert!(AwsCredentials::new("", secret(), None).is_err());
    assert!(AwsCredentials::new("A,B", secret(), None).is_err());
    assert!(AwsCredentials::new("A", Secret::new(""), None).is_err());
    let error = AwsCredentials::new("A", secret(), Some(&Secret::new("hidden\n"))).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"));
    let credentials = AwsCredentials::new("A", secret(), Some(&secret())).unwrap();
    assert!(SigV4Signer::new(credentials.clone(), "us east", "bedrock").is_err());
    let signer = SigV4Signer::new(credentials.clone(), "us-east-1", "bedrock").unwrap();
    assert!(!format!("{credentials:?} {signer:?}").contains("hidden"));
}
