//! How far the watches of a section are, and of which namespaces it can tell.
//!
//! A namespace whose objects are refused to us (the role has no right to them) is left out until they are not; the
//! others go on. While the API server cannot be reached nothing is told, so that targets stay as they were.

/// How far all watches of a section are.
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
enum Had {
    Nothing,
    Refusal,
    List,
}

impl Progress {
    /// Counts one more watch; returns its number.
    pub(crate) fn add(&mut self, namespace: Option<String>, needed: bool) -> usize {
        self.0.push(Watch {
            namespace,
            needed,
            had: Had::Nothing,
        });
        self.0.len() - 1
    }

    /// The watch has had a full list.
    pub(crate) fn listed(&mut self, number: usize) {
        self.0[number].had = Had::List;
    }

    /// The watch was refused a list; what it has had before stays.
    pub(crate) fn refused(&mut self, number: usize) {
        let had = &mut self.0[number].had;
        if *had == Had::Nothing {
            *had = Had::Refusal;
        }
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
        let mut progress = Progress::default();
        let pods_a = progress.add(Some("a".to_owned()), true);
        let pods_b = progress.add(Some("b".to_owned()), true);
        let jobs_b = progress.add(Some("b".to_owned()), false);
        progress.listed(pods_b);
        progress.refused(jobs_b);
        assert!(!progress.is_settled());
        progress.refused(pods_a);
        assert!(progress.is_settled());
        assert!(!progress.tells("a") && progress.tells("b"));
        // What was listed once is kept.
        progress.refused(pods_b);
        assert!(progress.tells("b"));

        let nodes = progress.add(None, true);
        progress.refused(nodes);
        assert!(!progress.tells("b"));
        progress.listed(nodes);
        assert!(progress.tells("b"));
    }
}
