//! What one turn of the real loop takes, so that nobody keeps the others from
//! being heard. Clients are on Unix sockets: what they have written is there
//! for the very next turn, so that turns can be counted.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use common::SocketPath;
use salon::{Config, Data, Dialect, Event, Events, Limits, Namespace, Server, SocketId};

/// Most bytes that are read from one connection in a turn.
const READ: usize = 256 << 10;
/// Most bytes of events in a turn.
const EVENTS: usize = 8 << 20;
/// Most messages of one connection in a turn.
const MESSAGES: usize = 256;
/// Most clients that are taken in at one listener in a turn.
const ACCEPTS: u64 = 256;

/// A server of raw clients that is turned by the test.
struct Loop {
    server: Server,
    events: Events,
    path: SocketPath,
}

/// What a turn brought: whose message of how many bytes, or a post's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Message(SocketId, usize),
    Post(u64),
    Connect(SocketId),
}

impl Loop {
    fn new(name: &str) -> Self {
        let limits = Limits { mailbox_bytes: 256 << 20, ..Limits::default() };
        let path = SocketPath::new(name);
        let mut server = Server::new(Config { limits, ..Config::default() }).unwrap();
        server.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
        server.listen(&path.address()).unwrap();
        Self { server, events: Events::default(), path }
    }

