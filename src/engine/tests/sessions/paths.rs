//! Where Engine.IO is served: at another path, or nowhere.

use super::*;

const ELSEWHERE: &str = "/chat/io/?EIO=4&transport=polling";

/// A server with Engine.IO at `/chat/io/` that hands other requests to its host.
fn elsewhere() -> Salon {
    let mut config = config_of(|socketio| socketio.path = "/chat/io/".to_owned());
    config.http = true;
    Salon::new(config)
}

impl Salon {
    /// A request that goes to the host.
    #[track_caller]
    fn is_for_the_host(&mut self, method: &str, target: &str, body: &str) {
        let client = self.request(method, target, "", body);
        assert_eq!(self.quiet(), [format!("{method} {target} {body:?}")]);
        assert!(self.respond(self.requests.len() - 1, 200, "from the host"));
        assert_eq!(self.quiet(), NOTHING);
        assert_eq!(self.response(client), (200, "from the host".to_owned()));
    }

    /// The status that a WebSocket handshake gets, which must not be let in.
    #[track_caller]
    fn refused(&mut self, target: &str) -> u16 {
        let client = self.connect();
        self.write(client, handshake(target));
        assert_eq!(self.quiet(), NOTHING);
        assert!(self.is_finished(client));
        self.response(client).0
    }
}

#[test]
fn whole_session_goes_by_another_path() {
    let mut salon = elsewhere();
    let client = salon.request("GET", ELSEWHERE, "", "");
    assert_eq!(salon.quiet(), NOTHING);
    let (status, open) = salon.response(client);
    assert_eq!(status, 200);
    let sid = value_of(&open, "sid");
    let target = format!("{ELSEWHERE}&sid={sid}");
    let post = salon.request("POST", &target, "", "40\u{1e}42[\"a\"]");
    assert_eq!(salon.quiet(), ["connect #0 /", "#0 says a []"]);
    assert_eq!(salon.response(post), (200, "ok".to_owned()));
    let poll = salon.request("GET", &target, "", "");
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(masked(&salon.response(poll).1), r#"40{"sid":"*"}"#);
    // Its request tells the path, and the upgrade goes by it, too.
    assert_eq!(salon.engine.handshake(salon.socket(0)).unwrap().path(), "/chat/io/");
    let websocket = salon.connect();
    salon.write(websocket, handshake(&format!("/chat/io/?EIO=4&transport=websocket&sid={sid}")));
    salon.quiet();
    assert_eq!(salon.read(websocket), ACCEPTED.as_bytes());
    salon.says(websocket, "2probe");
    assert_eq!(salon.says(websocket, "5"), ["upgraded #0"]);
    assert_eq!(salon.hears(websocket), ["text 3probe"]);
    assert_eq!(salon.says(websocket, r#"42["b"]"#), ["#0 says b []"]);
}

#[test]
fn session_begins_on_a_websocket_at_another_path() {
    let mut salon = elsewhere();
    let client = salon.connect();
    salon.write(client, handshake("/chat/io/?EIO=4&transport=websocket"));
    assert_eq!(salon.quiet(), NOTHING);
    let bytes = salon.read(client);
    assert!(wire::frames(&bytes[ACCEPTED.len()..])[0].starts_with("text 0{"));
    assert_eq!(salon.says(client, "40"), ["connect #0 /"]);
}

#[test]
fn everything_below_another_path_is_engine_ios_and_nothing_beside_it() {
    let mut salon = elsewhere();
    let client = salon.request("GET", "/chat/io/any/thing?EIO=4&transport=polling", "", "");
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(client).0, 200);
    let client = salon.request("GET", "/chat/io/", "", "");
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(client), (400, r#"{"code":0,"message":"Transport unknown"}"#.to_owned()));
    // Decoded the path is the same.
    let client = salon.request("GET", "/ch%61t/io/?EIO=4&transport=polling", "", "");
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(client).0, 200);
    for beside in ["/chat/io", "/chat/io?EIO=4&transport=polling", "/Chat/io/", "/chat"] {
        salon.is_for_the_host("GET", beside, "");
    }
    assert_eq!(salon.engine.stats().sessions, 2);
}

#[test]
fn usual_path_is_an_ordinary_one_when_engine_io_is_elsewhere_or_nowhere() {
    let nowhere = || Salon::new(Config { socketio: None, http: true, ..Config::default() });
    for new in [elsewhere, nowhere] {
        let mut salon = new();
        salon.is_for_the_host("GET", OPEN, "");
        salon.is_for_the_host("GET", "/socket.io/socket.io.js", "");
        salon.is_for_the_host("POST", &format!("{OPEN}&sid=AAAAAAAAAAAAAAAAAAAA"), "40");
        salon.is_for_the_host("OPTIONS", OPEN, "");
        assert_eq!(salon.engine.stats().requests, 4);
        // As a namespace it is unknown, like any that was not opened.
        assert_eq!(salon.refused("/socket.io/?EIO=4&transport=websocket"), 404);
        assert_eq!(salon.engine.stats().refused_namespace, 1);
        salon.engine.open("/socket.io/", Namespace::default()).unwrap();
        let client = salon.connect();
        salon.write(client, handshake("/socket.io/?EIO=4&transport=websocket"));
        assert_eq!(salon.quiet(), ["connect #0 /socket.io/"]);
        let bytes = salon.read(client);
        let greeting = wire::frames(&bytes[ACCEPTED.len()..]);
        assert_eq!(masked(&greeting[0]), r#"text {"event":"connect","data":{"sid":"*"}}"#);
        assert_eq!(salon.says(client, r#"{"event":"a"}"#), ["#0 says a []"]);
        // A Socket.IO packet is no JSON.
        assert_eq!(salon.says(client, "40"), NOTHING);
        assert!(salon.hears(client)[0].contains("exception"));
    }
}

#[test]
fn without_engine_io_and_without_a_host_for_requests_its_path_is_404() {
    let mut salon = Salon::new(Config { socketio: None, ..Config::default() });
    for (method, body) in [("GET", ""), ("POST", "40")] {
        let client = salon.request(method, OPEN, "", body);
        assert_eq!(salon.quiet(), NOTHING);
        assert_eq!(salon.response(client).0, 404);
    }
    // Plain clients are served as ever, and nothing is kept for a return.
    salon.open();
    salon.emit(&all(), "a", "[]");
    salon.quiet();
    assert_eq!(salon.engine.recovery.bytes(), 0);
    assert_eq!(salon.engine.stats().sessions, 1);
}
