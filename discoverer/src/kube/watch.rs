//! How a watch goes on after it has failed, and what is said of it.
use futures::{Stream, StreamExt as _, stream};
use kube::runtime::{
    utils::Backoff as _,
    watcher::{self, DefaultBackoff, Event},
};
use runtime::Chain;

/// `events` of a watch, which after an error is asked again ever more slowly: after 0.8 s at first, every half minute in
/// the end, as client-go does.
pub(super) fn patient<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
) -> impl Stream<Item = watcher::Result<Event<K>>> {
    let state = (Box::pin(events), DefaultBackoff::default(), None);
    stream::unfold(state, |(mut events, mut pauses, pause)| async move {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        let event = events.next().await?;
        if is_well(&event) {
            pauses.reset();
        }
        let pause = event.is_err().then(|| pauses.next()).flatten();
        Some((event, (events, pauses, pause)))
    })
}

/// True if a list is whole or something has changed. Other events say nothing: each try begins with one.
fn is_well<K>(event: &watcher::Result<Event<K>>) -> bool {
    matches!(
        event,
        Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_))
    )
}

/// The reason of the last failure, so that each is said once until all is well again.
#[derive(Debug, Default)]
pub(super) struct Told(Option<String>);

impl Told {
    /// Takes in what came of the watch.
    pub(super) fn hear<K>(&mut self, event: &watcher::Result<Event<K>>) {
        if is_well(event) {
            self.0 = None;
        }
    }

    /// Why the watch failed, unless that was said.
    pub(super) fn news(&mut self, failed: &watcher::Error) -> Option<&str> {
        let reason = reason(failed);
        if self.0.as_ref() == Some(&reason) {
            return None;
        }
        Some(self.0.insert(reason))
    }
}

/// In the API server's words, if it has answered.
fn reason(failed: &watcher::Error) -> String {
    let of = |error: &kube::Error| match error {
        kube::Error::Api(status) => status.message.clone(),
        other => Chain(other).to_string(),
    };
    match failed {
        watcher::Error::InitialListFailed(error) => format!("list: {}", of(error)),
        watcher::Error::WatchStartFailed(error) => format!("begin to watch: {}", of(error)),
        watcher::Error::WatchFailed(error) => format!("watch: {}", of(error)),
        watcher::Error::WatchError(status) => format!("watch: {}", status.message),
        other => Chain(other).to_string(),
    }
}

/// True if the API server has forgotten what the watch had seen, so that it lists anew: that is how watches are meant.
pub(super) fn is_expired(failed: &watcher::Error) -> bool {
    match failed {
        watcher::Error::WatchError(status) => status.code == 410,
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 410,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use kube::core::Status;
    use tokio::time::Instant;

    use super::*;

    fn refused() -> watcher::Error {
        let status = Status::failure("pods is forbidden", "Forbidden").with_code(403);
        watcher::Error::InitialListFailed(kube::Error::Api(status.boxed()))
    }

    #[tokio::test(start_paused = true)]
    async fn tries_that_fail_come_ever_more_slowly_until_a_list_is_whole() {
        let failing = || [Ok(Event::<Pod>::Init), Err(refused())];
        let events = (0..6).flat_map(|_| failing());
        let events = events.chain([Ok(Event::Init), Ok(Event::InitDone)]);
        let events = events.chain(failing()).chain(failing());
        let mut events = std::pin::pin!(patient(stream::iter(events)));
        let (mut times, mut whole) = (Vec::new(), None);
        while let Some(event) = events.next().await {
            match event {
                Err(_) => times.push(Instant::now()),
                Ok(Event::InitDone) => whole = Some(times.len()),
                Ok(_) => {}
            }
        }
        let gaps: Vec<f64> = times
            .windows(2)
            .map(|t| (t[1] - t[0]).as_secs_f64())
            .collect();
        assert_eq!(whole, Some(6));
        for (gap, least) in gaps.iter().zip([0.8, 1.6, 3.2, 6.4, 12.8]) {
            assert!((least..=2.0 * least).contains(gap), "{gap} after {least}");
        }
        assert!(gaps[6] < 2.0, "the first pause again: {}", gaps[6]);
    }

    #[test]
    fn a_reason_is_said_once_until_all_is_well() {
        let mut told = Told::default();
        assert_eq!(told.news(&refused()), Some("list: pods is forbidden"));
        assert_eq!(told.news(&refused()), None);
        assert!(told.news(&watcher::Error::NoResourceVersion).is_some());
        assert!(told.news(&refused()).is_some());
        told.hear(&Ok(Event::<Pod>::Init));
        assert_eq!(told.news(&refused()), None);
        told.hear(&Ok(Event::Apply(Pod::default())));
        assert!(told.news(&refused()).is_some());
    }
}
