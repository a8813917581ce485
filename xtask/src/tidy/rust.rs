//! Rust sources as far as the rules need to understand them: what is code, what is a test, where an item ends.

use std::collections::BTreeSet;
use std::ops::Range;

use super::File;

/// A Rust file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// The text with comments and the insides of strings blanked, byte for byte as long as it.
    pub(super) code: String,
    /// Ranges of items under `#[cfg(test)]`.
    tests: Vec<Range<usize>>,
    /// Whether the whole file is a module under `#[cfg(test)]`.
    is_test_module: bool,
}

/// All Rust files, with test modules in files of their own known as such.
pub(super) fn sources(files: &[File]) -> Vec<Source> {
    let rust = files.iter().filter(|file| file.extension() == "rs");
    let mut sources: Vec<Source> = rust.map(|file| Source::new(&file.path, &file.text)).collect();
    let modules: BTreeSet<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        source.is_test_module = modules.iter().any(|module| {
            stem.strip_prefix(module.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    }
    sources
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let tests = attributes(&code, |attribute| {
            let cfg = attribute.strip_prefix("cfg(").unwrap_or_default();
            cfg.starts_with("test") || cfg.starts_with("all(test") || cfg.starts_with("any(test")
        });
        let tests = tests.into_iter().map(|at| at.start..item_end(&code, at.end)).collect();
        Self { path: path.to_owned(), text: text.to_owned(), code, tests, is_test_module: false }
    }

    /// Whether it belongs to a crate, wherever in it.
    pub(super) fn is_of(&self, name: &str) -> bool {
        self.path
            .strip_prefix("crates/")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether it becomes part of a crate of the product.
    pub(super) fn is_production(&self) -> bool {
        self.path.starts_with("crates/") && self.path.contains("/src/") && !self.is_test_module
    }

    /// The code lines outside of tests, with their numbers.
    pub(super) fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines_with_offsets()
            .filter(|(_, offset, _)| !self.tests.iter().any(|range| range.contains(offset)))
            .map(|(line, _, code)| (line, code))
    }

    /// The code lines with their numbers and offsets.
    pub(super) fn lines_with_offsets(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        let mut offset = 0;
        self.code.split('\n').enumerate().map(move |(index, line)| {
            let start = offset;
            offset += line.len() + 1;
            (index + 1, start, line)
        })
    }

    /// What stands under an `#[expect(clippy::…)]` of one of these lints.
    pub(super) fn expected(&self, lints: &[&str]) -> Vec<Range<usize>> {
        let named = |attribute: &str| {
            let names = attribute.strip_prefix("expect(").unwrap_or_default();
            lints.iter().any(|lint| names.contains(lint))
        };
        let whole_file = self.code.match_indices("#![").any(|(at, _)| named(attribute_text(&self.code, at + 3)));
        if whole_file {
            return std::iter::once(0..self.code.len()).collect();
        }
        let attributes = attributes(&self.code, named);
        attributes.into_iter().map(|at| at.start..item_end(&self.code, at.end)).collect()
    }

    /// The paths, without an ending, of the modules that this file declares for tests only.
    fn test_modules(&self) -> Vec<String> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let folder = match name {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        };
        let declared = self.tests.iter().filter_map(|range| {
            let item = self.code[range.clone()].trim_end().strip_suffix(';')?;
            let (_, module) = item.rsplit_once("mod ")?;
            Some(format!("{folder}/{}", module.trim()))
        });
        declared.collect()
    }
}

/// The line, from 1, of an offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Outer attributes whose inside satisfies `wanted`, as ranges.
fn attributes(code: &str, wanted: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let all = code.match_indices("#[").map(|(at, _)| (at, attribute_text(code, at + 2)));
    all.filter(|(_, text)| wanted(text)).map(|(at, text)| at..at + 2 + text.len() + 1).collect()
}

/// The inside of an attribute that begins at an offset.
fn attribute_text(code: &str, start: usize) -> &str {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 0 => return &code[start..at],
            b']' => depth -= 1,
            _ => {}
        }
    }
    &code[start..]
}

