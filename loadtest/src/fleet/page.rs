//! The page of a target at a time: a pure function of both and the fleet's shape.
use exposition::SyntaxError;
use model::{Millis, Timestamp};

use super::{
    layout::{Family, Unit, families},
    number::{hash, push_decimal, push_float, push_whole},
    replay::Replay,
    value::{BOUNDS, Kind, events, level, mean, share},
};

/// When the counters of all targets that do not churn began: 2024-01-01, UTC.
pub(super) const EPOCH_MILLIS: i64 = 1_704_067_200_000;

/// What a fleet is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Every value follows from it, the target and the time.
    pub seed: u64,
    /// How many targets.
    pub targets: usize,
    /// How many series each has.
    pub series: usize,
    /// Which of them are replaced.
    pub churn: Churn,
    /// The grid, above zero, of the times on the lines; without it lines carry none, and values are those of the
    /// very moment.
    pub explicit_grid: Option<Millis>,
}

/// Series that live only for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn {
    /// Which part of all series they are, from 0 to 1.
    pub fraction: f64,
    /// How long each lives, above zero; they do not all change at one time.
    pub every: Millis,
}

/// The targets of one shape.
#[derive(Debug)]
pub struct Fleet {
    shape: Shape,
    content: Content,
}

/// Where pages come from.
#[derive(Debug)]
enum Content {
    /// Made up; every target has the same series.
    Families(Vec<Family>),
    /// Recorded from programs; targets take turns with them.
    Recorded(Vec<Replay>),
}

impl Fleet {
    /// The fleet of `shape`.
    pub fn new(shape: Shape) -> Self {
        let families = families(shape.series, shape.churn.fraction);
        Self {
            shape,
            content: Content::Families(families),
        }
    }

    /// A fleet of `shape` whose targets take turns with `pages`, in the text format; theirs is the number of series.
    ///
    /// # Errors
    /// The number, from 0, of a page that is none, and why.
    pub fn recorded(shape: Shape, pages: &[Vec<u8>]) -> Result<Self, (usize, SyntaxError)> {
        let read = |(i, page): (usize, &Vec<u8>)| Replay::read(page).map_err(|error| (i, error));
        let recorded = pages.iter().enumerate().map(read);
        Ok(Self {
            shape,
            content: Content::Recorded(recorded.collect::<Result<_, _>>()?),
        })
    }

    /// How many series `target` has.
    pub fn n_series(&self, target: usize) -> usize {
        match &self.content {
            Content::Families(_) => self.shape.series,
            Content::Recorded(pages) => recorded_of(pages, target).map_or(0, Replay::n_series),
        }
    }

    /// What the fleet is like.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Appends to `page` what target number `target` exposes at `now`, as Prometheus text 0.0.4.
    pub fn write_page(&self, target: usize, now: Timestamp, page: &mut Vec<u8>) {
        let (at, mut end) = (self.values_at(now), Vec::new());
        let families = match &self.content {
            Content::Families(families) => families,
            Content::Recorded(pages) => {
                if let Some(recorded) = recorded_of(pages, target) {
                    recorded.write(hash([self.shape.seed, target as u64]), at, page);
                }
                return;
            }
        };
        if self.shape.explicit_grid.is_some() {
            end.extend_from_slice(format!(" {}", at.as_millis()).as_bytes());
        }
        end.push(b'\n');
        for family in families {
            page.extend_from_slice(&family.head);
            for unit in &family.units {
                let life = self.life(target as u64, unit, at);
                life.write(family.kind, unit, &end, page);
            }
        }
    }

    /// The time whose values a page at `now` shows.
    pub fn values_at(&self, now: Timestamp) -> Timestamp {
        match self.shape.explicit_grid {
            Some(grid) => {
                let since = now.as_millis().rem_euclid(grid.as_millis());
                Timestamp::from_millis(now.as_millis() - since)
            }
            None => now,
        }
    }

    fn life(&self, target: u64, unit: &Unit, at: Timestamp) -> Life {
        let at = at.as_millis();
        let chance = hash([self.shape.seed, target, unit.number]);
        if !unit.churns {
            let elapsed = (at - EPOCH_MILLIS).max(0) as f64 / 1000.0;
            return Life {
                chance,
                elapsed,
                at,
            };
        }
        let every = self.shape.churn.every.as_millis();
        let phase = (chance % every as u64) as i64;
        let generation = (at - phase).div_euclid(every);
        Life {
            chance: hash([chance, generation as u64]),
            elapsed: (at - phase).rem_euclid(every) as f64 / 1000.0,
            at,
        }
    }
}

/// The page that `target` plays.
fn recorded_of(pages: &[Replay], target: usize) -> Option<&Replay> {
    pages.get(target.checked_rem(pages.len())?)
}

/// A unit from its start to its end.
struct Life {
    /// What all its values follow from.
    chance: u64,
    /// Seconds since its start.
    elapsed: f64,
    /// Milliseconds since the Unix epoch.
    at: i64,
}

impl Life {
    fn write(&self, kind: Kind, unit: &Unit, end: &[u8], page: &mut Vec<u8>) {
        let chance = self.chance;
        let n_events = match kind {
            Kind::Counter | Kind::Seconds | Kind::Histogram => events(chance, self.elapsed),
            Kind::Level | Kind::Decimal | Kind::Noise | Kind::Constant => 0.0,
        };
        for (i, line) in unit.lines.iter().enumerate() {
            page.extend_from_slice(&line.before_pod);
            if unit.churns {
                push_whole(page, chance >> 24);
                page.extend_from_slice(&line.after_pod);
            }
            match kind {
                Kind::Histogram => push_part(page, chance, n_events.floor(), i),
                Kind::Counter => push_whole(page, n_events as u64),
                Kind::Constant => push_whole(page, chance % 100),
                Kind::Seconds => push_decimal(page, (n_events / 10.0) as u64, 2),
                Kind::Level => push_whole(page, self.level() as u64),
                Kind::Decimal => push_decimal(page, (self.level() * 10.0) as u64, 3),
                Kind::Noise => push_float(page, self.level() / 7.0),
            }
            page.extend_from_slice(end);
        }
    }

    fn level(&self) -> f64 {
        level(self.chance, self.at as f64 / 1000.0)
    }
}

/// Appends the value of line `i` of a histogram that has observed `n_events`.
fn push_part(page: &mut Vec<u8>, chance: u64, n_events: f64, i: usize) {
    match i.checked_sub(BOUNDS.len()) {
        None => push_whole(page, (n_events * share(chance, i)) as u64),
        Some(1) => push_float(page, n_events * mean(chance)),
        // The infinite bucket and the count.
        Some(_) => push_whole(page, n_events as u64),
    }
}

#[cfg(test)]
mod tests;
