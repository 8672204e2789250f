use proptest::prelude::*;

use super::*;

fn read_text(text: &str) -> (Vec<u8>, Result<Packet, Malformed>) {
    let mut bytes = text.as_bytes().to_vec();
    let read = read(&mut bytes, &Limits::default());
    (bytes, read)
}

/// The namespace, the number of attachments, and what is said.
fn said(text: &str) -> (String, u32, String) {
    let (bytes, read) = read_text(text);
    let packet = read.unwrap_or_else(|fault| panic!("{text}: {}", fault.0));
    let text = String::from_utf8(bytes).unwrap();
    let part = |at: Option<Range<usize>>, none: &str| at.map_or(none.to_owned(), |at| text[at].to_owned());
    let id = |id: Option<u64>| id.map_or("-".to_owned(), |id| id.to_string());
    let body = match packet.body {
        Body::Connect { auth } => format!("connect {}", part(auth, "{}")),
        Body::Disconnect => "disconnect".to_owned(),
        Body::Event { name, args, id: asks } => {
            let name = match name {
                Name::InPlace(at) => text[at].to_owned(),
                Name::Unescaped(name) => name,
            };
            format!("event {name} {} {}", id(asks), part(args, "[]"))
        }
        Body::Nothing => "nothing".to_owned(),
        Body::Ack { id: answers, args } => format!("ack {} {}", id(answers), part(args, "[]")),
        Body::ConnectError => "connect_error".to_owned(),
    };
    (part(packet.namespace, "/"), packet.attachments, body)
}

fn fault(text: &str) -> String {
    match read_text(text).1 {
        Err(fault) => fault.0.into_owned(),
        Ok(packet) => panic!("{text}: {packet:?}"),
    }
}

const P0: &str = "{\"_placeholder\":true,\"num\":0}";
const P1: &str = "{\"_placeholder\":true,\"num\":1}";

// §1
#[test]
fn every_type_of_packet_is_taken_apart() {
    for (text, namespace, body) in [
        ("0", "/", "connect {}"),
        ("0{\"token\":\"123\"}", "/", "connect {\"token\":\"123\"}"),
        ("0/custom,", "/custom", "connect {}"),
        ("0/custom", "/custom", "connect {}"),
        ("0/custom,{\"token\":\"abc\"}", "/custom", "connect {\"token\":\"abc\"}"),
        ("0/chat?a=1&b=2,{}", "/chat?a=1&b=2", "connect {}"),
        ("0/,{}", "/", "connect {}"),
        ("0/", "/", "connect {}"),
        ("1", "/", "disconnect"),
        ("1/custom,", "/custom", "disconnect"),
        ("1/custom", "/custom", "disconnect"),
        ("2[\"message\",1,\"2\",{\"3\":[true]}]", "/", "event message - [1,\"2\",{\"3\":[true]}]"),
        ("2/custom,[\"hi\"]", "/custom", "event hi - []"),
        ("2456[\"message-with-ack\",1]", "/", "event message-with-ack 456 [1]"),
        ("20[\"a\"]", "/", "event a 0 []"),
        ("2/custom,7[\"join\",{\"room\":\"a\"}]", "/custom", "event join 7 [{\"room\":\"a\"}]"),
        ("3456[1,\"2\"]", "/", "ack 456 [1,\"2\"]"),
        ("3/custom,7[\"ok\"]", "/custom", "ack 7 [\"ok\"]"),
        ("37[]", "/", "ack 7 []"),
    ] {
        assert_eq!(said(text), (namespace.to_owned(), 0, body.to_owned()), "{text}");
    }
}

// §1 and §1.2
#[test]
fn binary_packets_say_how_many_attachments_follow() {
    for (text, namespace, attachments, body) in [
        (format!("51-[\"message\",{P0}]"), "/", 1, format!("event message - [{P0}]")),
        (format!("52-/custom,9[\"m\",{P0},{P1}]"), "/custom", 2, format!("event m 9 [{P0},{P1}]")),
        (format!("61-15[\"bar\",{P0}]"), "/", 1, format!("ack 15 [\"bar\",{P0}]")),
        // Twice the same attachment, and one not at all.
        (format!("510-[\"m\",{P0},{P0}]"), "/", 10, format!("event m - [{P0},{P0}]")),
        // None: complete as it is.
        ("50-[\"m\",1]".to_owned(), "/", 0, "event m - [1]".to_owned()),
    ] {
        assert_eq!(said(&text), (namespace.to_owned(), attachments, body), "{text}");
    }
}

