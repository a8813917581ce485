//! No secret, and no value of a variable, is ever shown.

use super::*;
use crate::config::Document;

const SECRET: &str = "sk-live-31337";

#[test]
fn debug_forms_are_masked() {
    let yaml = format!(
        "client_key: {SECRET}\nadmin_key: {SECRET}\nproviders:\n  openai:\n    api_keys: [{SECRET}]\n    headers: {{ a: {SECRET} }}\n"
    );
    let source = Source::text("t.yaml", yaml.as_str());
    let document = source.document().expect("a document");
    let file: crate::config::types::ConfigFile = document.read(&variables("")).expect("a file");
    let config = accept(&yaml, "");
    for text in [format!("{source:?}"), format!("{document:?}"), format!("{file:?}"), format!("{config:#?}")] {
        assert!(!text.contains("31337"), "{text}");
    }
}

#[test]
fn errors_do_not_repeat_values_of_variables() {
    let places = [
        "listen",
        "base_path",
        "open",
        "client_key",
        "admin_key",
        "discover_providers",
        "providers",
        "aliases",
        "timeouts",
        "log",
        "limits",
        "cors",
        "limits: {K}max_body",
        "limits: {K}max_json_depth",
        "retry: {K}base_delay",
        "log: {K}level",
        "log: {K}format",
        "providers: {K}openai",
        "providers: {K}x: {K}kind",
        "providers: {K}demo: {K}base_url",
        "providers: {K}demo: {K}stream_usage",
        "providers: {K}demo: {K}api_version",
        "providers: {K}demo: {K}api_key_file",
        "providers: {K}demo: {K}max_concurrency",
        "providers: {K}demo: {K}api_key",
        "providers: {K}demo: {K}headers: {K}a",
        "cors: {K}allow_origins: {K}-",
        "cors: {K}allow_headers",
    ];
    let values =
        [SECRET, "sk live 31337\n", "https://user:31337@host", "3133731337313373133731337", "-31337", "31337.5"];
    for place in places {
        for value in values {
            let place = place.replace("{K}-", "[{K}").replace("{K}", "{ ");
            let (squares, braces) = (place.matches('[').count(), place.matches('{').count());
            let colon = if squares > 0 { "" } else { ":" };
            let close = "]".repeat(squares) + &" }".repeat(braces);
            let quotes = if place.contains(['{', '[']) { "\"" } else { "" };
            let yaml = format!("{place}{colon} {quotes}${{LEAK}}{quotes}{close}");
            let variables = BTreeMap::from([("LEAK".to_owned(), value.to_owned())]);
            let Err(errors) = load(&Source::text("t.yaml", yaml.as_str()), &variables, KINDS, &Overrides::default())
            else {
                continue;
            };
            assert!(!format!("{errors} {errors:?}").contains("31337"), "{yaml}\n{errors}");
        }
    }
}

#[test]
fn errors_do_not_repeat_secrets_of_the_file() {
    for yaml in [
        "client_key: [sk-31337]",
        "client_key: 31337",
        "client_key: 'sk-31337 '",
        "providers: { openai: sk-31337 }",
        "providers: { openai: { api_key: { a: sk-31337 } } }",
        "providers: { openai: { api_key: 31337.5 } }",
        "providers: { openai: { api_keys: sk-31337 } }",
        "providers: { openai: { api_keys: [[sk-31337]] } }",
        "providers: { openai: { api_kye: sk-31337 } }",
        "providers: { openai: { api_key: \"a\\nsk-31337\" } }",
        "providers: { demo: { headers: { a: 31337 } } }",
        "providers: { demo: { headers: { a: \"\\0 31337\" } } }",
        "providers: { demo: { base_url: 'https://user:sk-31337@host' } }",
        "providers: { demo: { base_url: 'https://host?key=sk-31337' } }",
    ] {
        let errors = try_load(yaml, "").expect_err(yaml);
        assert!(!format!("{errors} {errors:?}").contains("31337"), "{errors}");
    }
}

#[test]
fn errors_do_not_repeat_variables_of_the_environment() {
    for environment in [
        "TOLLGATE_LISTEN=31337",
        "TOLLGATE_API_KEY=é31337",
        "OPENAI_API_KEY=é31337",
        "OPENAI_API_KEY=k OPENAI_BASE_URL=ftp://31337",
        "OLLAMA_BASE_URL=https://user:31337@host",
        "AZURE_API_KEY=31337",
    ] {
        let errors = try_load("", environment).expect_err(environment);
        assert!(!format!("{errors} {errors:?}").contains("31337"), "{errors}");
    }
}

#[test]
fn a_parsed_document_keeps_its_text_to_itself() {
    let document = Document::parse("t.yaml", "client_key: sk-31337").expect("a document");
    assert_eq!(format!("{document:?}"), "Document { file: \"t.yaml\", .. }");
}
