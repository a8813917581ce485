//! Converts a public list of prices into the price book that ships with the gateway.
//!
//! The list is the price map of LiteLLM's Python package (MIT, see `crates/tollgate-usage/data/NOTICE`): one JSON object
//! with an object for each model. Corrections of ours, in `corrections.txt` beside the book, win over it. What is written
//! depends on nothing but these files, so that `--check` can say whether the book is what the conversion gives.

mod convert;
mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tollgate_usage::price::PriceBook;

use crate::{Result, root};

const BOOK: &str = "crates/tollgate-usage/data/prices.txt";
const CORRECTIONS: &str = "crates/tollgate-usage/data/corrections.txt";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The list to convert. May be given several times: models that the first no longer has are taken from the next, an
    /// older one.
    #[arg(long)]
    from: Vec<PathBuf>,
    /// Write nothing; fail if the book is not what would be written. Without a list, whether the book is sound and has all
    /// corrections.
    #[arg(long)]
    check: bool,
}

/// Terms, or `same=`, by kind and model; several where they hold at different times.
type Lines = BTreeMap<(String, String), Vec<String>>;

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let corrections = read(&root().join(CORRECTIONS))?;
    let known = read(&root().join(BOOK))?;
    if args.from.is_empty() {
        if !args.check {
            return Err("say what to convert with --from, or --check".into());
        }
        check(&known, &corrections)?;
        println!("{BOOK} is sound");
        return Ok(ExitCode::SUCCESS);
    }
    let texts: Vec<String> = args.from.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let book = book(&texts, &corrections)?;
    if known == book {
        println!("{BOOK} is up to date: {} prices", entries(&book).count());
    } else if args.check {
        let (old, new): (Vec<&str>, Vec<&str>) = (known.lines().collect(), book.lines().collect());
        let differs =
            new.iter().find(|line| !old.contains(line)).or_else(|| old.iter().find(|line| !new.contains(line)));
        eprintln!("{BOOK} is not what the conversion gives, such as:\n{}", differs.unwrap_or(&"its order"));
        return Ok(ExitCode::FAILURE);
    } else {
        std::fs::write(root().join(BOOK), &book)?;
        println!("{BOOK} written: {} prices, {} bytes", entries(&book).count(), book.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// The text of the book.
fn book(texts: &[String], corrections: &str) -> Result<String> {
    let mut lines = Lines::new();
    for (number, text) in texts.iter().enumerate() {
        for (name, terms) in convert::convert(&source::read(text)?) {
            // What was the latest once is something else today.
            if number > 0 && name.1.contains("latest") {
                continue;
            }
            lines.entry(name).or_insert_with(|| vec![terms.to_string()]);
        }
    }
    for (name, terms) in by_name(corrections)? {
        lines.insert(name, terms);
    }
    let mut book: String = header(corrections).collect();
    for ((kind, model), mut terms) in lines {
        terms.sort_unstable();
        for terms in terms {
            // Writing to a string cannot fail.
            let _ = writeln!(book, "{kind} {model} {terms}");
        }
    }
    check(&book, corrections)?;
    Ok(book)
}

/// Whether a book is sound and says what the corrections say.
fn check(book: &str, corrections: &str) -> Result<()> {
    PriceBook::parse(book.to_owned()).map_err(|error| format!("{BOOK}: {error}"))?;
    let said: Lines = by_name(book)?;
    for (name, terms) in by_name(corrections)? {
        let mut terms = terms;
        terms.sort_unstable();
        if said.get(&name) != Some(&terms) {
            return Err(format!("{BOOK} lacks the correction of {} {}", name.0, name.1).into());
        }
    }
    if !header(corrections).eq(header(book)) {
        return Err(format!("{BOOK} has another head than {CORRECTIONS}").into());
    }
    Ok(())
}

/// The lines at the beginning that are about the whole; comments between corrections are not.
fn header(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').take_while(|line| line.starts_with('#'))
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn by_name(text: &str) -> Result<Lines> {
    let mut lines = Lines::new();
    for line in entries(text) {
        let mut parts = line.splitn(3, ' ');
        let (Some(kind), Some(model), Some(terms)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("not `KIND MODEL TERMS`: {line}").into());
        };
        lines.entry((kind.to_owned(), model.to_owned())).or_default().push(terms.to_owned());
    }
    Ok(lines)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORRECTED: &str = "# version 7\n\n# Ours.\nopenai c same=a\nopenai b in=2 out=4\n";

    fn list(entries: &str) -> Vec<String> {
        vec![format!("{{{entries}}}")]
    }

    #[test]
    fn corrections_win_and_the_result_is_sorted() {
        let texts = list(
            r#""b": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 9e-6},
               "a": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07}"#,
        );
        let book = book(&texts, CORRECTED).expect("is sound");
        assert_eq!(book, "# version 7\nopenai a in=0.15 out=0.6\nopenai b in=2 out=4\nopenai c same=a\n");
        assert!(check(&book, CORRECTED).is_ok());
        assert!(check(&book.replace("in=2", "in=3"), CORRECTED).is_err());
        assert!(check(&book, &CORRECTED.replace("version 7", "version 8")).is_err());
    }

    #[test]
    fn the_committed_book_is_sound() {
        let (book, corrections) = (read(&root().join(BOOK)).unwrap(), read(&root().join(CORRECTIONS)).unwrap());
        check(&book, &corrections).unwrap();
    }

    #[test]
    fn kinds_are_those_that_the_gateway_has() {
        let book = read(&root().join(BOOK)).unwrap();
        for (kind, _) in by_name(&book).unwrap().keys() {
            let is_known = kind == "demo" || tollgate_providers::descriptor(kind).is_some();
            assert!(is_known, "{kind}");
        }
    }
}
