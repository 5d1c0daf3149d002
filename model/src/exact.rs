//! Memory of what is held for long.

/// Gives back what `held` keeps in reserve.
///
/// `shrink_to_fit` may not: an allocator that has no smaller block of the kind at hand, as ours, leaves a vector in its
/// block as long as half of that is in use. A copy takes the block that fits.
pub fn exact<T: Clone>(held: &mut Vec<T>) {
    if held.len() < held.capacity() {
        *held = held.as_slice().to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_in_reserve() {
        let mut held = Vec::with_capacity(100);
        held.extend(0..60);
        exact(&mut held);
        assert_eq!((held.len(), held.capacity()), (60, 60));
        assert!(held.into_iter().eq(0..60));
    }
}
