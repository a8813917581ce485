//! Parts of contents, which requests and answers share.

use tollgate_core::ir::{Media, MediaKind, Origin, Protocol, Signature, Source, Thinking};

use super::types::{REDACTED, RESOLUTIONS, camel, is_google_file, is_youtube, member};
use crate::codec::{from_base64, mime_of_name, open_signature, seal_signature, standard_base64, to_base64};
use crate::json::{self, Value};

/// The protocol of this module.
pub(super) const OWN: Protocol = Protocol::GeminiGenerate;

/// A part with its members sorted.
#[derive(Debug, Default)]
pub(super) struct Part<'v> {
    pub text: Option<&'v str>,
    pub thought: bool,
    pub signature: Option<&'v str>,
    pub call: Option<&'v Value<'v>>,
    pub result: Option<&'v Value<'v>>,
    pub inline: Option<&'v Value<'v>>,
    pub file: Option<&'v Value<'v>>,
    pub resolution: Option<&'v str>,
    /// Members that are not known here.
    pub unknown: Vec<(&'v str, &'v Value<'v>)>,
}

impl<'v> Part<'v> {
    /// Sorts the members; the error is the name of one whose type is wrong.
    pub(super) fn read(value: &'v Value<'v>) -> Result<Self, &'static str> {
        let mut part = Self::default();
        for (name, value) in value.present() {
            match &*camel(name) {
                "text" => part.text = Some(value.as_str().ok_or("text")?),
                "thought" => part.thought = value.as_bool().ok_or("thought")?,
                "thoughtSignature" => part.signature = Some(value.as_str().ok_or("thoughtSignature")?),
                "functionCall" => part.call = Some(object(value, "functionCall")?),
                "functionResponse" => part.result = Some(object(value, "functionResponse")?),
                "inlineData" => part.inline = Some(object(value, "inlineData")?),
                "fileData" => part.file = Some(object(value, "fileData")?),
                "mediaResolution" => {
                    part.resolution = member(value, "level").unwrap_or(value).as_str();
                }
                _ => part.unknown.push((name, value)),
            }
        }
        Ok(part)
    }

    /// The media in it; the error is the name of a member that is missing.
    pub(super) fn media(&self) -> Option<Result<Media, &'static str>> {
        let mut media = match (self.inline, self.file) {
            (Some(inline), _) => inline_media(inline),
            (None, Some(file)) => file_media(file),
            (None, None) => return None,
        };
        if let (Ok(media), Some(resolution)) = (&mut media, self.resolution) {
            media.detail = detail(resolution).map(str::to_owned);
        }
        Some(media)
    }

    /// Its signature, unless it is empty.
    pub(super) fn signature(&self) -> Option<Signature> {
        self.signature.filter(|text| !text.is_empty()).map(opened)
    }
}

fn object<'v>(value: &'v Value<'v>, name: &'static str) -> Result<&'v Value<'v>, &'static str> {
    if value.is_object() { Ok(value) } else { Err(name) }
}

/// The detail that a media resolution stands for.
pub(super) fn detail(resolution: &str) -> Option<&'static str> {
    RESOLUTIONS.iter().find(|(word, _)| *word == resolution).map(|(_, detail)| *detail)
}

