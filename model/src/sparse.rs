//! Values at some places of a column.

/// Values at some of a column's places, ascending by place; most columns have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sparse<T>(Vec<(u32, T)>);

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Sparse<T> {
    /// No values.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The values at `places`, one each; none if the places do not ascend, or their number is another.
    pub fn of(places: impl ExactSizeIterator<Item = u32>, values: Vec<T>) -> Option<Self> {
        if places.len() != values.len() {
            return None;
        }
        let all: Vec<(u32, T)> = places.zip(values).collect();
        all.is_sorted_by(|(a, _), (b, _)| a < b)
            .then_some(Self(all))
    }

    /// True if no place has a value.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many places have a value.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The last place that has a value.
    pub fn last_place(&self) -> Option<u32> {
        self.0.last().map(|(place, _)| *place)
    }

    /// Puts `value` at `place`, which is behind all others.
    pub fn push(&mut self, place: u32, value: T) {
        debug_assert!(self.last_place().is_none_or(|last| last < place));
        self.0.push((place, value));
    }

    /// Puts `value` at `place`, in the stead of what is there.
    pub fn insert(&mut self, place: u32, value: T) {
        if self.last_place().is_none_or(|last| last < place) {
            return self.0.push((place, value));
        }
        match self.0.binary_search_by_key(&place, |(p, _)| *p) {
            Ok(found) => self.0[found].1 = value,
            Err(next) => self.0.insert(next, (place, value)),
        }
    }

    /// The value at `place`.
    pub fn get(&self, place: usize) -> Option<&T> {
        let found = self.find(place)?;
        Some(&self.0[found].1)
    }

    /// Takes the value at `place` away.
    pub fn remove(&mut self, place: usize) -> Option<T> {
        let found = self.find(place)?;
        Some(self.0.remove(found).1)
    }

    /// The values with their places.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &T)> {
        self.0.iter().map(|(place, value)| (*place, value))
    }

    /// The values with their places, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (u32, &mut T)> {
        self.0.iter_mut().map(|(place, value)| (*place, value))
    }

    fn find(&self, place: usize) -> Option<usize> {
        let place = u32::try_from(place).ok()?;
        self.0.binary_search_by_key(&place, |(p, _)| *p).ok()
    }
}

impl<T> IntoIterator for Sparse<T> {
    type Item = (u32, T);
    type IntoIter = std::vec::IntoIter<(u32, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_places_alone() {
        let mut sparse = Sparse::of([2, 5].into_iter(), vec!["b", "e"]).unwrap();
        sparse.push(7, "g");
        assert_eq!(sparse.get(5), Some(&"e"));
        assert_eq!(sparse.remove(5), Some("e"));
        assert_eq!((sparse.get(5), sparse.get(0)), (None, None));
        assert!(sparse.iter().eq([(2, &"b"), (7, &"g")]));
        assert_eq!(Sparse::of([3, 3].into_iter(), vec!["a", "b"]), None);
        assert_eq!(Sparse::of([3].into_iter(), vec!["a", "b"]), None);
    }
}
