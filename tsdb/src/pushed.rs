//! Pushed series in memory: a group's pages, and the samples that no segment holds yet.
//!
//! A pushed group is a set of samples by series and time. Which series come together is known only roughly, from their
//! labels, so a row is partial: batches add to it as they come, and absence from it means nothing. Series stand in
//! *pages* of at most [`PAGE`], each with a dictionary of its own, so that a group may be large and its rows and blocks
//! are still bounded. A series has its place in the page that was open when it came; when most of a page has fallen
//! silent the page is closed, what is left of it moves on with its next sample, and the page is forgotten once its data
//! is in blocks.
//!
//! Every batch has a sequence number in its group, under which its record is kept. Of two values for one series and time
//! the one that came first holds: the lower dictionary number, then the lower sequence number.
mod held;
pub(crate) mod record;

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};
use model::{GroupKey, Labels, Sample, Timestamp};

use crate::{
    dictionary::Dictionary,
    keys::Era,
    row::{DictionaryNo, Ordinal},
};
pub(crate) use held::{Held, MAX_RUNS, Point};

/// How many series a page has at most: enough to share timestamps among, and if each has its own, 32 samples of each
/// still make rows for one segment.
pub(crate) const PAGE: usize = 1024;
/// A page of fewer series is never closed.
const SMALL_PAGE: usize = 64;

/// All that memory holds of one pushed group.
#[derive(Debug)]
pub(crate) struct PushedGroup {
    pub(crate) key: GroupKey,
    /// Ascending by number; new series get their places in the last.
    pub(crate) pages: Vec<Page>,
    /// The number of the last batch: in its top bits that of the run of the database, so that it never goes back, also
    /// when a start finds no trace of the last batches any more.
    pub(crate) sequence: u64,
    /// True once nothing of it is in memory any more and the table of groups has let it go.
    pub(crate) evicted: bool,
    /// Where each series stands: in the last of the pages that have it.
    places: HashTable<PushedPlace>,
    hashing: FixedState,
}

/// A series' place in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PushedPlace {
    /// The index of the page.
    pub(crate) page: u32,
    pub(crate) ordinal: u16,
}

/// Some series of a pushed group.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) dictionary: Dictionary,
    /// The newest sample of each place, as far as it is known.
    newest: Vec<Option<Sample>>,
    pub(crate) held: Held,
    /// How many records of each generation hold what [`Page::held`] has.
    pub(crate) records: BTreeMap<i64, usize>,
    /// The spans of two hours that have segments by it.
    pub(crate) periods: BTreeSet<i64>,
    /// True if the series in it move on to another page with their next sample.
    pub(crate) closed: bool,
    /// How many samples of each series make the next segment.
    rows_to_cut: usize,
}

impl PushedGroup {
    /// A group without pages, whose batches have numbers above `sequence`.
    pub(crate) fn new(key: GroupKey, sequence: u64) -> Self {
        Self {
            key,
            pages: Vec::new(),
            sequence,
            evicted: false,
            places: HashTable::new(),
            hashing: FixedState::with_seed(key.0),
        }
    }

    /// The place of `labels` in an open page.
    pub(crate) fn find(&self, labels: &Labels) -> Option<PushedPlace> {
        let found = self.find_anywhere(labels)?;
        (!self.pages[found.page as usize].closed).then_some(found)
    }

    /// True if a page has `labels`.
    pub(crate) fn has(&self, labels: &Labels) -> bool {
        self.find_anywhere(labels).is_some()
    }

    fn find_anywhere(&self, labels: &Labels) -> Option<PushedPlace> {
        let is_it = |place: &PushedPlace| {
            let dictionary = &self.pages[place.page as usize].dictionary;
            dictionary.has(place.ordinal(), labels)
        };
        let hash = Dictionary::hash_of(&self.hashing, labels);
        self.places.find(hash, is_it).copied()
    }

    /// The page that new series get their places in, if it has room; otherwise one is to be added.
    pub(crate) fn open_page(&self) -> Option<&Page> {
        let last = self.pages.last();
        last.filter(|page| !page.closed && page.dictionary.len() < PAGE)
    }

