//! Counts the pictures in an answer while it passes, since answers with pictures are too large to be read whole.

/// Counts the members that hold a picture: its data or its address.
#[derive(Debug)]
pub struct Pictures {
    data: Member,
    addresses: Member,
}

/// A member whose value is text, and how often it has come.
#[derive(Debug)]
struct Member {
    /// The name with its quotes.
    name: &'static [u8],
    count: u64,
    /// How many bytes of the name, then of the colon, have come.
    matched: usize,
}

// === impl Pictures ===

impl Pictures {
    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.data.push(chunk);
        self.addresses.push(chunk);
    }

    /// How many pictures there were. Some providers give data and address of the same one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.data.count.max(self.addresses.count)
    }
}

impl Default for Pictures {
    fn default() -> Self {
        Self { data: Member::new(b"\"b64_json\""), addresses: Member::new(b"\"url\"") }
    }
}

// === impl Member ===

impl Member {
    fn new(name: &'static [u8]) -> Self {
        Self { name, count: 0, matched: 0 }
    }

    fn push(&mut self, mut chunk: &[u8]) {
        while let Some((byte, rest)) = chunk.split_first() {
            if self.matched == 0 {
                // Most of an answer is data, where no quote is.
                let Some(quote) = memchr::memchr(b'"', chunk) else { return };
                self.matched = 1;
                chunk = &chunk[quote + 1..];
                continue;
            }
            self.matched = self.after(*byte);
            chunk = rest;
        }
    }

    /// What is matched with one more byte.
    fn after(&mut self, byte: u8) -> usize {
        let colon = self.name.len();
        match self.matched {
            at if at < colon && byte == self.name[at] => at + 1,
            at if at >= colon && byte.is_ascii_whitespace() => at,
            at if at == colon && byte == b':' => at + 1,
            at if at > colon && byte == b'"' => {
                self.count += 1;
                0
            }
            _ => usize::from(byte == b'"'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_counted_however_the_answer_is_cut() {
        for (answer, count) in [
            (
                r#"{"created":1,"data":[{"b64_json":"aGk="},{"b64_json" : "aGk=","revised_prompt":"a \"url\": \"x\""}]}"#,
                2,
            ),
            (r#"{"data":[{"b64_json":null,"url":"https://x/1"},{"url":"https://x/2"},{"url":"https://x/3"}]}"#, 3),
            (r#"{"data":[{"url":"https://x/1","b64_json":"aGk="}]}"#, 1),
            (r#"{"error":{"message":"no url"}}"#, 0),
            ("", 0),
        ] {
            for size in [1, 2, 7, 1000] {
                let mut pictures = Pictures::default();
                answer.as_bytes().chunks(size).for_each(|chunk| pictures.push(chunk));
                assert_eq!(pictures.count(), count, "{answer} in pieces of {size}");
            }
        }
    }
}
