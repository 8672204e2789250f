//! What the hub's words promise, one by one.

use super::*;

const JSON: Route = Route { queue: 1, format: 0 };

fn hub() -> Hub {
    let mut hub = Hub::new(1, 4);
    hub.open("/", Namespace::default());
    hub
}

fn enter(hub: &mut Hub, name: &str) -> SocketId {
    let key = hub.namespace_for(name).unwrap();
    let id = hub.add(key, 0, JSON);
    hub.admit(id, JSON);
    id
}

fn names(hub: &mut Hub, to: &Selection<'_>) -> Vec<SocketId> {
    let mut found = hub.select(to).unwrap();
    found.sort();
    found
}

#[test]
fn who_waits_is_in_no_count_and_receives_nothing() {
    let mut hub = hub();
    let key = hub.find("/").unwrap();
    let id = hub.add(key, 0, JSON);
    assert_eq!((hub.live_count(), hub.present_count(), hub.count("/", None).unwrap()), (0, 1, 0));
    assert!(names(&mut hub, &Selection { namespace: Some("/"), ..Selection::default() }).is_empty());
    let mut named = Selection { namespace: Some("/"), ..Selection::default() };
    named.sockets.push(id);
    assert!(names(&mut hub, &named).is_empty());
    assert_eq!(hub.join(id, "a").unwrap_err().kind(), ErrorKind::State);
    hub.admit(id, JSON);
    assert_eq!(names(&mut hub, &named), [id]);
    hub.check();
}

#[test]
fn an_id_is_known_until_its_leaving_was_told_and_stale_after() {
    let mut hub = hub();
    let first = enter(&mut hub, "/");
    hub.join(first, "a").unwrap();
    hub.remove(first, |_| ());
    // It left after the events of this turn were handed out: not yet told.
    hub.reap(|_| panic!("nobody was told"));
    assert!(hub.join(first, "a").is_ok());
    assert_eq!(hub.room_count(), 0);
    hub.deliver_left();
    assert!(hub.leave(first, "a").is_ok());
    let mut forgotten = 0;
    hub.reap(|_| forgotten += 1);
    assert_eq!(forgotten, 1);
    assert_eq!(hub.join(first, "a").unwrap_err().kind(), ErrorKind::NotFound);
    // The next one at the same index is somebody else.
    let second = enter(&mut hub, "/");
    assert_eq!(first.index(), second.index());
    assert_ne!(first, second);
    assert!(hub.get(first).is_none());
    let mut named = Selection { namespace: Some("/"), ..Selection::default() };
    named.except_sockets.push(first);
    assert_eq!(names(&mut hub, &named), [second]);
    named.except_rooms.push("nowhere");
    assert_eq!(names(&mut hub, &named), [second]);
}

#[test]
fn the_same_room_in_two_namespaces_is_two_rooms() {
    let mut hub = hub();
    hub.open("/chat", Namespace::default());
    let (one, other) = (enter(&mut hub, "/"), enter(&mut hub, "/chat"));
    hub.join(one, "room").unwrap();
    hub.join(other, "room").unwrap();
    let mut to = Selection { namespace: Some("/"), ..Selection::default() };
    to.rooms.push("room");
    assert_eq!(names(&mut hub, &to), [one]);
    // A socket that is named in the wrong namespace is not reached.
    to.sockets.push(other);
    assert_eq!(names(&mut hub, &to), [one]);
    to.namespace = None;
    assert_eq!(names(&mut hub, &to), [one, other]);
    assert_eq!(hub.room_count(), 2);
    hub.check();
}

#[test]
fn joining_twice_is_joining_once_and_the_limit_is_for_rooms() {
    let mut hub = hub();
    (hub.watch_rooms, hub.watch_members) = (true, true);
    let id = enter(&mut hub, "/");
    for room in ["a", "b", "c", "d", "a"] {
        hub.join(id, room).unwrap();
    }
    assert_eq!(hub.changes.len(), 8);
    let refused = hub.join(id, "e").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Limit);
    assert!(refused.to_string().contains("4 rooms"), "{refused}");
    assert_eq!((hub.changes.len(), hub.room_count()), (8, 4));
    hub.leave(id, "e").unwrap();
    hub.leave(id, "b").unwrap();
    hub.join(id, "e").unwrap();
    hub.check();
    let mut rooms = hub.rooms_of(id).unwrap();
    rooms.sort_unstable();
    assert_eq!(rooms, ["a", "c", "d", "e"]);
}

#[test]
fn dynamic_namespaces_come_with_the_first_and_go_with_the_last() {
    let mut hub = hub();
    assert!(hub.namespace_for("/game/7").is_none());
    hub.open_pattern("/game/", Namespace::default());
    hub.open_pattern("/game/big/", Namespace::default().guarded());
    let one = enter(&mut hub, "/game/7");
    let key = hub.find("/game/7").unwrap();
    let waiting = hub.add(key, 0, JSON);
    hub.join(one, "a").unwrap();
    hub.remove(one, |room| assert_eq!(room, "a"));
    assert!(hub.find("/game/7").is_ok(), "somebody waits at its door");
    hub.remove(waiting, |_| ());
    assert!(hub.find("/game/7").is_err());
    assert_eq!((hub.namespace_count(), hub.room_count()), (1, 0));
    // The longest prefix decides; one that the host opens stays.
    let big = hub.namespace_for("/game/big/1").unwrap();
    assert!(hub.namespace(big).unwrap().config.guarded);
    hub.open("/game/big/1", Namespace::default());
    hub.drop_if_empty(big);
    assert_eq!(hub.find("/game/big/1").unwrap(), big);
    hub.check();
}

#[test]
fn a_namespace_that_took_the_place_of_another_does_not_inherit_its_people() {
    let mut hub = hub();
    hub.open_pattern("/game/", Namespace::default());
    let one = enter(&mut hub, "/game/1");
    let key = hub.find("/game/1").unwrap();
    hub.remove(one, |_| ());
    assert_eq!(hub.namespace_for("/game/2"), Some(key), "the place is used again");
    let other = hub.add(key, 0, JSON);
    assert_eq!(hub.all_in(key), [other]);
    let mut to = Selection { namespace: Some("/game/2"), ..Selection::default() };
    to.sockets.push(one);
    assert!(names(&mut hub, &to).is_empty());
    hub.check();
}

#[test]
fn stamps_start_over_without_leaving_anybody_out() {
    let mut hub = hub();
    let (one, two) = (enter(&mut hub, "/"), enter(&mut hub, "/"));
    hub.join(one, "a").unwrap();
    hub.join(two, "b").unwrap();
    hub.join(two, "a").unwrap();
    let mut to = Selection { namespace: Some("/"), ..Selection::default() };
    to.rooms.extend(["a", "b", "a"]);
    hub.stamp = u32::MAX - 2;
    for _ in 0..5 {
        assert_eq!(names(&mut hub, &to), [one, two]);
        hub.check();
    }
    assert_eq!(hub.stamp, 3);
}

#[test]
fn a_large_room_gives_its_memory_back() {
    let mut hub = hub();
    let ids: Vec<SocketId> = (0..1_000).map(|_| enter(&mut hub, "/")).collect();
    ids.iter().for_each(|id| hub.join(*id, "hall").unwrap());
    let room = hub.room_keys(ids[0])[0] as usize;
    assert!(hub.rooms[room].members.capacity() >= 1_000);
    ids[10..].iter().for_each(|id| hub.leave(*id, "hall").unwrap());
    assert!(hub.rooms[room].members.capacity() <= 64, "{}", hub.rooms[room].members.capacity());
    hub.check();
}