    /// Begins a page; `number` is above those of all pages before.
    pub(crate) fn add_page(&mut self, number: DictionaryNo, rows_per_segment: usize) {
        self.pages.push(Page::new(
            Dictionary::new(number),
            self.key,
            rows_per_segment,
        ));
    }

    /// Takes in a page that was loaded; its number is above those of all pages before.
    pub(crate) fn load_page(&mut self, page: Page) {
        self.pages.push(page);
        let page = self.pages.len() - 1;
        for ordinal in 0..self.pages[page].dictionary.len() {
            self.set_place(page, ordinal);
        }
    }

    /// Gives `labels`, which have no place in an open page, one in the last page.
    pub(crate) fn define(&mut self, labels: &Labels) -> PushedPlace {
        let before = self.find_anywhere(labels);
        let newest = before.and_then(|old| self.pages[old.page as usize].newest(old.ordinal));
        let page = self.pages.len() - 1;
        let last = &mut self.pages[page];
        let Ordinal(ordinal) = last.dictionary.push(labels);
        last.newest.push(newest);
        self.set_place(page, ordinal as usize)
    }

    fn set_place(&mut self, page: usize, ordinal: usize) -> PushedPlace {
        let place = PushedPlace {
            page: page as u32,
            ordinal: ordinal as u16,
        };
        let (pages, hashing) = (&self.pages, &self.hashing);
        let labels = pages[page].dictionary.labels(place.ordinal());
        let labels = labels.expect("the place is in its page's dictionary");
        let is_it = |known: &PushedPlace| {
            let dictionary = &pages[known.page as usize].dictionary;
            dictionary.has(known.ordinal(), &labels)
        };
        let entry = self
            .places
            .entry(hash_at(pages, hashing, place), is_it, |known| {
                hash_at(pages, hashing, *known)
            });
        match entry {
            Entry::Occupied(mut known) => *known.get_mut() = place,
            Entry::Vacant(vacant) => drop(vacant.insert(place)),
        }
        place
    }

    /// Forgets those newest samples of a page that `is_gone` takes: what was deleted may be pushed again.
    pub(crate) fn forget_newest(
        &mut self,
        number: DictionaryNo,
        is_gone: impl Fn(&Labels, Timestamp) -> bool,
    ) {
        for page in self
            .pages
            .iter_mut()
            .filter(|p| p.dictionary.number == number)
        {
            for (newest, labels) in page.newest.iter_mut().zip(page.dictionary.all_labels()) {
                *newest = newest.filter(|newest| !is_gone(&labels, newest.at));
            }
        }
    }

    /// Closes pages in which most series have been silent since `since`, and takes out those that hold nothing.
    pub(crate) fn tidy(&mut self, since: Timestamp) -> Vec<Dictionary> {
        for page in &mut self.pages {
            page.closed |= page.is_mostly_silent(since);
        }
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pages)
            .into_iter()
            .partition(|page| page.held.is_empty() && page.periods.is_empty());
        if gone.is_empty() {
            self.pages = kept;
            return Vec::new();
        }
        self.places.clear();
        kept.into_iter().for_each(|page| self.load_page(page));
        self.places
            .shrink_to_fit(|place| hash_at(&self.pages, &self.hashing, *place));
        gone.into_iter().map(|page| page.dictionary).collect()
    }
}

fn hash_at(pages: &[Page], hashing: &FixedState, place: PushedPlace) -> u64 {
    let dictionary = &pages[place.page as usize].dictionary;
    dictionary.hash(place.ordinal(), hashing)
}

impl PushedPlace {
    fn ordinal(self) -> Ordinal {
        Ordinal(u32::from(self.ordinal))
    }
}

impl Page {
    /// A page without samples. The first segment is cut early, by a number from the group's key, so that groups that
    /// began together are not cut together.
    pub(crate) fn new(dictionary: Dictionary, key: GroupKey, rows_per_segment: usize) -> Self {
        let half = rows_per_segment / 2;
        let early = (key.0 % rows_per_segment.max(1) as u64) as usize / 2;
        Self {
            newest: vec![None; dictionary.len()],
            closed: dictionary.damaged,
            dictionary,
            held: Held::default(),
            records: BTreeMap::new(),
            periods: BTreeSet::new(),
            rows_to_cut: (half + early).max(1),
        }
    }

