//! Memory for pages: a page is held from its first byte until its row is stored, so a few buffers serve all targets.
use parking_lot::Mutex;

/// How much is kept for later.
const KEPT_BYTES: usize = 4 << 20;

/// Buffers that wait for a page.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The last that was given back comes first: its memory may be in the processor's caches still.
    buffers: Vec<Vec<u8>>,
    n_bytes: usize,
}

impl Buffers {
    /// An empty buffer for a page of about `page_len` bytes.
    pub(crate) fn take(&self, page_len: usize) -> Vec<u8> {
        let mut buffer = {
            let mut waiting = self.waiting.lock();
            let buffer = waiting.buffers.pop().unwrap_or_default();
            waiting.n_bytes -= buffer.capacity();
            buffer
        };
        // Pages grow slowly: a little room spares a copy.
        buffer.reserve(page_len + page_len / 16);
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut waiting = self.waiting.lock();
        if buffer.capacity() > 0 && waiting.n_bytes + buffer.capacity() <= KEPT_BYTES {
            waiting.n_bytes += buffer.capacity();
            waiting.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_within_a_bound() {
        let buffers = Buffers::default();
        let mut first = buffers.take(1000);
        assert!(first.capacity() >= 1000);
        first.extend([1; 10]);
        let memory = first.as_ptr();
        buffers.give(first);
        let again = buffers.take(500);
        assert_eq!((again.as_ptr(), again.len()), (memory, 0));
        buffers.give(Vec::with_capacity(KEPT_BYTES + 1));
        assert!(buffers.take(0).capacity() <= KEPT_BYTES);
    }
}
