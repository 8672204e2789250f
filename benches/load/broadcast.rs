//! Rooms in which some members publish (`fanout`: one or few in one room;
//! `rooms`: everybody) and all members hear everything once and in order.
//!
//! Closed loop: `depth` messages in flight for each publisher, the next one when
//! one has reached every member. Open loop: messages at fixed times, latency
//! counted from those times, whether or not the server kept up.

use std::time::Duration;

use crate::{
    connections::{Connections, Event},
    histogram::Histogram,
    machine::now,
    options::{Mode, Options, Protocol, words},
    websocket::{self, MASK, TEXT, Unit},
    window::{self, Load},
};

/// A message begins with its publisher and its number, eight hexadecimal digits each.
const NUMBER_BYTES: usize = 8;
const SLOTS_IN_OPEN_LOOP: usize = 4096;

pub fn run(options: &Options) -> Result<(), String> {
    window::run(&mut Broadcast::open(options)?, options)
}

pub struct Broadcast {
    connections: Connections,
    /// What each message begins with in the protocol.
    prefix: &'static [u8],
    masked: bool,
    rooms: usize,
    members: usize,
    /// Publishers of one room: its members of the lowest numbers.
    publishers_of_room: usize,
    publishers: Vec<Publisher>,
    /// Messages on their way, a ring for each publisher.
    slots: Vec<Slot>,
    ring: usize,
    depth: usize,
    /// The last number that each connection heard of each publisher of its room.
    heard: Vec<u32>,
    schedule: Option<Schedule>,
    tally: Tally,
    stopped: bool,
}

struct Publisher {
    connection: usize,
    number: u32,
    frame: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    sent_at: u64,
    /// Members that have not heard it.
    left: u32,
}

/// Of the open loop.
struct Schedule {
    start: u64,
    gap: f64,
    due: u64,
}

struct Tally {
    histogram: Histogram,
    deliveries: u64,
    lost: u64,
    twice: u64,
    alien: u64,
    /// Messages that could not be sent at their time.
    late: u64,
    /// Publishers whose message has reached everybody.
    arrived: Vec<usize>,
}

impl Broadcast {
    pub fn open(options: &Options) -> Result<Broadcast, String> {
        let mut connections = Connections::open(options)?;
        let masked = options.masked();
        let socketio = options.protocol == Protocol::SocketIo;
        connections.ask_all(|at| {
            websocket::frame(TEXT, &options.join(&format!("r{}", at % options.rooms)), masked)
        })?;
        let members = options.connections / options.rooms;
        let publishers_of_room = match options.mode {
            Mode::Rooms => members,
            _ => options.publishers.min(members),
        };
        let ring = if options.rate > 0.0 { SLOTS_IN_OPEN_LOOP } else { options.depth.next_power_of_two() };
        let publishers = (0..options.rooms * publishers_of_room).map(|at| {
            // Connection c is in room c % rooms, as its member c / rooms.
            let (room, member) = (at / publishers_of_room, at % publishers_of_room);
            let mut body = words(options.size.max(2 * NUMBER_BYTES));
            body[..NUMBER_BYTES].copy_from_slice(&digits(at as u32));
            let frame = websocket::frame(TEXT, &options.event("msg", &body), masked);
            Publisher { connection: member * options.rooms + room, number: 0, frame }
        });
        let publishers: Vec<Publisher> = publishers.collect();
        let mut broadcast = Broadcast {
            prefix: if socketio { b"42[\"msg\",\"" } else { b"" },
            masked,
            rooms: options.rooms,
            members,
            publishers_of_room,
            slots: vec![Slot::default(); publishers.len() * ring],
            ring,
            depth: options.depth,
            heard: vec![0; options.connections * publishers_of_room],
            schedule: (options.rate > 0.0).then(|| Schedule {
                start: now(),
                gap: 1e9 / options.rate,
                due: 0,
            }),
            tally: Tally::new(),
            stopped: false,
            connections,
            publishers,
        };
        if broadcast.schedule.is_none() {
            (0..broadcast.publishers.len()).for_each(|publisher| broadcast.fill(publisher));
        }
        Ok(broadcast)
    }

    /// Publishes the next message, unless its slot is still in use.
    fn publish(&mut self, at: usize, now: u64) -> bool {
        let publisher = &mut self.publishers[at];
        let number = publisher.number + 1;
        let slot = &mut self.slots[at * self.ring + number as usize % self.ring];
        if slot.left != 0 {
            return false;
        }
        *slot = Slot { sent_at: now, left: self.members as u32 };
        publisher.number = number;
        let payload = publisher.frame.len() - payload_length(&publisher.frame);
        let begin = self.prefix.len() + NUMBER_BYTES;
        for (offset, digit) in (begin..).zip(digits(number)) {
            let mask = if self.masked { MASK[offset % 4] } else { 0 };
            publisher.frame[payload + offset] = digit ^ mask;
        }
        self.connections.send(publisher.connection, &publisher.frame);
        true
    }