    /// The newest sample of a place, if it is known.
    pub(crate) fn newest(&self, ordinal: u16) -> Option<Sample> {
        self.newest[ordinal as usize]
    }

    /// Notes the newest sample of a place; gives what it was.
    pub(crate) fn set_newest(&mut self, ordinal: u16, sample: Option<Sample>) -> Option<Sample> {
        std::mem::replace(&mut self.newest[ordinal as usize], sample)
    }

    /// True if there are samples enough for a segment.
    pub(crate) fn is_due(&self) -> bool {
        let n_wanted = self.held.n_series() * self.rows_to_cut;
        !self.held.is_empty() && (self.held.len() >= n_wanted || self.held.is_large())
    }

    /// The days of which it has data that is not in blocks: a start reads its dictionary from these, so each must hold
    /// all of it.
    pub(crate) fn days(&self) -> BTreeSet<i64> {
        let of_period = |period: &i64| Era::Series.of(Era::Segments.start(*period));
        let mut days: BTreeSet<i64> = self.periods.iter().map(of_period).collect();
        days.extend(self.held.days());
        days
    }

    /// Lets go of what is in segments now; gives the records that are no longer needed, by generation.
    pub(crate) fn cut(&mut self, rows_per_segment: usize) -> BTreeMap<i64, usize> {
        self.held.clear();
        self.rows_to_cut = rows_per_segment.max(1);
        std::mem::take(&mut self.records)
    }

    /// How many series have had a sample since `since` and did not end with it.
    pub(crate) fn n_active(&self, since: Timestamp) -> usize {
        let lives = |sample: &Sample| sample.at >= since && !model::is_stale_nan(sample.value);
        let newest = self.newest.iter().flatten();
        newest.filter(|sample| lives(sample)).count()
    }

    fn is_mostly_silent(&self, since: Timestamp) -> bool {
        let newest = self.newest.iter().flatten();
        let n_heard = newest.filter(|sample| sample.at >= since).count();
        self.newest.len() >= SMALL_PAGE && n_heard * 2 < self.newest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(pod: usize) -> Labels {
        Labels::from_pairs([("__name__", "a".to_owned()), ("pod", pod.to_string())])
    }

    fn sample(millis: i64) -> Sample {
        Sample {
            at: Timestamp::from_millis(millis),
            value: 1.0,
        }
    }

    #[test]
    fn what_lives_moves_out_of_a_page_that_has_fallen_silent() {
        let mut group = PushedGroup::new(GroupKey(1), 0);
        assert!(group.open_page().is_none());
        group.add_page(DictionaryNo(3), 32);
        for i in 0..PAGE {
            let place = group.define(&series(i));
            assert_eq!((place.page, usize::from(place.ordinal)), (0, i));
        }
        assert!(group.open_page().is_none());
        let (last, page) = (PAGE - 1, &mut group.pages[0]);
        page.set_newest(last as u16, Some(sample(50)));
        page.periods.insert(0);
        assert!(group.tidy(Timestamp::from_millis(40)).is_empty());
        assert!(group.pages[0].closed && group.find(&series(last)).is_none());
        group.add_page(DictionaryNo(4), 32);
        let moved = group.define(&series(last));
        assert_eq!(
            moved,
            PushedPlace {
                page: 1,
                ordinal: 0
            }
        );
        assert_eq!(group.find(&series(last)), Some(moved));
        assert_eq!(group.pages[1].newest(0), Some(sample(50)));
        group.pages[1].periods.insert(9);
        group.pages[0].periods.clear();
        let gone = group.tidy(Timestamp::from_millis(40));
        assert_eq!(gone.len(), 1);
        assert_eq!(gone[0].number, DictionaryNo(3));
        let moved = PushedPlace {
            page: 0,
            ordinal: 0,
        };
        assert_eq!(group.find(&series(last)), Some(moved));
        assert_eq!(group.find(&series(0)), None);
    }
}
