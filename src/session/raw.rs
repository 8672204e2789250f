//! The raw dialect: text and binary messages go through as they are. An event
//! becomes the text `["name",args…]`, followed by its attachments as binary
//! messages.

use super::{Data, Outgoing, Sink, put_string};

/// Writes the message itself; its [`attachments`] follow as messages of their own.
pub(crate) fn write(sink: &mut impl Sink, outgoing: &Outgoing<'_>) {
    match outgoing {
        Outgoing::Data(data) => sink.put(data.as_bytes()),
        Outgoing::Event { name, payload, .. } => {
            sink.put(b"[");
            put_string(sink, name);
            let inner = payload.args.trim_ascii().as_bytes();
            match payload.elements.count {
                0 => sink.put(b"]"),
                // The array's own opening bracket gives way to a comma.
                _ => {
                    sink.put(b",");
                    sink.put(inner.get(1..).unwrap_or_default());
                }
            }
        }
        Outgoing::Ack { payload, .. } => sink.put(payload.args.as_bytes()),
    }
}

/// Whether the message itself is text.
pub(crate) fn is_text(outgoing: &Outgoing<'_>) -> bool {
    !matches!(outgoing, Outgoing::Data(Data::Binary(_)))
}

/// The binary messages that follow.
pub(crate) fn attachments<'a>(outgoing: &Outgoing<'a>) -> &'a [&'a [u8]] {
    match outgoing {
        Outgoing::Event { payload, .. } | Outgoing::Ack { payload, .. } => payload.attachments,
        Outgoing::Data(_) => &[],
    }
}
