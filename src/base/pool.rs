//! Buffers that are given back instead of freed, so that messages which span
//! reads do not go through the allocator each time.

/// A small stock of empty buffers.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    spare: Vec<Vec<u8>>,
    /// Capacity of all spare buffers together.
    held: usize,
}

/// A buffer below this costs more to keep than to make.
const SMALLEST_KEPT: usize = 512;
/// A buffer above this goes back to the allocator.
const LARGEST_KEPT: usize = 2 << 20;
/// All spare buffers together.
const MOST_HELD: usize = 8 << 20;

impl BufferPool {
    /// An empty buffer, of whatever capacity it happens to have.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let buffer = self.spare.pop().unwrap_or_default();
        self.held -= buffer.capacity();
        buffer
    }

    /// Gives a buffer back.
    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if !(SMALLEST_KEPT..=LARGEST_KEPT).contains(&capacity) || self.held + capacity > MOST_HELD {
            return;
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
    fn keeps_what_is_worth_keeping_and_no_more_than_its_bound() {
        let mut pool = BufferPool::default();
        pool.give(Vec::new());
        pool.give(Vec::with_capacity(LARGEST_KEPT + 1));
        pool.give(b"AA".to_vec());
        assert!(pool.spare.is_empty());
        for _ in 0..10 {
            pool.give(Vec::with_capacity(1 << 20));
        }
        assert!(pool.held <= MOST_HELD);
        assert!(pool.take().capacity() >= 1 << 20);
    }
}