fn inline_media(inline: &Value<'_>) -> Result<Media, &'static str> {
    let mime = member(inline, "mimeType").and_then(Value::as_str).ok_or("inlineData.mimeType")?;
    let data = member(inline, "data").and_then(Value::as_str).ok_or("inlineData.data")?;
    let name = member(inline, "displayName").and_then(Value::to_text);
    let media = Media::new(MediaKind::of_mime(mime), Source::Base64(standard_base64(data).into_owned()));
    Ok(Media { mime: Some(mime.to_owned()), name, ..media })
}

fn file_media(file: &Value<'_>) -> Result<Media, &'static str> {
    let uri = member(file, "fileUri").and_then(Value::as_str).ok_or("fileData.fileUri")?;
    let mime = member(file, "mimeType").and_then(Value::to_text);
    let kind = match mime.as_deref().or_else(|| mime_of_name(uri)) {
        Some(mime) => MediaKind::of_mime(mime),
        None if is_youtube(uri) => MediaKind::Video,
        None => MediaKind::Document,
    };
    let uri = uri.to_owned();
    let source = if is_google_file(&uri) { Source::FileId(uri) } else { Source::Url(uri) };
    let name = member(file, "displayName").and_then(Value::to_text);
    Ok(Media { mime, name, ..Media::new(kind, source) })
}

/// Thoughts with what their signature says of them.
pub(super) fn thinking(text: &str, signature: Option<Signature>) -> Thinking {
    let mut thinking = Thinking { text: text.to_owned(), summary: true, ..Thinking::default() };
    if let Some(mut signature) = signature {
        // Thoughts of others went out as they were; only Google's are always summaries.
        thinking.summary = signature.origin == Origin::Google;
        if let Some(data) = signature.value.strip_prefix(REDACTED).filter(|_| signature.origin != Origin::Google) {
            signature.value = data.to_owned();
            thinking.redacted = true;
        }
        thinking.signature = Some(signature);
    }
    thinking
}

/// The text of a signature for a client. The field is one of bytes, which Google's clients decode and encode again.
pub(super) fn sealed(signature: &Signature, redacted: bool) -> String {
    if signature.origin == Origin::Google {
        return signature.value.clone();
    }
    let mark = if redacted { REDACTED } else { "" };
    let value = format!("{mark}{}", signature.value);
    to_base64(seal_signature(&Signature { origin: signature.origin, value }, Origin::Google).as_bytes())
}

/// The signature in a client's text.
fn opened(text: &str) -> Signature {
    let sealed = from_base64(text).and_then(|bytes| String::from_utf8(bytes).ok());
    match sealed.map(|sealed| open_signature(&sealed, Origin::Google)) {
        Some(signature) if signature.origin != Origin::Google => signature,
        _ => open_signature(text, Origin::Google),
    }
}

/// Writes a part of words.
pub(super) fn write_text(o: &mut json::Object<'_>, text: &str, thought: bool, signature: Option<&str>) {
    o.string("text", text);
    if thought {
        o.bool("thought", true);
    }
    o.maybe_string("thoughtSignature", signature);
}

/// Writes a call.
pub(super) fn write_call(o: &mut json::Object<'_>, id: &str, name: &str, args: &str, signature: Option<&str>) {
    o.object("functionCall", |o| {
        if !id.is_empty() {
            o.string("id", id);
        }
        o.string("name", name);
        o.raw("args", args);
    });
    o.maybe_string("thoughtSignature", signature);
}

/// The arguments as the text of an object: `None` if they are none.
pub(super) fn object_arguments(arguments: &str) -> Option<&str> {
    let arguments = arguments.trim();
    if arguments.is_empty() {
        return Some("{}");
    }
    json::parse(arguments.as_bytes()).ok().filter(Value::is_object).map(|_| arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacted_thoughts_come_back_redacted() {
        let signature = Signature { origin: Origin::Anthropic, value: "data".to_owned() };
        let back = thinking("", Some(opened(&sealed(&signature, true))));
        assert!(back.redacted && back.signature == Some(signature));
    }

    #[test]
    fn signatures_survive_clients_that_decode_them() {
        for origin in [Origin::Anthropic, Origin::OpenAi] {
            let signature = Signature { origin, value: "EqoB+/==?>".to_owned() };
            let bytes = from_base64(&sealed(&signature, false)).expect("Base64");
            let again = to_base64(&bytes).replace('+', "-").replace('/', "_");
            assert_eq!(opened(&again), signature);
        }
        let own = Signature { origin: Origin::Google, value: "U0lH".to_owned() };
        assert_eq!((sealed(&own, false), opened("U0lH")), ("U0lH".to_owned(), own));
    }

    #[test]
    fn data_of_clients_with_the_other_alphabet() {
        let value = json::parse(br#"{"inlineData":{"mimeType":"image/png","data":"-_8"}}"#).unwrap();
        let media = Part::read(&value).unwrap().media().unwrap().unwrap();
        assert_eq!(media.source, Source::Base64("+/8=".to_owned()));
    }

    #[test]
    fn media_in_both_spellings() {
        let text = br#"{"file_data":{"file_uri":"https://generativelanguage.googleapis.com/v1beta/files/a","mime_type":"video/mp4"}}"#;
        let value = json::parse(text).unwrap();
        let media = Part::read(&value).unwrap().media().unwrap().unwrap();
        assert_eq!(media.kind, MediaKind::Video);
        assert!(matches!(media.source, Source::FileId(_)));
        let value = json::parse(br#"{"inlineData":{"mimeType":"image/png"}}"#).unwrap();
        assert_eq!(Part::read(&value).unwrap().media(), Some(Err("inlineData.data")));
    }
}
