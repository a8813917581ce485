//! The providers that are known by name. Facts, one row each; a new OpenAI-compatible provider is a new row.

use tollgate_protocols::codec::Dialect;

use crate::descriptor::{Api, Auth, Descriptor, Operations, Quirks};

const HOSTED: Descriptor = Descriptor {
    kind: "",
    title: "",
    env_prefixes: &[],
    base_url: None,
    api: Api::OpenAi,
    auth: Auth::Bearer,
    needs_key: true,
    operations: Operations::CHAT,
    dialect: Dialect::GENERIC,
    quirks: Quirks::NONE,
};

/// Servers that one runs oneself: a key is optional, and the base URL alone registers them.
const LOCAL: Descriptor = Descriptor { needs_key: false, operations: Operations::ALL, ..HOSTED };

const NO_STREAM_OPTIONS: Quirks = Quirks { stream_usage: false, ..Quirks::NONE };

/// Every known kind of provider, except the built-in `demo`.
pub const DESCRIPTORS: &[Descriptor] = &[
    Descriptor {
        kind: "openai",
        title: "OpenAI",
        dialect: Dialect::OPENAI,
        quirks: Quirks { keeps_responses: true, counts_tokens: true, ..Quirks::NONE },
        env_prefixes: &["OPENAI"],
        base_url: Some("https://api.openai.com/v1"),
        operations: Operations::ALL,
        ..HOSTED
    },
    Descriptor {
        kind: "azure",
        title: "Azure OpenAI",
        dialect: Dialect::OPENAI,
        env_prefixes: &["AZURE_OPENAI", "AZURE"],
        auth: Auth::Header("api-key"),
        operations: Operations::ALL,
        quirks: Quirks { azure_paths: true, keeps_responses: true, ..Quirks::NONE },
        ..HOSTED
    },
    Descriptor {
        kind: "anthropic",
        title: "Anthropic",
        api: Api::Anthropic,
        env_prefixes: &["ANTHROPIC"],
        base_url: Some("https://api.anthropic.com/v1"),
        auth: Auth::Header("x-api-key"),
        operations: Operations::NONE,
        quirks: Quirks { headers: &[("anthropic-version", "2023-06-01")], ..Quirks::NONE },
        ..HOSTED
    },
    Descriptor {
        kind: "gemini",
        title: "Google Gemini",
        api: Api::Gemini,
        auth: Auth::Header("x-goog-api-key"),
        env_prefixes: &["GEMINI"],
        base_url: Some("https://generativelanguage.googleapis.com/v1beta"),
        operations: Operations::NONE,
        quirks: Quirks {
            root_paths: &["v1beta", "v1", "upload"],
            // Its layer for OpenAI's clients, by pass-through.
            root_auth: Some(Auth::Bearer),
            ..Quirks::NONE
        },
        ..HOSTED
    },
    Descriptor {
        kind: "vertex",
        title: "Google Vertex AI",
        env_prefixes: &["VERTEX"],
        api: Api::Vertex,
        auth: Auth::Google,
        operations: Operations::NONE,
        quirks: Quirks { root_paths: &["v1", "v1beta1"], ..Quirks::NONE },
        ..HOSTED
    },
    Descriptor {
        kind: "bedrock",
        title: "AWS Bedrock",
        env_prefixes: &["BEDROCK"],
        api: Api::Bedrock,
        auth: Auth::Aws,
        operations: Operations::NONE,
        ..HOSTED
    },
    Descriptor {
        kind: "cohere",
        title: "Cohere",
        env_prefixes: &["COHERE"],
        base_url: Some("https://api.cohere.com/v2"),
        api: Api::Cohere,
        operations: Operations::NONE,
        quirks: Quirks { root_paths: &["v1"], ..Quirks::NONE },
        ..HOSTED
    },
    Descriptor {
        kind: "groq",
        title: "Groq",
        dialect: Dialect::GROQ,
        env_prefixes: &["GROQ"],
        base_url: Some("https://api.groq.com/openai/v1"),
        operations: Operations::CHAT.and_responses(),
        ..HOSTED
    },
    Descriptor {
        kind: "deepseek",
        title: "DeepSeek",
        dialect: Dialect::DEEPSEEK,
        env_prefixes: &["DEEPSEEK"],
        base_url: Some("https://api.deepseek.com"),
        operations: Operations::CHAT.and_completions().and_responses(),
        ..HOSTED
    },
    Descriptor {
        kind: "xai",
        title: "xAI",
        dialect: Dialect::XAI,
        quirks: Quirks { keeps_responses: true, reports_cost: true, ..Quirks::NONE },
        env_prefixes: &["XAI"],
        base_url: Some("https://api.x.ai/v1"),
        operations: Operations::CHAT.and_completions().and_embeddings().and_responses(),
        ..HOSTED
    },
    Descriptor {
        kind: "mistral",
        title: "Mistral",
        dialect: Dialect::MISTRAL,
        env_prefixes: &["MISTRAL"],
        base_url: Some("https://api.mistral.ai/v1"),
        operations: Operations::CHAT.and_embeddings(),
        // Refuses fields it does not know, and sends usage with the last chunk anyway.
        quirks: NO_STREAM_OPTIONS,
        ..HOSTED
    },
    Descriptor {
        kind: "openrouter",
        title: "OpenRouter",
        dialect: Dialect::OPENROUTER,
        quirks: Quirks { reports_cost: true, ..Quirks::NONE },
        env_prefixes: &["OPENROUTER"],
        base_url: Some("https://openrouter.ai/api/v1"),
        operations: Operations::ALL,
        ..HOSTED
    },
    Descriptor {
        kind: "together",
        title: "Together AI",
        env_prefixes: &["TOGETHER"],
        base_url: Some("https://api.together.xyz/v1"),
        operations: Operations::CHAT.and_completions().and_embeddings(),
        ..HOSTED
    },
    Descriptor {
        kind: "fireworks",
        title: "Fireworks AI",
        env_prefixes: &["FIREWORKS"],
        base_url: Some("https://api.fireworks.ai/inference/v1"),
        operations: Operations::ALL,
        ..HOSTED
    },
    Descriptor {
        kind: "cerebras",
        title: "Cerebras",
        dialect: Dialect::CEREBRAS,
        env_prefixes: &["CEREBRAS"],
        base_url: Some("https://api.cerebras.ai/v1"),
        operations: Operations::CHAT.and_completions(),
        ..HOSTED
    },
    Descriptor {
        kind: "perplexity",
        title: "Perplexity",
        dialect: Dialect::PERPLEXITY,
        env_prefixes: &["PERPLEXITY"],
        base_url: Some("https://api.perplexity.ai"),
        quirks: Quirks {
            listed_models: &["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"],
            reports_cost: true,
            ..NO_STREAM_OPTIONS
        },
        ..HOSTED
    },
    Descriptor {
        kind: "nvidia",
        title: "NVIDIA NIM",
        env_prefixes: &["NVIDIA_NIM", "NVIDIA"],
        base_url: Some("https://integrate.api.nvidia.com/v1"),
        operations: Operations::CHAT.and_completions().and_embeddings(),
        ..HOSTED
    },
    Descriptor {
        kind: "huggingface",
        title: "Hugging Face router",
        env_prefixes: &["HUGGINGFACE", "HF"],
        base_url: Some("https://router.huggingface.co/v1"),
        operations: Operations::CHAT.and_responses(),
        ..HOSTED
    },
    Descriptor {
        kind: "ollama",
        title: "Ollama",
        api: Api::Ollama,
        env_prefixes: &["OLLAMA"],
        base_url: Some("http://localhost:11434"),
        quirks: Quirks { root_paths: &["api"], ..Quirks::NONE },
        ..LOCAL
    },
    Descriptor {
        kind: "vllm",
        title: "vLLM",
        dialect: Dialect::VLLM,
        env_prefixes: &["VLLM"],
        base_url: Some("http://localhost:8000/v1"),
        quirks: Quirks {
            root_paths: &["tokenize", "detokenize", "pooling", "score", "rerank", "v2", "health", "version", "metrics"],
            ..Quirks::NONE
        },
        ..LOCAL
    },
    Descriptor {
        kind: "sglang",
        title: "SGLang",
        dialect: Dialect::VLLM,
        env_prefixes: &["SGLANG"],
        base_url: Some("http://localhost:30000/v1"),
        quirks: Quirks { root_paths: &["generate", "encode", "get_model_info", "health"], ..Quirks::NONE },
        ..LOCAL
    },
    Descriptor {
        kind: "lmstudio",
        title: "LM Studio",
        env_prefixes: &["LMSTUDIO", "LM_STUDIO"],
        base_url: Some("http://localhost:1234/v1"),
        quirks: Quirks { root_paths: &["api"], ..Quirks::NONE },
        ..LOCAL
    },
    Descriptor {
        kind: "llamacpp",
        title: "llama.cpp server",
        env_prefixes: &["LLAMACPP", "LLAMA_CPP"],
        base_url: Some("http://localhost:8080/v1"),
        // Its Responses are its Chat Completions in other words, and the events lack what clients need: docs/decisions/0016.
        operations: Operations::CHAT.and_completions().and_embeddings(),
        quirks: Quirks {
            root_paths: &["completion", "infill", "tokenize", "detokenize", "props", "slots", "health", "rerank"],
            ..Quirks::NONE
        },
        ..LOCAL
    },
    Descriptor {
        kind: "custom",
        title: "any OpenAI-compatible server",
        env_prefixes: &["CUSTOM"],
        // The base URL is what makes it one.
        ..LOCAL
    },
];

