//! Frames come out as they went in, however the stream was cut; damage is noticed.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// What comes out of these chunks: frames, the fault at their end, and what was left.
fn decode(chunks: &[&[u8]], limit: usize) -> (Vec<Frame>, Option<Fault>, Bytes) {
    let mut decoder = Decoder::new(limit);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(fault) => {
                    assert_eq!(decoder.next_frame(), Err(fault), "a fault is for ever");
                    assert!(!decoder.is_empty(), "what ended by a fault is not complete");
                    return (frames, Some(fault), decoder.take_rest());
                }
            }
        }
    }
    let is_empty = decoder.is_empty();
    let rest = decoder.take_rest();
    assert_eq!(is_empty, rest.is_empty());
    (frames, None, rest)
}

/// A stream whole, byte by byte, and cut in two everywhere.
#[track_caller]
fn decode_all_ways(stream: &[u8]) -> Vec<Frame> {
    let (frames, fault, rest) = decode(&[stream], usize::MAX);
    assert_eq!((fault, rest.len()), (None, 0));
    assert_eq!(frames.iter().map(|frame| &frame.bytes()[..]).collect::<Vec<_>>().concat(), stream);
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(&single, usize::MAX), (frames.clone(), None, Bytes::new()), "byte by byte");
    for at in 0..=stream.len() {
        let (before, after) = stream.split_at(at);
        assert_eq!(decode(&[before, after], usize::MAX), (frames.clone(), None, Bytes::new()), "cut at {at}");
    }
    frames
}

