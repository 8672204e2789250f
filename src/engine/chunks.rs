//! What is to be sent lies in chunks that many send queues point into. A
//! message for a room is encoded once, at the end of the room's log; the queue
//! of each receiver only notes from where to where.

use slab::Slab;

use crate::base::pool::BufferPool;

/// Most bytes of a chunk that several messages share. A larger message is a
/// chunk of its own.
const CHUNK_BYTES: usize = 64 << 10;
/// Spare buffers kept for new chunks that are shared, all together.
const SPARE_BYTES: usize = 2 << 20;

/// Some bytes in a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) chunk: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Piece {
    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Where a room, or whoever sends, writes on during one turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Log {
    chunk: u32,
    turn: u32,
}

#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// Pieces that point here, and one while a log is open on it.
    holders: u32,
}

/// All chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    slab: Slab<Chunk>,
    /// Chunks on which a log is open this turn.
    open: Vec<u32>,
    turn: u32,
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    /// The same for large messages.
    large: BufferPool,
    /// Capacity of all chunks in use.
    bytes: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            slab: Slab::new(),
            open: Vec::new(),
            turn: 1,
            spare: Vec::new(),
            spare_bytes: 0,
            large: BufferPool::default(),
            bytes: 0,
        }
    }
}

impl Chunks {
    /// Appends a message of about `size` bytes to a log; `write` writes it.
    /// Whoever keeps the piece must [`hold`](Self::hold) its chunk.
    pub(crate) fn append(&mut self, log: &mut Log, size: usize, write: impl FnOnce(&mut Vec<u8>)) -> Piece {
        let open = log.turn == self.turn
            && self.slab.get(log.chunk as usize).is_some_and(|chunk| chunk.bytes.len() + size <= CHUNK_BYTES);
        if !open {
            *log = Log { chunk: self.open_chunk(size), turn: self.turn };
        }
        let chunk = &mut self.slab[log.chunk as usize];
        let (start, before) = (chunk.bytes.len(), chunk.bytes.capacity());
        write(&mut chunk.bytes);
        self.bytes += chunk.bytes.capacity() - before;
        Piece { chunk: log.chunk, start: start as u32, end: chunk.bytes.len() as u32 }
    }

    /// A chunk of its own for these bytes, already held by the piece.
    pub(crate) fn own(&mut self, bytes: Vec<u8>) -> Piece {
        self.bytes += bytes.capacity();
        let end = bytes.len() as u32;
        Piece { chunk: self.slab.insert(Chunk { bytes, holders: 1 }) as u32, start: 0, end }
    }

    /// Bytes in a chunk, whoever they are for.
    pub(crate) fn len(&self, chunk: u32) -> usize {
        self.slab.get(chunk as usize).map_or(0, |chunk| chunk.bytes.len())
    }

    /// One more piece points into the chunk.
    pub(crate) fn hold(&mut self, chunk: u32) {
        if let Some(chunk) = self.slab.get_mut(chunk as usize) {
            chunk.holders += 1;
        }
    }

    /// One piece less points into the chunk; the last one frees it.
    pub(crate) fn release(&mut self, key: u32) {
        let Some(chunk) = self.slab.get_mut(key as usize) else { return };
        chunk.holders -= 1;
        if chunk.holders > 0 {
            return;
        }
        let mut buffer = self.slab.remove(key as usize).bytes;
        self.bytes -= buffer.capacity();
        if buffer.capacity() > CHUNK_BYTES {
            self.large.give(buffer);
        } else if self.spare_bytes + buffer.capacity() <= SPARE_BYTES {
            buffer.clear();
            self.spare_bytes += buffer.capacity();
            self.spare.push(buffer);
        }
    }

    pub(crate) fn get(&self, piece: Piece) -> &[u8] {
        let chunk = self.slab.get(piece.chunk as usize);
        chunk.and_then(|chunk| chunk.bytes.get(piece.start as usize..piece.end as usize)).unwrap_or_default()
    }

