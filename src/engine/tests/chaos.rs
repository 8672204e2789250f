//! Everything at once: a simulation of a server, its host, its clients, the
//! network and the clock. Some clients do what they should not, in pieces, over
//! kernels of any capacity; a crowd of others (`crowd.rs`) behaves, over a network
//! that delays, splits and cuts (`network.rs`). The host commands at random. After
//! each turn the books must balance, what each of the crowd hears is what a model
//! (`ledger.rs`) says, and at the end everything is empty.
//!
//! A seed that fails is in the panic's message; `SALON_SEED=7 cargo test
//! whatever_happens` plays it alone, and `SALON_SEEDS=100000` so many.

mod balance;
mod host;
mod hostile;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    crowd::{Around, Guest},
    ledger::{Ledger, Said},
    network::{Network, Parcel},
    wire::*,
    *,
};
#[cfg(test)]
use crate::base::limit::Limit;
use crate::engine::{
    config::{Keep, Overflow, Recovery},
    connection::{Client, Open, State},
    session::Via,
};

const STEPS: u32 = 400;
/// Addresses of clients. Those of the hostile come first, and some of the crowd share
/// them.
const ADDRESSES: usize = 24;
const HOSTILE_ADDRESSES: usize = 3;
/// What one turn or command may add to memory over a bound.
const SLACK_BYTES: u64 = 64 << 10;
const NAMESPACES: [&str; 5] = ["/", "/door", "/team-1", "/team-2", "/none"];
const PATH: &str = "/socket.io/?EIO=4&transport=";

/// Decisions: numbers that are the same for the same seed, or a script's bytes.
pub(super) enum Dice {
    Seed(u64),
    Script(VecDeque<u8>),
}

impl Dice {
    pub(super) fn below(&mut self, end: usize) -> usize {
        match self {
            Self::Seed(state) => {
                *state =
                    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (*state >> 33) as usize % end.max(1)
            }
            Self::Script(bytes) => {
                // At its end the last choice, which is mostly the plain one.
                if bytes.is_empty() {
                    return end.max(1) - 1;
                }
                let mut byte = || usize::from(bytes.pop_front().unwrap_or_default());
                (if end > 256 { byte() << 8 | byte() } else { byte() }) % end.max(1)
            }
        }
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(super) fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        list.get(self.below(list.len())).cloned()
    }

    /// Whether the script has said all; a seed never has.
    fn is_over(&self) -> bool {
        matches!(self, Self::Script(bytes) if bytes.is_empty())
    }
}

/// How far a socket has come, as the host was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Asked,
    Live,
    Gone,
}

/// What the host knows.
#[derive(Default)]
struct Books {
    sockets: BTreeMap<usize, Told>,
    /// Questions to one socket that are open, and to audiences.
    single: BTreeSet<(usize, usize)>,
    many: BTreeMap<usize, BTreeSet<usize>>,
}

pub(super) struct Chaos {
    salon: Salon,
    dice: Dice,
    books: Books,
    crowd: Vec<Guest>,
    /// How many of the crowd there may be.
    most_guests: usize,
    /// Connections of the crowd: whose they are, and which of them the server
    /// has ended, as far as its client will learn.
    pipes: BTreeMap<usize, usize>,
    ended: BTreeSet<usize>,
    network: Network,
    ledger: Ledger,
    /// Questions of the crowd that the host will answer.
    to_answer: Vec<(AckId, String)>,
    /// Bytes of a client that have not been written yet.
    unsaid: BTreeMap<usize, Vec<u8>>,
    /// Ids that clients were told.
    sids: Vec<String>,
    pids: Vec<String>,
}

pub(super) fn address(number: usize) -> std::net::SocketAddr {
    ([198, 51, 100, number as u8], 4_000).into()
}

fn hostile_config(dice: &mut Dice) -> Config {
    let mut config = config(|limits| {
        limits.message_bytes = 4_000;
        limits.queue_bytes = 3_000;
        limits.waiting_bytes = 600;
        limits.payload_packets = 8;
        limits.namespaces = 3;
        limits.acks_awaited = 4;
        limits.acks_owed = 4;
        limits.rooms = 3;
        limits.turn_messages = 4;
        limits.unclaimed_sessions = 4;
        limits.memory_bytes = if dice.one_in(4) { 30_000 } else { 1 << 30 };
    });
    // Bounds that some of the crowd keep, and some do not.
    if dice.one_in(3) {
        let limits = &mut config.limits;
        (limits.client_events_per_s, limits.client_events_burst) = (4, 10);
        (limits.address_connections, limits.address_connects_per_min) = (12, 8);
        (limits.address_sessions, limits.address_handshakes_per_min) = (6, 10);
    }
    config.http = dice.one_in(2);
    config.overflow = if dice.one_in(3) { Overflow::Drop } else { Overflow::Disconnect };
    config.keep_handshake = if dice.one_in(2) { Keep::All } else { Keep::Nothing };
    (config.room_events, config.member_events) = (dice.one_in(2), dice.one_in(2));
    let few = Recovery { window_ms: 60_000, events: 20, bytes: 4_000, sockets: 3 };
    config.socketio.as_mut().unwrap().recovery = dice.one_in(2).then_some(few);
    config
}