    /// One turn, which does not wait.
    fn turn(&mut self) -> Vec<Heard> {
        self.server.poll(&mut self.events, Some(Duration::ZERO)).unwrap();
        self.events
            .iter()
            .map(|event| match event {
                Event::Data { socket, data: Data::Text(text), .. } => Heard::Message(socket, text.len()),
                Event::Data { socket, data: Data::Binary(bytes), .. } => Heard::Message(socket, bytes.len()),
                Event::Post { tag, .. } => Heard::Post(tag),
                Event::Connect { socket, .. } => Heard::Connect(socket),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// A turn, and how many bytes were read in it.
    fn turn_and_bytes(&mut self) -> (Vec<Heard>, usize) {
        let before = self.server.stats().bytes_in;
        let heard = self.turn();
        (heard, (self.server.stats().bytes_in - before) as usize)
    }

    fn knock(&self) -> UnixStream {
        let mut stream = UnixStream::connect(&self.path.0).unwrap();
        // More than a read takes.
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, 2 * READ).unwrap();
        let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// A client that is in, and has read its handshake.
    fn enter(&mut self) -> Client {
        let mut stream = self.knock();
        let socket = (0..3)
            .flat_map(|_| self.turn())
            .find_map(|heard| if let Heard::Connect(socket) = heard { Some(socket) } else { None });
        let mut answer = [0; 1_000];
        let count = stream.read(&mut answer).unwrap();
        assert!(answer[..count].starts_with(b"HTTP/1.1 101 ") && answer[..count].ends_with(b"\r\n\r\n"));
        stream.set_nonblocking(true).unwrap();
        Client { stream, socket: socket.unwrap() }
    }
}

struct Client {
    stream: UnixStream,
    socket: SocketId,
}

impl Client {
    /// Says all of it, for which there must be room.
    #[track_caller]
    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Says the same until the kernel takes no more; it must be said on from
    /// where it broke off.
    fn flood(&mut self, with: &[u8], sent: &mut usize) {
        loop {
            match self.stream.write(&with[*sent % with.len()..]) {
                Ok(count) => *sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A binary message.
fn message(length: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match length {
        0..126 => frame.push(0x80 | length as u8),
        126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.resize(frame.len() + 4 + length, 0);
    frame
}

fn bytes_of(heard: &[Heard]) -> usize {
    heard.iter().map(|heard| if let Heard::Message(_, bytes) = heard { *bytes } else { 0 }).sum()
}

/// Who was heard, each once, in order.
fn speakers(heard: &[Heard]) -> Vec<SocketId> {
    let mut speakers = Vec::new();
    for heard in heard {
        if let Heard::Message(socket, _) = heard
            && !speakers.contains(socket)
        {
            speakers.push(*socket);
        }
    }
    speakers
}

#[test]
fn one_read_of_a_connection_a_turn_and_no_sleep_while_it_has_more() {
    let mut salon = Loop::new("read");
    let mut client = salon.enter();
    // One message larger than a read: nothing but its bytes says that there is more.
    let frame = message(READ + 10_000);
    client.say(&frame);
    assert_ne!(salon.server.timeout(), Some(Duration::ZERO));
    assert_eq!(salon.turn_and_bytes(), (vec![], READ));
    assert_eq!(salon.server.timeout(), Some(Duration::ZERO), "bytes of a listed connection wait");
    // A poll that may wait without end does not.
    salon.server.poll(&mut salon.events, None).unwrap();
    assert_eq!(salon.events.len(), 1);
    assert_ne!(salon.server.timeout(), Some(Duration::ZERO), "all has been read");
    // Many small ones are no different.
    client.say(&message(2_000).repeat(150));
    let (heard, bytes) = salon.turn_and_bytes();
    assert_eq!((heard.len(), bytes), (READ / 2_008, READ));
    assert_eq!(salon.server.timeout(), Some(Duration::ZERO));
    assert_eq!(salon.turn_and_bytes().0.len(), 150 - READ / 2_008);
    assert_ne!(salon.server.timeout(), Some(Duration::ZERO));
}

#[test]
fn a_connection_gives_256_messages_a_turn_and_the_others_are_heard_meanwhile() {
    let mut salon = Loop::new("messages");
    let (mut flooding, mut quiet) = (salon.enter(), salon.enter());
    flooding.say(&message(1).repeat(1_000));
    for left in [1_000, 744, 488, 232] {
        quiet.say(&message(2));
        let heard = salon.turn();
        let of_flood = heard.iter().filter(|it| **it == Heard::Message(flooding.socket, 1)).count();
        assert_eq!(of_flood, left.min(MESSAGES));
        assert!(heard.contains(&Heard::Message(quiet.socket, 2)));
        assert_eq!(heard.len(), of_flood + 1);
        assert_eq!(salon.server.timeout() == Some(Duration::ZERO), left > MESSAGES);
    }
    assert_eq!(salon.turn(), []);
}

#[test]
fn events_of_a_turn_hold_8_mib_and_who_was_left_out_comes_first_in_the_next() {
    const CLIENTS: usize = 80;
    const EACH: usize = 15;
    let mut salon = Loop::new("events");
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| salon.enter()).collect();
    let said = message(8 << 10).repeat(EACH);
    clients.iter_mut().for_each(|client| client.say(&said));
    let (first, bytes) = salon.turn_and_bytes();
    // One read may begin when there is a byte of room.
    assert!((EVENTS - READ..EVENTS + READ).contains(&bytes_of(&first)), "{}", bytes_of(&first));
    assert!(bytes <= EVENTS + READ);
    let served = speakers(&first);
    assert!(served.len() < CLIENTS);
    assert_eq!(first.len(), served.len() * EACH, "what was read is told");
    assert_eq!(salon.server.timeout(), Some(Duration::ZERO));
    // Who has been heard speaks again, and has to stand at the end of the line.
    clients.iter_mut().filter(|it| served.contains(&it.socket)).for_each(|it| it.say(&said));
    let second = salon.turn();
    assert!(bytes_of(&second) < EVENTS + READ);
    let order = speakers(&second);
    let waited = CLIENTS - served.len();
    assert!(order[..waited].iter().all(|socket| !served.contains(socket)));
    assert!(order[waited..].iter().all(|socket| served.contains(socket)));
    // Nothing is lost.
    let mut all = [first, second].concat();
    while salon.server.timeout() == Some(Duration::ZERO) {
        all.extend(salon.turn());
    }
    assert_eq!(bytes_of(&all), (CLIENTS + served.len()) * EACH * (8 << 10));
}

#[test]
fn a_turn_that_is_full_of_something_else_reads_nobody_and_the_next_does() {
    let mut salon = Loop::new("full");
    let mut client = salon.enter();
    salon.server.remote().post(1, vec![0; EVENTS]).unwrap();
    client.say(&message(1));
    let (heard, bytes) = salon.turn_and_bytes();
    assert_eq!((heard, bytes), (vec![Heard::Post(1)], 0));
    assert_eq!(salon.server.timeout(), Some(Duration::ZERO));
    assert_eq!(salon.turn(), [Heard::Message(client.socket, 1)]);
}

/// `count` clients that never stop, and one that speaks now and then: in how
/// many turns it is heard.
fn turns_among(name: &str, count: usize) -> Vec<usize> {
    let mut salon = Loop::new(name);
    let mut flooding: Vec<(Client, usize)> = (0..count).map(|_| (salon.enter(), 0)).collect();
    let mut quiet = salon.enter();
    let said = message(1_000).repeat(100);
    let mut flood = || flooding.iter_mut().for_each(|(client, sent)| client.flood(&said, sent));
    (0..8)
        .map(|_| {
            flood();
            salon.turn();
            flood();
            quiet.say(&message(7));
            let found = (1..20).find(|_| {
                let heard = salon.turn();
                flood();
                heard.contains(&Heard::Message(quiet.socket, 7))
            });
            found.expect("it is never heard")
        })
        .collect()
}

#[test]
fn a_flooding_client_does_not_keep_another_from_being_heard_in_the_very_next_turn() {
    assert_eq!(turns_among("flood", 1), [1; 8]);
    assert_eq!(turns_among("floods", 20), [1; 8]);
}

#[test]
fn among_more_floods_than_a_turn_takes_the_line_moves_round() {
    // A turn takes 32 of them and a little; four times as many turns pass none by.
    let turns = turns_among("line", 100);
    assert!(turns.iter().all(|turns| *turns <= 4), "{turns:?}");
}

/// The frames that have come, as the first byte of each; what is not whole is kept.
fn frames(stream: &mut UnixStream, kept: &mut Vec<u8>) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => panic!("the end"),
            Ok(count) => kept.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    let (mut firsts, mut at) = (Vec::new(), 0);
    while let [first, length, long @ ..] = &kept[at..] {
        let whole = match (length, long) {
            (126, [high, low, ..]) => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            (126, _) => break,
            _ => 2 + usize::from(*length),
        };
        if at + whole > kept.len() {
            break;
        }
        firsts.push(*first);
        at += whole;
    }
    kept.drain(..at);
    firsts
}

const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
const PONG: u8 = 0x8a;

#[test]
fn a_ping_is_answered_in_the_very_turn_in_which_it_is_read_however_much_a_room_is_told() {
    let mut salon = Loop::new("fan-out");
    let mut room: Vec<Client> = (0..50).map(|_| salon.enter()).collect();
    let mut kept = vec![Vec::new(); room.len()];
    for _ in 0..20 {
        let sent: usize = (0..10).map(|_| salon.server.to("/").send(&[7; 1_000][..]).unwrap()).sum();
        assert_eq!(sent, 10 * room.len());
        room.iter_mut().for_each(|client| client.say(&PING));
        salon.turn();
        for (client, kept) in room.iter_mut().zip(&mut kept) {
            let mut expected = vec![0x82; 10];
            expected.push(PONG);
            assert_eq!(frames(&mut client.stream, kept), expected);
        }
    }
}

#[test]
fn a_pong_overtakes_what_a_busy_room_has_queued_for_who_does_not_keep_up() {
    const MESSAGES: usize = 3_000;
    let mut salon = Loop::new("behind");
    let (mut behind, mut quick) = (salon.enter(), salon.enter());
    let (mut kept, mut kept_of_quick) = (Vec::new(), Vec::new());
    let mut heard = 0;
    for _ in 0..MESSAGES / 10 {
        (0..10).for_each(|_| assert_eq!(salon.server.to("/").send(&[7; 1_000][..]).unwrap(), 2));
        salon.turn();
        heard += frames(&mut quick.stream, &mut kept_of_quick).len();
    }
    assert_eq!(heard, MESSAGES, "one that does not read keeps nobody waiting");
    let queued = salon.server.queued(behind.socket).unwrap();
    assert!(queued > 1_000_000, "{queued}");
    behind.say(&PING);
    salon.turn();
    // What the kernel has taken comes before it, and one frame that is cut off there.
    let mut firsts = Vec::new();
    while firsts.len() < MESSAGES + 1 {
        firsts.extend(frames(&mut behind.stream, &mut kept));
        salon.turn();
    }
    let taken = MESSAGES - queued / 1_004;
    let pong = firsts.iter().position(|first| *first == PONG).unwrap();
    assert!(pong <= taken + 1, "{pong} frames came before it, {taken} were with the kernel");
    assert_eq!(firsts.iter().filter(|first| **first == 0x82).count(), MESSAGES);
}

#[test]
fn a_rush_at_the_door_is_taken_in_by_256_a_turn_while_those_inside_are_heard() {
    let mut salon = Loop::new("rush");
    let other = SocketPath::new("rush-2");
    salon.server.listen(&other.address()).unwrap();
    let mut inside = salon.enter();
    let before = salon.server.stats().accepted;
    let rush: Vec<UnixStream> = (0..300).map(|_| salon.knock()).collect();
    let at_the_other: Vec<UnixStream> = (0..10).map(|_| UnixStream::connect(&other.0).unwrap()).collect();
    inside.say(&message(1));
    let heard = salon.turn();
    // Each listener for itself.
    assert_eq!(salon.server.stats().accepted - before, ACCEPTS + 10);
    assert!(heard.contains(&Heard::Message(inside.socket, 1)));
    assert_eq!(salon.server.timeout(), Some(Duration::ZERO), "more are at the door");
    inside.say(&message(2));
    let mut heard = salon.turn();
    assert_eq!(salon.server.stats().accepted - before, 310);
    assert!(heard.contains(&Heard::Message(inside.socket, 2)));
    heard.extend(salon.turn());
    heard.extend(salon.turn());
    assert_eq!(salon.server.count("/", None).unwrap(), 301);
    assert_ne!(salon.server.timeout(), Some(Duration::ZERO));
    drop((rush, at_the_other));
}

#[test]
fn errands_of_other_threads_are_done_by_4_mib_a_turn_while_clients_are_heard() {
    let mut salon = Loop::new("errands");
    let mut client = salon.enter();
    let remote = salon.server.remote();
    std::thread::spawn(move || (0..10).for_each(|tag| remote.post(tag, vec![0; 1 << 20]).unwrap()))
        .join()
        .unwrap();
    for posts in [0..4, 4..8, 8..10] {
        client.say(&message(3));
        let is_last = posts.end == 10;
        let mut expected: Vec<Heard> = posts.map(Heard::Post).collect();
        expected.push(Heard::Message(client.socket, 3));
        assert_eq!(salon.turn(), expected);
        assert_eq!(salon.server.timeout() == Some(Duration::ZERO), !is_last);
    }
    assert_eq!(salon.turn(), []);
}

#[test]
fn errand_larger_than_a_turns_share_is_done_alone() {
    let mut salon = Loop::new("large-errand");
    let remote = salon.server.remote();
    for tag in 0..3 {
        remote.post(tag, vec![0; 5 << 20]).unwrap();
    }
    remote.post(3, []).unwrap();
    for expected in [&[Heard::Post(0)][..], &[Heard::Post(1)], &[Heard::Post(2)], &[Heard::Post(3)]] {
        assert_eq!(salon.turn(), expected);
    }
}

#[test]
fn a_thread_that_never_stops_does_not_keep_clients_from_being_heard() {
    let mut salon = Loop::new("threads");
    let mut client = salon.enter();
    let remote = salon.server.remote();
    let posting = std::thread::spawn(move || {
        // Until the server is gone; a full mailbox is tried again.
        let mut tag = 0;
        loop {
            match remote.post(tag, vec![0; 100_000]) {
                Ok(()) => tag += 1,
                Err(error) if error.kind() == salon::ErrorKind::Limit => std::thread::yield_now(),
                Err(_) => return tag,
            }
        }
    });
    let mut posts = 0;
    for _ in 0..20 {
        client.say(&message(3));
        // What is posted while a turn begins is done in it as well: then it may be
        // full before anybody is read.
        let turns = [salon.turn(), salon.turn()];
        let said = turns.iter().flatten().filter(|it| **it == Heard::Message(client.socket, 3));
        assert_eq!(said.count(), 1);
        for heard in turns {
            let tags: Vec<Heard> =
                heard.into_iter().filter(|heard| matches!(heard, Heard::Post(_))).collect();
            // Twice a share, each of which one may go beyond.
            assert!(tags.len() * 100_000 <= 2 * ((4 << 20) + 100_000), "{}", tags.len());
            assert_eq!(tags, (posts..posts + tags.len() as u64).map(Heard::Post).collect::<Vec<_>>());
            posts += tags.len() as u64;
        }
    }
    drop(salon);
    assert!(posting.join().unwrap() >= posts);
}