// §1.1, in its order.
#[test]
fn what_is_no_packet_is_an_error() {
    for (text, part) in [
        // 1
        ("", "unknown packet type"),
        ("abc", "unknown packet type"),
        ("7", "unknown packet type"),
        ("-1", "unknown packet type"),
        ("€", "unknown packet type"),
        // 2
        ("5[\"a\"]", "no number"),
        ("5-[\"a\"]", "no number"),
        ("51", "no number"),
        ("5a-[\"a\"]", "no number"),
        ("5+1-[\"a\"]", "no number"),
        ("5-1-[\"a\"]", "no number"),
        ("51.0-[\"a\"]", "no number"),
        ("5 1-[\"a\"]", "no number"),
        ("51€", "no number"),
        ("511-[\"a\"]", "more than 10"),
        ("699999999999999999999-[]", "more than 10"),
        // 4
        ("29007199254740992[\"a\"]", "too large"),
        ("299999999999999999999999[\"a\"]", "too large"),
        // 5
        ("2abc[\"message-with-ack\",1]", "payload"),
        ("2{}", "payload"),
        ("2-1[\"a\"]", "payload"),
        ("2[", "payload"),
        ("2[\"a\",]", "payload"),
        ("2[\"a\"]x", "payload"),
        ("2[\"a\"][\"b\"]", "payload"),
        ("2\"a\"", "payload"),
        ("2null", "payload"),
        ("2 ", "payload"),
        ("2[]", "has a name"),
        ("2[null]", "must be a string"),
        ("2[true]", "must be a string"),
        ("2[[\"a\"]]", "must be a string"),
        ("2[{}]", "must be a string"),
        ("2[\"\\ud800\"]", "must be a string"),
        ("2[\"a\\u0000\"]", "NUL"),
        ("2/custom", "no error"),
        ("0[]", "payload"),
        ("0null", "payload"),
        ("0\"x\"", "payload"),
        ("0{", "payload"),
        ("01[]", "payload"),
        ("1{}", "DISCONNECT"),
        ("1/custom,[]", "DISCONNECT"),
        ("37{}", "payload"),
        ("37\"x\"", "payload"),
        ("61-7{}", "payload"),
        ("51-", "without a payload"),
    ] {
        if part == "no error" {
            assert_eq!(said(text).2, "nothing", "{text}");
        } else {
            assert!(fault(text).contains(part), "{text}: {}", fault(text));
        }
    }
    assert!(read(&mut b"2[\"\xff\"]".to_vec(), &Limits::default()).is_err());
}

// §1.1, 5
#[test]
fn reserved_names_may_not_be_sent_and_others_are_plain() {
    for name in name::RESERVED {
        assert!(fault(&format!("2[\"{name}\"]")).contains("reserved"), "{name}");
        assert!(fault(&format!("51-[\"{name}\",{P0}]")).contains("reserved"), "{name}");
    }
    assert!(fault("2[\"conn\\u0065ct\"]").contains("reserved"));
    for name in ["__proto__", "constructor", "toString", "hasOwnProperty", "", "Connect", "message", "grüß"]
    {
        assert_eq!(said(&format!("2[\"{name}\",1]")).2, format!("event {name} - [1]"));
    }
    assert_eq!(said("2[\"a\\nb\",1]").2, "event a\nb - [1]");
    assert_eq!(said("0/__proto__,{\"__proto__\":{}}").2, "connect {\"__proto__\":{}}");
    assert_eq!(said("27[5,\"x\"]").2, "event 5 7 [\"x\"]");
    assert_eq!(said("2[-1.5]").2, "event -1.5 - []");
}

