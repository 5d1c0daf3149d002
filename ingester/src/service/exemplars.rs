//! Exemplars to and from messages.
use model::{Exemplar, Labels, Matcher, TimeRange};
use proto::{WireError, v1};

use crate::shared::Shared;

/// The exemplars that `request` asks for.
pub(super) fn selected(
    shared: &Shared,
    request: &v1::ExemplarsRequest,
) -> Result<v1::ExemplarsResponse, WireError> {
    let selectors = request.selectors.iter().map(TryInto::try_into);
    let selectors = selectors.collect::<Result<Vec<Vec<Matcher>>, _>>()?;
    let range = request.range.ok_or(WireError::Missing("a time range"))?;
    let range = TimeRange::try_from(range)?;
    let found = shared.exemplars.as_ref();
    let found = found.map(|exemplars| exemplars.select(&selectors, range));
    let series = found.unwrap_or_default().into_iter();
    let series = series.map(|(labels, exemplars)| v1::SeriesExemplars {
        labels: Some((&labels).into()),
        exemplars: exemplars.iter().map(Into::into).collect(),
    });
    Ok(v1::ExemplarsResponse {
        series: series.collect(),
    })
}

/// The exemplars that were pushed with `series`.
pub(super) fn pushed(series: &[v1::PushedSeries]) -> Vec<(Labels, Exemplar)> {
    let with_some = series.iter().filter(|series| !series.exemplars.is_empty());
    with_some
        .flat_map(|series| {
            let labels: Labels = series.labels.as_ref().map(Into::into).unwrap_or_default();
            let exemplars = series.exemplars.iter();
            exemplars.map(move |exemplar| (labels.clone(), exemplar.into()))
        })
        .collect()
}
