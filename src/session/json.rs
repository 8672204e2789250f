//! The JSON dialect, for plain WebSockets: text messages are objects
//! `{"event":name,"data":value}`; `args` stands for none or several arguments,
//! `id` asks for an ack, `{"ack":id,…}` is the ack, and `attachments` holds
//! bytes in base64.

use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Data, MAX_SAFE_INTEGER, Outgoing, put_base64, put_number, put_string};
pub(crate) use crate::base::name::Name;
use crate::base::{
    json::{self, JsonFault},
    limit::{Limit, Malformed},
    limits::Limits,
    name, placeholder,
};

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) what: What,
    /// Where the array of arguments stands; `None` is none.
    pub(crate) args: Option<Range<usize>>,
    pub(crate) attachments: Vec<Vec<u8>>,
}

/// What kind of message it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// An event; `id` asks for an ack.
    Event { name: Name, id: Option<u64> },
    /// The answer to the host's question `id`.
    Ack { id: u64 },
}

/// The members of a message, where they stand.
#[derive(Default)]
struct Members {
    event: Option<Range<usize>>,
    data: Option<Range<usize>>,
    args: Option<Range<usize>>,
    id: Option<Range<usize>>,
    ack: Option<Range<usize>>,
    attachments: Option<Range<usize>>,
}

/// Reads one text message in place: a single argument gets the brackets that
/// make it an array written around it, over the bytes that stood there.
///
/// # Errors
///
/// A sentence for the client, if the message can't be taken.
pub(crate) fn read(bytes: &mut [u8], limits: &Limits) -> Result<Incoming, Malformed> {
    let text = crate::codec::utf8::text(bytes).ok_or("the message is not UTF-8")?;
    let mut members = Members::default();
    json::object(text, limits.json_depth, |key, at| {
        let member = match key {
            "event" => &mut members.event,
            "data" => &mut members.data,
            "args" => &mut members.args,
            "id" => &mut members.id,
            "ack" => &mut members.ack,
            "attachments" => &mut members.attachments,
            _ => return,
        };
        *member = Some(at);
    })
    .map_err(|fault| {
        let why = match &fault {
            JsonFault::Syntax(text) => format!("the message is not a JSON object: {text}"),
            JsonFault::TooDeep => format!("the message: {fault}"),
        };
        Malformed::json(&fault, why)
    })?;
    let part = |at: &Range<usize>| text.get(at.clone()).unwrap_or_default();

    let number = |at: &Range<usize>, what: &'static str| -> Result<u64, Malformed> {
        let number = part(at).parse::<u64>().ok().filter(|&number| number <= MAX_SAFE_INTEGER);
        number.ok_or_else(|| format!("\"{what}\" must be an integer from 0 to {MAX_SAFE_INTEGER}").into())
    };
    let id = members.id.as_ref().map(|at| number(at, "id")).transpose()?;
    let ack = members.ack.as_ref().map(|at| number(at, "ack")).transpose()?;
    let attachments = match &members.attachments {
        Some(at) => read_attachments(part(at), limits)?,
        None => Vec::new(),
    };
    if let Some(at) = &members.args
        && !part(at).starts_with('[')
    {
        return Err("\"args\" must be an array; a single value goes into \"data\"".into());
    }
    if members.args.is_some() && members.data.is_some() {
        return Err("\"data\" and \"args\" can't both be given".into());
    }

    let name = match (&members.event, ack) {
        (Some(_), Some(_)) => return Err("\"event\" and \"ack\" can't both be given".into()),
        (None, None) => return Err("the message has neither \"event\" nor \"ack\"".into()),
        (Some(at), None) => Some(name::read(text.get(at.clone()).unwrap_or_default(), at, limits)?),
        (None, Some(_)) => None,
    };
    if let Some(at) = members.args.as_ref().or(members.data.as_ref())
        && !attachments.is_empty()
        && !placeholder::all_within(part(at), attachments.len())
    {
        return Err("a placeholder's \"num\" is not the number of an attachment".into());
    }
    let args = match (members.args, members.data) {
        (Some(args), _) => Some(args),
        (None, Some(data)) => bracket(bytes, data),
        (None, None) => None,
    };
    let what = match name {
        Some(name) => What::Event { name, id },
        None => What::Ack { id: ack.unwrap_or_default() },
    };
    Ok(Incoming { what, args, attachments })
}