impl Chaos {
    fn new(seed: u64) -> Self {
        Self::with(Dice::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), crowd_of(seed))
    }

    /// What a script says, byte by byte; for fuzzing.
    pub(super) fn of_script(script: &[u8]) -> Self {
        Self::with(Dice::Script(script.iter().copied().collect()), 6)
    }

    fn with(mut dice: Dice, most_guests: usize) -> Self {
        let mut salon = Salon::new(hostile_config(&mut dice));
        // The ids of a long play must not repeat.
        let mut ids = Dice::Seed(1);
        salon.engine.random = Box::new(move |bytes| bytes.fill_with(|| ids.below(256) as u8));
        salon.engine.open("/door", Namespace::default().guarded()).unwrap();
        salon.engine.open_pattern("/team-", Namespace::default().dialect(Dialect::Raw)).unwrap();
        Self {
            salon,
            dice,
            books: Books::default(),
            crowd: Vec::new(),
            most_guests,
            pipes: BTreeMap::new(),
            ended: BTreeSet::new(),
            network: Network::default(),
            ledger: Ledger::default(),
            to_answer: Vec::new(),
            unsaid: BTreeMap::new(),
            sids: Vec::new(),
            pids: Vec::new(),
        }
    }

    pub(super) fn play(&mut self) {
        let steps = STEPS + 4 * self.most_guests as u32;
        for _ in 0..steps {
            if self.dice.is_over() {
                break;
            }
            match self.dice.below(40) {
                0..2 => self.arrive(),
                2..10 => self.talk(),
                10 => self.disturb(),
                11..14 => self.command(),
                14 => self.answer_one(),
                15 => {
                    let wait_ms = self.dice.pick(&[1, 1, 50, 2_000, 11_000, 26_000]).unwrap();
                    self.pass(wait_ms);
                }
                16..24 if self.most_guests > 0 => self.act(),
                24..28 if self.most_guests > 0 => self.pass(20),
                _ => self.turn(),
            }
        }
        self.settle();
        self.leave();
    }

    // What the crowd does, and what comes to it.

    fn act(&mut self) {
        if self.crowd.len() < self.most_guests && self.dice.one_in(2) {
            let address = address(self.dice.below(ADDRESSES));
            self.crowd.push(Guest::new(&mut self.dice, address));
        }
        if self.crowd.is_empty() {
            return;
        }
        let guest = self.dice.below(self.crowd.len());
        self.with_guest(guest, Guest::act);
    }

    fn with_guest(&mut self, me: usize, act: impl FnOnce(&mut Guest, &mut Around<'_>)) {
        let may_miss = self.salon.engine.config.overflow == Overflow::Drop;
        let Self { salon, network, dice, ledger, pipes, crowd, .. } = self;
        act(&mut crowd[me], &mut Around { salon, network, dice, ledger, pipes, me, may_miss });
    }

    /// Time passes, and what is due meanwhile happens when it is due.
    fn pass(&mut self, wait_ms: Millis) {
        let until = self.salon.now + wait_ms;
        if self.crowd.is_empty() {
            self.salon.now = until;
            return;
        }
        let mut hops = 0;
        while self.salon.now < until {
            let due = [self.network.due(), self.salon.engine.timeout()].into_iter().flatten().min();
            hops += 1;
            // Nobody reads while the loop is busy.
            let next = if hops < 200 { due.unwrap_or(until) } else { until };
            self.salon.now = next.clamp(self.salon.now, until);
            self.turn();
        }
    }

    fn deliver(&mut self) {
        while let Some(parcel) = self.network.arrived(self.salon.now) {
            match parcel {
                Parcel::ToServer(pipe, bytes) => self.salon.write(pipe, bytes),
                Parcel::ServerSees(pipe, end) => self.salon.end(pipe, end),
                Parcel::ToClient(pipe, bytes) => {
                    let kept = &mut self.salon.kernel.pipes[pipe].room;
                    if *kept != usize::MAX {
                        *kept += bytes.len();
                    }
                    let guest = self.pipes[&pipe];
                    self.with_guest(guest, |guest, around| guest.take(around, pipe, &bytes));
                }
                Parcel::ClientSees(pipe) => {
                    let guest = self.pipes[&pipe];
                    self.with_guest(guest, |guest, around| guest.see_end(around, pipe));
                }
            }
        }
    }

    /// The crowd falls silent, the network is well, the host answers: all that
    /// is under way arrives.
    fn settle(&mut self) {
        self.salon.busy = false;
        self.network.is_fast = true;
        for pipe in self.pipes.keys() {
            self.salon.kernel.pipes[*pipe].at_once = usize::MAX;
        }
        while !self.to_answer.is_empty() {
            self.answer_one();
        }
        self.turn();
        for _ in 0..20 {
            self.pass(500);
            while !self.to_answer.is_empty() {
                self.answer_one();
            }
        }
        // What came in many pieces takes many turns.
        for _ in 0..10_000 {
            if self.network.due().is_none() && self.salon.is_quiet() {
                break;
            }
            self.turn();
        }
        for me in 0..self.crowd.len() {
            let guest = &self.crowd[me];
            let hears_in_second = guest.second.as_ref().filter(|second| second.is_in && guest.is_hearing());
            let number_in_second = hears_in_second.and_then(|second| second.number);
            if let Some(number) = number_in_second.filter(|number| self.is_live(*number)) {
                self.settle_socket(number);
            }
            let guest = &self.crowd[me];
            let Some(number) = guest.number.filter(|number| self.is_live(*number)) else { continue };
            if guest.is_hearing() {
                self.settle_socket(number);
                let guest = &self.crowd[me];
                let heard = self.ledger.members[&number].heard_of;
                assert_eq!(heard, guest.said, "what guest {me} said to the host");
                // An answer may be dropped like anything else.
                let may_miss = self.salon.engine.config.overflow == Overflow::Drop;
                assert!(guest.asked.is_empty() || may_miss, "guest {me} waits for {:?}", guest.asked);
            }
        }
    }

    /// All that a socket is owed has come, or its drops are known.
    fn settle_socket(&mut self, number: usize) {
        let drops = self.salon.engine.dropped(self.salon.socket(number));
        self.ledger.settle(number, drops);
    }

    // What comes of it.

    fn turn(&mut self) {
        self.deliver();
        let lines = self.salon.turn();
        for (at, line) in lines.iter().enumerate() {
            self.note(line);
            self.come_back(at);
        }
        for client in 0..self.salon.kernel.pipes.len() {
            let is_over = self.salon.is_finished(client) || self.salon.is_dropped(client);
            let bytes = self.salon.read(client);
            if self.pipes.contains_key(&client) {
                let Self { network, dice, salon, ended, .. } = self;
                if !bytes.is_empty() {
                    network.down(client, bytes, salon.now, dice);
                }
                if is_over && ended.insert(client) {
                    network.end_down(client, salon.now, dice);
                }
                continue;
            }
            let said = String::from_utf8_lossy(&bytes);
            self.sids.extend(ids(&said, "\"sid\":\""));
            self.pids.extend(ids(&said, "\"pid\":\""));
        }
        self.balance();
    }

    /// What the host is told goes into the books and the model.
    fn note(&mut self, line: &str) {
        self.books.enter(line);
        let number = || -> Option<usize> {
            line.split(' ').find_map(|word| word.strip_prefix('#')?.trim_end_matches(':').parse().ok())
        };
        if line.starts_with("connect #") {
            self.enter(number().unwrap());
        } else if line.starts_with("gone #") {
            self.part(number().unwrap(), line);
        } else if line.starts_with("drain #") {
            let dropped: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            self.ledger.drop(number().unwrap(), dropped);
        } else if line.contains(" says ask [\"?") {
            let id = line.split('?').nth(1).unwrap().to_owned();
            let question: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
            self.to_answer.push((self.salon.questions[question], id));
        } else if let Some(said) = line.split('~').nth(1) {
            let member = self.ledger.members.get_mut(&number().unwrap()).unwrap();
            assert_eq!(said.parse(), Ok(member.heard_of), "{line}");
            member.heard_of += 1;
        } else if line.contains(" answers ")
            && let Some((_, from)) = line.split_once("[\"from ")
        {
            let guest: usize = from.trim_end_matches("\"]").parse().unwrap();
            let who = number().unwrap();
            let guest = &self.crowd[guest];
            let in_second = guest.second.as_ref().and_then(|second| second.number);
            assert!(guest.number.max(in_second).is_none_or(|now| now >= who), "{line}");
        }
    }

    /// A socket is gone: from its rooms, and after all that its client said if
    /// the client left by itself.
    fn part(&mut self, number: usize, line: &str) {
        let Some(member) = self.ledger.members.get(&number) else { return };
        let (_, rooms) = line.rsplit_once(" [").unwrap();
        let expected: Vec<String> = member.rooms.iter().map(|room| format!("{room:?}")).collect();
        assert_eq!(rooms.trim_end_matches(']'), expected.join(", "), "{line}");
        let guest = self.crowd.iter().find(|guest| guest.number == Some(number));
        if line.contains(": client left")
            && let Some(said) = guest.and_then(|guest| guest.said_all)
        {
            assert_eq!(member.heard_of, said, "{line}");
        }
    }

    /// A socket of this turn may be another one that is back.
    fn come_back(&mut self, event: usize) {
        if let Record::Connect { socket, was: Some(was), .. } = self.salon.events.records[event] {
            self.ledger.come_back(self.number(was), self.number(socket));
        }
    }

    fn number(&self, socket: SocketId) -> usize {
        self.salon.sockets.iter().position(|known| *known == socket).unwrap()
    }

    /// All leave at last, and nothing of them is left.
    fn leave(&mut self) {
        self.network.is_down = true;
        for client in 0..self.salon.kernel.pipes.len() {
            self.salon.room(client, usize::MAX);
            if self.dice.one_in(3) {
                self.salon.end(client, End::Eof);
            }
        }
        if self.dice.one_in(2) {
            self.salon.tell(Engine::close);
        }
        for wait_ms in [0, 30_000, 30_000, 30_000, 30_000, 60_000, 60_000, 60_000] {
            self.salon.now += wait_ms;
            self.turn();
            while !self.salon.is_quiet() {
                self.turn();
            }
        }
        self.balance();
        assert!(self.books.sockets.values().all(|told| *told == Told::Gone));
        assert!(self.books.single.is_empty() && self.books.many.is_empty(), "questions without an end");
        self.salon.turn();
        let dropped = self.salon.engine.stats().dropped_full;
        let is_told = self.salon.engine.config.overflow == Overflow::Drop;
        assert_eq!(self.ledger.told_dropped, if is_told { dropped } else { 0 });
        assert!(self.salon.kernel.pipes.iter().all(|pipe| pipe.dropped));
        self.salon.assert_empty();
    }
}

