//! What only the providers of clouds have.

use tollgate_core::Secret;

use super::Check;
use crate::config::environment::{Discovered, Instance};
use crate::config::error::ConfigError;
use crate::config::resolved::{AwsKey, Cloud, KindInfo};
use crate::config::types::ProviderEntry;

/// Refuses what an entry's kind does not have.
pub(super) fn settings_fit(check: &mut Check<'_>, path: &str, entry: &ProviderEntry, kind: &KindInfo<'_>) {
    for (key, is_given, cloud) in [
        ("region", entry.region.is_some(), Cloud::Aws),
        ("access_key_id", entry.access_key_id.is_some(), Cloud::Aws),
        ("secret_access_key", entry.secret_access_key.is_some(), Cloud::Aws),
        ("session_token", entry.session_token.is_some(), Cloud::Aws),
        ("credentials_file", entry.credentials_file.is_some(), Cloud::Google),
        ("project", entry.project.is_some(), Cloud::Google),
        ("location", entry.location.is_some(), Cloud::Google),
    ] {
        if is_given && kind.cloud != Some(cloud) {
            let other = if cloud == Cloud::Aws { "bedrock" } else { "vertex" };
            let message = format!("a provider of kind `{}` has no such setting", kind.name);
            let error = check.document.key_error(&format!("{path}.{key}"), message);
            check.report(error.with_hint(format!("it belongs to the kind `{other}`")));
        }
    }
}

/// The access key of an entry, or that of the environment if the entry has no key at all.
pub(super) fn aws_of_entry(
    check: &mut Check<'_>,
    path: &str,
    entry: &ProviderEntry,
    variables: &Discovered,
) -> Option<AwsKey> {
    let parts = (&entry.access_key_id, &entry.secret_access_key, &entry.session_token);
    match parts {
        (Some(id), Some(secret), token) => {
            let session_token = token.as_ref().map(|token| token.0.clone());
            Some(AwsKey { access_key_id: id.0.clone(), secret_access_key: secret.0.clone(), session_token })
        }
        (None, None, None) => {
            let has_key = entry.api_key.is_some() || !entry.api_keys.is_empty() || entry.api_key_file.is_some();
            if has_key { None } else { aws_of_variables(variables) }
        }
        (id, secret, _) => {
            let given = match (id, secret) {
                (Some(_), _) => "access_key_id",
                (_, Some(_)) => "secret_access_key",
                _ => "session_token",
            };
            let message = "only a part of an access key";
            let error = check.document.key_error(&format!("{path}.{given}"), message);
            check.report(error.with_hint("give both access_key_id and secret_access_key"));
            None
        }
    }
}

/// The access key of the environment.
pub(super) fn aws_of_variables(variables: &Discovered) -> Option<AwsKey> {
    variables.aws.as_ref().map(|aws| AwsKey {
        access_key_id: Secret::new(aws.access_key_id.as_str()),
        secret_access_key: Secret::new(aws.secret_access_key.as_str()),
        session_token: aws.session_token.as_deref().map(Secret::new),
    })
}

/// The region of an entry. Signing needs one, and so does the address by default.
pub(super) fn region_of_entry(
    check: &mut Check<'_>,
    path: &str,
    entry: &ProviderEntry,
    kind: &KindInfo<'_>,
    variables: &Discovered,
) -> Option<String> {
    let region = entry.region.clone().or_else(|| variables.region.clone());
    let signs = entry.access_key_id.is_some() || variables.aws.is_some();
    if kind.cloud == Some(Cloud::Aws) && region.is_none() && (signs || entry.base_url.is_none()) {
        let error = check.document.error(path, format!("a provider of kind `{}` needs a region", kind.name));
        check.report(error.with_hint("give region, or set AWS_REGION"));
    }
    region
}

/// The region of a provider of the environment.
pub(super) fn region_of_variables(
    check: &mut Check<'_>,
    instance: &Instance<'_>,
    variables: &Discovered,
) -> Option<String> {
    let is_needed = variables.aws.is_some() || variables.base_url.is_none();
    if instance.kind().cloud == Some(Cloud::Aws) && variables.region.is_none() && is_needed {
        let given = variables.keys.first().map(|(variable, _)| variable.clone());
        let given = given.or_else(|| variables.aws.as_ref().map(|aws| aws.variable.clone())).unwrap_or_default();
        let owner = instance.owners().into_iter().next().unwrap_or_default();
        let missing = format!("{owner}_REGION");
        let error = ConfigError::environment(&missing, format!("not set, although {given} is"));
        check.report(error.with_hint(format!("set {missing} or AWS_REGION to where the models are, or unset {given}")));
    }
    variables.region.clone()
}

/// The project of the environment: the provider's own, or the general one where the credentials name none.
pub(super) fn project_of_variables(variables: &Discovered, keys: &[Secret]) -> Option<String> {
    let names_project = |key: &Secret| {
        let document: Option<serde_json::Value> = serde_json::from_str(key.expose()).ok();
        document.is_some_and(|document| document.get("project_id").is_some_and(serde_json::Value::is_string))
    };
    let general = || variables.general_project.clone().filter(|_| !keys.iter().any(names_project));
    variables.project.clone().or_else(general)
}
