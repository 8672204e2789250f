//! Socket.IO, as the server writes it: packets as the text of one WebSocket
//! message, so with Engine.IO's `4` in front (§1 of the protocol document),
//! and which binary messages follow. Reading is `codec::socketio`.

use super::{Data, Outgoing, put_number, put_string};

const CONNECT: u8 = b'0';
const DISCONNECT: u8 = b'1';
const EVENT: u8 = b'2';
const ACK: u8 = b'3';
const CONNECT_ERROR: u8 = b'4';
/// From a kind of packet to the one with attachments.
const BINARY: u8 = 3;

/// Writes the text of an event or an ack for a client in the namespace `nsp`.
/// The `offset` by which a client says what it got last becomes an event's
/// last argument (§8); acks have none.
pub(crate) fn write(out: &mut Vec<u8>, nsp: &str, outgoing: &Outgoing<'_>, offset: Option<&str>) {
    let attachments = attachments(outgoing).len();
    let (kind, id) = match outgoing {
        Outgoing::Event { id, .. } => (EVENT, *id),
        Outgoing::Ack { id, .. } => (ACK, Some(*id)),
        Outgoing::Data(_) => (EVENT, None),
    };
    put_head(out, if attachments > 0 { kind + BINARY } else { kind }, attachments, nsp);
    if let Some(id) = id {
        put_number(out, id);
    }
    out.extend_from_slice(b"[");
    match outgoing {
        Outgoing::Event { name, payload, .. } => {
            put_string(out, name);
            if payload.elements.count > 0 {
                out.extend_from_slice(b",");
                out.extend_from_slice(elements(payload.args));
            }
        }
        Outgoing::Ack { payload, .. } => out.extend_from_slice(elements(payload.args)),
        Outgoing::Data(Data::Text(text)) => {
            out.extend_from_slice(b"\"message\",");
            put_string(out, text);
        }
        Outgoing::Data(Data::Binary(_)) => {
            out.extend_from_slice(b"\"message\",{\"_placeholder\":true,\"num\":0}");
        }
    }
    if let (EVENT, Some(offset)) = (kind, offset) {
        out.extend_from_slice(b",");
        put_string(out, offset);
    }
    out.extend_from_slice(b"]");
}

/// The binary messages that follow the text, directly and in this order (§1.2).
pub(crate) fn attachments<'a>(outgoing: &'a Outgoing<'_>) -> &'a [&'a [u8]] {
    match outgoing {
        Outgoing::Event { payload, .. } | Outgoing::Ack { payload, .. } => payload.attachments,
        Outgoing::Data(Data::Binary(bytes)) => std::slice::from_ref(bytes),
        Outgoing::Data(Data::Text(_)) => &[],
    }
}

/// Writes the server's yes (§2). `pid` only where connection state is
/// recovered (§8). Both ids are of letters that JSON need not escape.
pub(crate) fn write_connect(out: &mut Vec<u8>, nsp: &str, sid: &str, pid: Option<&str>) {
    put_head(out, CONNECT, 0, nsp);
    out.extend_from_slice(b"{\"sid\":");
    put_string(out, sid);
    if let Some(pid) = pid {
        out.extend_from_slice(b",\"pid\":");
        put_string(out, pid);
    }
    out.extend_from_slice(b"}");
}

/// Writes the server's no (§2); `data`, if there is any, is JSON.
pub(crate) fn write_connect_error(out: &mut Vec<u8>, nsp: &str, message: &str, data: Option<&str>) {
    put_head(out, CONNECT_ERROR, 0, nsp);
    out.extend_from_slice(b"{\"message\":");
    put_string(out, message);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.as_bytes());
    }
    out.extend_from_slice(b"}");
}

/// Writes that a client is no longer in a namespace (§5).
pub(crate) fn write_disconnect(out: &mut Vec<u8>, nsp: &str) {
    put_head(out, DISCONNECT, 0, nsp);
}

/// What stands before the id (§1).
fn put_head(out: &mut Vec<u8>, kind: u8, attachments: usize, nsp: &str) {
    out.extend_from_slice(&[b'4', kind]);
    if attachments > 0 {
        put_number(out, attachments as u64);
        out.extend_from_slice(b"-");
    }
    if nsp != "/" {
        out.extend_from_slice(nsp.as_bytes());
        out.extend_from_slice(b",");
    }
}