/// A frame whose parts need not fit each other, with right checksums.
fn raw(total: u32, headers_length: u32, headers: &[u8]) -> Vec<u8> {
    let mut frame = [total.to_be_bytes(), headers_length.to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

#[track_caller]
fn check_fault(stream: &[u8], limit: usize, expect: Fault) {
    let (frames, fault, rest) = decode(&[stream], limit);
    assert_eq!((frames.len(), fault, rest.len()), (0, Some(expect), 0));
}

fn sample() -> Vec<u8> {
    let frames = [
        encode_event("messageStart", br#"{"role":"assistant"}"#),
        encode_event("contentBlockDelta", "{\"delta\":{\"text\":\"Grüße 😀\"}}".as_bytes()),
        encode(&[], b""),
        encode_exception("throttlingException", br#"{"message":"slow down"}"#),
        encode(&[(":message-type", Value::Text("error")), (":error-code", Value::Text("500"))], b""),
    ];
    frames.into_iter().flat_map(Result::unwrap).collect()
}

#[test]
fn events_exceptions_and_errors() {
    let frames = decode_all_ways(&sample());
    let says = |frame: &Frame| -> [Option<String>; 5] {
        [frame.message_type(), frame.event_type(), frame.exception_type(), frame.error_code(), frame.content_type()]
            .map(|text| text.map(str::to_owned))
    };
    let expect = [
        [Some("event"), Some("messageStart"), None, None, Some("application/json")],
        [Some("event"), Some("contentBlockDelta"), None, None, Some("application/json")],
        [None; 5],
        [Some("exception"), None, Some("throttlingException"), None, Some("application/json")],
        [Some("error"), None, None, Some("500"), None],
    ];
    assert_eq!(frames.iter().map(says).collect::<Vec<_>>(), expect.map(|row| row.map(|text| text.map(str::to_owned))));
    assert_eq!(frames[1].payload(), "{\"delta\":{\"text\":\"Grüße 😀\"}}");
    assert!(!format!("{frames:?}").contains("Grüße"), "what a model says is in no log");
}

#[test]
fn a_prelude_of_amazons() {
    // From a recording: 0x85 bytes, 0x52 of them headers.
    let prelude = [0, 0, 0, 0x85, 0, 0, 0, 0x52, 0x99, 0x41, 0xd0, 0x53];
    let (frames, fault, rest) = decode(&[&prelude], usize::MAX);
    assert_eq!((frames.len(), fault, &rest[..]), (0, None, &prelude[..]));
    assert_eq!(raw(0x85, 0x52, b"")[..PRELUDE], prelude);
}

#[test]
fn values_of_every_type_are_skipped() {
    let others = [
        Value::Bool(true),
        Value::Bool(false),
        Value::Byte(-1),
        Value::Short(-2),
        Value::Int(-3),
        Value::Long(-4),
        Value::Bytes(b"\xff\0"),
        Value::Timestamp(5),
        Value::Uuid([6; 16]),
    ];
    for other in others {
        let stream = encode(&[("x", other), (":event-type", Value::Text("ok"))], b"{}").unwrap();
        let frame = decode_all_ways(&stream).remove(0);
        assert_eq!(frame.headers().next(), Some(("x", other)));
        assert_eq!((frame.event_type(), frame.header("x"), frame.header("y")), (Some("ok"), None, None));
    }
}

#[test]
fn lengths_that_contradict_each_other() {
    check_fault(&raw(15, 0, b""), usize::MAX, Fault::Lengths);
    check_fault(&raw(16, 1, b""), usize::MAX, Fault::Lengths);
    check_fault(&raw(0, 0, b""), usize::MAX, Fault::Lengths);
    check_fault(&raw(u32::MAX, u32::MAX, b""), usize::MAX, Fault::Lengths);
    assert_eq!(decode(&[&raw(16, 0, b"")], usize::MAX).0.len(), 1);
}

#[test]
fn malformed_headers() {
    let names =
        [&b"\x05ab"[..], b"\x01x", b"\x01x\x0a", b"\x01\xff\0", b"\x01x\x07\0\x01\xff", b"\x01x\x07\0\x02a", b"\0"];
    for headers in names {
        let length = u32::try_from(headers.len()).unwrap();
        check_fault(&raw(16 + length, length, headers), usize::MAX, Fault::Headers);
    }
    // A value that would reach into the payload.
    let mut frame = raw(22, 4, b"\x01x\x07\0\x02a");
    check_fault(&frame, usize::MAX, Fault::Headers);
    frame[3] = 21;
    check_fault(&frame, usize::MAX, Fault::PreludeChecksum);
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_here() {
    let frame = encode_event("x", &[b'a'; 1000]).unwrap();
    assert_eq!(decode(&[&frame], frame.len()).0.len(), 1);
    check_fault(&frame[..PRELUDE], frame.len() - 1, Fault::TooLarge);
}

#[test]
fn what_is_no_frame_is_refused_early() {
    check_fault(br#"{"message":"x"}"#, usize::MAX, Fault::PreludeChecksum);
    check_fault(b"data: {}\n\ndata: [DONE]\n\n", usize::MAX, Fault::PreludeChecksum);
}

#[test]
fn after_a_fault_nothing_is_kept() {
    let mut decoder = Decoder::new(100);
    decoder.push(Bytes::from_static(b"not a frame at all"));
    assert_eq!(decoder.next_frame(), Err(Fault::PreludeChecksum));
    decoder.push(encode_event("x", b"{}").unwrap());
    assert_eq!((decoder.next_frame(), decoder.take_rest().len()), (Err(Fault::PreludeChecksum), 0));
}

#[test]
fn frames_in_one_piece_are_not_copied() {
    let one = encode_event("x", b"{}").unwrap();
    let stream = Bytes::from([&one[..], &one, &one].concat());
    let mut decoder = Decoder::new(1000);
    // Only the frame that is cut is copied, not those after it in the same chunk.
    decoder.push(stream.slice(..5));
    assert_eq!(decoder.next_frame(), Ok(None));
    decoder.push(stream.slice(5..));
    for copied in [true, false, false] {
        let frame = decoder.next_frame().unwrap().unwrap();
        assert_eq!(stream.as_ptr_range().contains(&frame.payload().as_ptr()), !copied);
    }
}

#[test]
fn chunks_that_pile_up_lose_nothing() {
    let stream = sample();
    let mut decoder = Decoder::new(1000);
    stream.chunks(7).for_each(|chunk| decoder.push(Bytes::copy_from_slice(chunk)));
    let frames: Vec<Frame> = std::iter::from_fn(|| decoder.next_frame().unwrap()).collect();
    assert_eq!(frames, decode_all_ways(&stream));
}

#[test]
fn what_does_not_fit_is_not_encoded() {
    let long = "x".repeat(70_000);
    assert_eq!(encode(&[(&long[..256], Value::Bool(true))], b""), Err(Fault::TooLarge));
    assert_eq!(encode(&[("x", Value::Text(&long))], b""), Err(Fault::TooLarge));
    assert!(encode(&[(&long[..255], Value::Text(&long[..65_535]))], b"").is_ok());
}

#[test]
fn recorded_streams() {
    let Some(shared) = tollgate_testkit::shared() else { return };
    let golden = shared.join("fixtures/agentgateway-golden/response");
    let read = |name: &str| std::fs::read(golden.join(name)).unwrap();
    let mut streams: Vec<Vec<u8>> =
        ["bedrock/basic.bin", "bedrock/tool.bin", "detect/bedrock-basic.bin"].map(read).into();
    let cassettes = tollgate_testkit::recordings::Recordings::load(&shared.join("fixtures"), &["rig-cassettes"]);
    let recorded = cassettes.exchanges.iter().filter(|one| one.content_type.contains("amazon.eventstream"));
    streams.extend(recorded.map(|one| one.body.bytes().to_vec()));
    assert!(streams.len() >= 6, "only {} streams", streams.len());
    for stream in &streams {
        let frames = decode_all_ways(stream);
        let events: Vec<&str> = frames.iter().map(|frame| frame.event_type().unwrap()).collect();
        assert_eq!((events.first(), events.last()), (Some(&"messageStart"), Some(&"metadata")));
        for frame in &frames {
            assert_eq!((frame.message_type(), frame.content_type()), (Some("event"), Some("application/json")));
            assert!(serde_json::from_slice::<serde_json::Value>(frame.payload()).unwrap().is_object());
            assert_eq!(encode_event(frame.event_type().unwrap(), frame.payload()).unwrap(), frame.bytes());
        }
    }
    // Binary that somebody took for text.
    check_fault(&read("detect/bedrock-broken.bin"), usize::MAX, Fault::PreludeChecksum);
}

/// A value of any type; the text lives in the test's input.
fn value(kind: usize, number: i64, text: &str) -> Value<'_> {
    let bytes = number.to_be_bytes();
    match kind {
        0 => Value::Bool(number % 2 == 0),
        1 => Value::Byte(i8::from_be_bytes([bytes[7]])),
        2 => Value::Short(i16::from_be_bytes([bytes[6], bytes[7]])),
        3 => Value::Int(i32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])),
        4 => Value::Long(number),
        5 => Value::Bytes(text.as_bytes()),
        6 => Value::Text(text),
        7 => Value::Timestamp(number),
        _ => Value::Uuid([bytes[0]; 16]),
    }
}

/// A stream cut at these places.
fn cut<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect()
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        frames in prop::collection::vec(
            (prop::collection::vec(("[a-z:é-]{0,12}", 0usize..9, any::<i64>(), ".{0,12}"), 0..5), any::<Vec<u8>>()),
            0..6,
        ),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut stream = Vec::new();
        for (headers, payload) in &frames {
            let headers: Vec<(&str, Value<'_>)> =
                headers.iter().map(|(name, kind, number, text)| (&name[..], value(*kind, *number, text))).collect();
            stream.extend(encode(&headers, payload).unwrap());
        }
        let (decoded, fault, rest) = decode(&cut(&stream, &cuts), usize::MAX);
        prop_assert_eq!((fault, rest.len()), (None, 0));
        prop_assert_eq!(decoded.len(), frames.len());
        for (frame, (headers, payload)) in decoded.iter().zip(&frames) {
            prop_assert_eq!(&frame.payload()[..], &payload[..]);
            let expect: Vec<(&str, Value<'_>)> =
                headers.iter().map(|(name, kind, number, text)| (&name[..], value(*kind, *number, text))).collect();
            prop_assert_eq!(frame.headers().collect::<Vec<_>>(), expect);
        }
    }

    /// A checksum of 32 bits notices each single damaged byte.
    #[test]
    fn a_damaged_byte_is_noticed(at in any::<usize>(), xor in 1u8.., cuts in prop::collection::vec(any::<usize>(), 0..9)) {
        let stream = sample();
        let whole = decode(&[&stream], usize::MAX).0;
        let mut damaged = stream.clone();
        let at = at % stream.len();
        damaged[at] ^= xor;
        let (frames, fault, _) = decode(&cut(&damaged, &cuts), usize::MAX);
        prop_assert!(matches!(fault, Some(Fault::PreludeChecksum | Fault::Checksum)), "{:?}", fault);
        // What came before the damage is untouched.
        prop_assert_eq!(&frames[..], &whole[..frames.len()]);
        let good: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
        prop_assert!(good <= at);
    }

    #[test]
    fn a_truncated_stream_is_noticed(end in any::<usize>()) {
        let stream = sample();
        let end = end % stream.len();
        let (frames, fault, rest) = decode(&[&stream[..end]], usize::MAX);
        let good: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
        prop_assert_eq!((fault, good + rest.len()), (None, end));
    }

    /// Right checksums around noise, so that the headers are reached.
    #[test]
    fn noise_does_not_panic(
        noise in any::<Vec<u8>>(),
        headers in any::<u8>(),
        limit in 0usize..200,
        cuts in prop::collection::vec(any::<usize>(), 0..9),
    ) {
        let _ = decode(&cut(&noise, &cuts), limit);
        let total = u32::try_from(noise.len()).unwrap() + 16;
        let framed = raw(total, u32::from(headers), &noise);
        let (frames, fault, _) = decode(&cut(&framed, &cuts), limit);
        prop_assert_eq!(frames.len() + usize::from(fault.is_some()), 1);
        prop_assert!(frames.iter().all(|frame| frame.bytes().len() <= limit));
    }
}