#[test]
fn names_ids_and_depth_have_limits() {
    let name = "x".repeat(255);
    assert_eq!(said(&format!("2[\"{name}\"]")).2, format!("event {name} - []"));
    assert!(fault(&format!("2[\"{name}x\"]")).contains("longer than 255"));
    assert!(fault(&format!("2[{}]", "1".repeat(256))).contains("must be a string"));
    assert_eq!(said("39007199254740991[]").2, "ack 9007199254740991 []");
    assert_eq!(said("2007[\"a\"]").2, "event a 7 []");
    let nested = |depth: usize| format!("2[\"a\",{}{}]", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(read_text(&nested(64)).1.is_ok());
    assert!(fault(&nested(65)).contains("deep"));
    assert!(fault(&format!("0{}1{}", "{\"a\":".repeat(65), "}".repeat(65))).contains("deep"));
    assert!(fault(&format!("37{}{}", "[".repeat(100_000), "]".repeat(100_000))).contains("deep"));
    assert!(fault(&format!("51-{}{}", "[".repeat(100_000), "]".repeat(100_000))).contains("deep"));
}

// §1.1, 6
#[test]
fn what_has_no_payload_is_taken_where_it_makes_sense() {
    assert_eq!(said("2").2, "nothing");
    assert_eq!(said("212").2, "nothing");
    assert_eq!(said("50-").2, "nothing");
    assert_eq!(said("37").2, "ack 7 []");
    assert_eq!(said("3").2, "ack - []");
    assert_eq!(said("3[1]").2, "ack - [1]");
}

#[test]
fn white_space_belongs_to_json() {
    assert_eq!(said("2 [ \"a\" , 1 , 2 ] ").2, "event a - [ 1 , 2 ]");
    assert_eq!(said("2[\n\"a\"\n]").2, "event a - []");
    assert_eq!(said("0 { } ").2, "connect { }");
    assert_eq!(said("37\t[1]\n").2, "ack 7 [1]");
}

#[test]
fn nothing_is_changed_in_what_is_not_an_event_with_arguments() {
    for text in ["0{\"a\":[1,2]}", "37[1,2]", "2[\"a\"]", "2[\"disconnect\",1]", "2[\"a\",1}"] {
        assert_eq!(read_text(text).0, text.as_bytes(), "{text}");
    }
}

// §1.2
#[test]
fn a_placeholder_that_numbers_no_attachment_is_an_error() {
    for text in [
        format!("51-[\"m\",{P1}]"),
        "51-[\"m\",{\"_placeholder\":true,\"num\":-1}]".to_owned(),
        "51-[\"m\",{\"_placeholder\":true,\"num\":\"0\"}]".to_owned(),
        "51-[\"m\",{\"_placeholder\":true,\"num\":0.5}]".to_owned(),
        "51-[\"m\",{\"a\":[{\"_placeholder\":true}]}]".to_owned(),
        format!("61-7[{P1}]"),
    ] {
        assert!(fault(&text).contains("placeholder"), "{text}");
    }
    // Without attachments it is data like any other.
    assert_eq!(said(&format!("2[\"m\",{P1}]")).2, format!("event m - [{P1}]"));
}

// §2
#[test]
fn a_connect_error_of_a_client_is_told_apart() {
    assert_eq!(said("4").2, "connect_error");
    assert_eq!(said("4/custom,{\"message\":\"x\"}"), ("/custom".to_owned(), 0, "connect_error".to_owned()));
}

// §8
#[test]
fn a_claim_is_a_pid_and_perhaps_an_offset_both_strings() {
    let of = |auth: &str| {
        let claim = claim(auth, &Limits::default())?;
        Some((claim.pid.into_owned(), claim.offset.map(Cow::into_owned)))
    };
    assert_eq!(of("{\"pid\":\"P\",\"offset\":\"O\",\"token\":1}"), Some(("P".into(), Some("O".into()))));
    assert_eq!(of("{\"pid\":\"P\"}"), Some(("P".into(), None)));
    assert_eq!(of("{\"p\\u0069d\":\"\\u0050\",\"offset\":7}"), Some(("P".into(), None)));
    for auth in ["{}", "{\"offset\":\"O\"}", "{\"pid\":1}", "{\"pid\":null,\"offset\":\"O\"}", "[]"] {
        assert_eq!(of(auth), None, "{auth}");
    }
}

fn begun(text: &str) -> Assembler {
    let (bytes, packet) = read_text(text);
    let mut assembler = Assembler::default();
    assembler.begin(packet.unwrap(), bytes);
    assembler
}

// §1.2
#[test]
fn the_last_attachment_completes_a_packet() {
    let mut assembler = begun(&format!("52-[\"m\",{P0},{P1}]"));
    let text = assembler.held();
    assert!(assembler.check_text().is_err());
    assert_eq!(assembler.take(vec![1, 2, 3], 1_000), Ok(None));
    assert_eq!(assembler.held(), text + 3);
    let whole = assembler.take(vec![], 1_000).unwrap().unwrap();
    assert_eq!(whole.attachments, [vec![1, 2, 3], vec![]]);
    assert_eq!(whole.text.len(), text);
    assert!(assembler.check_text().is_ok());
    assert_eq!((assembler.held(), assembler.check_text()), (0, Ok(())));
}

// §1.2
#[test]
fn what_comes_out_of_turn_is_an_error() {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.check_text(), Ok(()));
    assert!(assembler.take(vec![1], 1_000).unwrap_err().0.contains("no attachment is due"));
    let assembler = begun(&format!("51-[\"m\",{P0}]"));
    assert!(assembler.check_text().unwrap_err().0.contains("attachments are due"));
}

