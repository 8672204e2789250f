//! The order of everything against a model: random commands over a few sockets
//! and rooms, kernels of any capacity, and each client must have seen exactly
//! what the model says.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SOCKETS: usize = 4;
const ROOMS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    LeaveAll(usize),
    /// One message for one socket, with so much padding.
    Direct(usize, usize),
    /// One for an audience: rooms, sockets, excepted rooms and sockets as bits.
    Broadcast([u8; 4], usize),
    Ping(usize),
    Disconnect(usize),
    /// The kernel takes so many more bytes for a client, so many at once.
    Room(usize, usize, usize),
    Turn,
}

fn step() -> impl Strategy<Value = Step> {
    let socket = 0..SOCKETS;
    let room = 0..ROOMS.len();
    let length = prop_oneof![8 => 0..40usize, 3 => 100..400usize, 1 => 60_000..70_000usize];
    let space = prop_oneof![0..60usize, 0..2_000usize, Just(usize::MAX)];
    prop_oneof![
        4 => (socket.clone(), room.clone()).prop_map(|(socket, room)| Step::Join(socket, room)),
        2 => (socket.clone(), room).prop_map(|(socket, room)| Step::Leave(socket, room)),
        1 => socket.clone().prop_map(Step::LeaveAll),
        4 => (socket.clone(), length.clone()).prop_map(|(socket, length)| Step::Direct(socket, length)),
        8 => (any::<[u8; 4]>(), any::<[u8; 4]>(), length).prop_map(|(one, two, length)| {
            // Few bits: most audiences are not empty.
            Step::Broadcast([one[0], one[1] & two[1], one[2] & two[2], one[3] & two[3]], length)
        }),
        2 => socket.clone().prop_map(Step::Ping),
        1 => socket.clone().prop_map(Step::Disconnect),
        4 => (socket, space, prop_oneof![1..20usize, Just(usize::MAX)])
            .prop_map(|(socket, room, at_once)| Step::Room(socket, room, at_once)),
        4 => Just(Step::Turn),
    ]
}

/// What a client should have seen, and where its socket is.
#[derive(Debug, Default)]
struct Member {
    gone: bool,
    rooms: BTreeSet<usize>,
    heard: Vec<String>,
    pings: Vec<String>,
}

fn is_set(bits: u8, at: usize) -> bool {
    bits >> at & 1 == 1
}

fn in_any(member: &Member, bits: u8) -> bool {
    member.rooms.iter().any(|room| is_set(bits, *room))
}

/// Whether a broadcast is for a socket.
fn is_for(number: usize, member: &Member, [rooms, sockets, except_rooms, except_sockets]: [u8; 4]) -> bool {
    let rooms = rooms & 0b111;
    let sockets = sockets & 0b1111;
    let everybody = rooms == 0 && sockets == 0;
    !member.gone
        && (everybody || in_any(member, rooms) || is_set(sockets, number))
        && !in_any(member, except_rooms)
        && !is_set(except_sockets, number)
}

fn selection(salon: &Salon, bits: [u8; 4]) -> Selection<'static> {
    let mut to = all();
    let [rooms, sockets, except_rooms, except_sockets] = bits;
    to.rooms.extend((0..3).filter(|at| is_set(rooms, *at)).map(|at| ROOMS[at]));
    to.sockets.extend((0..SOCKETS).filter(|at| is_set(sockets, *at)).map(|at| salon.socket(at)));
    to.except_rooms.extend((0..3).filter(|at| is_set(except_rooms, *at)).map(|at| ROOMS[at]));
    to.except_sockets
        .extend((0..SOCKETS).filter(|at| is_set(except_sockets, *at)).map(|at| salon.socket(at)));
    to
}

