//! What of a client's request reaches which provider: found out by translating a request for each field.

mod answers;
mod samples;
mod verdict;

use std::fmt::Write as _;

use tollgate_core::ir::Protocol;
use tollgate_protocols::codec::{Dialect, Target};
use tollgate_providers::{Api, DESCRIPTORS, Descriptor, Wire};

use samples::{FRONTS, Front, Sample};
use verdict::judge;

const INTRODUCTION: &str = include_str!("introduction.md");

/// Providers that are asked in the same way.
struct Column {
    kinds: Vec<&'static str>,
    model: &'static str,
    protocol: Protocol,
    dialect: Dialect,
}

/// The text of `docs/translation.md`.
pub(super) fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    answers::write(&mut text);
    for front in &FRONTS {
        write_front(&mut text, front);
    }
    text
}

fn write_front(text: &mut String, front: &Front) {
    let (forwarded, columns) = columns(front);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n## {}\n", front.title);
    if !forwarded.is_empty() {
        let names: Vec<String> = forwarded.iter().map(|kind| format!("`{kind}`")).collect();
        let _ = writeln!(text, "Forwarded, byte for byte but for the model's name, to {}.\n", names.join(", "));
    }
    for column in columns.iter().filter(|column| column.kinds.len() > 1) {
        let others: Vec<String> = column.kinds[1..].iter().map(|kind| format!("`{kind}`")).collect();
        let _ = writeln!(
            text,
            "* What holds for {} with `{}` holds for {} too.",
            column.kinds[0],
            column.model,
            others.join(", ")
        );
    }
    let _ = write!(text, "\n| Field |");
    for column in &columns {
        let _ = write!(text, " {}<br>{} |", column.kinds[0], column.model);
    }
    let _ = writeln!(text, " Reported as |\n|---|{}---|", ":-:|".repeat(columns.len()));
    for (title, samples) in front.groups {
        let _ = writeln!(text, "| **{title}** |{}", " |".repeat(columns.len() + 1));
        for sample in *samples {
            write_row(text, front, sample, &columns);
        }
    }
}

fn write_row(text: &mut String, front: &Front, sample: &Sample, columns: &[Column]) {
    let _ = write!(text, "| {} |", sample.field);
    let mut reported: Vec<String> = Vec::new();
    for column in columns {
        let target = Target::new(column.protocol, column.model, &column.dialect);
        let (verdict, names) = judge(front, sample, &target);
        let _ = write!(text, " {} |", verdict.symbol());
        for name in names {
            if !reported.contains(&name) {
                reported.push(name);
            }
        }
    }
    let names: Vec<String> = reported.iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(text, " {} |", names.join(", "));
}

/// The kinds that a front's requests are forwarded to, and everybody else.
fn columns(front: &Front) -> (Vec<&'static str>, Vec<Column>) {
    let mut forwarded = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    for descriptor in DESCRIPTORS {
        for model in models(descriptor) {
            match descriptor.wire(front.operation, front.protocol, model) {
                None => {}
                Some(Wire::Same) if forwarded.contains(&descriptor.kind) => {}
                Some(Wire::Same) => forwarded.push(descriptor.kind),
                Some(Wire::Translated(protocol)) => {
                    let same = |column: &&mut Column| {
                        column.protocol == protocol && column.dialect == descriptor.dialect && column.model == *model
                    };
                    match columns.iter_mut().find(same) {
                        Some(column) => column.kinds.push(descriptor.kind),
                        None => columns.push(Column {
                            kinds: vec![descriptor.kind],
                            model,
                            protocol,
                            dialect: descriptor.dialect,
                        }),
                    }
                }
            }
        }
    }
    (forwarded, columns)
}

/// Models that stand for a provider's: one for each way in which its models differ for the gateway.
fn models(descriptor: &Descriptor) -> &'static [&'static str] {
    match (descriptor.api, descriptor.kind) {
        (Api::Anthropic, _) => &["claude-sonnet-4-5", "claude-opus-4-7"],
        (Api::Gemini, _) => &["gemini-2.5-flash", "gemini-3-pro"],
        (Api::Vertex, _) => &["gemini-2.5-flash", "gemini-3-pro", "claude-sonnet-4-5", "claude-opus-4-7"],
        (Api::Bedrock, _) => &["us.anthropic.claude-sonnet-4-5", "amazon.nova-pro"],
        (Api::Cohere, _) => &["command-a-reasoning"],
        (Api::Ollama, _) => &["qwen3"],
        (Api::OpenAi, "openai" | "azure") => &["gpt-4o", "gpt-5"],
        (Api::OpenAi, "deepseek") => &["deepseek-chat"],
        (Api::OpenAi, "xai") => &["grok-4"],
        (Api::OpenAi, "mistral") => &["mistral-large"],
        (Api::OpenAi, "perplexity") => &["sonar"],
        (Api::OpenAi, _) => &["llama-3.3-70b"],
    }
}

#[cfg(test)]
mod tests {
    use super::verdict::Verdict;
    use super::*;

    /// Losing something in silence is the one thing that a translation must never do.
    #[test]
    fn whatever_is_lost_is_reported() {
        let mut lost = Vec::new();
        for front in &FRONTS {
            for column in columns(front).1 {
                let target = Target::new(column.protocol, column.model, &column.dialect);
                for sample in front.groups.iter().flat_map(|(_, samples)| *samples) {
                    if let (Verdict::Lost(why), _) = judge(front, sample, &target) {
                        let (kind, model) = (column.kinds[0], column.model);
                        lost.push(format!("{}: {} to {kind} ({model}): {why}", front.title, sample.field));
                    }
                }
            }
        }
        assert!(lost.is_empty(), "lost without a word:\n{}", lost.join("\n"));
    }

    #[test]
    fn every_target_has_a_column_somewhere() {
        for descriptor in DESCRIPTORS {
            let is_there = FRONTS.iter().any(|front| {
                let (forwarded, columns) = columns(front);
                forwarded.contains(&descriptor.kind)
                    || columns.iter().any(|column| column.kinds.contains(&descriptor.kind))
            });
            assert!(is_there, "{}", descriptor.kind);
        }
    }
}
