//! Every limit that clients can meet, one below it, at it and one above: what the
//! client is told, the reason that the host is told, and that this limit's own
//! counter moves and no other.

use super::*;
use crate::{base::limit::Limit, engine::reason::Reason};

/// One limit and how to meet it.
struct Bound {
    limit: Limit,
    /// Where it is set, and how.
    at: u32,
    set: fn(&mut Limits, u32),
    /// Uses so much of it; what the client is told, or what has become of it.
    uses: fn(&mut Salon, u32) -> String,
    /// What is in that beyond the limit, and never below.
    over: &'static str,
    reason: Option<Reason>,
}

/// Milliseconds: what waits so long has waited too long.
fn is_a_time(limit: Limit) -> bool {
    limit.as_str().ends_with("_ms")
}

impl Salon {
    /// What a client has been sent, as text.
    fn told_so_far(&mut self, client: usize) -> String {
        String::from_utf8_lossy(&self.read(client)).into_owned()
    }

    fn asks(&mut self, request: String) -> String {
        let client = self.connect();
        self.write(client, request);
        self.quiet();
        self.told_so_far(client)
    }

    /// The frames that a WebSocket gets after so long.
    fn frames_after(&mut self, client: usize, wait_ms: u32) -> String {
        self.frames(client);
        self.after(wait_ms.into());
        self.frames(client).join(", ")
    }

    /// What an unfinished request gets after so long.
    fn told_after(&mut self, request: &str, wait_ms: u32) -> String {
        let client = self.connect();
        self.write(client, request);
        self.quiet();
        self.read(client);
        self.after(wait_ms.into());
        let is_closed = if self.is_finished(client) { " closed" } else { "" };
        self.told_so_far(client) + is_closed
    }

    /// What the last of so many newcomers from one address is told.
    fn crowd(&mut self, count: u32, come: fn(&mut Self) -> String) -> String {
        self.from = Some("192.0.2.1:4711".parse().unwrap());
        (0..count).map(|_| come(self)).last().unwrap()
    }

