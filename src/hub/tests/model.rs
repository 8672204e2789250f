//! Random lives of a hub beside a model that is too simple to be wrong: maps
//! and sets by name. After each step everything that can be asked is compared.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const NAMESPACES: [&str; 6] = ["/", "/a", "/b", "/room/1", "/room/2", "/room/big/1"];
const PATTERNS: [&str; 2] = ["/room/", "/room/big/"];
/// The last two are also the sids of the first two that come.
const ROOMS: [&str; 6] = ["r0", "r1", "r2", "", "aaAAAAAAAAAAAAAAAAAA", "baAAAAAAAAAAAAAAAAAA"];
const MOST_ROOMS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Open(&'static str),
    Pattern(&'static str),
    Close(&'static str),
    /// A client comes to a door, and is let in at once or not.
    Come(&'static str, bool),
    /// A client comes to a door and is turned away before it is anybody.
    Peek(&'static str),
    Admit(usize),
    Remove(usize),
    Join(usize, &'static str),
    Leave(usize, &'static str),
    LeaveAll(usize),
    Visit(Whom),
    Tell,
    Reap,
}

/// A selection, with sockets by the order of their coming.
#[derive(Clone, Debug)]
struct Whom {
    namespace: Option<&'static str>,
    rooms: Vec<&'static str>,
    sockets: Vec<usize>,
    except_rooms: Vec<&'static str>,
    except_sockets: Vec<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let namespace = || select(&NAMESPACES[..]);
    let room = || select(&ROOMS[..]);
    let socket = || 0..24usize;
    prop_oneof![
        2 => namespace().prop_map(Step::Open),
        1 => select(&PATTERNS[..]).prop_map(Step::Pattern),
        1 => namespace().prop_map(Step::Close),
        12 => (namespace(), any::<bool>()).prop_map(|(name, let_in)| Step::Come(name, let_in)),
        1 => namespace().prop_map(Step::Peek),
        6 => socket().prop_map(Step::Admit),
        5 => socket().prop_map(Step::Remove),
        24 => (socket(), room()).prop_map(|(socket, room)| Step::Join(socket, room)),
        8 => (socket(), room()).prop_map(|(socket, room)| Step::Leave(socket, room)),
        2 => socket().prop_map(Step::LeaveAll),
        16 => whom().prop_map(Step::Visit),
        2 => Just(Step::Tell),
        2 => Just(Step::Reap),
    ]
}

fn whom() -> impl Strategy<Value = Whom> {
    let rooms = || vec(select(&ROOMS[..]), 0..3);
    let sockets = || vec(0..24usize, 0..3);
    let namespace = prop_oneof![4 => select(&NAMESPACES[..3]).prop_map(Some), 1 => Just(None)];
    (namespace, rooms(), sockets(), rooms(), sockets()).prop_map(
        |(namespace, rooms, sockets, except_rooms, except_sockets)| Whom {
            namespace,
            rooms,
            sockets,
            except_rooms,
            except_sockets,
        },
    )
}

#[derive(Debug)]
struct Person {
    id: SocketId,
    nsp: &'static str,
    stage: Stage,
    told: bool,
    sid: String,
    rooms: BTreeSet<&'static str>,
}

#[derive(Debug)]
struct Salon {
    dynamic: bool,
    /// Who opened it: its own name or that of a pattern.
    opened_as: &'static str,
}

#[derive(Default)]
struct Model {
    people: Vec<Person>,
    salons: BTreeMap<&'static str, Salon>,
    patterns: BTreeSet<&'static str>,
}

impl Model {
    fn present(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.stage != Stage::Left)
    }

    fn live(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.stage == Stage::Live)
    }

    fn find(&self, number: usize) -> Option<&Person> {
        self.people.get(number % self.people.len().max(1))
    }

    fn rooms(&self, nsp: &str) -> BTreeSet<&'static str> {
        self.live().filter(|it| it.nsp == nsp).flat_map(|it| it.rooms.iter().copied()).collect()
    }

    fn members(&self, nsp: &str, room: Option<&str>) -> BTreeSet<SocketId> {
        let there = self.live().filter(|it| it.nsp == nsp);
        there.filter(|it| room.is_none_or(|room| it.rooms.contains(room))).map(|it| it.id).collect()
    }

    fn drop_empty(&mut self) {
        let used: BTreeSet<&str> = self.present().map(|person| person.nsp).collect();
        self.salons.retain(|name, salon| !salon.dynamic || used.contains(name));
    }

    fn selected(&self, whom: &Whom) -> BTreeSet<SocketId> {
        let ids = |numbers: &[usize]| -> BTreeSet<SocketId> {
            numbers.iter().filter_map(|number| self.find(*number)).map(|person| person.id).collect()
        };
        let (named, excepted) = (ids(&whom.sockets), ids(&whom.except_sockets));
        let everybody = whom.rooms.is_empty() && whom.sockets.is_empty();
        // A room is found by its name, a socket also by its sid.
        let found =
            |it: &Person, rooms: &[&str]| rooms.iter().any(|room| it.rooms.contains(room) || it.sid == *room);
        let chosen = self.live().filter(|it| {
            let inside = whom.namespace.is_none_or(|name| it.nsp == name);
            let meant = everybody || named.contains(&it.id) || found(it, &whom.rooms);
            inside && meant && !excepted.contains(&it.id) && !found(it, &whom.except_rooms)
        });
        chosen.map(|person| person.id).collect()
    }
}

struct Pair {
    hub: Hub,
    model: Model,
    /// Changes that the step must have brought about.
    expected: Vec<Change>,
}

impl Pair {
    fn new(watch_rooms: bool, watch_members: bool) -> Self {
        let mut hub = Hub::new(7, MOST_ROOMS);
        (hub.watch_rooms, hub.watch_members) = (watch_rooms, watch_members);
        Self { hub, model: Model::default(), expected: Vec::new() }
    }

    fn id(&self, number: usize) -> Option<SocketId> {
        self.model.find(number).map(|person| person.id)
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Open(name) => {
                self.hub.open(name, Namespace::default().subprotocol(*name));
                self.model.salons.insert(name, Salon { dynamic: false, opened_as: name });
            }
            Step::Pattern(prefix) => {
                self.hub.open_pattern(prefix, Namespace::default().subprotocol(*prefix));
                self.model.patterns.insert(prefix);
            }
            Step::Close(name) => self.close(name),
            Step::Come(name, let_in) => {
                let came = self.come(name);
                if let (Some(number), true) = (came, let_in) {
                    self.admit(number);
                }
            }
            Step::Peek(name) => {
                if let Some(key) = self.door(name) {
                    self.hub.drop_if_empty(key);
                    self.model.drop_empty();
                }
            }
            Step::Admit(number) => {
                if self.model.find(*number).is_some_and(|person| person.stage == Stage::Waiting) {
                    self.admit(number % self.model.people.len());
                }
            }
            Step::Remove(number) => self.remove(*number),
            Step::Join(number, room) => self.join(*number, room),
            Step::Leave(number, room) => self.leave(*number, room),
            Step::LeaveAll(number) => {
                let Some(id) = self.id(*number) else { return };
                self.hub.leave_all(id);
                self.empty_rooms_of(*number);
            }
            Step::Visit(whom) => self.visit(whom),
            Step::Tell => {
                self.hub.deliver_left();
                let left = self.model.people.iter_mut().filter(|person| person.stage == Stage::Left);
                left.for_each(|person| person.told = true);
            }
            Step::Reap => self.reap(),
        }
    }

    /// The namespace that a client asks for, in both.
    fn door(&mut self, name: &'static str) -> Option<u32> {
        let key = self.hub.namespace_for(name);
        if !self.model.salons.contains_key(name) {
            let matching = self.model.patterns.iter().filter(|prefix| name.starts_with(**prefix));
            if let Some(prefix) = matching.max_by_key(|prefix| prefix.len()) {
                self.model.salons.insert(name, Salon { dynamic: true, opened_as: prefix });
            }
        }
        assert_eq!(key.is_some(), self.model.salons.contains_key(name));
        key
    }

    fn come(&mut self, name: &'static str) -> Option<usize> {
        let key = self.door(name)?;
        let number = self.model.people.len();
        let route = Route { queue: number as u32, format: (number % 2) as u8 };
        let id = self.hub.add(key, number as u32, route);
        assert!(self.model.people.iter().all(|person| person.id != id), "an id is never used twice");
        let rooms = BTreeSet::new();
        let sid = String::from_utf8(sid_of(number).to_vec()).unwrap();
        self.model.people.push(Person { id, nsp: name, stage: Stage::Waiting, told: false, sid, rooms });
        Some(number)
    }

    fn admit(&mut self, number: usize) {
        let person = &mut self.model.people[number];
        person.stage = Stage::Live;
        self.hub.admit(person.id, Route { queue: number as u32, format: 1 });
        self.hub.set_sid(person.id, sid_of(number));
    }

    fn close(&mut self, name: &str) {
        let Some((&name, _)) = self.model.salons.get_key_value(name) else {
            assert_eq!(self.hub.find(name).unwrap_err().kind(), ErrorKind::NotFound);
            return;
        };
        let key = self.hub.find(name).unwrap();
        let present = self.model.people.iter().enumerate();
        let numbers: Vec<usize> = present
            .filter(|(_, it)| it.nsp == name && it.stage != Stage::Left)
            .map(|(number, _)| number)
            .collect();
        let ids: BTreeSet<SocketId> = numbers.iter().map(|number| self.model.people[*number].id).collect();
        assert_eq!(self.hub.all_in(key).into_iter().collect::<BTreeSet<_>>(), ids);
        numbers.into_iter().for_each(|number| self.remove(number));
        // A dynamic one has gone with its last.
        if self.hub.find(name).is_ok() {
            self.hub.close(key);
        }
        self.model.salons.remove(name);
    }

    fn remove(&mut self, number: usize) {
        let Some(person) = self.model.find(number) else { return };
        let expected: BTreeSet<String> = match person.stage {
            Stage::Live => person.rooms.iter().map(|&room| room.to_owned()).collect(),
            Stage::Waiting | Stage::Left => BTreeSet::new(),
        };
        let mut named = Vec::new();
        self.hub.remove(person.id, |room| named.push(room.to_owned()));
        assert_eq!(named.len(), expected.len());
        assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), expected);
        self.empty_rooms_of(number);
        let at = number % self.model.people.len();
        self.model.people[at].stage = Stage::Left;
        self.model.drop_empty();
    }

    fn empty_rooms_of(&mut self, number: usize) {
        for room in self.model.find(number).map(|person| person.rooms.clone()).unwrap_or_default() {
            self.leave_in_model(number, room);
        }
    }

    fn leave_in_model(&mut self, number: usize, room: &'static str) {
        let at = number % self.model.people.len();
        let person = &mut self.model.people[at];
        let (socket, nsp) = (person.id, person.nsp);
        if person.rooms.remove(room) {
            self.expected.push(Change::Left { socket, nsp: nsp.into(), room: room.into() });
            if !self.model.rooms(nsp).contains(room) {
                self.expected.push(Change::Deleted { nsp: nsp.into(), room: room.into() });
            }
        }
    }

    fn join(&mut self, number: usize, room: &'static str) {
        let Some(person) = self.model.find(number) else { return };
        let (socket, nsp, known) = (person.id, person.nsp, self.model.rooms(person.nsp).contains(room));
        let fits = person.rooms.len() < MOST_ROOMS as usize || person.rooms.contains(room);
        if person.stage == Stage::Live {
            assert_eq!(self.hub.may_join(socket, room), fits);
        }
        let joined = self.hub.join(socket, room);
        if self.answers_like(number, &joined) && person.stage == Stage::Live {
            assert_eq!(joined.is_ok(), fits);
            let at = number % self.model.people.len();
            if fits && self.model.people[at].rooms.insert(room) {
                if !known {
                    self.expected.push(Change::Created { nsp: nsp.into(), room: room.into() });
                }
                self.expected.push(Change::Joined { socket, nsp: nsp.into(), room: room.into() });
            }
            if !fits {
                assert_eq!(joined.unwrap_err().kind(), ErrorKind::Limit);
            }
        }
    }

    fn leave(&mut self, number: usize, room: &'static str) {
        let Some(id) = self.id(number) else { return };
        let left = self.hub.leave(id, room);
        self.answers_like(number, &left);
        self.leave_in_model(number, room);
    }

    /// Whether the socket is known; who waits or is forgotten is a mistake.
    fn answers_like(&self, number: usize, result: &Result<()>) -> bool {
        let Some(person) = self.model.find(number) else { return false };
        let known = self.hub.get(person.id).is_some();
        let kind = result.as_ref().err().map(|error| error.kind());
        match person.stage {
            Stage::Waiting => assert_eq!(kind, Some(ErrorKind::State)),
            Stage::Left if known => assert_eq!(kind, None),
            Stage::Left => assert_eq!(kind, Some(ErrorKind::NotFound)),
            Stage::Live => assert!(known),
        }
        known
    }

    fn visit(&mut self, whom: &Whom) {
        let ids: Vec<SocketId> = self.model.people.iter().map(|person| person.id).collect();
        let pick = |numbers: &[usize]| -> Vec<SocketId> {
            numbers.iter().filter_map(|number| ids.get(number % ids.len().max(1)).copied()).collect()
        };
        let mut to = Selection { namespace: whom.namespace, ..Selection::default() };
        to.rooms.extend(whom.rooms.iter().copied());
        to.except_rooms.extend(whom.except_rooms.iter().copied());
        to.sockets.extend(pick(&whom.sockets));
        to.except_sockets.extend(pick(&whom.except_sockets));
        if let Some(name) = whom.namespace.filter(|name| !self.model.salons.contains_key(name)) {
            let missed = self.hub.select(&to).unwrap_err();
            assert_eq!(missed.kind(), ErrorKind::NotFound, "{name}");
            return;
        }
        let mut seen = Vec::new();
        self.hub.visit(&to, |nsp, room, member| seen.push((nsp.clone(), room, *member))).unwrap();
        for (nsp, room, member) in &seen {
            let socket = &self.hub.sockets[member.socket as usize];
            assert_eq!(member.route(), socket.route);
            assert_eq!(*nsp, self.hub.namespaces[socket.namespace as usize].name);
            assert_eq!(self.hub.rooms[*room as usize].namespace, socket.namespace, "the log is not its own");
        }
        let selected = self.hub.select(&to).unwrap();
        assert!(
            seen.iter()
                .map(|(_, _, member)| self.hub.id_at(member.socket))
                .eq(selected.iter().copied().map(Some))
        );
        let distinct: BTreeSet<SocketId> = selected.iter().copied().collect();
        assert_eq!(distinct.len(), selected.len(), "each once");
        assert_eq!(distinct, self.model.selected(whom));
    }

    fn reap(&mut self) {
        let mut forgotten = Vec::new();
        self.hub.reap(|socket| forgotten.push(socket.owner as usize));
        let gone = self.model.people.iter().enumerate().filter(|(_, it)| it.told);
        let gone: BTreeSet<usize> = gone.map(|(number, _)| number).collect();
        assert_eq!(forgotten.len(), gone.iter().filter(|it| forgotten.contains(it)).count());
        for number in gone {
            let id = self.model.people[number].id;
            assert!(self.hub.get(id).is_none(), "stale once its leaving was told");
        }
    }

    /// Everything that can be asked, of both.
    fn compare(&mut self) {
        let (hub, model) = (&mut self.hub, &self.model);
        hub.check();
        assert_eq!(hub.live_count(), model.live().count());
        assert_eq!(hub.present_count(), model.present().count());
        assert!(hub.all().into_iter().collect::<BTreeSet<_>>() == model.present().map(|it| it.id).collect());
        assert_eq!(hub.namespace_count(), model.salons.len());
        assert!(hub.namespaces().collect::<BTreeSet<_>>().iter().eq(model.salons.keys()));
        let mut rooms = 0;
        for (name, salon) in &model.salons {
            let key = hub.find(name).unwrap();
            assert_eq!(hub.namespace(key).unwrap().config.subprotocols, [salon.opened_as.into()]);
            let known = model.rooms(name);
            rooms += known.len();
            assert_eq!(hub.rooms(key).into_iter().collect::<BTreeSet<_>>(), known);
            for room in ROOMS.into_iter().map(Some).chain([None]) {
                let members = model.members(name, room);
                assert_eq!(hub.count(name, room).unwrap(), members.len());
                assert_eq!(hub.members(name, room).unwrap().into_iter().collect::<BTreeSet<_>>(), members);
            }
        }
        assert_eq!(hub.room_count(), rooms);
        for (number, person) in model.people.iter().enumerate() {
            match hub.get(person.id) {
                Some(socket) => {
                    assert_eq!((socket.stage, socket.owner as usize), (person.stage, number));
                    let rooms = hub.rooms_of(person.id).unwrap().into_iter().collect::<BTreeSet<_>>();
                    assert_eq!(rooms, person.rooms);
                    assert_eq!(hub.room_keys(person.id).len(), rooms.len());
                }
                None => assert!(person.told),
            }
            assert_eq!(hub.by_sid(&person.sid), (person.stage == Stage::Live).then_some(person.id));
        }
        self.compare_changes();
    }

    /// What was asked for, all of it and nothing else. The order is looked at
    /// within a room: made before joined, left before deleted.
    fn compare_changes(&mut self) {
        let room_of = |change: &Change| match change {
            Change::Created { nsp, room }
            | Change::Deleted { nsp, room }
            | Change::Joined { nsp, room, .. }
            | Change::Left { nsp, room, .. } => (nsp.clone(), room.clone()),
        };
        let (rooms, members) = (self.hub.watch_rooms, self.hub.watch_members);
        let mut expected = std::mem::take(&mut self.expected);
        expected.retain(|change| match change {
            Change::Created { .. } | Change::Deleted { .. } => rooms,
            Change::Joined { .. } | Change::Left { .. } => members,
        });
        let mut noted = std::mem::take(&mut self.hub.changes);
        expected.sort_by_key(room_of);
        noted.sort_by_key(room_of);
        // The order of those who leave one room in one step is their own business.
        if noted.len() <= 2 {
            assert_eq!(noted, expected);
        } else {
            let texts = |changes: &[Change]| -> BTreeSet<String> {
                changes.iter().map(|change| format!("{change:?}")).collect()
            };
            assert_eq!((noted.len(), texts(&noted)), (expected.len(), texts(&expected)));
        }
    }
}

fn sid_of(number: usize) -> Sid {
    let mut sid = [b'A'; 20];
    sid[0] = b'a' + number as u8 % 26;
    sid[1] = b'a' + (number / 26) as u8;
    sid
}

proptest! {
    #[test]
    fn a_hub_is_what_a_simple_model_of_it_is(
        watch in any::<(bool, bool)>(),
        steps in vec(step(), 1..150),
    ) {
        let mut pair = Pair::new(watch.0, watch.1);
        pair.run(&Step::Open("/"));
        pair.run(&Step::Open("/a"));
        for step in &steps {
            pair.run(step);
            pair.compare();
        }
        // And when all are gone, nothing is left behind.
        for number in 0..pair.model.people.len() {
            pair.run(&Step::Remove(number));
        }
        pair.run(&Step::Tell);
        pair.run(&Step::Reap);
        pair.compare();
        prop_assert!(pair.hub.sockets.is_empty());
        prop_assert_eq!(pair.hub.rooms.len(), pair.hub.namespaces.len());
        prop_assert!(pair.hub.by_sid.is_empty());
    }
}
