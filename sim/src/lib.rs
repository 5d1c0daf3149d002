//! Whole clusters on one thread: one seed, paused time, a simulated network, stores in memory.
//!
//! A run is replayed by its seed: turmoil draws latencies from it, tokio (built with `--cfg tokio_unstable`) its own
//! choices, and no role touches a clock, a socket or a thread but through its components.

mod net;

pub use net::Simulated;