    fn polling_newcomer(&mut self) -> String {
        self.asks(format!("GET {OPEN} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    fn connection(&mut self) -> String {
        let client = self.connect();
        self.quiet();
        self.told_so_far(client)
    }

    /// A plain WebSocket says this.
    fn plain_says(&mut self, bytes: Vec<u8>) -> String {
        let client = self.open();
        self.frames(client);
        self.write(client, bytes);
        self.quiet();
        self.frames(client).join(", ")
    }

    fn guest_says(&mut self, packet: &str) -> String {
        let client = self.websocket_guest();
        self.says(client, packet);
        self.frames(client).join(", ")
    }
}

fn request(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn x(count: u32) -> String {
    "x".repeat(count as usize)
}

const BOUNDS: &[Bound] = &[
    Bound {
        limit: Limit::HeadBytes,
        at: 200,
        set: |limits, to| limits.head_bytes = to,
        uses: |salon, bytes| {
            let rest = request("/", "X: \r\n").len() as u32;
            salon.asks(request("/", &format!("X: {}\r\n", x(bytes - rest))))
        },
        over: "431",
        reason: None,
    },
    Bound {
        limit: Limit::HeaderLines,
        at: 5,
        set: |limits, to| limits.header_lines = to,
        uses: |salon, lines| salon.asks(request("/", &"X: x\r\n".repeat(lines as usize - 1))),
        over: "431",
        reason: None,
    },
    Bound {
        limit: Limit::TargetBytes,
        at: 20,
        set: |limits, to| limits.target_bytes = to,
        uses: |salon, bytes| salon.asks(request(&format!("/{}", x(bytes - 1)), "")),
        over: "414",
        reason: None,
    },
    Bound {
        limit: Limit::HeadTimeout,
        at: 500,
        set: |limits, to| limits.head_timeout_ms = to,
        uses: |salon, wait| salon.told_after("GET / HTTP", wait),
        over: "408",
        reason: None,
    },
    Bound {
        limit: Limit::BodyTimeout,
        at: 500,
        set: |limits, to| limits.body_timeout_ms = to,
        uses: |salon, wait| {
            salon.told_after("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", wait)
        },
        over: "408",
        reason: None,
    },
    Bound {
        limit: Limit::IdleTimeout,
        at: 500,
        set: |limits, to| limits.idle_timeout_ms = to,
        uses: |salon, wait| salon.told_after(&format!("GET {OPEN} HTTP/1.1\r\nHost: a\r\n\r\n"), wait),
        over: "closed",
        reason: None,
    },
    Bound {
        limit: Limit::ResponseTimeout,
        at: 500,
        set: |limits, to| limits.response_timeout_ms = to,
        uses: |salon, wait| salon.told_after(&request("/", ""), wait),
        over: "503",
        reason: None,
    },
    Bound {
        limit: Limit::MessageBytes,
        at: 100,
        set: |limits, to| limits.message_bytes = to,
        uses: |salon, bytes| {
            let message = format!(r#"{{"event":"{}"}}"#, x(bytes - 12));
            salon.plain_says(text(&message))
        },
        over: "close 1009",
        reason: Some(Reason::MessageTooBig),
    },
    Bound {
        limit: Limit::MessageFragments,
        at: 5,
        set: |limits, to| limits.message_fragments = to,
        uses: |salon, fragments| {
            let mut frames = frame(false, 1, br#"{"event":"a"}"#);
            frames.extend(frame(false, 0, b"").repeat(fragments as usize - 2));
            frames.extend(frame(true, 0, b""));
            salon.plain_says(frames)
        },
        over: "close 1008",
        reason: Some(Reason::PolicyViolation),
    },
    Bound {
        limit: Limit::CloseTimeout,
        at: 500,
        set: |limits, to| limits.close_timeout_ms = to,
        uses: |salon, wait| {
            let client = salon.open();
            salon.disconnect(0, 1000, "").unwrap();
            salon.quiet();
            salon.after(wait.into());
            if salon.is_dropped(client) { "cut" } else { "there" }.to_owned()
        },
        over: "cut",
        reason: None,
    },
    Bound {
        limit: Limit::QueueBytes,
        at: 200,
        set: |limits, to| limits.queue_bytes = to,
        uses: |salon, bytes| {
            salon.engine.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
            let client = salon.open();
            salon.room(client, 0);
            // 4 bytes that the kernel has refused; a frame's header is 2, or 4.
            salon.send_to(0, "ab").unwrap();
            salon.quiet();
            salon.send_to(0, &x(bytes - 4 - 4)).unwrap();
            salon.room(client, usize::MAX);
            salon.quiet();
            salon.frames(client).join(", ")
        },
        over: "close 1013 slow reader",
        reason: Some(Reason::SlowReader),
    },
    Bound {
        limit: Limit::MemoryBytes,
        at: 100_000,
        set: |limits, to| limits.memory_bytes = to.into(),
        uses: |salon, bytes| {
            let client = salon.websocket();
            salon.says(client, &format!(r#"40{{"a":"{}"}}"#, x(bytes - 8)));
            if salon.is_dropped(client) { "cut" } else { "there" }.to_owned()
        },
        over: "cut",
        reason: Some(Reason::OutOfMemory),
    },
    Bound {
        limit: Limit::PingTimeout,
        at: 500,
        set: |limits, to| limits.ping_timeout_ms = to,
        uses: |salon, wait| {
            let client = salon.open();
            salon.after(25_000);
            salon.frames_after(client, wait)
        },
        over: "close 1011 ping timeout",
        reason: Some(Reason::PingTimeout),
    },
    Bound {
        limit: Limit::ConnectTimeout,
        at: 500,
        set: |limits, to| limits.connect_timeout_ms = to,
        uses: |salon, wait| {
            salon.engine.open("/", Namespace::default().guarded()).unwrap();
            salon.told_after(&String::from_utf8(handshake("/")).unwrap(), wait)
        },
        over: "503",
        reason: Some(Reason::GuardTimeout),
    },
    Bound {
        limit: Limit::UpgradeTimeout,
        at: 500,
        set: |limits, to| limits.upgrade_timeout_ms = to,
        uses: |salon, wait| {
            let sid = salon.guest();
            let probe = salon.connect();
            salon.write(probe, handshake(&format!("/socket.io/?EIO=4&transport=websocket&sid={sid}")));
            salon.quiet();
            salon.read(probe);
            salon.frames_after(probe, wait)
        },
        over: "close",
        reason: None,
    },
    Bound {
        limit: Limit::AttachmentTimeout,
        at: 500,
        set: |limits, to| limits.attachment_timeout_ms = to,
        uses: |salon, wait| {
            let client = salon.websocket_guest();
            salon.says(client, r#"451-["a",{"_placeholder":true,"num":0}]"#);
            salon.frames_after(client, wait)
        },
        over: "close",
        reason: Some(Reason::ParseError),
    },
    Bound {
        limit: Limit::DropTimeout,
        at: 500,
        set: |limits, to| limits.drop_timeout_ms = to,
        uses: |salon, wait| {
            let sid = salon.guest();
            let socket = salon.socket(0);
            salon.tell(|engine| engine.disconnect_client(socket)).unwrap();
            salon.quiet();
            salon.after(wait.into());
            salon.poll_answer(&sid).1
        },
        over: "Session ID unknown",
        reason: None,
    },
    Bound {
        limit: Limit::UnclaimedSessions,
        at: 5,
        set: |limits, to| limits.unclaimed_sessions = to,
        uses: |salon, count| salon.crowd(count, Salon::polling_newcomer),
        over: "503",
        reason: None,
    },
    Bound {
        limit: Limit::Sessions,
        at: 5,
        set: |limits, to| limits.sessions = to,
        uses: |salon, count| salon.crowd(count, Salon::polling_newcomer),
        over: "503",
        reason: None,
    },
    Bound {
        limit: Limit::Namespaces,
        at: 5,
        set: |limits, to| limits.namespaces = to,
        uses: |salon, count| {
            salon.engine.open_pattern("/n", Namespace::default()).unwrap();
            let client = salon.websocket();
            (0..count).for_each(|number| _ = salon.says(client, &format!("40/n{number},")));
            salon.frames(client).join(", ")
        },
        over: "too many namespaces",
        reason: None,
    },
    Bound {
        limit: Limit::WaitingBytes,
        at: 1_000,
        set: |limits, to| limits.waiting_bytes = to,
        uses: |salon, bytes| {
            salon.engine.open("/", Namespace::default().guarded()).unwrap();
            let client = salon.websocket();
            salon.says(client, "40");
            // A packet that waits costs 128 beside its bytes.
            let rest = 128 + r#"2["a",""]"#.len() as u32;
            salon.says(client, &format!(r#"42["a","{}"]"#, x(bytes - rest)));
            salon.frames(client).join(", ")
        },
        over: "too much was sent before the answer",
        reason: Some(Reason::PolicyViolation),
    },
    Bound {
        limit: Limit::AcksOwed,
        at: 5,
        set: |limits, to| limits.acks_owed = to,
        uses: |salon, count| {
            let client = salon.websocket_guest();
            (0..count).for_each(|id| _ = salon.says(client, &format!(r#"42{id}["a"]"#)));
            let oldest = salon.questions[0];
            match salon.tell(|engine| engine.answer_ack(oldest, &Payload::from("[]"))) {
                Ok(()) => "answered".to_owned(),
                Err(error) => error.to_string(),
            }
        },
        over: "no such question is open",
        reason: None,
    },
    Bound {
        limit: Limit::AcksAwaited,
        at: 5,
        set: |limits, to| limits.acks_awaited = to,
        uses: |salon, count| {
            salon.open();
            let socket = salon.socket(0);
            let wait = std::time::Duration::from_secs(9);
            let ask = |engine: &mut Engine| engine.ask_one(socket, "q", &Payload::from("[]"), wait);
            (0..count).for_each(|_| _ = salon.tell(ask).unwrap());
            salon.quiet().join(", ")
        },
        over: "not any more",
        reason: None,
    },
    Bound {
        limit: Limit::Attachments,
        at: 5,
        set: |limits, to| limits.attachments = to,
        uses: |salon, count| salon.guest_says(&format!(r#"45{count}-["a"]"#)),
        over: "close",
        reason: Some(Reason::ParseError),
    },
    Bound {
        limit: Limit::PayloadPackets,
        at: 5,
        set: |limits, to| limits.payload_packets = to,
        uses: |salon, count| {
            let sid = salon.guest();
            let client = salon.begin_post(&sid, &vec!["42[\"a\"]"; count as usize].join("\x1e"));
            salon.quiet();
            salon.response(client).0.to_string()
        },
        over: "400",
        reason: Some(Reason::ParseError),
    },
    Bound {
        limit: Limit::NameBytes,
        at: 5,
        set: |limits, to| limits.name_bytes = to,
        uses: |salon, bytes| salon.plain_says(text(&format!(r#"{{"event":"{}"}}"#, x(bytes)))),
        over: "name is longer than 5 bytes",
        reason: None,
    },
    Bound {
        limit: Limit::JsonDepth,
        at: 5,
        set: |limits, to| limits.json_depth = to,
        uses: |salon, depth| {
            let (open, close) = ("[".repeat(depth as usize - 1), "]".repeat(depth as usize - 1));
            salon.plain_says(text(&format!(r#"{{"event":"a","data":{open}{close}}}"#)))
        },
        over: "nest too deeply",
        reason: None,
    },
    Bound {
        limit: Limit::ClientEvents,
        at: 5,
        set: |limits, to| (limits.client_events_per_s, limits.client_events_burst) = (1, to),
        uses: |salon, count| salon.plain_says(text(r#"{"event":"a"}"#).repeat(count as usize)),
        over: "close 1008 too many events",
        reason: Some(Reason::Flood),
    },
    Bound {
        limit: Limit::AddressConnections,
        at: 5,
        set: |limits, to| limits.address_connections = to,
        uses: |salon, count| salon.crowd(count, Salon::connection),
        over: "429",
        reason: None,
    },
    Bound {
        limit: Limit::AddressConnects,
        at: 5,
        set: |limits, to| limits.address_connects_per_min = to,
        uses: |salon, count| salon.crowd(count, Salon::connection),
        over: "429",
        reason: None,
    },
    Bound {
        limit: Limit::AddressSessions,
        at: 5,
        set: |limits, to| limits.address_sessions = to,
        uses: |salon, count| salon.crowd(count, Salon::polling_newcomer),
        over: "429",
        reason: None,
    },
    Bound {
        limit: Limit::AddressHandshakes,
        at: 5,
        set: |limits, to| limits.address_handshakes_per_min = to,
        uses: |salon, count| salon.crowd(count, Salon::polling_newcomer),
        over: "429",
        reason: None,
    },
];

#[test]
fn each_limit_holds_at_its_value_and_tells_both_sides_beyond_it() {
    for Bound { limit, at, set, uses, over, reason } in BOUNDS {
        for amount in [at - 1, *at, at + 1] {
            let is_over = if is_a_time(*limit) { amount >= *at } else { amount > *at };
            let mut config = config(|limits| set(limits, *at));
            config.http = true;
            let mut salon = Salon::new(config);
            let told = uses(&mut salon, amount);
            let of = format!("{} at {at}, used {amount}: {told:?}", limit.as_str());
            assert_eq!(told.contains(over), is_over, "{of}");
            let stats = salon.engine.stats();
            let met: Vec<Limit> = Limit::ALL.into_iter().filter(|limit| stats.breaches(*limit) > 0).collect();
            assert_eq!(met, if is_over { vec![*limit] } else { Vec::new() }, "{of}");
            assert_eq!(stats.breaches(*limit), u64::from(is_over), "{of}");
            if let Some(reason) = reason {
                assert_eq!(stats.disconnects(*reason), u64::from(is_over), "{of}");
            }
        }
    }
}

#[test]
fn every_limit_that_the_engine_keeps_is_in_the_table() {
    // These are the loop's: tests/floods.rs, tests/descriptors.rs and tests/remotes.rs.
    let of_the_loop = [Limit::Connections, Limit::MailboxBytes];
    let expected: Vec<Limit> = Limit::ALL.into_iter().filter(|limit| !of_the_loop.contains(limit)).collect();
    assert_eq!(BOUNDS.iter().map(|bound| bound.limit).collect::<Vec<_>>(), expected);
}
