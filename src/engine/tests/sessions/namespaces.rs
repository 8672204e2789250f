//! Entering and leaving namespaces, and their guards.

use super::*;

#[test]
fn one_session_is_in_several_namespaces_and_leaves_one() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open("/news", Namespace::default()).unwrap();
    let sid = salon.session();
    assert_eq!(salon.posts(&sid, "40\u{1e}40/news,"), ["connect #0 /", "connect #1 /news"]);
    let entered = salon.polls(&sid);
    assert_eq!(masked(&entered), "40{\"sid\":\"*\"}\u{1e}40/news,{\"sid\":\"*\"}");
    assert!(!entered.contains(&sid), "the secret sid is not shown to others");
    salon.emit(&all(), "a", "[]");
    let news = Selection { namespace: Some("/news"), ..Selection::default() };
    salon.emit(&news, "b", "[1]");
    assert_eq!(salon.polls(&sid), "42[\"a\"]\u{1e}42/news,[\"b\",1]");
    assert_eq!(salon.posts(&sid, "41/news,"), [r#"gone #1 /news: client left, no code "client left" []"#]);
    assert_eq!(salon.emit(&news, "b", "[]"), 0);
    assert_eq!(salon.posts(&sid, "42[\"a\"]"), ["#0 says a []"]);
    // It may come in again, as another socket.
    assert_eq!(salon.posts(&sid, "40/news\u{1e}42/news,[\"c\"]"), ["connect #2 /news", "#2 says c []"]);
    assert_eq!(masked(&salon.polls(&sid)), r#"40/news,{"sid":"*"}"#);
}

#[test]
fn packet_for_a_namespace_that_it_is_not_in_closes_the_session() {
    for packet in ["42[\"a\"]", "41", "43[]", "40/news,\u{1e}42[\"a\"]", "40\u{1e}41\u{1e}42[\"a\"]"] {
        let mut salon = Salon::new(Config::default());
        salon.engine.open("/news", Namespace::default()).unwrap();
        let websocket = salon.websocket();
        for packet in packet.split('\u{1e}') {
            salon.says(websocket, packet);
        }
        assert_eq!(salon.hears(websocket).pop().unwrap(), "close", "{packet}");
        assert_eq!(salon.engine.stats().sessions, 0);
    }
}

#[test]
fn connect_to_a_namespace_that_it_is_in_and_connect_error_close_the_session() {
    for packet in ["40", "40{}", "44{}", "44\"x\""] {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        let gone = r#"gone #0 /: protocol error, no code "protocol error" []"#;
        assert_eq!(salon.posts(&sid, packet), [gone]);
        assert_eq!(salon.polls(&sid), "6\u{1e}1");
        salon.assert_unknown(&sid);
    }
}

#[test]
fn sixteen_namespaces_are_the_most() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open_pattern("/room-", Namespace::default()).unwrap();
    let websocket = salon.websocket();
    for number in 0..16 {
        assert_eq!(salon.says(websocket, &format!("40/room-{number},")).len(), 1);
    }
    salon.hears(websocket);
    assert_eq!(salon.says(websocket, "40/room-16,"), NOTHING);
    assert_eq!(salon.hears(websocket), [r#"text 44/room-16,{"message":"too many namespaces"}"#]);
    assert_eq!(salon.says(websocket, "41/room-3").len(), 1);
    assert_eq!(salon.says(websocket, "40/room-16,").len(), 1);
    assert_eq!(salon.engine.stats().namespaces, 17);
}

#[test]
fn name_of_a_namespace_that_is_too_long_is_not_sent_back() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open_pattern("/", Namespace::default()).unwrap();
    let websocket = salon.websocket();
    let longest = format!("/{}", "x".repeat(254));
    assert_eq!(salon.says(websocket, &format!("40{longest},")), [format!("connect #0 {longest}")]);
    salon.hears(websocket);
    assert_eq!(salon.says(websocket, &format!("40{longest}x,")), NOTHING);
    assert_eq!(salon.hears(websocket), [r#"text 44{"message":"Invalid namespace"}"#]);
}

#[test]
fn dynamic_namespaces_are_literal_and_vanish_with_their_last_socket() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open_pattern("/dynamic-", Namespace::default()).unwrap();
    let websocket = salon.websocket();
    let connects = ["/dynamic-1?a=b", "/dynamic-1", "/dynamic-__proto__"];
    for (number, nsp) in connects.iter().enumerate() {
        assert_eq!(salon.says(websocket, &format!("40{nsp},")), [format!("connect #{number} {nsp}")]);
        assert_eq!(salon.hears(websocket), [format!(r#"text 40{nsp},{{"sid":"*"}}"#)]);
    }
    assert_eq!(salon.says(websocket, "42/dynamic-1?a=b,[\"x\"]"), ["#0 says x []"]);
    assert_eq!(salon.engine.stats().namespaces, 4);
    for nsp in connects {
        salon.says(websocket, &format!("41{nsp},"));
    }
    assert_eq!(salon.engine.stats().namespaces, 1);
    assert_eq!(salon.says(websocket, "40/other,"), NOTHING);
    assert_eq!(salon.hears(websocket), [r#"text 44/other,{"message":"Invalid namespace"}"#]);
}

#[test]
fn dynamic_namespace_vanishes_when_its_only_candidate_is_refused() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open_pattern("/d", Namespace::default().guarded()).unwrap();
    let websocket = salon.websocket();
    assert_eq!(salon.says(websocket, "40/d1,"), ["asks #0 /d1"]);
    assert_eq!(salon.engine.stats().namespaces, 2);
    salon.reject(0, 403, "no").unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /d1: rejected, no code "no" []"#]);
    assert_eq!(salon.hears(websocket), [r#"text 44/d1,{"message":"no"}"#]);
    assert_eq!(salon.engine.stats().namespaces, 1);
}

#[test]
fn guard_accepts_with_rooms_and_a_number() {
    let mut salon = Salon::guarded(Config::default());
    let sid = salon.session();
    assert_eq!(salon.posts(&sid, r#"40{"token":"t"}"#), ["asks #0 /"]);
    let socket = salon.socket(0);
    assert_eq!(salon.engine.auth(socket), r#"{"token":"t"}"#);
    salon.accept(0, &Accept::default().user(7).room("den")).unwrap();
    assert_eq!(salon.emit(&rooms(&["den"]), "a", "[]"), 1);
    assert_eq!(salon.quiet(), ["connect #0 /"]);
    assert_eq!(masked(&salon.polls(&sid)), "40{\"sid\":\"*\"}\u{1e}42[\"a\"]");
    assert_eq!(salon.engine.user(socket).unwrap(), 7);
    assert_eq!(kind(salon.accept(0, &Accept::default())), ErrorKind::State);
}

#[test]
fn guard_rejects_with_data_and_the_client_may_try_again() {
    let mut salon = Salon::guarded(Config::default());
    let sid = salon.session();
    assert_eq!(salon.posts(&sid, "40"), ["asks #0 /"]);
    let socket = salon.socket(0);
    let bad = salon.tell(|engine| engine.reject(socket, 403, "x", Some("{")));
    assert_eq!(kind(bad), ErrorKind::Invalid);
    salon.tell(|engine| engine.reject(socket, 403, "not \"you\"", Some(r#"{"retry":false}"#))).unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: rejected, no code "not \"you\"" []"#]);
    assert_eq!(salon.polls(&sid), r#"44{"message":"not \"you\"","data":{"retry":false}}"#);
    assert_eq!(salon.posts(&sid, "40"), ["asks #1 /"]);
    salon.accept(1, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), ["connect #1 /"]);
}

#[test]
fn what_is_said_before_the_guards_answer_comes_after_it_in_order() {
    let mut salon = Salon::guarded(Config::default());
    let sid = salon.session();
    let binary = r#"451-["b",{"_placeholder":true,"num":0}]"#;
    let payload = format!("40\u{1e}42[\"a\",1]\u{1e}{binary}\u{1e}bAQI=\u{1e}421[\"c\"]");
    assert_eq!(salon.posts(&sid, &payload), ["asks #0 /"]);
    assert_eq!(salon.after(1_000), NOTHING);
    salon.accept(0, &Accept::default()).unwrap();
    let lines = [
        "connect #0 /",
        "#0 says a [1]",
        r#"#0 says b [{"_placeholder":true,"num":0}] with [[1, 2]]"#,
        "#0 says c [] asks 0",
    ];
    assert_eq!(salon.quiet(), lines);
    assert_eq!(salon.posts(&sid, r#"42["d"]"#), ["#0 says d []"]);
    salon.polls(&sid);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn who_says_too_much_before_the_guards_answer_is_refused() {
    let mut salon = Salon::guarded(Config::default());
    let websocket = salon.websocket();
    assert_eq!(salon.says(websocket, "40"), ["asks #0 /"]);
    let large = format!(r#"42["a","{}"]"#, "x".repeat(30_000));
    assert_eq!(salon.says(websocket, &large), NOTHING);
    assert_eq!(salon.says(websocket, &large), NOTHING);
    let gone = r#"gone #0 /: policy violation, no code "too much was sent before the answer" []"#;
    assert_eq!(salon.says(websocket, &large), [gone]);
    let refused = r#"text 44{"message":"too much was sent before the answer"}"#;
    assert_eq!(salon.hears(websocket), [refused]);
    salon.accept(0, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(kind(salon.accept(0, &Accept::default())), ErrorKind::NotFound);
    assert_eq!(salon.says(websocket, "40"), ["asks #1 /"]);
}

#[test]
fn many_small_packets_before_the_guards_answer_are_bounded_too() {
    let mut salon = Salon::guarded(Config::default());
    let websocket = salon.websocket();
    salon.says(websocket, "40");
    for _ in 0..1_000 {
        salon.write(websocket, text(r#"42["a"]"#));
    }
    let lines = salon.quiet();
    assert!(lines[0].starts_with("gone #0 /: policy violation"), "{lines:?}");
}

#[test]
fn client_that_leaves_before_the_guards_answer_is_gone_once() {
    let mut salon = Salon::guarded(Config::default());
    let sid = salon.session();
    assert_eq!(salon.posts(&sid, "40"), ["asks #0 /"]);
    assert_eq!(salon.posts(&sid, "41"), [r#"gone #0 /: client left, no code "client left" []"#]);
    salon.accept(0, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.posts(&sid, "40"), ["asks #1 /"]);
    // The host answers in the turn in which it hears of the end.
    let client = salon.begin_post(&sid, "1");
    let lines = salon.turn();
    assert_eq!(lines, [r#"gone #1 /: transport close, no code "transport close" []"#]);
    salon.accept(1, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(client), (200, "ok".to_owned()));
}

#[test]
fn connect_twice_while_the_guard_thinks_is_out_of_place() {
    let mut salon = Salon::guarded(Config::default());
    let sid = salon.session();
    assert_eq!(salon.posts(&sid, "40"), ["asks #0 /"]);
    assert_eq!(salon.posts(&sid, "40"), [r#"gone #0 /: protocol error, no code "protocol error" []"#]);
    assert_eq!(salon.polls(&sid), "6\u{1e}1");
}
