//! Providers from variables.

use super::*;

/// Checks the providers that variables give, each as `name:kind key,key url version models`.
fn check(yaml: &str, environment: &str, expect: &[&str]) {
    let config = accept(yaml, environment);
    let found: Vec<String> = config.providers.iter().map(describe).collect();
    assert_eq!(found, expect, "{environment}");
}

fn describe(provider: &crate::config::ProviderConfig) -> String {
    let keys: Vec<&str> = provider.keys.iter().map(|key| key.expose()).collect();
    let url = provider.base_url.as_deref().unwrap_or("-");
    let version = provider.api_version.as_deref().unwrap_or("-");
    format!("{}:{} {} {url} {version} {}", provider.name, provider.kind, keys.join(","), provider.models.join(","))
}

#[test]
fn keys_register_providers() {
    check("", "", &[]);
    check("", "OPENAI_API_KEY=k", &["openai:openai k - - "]);
    check("", "OPENAI_EAST_API_KEY=k", &["openai-east:openai k - - "]);
    check("", "OPENAI_US_EAST_2_API_KEY=k", &["openai-us-east-2:openai k - - "]);
    check(
        "",
        "OPENAI_API_KEY=k OPENAI_BASE_URL=https://x/v1/ OPENAI_MODELS=a,,b OPENAI_API_VERSION=v1",
        &["openai:openai k https://x/v1 v1 a,b"],
    );
    check("", "OPENAI_EAST_API_KEY=k OPENAI_BASE_URL=https://x OPENAI_EAST_MODELS=m", &["openai-east:openai k - - m"]);
}

#[test]
fn the_order_is_that_of_the_kinds_and_then_of_the_suffixes() {
    check(
        "",
        "ANTHROPIC_API_KEY=a OPENAI_B_API_KEY=2 OPENAI_A_API_KEY=1 OPENAI_API_KEY=0 OLLAMA_BASE_URL=http://o GOOGLE_API_KEY=g",
        &[
            "openai:openai 0 - - ",
            "openai-a:openai 1 - - ",
            "openai-b:openai 2 - - ",
            "anthropic:anthropic a - - ",
            "gemini:gemini g - - ",
            "ollama:ollama  http://o - ",
        ],
    );
}

#[test]
fn numbered_keys_take_turns() {
    check(
        "",
        "OPENAI_API_KEY_10=d OPENAI_API_KEY_2=b OPENAI_API_KEY=a OPENAI_API_KEY_3=c",
        &["openai:openai a,b,c,d - - "],
    );
    check("", "OPENAI_API_KEY_2=b", &["openai:openai b - - "]);
    check("", "OPENAI_EAST_API_KEY=a OPENAI_EAST_API_KEY_2=b", &["openai-east:openai a,b - - "]);
    check("", "OPENAI_API_KEY=a OPENAI_API_KEY_2= OPENAI_API_KEY_X=x OPENAI_API_KEY_3=c", &["openai:openai a,c - - "]);
}

#[test]
fn the_longest_prefix_wins() {
    let url = "AZURE_OPENAI_BASE_URL=https://z";
    check("", &format!("AZURE_OPENAI_API_KEY=k {url}"), &["azure:azure k https://z - "]);
    check("", &format!("AZURE_API_KEY=k {url}"), &["azure:azure k https://z - "]);
    check("", "AZURE_OPENAI_WEST_API_KEY=k AZURE_OPENAI_WEST_BASE_URL=https://w", &["azure-west:azure k https://w - "]);
    check("", "AZURE_WEST_API_KEY=k AZURE_WEST_BASE_URL=https://w", &["azure-west:azure k https://w - "]);
}

#[test]
fn the_first_prefix_wins_for_each_value() {
    check("", "GEMINI_API_KEY=a GOOGLE_API_KEY=b", &["gemini:gemini a - - "]);
    check("", "GOOGLE_API_KEY=b GEMINI_MODELS=m", &["gemini:gemini b - - m"]);
}

#[test]
fn kinds_without_keys_are_known_by_their_address() {
    check("", "OLLAMA_BASE_URL=http://h:1", &["ollama:ollama  http://h:1 - "]);
    check("", "OLLAMA_GPU_BASE_URL=http://h:1 OLLAMA_GPU_API_KEY=k", &["ollama-gpu:ollama k http://h:1 - "]);
    check("", "OLLAMA_API_KEY=k", &["ollama:ollama k - - "]);
    check("", "CUSTOM_BASE_URL=http://h", &["custom:custom  http://h - "]);
}