/// What stands between an array's brackets.
fn elements(array: &str) -> &[u8] {
    let array = array.trim_ascii();
    array.get(1..array.len().saturating_sub(1)).unwrap_or_default().trim_ascii().as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        base::{json::array, limits::Limits, name::Name},
        codec::socketio::{Body, read},
        session::{MAX_SAFE_INTEGER, Measured},
    };

    /// What is written.
    macro_rules! written {
        ($write:ident, $($argument:expr),*) => {{
            let mut out = Vec::new();
            $write(&mut out, $($argument),*);
            String::from_utf8(out).unwrap()
        }};
    }

    fn event(nsp: &str, args: &str, id: Option<u64>, attachments: &[&[u8]], offset: Option<&str>) -> String {
        let elements = array(args, 64).unwrap();
        let payload = Measured { args, elements: &elements, attachments };
        let outgoing = Outgoing::Event { name: "a\"b", payload, id };
        assert_eq!(super::attachments(&outgoing), attachments);
        written!(write, nsp, &outgoing, offset)
    }

    fn ack(nsp: &str, args: &str, attachments: &[&[u8]], offset: Option<&str>) -> String {
        let elements = array(args, 64).unwrap();
        let payload = Measured { args, elements: &elements, attachments };
        written!(write, nsp, &Outgoing::Ack { id: 456, payload }, offset)
    }

    // §1 and §3
    #[test]
    fn events_are_written_with_namespace_and_id() {
        assert_eq!(event("/", "[]", None, &[], None), r#"42["a\"b"]"#);
        assert_eq!(event("/", " [ ] ", None, &[], None), r#"42["a\"b"]"#);
        assert_eq!(
            event("/", r#"[1,"2",{"3":[true]}]"#, None, &[], None),
            r#"42["a\"b",1,"2",{"3":[true]}]"#
        );
        assert_eq!(event("/chat", " [1] ", Some(0), &[], None), r#"42/chat,0["a\"b",1]"#);
    }

    // §1.2
    #[test]
    fn events_with_attachments_say_how_many() {
        let args = r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        let inner = &args[1..];
        assert_eq!(event("/", args, None, &[b"\x01", b""], None), format!(r#"452-["a\"b",{inner}"#));
        assert_eq!(event("/c", args, Some(9), &[b"\x01", b""], None), format!(r#"452-/c,9["a\"b",{inner}"#));
        assert_eq!(ack("/", args, &[b"\x01", b""], None), format!("462-456{args}"));
    }

    // §4
    #[test]
    fn acks_carry_the_id_of_their_question() {
        assert_eq!(ack("/", "[]", &[], None), "43456[]");
        assert_eq!(ack("/chat", r#"[1,"2"]"#, &[], Some("o")), r#"43/chat,456[1,"2"]"#);
    }

    // §8
    #[test]
    fn an_offset_is_the_last_argument_of_an_event() {
        assert_eq!(event("/", "[]", None, &[], Some("PfW3aBc.1")), r#"42["a\"b","PfW3aBc.1"]"#);
        assert_eq!(event("/", "[1, 2 ]", None, &[], Some("o")), r#"42["a\"b",1, 2,"o"]"#);
        assert_eq!(event("/", "[0]", None, &[b""], Some("o")), r#"451-["a\"b",0,"o"]"#);
    }

    #[test]
    fn data_is_an_event_message() {
        let text = Outgoing::Data(&Data::Text("a\n€"));
        assert_eq!(written!(write, "/", &text, None), "42[\"message\",\"a\\n€\"]");
        assert_eq!(written!(write, "/", &text, Some("o")), "42[\"message\",\"a\\n€\",\"o\"]");
        assert!(attachments(&text).is_empty());
        let bytes = Outgoing::Data(&Data::Binary(b"\x01\x02"));
        assert_eq!(
            written!(write, "/chat", &bytes, None),
            r#"451-/chat,["message",{"_placeholder":true,"num":0}]"#
        );
        assert_eq!(attachments(&bytes), [b"\x01\x02"]);
    }

    // §2 and §5
    #[test]
    fn the_answers_to_a_connect_and_the_end() {
        assert_eq!(written!(write_connect, "/", "S", None), r#"40{"sid":"S"}"#);
        assert_eq!(written!(write_connect, "/custom", "S", Some("P")), r#"40/custom,{"sid":"S","pid":"P"}"#);
        assert_eq!(
            written!(write_connect_error, "/random", "Invalid namespace", None),
            r#"44/random,{"message":"Invalid namespace"}"#
        );
        assert_eq!(
            written!(write_connect_error, "/", "\"no\"", Some(r#"{"a":1}"#)),
            r#"44{"message":"\"no\"","data":{"a":1}}"#
        );
        assert_eq!(written!(write_disconnect, "/"), "41");
        assert_eq!(written!(write_disconnect, "/custom"), "41/custom,");
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(
            name in "[a-z\"\\\\\n\u{20ac}]{0,10}x",
            nsp in "/[a-z]{0,8}",
            id in prop::option::of(0..=MAX_SAFE_INTEGER),
            args in prop::collection::vec(prop::sample::select(&["1", "\",]\"", "{\"a\":[]}"][..]), 0..4),
        ) {
            let args = format!("[{}]", args.join(","));
            let elements = array(&args, 64).unwrap();
            let payload = Measured { args: &args, elements: &elements, attachments: &[] };
            let text = written!(write, &nsp, &Outgoing::Event { name: &name, payload, id }, None);
            let mut message = text.as_bytes()[1..].to_vec();
            let packet = read(&mut message, &Limits::default()).unwrap();
            let text = String::from_utf8(message).unwrap();
            prop_assert_eq!(packet.namespace.map_or("/", |at| &text[at]), nsp);
            let Body::Event { name: found, args: found_args, id: found_id } = packet.body else { panic!("{text}") };
            let found = match found {
                Name::InPlace(at) => text[at].to_owned(),
                Name::Unescaped(name) => name,
            };
            prop_assert_eq!((found, found_id), (name, id));
            prop_assert_eq!(found_args.map_or("[]", |at| &text[at]), args);
        }
    }
}