fn read_attachments(list: &str, limits: &Limits) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut attachments = Vec::new();
    let (mut fault, mut count) = (None, 0);
    let read = json::each(list, |at| {
        count += 1;
        if fault.is_some() || count > limits.attachments {
            return;
        }
        let text = list.get(at).and_then(json::unescape);
        match text.and_then(|text| STANDARD.decode(&*text).ok()) {
            Some(bytes) => attachments.push(bytes),
            None => fault = Some("an attachment is not a string of base64"),
        }
    });
    if read.is_err() {
        return Err("\"attachments\" must be an array of strings".into());
    }
    if count > limits.attachments {
        let why = format!("the event has more than {} attachments", limits.attachments);
        return Err(Malformed::over(Limit::Attachments, why));
    }
    fault.map_or(Ok(attachments), |fault| Err(fault.into()))
}

/// Makes the value at `at`, a member of an object, an array of one: the byte
/// before it (a colon or white space) and the byte behind it (a comma, a brace
/// or white space) have been read and are free.
fn bracket(bytes: &mut [u8], at: Range<usize>) -> Option<Range<usize>> {
    let whole = at.start.checked_sub(1)?..at.end + 1;
    let [open, .., close] = bytes.get_mut(whole.clone())? else { return None };
    (*open, *close) = (b'[', b']');
    Some(whole)
}

/// Writes one message for a client.
pub(crate) fn write(out: &mut Vec<u8>, outgoing: &Outgoing<'_>) {
    let payload = match outgoing {
        Outgoing::Data(data) => return write_data(out, **data),
        Outgoing::Event { name, payload, .. } => {
            out.extend_from_slice(b"{\"event\":");
            put_string(out, name);
            payload
        }
        Outgoing::Ack { id, payload } => {
            out.extend_from_slice(b"{\"ack\":");
            put_number(out, *id);
            payload
        }
    };
    let event = matches!(outgoing, Outgoing::Event { .. });
    match payload.elements.count {
        1 => {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(
                payload.args.get(payload.elements.first.clone()).unwrap_or_default().as_bytes(),
            );
        }
        0 if !event => {}
        _ => {
            out.extend_from_slice(b",\"args\":");
            out.extend_from_slice(payload.args.trim_ascii().as_bytes());
        }
    }
    if let Outgoing::Event { id: Some(id), .. } = outgoing {
        out.extend_from_slice(b",\"id\":");
        put_number(out, *id);
    }
    write_attachments(out, payload.attachments);
    out.extend_from_slice(b"}");
}

fn write_data(out: &mut Vec<u8>, data: Data<'_>) {
    out.extend_from_slice(b"{\"event\":\"message\",\"data\":");
    match data {
        Data::Text(text) => put_string(out, text),
        Data::Binary(bytes) => {
            out.extend_from_slice(b"{\"_placeholder\":true,\"num\":0}");
            write_attachments(out, &[bytes]);
        }
    }
    out.extend_from_slice(b"}");
}

