//! The raw dialect: text and binary messages go through as they are. An event
//! becomes the text `["name",args…]`, followed by its attachments as binary
//! messages.

use super::{Data, Outgoing, put_string};

/// Writes the message itself; its [`attachments`] follow as messages of their own.
pub(crate) fn write(out: &mut Vec<u8>, outgoing: &Outgoing<'_>) {
    match outgoing {
        Outgoing::Data(data) => out.extend_from_slice(data.as_bytes()),
        Outgoing::Event { name, payload, .. } => {
            out.extend_from_slice(b"[");
            put_string(out, name);
            let inner = payload.args.trim_ascii().as_bytes();
            match payload.elements.count {
                0 => out.extend_from_slice(b"]"),
                // The array's own opening bracket gives way to a comma.
                _ => {
                    out.extend_from_slice(b",");
                    out.extend_from_slice(inner.get(1..).unwrap_or_default());
                }
            }
        }
        Outgoing::Ack { payload, .. } => out.extend_from_slice(payload.args.as_bytes()),
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
