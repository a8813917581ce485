//! Taking out of captured bodies what nobody is to see.

mod json;

use std::fmt;

use regex_lite::Regex;

use super::CapturedBody;

/// What is taken out of bodies: the values of JSON members by name or by place, and whatever matches a pattern in a text.
///
/// Rules fail closed: where a body breaks off or is no JSON any more, the rest that they could not be applied to is left out.
#[derive(Clone, Default)]
pub struct Redaction {
    members: Vec<String>,
    pointers: Vec<Vec<String>>,
    patterns: Vec<Regex>,
}

/// A rule that cannot be used; the text says which and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactionError(String);

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// One JSON value.
    Json,
    /// Server-sent events, the data of each a JSON value.
    Events,
    /// A JSON value in each line.
    Lines,
    /// Anything else, to which patterns apply alone.
    Text,
}

/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

// === impl Redaction ===

impl Redaction {
    /// Nothing is taken out.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes out the values of JSON members with a name, at any depth.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>) -> Self {
        self.members.push(name.into());
        self
    }

    /// Takes out the value at a JSON pointer (RFC 6901) such as `/messages/*/content`, in which `*` stands for any member or
    /// item. In a stream it is applied to each event.
    ///
    /// # Errors
    /// If it does not begin with `/`.
    pub fn pointer(mut self, pointer: &str) -> Result<Self, RedactionError> {
        let steps = pointer.strip_prefix('/');
        let steps = steps.ok_or_else(|| RedactionError(format!("`{pointer}` does not begin with /")))?;
        self.pointers.push(steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect());
        Ok(self)
    }

    /// Takes out whatever matches a regular expression in a text. In a stream a text that comes in several events is matched
    /// event by event.
    ///
    /// # Errors
    /// If it is no regular expression.
    pub fn pattern(mut self, pattern: &str) -> Result<Self, RedactionError> {
        let pattern = Regex::new(pattern).map_err(|error| RedactionError(format!("`{pattern}`: {error}")))?;
        self.patterns.push(pattern);
        Ok(self)
    }

    /// What may be kept of a body of which `seen` was seen, out of `bytes` in all.
    #[must_use]
    pub fn apply(&self, form: BodyForm, seen: &[u8], bytes: u64) -> CapturedBody {
        let text = String::from_utf8_lossy(seen);
        let mut body = CapturedBody { bytes, truncated: bytes > seen.len() as u64, ..CapturedBody::default() };
        match form {
            BodyForm::Json => self.json(&text, &mut body),
            BodyForm::Events | BodyForm::Lines => self.lines(form, &text, &mut body),
            BodyForm::Text => self.plain(&text, &mut body),
        }
        body
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.pointers.is_empty() && self.patterns.is_empty()
    }

    fn json(&self, text: &str, body: &mut CapturedBody) {
        if self.is_empty() {
            body.text.push_str(text);
        } else {
            body.truncated |= json::redact(self, text, body).is_err();
        }
    }

    fn lines(&self, form: BodyForm, text: &str, body: &mut CapturedBody) {
        for line in text.split_inclusive('\n') {
            let start = if form == BodyForm::Events { "data:" } else { "" };
            let value = line.strip_prefix(start).map(str::trim_start);
            match value.filter(|value| value.starts_with(['{', '['])) {
                // `[DONE]` is no JSON, and nothing to hide.
                Some(value) if value.trim_end() != "[DONE]" => {
                    body.text.push_str(&line[..line.len() - value.len()]);
                    let was_whole = !body.truncated;
                    self.json(value, body);
                    if was_whole && body.truncated && !value.ends_with('\n') {
                        return;
                    }
                    if !body.text.ends_with('\n') && value.ends_with('\n') {
                        body.text.push('\n');
                    }
                }
                _ => self.plain(line, body),
            }
        }
    }

    fn plain(&self, text: &str, body: &mut CapturedBody) {
        let kept = self.without_matches(text, &mut body.redacted);
        body.text.push_str(kept.as_deref().unwrap_or(text));
    }

    /// A text without what the patterns match; `None` if nothing does.
    fn without_matches(&self, text: &str, redacted: &mut u64) -> Option<String> {
        let mut changed: Option<String> = None;
        for pattern in &self.patterns {
            let current = changed.as_deref().unwrap_or(text);
            let count = pattern.find_iter(current).filter(|found| !found.is_empty()).count() as u64;
            if count > 0 {
                *redacted += count;
                changed = Some(pattern.replace_all(current, regex_lite::NoExpand(REDACTED)).into_owned());
            }
        }
        changed
    }

    fn is_hidden(&self, path: &[String]) -> bool {
        let is_step = |(wanted, step): (&String, &String)| wanted == "*" || wanted == step;
        let is_at = |pointer: &Vec<String>| pointer.len() == path.len() && pointer.iter().zip(path).all(is_step);
        self.pointers.iter().any(is_at)
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction")
            .field("members", &self.members)
            .field("pointers", &self.pointers)
            .field("patterns", &self.patterns.len())
            .finish()
    }
}

impl fmt::Display for RedactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RedactionError {}

#[cfg(test)]
mod tests;
