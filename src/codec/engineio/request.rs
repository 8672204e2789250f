//! The query of an Engine.IO request, and the checks that each request passes
//! before anything else happens (§3 and §3.1).

use std::borrow::Cow;

use crate::codec::http::Request;

/// The parameters that Engine.IO reads (§3); the last of a name counts. `sid`
/// and `b64` count as left out when they are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    pub(crate) transport: Option<Cow<'a, str>>,
    /// `EIO`
    pub(crate) revision: Option<Cow<'a, str>>,
    pub(crate) sid: Option<Cow<'a, str>>,
    /// The client wants bytes as `b` and base64, also on a WebSocket.
    pub(crate) wants_base64: bool,
}

impl<'a> Query<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        let mut query = Self::default();
        for (name, value) in request.query_pairs() {
            match &*name {
                "transport" => query.transport = Some(value),
                "EIO" => query.revision = Some(value),
                "sid" => query.sid = Some(value).filter(|sid| !sid.is_empty()),
                "b64" => query.wants_base64 = !value.is_empty(),
                _ => {}
            }
        }
        query
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Polling,
    WebSocket,
}

/// The session that a request's `sid` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// There is no `sid`.
    Unnamed,
    /// No such session, or it has ended.
    Unknown,
    /// It is on this transport; on polling until an upgrade is done.
    On(Transport),
}

/// What the checks look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) query: &'a Query<'a>,
    pub(crate) session: Session,
    pub(crate) method: &'a str,
    /// The request is a WebSocket handshake.
    pub(crate) is_upgrade: bool,
    /// The `Origin`, if there is one, is not a list of allowed ones, or the
    /// host refuses a session.
    pub(crate) is_forbidden: bool,
    /// The transports that are switched on.
    pub(crate) polling: bool,
    pub(crate) websocket: bool,
}

/// What a request is for, once it has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A new session on this transport.
    Open(Transport),
    /// Wants what its session has for it.
    Poll,
    /// Brings a payload to its session.
    Post,
    /// A WebSocket that its session may move to. Whether one is probing
    /// already, or the session has moved, is for the session to say.
    Probe,
}

/// Why a request is refused; the number is the protocol's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    TransportUnknown = 0,
    SessionUnknown = 1,
    BadHandshakeMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
    UnsupportedRevision = 5,
}

impl Refusal {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn status(self) -> u16 {
        if self == Self::Forbidden { 403 } else { 400 }
    }

    /// The text that is fixed for the code: all of the answer to a WebSocket handshake.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::SessionUnknown => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedRevision => "Unsupported protocol version",
        }
    }

    /// The body of the answer to a plain request, which is JSON.
    pub(crate) fn body(self) -> String {
        format!("{{\"code\":{},\"message\":\"{}\"}}", self.code(), self.message())
    }
}

/// The checks of §3.1 in their order; the first that fails gives the answer.
pub(crate) fn check(asked: &Asked<'_>) -> Result<Kind, Refusal> {
    // 1
    let transport = match asked.query.transport.as_deref() {
        Some("polling") if asked.polling => Transport::Polling,
        Some("websocket") if asked.websocket => Transport::WebSocket,
        _ => return Err(Refusal::TransportUnknown),
    };
    // 2, an Origin of odd bytes, is the reader of heads' business.
    match asked.session {
        Session::Unnamed => check_opening(asked, transport),
        // 3
        Session::Unknown => Err(Refusal::SessionUnknown),
        // An Origin that may not be here is refused on every request, not only
        // on the first.
        Session::On(_) if asked.is_forbidden => Err(Refusal::Forbidden),
        // 4
        Session::On(current) if !asked.is_upgrade && current != transport => Err(Refusal::BadRequest),
        Session::On(_) => match (transport, asked.is_upgrade, asked.method) {
            (Transport::WebSocket, true, _) => Ok(Kind::Probe),
            (Transport::Polling, false, "GET") => Ok(Kind::Poll),
            (Transport::Polling, false, "POST") => Ok(Kind::Post),
            // §3.2: other methods are an error. So is a handshake that asks
            // for polling, and a plain request to a session on a WebSocket.
            _ => Err(Refusal::BadRequest),
        },
    }
}