/// The descriptor of a kind.
#[must_use]
pub fn descriptor(kind: &str) -> Option<&'static Descriptor> {
    DESCRIPTORS.iter().find(|descriptor| descriptor.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_a_server_that_only_imitates_them_are_translated() {
        use tollgate_core::Operation::{ChatCompletions, Responses};
        use tollgate_core::ir::Protocol::{OpenAiChat, OpenAiResponses};

        use crate::Wire;

        let cases = [("llamacpp", Wire::Translated(OpenAiChat)), ("vllm", Wire::Same), ("custom", Wire::Same)];
        for (kind, expected) in cases {
            let row = descriptor(kind).expect("a row");
            assert_eq!(row.wire(Responses, OpenAiResponses, "m"), Some(expected), "{kind}");
            assert_eq!(row.wire(ChatCompletions, OpenAiChat, "m"), Some(Wire::Same), "{kind}");
        }
    }

    #[test]
    fn rows_are_sound() {
        for (i, row) in DESCRIPTORS.iter().enumerate() {
            assert!(row.kind.bytes().all(|byte| byte.is_ascii_lowercase()), "{}", row.kind);
            assert!(!row.title.is_empty() && !row.env_prefixes.is_empty(), "{}", row.kind);
            assert!(DESCRIPTORS[..i].iter().all(|other| other.kind != row.kind), "{} twice", row.kind);
            for prefix in row.env_prefixes {
                let elsewhere = DESCRIPTORS[..i].iter().any(|other| other.env_prefixes.contains(prefix));
                assert!(!elsewhere, "{prefix} twice");
            }
            if let Some(url) = row.base_url {
                assert!(url.parse::<http::Uri>().is_ok() && !url.ends_with('/'), "{url}");
            }
        }
    }
}
