//! Embeddings.

use bytes::Bytes;
use http::{HeaderValue, header};
use tollgate_core::ir::{Losses, Protocol};
use tollgate_core::{Error, Request, Response};
use tollgate_protocols::codec::DecodeError;
use tollgate_protocols::embeddings::{self, Embeddings, EmbeddingsRequest};
use tollgate_protocols::json::{self, Value};
use tollgate_protocols::{cohere_chat, gemini_generate, ollama_chat, usage};

use super::conversation::{collect, decode_error, put, report};
use crate::Provider;

pub(super) async fn call(provider: &dyn Provider, mut request: Request, target: Protocol) -> Result<Response, Error> {
    let client = request.protocol;
    let method = request.passthrough.take();
    let is_batch = method.is_none_or(|method| method.path_and_query.starts_with("batch"));
    let asked = decode(client, &request.edits.apply(&request.body))?;
    let model = request.target.as_ref().map(|target| target.model.clone()).unwrap_or_default();
    let mut losses = Losses::default();
    let body = encode(target, &asked, &model, &mut losses);
    report(&request, &losses)?;
    put(&mut request, target, body, &[]);
    let response = provider.call(request).await?;
    let answer = read(target, &collect(response.body).await?);
    let answer = answer.map_err(|error| decode_error(error).with_provider(provider.name().clone()))?;
    let body = match client {
        Protocol::GeminiGenerate => gemini_generate::embed::encode_answer(&answer, is_batch),
        Protocol::OllamaChat => for_ollama(&answer, &model),
        _ => embeddings::encode(&answer, &asked, &model),
    };
    let mut headers = response.headers;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    Ok(Response { status: response.status, headers, body: body.into() })
}

fn decode(client: Protocol, body: &[u8]) -> Result<EmbeddingsRequest, Error> {
    match client {
        Protocol::GeminiGenerate => gemini_generate::embed::decode_request(body),
        // Ollama's `/api/embed` has OpenAI's members and some of its own.
        _ => embeddings::decode(body),
    }
}

fn encode(target: Protocol, asked: &EmbeddingsRequest, model: &str, losses: &mut Losses) -> Bytes {
    match target {
        Protocol::GeminiGenerate => gemini_generate::embed::encode_request(asked, model),
        Protocol::OllamaChat => ollama_chat::embed::encode(asked, model, losses),
        Protocol::CohereChat => cohere_chat::embed::encode(asked, model, losses),
        _ => for_openai(asked, model, losses),
    }
}

fn read(target: Protocol, body: &[u8]) -> Result<Embeddings, DecodeError> {
    match target {
        Protocol::GeminiGenerate => gemini_generate::embed::decode_answer(body),
        Protocol::OllamaChat => ollama_chat::embed::decode(body),
        Protocol::CohereChat => cohere_chat::embed::decode(body),
        _ => from_openai(body),
    }
}

fn for_openai(asked: &EmbeddingsRequest, model: &str, losses: &mut Losses) -> Bytes {
    for (name, _) in &asked.extras {
        losses.drop(name.clone());
    }
    json::object(256, |o| {
        o.string("model", model);
        o.strings("input", asked.input.iter().map(String::as_str));
        o.maybe_uint("dimensions", asked.dimensions);
        o.maybe_string("user", asked.user.as_deref());
        o.string("encoding_format", "float");
    })
    .into()
}

fn from_openai(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    let vector = |item: &Value<'_>| item.get("embedding").and_then(embeddings::vector);
    let vectors = value.array("data").iter().map(vector).collect::<Option<Vec<_>>>();
    Ok(Embeddings {
        model: value.string("model"),
        vectors: vectors.ok_or(DecodeError::Invalid("the answer has no embeddings"))?,
        usage: value.get("usage").and_then(|counts| usage::parse(counts.raw().as_bytes())),
    })
}

fn for_ollama(answer: &Embeddings, model: &str) -> Bytes {
    json::object(256, |o| {
        o.string("model", answer.model.as_deref().unwrap_or(model));
        o.array("embeddings", |list| {
            for vector in &answer.vectors {
                list.raw(&json::array_text(|numbers| {
                    // Through text, because a 32-bit float as a double has digits that nobody wrote.
                    vector.iter().for_each(|number| numbers.raw(&finite(*number)));
                }));
            }
        });
        o.maybe_uint("prompt_eval_count", answer.usage.and_then(|usage| usage.input));
    })
    .into()
}

fn finite(number: f32) -> String {
    if number.is_finite() { number.to_string() } else { "0".to_owned() }
}
