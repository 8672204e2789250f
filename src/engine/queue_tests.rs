//! Send queues that share chunks, beside a model of each: a list of whole
//! frames. Whatever is pushed, sent in part, put between, cut and copied, the
//! bytes that come out are whole frames in order, and no chunk is held too
//! long or too short.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::{codec::frame::Opcode, engine::chunks::Log};

const QUEUES: usize = 3;
const LOGS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// One message, of frames of these sizes, at the end of a log and for some.
    Say {
        log: usize,
        sizes: Vec<usize>,
        to: [bool; QUEUES],
    },
    Http {
        queue: usize,
        size: usize,
    },
    Control {
        queue: usize,
        size: usize,
    },
    /// The kernel takes some of what it is offered.
    Advance {
        queue: usize,
        part: Index,
    },
    Settle(usize),
    Cut(usize),
    Clear(usize),
    EndTurn,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0..40usize,
        4 => 40..600usize,
        1 => 1_000..5_000usize,
        1 => proptest::sample::select(&[124, 125, 126, 127, 65_523, 65_526, 65_535, 65_536, 70_000][..]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let queue = || 0..QUEUES;
    prop_oneof![
        24 => (0..LOGS, vec(size(), 1..3), any::<[bool; QUEUES]>())
            .prop_map(|(log, sizes, to)| Step::Say { log, sizes, to }),
        6 => (queue(), 1..400usize).prop_map(|(queue, size)| Step::Http { queue, size }),
        6 => (queue(), 0..=125usize).prop_map(|(queue, size)| Step::Control { queue, size }),
        16 => (queue(), any::<Index>()).prop_map(|(queue, part)| Step::Advance { queue, part }),
        5 => queue().prop_map(Step::Settle),
        1 => queue().prop_map(Step::Cut),
        1 => queue().prop_map(Step::Clear),
        5 => Just(Step::EndTurn),
    ]
}

/// What a queue owes, frame by frame, and what came out of it.
#[derive(Default)]
struct Model {
    http: Vec<u8>,
    frames: VecDeque<Vec<u8>>,
    /// Of the first frame.
    sent: usize,
    /// A frame was queued: there is no HTTP any more.
    framed: bool,
    out: Vec<u8>,
    out_http: usize,
}

impl Model {
    fn owed(&self) -> Vec<u8> {
        let mut owed = self.http.clone();
        self.frames.iter().for_each(|frame| owed.extend_from_slice(frame));
        owed.drain(self.http.len()..self.http.len() + self.sent);
        owed
    }

    fn push_control(&mut self, frame: Vec<u8>) {
        self.framed = true;
        match self.sent {
            _ if !self.http.is_empty() => self.frames.push_back(frame),
            0 => self.frames.push_front(frame),
            _ => self.frames.insert(1, frame),
        }
    }

    fn advance(&mut self, count: usize) {
        self.out.extend_from_slice(&self.owed()[..count]);
        let http = self.http.len().min(count);
        self.http.drain(..http);
        self.out_http += http;
        self.sent += count - http;
        while let Some(first) = self.frames.front().filter(|first| first.len() <= self.sent) {
            self.sent -= first.len();
            self.frames.pop_front();
        }
    }

