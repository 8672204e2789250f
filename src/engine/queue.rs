//! The send queue of one session: a short list of pieces of chunks, in the
//! order of the host's calls.
//!
//! The queue always knows where the frame that is being sent began, so that
//! pongs and close frames can go in at the next frame boundary: never inside a
//! frame, and never behind a megabyte of data.

use std::{collections::VecDeque, io::IoSlice};

use super::chunks::{Chunks, Piece};
use crate::codec::frame;

/// What a piece costs beside its bytes, in the judgement of a queue's cap.
const PIECE_COST: usize = 32;
/// A rest below this is copied out when it would keep a chunk alive.
const SMALL_REST: usize = 2 << 10;
/// Pieces handed to the system in one call.
pub(crate) const MOST_PIECES: usize = 64;

/// Who brings a queue to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A connection, whose bytes it is.
    Connection(u32),
    /// An Engine.IO session on polling: the polls of its client.
    Polls(u32),
}

impl Carrier {
    /// Its key, and whether it is a session.
    fn parts(self) -> (u32, bool) {
        match self {
            Self::Connection(key) => (key, false),
            Self::Polls(key) => (key, true),
        }
    }
}

/// Bytes that a session owes to its client.
#[derive(Debug)]
pub(crate) struct SendQueue {
    /// The oldest piece (empty: nothing is owed); it begins where a frame does.
    first: Piece,
    /// How much of the frame at the front has been sent.
    sent: u32,
    more: Option<Box<VecDeque<Piece>>>,
    /// Bytes owed, less what was sent.
    bytes: usize,
    /// How many bytes at the front are an HTTP answer, not frames.
    prelude: u32,
    /// How many of the bytes owed come up to the end of the last pong.
    pongs: u32,
    /// The key of the carrier, and whether it is a session on polling.
    carrier: u32,
    polled: bool,
    /// Something was dropped since the last drain event.
    pub(crate) dropped: bool,
    /// The kernel took less than was offered; it tells when it takes more.
    pub(crate) blocked: bool,
    /// Listed for the next flush.
    pub(crate) dirty: bool,
    /// Newest ping that could not be answered yet.
    pub(crate) owed_pong: Option<Box<Vec<u8>>>,
}

impl SendQueue {
    pub(crate) fn new(carrier: Carrier) -> Self {
        let (carrier, polled) = carrier.parts();
        Self {
            first: Piece::default(),
            sent: 0,
            more: None,
            bytes: 0,
            prelude: 0,
            pongs: 0,
            carrier,
            polled,
            dropped: false,
            blocked: false,
            dirty: false,
            owed_pong: None,
        }
    }

    /// Who brings it to the client.
    pub(crate) fn carrier(&self) -> Carrier {
        if self.polled { Carrier::Polls(self.carrier) } else { Carrier::Connection(self.carrier) }
    }

