//! What the providers of clouds need besides a key: regions, projects, and proofs that are made anew.

use std::borrow::Cow;

use tollgate_core::Secret;

use super::builder::BuildError;
use super::keys::Proof;
use crate::auth::{AwsCredentials, CredentialsError, GoogleCredentials, GoogleToken, SigV4Signer};
use crate::transport::TransportBuilder;
use crate::{Api, Descriptor};

/// Where in a cloud a provider is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) region: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    pub(super) location: &'a str,
}

/// The address to use: the one that is set, or else the kind's own, or else the cloud's in this place.
pub(super) fn base_url<'a>(
    descriptor: &Descriptor,
    url: Option<&'a str>,
    place: Place<'_>,
) -> Result<Cow<'a, str>, BuildError> {
    match (descriptor.api, url.or(descriptor.base_url)) {
        // An address of one's own without a project is a server in front of Google's that knows it.
        (Api::Vertex, Some(url)) if has_path(url) || place.project.is_none() => Ok(url.into()),
        (Api::Vertex, url) => {
            let location = part("location", place.location)?;
            let server = match (url, location) {
                (Some(url), _) => url.trim_end_matches('/').to_owned(),
                (None, "global") => "https://aiplatform.googleapis.com".to_owned(),
                (None, location) => format!("https://{location}-aiplatform.googleapis.com"),
            };
            let project = part("project", place.project.ok_or_else(|| missing("project", descriptor))?)?;
            Ok(format!("{server}/v1/projects/{project}/locations/{location}").into())
        }
        (_, Some(url)) => Ok(url.into()),
        (Api::Bedrock, None) => {
            let region = part("region", place.region.ok_or_else(|| missing("region", descriptor))?)?;
            Ok(format!("https://bedrock-runtime.{region}.amazonaws.com").into())
        }
        (_, None) => Err(missing("base_url", descriptor)),
    }
}

/// What signs requests to Bedrock.
pub(super) fn signer(credentials: AwsCredentials, region: Option<&str>) -> Result<Proof, BuildError> {
    let region = region.ok_or_else(|| BuildError::new("region", "requests cannot be signed without one"))?;
    let signer = SigV4Signer::new(credentials, region, "bedrock");
    Ok(Proof::Signed(signer.map_err(|error| BuildError::new("region", error.to_string()))?))
}

/// Keys of Google's: the JSON of an account, or an access token.
pub(super) fn google(keys: &[Secret]) -> Result<Vec<GoogleCredentials>, BuildError> {
    let read = |key: &Secret| match key.expose().trim_start().starts_with('{') {
        true => GoogleCredentials::from_json(key).map_err(refused),
        false => Ok(GoogleCredentials::access_token(key.clone())),
    };
    keys.iter().map(read).collect()
}

/// The tokens of such keys. They share a transport, since the server that gives them is another one.
pub(super) fn tokens(keys: Vec<GoogleCredentials>, transport: TransportBuilder) -> Result<Vec<Proof>, BuildError> {
    let transport = transport.tls(true).build();
    let token = |key| GoogleToken::new(key, transport.clone()).map(Proof::Token).map_err(refused);
    keys.into_iter().map(token).collect()
}

fn refused(error: CredentialsError) -> BuildError {
    BuildError::new("api_key", error.to_string())
}

fn missing(setting: &'static str, descriptor: &Descriptor) -> BuildError {
    BuildError::new(setting, format!("a `{}` provider needs one", descriptor.kind))
}

/// A text that may stand in a host's name or a path.
fn part<'a>(setting: &'static str, text: &'a str) -> Result<&'a str, BuildError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    // Projects of a domain are called `example.com:project`.
    let allowed = |byte: u8| allowed(byte) || (setting == "project" && matches!(byte, b'.' | b':'));
    let is_part =
        !text.is_empty() && text.bytes().all(allowed) && text.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if is_part { Ok(text) } else { Err(BuildError::new(setting, "is empty or has a forbidden character")) }
}

fn has_path(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.trim_end_matches('/').contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor;

    fn url(kind: &str, url: Option<&str>, place: Place<'_>) -> Result<String, String> {
        let found = base_url(descriptor(kind).unwrap(), url, place);
        found.map(Cow::into_owned).map_err(|error| error.setting().to_owned())
    }

    #[test]
    fn addresses_of_clouds() {
        let nowhere = Place { region: None, project: None, location: "global" };
        let place = Place { region: Some("eu-west-1"), project: Some("example.com:p-1"), location: "europe-west4" };
        let below = "/v1/projects/example.com:p-1/locations";
        for (kind, base, place, expect) in [
            ("bedrock", None, place, Ok("https://bedrock-runtime.eu-west-1.amazonaws.com".to_owned())),
            ("bedrock", Some("http://h:1"), nowhere, Ok("http://h:1".to_owned())),
            ("bedrock", None, nowhere, Err("region".to_owned())),
            ("bedrock", None, Place { region: Some("evil.example/"), ..place }, Err("region".to_owned())),
            ("vertex", None, place, Ok(format!("https://europe-west4-aiplatform.googleapis.com{below}/europe-west4"))),
            (
                "vertex",
                None,
                Place { location: "global", ..place },
                Ok(format!("https://aiplatform.googleapis.com{below}/global")),
            ),
            ("vertex", Some("http://h:1/"), place, Ok(format!("http://h:1{below}/europe-west4"))),
            ("vertex", Some("http://h:1/v1/x"), nowhere, Ok("http://h:1/v1/x".to_owned())),
            ("vertex", Some("http://h:1"), nowhere, Ok("http://h:1".to_owned())),
            ("vertex", None, nowhere, Err("project".to_owned())),
            ("vertex", None, Place { project: Some(".."), ..place }, Err("project".to_owned())),
            ("vertex", None, Place { location: "a/b", ..place }, Err("location".to_owned())),
            ("azure", None, place, Err("base_url".to_owned())),
            ("openai", None, place, Ok("https://api.openai.com/v1".to_owned())),
        ] {
            assert_eq!(url(kind, base, place), expect, "{kind} {base:?}");
        }
    }

    #[test]
    fn keys_of_google() {
        assert!(google(&[Secret::new("ya29.token")]).unwrap()[0].project_id().is_none());
        let user = r#"{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c",
            "quota_project_id":"p"}"#;
        assert_eq!(google(&[Secret::new(user)]).unwrap()[0].project_id(), Some("p"));
        let error = google(&[Secret::new(r#"{"type":"secret-31337"}"#)]).unwrap_err();
        assert!(error.setting() == "api_key" && !error.to_string().contains("31337"), "{error}");
    }
}
