//! What a process tells of itself at `/metrics`.
mod accept;
mod text;

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    registry::Registry,
};

use crate::process;
pub(crate) use accept::Exposition;

/// The metrics of a process and of every role in it. Clones share them.
#[derive(Clone, Debug)]
pub struct Exposed {
    process: Arc<Registry>,
    roles: Arc<Mutex<Vec<Weak<Registry>>>>,
}

impl Default for Exposed {
    fn default() -> Self {
        Self {
            process: Arc::new(process::registry()),
            roles: Arc::default(),
        }
    }
}

impl Exposed {
    /// Exposes the metrics of a role for as long as what is returned lives. No two roles of a process have a name in common.
    #[must_use = "they are exposed no longer than it lives"]
    pub fn add(&self, registry: Registry) -> Arc<Registry> {
        let registry = Arc::new(registry);
        let mut roles = self.roles.lock();
        roles.retain(|role| role.strong_count() > 0);
        roles.push(Arc::downgrade(&registry));
        registry
    }

    /// All of them on a page.
    pub(crate) fn page(&self, format: Exposition) -> String {
        match format {
            Exposition::Text => text::of_open_metrics(&self.open_metrics()),
            Exposition::OpenMetrics1 | Exposition::OpenMetrics0 => self.open_metrics(),
        }
    }

    fn open_metrics(&self) -> String {
        let roles: Vec<_> = self.roles.lock().iter().filter_map(Weak::upgrade).collect();
        let mut page = String::new();
        let mut all = [&self.process].into_iter().chain(&roles);
        all.try_for_each(|registry| encode_registry(&mut page, registry))
            .and_then(|()| encode_eof(&mut page))
            .expect("writing to a string cannot fail");
        page
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn the_metrics_of_every_role_that_lives_are_on_one_page() {
        let exposed = Exposed::default();
        let role = |name: &str| {
            let mut registry = Registry::default();
            registry.register(name, "Some", Counter::<u64>::default());
            exposed.add(registry)
        };
        let (first, second) = (role("a"), role("b"));
        let page = exposed.page(Exposition::OpenMetrics1);
        for line in ["a_total 0", "b_total 0", "# TYPE pleiades_build info"] {
            assert_eq!(page.lines().filter(|l| *l == line).count(), 1, "{page}");
        }
        assert!(page.ends_with("\n# EOF\n"));
        let text = exposed.page(Exposition::Text);
        for line in [
            "a_total 0",
            "# TYPE b_total counter",
            "# TYPE pleiades_build_info gauge",
        ] {
            assert_eq!(text.lines().filter(|l| *l == line).count(), 1, "{text}");
        }
        drop(first);
        assert!(!exposed.page(Exposition::Text).contains("a_total"));
        drop(second);
    }
}
