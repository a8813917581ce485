//! Lines come out as they went in, however the stream was cut.

use bytes::Bytes;
use tollgate_protocols::tap::Lines;

use super::cut::cut;

/// Cuts a stream into lines, whole, cut, and under a limit.
///
/// # Panics
/// If bytes are lost, if a cut changes the lines, or if a line exceeds the limit.
pub fn lines(data: &[u8]) {
    let (payload, chunks) = cut(data);
    let (found, rest, _) = read(&chunks, usize::MAX);
    let at_once = read(std::slice::from_ref(&payload), usize::MAX);
    let said = |lines: &[Bytes]| lines.iter().map(|line| line.trim_ascii().to_vec()).collect::<Vec<_>>();
    assert_eq!((said(&found), &rest), (said(&at_once.0), &at_once.1), "a cut changes the lines");

    let mut expected: Vec<&[u8]> = payload.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let last = expected.pop().unwrap_or_default();
    expected.retain(|line| !line.is_empty());
    let found = said(&found);
    assert_eq!(found.iter().filter(|line| !line.is_empty()).collect::<Vec<_>>(), expected, "a line is lost");
    assert_eq!(rest.trim_ascii(), last, "the last line is lost");

    let (bounded, _, _) = read(&chunks, 16);
    assert!(bounded.iter().all(|line| line.len() <= 17), "a line exceeds the limit");
}

fn read(chunks: &[Bytes], limit: usize) -> (Vec<Bytes>, Bytes, bool) {
    let mut lines = Lines::new(limit);
    let mut found = Vec::new();
    for chunk in chunks {
        lines.push(chunk);
        loop {
            match lines.next_line() {
                Ok(Some(line)) => found.push(line),
                Ok(None) => break,
                Err(_) => return (found, Bytes::new(), true),
            }
        }
    }
    (found, Bytes::from(lines.take_rest().to_vec()), false)
}