    fn cut(&mut self) {
        if self.http.is_empty() {
            self.frames.truncate(usize::from(self.sent > 0));
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

struct Bench {
    chunks: Chunks,
    logs: [Log; LOGS],
    queues: [SendQueue; QUEUES],
    models: [Model; QUEUES],
    /// Makes the bytes of each message different.
    count: u8,
}

impl Bench {
    fn new() -> Self {
        Self {
            chunks: Chunks::default(),
            logs: [Log::default(); LOGS],
            queues: std::array::from_fn(|_| SendQueue::new(Carrier::Connection(0))),
            models: Default::default(),
            count: 0,
        }
    }

    fn frame(&mut self, opcode: Opcode, size: usize) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        let mut frame = Vec::new();
        frame::write(&mut frame, opcode, &vec![self.count; size]);
        frame
    }

    fn append(&mut self, log: usize, bytes: &[u8]) -> Piece {
        self.chunks.append(&mut self.logs[log], bytes.len(), |out| out.extend_from_slice(bytes))
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Say { log, sizes, to } => {
                let frames: Vec<_> = sizes.iter().map(|size| self.frame(Opcode::Text, *size)).collect();
                let piece = self.append(*log, &frames.concat());
                for (at, _) in to.iter().enumerate().filter(|(_, to)| **to) {
                    self.queues[at].push(piece, &mut self.chunks);
                    self.models[at].frames.extend(frames.iter().cloned());
                    self.models[at].framed = true;
                }
            }
            Step::Http { queue, size } if !self.models[*queue].framed => {
                let bytes = vec![b'h'; *size];
                let piece = self.append(0, &bytes);
                self.queues[*queue].push_http(piece, &mut self.chunks);
                self.models[*queue].http.extend(bytes);
            }
            Step::Http { .. } => {}
            Step::Control { queue, size } => {
                let frame = self.frame(Opcode::Ping, *size);
                let piece = self.append(0, &frame);
                self.queues[*queue].push_control(piece, &mut self.chunks);
                self.models[*queue].push_control(frame);
            }
            Step::Advance { queue, part } => {
                let offered = self.offer(*queue).len();
                let count = part.index(offered + 1);
                self.queues[*queue].advance(count, &mut self.chunks);
                self.models[*queue].advance(count);
            }
            Step::Settle(queue) => self.queues[*queue].settle(&mut self.chunks),
            Step::Cut(queue) => {
                self.queues[*queue].cut(&mut self.chunks);
                self.models[*queue].cut();
            }
            Step::Clear(queue) => {
                self.queues[*queue].clear(&mut self.chunks);
                self.models[*queue].clear();
            }
            Step::EndTurn => self.chunks.end_turn(),
        }
    }

    /// What the kernel is offered, and that it is what is owed.
    fn offer(&self, queue: usize) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); MOST_PIECES];
        let count = self.queues[queue].slices(&self.chunks, &mut slices);
        assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
        let offered = slices[..count].iter().map(|slice| &**slice).collect::<Vec<_>>().concat();
        let owed = self.models[queue].owed();
        assert!(owed.starts_with(&offered), "what is offered is not what is owed");
        assert!(offered.len() == owed.len() || count == MOST_PIECES);
        offered
    }

    fn check(&self) {
        let mut pieces = Vec::new();
        for (at, (queue, model)) in self.queues.iter().zip(&self.models).enumerate() {
            self.offer(at);
            assert_eq!(queue.bytes(), model.owed().len());
            assert_eq!(queue.is_empty(), queue.bytes() == 0);
            assert_eq!(queue.prelude as usize, model.http.len());
            assert_eq!(queue.sent as usize, model.sent);
            let more = queue.more.iter().flat_map(|more| more.iter().copied());
            let all: Vec<Piece> = std::iter::once(queue.first).chain(more).collect();
            let all = if queue.is_empty() { &[][..] } else { &all };
            assert_eq!(queue.weight(), queue.bytes() + PIECE_COST * all.len().saturating_sub(1));
            pieces.extend_from_slice(all);
        }
        self.chunks.check(&pieces);
    }
}

/// Cuts what came out into frames: HTTP first, then frames and nothing else.
fn assert_whole_frames(model: &Model) {
    let (http, mut rest) = model.out.split_at(model.out_http);
    assert!(http == vec![b'h'; http.len()]);
    while !rest.is_empty() {
        let length = frame::frame_len(rest).unwrap();
        let (whole, after) = rest.split_at_checked(length).expect("the last frame is whole");
        assert!(whole[0] == 0x81 || whole[0] == 0x89, "{:#x}", whole[0]);
        let body = &whole[if length - 2 <= 125 { 2 } else { length.min(10) }.min(length)..];
        assert!(body.is_empty() || body == vec![body[0]; body.len()], "a frame holds another's bytes");
        rest = after;
    }
}

