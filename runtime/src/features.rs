//! Parts of Prometheus that are not stable yet, under the names that Prometheus gives them.
use clap::{Args, ValueEnum};

/// Which of them are switched on.
#[derive(Clone, Debug, Default, Args)]
pub struct FeatureArgs {
    /// Parts that are not stable yet.
    #[arg(
        long = "enable-feature",
        env = "PLEIADES_ENABLE_FEATURE",
        value_delimiter = ','
    )]
    pub enable_feature: Vec<Feature>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Feature {
    /// Functions that may still change.
    PromqlExperimentalFunctions,
    /// Names are dropped from results rather than by each function.
    PromqlDelayedNameRemoval,
    /// A value can stand in for series that find no other in a binary operation.
    PromqlBinopFillModifiers,
    /// `anchored` and `smoothed` look beyond the edges of a window.
    PromqlExtendedRangeSelectors,
    /// Ingesters store exemplars.
    ExemplarStorage,
    /// Ingesters store since when scraped samples count, and ask for protobuf pages, which tell it, first.
    StStorage,
    /// Ingesters store the types and units of scraped series as labels.
    TypeAndUnitLabels,
    /// Counters begin where their samples say so, once those are stored.
    UseStartTimestamps,
    /// `stats=all` tells how many samples each step of a query looked at.
    PromqlPerStepStats,
}

impl FeatureArgs {
    /// True if `feature` is on.
    pub fn has(&self, feature: Feature) -> bool {
        self.enable_feature.contains(&feature)
    }

    /// What PromQL may hold besides its stable part.
    pub fn language(&self) -> promql::Options {
        promql::Options {
            experimental_functions: self.has(Feature::PromqlExperimentalFunctions),
            fill_modifiers: self.has(Feature::PromqlBinopFillModifiers),
            extended_ranges: self.has(Feature::PromqlExtendedRangeSelectors),
        }
    }
}