/// The first two clients speak JSON, the others raw.
fn words(number: usize, args: &str) -> String {
    if number < 2 { format!(r#"{{"event":"e","args":{args}}}"#) } else { format!(r#"["e",{}"#, &args[1..]) }
}

fn play(steps: &[Step]) {
    let mut salon = Salon::new(Config::default());
    let mut clients = vec![salon.open(), salon.open()];
    salon.engine.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
    clients.extend([salon.open(), salon.open()]);
    let mut members: [Member; SOCKETS] = Default::default();
    for (count, step) in steps.iter().enumerate() {
        // Ids of those who are gone are stale after two turns; then commands
        // are errors, and the model has nothing to say of them.
        match *step {
            Step::Join(number, _) | Step::Leave(number, _) | Step::LeaveAll(number)
                if members[number].gone => {}
            Step::Direct(number, _) | Step::Ping(number) | Step::Disconnect(number)
                if members[number].gone => {}
            Step::Join(number, room) => {
                salon.join(number, ROOMS[room]);
                members[number].rooms.insert(room);
            }
            Step::Leave(number, room) => {
                salon.leave(number, ROOMS[room]);
                members[number].rooms.remove(&room);
            }
            Step::LeaveAll(number) => {
                let socket = salon.socket(number);
                salon.tell(|engine| engine.leave_all(socket)).unwrap();
                members[number].rooms.clear();
            }
            Step::Direct(number, length) => {
                let args = format!("[{count},\"{}\"]", "x".repeat(length));
                assert_eq!(salon.emit_to(number, "e", &args).unwrap(), 1);
                members[number].heard.push(words(number, &args));
            }
            Step::Broadcast(bits, length) => {
                let args = format!("[{count},\"{}\"]", "x".repeat(length));
                let to = selection(&salon, bits);
                let mut expected = 0;
                for (number, member) in members.iter_mut().enumerate() {
                    if is_for(number, member, bits) {
                        expected += 1;
                        member.heard.push(words(number, &args));
                    }
                }
                assert_eq!(salon.emit(&to, "e", &args), expected);
            }
            Step::Ping(number) => {
                salon.write(clients[number], wire::ping(&count.to_string()));
                salon.turn();
                members[number].pings.push(count.to_string());
            }
            Step::Disconnect(number) => {
                salon.disconnect(number, 4000, "").unwrap();
                members[number].gone = true;
                members[number].rooms.clear();
            }
            Step::Room(number, room, at_once) => {
                let pipe = &mut salon.kernel.pipes[clients[number]];
                (pipe.room, pipe.at_once) = (room, at_once);
            }
            Step::Turn => drop(salon.turn()),
        }
    }
    for client in &clients {
        let pipe = &mut salon.kernel.pipes[*client];
        (pipe.room, pipe.at_once) = (usize::MAX, usize::MAX);
    }
    salon.quiet();
    for (client, member) in clients.iter().zip(&members) {
        judge(&salon.read(*client), member);
    }
    let stats = salon.engine.stats();
    assert_eq!((stats.queued_bytes, stats.memory_bytes), (0, 0));
}

/// Compares what a client has received with what the model says.
fn judge(bytes: &[u8], member: &Member) {
    let mut frames: Vec<(u8, String)> = wire::split(bytes)
        .into_iter()
        .map(|(first, payload)| (first, String::from_utf8_lossy(payload).into_owned()))
        .collect();
    if member.gone {
        assert_eq!(frames.pop().map(|(first, _)| first), Some(0x88), "the last frame is a close");
    }
    let of = |kind: u8| frames.iter().filter(move |(first, _)| *first == kind).map(|(_, text)| text);
    assert!(of(0x81).eq(&member.heard), "heard {:?}", of(0x81).map(|it| it.len()).collect::<Vec<_>>());
    // Pongs come in the order of the pings, some left out, but not the last.
    let mut pings = member.pings.iter();
    assert!(of(0x8a).all(|pong| pings.any(|ping| ping == pong)), "pongs out of order");
    assert_eq!(of(0x8a).next_back(), member.pings.last());
    assert_eq!(of(0x81).count() + of(0x8a).count(), frames.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_socket_sees_exactly_what_was_said_while_it_was_a_member(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        play(&steps);
    }
}
