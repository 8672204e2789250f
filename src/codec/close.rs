//! Close codes and the bodies of close frames, RFC 6455 §5.5.1 and §7.4, with
//! the codes that were registered since. Uses the text check and nothing else.

use super::utf8;

/// Why a connection must be failed (RFC 6455 §7.1.7): what goes into the close
/// frame, and with it into the disconnect reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

/// Codes by their names in RFC 6455 §7.4.1 and the IANA registry.
pub(crate) mod code {
    pub(crate) const GOING_AWAY: u16 = 1001;
    pub(crate) const PROTOCOL_ERROR: u16 = 1002;
    /// Never on the wire: what an empty close frame counts as.
    pub(crate) const NO_STATUS: u16 = 1005;
    /// Never on the wire: what an end without a close frame counts as.
    pub(crate) const ABNORMAL: u16 = 1006;
    pub(crate) const INVALID_TEXT: u16 = 1007;
    pub(crate) const POLICY_VIOLATION: u16 = 1008;
    pub(crate) const MESSAGE_TOO_BIG: u16 = 1009;
    /// A client misses an extension; servers have no use for it.
    pub(crate) const MANDATORY_EXTENSION: u16 = 1010;
    pub(crate) const INTERNAL_ERROR: u16 = 1011;
    pub(crate) const TRY_AGAIN_LATER: u16 = 1013;
}

/// Whether a client may put the code into a close frame.
pub(crate) fn may_receive(code: u16) -> bool {
    // §7.4.1: 1004 is reserved; 1005, 1006 and 1015 are for reports, never for
    // the wire. §7.4.2: below 1000 and from 5000 nothing is defined, 1016–2999
    // wait for a later version, 3000–4999 belong to libraries and applications.
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Whether a host may close a connection with the code.
pub(crate) fn may_send(code: u16) -> bool {
    // §7.4.1: only clients miss an extension.
    may_receive(code) && code != code::MANDATORY_EXTENSION
}

/// Reads the body of a close frame: the code, if there is one, and the reason.
pub(crate) fn parse(body: &[u8]) -> Result<(Option<u16>, &str), Failure> {
    let protocol_error = |reason| Failure { code: code::PROTOCOL_ERROR, reason };
    match body {
        [] => Ok((None, "")),
        // §5.5.1: a body begins with two bytes of code.
        [_] => Err(protocol_error("close frame with half a code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // §7.4
            if !may_receive(code) {
                return Err(protocol_error("close code that is not allowed"));
            }
            // §5.5.1 and §8.1: the reason is UTF-8.
            match utf8::text(reason) {
                Some(reason) => Ok((Some(code), reason)),
                None => Err(utf8::FAILURE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(body: &[u8]) -> u16 {
        parse(body).expect_err("must fail").code
    }

    // 6.1
    #[test]
    fn a_body_is_empty_or_a_code_and_a_reason() {
        assert_eq!(parse(&[]), Ok((None, "")));
        assert_eq!(failed(&[3]), code::PROTOCOL_ERROR);
        assert_eq!(parse(&[0x03, 0xe8]), Ok((Some(1000), "")));
        assert_eq!(parse(b"\x0f\xa0bye \xe2\x9c\x8b"), Ok((Some(4000), "bye ✋")));
        let longest = [&[0x03, 0xe8][..], &[b'x'; 123]].concat();
        assert_eq!(parse(&longest).map(|(_, reason)| reason.len()), Ok(123));
    }

    // 6.2
    #[test]
    fn codes_that_may_not_be_on_the_wire_are_protocol_errors() {
        let allowed = |code: u16| {
            (1000..=1003).contains(&code) || (1007..=1014).contains(&code) || (3000..=4999).contains(&code)
        };
        for code in 0..=u16::MAX {
            assert_eq!(may_receive(code), allowed(code), "{code}");
            match parse(&code.to_be_bytes()) {
                Ok(body) => assert_eq!((body, allowed(code)), ((Some(code), ""), true)),
                Err(failure) => assert_eq!((failure.code, allowed(code)), (code::PROTOCOL_ERROR, false)),
            }
        }
    }

    // 6.3
    #[test]
    fn a_host_may_send_what_it_may_receive_except_the_clients_own_code() {
        assert!(may_receive(1010) && !may_send(1010));
        for code in [1000, 1001, 1003, 1008, 1011, 1012, 1013, 1014, 3000, 4999] {
            assert!(may_send(code), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert!(!may_send(code), "{code}");
        }
    }

    // 5 and 6.1: the reason is text as well.
    #[test]
    fn a_reason_that_is_not_utf8_fails_as_text_does() {
        assert_eq!(failed(b"\x03\xe8\xff"), code::INVALID_TEXT);
        assert_eq!(failed(b"\x03\xe8caf\xc3"), code::INVALID_TEXT);
        // A bad code comes first on the wire, so it is what is reported.
        assert_eq!(failed(b"\x03\xed\xff"), code::PROTOCOL_ERROR);
    }
}