fn write_attachments(out: &mut Vec<u8>, attachments: &[&[u8]]) {
    if attachments.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"attachments\":[");
    for (number, attachment) in attachments.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"\"" } else { b",\"" });
        put_base64(out, attachment);
        out.extend_from_slice(b"\"");
    }
    out.extend_from_slice(b"]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::json::array, session::Measured};

    fn taken(text: &str) -> Result<(String, String, Option<u64>), String> {
        let mut bytes = text.as_bytes().to_vec();
        let incoming = read(&mut bytes, &Limits::default()).map_err(|fault| fault.0.into_owned())?;
        let text = String::from_utf8(bytes).unwrap();
        let args = incoming.args.map_or("[]".into(), |at| text[at].to_owned());
        Ok(match incoming.what {
            What::Event { name: Name::InPlace(at), id } => (text[at].to_owned(), args, id),
            What::Event { name: Name::Unescaped(name), id } => (name, args, id),
            What::Ack { id } => ("ack".into(), args, Some(id)),
        })
    }

    #[test]
    fn an_events_data_and_args_come_out_as_an_array() {
        let some = |name: &str, args: &str, id| Ok((name.to_owned(), args.to_owned(), id));
        assert_eq!(taken(r#"{"event":"say","data":"hi"}"#), some("say", r#"["hi"]"#, None));
        assert_eq!(taken(r#"{"data":{"a":1},"event":"say"}"#), some("say", r#"[{"a":1}]"#, None));
        assert_eq!(taken(r#"{"event":"say" , "data" : 1 , "id":7}"#), some("say", "[1]", Some(7)));
        assert_eq!(taken(r#"{"event":"say","args":[1,"2"]}"#), some("say", r#"[1,"2"]"#, None));
        assert_eq!(taken(r#"{"event":"s\u0061y"}"#), some("say", "[]", None));
        assert_eq!(taken(r#"{"ack":0,"data":[]}"#), some("ack", "[[]]", Some(0)));
        assert_eq!(taken(r#"{"ack":9007199254740991}"#), some("ack", "[]", Some(MAX_SAFE_INTEGER)));
        assert_eq!(
            taken(r#"{"__proto__":1,"event":"constructor","data":null}"#),
            some("constructor", "[null]", None)
        );
    }

    #[test]
    fn without_attachments_a_placeholder_is_data() {
        for attachments in ["", r#","attachments":[]"#] {
            let text = format!(r#"{{"event":"a","data":{{"_placeholder":true,"num":7}}{attachments}}}"#);
            assert!(taken(&text).is_ok(), "{text}");
        }
        let text = r#"{"event":"a","data":{"_placeholder":true,"num":0},"attachments":["AQ=="]}"#;
        assert!(taken(text).is_ok());
    }

    #[test]
    fn what_cant_be_taken_is_told_in_a_sentence() {
        for (text, part) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{}", "neither"),
            (r#"{"event":1}"#, "must be a string"),
            (r#"{"event":"a","ack":1}"#, "both"),
            (r#"{"event":"a","data":1,"args":[]}"#, "both"),
            (r#"{"event":"a","args":1}"#, "must be an array"),
            (r#"{"event":"a","id":-1}"#, "integer"),
            (r#"{"event":"a","id":1.0}"#, "integer"),
            (r#"{"event":"a","id":9007199254740992}"#, "integer"),
            (r#"{"event":"disconnect"}"#, "reserved"),
            (r#"{"event":"a\u0000"}"#, "NUL"),
            (r#"{"event":"a","attachments":["?"]}"#, "base64"),
            (r#"{"event":"a","attachments":[1]}"#, "base64"),
            (r#"{"event":"a","attachments":{}}"#, "array of strings"),
            (
                r#"{"event":"a","data":{"_placeholder":true,"num":1},"attachments":["AQ=="]}"#,
                "not the number of an attachment",
            ),
            (
                r#"{"ack":1,"args":[{"_placeholder":true,"num":-1}],"attachments":["AQ=="]}"#,
                "not the number of an attachment",
            ),
            (&format!(r#"{{"event":"{}"}}"#, "x".repeat(256)), "longer"),
            (&format!(r#"{{"event":"a","data":{}{}}}"#, "[".repeat(64), "]".repeat(64)), "deep"),
        ] {
            let fault = taken(text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }

    #[test]
    fn what_the_host_says_is_written() {
        let written = |outgoing: Outgoing<'_>| {
            let mut out = Vec::new();
            write(&mut out, &outgoing);
            String::from_utf8(out).unwrap()
        };
        let event = |args: &str, id, attachments: &[&[u8]]| {
            let elements = array(args, 64).unwrap();
            written(Outgoing::Event {
                name: "a\"b",
                payload: Measured { args, elements: &elements, attachments },
                id,
            })
        };
        assert_eq!(event("[ 1 ]", None, &[]), r#"{"event":"a\"b","data":1}"#);
        assert_eq!(event("[]", None, &[]), r#"{"event":"a\"b","args":[]}"#);
        assert_eq!(event(" [1,2] ", Some(7), &[]), r#"{"event":"a\"b","args":[1,2],"id":7}"#);
        assert_eq!(
            event("[1]", None, &[b"\x01\x02\x03", b""]),
            r#"{"event":"a\"b","data":1,"attachments":["AQID",""]}"#
        );
        let elements = array("[]", 64).unwrap();
        let payload = Measured { args: "[]", elements: &elements, attachments: &[] };
        assert_eq!(written(Outgoing::Ack { id: 18, payload }), r#"{"ack":18}"#);
        assert_eq!(written(Outgoing::Data(&Data::Text("a\"b"))), r#"{"event":"message","data":"a\"b"}"#);
        assert_eq!(
            written(Outgoing::Data(&Data::Binary(b"\x01"))),
            r#"{"event":"message","data":{"_placeholder":true,"num":0},"attachments":["AQ=="]}"#
        );
    }
}
