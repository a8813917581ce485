//! Google's OAuth against a server that grants, refuses, is slow or is not there.

use std::time::{Duration, SystemTime};

use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tollgate_core::{Error, ErrorKind, Secret};
use tollgate_providers::Transport;
use tollgate_providers::auth::{GoogleCredentials, GoogleToken};
use tollgate_testkit::{Gate, Received, Refusing, Reply, Upstream, eventually};

/// Made for these tests, and of no use anywhere else.
pub(crate) const TEST_KEY: &str = include_str!("throw-away-test-key.pem");

fn service_account(token_uri: &str) -> GoogleToken {
    let json = json!({
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "key-1",
        "private_key": TEST_KEY,
        "client_email": "robot@a-project.iam.gserviceaccount.com",
        "token_uri": token_uri,
    });
    let credentials = GoogleCredentials::from_json(&Secret::new(json.to_string())).unwrap();
    assert_eq!(credentials.project_id(), Some("a-project"));
    token(credentials)
}

fn token(credentials: GoogleCredentials) -> GoogleToken {
    GoogleToken::new(credentials, Transport::builder().tls(false).build()).unwrap()
}

fn granted(token: &str, seconds: u64) -> Reply {
    Reply::json(json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" }).to_string())
}

fn refused(status: u16, body: &str) -> Reply {
    Reply::json(body).status(status)
}

async fn header(token: &GoogleToken) -> String {
    let header = token.header().await.unwrap();
    assert!(header.is_sensitive());
    header.to_str().unwrap().to_owned()
}

async fn pass_time(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// The fields of a form; percent-encoding undone.
fn fields(request: &Received) -> Vec<(String, String)> {
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    text.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| (decode(n), decode(v))).collect()
}

fn base64url(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = text
        .bytes()
        .map(|byte| digits.iter().position(|digit| *digit == byte).expect("a digit of base64"))
        .flat_map(|value| (0..6).rev().map(move |shift| u8::from(value >> shift & 1 == 1)))
        .collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect()
}

#[tokio::test]
async fn a_service_account_signs_for_its_token() {
    let server = Upstream::always(granted("ya29.a", 3599));
    let uri = format!("{}/token", server.url());
    assert_eq!(header(&service_account(&uri)).await, "Bearer ya29.a");

    let request = server.only_request();
    assert_eq!((request.method.as_str(), request.path()), ("POST", "/token"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let fields = fields(&request);
    assert_eq!(fields[0], ("grant_type".into(), "urn:ietf:params:oauth:grant-type:jwt-bearer".into()));
    assert_eq!((fields.len(), &fields[1].0[..]), (2, "assertion"));

    let (said, signature) = fields[1].1.rsplit_once('.').unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(TEST_KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(said.as_bytes(), &base64url(signature)).expect("the signature is the key's");

    let (head, claims) = said.split_once('.').unwrap();
    let parse = |text: &str| -> Value { serde_json::from_slice(&base64url(text)).unwrap() };
    assert_eq!(parse(head), json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    let claims = parse(claims);
    let issued = claims["iat"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(issued) < 60);
    let expect = json!({
        "iss": "robot@a-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": uri,
        "iat": issued,
        "exp": issued + 3600,
    });
    assert_eq!(claims, expect);
}

#[tokio::test]
async fn a_user_refreshes() {
    let server = Upstream::always(granted("ya29.user", 3599));
    let json = json!({
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "s&cret",
        "refresh_token": "1//r",
        "token_uri": server.url(),
    });
    let token = token(GoogleCredentials::from_json(&Secret::new(json.to_string())).unwrap());
    assert_eq!(header(&token).await, "Bearer ya29.user");
    let expect =
        [("grant_type", "refresh_token"), ("client_id", "id"), ("client_secret", "s&cret"), ("refresh_token", "1//r")];
    assert_eq!(fields(&server.only_request()), expect.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_fixed_token_is_used_as_it_is() {
    let fixed = GoogleCredentials::access_token(Secret::new("ya29.fixed"));
    assert_eq!(header(&token(fixed)).await, "Bearer ya29.fixed");
    for bad in ["", "a\nb"] {
        let credentials = GoogleCredentials::access_token(Secret::new(bad));
        assert!(GoogleToken::new(credentials, Transport::builder().tls(false).build()).is_err());
    }
}

#[tokio::test]
async fn a_token_is_kept_then_renewed_ahead_then_waited_for() {
    let gate = Gate::new();
    let replies = [granted("one", 3600), granted("two", 3600), granted("three", 3600).gate(&gate)];
    let server = Upstream::sequence(replies);
    let token = service_account(&server.url());
    assert_eq!(header(&token).await, "Bearer one");
    pass_time(Duration::from_secs(3290)).await;
    assert_eq!(header(&token).await, "Bearer one");
    assert_eq!(server.requests().len(), 1);

    // Five minutes before its end it is used on, and renewed beside the request.
    pass_time(Duration::from_secs(15)).await;
    assert_eq!(header(&token).await, "Bearer one");
    while header(&token).await == "Bearer one" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((header(&token).await, server.requests().len()), ("Bearer two".to_owned(), 2));

    // After its end there is nothing to use.
    pass_time(Duration::from_secs(3595)).await;
    gate.open();
    assert_eq!((header(&token).await, server.requests().len()), ("Bearer three".to_owned(), 3));
}

#[tokio::test]
async fn who_comes_at_the_same_time_waits_for_the_same() {
    let server = Upstream::always(granted("one", 3600).delay(Duration::from_millis(100)));
    let token = service_account(&server.url());
    let all = futures_util::future::join_all((0..50).map(|_| header(&token))).await;
    assert!(all.iter().all(|header| header == "Bearer one"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_failure_is_everybodys_and_the_next_asks_again() {
    let server = Upstream::sequence([refused(503, "{}").delay(Duration::from_millis(100)), granted("two", 3600)]);
    let token = service_account(&server.url());
    let all = futures_util::future::join_all((0..10).map(|_| token.header())).await;
    for error in all.into_iter().map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::UpstreamUnreachable, true));
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!((header(&token).await, server.requests().len()), ("Bearer two".to_owned(), 2));
}

#[tokio::test]
async fn who_goes_away_does_not_take_the_renewal_along() {
    let server = Upstream::always(granted("one", 3600).delay(Duration::from_millis(100)));
    let token = service_account(&server.url());
    let gone = tokio::time::timeout(Duration::from_millis(1), token.header()).await;
    assert!(gone.is_err());
    assert_eq!((header(&token).await, server.requests().len()), ("Bearer one".to_owned(), 1));
}

#[tokio::test]
async fn a_token_that_holds_survives_a_failed_renewal() {
    let server = Upstream::sequence([granted("one", 3600), refused(500, ""), granted("two", 3600)]);
    let token = service_account(&server.url());
    assert_eq!(header(&token).await, "Bearer one");
    pass_time(Duration::from_secs(3310)).await;
    assert_eq!(header(&token).await, "Bearer one");
    server.wait_requests(2).await;
    // For a while it is not tried again, however many ask.
    for _ in 0..20 {
        assert_eq!(header(&token).await, "Bearer one");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.requests().len(), 2);
    pass_time(Duration::from_secs(11)).await;
    eventually("the renewed token", || {
        let header = futures_util::FutureExt::now_or_never(token.header())?.ok()?;
        (header == "Bearer two").then_some(())
    })
    .await;
}

async fn error_of(reply: Reply) -> Error {
    let server = Upstream::always(reply);
    service_account(&server.url()).header().await.unwrap_err()
}

#[tokio::test]
async fn errors_say_what_is_wrong_and_quote_nothing() {
    let echo = |request: &Received| {
        let assertion = fields(request).remove(1).1;
        refused(400, &json!({ "error": "invalid_grant", "error_description": assertion }).to_string())
    };
    let server = Upstream::start(echo);
    let error = service_account(&server.url()).header().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable(), error.message()),
        (
            ErrorKind::UpstreamUnreachable,
            false,
            "The provider's token server refused the gateway's credentials (400, `invalid_grant`)."
        )
    );
    let assertion = fields(&server.only_request()).remove(1).1;
    assert!(!format!("{error:?}").contains(&assertion));

    assert!(!error_of(refused(401, r#"{"error":"Hidden: secret"}"#)).await.message().contains("Hidden"));
    assert!(!error_of(Reply::new(302).header("location", "/x")).await.is_retryable());
    let limited = error_of(refused(429, "{}").header("retry-after", "7")).await;
    assert_eq!((limited.is_retryable(), limited.retry_after()), (true, Some(Duration::from_secs(7))));
    for useless in ["", "{}", "[]", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#, r#"{"access_token":1}"#] {
        assert_eq!(error_of(Reply::json(useless)).await.kind(), ErrorKind::UpstreamInvalid, "{useless}");
    }
    let endless = Reply::json(" ".repeat(70_000));
    assert_eq!(error_of(endless).await.kind(), ErrorKind::UpstreamInvalid);
    let refusing = Refusing::start();
    let error = service_account(&refusing.base_url()).header().await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::UpstreamUnreachable, true));
}

#[test]
fn nothing_shows_a_key() {
    let json = json!({ "type": "service_account", "client_email": "a", "private_key": TEST_KEY.replace('\n', "\\n") });
    let credentials = GoogleCredentials::from_json(&Secret::new(json.to_string())).unwrap();
    let part = TEST_KEY.lines().nth(1).unwrap();
    let shown = format!("{credentials:?}");
    assert!(!format!("{shown} {:?}", token(credentials)).contains(part));
}
