//! Counting tokens: `countTokens`.

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::ir::{Losses, Prompt};

use super::request::{decode_value, write_prompt};
use super::types::member;
use crate::codec::{DecodeError, Plan, Target};
use crate::json;

/// Reads a client's question: `{"contents": …}`, or a whole request in `generateContentRequest`.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let value = json::parse(body)
        .map_err(|fault| Error::invalid_request(format!("The body is not valid JSON: {}.", fault.message), None))?;
    decode_value(member(&value, "generateContentRequest").unwrap_or(&value))
}

/// Writes the answer for a client.
#[must_use]
pub fn answer(total: u64) -> Bytes {
    json::object(32, |o| o.uint("totalTokens", total)).into()
}

/// Writes the question for a provider. `vertex`: whether it is Vertex AI, which has the request's members beside each
/// other and not in an object of their own.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, vertex: bool, losses: &mut Losses) -> Result<Bytes, Error> {
    let mut plan = Plan::default();
    let mut result = Ok(());
    let body = json::object(4096, |o| {
        if vertex {
            result = write_prompt(prompt, target, losses, &mut plan, o);
        } else {
            o.object("generateContentRequest", |o| {
                o.string("model", &super::embed::resource(target.model));
                result = write_prompt(prompt, target, losses, &mut plan, o);
            });
        }
    });
    result?;
    Ok(body.into())
}

/// The count in a provider's answer.
///
/// # Errors
/// If it is an error in spite of its status, or holds no count.
pub fn read(body: &[u8]) -> Result<u64, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    if value.get("error").is_some() {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    value.u64("totalTokens").ok_or(DecodeError::Invalid("the answer holds no count"))
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::Protocol;

    use super::*;
    use crate::codec::Dialect;

    #[test]
    fn questions_and_answers() {
        let prompt =
            decode(br#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"Hi"}]}]}}"#)
                .unwrap();
        assert_eq!(
            prompt,
            Prompt { model: "models/m".to_owned(), ..decode(br#"{"contents":{"parts":{"text":"Hi"}}}"#).unwrap() }
        );
        let target = Target::new(Protocol::GeminiGenerate, "gemini-2.5-flash", &Dialect::OPENAI);
        let mut losses = Losses::default();
        let contents = r#""contents":[{"role":"user","parts":[{"text":"Hi"}]}]"#;
        assert_eq!(encode(&prompt, &target, true, &mut losses).unwrap(), format!("{{{contents}}}"));
        assert_eq!(
            encode(&prompt, &target, false, &mut losses).unwrap(),
            format!(r#"{{"generateContentRequest":{{"model":"models/gemini-2.5-flash",{contents}}}}}"#)
        );
        assert_eq!(read(&answer(7)), Ok(7));
        assert!(matches!(read(br#"{"error":{"code":400}}"#), Err(DecodeError::Upstream(_))));
        assert!(matches!(read(b"{}"), Err(DecodeError::Invalid(_))));
    }
}
