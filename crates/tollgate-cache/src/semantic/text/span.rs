//! Spans that are compared as they are written: code, quotes, addresses and paths.

use super::literal::{Literal, LiteralKind};

/// How far the end of a quotation is looked for, in bytes; an apostrophe or inch sign has none.
const QUOTE: usize = 400;

/// How long an address or path may be, in bytes.
const ADDRESS: usize = 2048;

/// A text without its opaque spans, and those spans as literals.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// What is left to be read as words. Quoted words are still in it.
    pub(crate) prose: String,
    pub(crate) literals: Vec<Literal>,
    /// How many bytes of the text are code.
    pub(crate) code: usize,
}

// === impl Spans ===

impl Spans {
    /// Takes the opaque spans out of `text`.
    pub(crate) fn of(text: &str) -> Self {
        let mut spans = Self { prose: String::with_capacity(text.len()), ..Self::default() };
        let mut rest = unwrapped(text.trim());
        while let Some(open) = rest.find("```") {
            spans.lines(&rest[..open]);
            let fence = &rest[open + 3..];
            // A fence that is not closed goes on to the end, as renderers have it.
            let close = fence.find("```").unwrap_or(fence.len());
            spans.push_code(&fence[..close]);
            rest = fence.get(close + 3..).unwrap_or_default();
        }
        spans.lines(rest);
        spans
    }

    fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            if is_code(line.trim()) {
                self.push_code(line.trim());
            } else {
                self.line(line);
            }
        }
    }

    fn line(&mut self, line: &str) {
        // A quotation mark that is doubled was escaped on its way here.
        let single = line.contains("\"\"").then(|| line.replace("\"\"", "\""));
        let line = single.as_deref().unwrap_or(line);
        let (mut at, mut before) = (0, ' ');
        while let Some(character) = line[at..].chars().next() {
            let rest = &line[at..];
            let used = if character == '`' {
                self.code_span(rest)
            } else if before.is_whitespace() || "([{<\"'“‘".contains(before) {
                self.quote(rest, character);
                if character.is_alphanumeric() || "/~.\\".contains(character) { self.address(rest) } else { None }
            } else {
                None
            };
            match used {
                Some(used) => {
                    self.prose.push(' ');
                    at += used.max(1);
                    before = ' ';
                }
                None => {
                    self.prose.push(character);
                    at += character.len_utf8();
                    before = character;
                }
            }
        }
    }

    fn code_span(&mut self, rest: &str) -> Option<usize> {
        let length = rest[1..].find('`')?;
        self.push_code(&rest[1..=length]);
        Some(length + 2)
    }

    /// Notes the quotation that `rest` begins with. Its words remain prose, since they are part of what is asked.
    fn quote(&mut self, rest: &str, open: char) {
        let close = match open {
            '"' => '"',
            '“' => '”',
            '«' => '»',
            '\'' => '\'',
            '‘' => '’',
            '「' => '」',
            _ => return,
        };
        let inner = &rest[open.len_utf8()..];
        let mut before = ' ';
        for (at, character) in inner.char_indices().take_while(|(at, _)| *at < QUOTE) {
            let ends = inner[at + character.len_utf8()..].chars().next().is_none_or(|next| !next.is_alphanumeric());
            // An apostrophe within a word ends nothing.
            if character == close && ends && !before.is_whitespace() {
                let words = inner[..at].split_whitespace().collect::<Vec<_>>().join(" ");
                let words = words.trim_end_matches(['.', ',', '?', '!']);
                if is_data(words) {
                    self.literals.push(Literal::new(LiteralKind::Quote, words));
                }
                return;
            }
            before = character;
        }
    }

    /// The length of the address or path that `rest` begins with.
    fn address(&mut self, rest: &str) -> Option<usize> {
        let ends = |(at, character): &(usize, char)| {
            *at > ADDRESS || character.is_whitespace() || "<>\"“”`".contains(*character)
        };
        let end = rest.char_indices().find(ends).map_or(rest.len(), |(at, _)| at);
        let chunk = rest[..end].trim_end_matches(['.', ',', '?', '!', ':', ';', ')', ']', '}', '\'']);
        let (kind, value) = classify(chunk)?;
        self.literals.push(Literal { kind, value });
        Some(chunk.len())
    }

    fn push_code(&mut self, code: &str) {
        self.code += code.len();
        self.prose.push(' ');
        self.literals.push(Literal::new(LiteralKind::Code, code));
    }
}

/// A text that is quoted as a whole without its quotation marks.
fn unwrapped(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    // In `"yes" or "no"` the first mark within ends a quotation instead of beginning one.
    let begins = |inner: &&str| inner.find('"').is_none_or(|at| at == 0 || inner[..at].ends_with([' ', '"']));
    inner.filter(begins).unwrap_or(text)
}

/// Whether quoted words are what is worked on. A single plain word is only stressed, and is compared as a word.
fn is_data(words: &str) -> bool {
    words.contains(|character: char| !character.is_lowercase())
}

/// The kind of a chunk without white space, and its canonical form: scheme and host in lower case, no slash at the end.
fn classify(chunk: &str) -> Option<(LiteralKind, String)> {
    if let Some((scheme, rest)) = chunk.split_once("://")
        && !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
    {
        return Some((LiteralKind::Url, url(rest)));
    }
    if let Some((local, domain)) = chunk.split_once('@') {
        let is_address = !local.is_empty() && domain.contains('.') && !domain.contains(['@', '/']);
        return is_address.then(|| (LiteralKind::Email, format!("{local}@{}", domain.to_lowercase())));
    }
    if chunk.starts_with("www.") || is_domain(chunk) {
        return Some((LiteralKind::Url, url(chunk)));
    }
    is_path(chunk).then(|| (LiteralKind::Path, chunk.to_owned()))
}

