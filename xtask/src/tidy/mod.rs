//! What the compiler does not check: layers, weights, texts, licences.
//!
//! Each rule is a function from what it looks at to [`Problem`]s, in a file of its own with its tests. The last test here
//! runs all of them on the workspace, so `cargo test` alone tells the truth.

mod absences;
mod files;
mod layers;
mod length;
mod licences;
mod links;
mod manifests;
mod metadata;
mod panics;
mod rust;
mod signatures;
mod text;
mod weight;

use std::fmt;
use std::process::ExitCode;

use files::File;
use metadata::Metadata;
use rust::Source;

use crate::Result;

/// Something to be cured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// Below the root.
    path: String,
    /// From 1; nothing if it is about the whole file.
    line: Option<usize>,
    /// What is wrong and what to do about it.
    message: String,
}

impl Problem {
    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }

    fn of(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// What was found: problems fail the check, warnings are only said.
#[derive(Debug)]
struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

fn look() -> Result<Findings> {
    let files = files::all()?;
    let sources = rust::sources(&files);
    let metadata = Metadata::read()?;
    let mut problems = Vec::new();
    problems.extend(layers::check(&metadata));
    problems.extend(absences::forbidden_dependencies(&metadata));
    problems.extend(absences::environment(&sources));
    problems.extend(signatures::check(&sources));
    problems.extend(weight::check()?);
    problems.extend(licences::check(&metadata));
    problems.extend(manifests::check(&files));
    problems.extend(manifests::check_unsafe(&sources));
    problems.extend(text::check(&files));
    problems.extend(panics::check(&sources));
    problems.extend(links::check(&files));
    problems.sort();
    Ok(Findings { problems, warnings: length::check(&sources) })
}

pub(crate) fn run() -> Result<ExitCode> {
    let Findings { problems, warnings } = look()?;
    for warning in &warnings {
        println!("warning: {warning}");
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        eprintln!("{} to tidy up", problems.len());
        return Ok(ExitCode::FAILURE);
    }
    println!("tidy");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let problems = look().unwrap_or_else(|error| panic!("{error}")).problems;
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert!(lines.is_empty(), "{} to tidy up:\n{}", lines.len(), lines.join("\n"));
    }
}