fn check_opening(asked: &Asked<'_>, transport: Transport) -> Result<Kind, Refusal> {
    // 5
    if asked.method != "GET" {
        return Err(Refusal::BadHandshakeMethod);
    }
    // 6, and a WebSocket handshake that asks for polling.
    if asked.is_upgrade != (transport == Transport::WebSocket) {
        return Err(Refusal::BadRequest);
    }
    // 7
    if asked.is_forbidden {
        return Err(Refusal::Forbidden);
    }
    // 8
    if asked.query.revision.as_deref() != Some("4") {
        return Err(Refusal::UnsupportedRevision);
    }
    Ok(Kind::Open(transport))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::limits::Limits,
        codec::http::{Head, HeadReader},
    };

    const POLLING: Session = Session::On(Transport::Polling);
    const WEBSOCKET: Session = Session::On(Transport::WebSocket);

    fn request(target: &str) -> Request {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        match HeadReader::default().read(bytes.as_bytes(), &Limits::default()) {
            Ok(Head::Whole { request, .. }) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Checks a request with both transports on and nothing forbidden.
    fn ask(
        method: &str,
        query: &str,
        is_upgrade: bool,
        session: Session,
        change: impl FnOnce(&mut Asked<'_>),
    ) -> Result<Kind, Refusal> {
        let request = request(&format!("/socket.io/?{query}"));
        let query = Query::of(&request);
        let mut asked = Asked {
            query: &query,
            session,
            method,
            is_upgrade,
            is_forbidden: false,
            polling: true,
            websocket: true,
        };
        change(&mut asked);
        check(&asked)
    }

    fn plain(method: &str, query: &str, session: Session) -> Result<Kind, Refusal> {
        ask(method, query, false, session, |_| ())
    }

    fn upgrade(query: &str, session: Session) -> Result<Kind, Refusal> {
        ask("GET", query, true, session, |_| ())
    }

    // §3
    #[test]
    fn the_last_of_a_name_counts_and_names_and_values_are_decoded() {
        let of = |query: &str| {
            let request = request(&format!("/?{query}"));
            let Query { transport, revision, sid, wants_base64 } = Query::of(&request);
            let owned = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned);
            (owned(transport), owned(revision), owned(sid), wants_base64)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(""), (None, None, None, false));
        assert_eq!(
            of("EIO=4&transport=polling&sid=a-_b&t=x&b64=1"),
            (some("polling"), some("4"), some("a-_b"), true)
        );
        assert_eq!(of("EIO=3&EIO=4&sid=a&sid=&b64="), (None, some("4"), None, false));
        assert_eq!(of("%45IO=%34&transport=web%73ocket"), (some("websocket"), some("4"), None, false));
        assert_eq!(of("eio=4&SID=1"), (None, None, None, false));
    }

    // §3.1
    #[test]
    fn a_request_that_passes_is_for_one_of_five_things() {
        let unnamed = Session::Unnamed;
        assert_eq!(plain("GET", "EIO=4&transport=polling", unnamed), Ok(Kind::Open(Transport::Polling)));
        assert_eq!(upgrade("EIO=4&transport=websocket", unnamed), Ok(Kind::Open(Transport::WebSocket)));
        assert_eq!(plain("GET", "EIO=4&transport=polling&sid=s", POLLING), Ok(Kind::Poll));
        assert_eq!(plain("POST", "EIO=4&transport=polling&sid=s", POLLING), Ok(Kind::Post));
        assert_eq!(upgrade("EIO=4&transport=websocket&sid=s", POLLING), Ok(Kind::Probe));
        // With a sid, EIO is not looked at.
        assert_eq!(plain("GET", "transport=polling&sid=s", POLLING), Ok(Kind::Poll));
        // The session refuses this one, without being harmed.
        assert_eq!(upgrade("EIO=4&transport=websocket&sid=s", WEBSOCKET), Ok(Kind::Probe));
    }

    // §3.1, row by row.
    #[test]
    fn the_first_check_that_fails_gives_the_answer() {
        use Refusal::*;
        let unnamed = Session::Unnamed;
        for (query, session) in
            [("EIO=4", unnamed), ("transport=", unnamed), ("transport=__proto__&sid=s", Session::Unknown)]
        {
            assert_eq!(plain("PUT", query, session), Err(TransportUnknown), "{query}");
        }
        for query in
            ["transport=constructor", "transport=Polling", "transport=webtransport", "transport=polling,"]
        {
            assert_eq!(plain("GET", query, unnamed), Err(TransportUnknown), "{query}");
        }
        let off = |asked: &mut Asked<'_>| asked.polling = false;
        assert_eq!(ask("GET", "EIO=4&transport=polling", false, unnamed, off), Err(TransportUnknown));
        let off = |asked: &mut Asked<'_>| asked.websocket = false;
        assert_eq!(ask("GET", "EIO=4&transport=websocket", true, unnamed, off), Err(TransportUnknown));

        assert_eq!(plain("PUT", "transport=polling&sid=s", Session::Unknown), Err(SessionUnknown));
        assert_eq!(upgrade("transport=websocket&sid=__proto__", Session::Unknown), Err(SessionUnknown));
        assert_eq!(plain("GET", "transport=polling&sid=s", WEBSOCKET), Err(BadRequest));
        assert_eq!(plain("GET", "transport=websocket&sid=s", POLLING), Err(BadRequest));
        for method in ["POST", "PUT", "OPTIONS", "HEAD", "get"] {
            assert_eq!(plain(method, "transport=websocket", unnamed), Err(BadHandshakeMethod), "{method}");
        }
        assert_eq!(plain("GET", "transport=websocket", unnamed), Err(BadRequest));
        let forbidden = |asked: &mut Asked<'_>| asked.is_forbidden = true;
        assert_eq!(ask("GET", "EIO=3&transport=polling", false, unnamed, forbidden), Err(Forbidden));
        assert_eq!(ask("GET", "EIO=4&transport=polling&sid=s", false, POLLING, forbidden), Err(Forbidden));
        for query in [
            "transport=polling",
            "EIO=3&transport=polling",
            "EIO=4.0&transport=polling",
            "EIO=&transport=polling",
        ] {
            assert_eq!(plain("GET", query, unnamed), Err(UnsupportedRevision), "{query}");
        }
        assert_eq!(upgrade("EIO=5&transport=websocket", unnamed), Err(UnsupportedRevision));
    }

    // §3.2
    #[test]
    fn other_methods_and_mixed_up_transports_are_bad_requests() {
        for method in ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"] {
            assert_eq!(
                plain(method, "transport=polling&sid=s", POLLING),
                Err(Refusal::BadRequest),
                "{method}"
            );
        }
        assert_eq!(plain("GET", "transport=websocket&sid=s", WEBSOCKET), Err(Refusal::BadRequest));
        assert_eq!(upgrade("transport=polling&sid=s", POLLING), Err(Refusal::BadRequest));
        assert_eq!(upgrade("EIO=4&transport=polling", Session::Unnamed), Err(Refusal::BadRequest));
    }

    // §3.1
    #[test]
    fn the_bodies_are_what_clients_show() {
        use Refusal::*;
        for (refusal, status, length, text) in [
            (TransportUnknown, 400, 40, "{\"code\":0,\"message\":\"Transport unknown\"}"),
            (SessionUnknown, 400, 41, "{\"code\":1,\"message\":\"Session ID unknown\"}"),
            (BadHandshakeMethod, 400, 43, "{\"code\":2,\"message\":\"Bad handshake method\"}"),
            (BadRequest, 400, 34, "{\"code\":3,\"message\":\"Bad request\"}"),
            (Forbidden, 403, 32, "{\"code\":4,\"message\":\"Forbidden\"}"),
            (UnsupportedRevision, 400, 51, "{\"code\":5,\"message\":\"Unsupported protocol version\"}"),
        ] {
            assert_eq!((refusal.status(), refusal.body().as_str()), (status, text));
            assert_eq!(refusal.body().len(), length);
        }
    }
}
