//! Clients that do what they should and what they should not, in pieces.

use super::*;

impl Chaos {
    /// A client arrives, and says what it wants.
    pub(super) fn arrive(&mut self) {
        let nsp = self.dice.pick(&NAMESPACES).unwrap();
        let bytes = match self.dice.below(6) {
            0 => handshake(nsp),
            1 => handshake(&format!("{PATH}websocket")),
            2 | 3 => request("GET", &format!("{PATH}polling"), ""),
            _ => self.session_request(),
        };
        self.salon.from = Some(address(self.dice.below(HOSTILE_ADDRESSES)));
        let client = self.salon.connect();
        self.say(client, bytes);
    }

    /// A request or a handshake for a session that is there, or was.
    pub(super) fn session_request(&mut self) -> Vec<u8> {
        // Nobody knows the sessions of the crowd.
        let known = |sid: &[u8]| self.sids.iter().any(|known| known.as_bytes() == sid);
        let sessions = self.salon.engine.sessions.iter().filter(|(_, session)| known(&session.sid));
        let there: Vec<u32> = sessions.map(|(key, _)| key as u32).collect();
        let session = self.dice.pick(&there).filter(|_| !self.dice.one_in(10));
        let sid = match session.and_then(|key| self.salon.engine.session(key)) {
            Some(session) => String::from_utf8_lossy(&session.sid).into_owned(),
            None => self.dice.pick(&self.sids).unwrap_or_else(|| "nobody".to_owned()),
        };
        match self.dice.below(6) {
            0 => handshake(&format!("{PATH}websocket&sid={sid}")),
            1..4 => request("GET", &format!("{PATH}polling&sid={sid}"), ""),
            _ => {
                let packets: Vec<String> =
                    (0..1 + self.dice.below(5)).map(|_| self.packet(session)).collect();
                request("POST", &format!("{PATH}polling&sid={sid}"), &packets.join("\x1e"))
            }
        }
    }

    /// A packet that makes sense to a session now, or one that need not.
    pub(super) fn packet(&mut self, key: Option<u32>) -> String {
        let session = key.and_then(|key| self.salon.engine.session(key));
        let Some(session) = session.filter(|_| !self.dice.one_in(16)) else { return self.any_packet() };
        if session.incomplete.held() > 0 {
            return "bAQIDBA==".to_owned();
        }
        let sockets: Vec<_> = session.sockets.iter().copied().collect();
        let socket = self.dice.pick(&sockets);
        let entry = socket.and_then(|socket| self.salon.engine.hub.get(socket));
        let nsp = entry.and_then(|entry| self.salon.engine.hub.namespace(entry.namespace));
        let Some(nsp) = nsp.filter(|_| !self.dice.one_in(6)).map(|entry| entry.name.clone()) else {
            let nsp = self.dice.pick(&NAMESPACES).unwrap();
            let newest = self.pids.len().saturating_sub(3);
            let pid = self.dice.pick(&self.pids[newest..]).unwrap_or_default();
            return format!("40{nsp},{{\"pid\":\"{pid}\"}}");
        };
        let padding = "x".repeat(self.dice.pick(&[0, 10, 500]).unwrap());
        match self.dice.below(12) {
            0..5 => format!("42{nsp},[\"say\",\"{padding}\"]"),
            5 => format!("42{nsp},{}[\"ask\"]", self.dice.below(9)),
            6 => format!("451-{nsp},[\"pic\",{{\"_placeholder\":true,\"num\":0}}]"),
            7..9 => format!("43{nsp},{}[1]", 1 + self.dice.below(12)),
            9 if padding.is_empty() => format!("41{nsp},"),
            _ => "3".to_owned(),
        }
    }

