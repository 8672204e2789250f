//! Events, attachments and acks in both directions, and how they are packed
//! into the answers of polls.

use super::*;

const P0: &str = r#"{"_placeholder":true,"num":0}"#;

fn placeholders(count: usize) -> String {
    let each: Vec<String> =
        (0..count).map(|number| format!(r#"{{"_placeholder":true,"num":{number}}}"#)).collect();
    each.join(",")
}

#[test]
fn ten_attachments_come_through_and_eleven_close() {
    let mut salon = Salon::new(Config::default());
    let websocket = salon.websocket_guest();
    assert_eq!(salon.says(websocket, &format!(r#"4510-["a",{}]"#, placeholders(10))), NOTHING);
    for number in 0..9 {
        salon.write(websocket, binary(&[number]));
        assert_eq!(salon.quiet(), NOTHING);
        assert_eq!(salon.says(websocket, "3"), NOTHING);
    }
    salon.write(websocket, binary(&[]));
    let lines = salon.quiet();
    assert!(lines[0].ends_with("with [[0], [1], [2], [3], [4], [5], [6], [7], [8], []]"), "{lines:?}");
    let gone = r#"gone #0 /: parse error, no code "parse error" []"#;
    assert_eq!(salon.says(websocket, &format!(r#"4511-["a",{}]"#, placeholders(11))), [gone]);
    assert_eq!(salon.hears(websocket), ["close"]);
}

#[test]
fn host_sends_ten_attachments_in_one_answer_and_no_more_than_ten() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    for number in 0..8 {
        salon.emit_to(0, "n", &format!("[{number}]")).unwrap();
    }
    let attachments: Vec<[u8; 1]> = (0..10).map(|number| [number]).collect();
    let attachments: Vec<&[u8]> = attachments.iter().map(|bytes| &bytes[..]).collect();
    salon.emit_binary(0, "b", &attachments);
    // Eight and eleven do not fit into one answer of sixteen.
    assert_eq!(salon.polls(&sid).split('\u{1e}').count(), 8);
    let packets = salon.polls(&sid);
    let packets: Vec<&str> = packets.split('\u{1e}').collect();
    assert_eq!(packets[0], format!(r#"4510-["b",{}]"#, placeholders(10)));
    assert_eq!((packets.len(), packets[1], packets[10]), (11, "bAA==", "bCQ=="));
    let eleven = vec![&b"x"[..]; 11];
    let socket = salon.socket(0);
    let outcome =
        salon.tell(|engine| engine.emit_one(socket, "b", &Payload::binary(&eleven), Loudness::Normal));
    assert_eq!(kind(outcome), ErrorKind::Limit);
}

#[test]
fn attachments_that_do_not_fit_their_packet_close() {
    let event = |count: usize, args: &str| format!(r#"45{count}-["a",{args}]"#);
    for packets in [
        // No such attachment.
        vec![event(1, r#"{"_placeholder":true,"num":1}"#)],
        vec![event(1, r#"{"_placeholder":true,"num":-1}"#)],
        vec![event(1, r#"{"_placeholder":true,"num":0.5}"#)],
        vec![event(1, r#"{"_placeholder":true,"num":"0"}"#)],
        // A packet in between, of the same or another namespace.
        vec![event(1, P0), r#"42["b"]"#.into()],
        vec![event(1, P0), "40/news,".into()],
        vec![event(1, P0), event(1, P0)],
        // None is due.
        vec!["bAQ==".into()],
        vec![event(1, P0), "bAQ==".into(), "bAQ==".into()],
        // No number.
        vec![r#"45-["a"]"#.into()],
        vec![r#"45x-["a"]"#.into()],
        vec![r#"45["a"]"#.into()],
        vec!["451-".into()],
    ] {
        let mut salon = Salon::new(Config::default());
        salon.engine.open("/news", Namespace::default()).unwrap();
        let sid = salon.guest();
        let client = salon.begin_post(&sid, &packets.join("\u{1e}"));
        let lines = salon.quiet();
        assert_eq!(
            lines.last().unwrap(),
            r#"gone #0 /: parse error, no code "parse error" []"#,
            "{packets:?}"
        );
        assert_eq!(salon.response(client), (400, String::new()));
    }
}

#[test]
fn attachment_may_be_used_twice_or_not_at_all_and_pings_may_come_between() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let payload = format!("452-[\"a\",{P0},[{P0}]]\u{1e}bAQ==\u{1e}3\u{1e}b");
    let line = format!(r#"#0 says a [{P0},[{P0}]] with [[1], []]"#);
    assert_eq!(salon.posts(&sid, &payload), [line]);
    // None is announced: it is complete.
    assert_eq!(salon.posts(&sid, r#"450-["a"]"#), ["#0 says a []"]);
}

#[test]
fn attachments_in_base64_come_over_a_websocket_too() {
    let mut salon = Salon::new(Config::default());
    let client = salon.connect();
    salon.write(client, handshake("/socket.io/?EIO=4&transport=websocket&b64=1"));
    salon.quiet();
    salon.read(client);
    assert_eq!(salon.says(client, "40"), ["connect #0 /"]);
    salon.hears(client);
    salon.says(client, &format!(r#"451-["a",{P0}]"#));
    assert_eq!(salon.says(client, "bAQI="), [format!("#0 says a [{P0}] with [[1, 2]]")]);
    salon.emit_binary(0, "b", &[&[1, 2, 3, 4]]);
    salon.quiet();
    assert_eq!(salon.hears(client), [format!(r#"text 451-["b",{P0}]"#), "text bAQIDBA==".to_owned()]);
}

#[test]
fn clients_ask_the_host_and_it_answers_once() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    assert_eq!(salon.posts(&sid, r#"420["q",1]"#), ["#0 says q [1] asks 0"]);
    assert_eq!(salon.says(websocket, r#"429007199254740991["q"]"#), ["#1 says q [] asks 1"]);
    salon.posts(&sid, &format!("451-7[\"q\",{P0}]\u{1e}bAQ=="));
    let ids = salon.questions.clone();
    let payload = Payload::from("[1,\"2\"]");
    salon.tell(|engine| engine.answer_ack(ids[0], &payload)).unwrap();
    assert_eq!(kind(salon.tell(|engine| engine.answer_ack(ids[0], &payload))), ErrorKind::NotFound);
    salon.tell(|engine| engine.answer_ack(ids[1], &Payload::from("[]"))).unwrap();
    salon.tell(|engine| engine.answer_ack(ids[2], &Payload::binary(&[&[1]]))).unwrap();
    salon.quiet();
    assert_eq!(salon.polls(&sid), format!("430[1,\"2\"]\u{1e}461-7[{P0}]\u{1e}bAQ=="));
    assert_eq!(salon.hears(websocket), ["text 439007199254740991[]"]);
    // An id that no number of JavaScript's can hold.
    assert_eq!(salon.says(websocket, r#"429007199254740992["q"]"#).len(), 1);
    assert_eq!(salon.hears(websocket), ["close"]);
}

#[test]
fn host_asks_a_client_and_late_or_strange_answers_are_ignored() {
    use std::time::Duration;
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let socket = salon.socket(0);
    let ask = |salon: &mut Salon| {
        let second = Duration::from_secs(1);
        salon.tell(|engine| engine.ask_one(socket, "q", &Payload::from("[]"), second)).unwrap();
        let packet = salon.polls(&sid);
        packet.strip_prefix("42").unwrap().strip_suffix(r#"["q"]"#).unwrap().to_owned()
    };
    let id = ask(&mut salon);
    assert_eq!(salon.posts(&sid, &format!("43{id}[1]\u{1e}43{id}[2]")), ["#0 answers 0: [1]"]);
    let id = ask(&mut salon);
    let binary = format!("461-{id}[{P0}]\u{1e}bAQ==");
    assert_eq!(salon.posts(&sid, &binary), [format!("#0 answers 1: [{P0}] with [[1]]")]);
    let id = ask(&mut salon);
    assert_eq!(salon.after(1_000), ["#0 answers 2: not in time"]);
    assert_eq!(salon.posts(&sid, &format!("43{id}[]\u{1e}43999[]\u{1e}43[]\u{1e}430")), NOTHING);
    let id = ask(&mut salon);
    assert_eq!(salon.posts(&sid, &format!("43{id}")), ["#0 answers 3: []"]);
    ask(&mut salon);
    let gone = r#"gone #0 /: client left, no code "client left" []"#;
    assert_eq!(salon.posts(&sid, "41"), ["#0 answers 4: not any more", gone]);
}

#[test]
fn answer_to_a_poll_has_at_most_sixteen_packets_and_the_rest_comes_in_order() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    for number in 0..40 {
        salon.emit(&all(), "n", &format!("[{number}]"));
    }
    let mut heard = Vec::new();
    for count in [16, 16, 8] {
        let payload = salon.polls(&sid);
        assert_eq!(payload.split('\u{1e}').count(), count);
        heard.extend(payload.split('\u{1e}').map(str::to_owned));
    }
    let said: Vec<String> = (0..40).map(|number| format!(r#"42["n",{number}]"#)).collect();
    assert_eq!(heard, said);
    salon.parks(&sid);
}

#[test]
fn all_that_one_post_brings_about_is_in_one_answer() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    salon.engine.open("/news", Namespace::default()).unwrap();
    let poll = salon.parks(&sid);
    assert_eq!(salon.posts(&sid, "40/news,\u{1e}40/none,").len(), 1);
    let (status, body) = salon.response(poll);
    assert_eq!(status, 200);
    assert_eq!(masked(&body), "40/news,{\"sid\":\"*\"}\u{1e}44/none,{\"message\":\"Invalid namespace\"}");
}

#[test]
fn volatile_event_is_dropped_unless_a_poll_waits() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let volatile = |salon: &mut Salon, name: &str| {
        let payload = Payload::from("[]");
        salon.tell(|engine| engine.emit(&all(), name, &payload, Loudness::Volatile)).unwrap()
    };
    assert_eq!(volatile(&mut salon, "lost"), 0);
    let socket = salon.socket(0);
    let one = salon
        .tell(|engine| engine.emit_one(socket, "lost", &Payload::from("[]"), Loudness::Volatile))
        .unwrap();
    assert_eq!(one, 0);
    assert_eq!(salon.engine.stats().dropped_volatile, 2);
    let poll = salon.parks(&sid);
    assert_eq!(volatile(&mut salon, "heard"), 1);
    salon.quiet();
    assert_eq!(salon.response(poll), (200, r#"42["heard"]"#.to_owned()));
    assert_eq!(volatile(&mut salon, "lost"), 0);
    salon.emit(&all(), "next", "[]");
    assert_eq!(salon.polls(&sid), r#"42["next"]"#);
}

#[test]
fn reserved_names_and_things_that_are_no_events_close() {
    for packet in [
        r#"42["connect"]"#,
        r#"42["disconnecting"]"#,
        r#"42["newListener"]"#,
        r#"42[{}]"#,
        r#"42[]"#,
        r#"42[null]"#,
        r#"42"a""#,
        r#"42["a",]"#,
        r#"42["a"] []"#,
        r#"41{}"#,
        r#"43{}"#,
        r#"40[]"#,
        r#"40null"#,
        r#"47["a"]"#,
        "4",
    ] {
        let mut salon = Salon::new(Config::default());
        let websocket = salon.websocket_guest();
        let lines = salon.says(websocket, packet);
        assert_eq!(lines, [r#"gone #0 /: parse error, no code "parse error" []"#], "{packet}");
        assert_eq!(salon.hears(websocket), ["close"]);
    }
    let mut salon = Salon::new(Config::default());
    let websocket = salon.websocket_guest();
    assert_eq!(salon.says(websocket, "42"), NOTHING);
    assert_eq!(salon.says(websocket, r#"42[7,"x"]"#), [r#"#0 says 7 ["x"]"#]);
    assert_eq!(salon.says(websocket, r#"42["__proto__"]"#), ["#0 says __proto__ []"]);
    let deep = format!(r#"42["a",{}{}]"#, "[".repeat(70), "]".repeat(70));
    assert_eq!(salon.says(websocket, &deep).len(), 1);
    assert_eq!(salon.hears(websocket), ["close"]);
}