proptest! {
    #[test]
    fn a_queue_is_a_list_of_frames(steps in vec(step(), 1..120)) {
        let mut bench = Bench::new();
        for step in &steps {
            bench.run(step);
            bench.check();
        }
        // The kernel takes the rest, bit by bit.
        for queue in 0..QUEUES {
            while !bench.queues[queue].is_empty() {
                let count = bench.offer(queue).len().div_ceil(3);
                bench.queues[queue].advance(count, &mut bench.chunks);
                bench.models[queue].advance(count);
                bench.check();
            }
            assert_whole_frames(&bench.models[queue]);
        }
        bench.chunks.end_turn();
        bench.check();
        prop_assert_eq!(bench.chunks.bytes(), 0);
    }
}

fn say(bench: &mut Bench, size: usize) {
    bench.run(&Step::Say { log: 0, sizes: vec![size], to: [true; QUEUES] });
}

fn advance(bench: &mut Bench, queue: usize, count: usize) {
    bench.queues[queue].advance(count, &mut bench.chunks);
    bench.models[queue].advance(count);
    bench.check();
}

#[test]
fn a_hundred_messages_of_a_room_are_one_piece_for_each_member() {
    let mut bench = Bench::new();
    (0..100).for_each(|_| say(&mut bench, 64));
    bench.check();
    assert!(bench.queues.iter().all(|queue| queue.more.is_none()));
    assert_eq!(bench.queues[0].weight(), 100 * 66);
}

#[test]
fn a_pong_goes_between_frames_and_not_behind_a_megabyte() {
    let mut bench = Bench::new();
    say(&mut bench, 100);
    say(&mut bench, 1 << 20);
    advance(&mut bench, 0, 50);
    bench.run(&Step::Control { queue: 0, size: 4 });
    bench.check();
    let offered = bench.offer(0);
    assert_eq!(offered[52..54], [0x89, 4]);
    // Unsent, it goes first; its bytes do not count against frames of the rest.
    bench.run(&Step::Control { queue: 1, size: 4 });
    assert_eq!(bench.offer(1)[..2], [0x89, 4]);
    bench.check();
}

#[test]
fn a_queue_that_is_cut_ends_with_the_frame_that_is_being_sent() {
    let mut bench = Bench::new();
    (0..3).for_each(|_| say(&mut bench, 10));
    advance(&mut bench, 0, 13);
    bench.run(&Step::Cut(0));
    bench.check();
    assert_eq!(bench.queues[0].bytes(), 11);
    bench.run(&Step::Cut(1));
    assert_eq!(bench.queues[1].bytes(), 0);
    // An answer in HTTP is not cut, nor what follows it.
    bench.run(&Step::Clear(2));
    bench.run(&Step::Http { queue: 2, size: 20 });
    say(&mut bench, 10);
    bench.run(&Step::Cut(2));
    assert_eq!(bench.queues[2].bytes(), 32);
    bench.check();
}

#[test]
fn a_small_rest_does_not_keep_a_chunk_alive() {
    let mut bench = Bench::new();
    (0..60).for_each(|_| say(&mut bench, 1_000));
    let all = bench.queues[0].bytes();
    for queue in 0..QUEUES {
        advance(&mut bench, queue, all - 500);
        bench.run(&Step::Settle(queue));
    }
    bench.chunks.end_turn();
    bench.check();
    assert!(bench.chunks.bytes() <= QUEUES * SMALL_REST, "{}", bench.chunks.bytes());
}

#[test]
fn a_small_rest_of_a_large_frame_stays_where_all_share_it() {
    let mut bench = Bench::new();
    say(&mut bench, 1 << 20);
    let all = bench.queues[0].bytes();
    bench.chunks.end_turn();
    let before = bench.chunks.bytes();
    for queue in 0..QUEUES {
        advance(&mut bench, queue, all - 500);
        bench.run(&Step::Settle(queue));
    }
    bench.check();
    assert_eq!(bench.chunks.bytes(), before, "copied, frame and all");
}
