//! A room in which all dialects meet: one encoding of a broadcast for each wire
//! format, however many there are of each, and however it was queued.

use super::*;

/// A server with a guard at `/mixed` that lets everybody into the room `den`:
/// so many of each kind, none of whom reads.
struct Mixed {
    salon: Salon,
    /// Sessions on polling, by sid; those that moved to a WebSocket; those that
    /// began on one; JSON; raw.
    polling: Vec<String>,
    moved: Vec<usize>,
    websockets: Vec<usize>,
    json: Vec<usize>,
    raw: Vec<usize>,
}

fn den<'a>() -> Selection<'a> {
    let mut to = Selection { namespace: Some("/mixed"), ..Selection::default() };
    to.rooms.push("den");
    to
}

impl Mixed {
    fn of(each: usize) -> Self {
        let mut salon = Salon::new(Config::default());
        salon.engine.open("/mixed", Namespace::default().guarded()).unwrap();
        let mut mixed = Self {
            salon,
            polling: Vec::new(),
            moved: Vec::new(),
            websockets: Vec::new(),
            json: Vec::new(),
            raw: Vec::new(),
        };
        for _ in 0..each {
            // In turns, so that no kind lies together in the room.
            let sid = mixed.polls();
            mixed.polling.push(sid);
            let moved = mixed.moves();
            mixed.moved.push(moved);
            let client = mixed.salon.websocket();
            mixed.salon.says(client, "40/mixed,");
            mixed.lets_in(Dialect::Json);
            mixed.websockets.push(client);
            let client = mixed.plain(Dialect::Json);
            mixed.json.push(client);
            let client = mixed.plain(Dialect::Raw);
            mixed.raw.push(client);
        }
        for client in mixed.on_websockets() {
            mixed.salon.read(client);
            mixed.salon.room(client, 0);
        }
        let stats = mixed.salon.engine.stats();
        assert_eq!((stats.queued_bytes, stats.sockets), (0, each as u64 * 5));
        mixed
    }

    fn lets_in(&mut self, dialect: Dialect) {
        let number = self.salon.sockets.len() - 1;
        self.salon.accept(number, &Accept::default().dialect(dialect).room("den")).unwrap();
        assert_eq!(self.salon.quiet(), [format!("connect #{number} /mixed")]);
    }

