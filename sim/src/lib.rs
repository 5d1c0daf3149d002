//! Whole clusters on one thread: one seed, paused time, a simulated network, stores in memory.
//!
//! ```text
//! seed -> faults ------------------------.
//!      -> latencies, tokio's choices -> three discoverers, three ingesters, a querier, exporters
//!                                        -> answers -> judge: every slot once, every value its page's
//! ```
//!
//! # What replays
//!
//! A run is replayed by its seed: turmoil draws latencies from it, tokio (built with `--cfg tokio_unstable`, which
//! `make setup` sees to) its own choices, and no role touches a clock, a socket or a thread but through its components.
//! The [`Outcome`]'s digest covers when each segment was sent and received, by whom, what members told, and the bytes of
//! the answers. It holds for one build, and for one run a process, as the program `sim` makes them: tokio numbers tasks
//! through a whole process, and drops those of a crashed host in an order that their numbers decide.
//!
//! Not covered: the bytes of segments, since hyper writes the real day into its headers, and the order within hash
//! maps of the standard library, which no seed decides: what shows on the network must not depend on it.
//! A change of configuration takes its files from the real disk, and is not simulated.

mod check;
mod cluster;
mod dice;
mod exporter;
mod faults;
mod net;
mod run;
mod trace;

pub use net::Simulated;
pub use run::{Outcome, run};
