//! Long answers in messages of bounded size.
use futures::stream::{self, BoxStream, StreamExt as _};
use prost::Message as _;
use proto::v1;
use tonic::Status;

/// A message is sent when it has so many bytes; one item may have more.
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// A stream of messages.
pub(super) type Messages<M> = BoxStream<'static, Result<M, Status>>;

/// `values` as messages.
pub(super) fn strings(values: Vec<String>) -> Messages<v1::StringsResponse> {
    let batches = batches(values, BATCH_BYTES, String::len);
    stream::iter(batches.map(|values| Ok(v1::StringsResponse { values }))).boxed()
}

/// `series` as messages.
pub(super) fn series(series: Vec<v1::Labels>) -> Messages<v1::SeriesResponse> {
    let batches = batches(series, BATCH_BYTES, v1::Labels::encoded_len);
    stream::iter(batches.map(|series| Ok(v1::SeriesResponse { series }))).boxed()
}

/// `items` in their order, as many together as reach `limit` bytes.
fn batches<T>(
    items: Vec<T>,
    limit: usize,
    n_bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = Vec<T>> {
    let mut items = items.into_iter();
    std::iter::from_fn(move || {
        let (mut batch, mut held) = (Vec::new(), 0);
        while held < limit
            && let Some(item) = items.next()
        {
            held += n_bytes(&item);
            batch.push(item);
        }
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_the_item_that_fills_it() {
        let items = ["aa", "b", "ccc", "dddddd", "e"]
            .map(str::to_owned)
            .to_vec();
        let batches: Vec<_> = batches(items, 3, String::len).collect();
        assert_eq!(
            batches,
            [vec!["aa", "b"], vec!["ccc"], vec!["dddddd"], vec!["e"]]
        );
        assert_eq!(
            super::batches(Vec::<String>::new(), 3, String::len).count(),
            0
        );
    }
}
