//! What must be true after every turn, of all tables together, and what the host
//! may be told.

use super::*;

impl Chaos {
    /// Nothing is counted twice, and all that points at something points back.
    pub(super) fn balance(&self) {
        let engine = &self.salon.engine;
        let stats = engine.stats();
        let live = self.books.sockets.values().filter(|told| **told == Told::Live).count();
        assert_eq!(stats.sockets, live as u64, "sockets");
        let there = self.salon.kernel.pipes.iter().filter(|pipe| !pipe.dropped).count();
        assert_eq!(stats.connections, there as u64, "connections");
        let queued: usize = engine.queues.iter().map(|(_, queue)| queue.bytes()).sum();
        assert_eq!(engine.queued_bytes, queued, "queued bytes");
        let mut partial = 0;
        for (key, connection) in &engine.connections {
            let key = key as u32;
            assert!(
                engine.queues.contains(connection.queue as usize) || matches!(connection.state, State::Dead)
            );
            partial += connection.held.as_ref().map_or(0, |held| held.capacity());
            match &connection.state {
                State::Http(exchange) => {
                    partial += exchange.body.as_ref().map_or(0, |(_, _, payload)| payload.capacity());
                    if let Some(parked) = &exchange.parked {
                        assert_eq!(engine.sessions[parked.session as usize].poll, Some(key));
                    }
                    if let Some(session) = exchange.posting {
                        assert_eq!(engine.sessions[session as usize].post, Some(key));
                    }
                }
                State::Open(open) => {
                    partial += open.reader.held();
                    match open.client {
                        Client::Plain(socket) => assert_eq!(engine.hub.get(socket).unwrap().owner, key),
                        Client::Session(session) => {
                            assert_eq!(engine.sessions[session as usize].via, Via::WebSocket(key));
                            assert_eq!(engine.sessions[session as usize].queue, connection.queue);
                        }
                        Client::Probe(session) => {
                            let probe = engine.sessions[session as usize].probe.unwrap();
                            assert_eq!(probe.connection, key);
                        }
                    }
                }
                State::Closing(reader) => partial += reader.held(),
                _ => {}
            }
        }
        assert_eq!(engine.by_sid.len(), engine.sessions.len());
        let mut inside = 0;
        for (key, session) in &engine.sessions {
            assert_eq!(engine.by_sid[&session.sid], key as u32);
            assert!(engine.queues.contains(session.queue as usize));
            assert!(!session.closing || session.sockets.is_empty());
            partial += session.incomplete.held();
            inside += session.sockets.len();
            for socket in session.sockets.iter() {
                let entry = engine.hub.get(*socket).unwrap();
                assert_eq!((entry.owner, entry.route.queue), (key as u32, session.queue));
                assert_ne!(entry.stage, crate::hub::Stage::Left);
                partial += engine.held_by_socket(*socket);
            }
        }
        assert!(inside >= engine.doors.len() && inside >= engine.auths.len());
        for socket in engine.doors.keys() {
            assert!(engine.guard_timers.waits_for(socket.index()).is_some());
        }
        assert_eq!(engine.partial_bytes, partial, "partial bytes");
        // Over the bound by what one turn or one command adds, at most.
        let most = engine.config.limits.memory_bytes + SLACK_BYTES;
        assert!(stats.memory_bytes <= most, "{} bytes of {most}", stats.memory_bytes);
        for (_, queue) in &engine.queues {
            let most = engine.config.limits.queue_bytes as usize + SLACK_BYTES as usize;
            assert!(queue.weight() <= most, "a queue of {} bytes, of {most}", queue.weight());
        }
    }
}

impl Books {
    /// Notes what the host is told, if it may be told that now.
    pub(super) fn enter(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let socket = || {
            words.iter().find_map(|word| word.strip_prefix('#')?.trim_end_matches(':').parse::<usize>().ok())
        };
        let told = |socket: &usize| self.sockets.get(socket).copied();
        match words[..] {
            ["asks", ..] => assert_eq!(self.sockets.insert(socket().unwrap(), Told::Asked), None, "{line}"),
            ["connect", ..] => {
                let before = self.sockets.insert(socket().unwrap(), Told::Live);
                assert!(matches!(before, None | Some(Told::Asked)), "{line}");
            }
            ["gone", ..] => {
                let before = self.sockets.insert(socket().unwrap(), Told::Gone);
                assert!(matches!(before, Some(Told::Asked | Told::Live)), "{line}: {before:?}");
            }
            [who, "answers", question, ..] if who.starts_with('#') => {
                let question: usize = question.trim_end_matches(':').parse().unwrap();
                let socket = socket().unwrap();
                match self.many.get_mut(&question) {
                    Some(heard) => assert!(heard.insert(socket), "{line}"),
                    None => assert!(self.single.remove(&(socket, question)), "{line}"),
                }
            }
            ["done", question, ..] => {
                let question: usize = question.trim_end_matches(':').parse().unwrap();
                assert!(self.many.remove(&question).is_some(), "{line}");
            }
            [_, "says" | "sends", ..] | ["upgraded" | "drain", ..] => {
                assert_eq!(told(&socket().unwrap()), Some(Told::Live), "{line}");
            }
            ["expired", ..] => assert_eq!(told(&socket().unwrap()), Some(Told::Gone), "{line}"),
            _ => {}
        }
    }
}
