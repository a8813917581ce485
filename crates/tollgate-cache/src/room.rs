//! How arrays of which there is much grow.

use std::collections::BinaryHeap;

/// Room for more elements, without the doubling that would leave half of it empty.
pub(crate) fn make_room<T>(vec: &mut Vec<T>, more: usize) {
    if vec.capacity() - vec.len() < more {
        vec.reserve_exact(more.max(vec.len() / 8));
    }
}

/// The same for one more in a heap.
pub(crate) fn make_room_in_heap<T: Ord>(heap: &mut BinaryHeap<T>) {
    if heap.len() == heap.capacity() {
        heap.reserve_exact((heap.len() / 8).max(4));
    }
}