#[test]
fn other_variables_register_nothing() {
    for environment in [
        "OPENAI_API_KEY=",
        "OPENAI_BASE_URL=https://x",
        "OPENAI_MODELS=a",
        "OLLAMA_MODELS=a",
        "OPENAIX_API_KEY=k",
        "XOPENAI_API_KEY=k",
        "OPENAI__API_KEY=k",
        "OPENAI_east_API_KEY=k",
        "openai_api_key=k",
        "API_KEY=k",
        "_API_KEY=k",
        "TOLLGATE_API_KEY=k",
        "DEMO_API_KEY=k",
        "PATH=/bin",
    ] {
        check("", environment, &[]);
    }
}

#[test]
fn a_kind_without_an_address_needs_one() {
    refuse(
        "",
        "AZURE_OPENAI_API_KEY=k",
        &[
            "environment: AZURE_OPENAI_BASE_URL: not set, although AZURE_OPENAI_API_KEY is; set AZURE_OPENAI_BASE_URL to where \
         the provider is, or unset AZURE_OPENAI_API_KEY",
        ],
    );
    refuse(
        "",
        "CUSTOM_X_API_KEY_2=k",
        &[
            "environment: CUSTOM_X_BASE_URL: not set, although CUSTOM_X_API_KEY_2 is; set CUSTOM_X_BASE_URL to where the \
         provider is, or unset CUSTOM_X_API_KEY_2",
        ],
    );
    refuse(
        "",
        "OPENAI_API_KEY=k OPENAI_BASE_URL=x",
        &["environment: OPENAI_BASE_URL: must begin with http:// or https://"],
    );
}

#[test]
fn discovery_depends_on_the_file() {
    let environment = "OPENAI_API_KEY=k ANTHROPIC_API_KEY=a";
    check("open: true", environment, &["openai:openai k - - ", "anthropic:anthropic a - - "]);
    check("discover_providers: false", environment, &[]);
    check("providers: {}", environment, &[]);
    check("providers:\n  demo:\n", environment, &["demo:demo  - - "]);
    check(
        "discover_providers: true\nproviders:\n  demo:\n  anthropic: { models: [m] }\n",
        environment,
        &["demo:demo  - - ", "anthropic:anthropic a - - m", "openai:openai k - - "],
    );
}

#[test]
fn entries_without_a_key_use_the_variables_of_their_name() {
    let kind = |name: &str, kind: &str| format!("providers: {{ {name}: {{ kind: {kind} }} }}");
    check(&kind("openai-east", "openai"), "OPENAI_EAST_API_KEY=e OPENAI_API_KEY=x", &["openai-east:openai e - - "]);
    check(&kind("openai", "openai"), "OPENAI_API_KEY=a OPENAI_API_KEY_2=b", &["openai:openai a,b - - "]);
    check(&kind("my-own", "openai"), "MY_OWN_API_KEY=m OPENAI_API_KEY=x", &["my-own:openai m - - "]);
    check(&kind("gemini", "gemini"), "GOOGLE_API_KEY=g", &["gemini:gemini g - - "]);
    check(&kind("gemini-x", "gemini"), "GOOGLE_X_API_KEY=g", &["gemini-x:gemini g - - "]);
    check(&kind("ollama", "ollama"), "", &["ollama:ollama  - - "]);
    check(&kind("azure", "azure"), "AZURE_API_KEY=k AZURE_BASE_URL=https://z", &["azure:azure k https://z - "]);
    check("providers: { openai: { api_key: file } }", "OPENAI_API_KEY=x", &["openai:openai file - - "]);
    check("providers:\n  openai:\n    api_key: ${X:-}\n", "OPENAI_API_KEY=x", &["openai:openai x - - "]);
}

#[test]
fn an_address_of_the_environment_does_not_redirect_an_entry() {
    let yaml = "providers: { openai: { api_key: file } }";
    check(yaml, "OPENAI_BASE_URL=https://elsewhere", &["openai:openai file - - "]);
}

#[test]
fn clouds_are_registered_where_they_are_meant() {
    let aws = "AWS_ACCESS_KEY_ID=i AWS_SECRET_ACCESS_KEY=s AWS_REGION=eu-west-1";
    check("", aws, &[]);
    check("", &format!("{aws} BEDROCK_REGION=us-east-1"), &["bedrock:bedrock  - - "]);
    check("", "AWS_BEARER_TOKEN_BEDROCK=k AWS_REGION=us-east-1", &["bedrock:bedrock k - - "]);
    check("", "BEDROCK_API_KEY=k BEDROCK_REGION=us-east-1", &["bedrock:bedrock k - - "]);
    check("", "BEDROCK_API_KEY=k BEDROCK_BASE_URL=http://h", &["bedrock:bedrock k http://h - "]);
    check("", "VERTEX_API_KEY=token VERTEX_PROJECT=p", &["vertex:vertex token - - "]);
    let config = accept("", &format!("{aws} BEDROCK_REGION=us-east-1"));
    let key = config.providers[0].aws.as_ref().expect("an access key");
    assert_eq!((key.access_key_id.expose(), config.providers[0].region.as_deref()), ("i", Some("us-east-1")));
}
