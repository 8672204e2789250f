//! What the host does, and what it means for the model.

use super::*;

impl Chaos {
    pub(super) fn command(&mut self) {
        let newest = self.salon.sockets.len().saturating_sub(12 + self.most_guests / 2);
        let numbers: Vec<usize> = (newest..self.salon.sockets.len()).collect();
        let Some(number) = self.dice.pick(&numbers) else { return };
        let socket = self.salon.socket(number);
        let nsp = self.dice.pick(&NAMESPACES).unwrap();
        let room = self.dice.pick(&["a", "b", "c", "d"]).unwrap();
        let mut said = Said {
            nsp: (!self.dice.one_in(4)).then_some(nsp),
            room: self.dice.one_in(2).then_some(room),
            only: None,
            except: self.dice.one_in(2).then_some(number),
            volatile: self.dice.one_in(4),
            length: self.dice.pick(&[1, 100, 2_000]).unwrap(),
        };
        let patience = Duration::from_millis(self.dice.pick(&[10, 5_000, 90_000]).unwrap());
        // Goodbyes for many would leave nobody to talk to.
        let which = match self.dice.below(24) {
            goodbye @ 14..18 if self.most_guests > 0 && !self.dice.one_in(8) => goodbye - 10,
            16 if patience.as_millis() != 10 => 17,
            which => which,
        };
        let to = self.selection(&said);
        if let 12 | 13 = which {
            return self.ask(which == 12, socket, &to, patience);
        }
        let is_live = self.is_live(number);
        match which {
            // Stale ids and namespaces that are not there are the host's
            // mistakes: an error, and nothing else.
            0 | 18 => {
                let accepted = self.salon.tell(|engine| {
                    let waits =
                        engine.hub.get(socket).is_some_and(|it| it.stage == crate::hub::Stage::Waiting);
                    engine.accept(socket, &Accept::default().room(room).user(7)).is_ok() && waits
                });
                if accepted && self.is_live(number) {
                    self.enter(number);
                    self.ledger.members.get_mut(&number).unwrap().rooms.insert(room.to_owned());
                    // The host learns at the end of the turn that it is back.
                    if let Some(&Record::Connect { was: Some(was), .. }) =
                        self.salon.engine.turn.records.last()
                    {
                        self.ledger.come_back(self.number(was), number);
                    }
                }
            }
            1 => drop(self.salon.tell(|engine| engine.reject(socket, 403, "no", Some("{\"a\":1}")))),
            2 | 19 => {
                if self.salon.tell(|engine| engine.join(socket, room)).is_ok() && is_live {
                    self.ledger.members.get_mut(&number).unwrap().rooms.insert(room.to_owned());
                }
            }
            3 => {
                if self.salon.tell(|engine| engine.leave(socket, room)).is_ok() && is_live {
                    self.ledger.members.get_mut(&number).unwrap().rooms.remove(room);
                }
            }
            4 => self.join_all(&to, &said, room),
            8 | 20 => {
                said = Said { nsp: None, room: None, only: Some(number), except: None, ..said };
                self.say_to_many(said, &Selection::default(), which);
            }
            5..11 | 21.. => self.say_to_many(said, &to, which),
            11 => {
                let answer = self.dice.pick(&self.salon.questions);
                let of_crowd =
                    answer.is_some_and(|ack| self.to_answer.iter().any(|(asked, _)| *asked == ack));
                if let Some(ack) = answer.filter(|_| !of_crowd) {
                    let _ = self.salon.tell(|engine| engine.answer_ack(ack, &Payload::from("[true]")));
                }
            }
            14 => drop(self.salon.tell(|engine| engine.disconnect(socket, 1_000, ""))),
            15 => drop(self.salon.tell(|engine| engine.disconnect_client(socket))),
            16 if self.dice.one_in(2) => drop(self.salon.tell(|engine| engine.close_namespace(nsp))),
            16 => drop(self.salon.tell(|engine| engine.disconnect_all(&to, 4_000, "all of you"))),
            _ => {
                if self.salon.tell(|engine| engine.leave_all(socket)).is_ok() && is_live {
                    self.ledger.members.get_mut(&number).unwrap().rooms.clear();
                }
            }
        }
        let open = Namespace::default();
        let _ = self.salon.tell(|engine| engine.open("/", open.clone()));
        let _ = self.salon.tell(|engine| engine.open("/door", open.guarded()));
    }

