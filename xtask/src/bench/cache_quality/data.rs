//! The data as they are published: tables and lines of JSON.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Result;

/// Everything that is measured on, and what the prior is trained on.
#[derive(Debug)]
pub(super) struct Data {
    /// Requests with their intent, which stands for their answer.
    pub(super) banking: Vec<(String, String)>,
    pub(super) qqp: Vec<Pair>,
    pub(super) checklist: Vec<Pair>,
    pub(super) finance: Vec<Pair>,
    pub(super) requests: Vec<RequestPair>,
    /// For training only: sentence pairs, paraphrases, and prompts of which no two have one answer.
    pub(super) sentences: Vec<Pair>,
    pub(super) paraphrases: Vec<Pair>,
    pub(super) prompts: Vec<String>,
}

/// Two prompts, and whether an answer to the one is an answer to the other.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) stored: String,
    pub(super) asked: String,
    pub(super) same: bool,
    pub(super) test: String,
}

/// Two whole requests.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RequestPair {
    pub(super) category: String,
    pub(super) a: Value,
    pub(super) b: Value,
    /// Members beside the messages, and whose request it is.
    #[serde(default)]
    pub(super) a_params: Value,
    #[serde(default)]
    pub(super) b_params: Value,
    #[serde(default)]
    pub(super) a_tenant: Value,
    #[serde(default)]
    pub(super) b_tenant: Value,
    pub(super) expect: String,
}

// === impl Data ===

impl Data {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let bytes = std::fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
            Ok::<_, crate::Error>(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
        };
        Ok(Self {
            banking: table(&read("intents/banking77_train.csv")?, ',')
                .into_iter()
                .skip(1)
                .filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone())))
                .collect(),
            qqp: of_columns(&lines_of_tabs(&read("qqp/qqp_wang_dev.tsv")?), 0, 1, 2),
            checklist: lines(&read("adversarial/checklist_qqp_pairs_sample.jsonl")?)?
                .iter()
                .filter_map(|row| {
                    let same = row["cache_label"].as_i64()? == 1;
                    Pair::new(text(row, "a")?, text(row, "b")?, same, text(row, "test")?)
                })
                .collect(),
            finance: lines(&read("adversarial/finance32_te3small_cos.jsonl")?)?
                .iter()
                .filter_map(|row| {
                    Pair::new(text(row, "seed_query")?, text(row, "probe_query")?, false, text(row, "category")?)
                })
                .collect(),
            requests: read("adversarial/own_request_pairs.jsonl")?
                .lines()
                .map(serde_json::from_str)
                .collect::<serde_json::Result<_>>()?,
            sentences: of_columns(&lines_of_tabs(&read("sts/msr-para-train.tsv")?)[1..], 0, 3, 4),
            paraphrases: paraphrases(&serde_json::from_str(&read("qqp/gptcache_mock_data.json")?)?),
            prompts: prompts(&read("prompts/arena_hard_v01.jsonl")?, &read("numbers/SVAMP.json")?)?,
        })
    }

    /// Every text that is measured with.
    pub(super) fn measured(&self) -> impl Iterator<Item = &str> {
        let of_pairs = texts([&self.qqp, &self.checklist, &self.finance]);
        let of_requests =
            self.requests.iter().flat_map(|pair| [&pair.a, &pair.b]).filter_map(super::requests::last_text);
        self.banking.iter().map(|(text, _)| &**text).chain(of_pairs).chain(of_requests)
    }

    /// Every text that the prior is trained on.
    pub(super) fn training(&self) -> impl Iterator<Item = &str> {
        texts([&self.sentences, &self.paraphrases]).chain(self.prompts.iter().map(|prompt| &**prompt))
    }
}

fn texts<'a>(sets: impl IntoIterator<Item = &'a Vec<Pair>>) -> impl Iterator<Item = &'a str> {
    sets.into_iter().flatten().flat_map(|pair| [&*pair.stored, &*pair.asked])
}

// === impl Pair ===

impl Pair {
    fn new(stored: String, asked: String, same: bool, test: String) -> Option<Self> {
        (!stored.is_empty() && !asked.is_empty()).then_some(Self { stored, asked, same, test })
    }
}

fn lines(text: &str) -> Result<Vec<Value>> {
    Ok(text.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>()?)
}

fn text(row: &Value, name: &str) -> Option<String> {
    row[name].as_str().map(str::to_owned)
}

/// These tables have quotation marks as text, not around fields.
fn lines_of_tabs(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn of_columns(rows: &[Vec<String>], label: usize, a: usize, b: usize) -> Vec<Pair> {
    rows.iter()
        .filter_map(|row| Pair::new(row.get(a)?.clone(), row.get(b)?.clone(), row.get(label)? == "1", String::new()))
        .collect()
}

fn paraphrases(rows: &Value) -> Vec<Pair> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| Pair::new(text(row, "origin")?, text(row, "similar")?, true, String::new())).collect()
}

fn prompts(arena: &str, problems: &str) -> Result<Vec<String>> {
    let mut prompts: Vec<String> = lines(arena)?.iter().filter_map(|row| text(row, "prompt")).collect();
    let problems: Value = serde_json::from_str(problems)?;
    let problems = problems.as_array().into_iter().flatten();
    prompts.extend(problems.filter_map(|row| Some(format!("{} {}", text(row, "Body")?, text(row, "Question")?))));
    // Far beyond what people ask one another's caches for, and slow to embed.
    prompts.retain(|prompt| prompt.len() < 1000);
    Ok(prompts)
}

/// Rows of a table whose fields may be quoted (RFC 4180).
fn table(text: &str, separator: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if quoted && rest.peek() == Some(&'"') => field.extend(rest.next()),
            '"' => quoted = !quoted,
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            next if next == separator && !quoted => row.push(std::mem::take(&mut field)),
            next => field.push(next),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_hold_separators_and_quotes() {
        assert_eq!(table("a,\"b, \"\"c\"\"\nd\"\r\n1,2", ','), [vec!["a", "b, \"c\"\nd"], vec!["1", "2"]]);
    }
}
