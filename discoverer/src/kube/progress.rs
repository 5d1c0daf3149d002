//! How far the feeds of a section are, and of which namespaces it can tell.
//!
//! A namespace whose objects are refused to us (the role has no right to them) is left out until they are not; the
//! others go on. While the API server cannot be reached nothing is told, so that targets stay as they were.

/// How far all feeds of a section are.
#[derive(Debug, Default)]
pub(crate) struct Progress(Vec<Watch>);

#[derive(Debug)]
struct Watch {
    /// None for all namespaces, and for what is in none.
    namespace: Option<String>,
    /// Whether nothing can be told without it.
    needed: bool,
    had: Had,
}

/// What a watch has had so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Had {
    Nothing,
    Refusal,
    List,
}

impl Had {
    /// A list is refused; what there was before stays.
    pub(crate) fn refused(&mut self) {
        if *self == Self::Nothing {
            *self = Self::Refusal;
        }
    }
}

impl Progress {
    /// Counts one more watch.
    pub(crate) fn add(&mut self, namespace: Option<String>, needed: bool, had: Had) {
        self.0.push(Watch {
            namespace,
            needed,
            had,
        });
    }

    /// True if every watch was answered.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.iter().all(|watch| watch.had != Had::Nothing)
    }

    /// True if all that is needed to tell of `namespace` was listed.
    pub(crate) fn tells(&self, namespace: &str) -> bool {
        let concerns = |watch: &&Watch| {
            watch.needed && watch.namespace.as_ref().is_none_or(|of| of == namespace)
        };
        let mut needed = self.0.iter().filter(concerns);
        needed.all(|watch| watch.had == Had::List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_holds_back_its_own_namespace_alone() {
        let progress = |pods_a, pods_b| {
            let mut progress = Progress::default();
            progress.add(Some("a".to_owned()), true, pods_a);
            progress.add(Some("b".to_owned()), true, pods_b);
            progress.add(Some("b".to_owned()), false, Had::Refusal);
            progress
        };
        assert!(!progress(Had::Nothing, Had::List).is_settled());
        let mut known = progress(Had::Refusal, Had::List);
        assert!(known.is_settled());
        assert!(!known.tells("a") && known.tells("b"));

        known.add(None, true, Had::Refusal);
        assert!(!known.tells("b"));
        let mut known = progress(Had::Refusal, Had::List);
        known.add(None, true, Had::List);
        assert!(known.tells("b"));

        // What was listed once is kept.
        let mut had = Had::List;
        had.refused();
        assert_eq!(had, Had::List);
    }
}