fn is_live(engine: &Engine, socket: SocketId) -> bool {
    engine.hub.get(socket).is_some_and(|entry| entry.stage == crate::hub::Stage::Live)
}

/// How large the crowd of a seed is: most are small, some are of hundreds.
fn crowd_of(seed: u64) -> usize {
    match seed % 50 {
        0 => 300,
        1..10 => 0,
        more => more as usize / 2,
    }
}

/// What a server has written behind each `before`.
pub(super) fn ids(text: &str, before: &str) -> Vec<String> {
    text.split(before).skip(1).filter_map(|rest| rest.get(..20).map(str::to_owned)).collect()
}

pub(super) fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}").into_bytes()
}

/// Limits that many seeds meet among them.
#[cfg(test)]
const HOSTILE: [Limit; 13] = [
    Limit::QueueBytes,
    Limit::MemoryBytes,
    Limit::WaitingBytes,
    Limit::PingTimeout,
    Limit::ConnectTimeout,
    Limit::UnclaimedSessions,
    Limit::Namespaces,
    Limit::AcksOwed,
    Limit::ClientEvents,
    Limit::AddressConnections,
    Limit::AddressConnects,
    Limit::AddressSessions,
    Limit::AddressHandshakes,
];

/// The number in a variable.
#[cfg(test)]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_happens_the_books_balance() {
    let seeds = match variable("SALON_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("SALON_SEEDS").unwrap_or(1_000),
    };
    let is_many = seeds.end - seeds.start >= 100;
    let mut delivered = [0; 2];
    let mut met = BTreeSet::new();
    for seed in seeds {
        let played = std::panic::catch_unwind(|| {
            let mut chaos = Chaos::new(seed);
            chaos.play();
            (chaos.ledger.delivered, chaos.salon.engine.stats())
        });
        let (heard, stats) = played.unwrap_or_else(|_| panic!("seed {seed}: replay it by SALON_SEED={seed}"));
        delivered.iter_mut().zip(heard).for_each(|(all, heard)| *all += heard);
        met.extend(HOSTILE.into_iter().filter(|limit| stats.breaches(*limit) > 0).map(Limit::as_str));
    }
    assert!(!is_many || delivered.iter().all(|count| *count > 0), "the crowd heard nothing: {delivered:?}");
    assert!(!is_many || met.len() == HOSTILE.len(), "only these were met: {met:?}");
}