    fn polls(&mut self) -> String {
        let sid = self.salon.session();
        self.salon.posts(&sid, "40/mixed,");
        self.lets_in(Dialect::Json);
        assert_eq!(masked(&self.salon.polls(&sid)), r#"40/mixed,{"sid":"*"}"#);
        sid
    }

    fn moves(&mut self) -> usize {
        let sid = self.polls();
        let client = self.salon.probe(&sid);
        self.salon.says(client, "2probe");
        assert_eq!(self.salon.says(client, "5").len(), 1);
        client
    }

    fn plain(&mut self, dialect: Dialect) -> usize {
        let client = self.salon.connect();
        self.salon.write(client, handshake("/mixed"));
        self.salon.quiet();
        self.lets_in(dialect);
        client
    }

    fn on_websockets(&self) -> Vec<usize> {
        [&self.moved[..], &self.websockets, &self.json, &self.raw].concat()
    }

    /// What a client of each kind was sent, which must be the same for all of it.
    fn heard(&mut self) -> [Vec<String>; 5] {
        for client in self.on_websockets() {
            self.salon.room(client, usize::MAX);
        }
        self.salon.quiet();
        let polled: Vec<Vec<String>> = self
            .polling
            .iter()
            .map(|sid| self.salon.polls(sid).split('\u{1e}').map(str::to_owned).collect())
            .collect();
        let salon = &mut self.salon;
        let [moved, websockets, json, raw] = [&self.moved, &self.websockets, &self.json, &self.raw]
            .map(|clients| clients.iter().map(|client| salon.frames(*client)).collect::<Vec<_>>());
        [polled, moved, websockets, json, raw].map(|mut each| {
            let first = each.remove(0);
            assert!(each.iter().all(|other| *other == first), "{first:?} {each:?}");
            first
        })
    }

    fn emit(&mut self, name: &str, payload: &Payload<'_>) -> usize {
        self.salon.tell(|engine| engine.emit(&den(), name, payload, Loudness::Normal)).unwrap()
    }

    fn memory(&self) -> usize {
        self.salon.engine.stats().memory_bytes as usize
    }
}

#[test]
fn broadcast_to_all_dialects_is_encoded_once_for_each_of_three_formats() {
    const LARGE: usize = 100_000;
    let mut memory = Vec::new();
    for each in [1, 10] {
        let mut mixed = Mixed::of(each);
        let before = mixed.memory();
        let text = format!("[\"{}\"]", "x".repeat(LARGE));
        assert_eq!(mixed.emit("e", &Payload::from(&text)), 5 * each);
        // Polling and WebSocket are one format.
        let encoded = mixed.memory() - before;
        assert!((3 * LARGE..3 * LARGE + 1_000).contains(&encoded), "{each}: {encoded}");
        assert_eq!(mixed.salon.quiet(), NOTHING);
        assert_eq!(mixed.memory() - before, encoded, "nothing is copied when it is offered");
        assert!(mixed.salon.engine.stats().queued_bytes as usize >= 5 * each * LARGE);
        memory.push(encoded);
        // All of them read it, and it is gone.
        let [polled, moved, websockets, json, raw] = mixed.heard();
        assert_eq!(polled, [format!("42/mixed,[\"e\",\"{}\"]", "x".repeat(LARGE))]);
        for heard in [moved, websockets, json, raw] {
            assert_eq!(heard.len(), 1);
        }
        let stats = mixed.salon.engine.stats();
        assert_eq!((stats.queued_bytes, stats.memory_bytes), (0, 0));
    }
    assert_eq!(memory[0], memory[1], "it is the same for one of each as for ten");
}

#[test]
fn attachments_are_encoded_once_for_each_format_too() {
    const LARGE: usize = 90_000;
    for each in [1, 5] {
        let mut mixed = Mixed::of(each);
        assert_eq!(mixed.emit("b", &Payload::binary(&[&[7; LARGE]])), 5 * each);
        // As bytes for Socket.IO and for raw, as base64 for JSON.
        let encoded = mixed.memory();
        let expected = 2 * LARGE + LARGE / 3 * 4;
        assert!((expected..expected + 1_000).contains(&encoded), "{each}: {encoded}");
        assert_eq!(mixed.salon.quiet(), NOTHING);
        assert_eq!(mixed.memory(), encoded);
        mixed.heard();
        assert_eq!(mixed.memory(), 0);
    }
}

#[test]
fn client_that_wants_base64_is_a_fourth_format() {
    const LARGE: usize = 90_000;
    let mut mixed = Mixed::of(2);
    let clients: Vec<usize> = (0..3)
        .map(|_| {
            let client = mixed.salon.connect();
            mixed.salon.write(client, handshake("/socket.io/?EIO=4&transport=websocket&b64=1"));
            mixed.salon.quiet();
            mixed.salon.says(client, "40/mixed,");
            mixed.lets_in(Dialect::Json);
            mixed.salon.read(client);
            mixed.salon.room(client, 0);
            client
        })
        .collect();
    assert_eq!(mixed.emit("b", &Payload::binary(&[&[7; LARGE]])), 13);
    let expected = 2 * LARGE + 2 * (LARGE / 3 * 4);
    assert!((expected..expected + 2_000).contains(&mixed.memory()), "{}", mixed.memory());
    mixed.heard();
    for client in clients {
        mixed.salon.room(client, usize::MAX);
        mixed.salon.quiet();
        let bytes = mixed.salon.read(client);
        let frames = split(&bytes);
        assert_eq!((frames.len(), frames[1].0 & 0x0f, &frames[1].1[..3]), (2, 1, &b"bBw"[..]));
    }
    assert_eq!(mixed.memory(), 0);
}

#[test]
fn small_broadcasts_of_one_turn_share_one_chunk_for_each_format() {
    let mut mixed = Mixed::of(4);
    for number in 0..100 {
        mixed.emit("n", &Payload::from(&format!("[{number}]")));
        if number % 2 == 0 {
            // The host also sends bytes as they are.
            mixed.salon.tell(|engine| engine.send(&den(), Data::Text("t"), Loudness::Normal)).unwrap();
        }
    }
    // Twenty members are owed it all; three logs hold it.
    let queued = mixed.salon.engine.stats().queued_bytes as usize;
    assert!(mixed.memory() * 5 < queued, "{} of {queued}", mixed.memory());
    let pieces: Vec<usize> = {
        let engine = &mixed.salon.engine;
        engine
            .queues
            .iter()
            .map(|(_, queue)| queue.pieces(&engine.chunks).count())
            .filter(|count| *count > 0)
            .collect()
    };
    assert_eq!(pieces, [1; 20], "each member has it as one range");
    assert_eq!(mixed.salon.quiet(), NOTHING);
    let [_, moved, websockets, json, raw] = mixed.heard();
    assert_eq!((moved.len(), json.len(), raw.len()), (150, 150, 150));
    assert_eq!(moved, websockets);
    assert_eq!(
        moved[..3],
        [r#"text 42/mixed,["n",0]"#, r#"text 42/mixed,["message","t"]"#, r#"text 42/mixed,["n",1]"#]
    );
    assert_eq!(json[..2], [r#"text {"event":"n","data":0}"#, r#"text {"event":"message","data":"t"}"#]);
    assert_eq!(raw[..2], [r#"text ["n",0]"#, "text t"]);
}