#[test]
fn a_packet_and_its_attachments_share_the_limit_of_a_message() {
    let mut assembler = begun(&format!("52-[\"m\",{P0},{P1}]"));
    let limit = assembler.held() as u32 + 5;
    assert_eq!(assembler.take(vec![0; 3], limit), Ok(None));
    assert!(assembler.take(vec![0; 3], limit).unwrap_err().0.contains("too large"));
    assert!(assembler.take(vec![0; 2], limit).unwrap().is_some());
}

fn soup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 18] = [
        "0", "1", "2", "3", "4", "5", "6", "-", "/", "/chat", ",", "[\"a\"", ",1", "]", "{}", P0, "[[]]", " ",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_packet_or_an_error(text in soup()) {
        let (bytes, read) = read_text(&text);
        if let Ok(packet) = read {
            let text = String::from_utf8(bytes).unwrap();
            let (args, is_event) = match packet.body {
                Body::Event { args, .. } => (args, true),
                Body::Ack { args, .. } => (args, false),
                _ => (None, false),
            };
            if let Some(args) = args {
                let elements = json::array(&text[args], 64);
                prop_assert!(elements.is_ok_and(|elements| !is_event || elements.count > 0));
            }
        }
    }

    #[test]
    fn what_was_put_together_is_taken_apart_again(
        nsp in "(/[a-z0-9?=.\u{e4}-]{1,10})?",
        id in prop::option::of(0..=MAX_SAFE_INTEGER),
        name in "[a-zA-Z0-9_ $\u{20ac}-]{0,20}x",
        args in prop::collection::vec(prop::sample::select(&["1", "\"x,[\"", "{\"a\":[1,2]}", "null", "[]"][..]), 0..4),
        space in "[ \n]{0,2}",
    ) {
        let number = id.map_or(String::new(), |id| id.to_string());
        let comma = if nsp.is_empty() { "" } else { "," };
        let mut values = vec![format!("\"{name}\"")];
        values.extend(args.iter().map(|&arg| arg.to_owned()));
        let array = values.join(&format!("{space},{space}"));
        let text = format!("2{nsp}{comma}{number}[{space}{array}{space}]");
        let asked = id.map_or("-".to_owned(), |id| id.to_string());
        let (namespace, attachments, body) = said(&text);
        let expected_nsp = if nsp.is_empty() { "/" } else { &nsp };
        prop_assert_eq!((namespace.as_str(), attachments), (expected_nsp, 0));
        let start = format!("event {name} {asked} ");
        prop_assert!(body.starts_with(&start), "{}", body);
        let found: Vec<serde_json::Value> = serde_json::from_str(&body[start.len()..]).unwrap();
        let given: Vec<serde_json::Value> = args.iter().map(|arg| serde_json::from_str(arg).unwrap()).collect();
        prop_assert_eq!(found, given);
    }
}
