//! Buffers that are given back instead of freed, so that messages which span
//! reads do not go through the allocator each time.

/// A small stock of empty buffers.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    /// The oldest first.
    spare: Vec<Vec<u8>>,
    /// Capacity of all spare buffers together.
    held: usize,
}

/// A buffer below this costs more to keep than to make.
const SMALLEST_KEPT: usize = 512;
/// A buffer above this goes back to the allocator.
const LARGEST_KEPT: usize = 2 << 20;
/// All spare buffers together; one buffer for each of a dozen messages of a
/// mebibyte that are on their way at once.
const MOST_HELD: usize = 16 << 20;
/// How many there are at most, so that to look for one stays cheap.
const MOST_KEPT: usize = 64;
/// Whoever asks for less than this may get a buffer for this.
const SMALL: usize = 16 << 10;

impl BufferPool {
    /// An empty buffer that holds `size` bytes and is not much larger, if there
    /// is one; otherwise one without any room.
    pub(crate) fn take(&mut self, size: usize) -> Vec<u8> {
        let fitting = size..=2 * size.max(SMALL);
        let found = self.spare.iter().rposition(|buffer| fitting.contains(&buffer.capacity()));
        let buffer = found.map(|at| self.spare.remove(at)).unwrap_or_default();
        self.held -= buffer.capacity();
        buffer
    }

    /// Gives a buffer back; the oldest ones make way for it.
    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if !(SMALLEST_KEPT..=LARGEST_KEPT).contains(&capacity) {
            return;
        }
        while self.held + capacity > MOST_HELD || self.spare.len() >= MOST_KEPT {
            self.held -= self.spare.remove(0).capacity();
        }
        buffer.clear();
        self.held += capacity;
        self.spare.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_worth_keeping_and_no_more_than_its_bounds() {
        let mut pool = BufferPool::default();
        pool.give(Vec::new());
        pool.give(Vec::with_capacity(LARGEST_KEPT + 1));
        pool.give(b"AA".to_vec());
        assert!(pool.spare.is_empty());
        for _ in 0..100 {
            pool.give(Vec::with_capacity(1 << 20));
        }
        assert_eq!(pool.held, MOST_HELD);
        for _ in 0..100 {
            pool.give(Vec::with_capacity(1 << 10));
        }
        assert_eq!((pool.spare.len(), pool.held), (MOST_KEPT, MOST_KEPT << 10));
    }

    #[test]
    fn a_buffer_is_large_enough_and_not_much_too_large() {
        let mut pool = BufferPool::default();
        pool.give(Vec::with_capacity(1 << 20));
        pool.give(Vec::with_capacity(1 << 10));
        assert_eq!(pool.take(2 << 10).capacity(), 0);
        assert_eq!(pool.take((1 << 20) + 1).capacity(), 0);
        assert_eq!(pool.take(1 << 10).capacity(), 1 << 10);
        assert_eq!(pool.take(1 << 10).capacity(), 0);
        assert_eq!(pool.take(1 << 20).capacity(), 1 << 20);
        assert_eq!(pool.held, 0);
    }
}