    /// A packet of Engine.IO, with one of Socket.IO in it.
    pub(super) fn any_packet(&mut self) -> String {
        let nsp = match self.dice.pick(&NAMESPACES) {
            Some("/") | None => String::new(),
            Some(nsp) => format!("{nsp},"),
        };
        let padding = "x".repeat(self.dice.pick(&[0, 10, 500, 1_500]).unwrap());
        match self.dice.below(32) {
            0..5 | 24.. => format!("4{}", ["0", "2[\"say\",1]"][self.dice.below(2)]),
            5 | 6 => {
                let newest = self.pids.len().saturating_sub(3);
                let pid = self.dice.pick(&self.pids[newest..]).unwrap_or_default();
                let offset = self.dice.below(20);
                format!("40{nsp}{{\"pid\":\"{pid}\",\"offset\":\"{offset:x}\",\"a\":\"{padding}\"}}")
            }
            7..10 => format!("42{nsp}[\"say\",\"{padding}\"]"),
            10 => format!("42{nsp}{}[\"ask\"]", self.dice.below(9)),
            11 => format!("451-{nsp}[\"pic\",{{\"_placeholder\":true,\"num\":0}},\"{padding}\"]"),
            12 | 13 => "bAQIDBA==".to_owned(),
            14..16 => format!("43{nsp}{}[1]", 1 + self.dice.below(30)),
            16 => format!("41{nsp}"),
            17 | 18 => "3".to_owned(),
            19 => "5".to_owned(),
            20 | 21 => "2probe".to_owned(),
            _ => {
                self.dice.pick(&["1", "6", "2", "", "9", "44{}", "4", "42[]", "4511-[\"a\"]"]).unwrap().into()
            }
        }
    }

    /// Somebody who is there goes on.
    pub(super) fn talk(&mut self) {
        let Some(client) = self.somebody() else { return };
        let key = self.salon.kernel.pipes[client].key;
        let bytes = match self.salon.engine.connections.get(key as usize).map(|connection| &connection.state)
        {
            Some(State::Http(_)) => self.session_request(),
            Some(State::Open(Open { client: Client::Plain(_), .. })) => {
                let said = [
                    r#"{"event":"say","data":1}"#,
                    r#"{"event":"ask","id":3}"#,
                    r#"{"ack":1,"data":true}"#,
                    r#"{"event":"connect"}"#,
                    "no json",
                ];
                text(self.dice.pick(&said).unwrap())
            }
            Some(State::Open(Open { client: Client::Probe(session), .. })) if !self.dice.one_in(8) => {
                let asked = self.salon.engine.sessions[*session as usize].probe.is_some_and(|it| it.answered);
                text(if asked { "5" } else { "2probe" })
            }
            Some(State::Open(Open { client: Client::Session(session), .. })) if !self.dice.one_in(16) => {
                let session = *session;
                text(&self.packet(Some(session)))
            }
            _ => match self.dice.below(24) {
                0 => ping("are you there?"),
                1 => binary(&[7; 90]),
                2 => close(1_000, ""),
                3 => frame(false, 1, b"42"),
                4 => self.any_bytes(),
                _ => text(&self.any_packet()),
            },
        };
        self.say(client, bytes);
    }

    pub(super) fn any_bytes(&mut self) -> Vec<u8> {
        (0..1 + self.dice.below(60)).map(|_| self.dice.below(256) as u8).collect()
    }

    /// Bytes of a client, sometimes in pieces, sometimes never finished.
    pub(super) fn say(&mut self, client: usize, bytes: Vec<u8>) {
        let mut all = self.unsaid.remove(&client).unwrap_or_default();
        all.extend(bytes);
        if self.dice.one_in(8) {
            let rest = all.split_off(self.dice.below(all.len()));
            self.unsaid.insert(client, rest);
        }
        if !all.is_empty() {
            self.salon.write(client, all);
        }
    }

    pub(super) fn disturb(&mut self) {
        let Some(client) = self.somebody() else { return };
        match self.dice.below(7) {
            0 => self.salon.end(client, End::Eof),
            1 => self.salon.end(client, End::Reset),
            2 => self.salon.kernel.pipes[client].broken = true,
            3..6 => {
                let room = self.dice.pick(&[0, 7, 200, 5_000, usize::MAX]).unwrap();
                self.salon.room(client, room);
            }
            _ => self.salon.busy = !self.salon.busy,
        }
    }

    pub(super) fn somebody(&mut self) -> Option<usize> {
        let pipes = self.salon.kernel.pipes.iter().enumerate();
        let of_crowd = |client: &usize| self.pipes.contains_key(client);
        let there = pipes.filter(|(_, pipe)| !pipe.dropped).map(|(client, _)| client);
        let there: Vec<usize> = there.filter(|client| !of_crowd(client)).collect();
        self.dice.pick(&there)
    }
}