    /// Ends the turn: nobody writes on in the chunks that are open now.
    pub(crate) fn end_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1).max(1);
        while let Some(key) = self.open.pop() {
            self.release(key);
        }
    }

    /// Memory of all chunks in use, each counted once.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn open_chunk(&mut self, size: usize) -> u32 {
        let mut bytes = if size > CHUNK_BYTES {
            self.large.take(size)
        } else {
            let bytes = self.spare.pop().unwrap_or_default();
            self.spare_bytes -= bytes.capacity();
            bytes
        };
        bytes.reserve(size);
        self.bytes += bytes.capacity();
        let key = self.slab.insert(Chunk { bytes, holders: 1 }) as u32;
        self.open.push(key);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Chunks {
        /// Panics unless each chunk is held by those of `pieces` that lie in it
        /// and by the log that is open on it, and by nothing else.
        pub(crate) fn check(&self, pieces: &[Piece]) {
            for (key, chunk) in &self.slab {
                let key = key as u32;
                let pieces = pieces.iter().filter(|piece| piece.chunk == key);
                let in_bounds =
                    |piece: &&Piece| piece.start < piece.end && piece.end <= chunk.bytes.len() as u32;
                assert!(pieces.clone().all(|piece| in_bounds(&piece)));
                let logs = self.open.iter().filter(|open| **open == key).count();
                assert_eq!(chunk.holders as usize, pieces.count() + logs);
                assert!(chunk.holders > 0);
            }
            assert!(pieces.iter().all(|piece| self.slab.contains(piece.chunk as usize)));
            assert_eq!(self.bytes, self.slab.iter().map(|(_, chunk)| chunk.bytes.capacity()).sum::<usize>());
            assert_eq!(self.spare_bytes, self.spare.iter().map(Vec::capacity).sum::<usize>());
            assert!(self.spare_bytes <= SPARE_BYTES);
        }
    }

    fn add(chunks: &mut Chunks, log: &mut Log, text: &[u8]) -> Piece {
        chunks.append(log, text.len(), |out| out.extend_from_slice(text))
    }

    #[test]
    fn what_is_appended_in_one_turn_lies_side_by_side() {
        let (mut chunks, mut log) = (Chunks::default(), Log::default());
        let (one, two) = (add(&mut chunks, &mut log, b"one"), add(&mut chunks, &mut log, b"two"));
        assert_eq!((one.chunk, one.end), (two.chunk, two.start));
        chunks.hold(one.chunk);
        chunks.end_turn();
        let three = add(&mut chunks, &mut log, b"three");
        assert_ne!(three.chunk, one.chunk);
        assert_eq!(chunks.get(Piece { end: two.end, ..one }), b"onetwo");
    }

    #[test]
    fn a_chunk_that_nobody_points_into_is_freed_at_the_end_of_the_turn() {
        let (mut chunks, mut log) = (Chunks::default(), Log::default());
        let piece = add(&mut chunks, &mut log, b"x");
        chunks.hold(piece.chunk);
        chunks.end_turn();
        assert!(chunks.bytes() > 0);
        chunks.release(piece.chunk);
        assert_eq!(chunks.bytes(), 0);
        assert!(chunks.slab.is_empty());
    }

    #[test]
    fn a_large_message_is_a_chunk_of_its_own_and_is_not_kept() {
        let (mut chunks, mut log) = (Chunks::default(), Log::default());
        let small = add(&mut chunks, &mut log, b"small");
        let large = add(&mut chunks, &mut log, &vec![b'x'; CHUNK_BYTES + 1]);
        assert_ne!(small.chunk, large.chunk);
        let after = add(&mut chunks, &mut log, b"after");
        assert_ne!(after.chunk, large.chunk);
        chunks.end_turn();
        assert_eq!(chunks.bytes(), 0);
        assert!(chunks.spare_bytes <= SPARE_BYTES);
    }
}