    /// Publishes until `depth` messages are in flight, the oldest of which may
    /// be complete only when all before it are.
    fn fill(&mut self, at: usize) {
        let number = self.publishers[at].number as usize;
        let ring = &self.slots[at * self.ring..][..self.ring];
        let first = (number + 1).saturating_sub(self.depth);
        let oldest = (first..=number).find(|it| ring[it % self.ring].left > 0).unwrap_or(number + 1);
        for _ in number + 1..oldest + self.depth {
            self.publish(at, now());
        }
    }

    fn read(&mut self, at: usize) {
        let room = at % self.rooms;
        let first = room * self.publishers_of_room;
        let heard = &mut self.heard[at * self.publishers_of_room..][..self.publishers_of_room];
        let (tally, slots, ring, prefix) = (&mut self.tally, &mut self.slots, self.ring, self.prefix);
        let mut now_or_zero = 0;
        self.connections.read(at, |unit| {
            let Unit::Message { head, .. } = unit else { return };
            if now_or_zero == 0 {
                now_or_zero = now();
            }
            let Some((publisher, number)) = head.strip_prefix(prefix).and_then(numbers) else {
                tally.alien += 1;
                return;
            };
            let Some(last) = publisher.checked_sub(first).and_then(|it| heard.get_mut(it)) else {
                tally.alien += 1;
                return;
            };
            if number <= *last {
                tally.twice += 1;
                return;
            }
            tally.lost += u64::from(number - *last - 1);
            *last = number;
            tally.deliveries += 1;
            let slot = &mut slots[publisher * ring + number as usize % ring];
            tally.histogram.add(now_or_zero.saturating_sub(slot.sent_at));
            slot.left = slot.left.saturating_sub(1);
            if slot.left == 0 {
                tally.arrived.push(publisher);
            }
        });
    }

    /// What is due by the clock; the time until the next.
    fn publish_due(&mut self) -> Duration {
        let longest = Duration::from_millis(20);
        if self.stopped {
            return longest;
        }
        let now = now();
        while let Some(schedule) = &mut self.schedule {
            let due = schedule.start + (schedule.due as f64 * schedule.gap) as u64;
            if due > now {
                return longest.min(Duration::from_nanos(due - now));
            }
            let publisher = schedule.due as usize % self.publishers.len();
            schedule.due += 1;
            self.tally.late += u64::from(!self.publish(publisher, due));
        }
        longest
    }
}

impl Load for Broadcast {
    fn turn(&mut self) -> Result<(), String> {
        let longest = self.publish_due();
        for event in 0..self.connections.wait(longest) {
            let Event { at, readable, writable } = self.connections.event(event);
            if writable {
                self.connections.pump(at);
            }
            if readable {
                self.read(at);
                while let Some(publisher) = self.tally.arrived.pop() {
                    if self.schedule.is_none() && !self.stopped {
                        self.fill(publisher);
                    }
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.tally.histogram.clear();
        self.tally.deliveries = 0;
    }

    fn count(&self) -> u64 {
        self.tally.deliveries
    }

    fn figures(&self) -> String {
        format!("{},\"late\":{}", self.tally.histogram.figures(), self.tally.late)
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn is_home(&self) -> bool {
        self.slots.iter().all(|slot| slot.left == 0)
    }

    fn fault(&self) -> Option<String> {
        let Tally { lost, twice, alien, .. } = self.tally;
        let gone = self.connections.lost;
        (lost + twice + alien + gone as u64 > 0).then(|| {
            format!("{lost} deliveries lost, {twice} twice, {alien} not meant so, {gone} connections lost")
        })
    }
}

impl Tally {
    fn new() -> Tally {
        let histogram = Histogram::new();
        Tally { histogram, deliveries: 0, lost: 0, twice: 0, alien: 0, late: 0, arrived: Vec::new() }
    }
}

fn payload_length(frame: &[u8]) -> usize {
    match frame[1] & 0x7f {
        126 => usize::from(u16::from_be_bytes([frame[2], frame[3]])),
        127 => frame[2..10].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        length => usize::from(length),
    }
}

fn digits(number: u32) -> [u8; NUMBER_BYTES] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (28 - 4 * at)) as usize & 15])
}

/// The publisher and the number that a message begins with.
#[inline(always)]
fn numbers(body: &[u8]) -> Option<(usize, u32)> {
    Some((
        undigits(body.get(..NUMBER_BYTES)?)? as usize,
        undigits(body.get(NUMBER_BYTES..2 * NUMBER_BYTES)?)?,
    ))
}

#[inline(always)]
fn undigits(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(value))
    })
}
