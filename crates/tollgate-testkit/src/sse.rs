//! Reading event streams the plain way, apart from the decoder under test.

/// The data of each event in a stream, `[DONE]` included. Comments and other fields are left out.
#[must_use]
pub fn data_events(stream: &str) -> Vec<String> {
    let events = stream.split("\n\n").map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>()
    });
    events.filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_events() {
        assert_eq!(data_events(": hi\n\nevent: x\ndata: 1\ndata:2\n\ndata: [DONE]\n\n"), ["1\n2", "[DONE]"]);
        assert!(data_events("").is_empty());
    }
}