    pub(super) fn selection(&self, said: &Said) -> Selection<'static> {
        let mut to = Selection { namespace: said.nsp, ..Selection::default() };
        to.rooms.extend(said.room);
        match said.except {
            Some(number) => except(to, self.salon.socket(number)),
            None => to,
        }
    }

    /// A numbered message in one of its forms. It was for as many as the model
    /// says, and each of them is accounted for.
    pub(super) fn say_to_many(&mut self, said: Said, to: &Selection<'_>, form: usize) {
        let number = self.ledger.next_number();
        let text = format!("~{number}~{}", "y".repeat(said.length));
        let loudness = if said.volatile { Loudness::Volatile } else { Loudness::Normal };
        let only = said.only;
        let engine = &self.salon.engine;
        let before = engine.stats();
        let exists = said.nsp.is_none_or(|nsp| engine.hub.find(nsp).is_ok())
            && only.is_none_or(|only| engine.hub.get(self.salon.socket(only)).is_some());
        let sockets = &self.salon.sockets;
        let audience = match exists {
            true => self.ledger.say(said, |socket| is_live(engine, sockets[socket])),
            false => 0,
        };
        let one = only.map(|only| self.salon.socket(only));
        let queued = self.salon.tell(|engine| match (one, form) {
            (Some(socket), 8) => {
                engine.emit_one(socket, "n", &Payload::from(format!("[\"{text}\"]")), loudness)
            }
            (Some(socket), _) => engine.send_one(socket, Data::Text(&text), loudness),
            (None, 9) => engine.emit(to, "pic", &Payload::binary(&[text.as_bytes()]), loudness),
            (None, 10) => engine.send(to, Data::Binary(text.as_bytes()), loudness),
            (None, 21) => engine.send(to, Data::Text(&text), loudness),
            (None, _) => engine.emit(to, "n", &Payload::from(format!("[\"{text}\"]")), loudness),
        });
        let after = self.salon.engine.stats();
        let dropped =
            (after.dropped_full - before.dropped_full) + (after.dropped_volatile - before.dropped_volatile);
        match (queued, only) {
            (Ok(queued), _) => {
                assert_eq!(queued as u64 + dropped, audience as u64, "receivers of message {number}");
            }
            (Err(_), None) => assert!(!exists),
            (Err(_), Some(socket)) => {
                assert_eq!(dropped, audience as u64);
                if audience == 1 {
                    self.ledger.unsay(socket);
                }
            }
        }
    }

    pub(super) fn join_all(&mut self, to: &Selection<'_>, of: &Said, room: &str) {
        if self.salon.tell(|engine| engine.join_all(to, room)).is_err() {
            return;
        }
        let Self { salon, ledger, .. } = self;
        for (&number, member) in &mut ledger.members {
            if ledger::is_for(of, number, member) && is_live(&salon.engine, salon.sockets[number]) {
                member.rooms.insert(room.to_owned());
            }
        }
    }

    pub(super) fn is_live(&self, number: usize) -> bool {
        is_live(&self.salon.engine, self.salon.socket(number))
    }

    /// A socket is in its namespace now; if it is one of the crowd's, its client
    /// is found by its connection or session.
    pub(super) fn enter(&mut self, number: usize) {
        if self.ledger.members.contains_key(&number) {
            return;
        }
        let engine = &self.salon.engine;
        let Some(entry) = engine.hub.get(self.salon.socket(number)) else { return };
        // One that has just left may have been the last in its namespace.
        let nsp = engine.hub.namespace(entry.namespace).map_or("".into(), |nsp| nsp.name.clone());
        let is_there = entry.stage != crate::hub::Stage::Left;
        let guest = match crate::session::is_socketio(entry.route.format) {
            _ if !is_there => None,
            true => {
                let session = &engine.sessions[entry.owner as usize];
                match session.via {
                    Via::WebSocket(key) => self.guest_at(key),
                    Via::Polling => {
                        let sid = std::str::from_utf8(&session.sid).unwrap();
                        self.crowd.iter().position(|guest| guest.sid.as_deref() == Some(sid))
                    }
                }
            }
            false => self.guest_at(entry.owner),
        };
        self.ledger.enter(number, &nsp, guest.is_some());
        if let Some(guest) = guest {
            self.crowd[guest].enter(number, &nsp);
        }
    }

    /// Whose WebSocket a connection is, if it has not been given up meanwhile.
    pub(super) fn guest_at(&self, key: u32) -> Option<usize> {
        let pipe = self.salon.kernel.by_key.get(&key)?;
        self.pipes.get(pipe).copied().filter(|guest| self.crowd[*guest].ws == Some(*pipe))
    }

    /// The host answers one of the crowd's questions.
    pub(super) fn answer_one(&mut self) {
        if self.to_answer.is_empty() {
            return;
        }
        let at = self.dice.below(self.to_answer.len());
        let (ack, id) = self.to_answer.swap_remove(at);
        // Who asked may be gone.
        let _ = self.salon.tell(|engine| engine.answer_ack(ack, &Payload::from(format!("[\"!{id}!\"]"))));
    }

    pub(super) fn ask(&mut self, one: bool, socket: SocketId, to: &Selection<'_>, patience: Duration) {
        let said = Payload::from("[1]");
        let asked = self.salon.tell(|engine| match one {
            true => engine.ask_one(socket, "q", &said, patience),
            false => engine.ask(to, "q", &said, patience),
        });
        let Ok(ack) = asked else { return };
        let question = number(&mut self.salon.questions, ack);
        if one {
            let asked = number(&mut self.salon.sockets, socket);
            assert!(self.books.single.insert((asked, question)));
        } else {
            assert!(self.books.many.insert(question, BTreeSet::new()).is_none());
        }
    }
}
