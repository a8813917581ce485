//! How arrays of which there is much grow.

/// Room for more elements, without the doubling that would leave half of it empty.
pub(crate) fn make_room<T>(vec: &mut Vec<T>, more: usize) {
    if vec.capacity() - vec.len() < more {
        vec.reserve_exact(more.max(vec.len() / 8));
    }
}