/// Where the item or statement that follows an attribute ends.
fn item_end(code: &str, start: usize) -> usize {
    let mut start = start;
    // Further attributes belong to the same item.
    while let Some(rest) = code[start..].trim_start().strip_prefix("#[") {
        let inside = code.len() - rest.len();
        start = inside + attribute_text(code, inside).len() + 1;
    }
    // A block ends an item, but in a statement it is only a part.
    let is_statement = code[start..].trim_start().starts_with("let ");
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth < 0 {
                    return at;
                }
                if depth == 0 && byte == b'}' && !is_statement {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and the insides of strings and characters, so that words in them are not taken for code.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if !is_word(at.checked_sub(1).map(|before| bytes[before])) => {
                match raw_string_end(bytes, at) {
                    Some(end) => end,
                    None => {
                        at += 1;
                        continue;
                    }
                }
            }
            b'\'' => match character_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        // Whole characters are blanked, so what is left is still UTF-8.
        code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(code).unwrap_or_default()
}

fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    memchr::memmem::find(&bytes[from..], what).map(|found| from + found)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `br#"…"#`; nothing if no raw string begins here.
fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let at = start + usize::from(matches!(bytes[start], b'b' | b'c'));
    let hashes = bytes.get(at + 1..)?.iter().take_while(|byte| **byte == b'#').count();
    let is_raw = bytes.get(at) == Some(&b'r') && bytes.get(at + 1 + hashes) == Some(&b'"');
    if !is_raw {
        return None;
    }
    let close = [b"\"", "#".repeat(hashes).as_bytes()].concat();
    Some(find(bytes, at + 2 + hashes, &close).map_or(bytes.len(), |found| found + close.len()))
}

/// The end of a character; nothing if this is a lifetime.
fn character_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        return find(bytes, start + 3, b"'").map(|found| found + 1);
    }
    let character = std::str::from_utf8(bytes.get(start + 1..(start + 5).min(bytes.len()))?);
    let length = match character {
        Ok(text) => text.chars().next()?.len_utf8(),
        // The cut may be in the middle of a later character.
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[start + 1..start + 1 + error.valid_up_to()]).ok()?.chars().next()?.len_utf8()
        }
        Err(_) => return None,
    };
    (bytes.get(start + 1 + length) == Some(&b'\'')).then_some(start + 2 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_blank(text: &str, expect: &str) {
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn only_code_is_left() {
        check_blank("a // b\nc", "a c");
        check_blank("a /* b /* c */ d */ e", "a e");
        check_blank(r#"f("x \" // y", 1)"#, "f( , 1)");
        check_blank(r##"f(r#"a " b"#, br"\", c)"##, "f( , , c)");
        check_blank(
            "fn f<'a>(x: &'a str, c: char) { c == 'x' || c == '\\'' || c == 'é' || c == '\"' }",
            "fn f<'a>(x: &'a str, c: char) { c == || c == || c == || c == }",
        );
        check_blank("number // ü\nr#type", "number r#type");
    }

    #[test]
    fn tests_end_with_their_item() {
        let text = "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n fn b() { }\n}\nfn c() {}\n#[cfg(test)]\nuse x::y;\nfn d() {}";
        let source = Source::new("crates/a/src/lib.rs", text);
        let lines: Vec<usize> = source.production_lines().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 7, 10]);
    }

    #[test]
    fn modules_for_tests_in_files_of_their_own() {
        let files = [
            File::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod helpers;\nmod store;\n"),
            File::new("crates/a/src/helpers.rs", ""),
            File::new("crates/a/src/helpers_too.rs", ""),
            File::new("crates/a/src/store.rs", "#[cfg(test)]\nmod tests;\n"),
            File::new("crates/a/src/store/tests.rs", ""),
            File::new("crates/a/src/store/tests/more.rs", ""),
        ];
        let production: Vec<String> =
            sources(&files).into_iter().filter(Source::is_production).map(|source| source.path).collect();
        assert_eq!(production, ["crates/a/src/lib.rs", "crates/a/src/helpers_too.rs", "crates/a/src/store.rs"]);
    }

    #[test]
    fn an_expectation_covers_what_follows_it() {
        let text = "fn a() {\n #[expect(clippy::unwrap_used, reason = \"x\")]\n let b = match c {\n d => { e }\n }.f();\n g();\n}\n";
        let source = Source::new("x.rs", text);
        let [range] = &source.expected(&["unwrap_used"])[..] else { panic!("one range") };
        assert_eq!((line_of(text, range.start), line_of(text, range.end)), (2, 5));
        assert!(source.expected(&["expect_used"]).is_empty());
    }
}