fn url(rest: &str) -> String {
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.to_lowercase();
    format!("{}{}", host.strip_prefix("www.").unwrap_or(&host), path.trim_end_matches('/'))
}

fn is_domain(chunk: &str) -> bool {
    const TOP: &[&str] = &[
        "com", "org", "net", "io", "dev", "ai", "gov", "edu", "co", "uk", "de", "fr", "app", "info", "eu", "us", "ca",
        "jp", "in", "au",
    ];
    let host = chunk.split('/').next().unwrap_or_default();
    let mut labels = host.rsplit('.');
    let top = labels.next().unwrap_or_default();
    let mut others = labels.peekable();
    TOP.contains(&top)
        && others.peek().is_some()
        && others.all(|label| !label.is_empty() && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-'))
}

fn is_path(chunk: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "rs", "py", "js", "ts", "java", "c", "h", "cpp", "go", "rb", "php", "sh", "txt", "md", "pdf", "csv", "json",
        "xml", "yaml", "yml", "toml", "html", "css", "sql", "log", "png", "jpg", "jpeg", "gif", "svg", "mp3", "mp4",
        "zip", "gz", "tar", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "exe", "dll", "ini", "conf", "cfg", "ipynb",
        "tex", "env",
    ];
    let has_letter = chunk.contains(|character: char| character.is_alphanumeric());
    let rooted = ["/", "~/", "./", "../", "\\\\"].iter().any(|root| chunk.starts_with(root))
        || chunk.as_bytes().get(1..3) == Some(b":\\".as_slice());
    let extension = chunk.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    has_letter && (rooted || extension.is_some_and(|(_, it)| EXTENSIONS.contains(&it.to_lowercase().as_str())))
}

/// Whether a line outside of any fence is code nonetheless.
fn is_code(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "#include",
        "import ",
        "from ",
        "def ",
        "fn ",
        "func ",
        "class ",
        "public ",
        "private ",
        "const ",
        "let ",
        "var ",
        "return ",
        "select ",
        "insert into ",
        "update ",
        "if (",
        "for (",
        "while (",
        "} else",
        "struct ",
        "package ",
        "using ",
        "@",
        "//",
        "/*",
        "<!",
        "</",
    ];
    if line.len() < 2 {
        return line == "{" || line == "}";
    }
    let signs = line.bytes().filter(|byte| b"{}();=<>[]+*/&|$\\:\"'".contains(byte)).count();
    let ends = line.ends_with([';', '{', '}']);
    let lower = line.get(..12.min(line.len())).unwrap_or_default().to_lowercase();
    let starts = STARTS.iter().any(|start| lower.starts_with(start));
    let operators =
        ["==", "!=", "=>", "->", "&&", "||", "::", "+=", "();", "</", "/>"].iter().any(|it| line.contains(it));
    let is_query = line.starts_with("SELECT ") && line.contains(" FROM ") || lower.starts_with("select ") && signs > 0;
    (ends && signs >= 2)
        || is_query
        || (starts && signs >= 2 && line.ends_with([';', '{', '}', ':', ')', '"', '\'', '>']))
        || (operators && signs * 8 >= line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(LiteralKind, &str)]) {
        let found = Spans::of(text).literals;
        let found: Vec<_> = found.iter().map(|literal| (literal.kind, literal.value.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn code_is_taken_byte_for_byte() {
        check("Why does `Foo ` fail?", &[(LiteralKind::Code, "Foo ")]);
        check("Explain\n```rust\nlet a = b;\n```\nplease", &[(LiteralKind::Code, "rust\nlet a = b;\n")]);
        check("Explain ``` a - b", &[(LiteralKind::Code, " a - b")]);
        check("What does this do?\nfor (i = 0; i < n; i++) {", &[(LiteralKind::Code, "for (i = 0; i < n; i++) {")]);
        check("SELECT name FROM users WHERE id > 5", &[(LiteralKind::Code, "SELECT name FROM users WHERE id > 5")]);
        check("a ` alone", &[]);
    }

    #[test]
    fn prose_about_code_is_no_code() {
        for text in ["Select a phone from this list", "import taxes (customs) explained", "let us talk; then go"] {
            check(text, &[]);
        }
    }

    #[test]
    fn addresses_are_canonical() {
        check("Open HTTPS://Www.Example.com/a/?", &[(LiteralKind::Url, "example.com/a")]);
        check("Is example.org down?", &[(LiteralKind::Url, "example.org")]);
        check("mail Ann.B@Example.com.", &[(LiteralKind::Email, "Ann.B@example.com")]);
        check(
            "what is in /etc/hosts and main.rs?",
            &[(LiteralKind::Path, "/etc/hosts"), (LiteralKind::Path, "main.rs")],
        );
        check("and/or w/o 24/7", &[]);
    }

    #[test]
    fn quotations_end_and_apostrophes_do_not_begin_one() {
        check("Translate \"good  morning.\" please", &[(LiteralKind::Quote, "good morning")]);
        check("the word 'don't' and the dogs' tails", &[(LiteralKind::Quote, "don't")]);
        check("a 5\" screen and my sister's cat", &[]);
        check("„ “unfinished", &[]);
    }
}