    pub(crate) fn set_carrier(&mut self, carrier: Carrier) {
        (self.carrier, self.polled) = carrier.parts();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes owed.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the queue weighs against its cap.
    pub(crate) fn weight(&self) -> usize {
        self.bytes + PIECE_COST * self.more.as_ref().map_or(0, |more| more.len())
    }

    /// Appends frames.
    pub(crate) fn push(&mut self, piece: Piece, chunks: &mut Chunks) {
        let last = match &mut self.more {
            Some(more) => more.back_mut().unwrap_or(&mut self.first),
            None => &mut self.first,
        };
        self.bytes += piece.len();
        if last.chunk == piece.chunk && last.end == piece.start && last.start != last.end {
            last.end = piece.end;
            return;
        }
        chunks.hold(piece.chunk);
        if self.first.start == self.first.end {
            self.first = piece;
        } else {
            self.more.get_or_insert_default().push_back(piece);
        }
    }

    /// Appends bytes of HTTP; only before the first frame.
    pub(crate) fn push_http(&mut self, piece: Piece, chunks: &mut Chunks) {
        self.prelude += piece.len() as u32;
        self.push(piece, chunks);
    }

    /// Puts a control frame in at the next frame boundary.
    pub(crate) fn push_control(&mut self, piece: Piece, chunks: &mut Chunks) {
        let boundary = self.boundary(chunks);
        if self.pongs > boundary {
            self.pongs += piece.len() as u32;
        }
        self.insert(boundary, piece, chunks);
    }

    /// Appends a pong.
    pub(crate) fn push_pong(&mut self, piece: Piece, chunks: &mut Chunks) {
        self.push(piece, chunks);
        self.pongs = u32::try_from(self.bytes).unwrap_or(u32::MAX);
    }

    /// Puts a pong in at the next frame boundary, but not before another pong:
    /// pings are answered in their order.
    pub(crate) fn push_owed_pong(&mut self, piece: Piece, chunks: &mut Chunks) {
        let at = self.boundary(chunks).max(self.pongs);
        self.pongs = at.saturating_add(piece.len() as u32);
        self.insert(at, piece, chunks);
    }

    /// How many of the bytes owed come before the next frame boundary.
    fn boundary(&self, chunks: &Chunks) -> u32 {
        if self.prelude > 0 {
            return u32::try_from(self.bytes).unwrap_or(u32::MAX);
        }
        match self.sent {
            0 => 0,
            sent => frame_len(chunks.get(self.first)) - sent,
        }
    }

    /// Puts a piece in behind `at` of the bytes owed, where a frame ends.
    fn insert(&mut self, at: u32, piece: Piece, chunks: &mut Chunks) {
        if at as usize >= self.bytes {
            return self.push(piece, chunks);
        }
        chunks.hold(piece.chunk);
        self.bytes += piece.len();
        let more = self.more.get_or_insert_default();
        let mut before = (at + self.sent) as usize;
        if before == 0 {
            more.push_front(self.first);
            self.first = piece;
            return;
        }
        // The piece in which that place is, and how many of `more` come before it.
        let (mut split, mut place) = (self.first, 0);
        while before > split.len() {
            let Some(&next) = more.get(place) else { break };
            before -= split.len();
            (split, place) = (next, place + 1);
        }
        let boundary = split.start + before as u32;
        let rest = Piece { start: boundary, ..split };
        match place.checked_sub(1).and_then(|before| more.get_mut(before)) {
            Some(split) => split.end = boundary,
            None => self.first.end = boundary,
        }
        if rest.len() > 0 {
            chunks.hold(rest.chunk);
            more.insert(place, rest);
        }
        more.insert(place, piece);
    }

    /// Drops everything but the frame that is being sent. An HTTP answer stays,
    /// and all that follows it.
    pub(crate) fn cut(&mut self, chunks: &mut Chunks) {
        if self.prelude > 0 {
            return;
        }
        if self.sent == 0 {
            return self.clear(chunks);
        }
        for piece in self.more.take().into_iter().flat_map(|more| *more) {
            chunks.release(piece.chunk);
        }
        self.first.end = self.first.start + frame_len(chunks.get(self.first));
        self.bytes = self.first.len() - self.sent as usize;
        self.pongs = self.pongs.min(self.bytes as u32);
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, chunks: &mut Chunks) {
        for piece in self.more.take().into_iter().flat_map(|more| *more) {
            chunks.release(piece.chunk);
        }
        if self.first.start != self.first.end {
            chunks.release(self.first.chunk);
        }
        self.first = Piece::default();
        (self.sent, self.bytes, self.prelude, self.pongs) = (0, 0, 0, 0);
        self.owed_pong = None;
    }

    /// What to send next, if it is one piece.
    pub(crate) fn only<'c>(&self, chunks: &'c Chunks) -> Option<&'c [u8]> {
        self.more.is_none().then(|| chunks.get(self.front()))
    }

    /// What is left of the first piece.
    fn front(&self) -> Piece {
        Piece { start: self.first.start + self.sent, ..self.first }
    }

    /// What to send next: fills `slices` and answers how many it filled.
    pub(crate) fn slices<'c>(&self, chunks: &'c Chunks, slices: &mut [IoSlice<'c>; MOST_PIECES]) -> usize {
        if self.bytes == 0 {
            return 0;
        }
        let pieces =
            std::iter::once(self.front()).chain(self.more.iter().flat_map(|more| more.iter().copied()));
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(chunks.get(piece));
            count += 1;
        }
        count
    }

    /// All that is owed, piece by piece; only before anything of it was sent.
    pub(crate) fn pieces<'c>(&'c self, chunks: &'c Chunks) -> impl Iterator<Item = &'c [u8]> + Clone {
        debug_assert!(self.sent == 0 && self.prelude == 0);
        let first = (self.bytes > 0).then_some(self.first);
        let more = self.more.iter().flat_map(|more| more.iter().copied());
        first.into_iter().chain(more).map(|piece| chunks.get(piece))
    }

    /// Puts what another queue owes in front of everything. Nothing of this
    /// one has been sent.
    pub(crate) fn put_before(&mut self, mut other: Self) {
        debug_assert!(self.sent == 0 && self.prelude == 0);
        self.blocked = other.blocked;
        if self.owed_pong.is_none() {
            self.owed_pong = other.owed_pong.take();
        }
        if other.bytes == 0 {
            return;
        }
        let own = (self.bytes > 0).then_some(self.first);
        let mut pieces = other.more.take().unwrap_or_default();
        pieces.extend(own);
        pieces.extend(self.more.take().into_iter().flat_map(|more| *more));
        (self.first, self.sent, self.prelude) = (other.first, other.sent, other.prelude);
        self.pongs = other.pongs;
        self.bytes += other.bytes;
        self.more = Some(pieces).filter(|pieces| !pieces.is_empty());
    }

    /// The kernel took `count` bytes.
    pub(crate) fn advance(&mut self, count: usize, chunks: &mut Chunks) {
        self.bytes -= count;
        self.pongs = self.pongs.saturating_sub(count as u32);
        let http = (self.prelude as usize).min(count);
        self.prelude -= http as u32;
        let rest = self.drop_pieces(http, chunks);
        self.first.start += rest as u32;
        if count > http {
            let framed = count - http + self.sent as usize;
            self.sent = 0;
            let rest = self.drop_pieces(framed, chunks);
            self.enter_frame(rest as u32, chunks);
        }
        if self.more.as_ref().is_some_and(|more| more.is_empty()) {
            self.more = None;
        }
    }

    /// Lets go of the pieces that `count` bytes cover; answers how many of the
    /// bytes lie in the piece that is first now.
    fn drop_pieces(&mut self, mut count: usize, chunks: &mut Chunks) -> usize {
        while count > 0 && count >= self.first.len() {
            count -= self.first.len();
            chunks.release(self.first.chunk);
            self.first = self.more.as_mut().and_then(|more| more.pop_front()).unwrap_or_default();
        }
        count
    }

    /// `count` bytes of the first piece are sent: finds the frame they end in.
    fn enter_frame(&mut self, mut count: u32, chunks: &Chunks) {
        while count > 0 {
            let length = frame_len(chunks.get(self.first));
            if length > count {
                break;
            }
            self.first.start += length;
            count -= length;
        }
        self.sent = count;
    }

    /// After the kernel refused the rest: copies a small one out of chunks
    /// that it alone might keep alive, into one of its own.
    pub(crate) fn settle(&mut self, chunks: &mut Chunks) {
        let pieces = 1 + self.more.as_ref().map_or(0, |more| more.len());
        // What was sent of the frame counts too, since it is copied with the rest.
        let small = self.bytes > 0 && self.sent as usize + self.bytes <= SMALL_REST && pieces <= MOST_PIECES;
        if !small || self.prelude > 0 || chunks.len(self.first.chunk) <= 2 * SMALL_REST {
            return;
        }
        let sent = Piece { end: self.first.start + self.sent, ..self.first };
        let mut rest = Vec::with_capacity(sent.len() + self.bytes);
        rest.extend_from_slice(chunks.get(sent));
        let mut slices = [IoSlice::new(&[]); MOST_PIECES];
        let count = self.slices(chunks, &mut slices);
        slices.iter().take(count).for_each(|slice| rest.extend_from_slice(slice));
        let (sent, bytes, pongs, owed) = (self.sent, self.bytes, self.pongs, self.owed_pong.take());
        self.clear(chunks);
        (self.first, self.sent, self.bytes) = (chunks.own(rest), sent, bytes);
        (self.pongs, self.owed_pong) = (pongs, owed);
    }
}

/// Length of the frame that `bytes` begin with.
fn frame_len(bytes: &[u8]) -> u32 {
    frame::frame_len(bytes).map_or(bytes.len(), |length| length.min(bytes.len())) as u32
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
