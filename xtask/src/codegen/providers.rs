//! The table of known providers.

use std::fmt::Write as _;

use tollgate_providers::{Api, Auth, DESCRIPTORS, Descriptor, Operations, Quirks};

const INTRODUCTION: &str = "\
<!-- Generated from crates/tollgate-providers/src/table.rs by `cargo xtask codegen`; edit the rows there. -->

# Providers

A variable of the table registers its provider, without any configuration: `OPENAI_API_KEY` makes the provider `openai`,
and `OPENAI_EAST_API_KEY` a second one, `openai-east`. `OPENAI_BASE_URL` and `OPENAI_MODELS` say where it is and which
models it has; the same goes for all of them. [Configuration](configuration.md) tells the rest, and how to say it in a
file, where the kind is the value of `kind`.

Every provider's own API is below `/p/PROVIDER/…`, whatever the table says of its operations. A provider that is not
here and speaks OpenAI's protocols is `kind: custom` with a base URL.

";

const DEMO: &str = "
Without any of them the built-in provider `demo` answers, offline and always the same to the same request. Its models are
`demo` and `demo-embedding`.
";

/// The text of `docs/providers.md`.
pub(super) fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str("| Kind | Provider | Variables | Base URL | Operations | Notes |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for descriptor in DESCRIPTORS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", row(descriptor));
    }
    text.push_str(DEMO);
    text
}

fn row(descriptor: &Descriptor) -> String {
    let Descriptor { kind, title, env_prefixes, base_url, .. } = descriptor;
    let base_url = base_url.map_or_else(|| "yours".to_owned(), |url| format!("`{url}`"));
    let notes = notes(descriptor).join("; ");
    format!(
        "| `{kind}` | {title} | {} | {base_url} | {} | {notes} |",
        variables(env_prefixes, descriptor),
        operations_named(descriptor)
    )
}

/// The variables that register the provider.
fn variables(prefixes: &[&str], descriptor: &Descriptor) -> String {
    let mut names = Vec::new();
    for prefix in prefixes {
        if descriptor.needs_key && descriptor.base_url.is_none() {
            names.push(format!("`{prefix}_API_KEY` and `{prefix}_BASE_URL`"));
        } else if descriptor.needs_key {
            names.push(format!("`{prefix}_API_KEY`"));
        } else {
            names.push(format!("`{prefix}_BASE_URL`"));
        }
    }
    names.join(", or ")
}

/// What reaches the provider as the client sent it.
fn operations_named(descriptor: &Descriptor) -> String {
    let Operations { chat, completions, embeddings, responses } = descriptor.operations;
    let own = match descriptor.api {
        Api::OpenAi => "",
        Api::Anthropic => "Messages",
        Api::Gemini => "generateContent, embedContent",
        Api::Vertex => "generateContent, Messages",
        Api::Bedrock => "Converse",
        Api::Cohere => "Cohere v2 chat, rerank",
        Api::Ollama => "Ollama chat, completions",
    };
    let all = [(chat, "chat"), (completions, "completions"), (embeddings, "embeddings"), (responses, "responses")];
    let offered = all.iter().filter(|(offers, _)| *offers).map(|(_, name)| *name);
    offered.chain(Some(own).filter(|own| !own.is_empty())).collect::<Vec<_>>().join(", ")
}

/// In what the provider differs, as far as somebody who uses it may notice.
fn notes(descriptor: &Descriptor) -> Vec<String> {
    // Taken apart so that a new quirk does not compile before it has its words.
    let Quirks {
        stream_usage,
        azure_paths,
        listed_models,
        root_paths,
        root_auth,
        headers,
        keeps_responses,
        counts_tokens,
        reports_cost,
    } = descriptor.quirks;
    let mut notes = Vec::new();
    if !descriptor.needs_key {
        notes.push("a key is optional".to_owned());
    }
    if let Auth::Header(name) = descriptor.auth {
        notes.push(format!("the key goes into `{name}`"));
    }
    if !stream_usage {
        notes.push("sends usage in streams unasked; `stream_options` are not added".to_owned());
    }
    if azure_paths {
        notes.push("operations are below `openai/v1`, or below the deployment where an API version is set".to_owned());
    }
    if !listed_models.is_empty() {
        notes.push(format!("has no list of models; these are listed: {}", code_list(listed_models)));
    }
    if !root_paths.is_empty() {
        notes.push(format!("pass-through finds {} at the server's root", code_list(root_paths)));
    }
    if let Some(Auth::Header(name)) = root_auth {
        notes.push(format!("there the key goes into `{name}`"));
    }
    if keeps_responses {
        notes.push("keeps Responses itself".to_owned());
    }
    if counts_tokens {
        notes.push("counts the tokens of Responses".to_owned());
    }
    if reports_cost {
        notes.push("says what each request cost".to_owned());
    }
    notes.extend(headers.iter().map(|(name, value)| format!("`{name}: {value}` is sent with every request")));
    notes
}

fn code_list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_a_row_with_what_matters() {
        let text = markdown();
        for expect in [
            "| `openai` | OpenAI | `OPENAI_API_KEY` | `https://api.openai.com/v1` | chat, completions, embeddings, responses | keeps Responses itself; ",
            "| `azure` | Azure OpenAI | `AZURE_OPENAI_API_KEY` and `AZURE_OPENAI_BASE_URL`, or ",
            "| Messages | the key goes into `x-api-key`; ",
            "| `ollama` | Ollama | `OLLAMA_BASE_URL` | ",
        ] {
            assert!(text.contains(expect), "{expect} is not in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("| `")).count(), DESCRIPTORS.len());
    }
}
