//! The same requests on other platforms, which want some members elsewhere.
//!
//! Vertex AI: no `model`, and `anthropic_version` in the body. Bedrock's `InvokeModel`: neither `model` nor `stream`,
//! `anthropic_version`, and betas as the list `anthropic_beta`.

use tollgate_core::Error;

use crate::json::{self, Fault};

/// A platform that serves Anthropic's models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform<'a> {
    /// Google's Vertex AI.
    Vertex,
    /// Bedrock's `InvokeModel` and its stream.
    Bedrock {
        /// What the header `anthropic-beta` would name.
        betas: &'a [&'a str],
    },
}

/// Brings the body of a request into a platform's form. Everything else stays as it is, byte for byte.
///
/// # Errors
/// An invalid request, if the body is no JSON object.
pub fn for_platform(body: &[u8], platform: Platform<'_>) -> Result<Vec<u8>, Error> {
    edit(body, platform).map_err(|fault| {
        Error::invalid_request(format!("The request body is not valid: {fault}."), None).with_source(fault)
    })
}

fn edit(body: &[u8], platform: Platform<'_>) -> Result<Vec<u8>, Fault> {
    let (version, removed): (_, &[&str]) = match platform {
        Platform::Vertex => ("vertex-2023-10-16", &["model", "anthropic_version"]),
        Platform::Bedrock { .. } => {
            ("bedrock-2023-05-31", &["model", "stream", "anthropic_version", "anthropic_beta", "betas"])
        }
    };
    let mut named: Vec<String> = Vec::new();
    if let Platform::Bedrock { betas } = platform {
        named.extend(betas.iter().map(|beta| (*beta).to_owned()));
    }
    let root = json::parse(body)?;
    if !root.is_object() {
        return Err(Fault { message: "not an object".to_owned(), at: 0 });
    }
    for listed in ["anthropic_beta", "betas"].into_iter().filter(|name| removed.contains(name)) {
        named.extend(root.array(listed).iter().filter_map(json::Value::to_text));
    }
    let mut seen: Vec<&str> = Vec::new();
    for beta in &named {
        if !seen.contains(&&**beta) && seen.len() < MAX_BETAS {
            seen.push(beta);
        }
    }
    Ok(json::object(body.len() + 64, |o| {
        o.string("anthropic_version", version);
        if !seen.is_empty() {
            o.strings("anthropic_beta", seen.iter().copied());
        }
        let kept = root.members().filter(|(name, _)| !removed.contains(name));
        kept.for_each(|(name, value)| o.raw(name, value.raw()));
    }))
}

/// Far more betas than there are.
const MAX_BETAS: usize = 64;
