//! What a discoverer does while it leads: it judges leases, places shards and discovers targets.
use std::{sync::Arc, time::Duration};

use hashring::{Problem, ShardMap, relieve};
use model::ReplicationFactor;
use parking_lot::Mutex;
use runtime::{Chain, Components};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tracing::{info, warn};

use crate::{
    discovery,
    duties::{map_due, placeable, states_due},
    generated::{self, Generator},
    lease::Leases,
    raft::{Group, Leadership, WriteError},
    state::{Command, Outcome, State},
    targets::Targets,
};

/// How often leases are judged and placement is looked at; joins that come together are placed together.
const TICK: Duration = Duration::from_millis(500);
/// How often load is looked at, and at most a little is moved for it.
const RELIEF: Duration = Duration::from_secs(60);
/// Looks at the load, one after another, that must find it uneven before anything moves.
const UNEVEN_LOOKS: u32 = 10;

/// The leader's memory, which its service shares. Clones share it.
#[derive(Clone)]
pub(crate) struct Term(Arc<Mutex<(Instant, Leases)>>);

impl Term {
    /// The memory of a leadership that begins now.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), Leases::default()))))
    }

    /// Forgets everything: a new leadership begins.
    fn begin(&self) {
        *self.0.lock() = (Instant::now(), Leases::default());
    }

    /// Does something with the leases, and with the time since the leadership began.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Leases, Duration) -> T) -> T {
        let (began, leases) = &mut *self.0.lock();
        work(leases, began.elapsed())
    }
}

/// All that leading takes.
pub(crate) struct Leader {
    pub(crate) group: Group,
    pub(crate) term: Term,
    pub(crate) components: Components,
    pub(crate) replication: ReplicationFactor,
    pub(crate) targets: watch::Sender<Arc<Targets>>,
    pub(crate) metrics: Arc<discovery::Metrics>,
    /// None if nothing is generated.
    pub(crate) generator: Option<Generator>,
}

impl Leader {
    /// Leads whenever the group says so, for ever.
    pub(crate) async fn run(self) {
        let mut leadership = self.group.leadership();
        loop {
            let own = |l: &Leadership| matches!(l, Leadership::Own(_));
            let Ok(term) = leadership.wait_for(own).await.map(|term| term.clone()) else {
                return;
            };
            self.term.begin();
            self.targets.send_replace(Arc::default());
            let discovery = discovery::run(
                self.group.state(),
                &self.components,
                &self.metrics,
                &self.targets,
            );
            tokio::select! {
                biased;
                ended = leadership.wait_for(|now| *now != term) => if ended.is_err() {
                    return;
                },
                () = self.attend() => {}
                () = discovery => {}
                () = self.generate() => {}
            }
        }
    }

    /// Generates for ever, or sees to it that nothing generated is left.
    async fn generate(&self) {
        match &self.generator {
            Some(generator) => generator.clone().run().await,
            None => generated::retire(&self.group).await,
        }
    }

    /// Attends to members and placement until the group refuses.
    async fn attend(&self) {
        if let Err(error) = self.attended().await {
            warn!(error = %Chain(&error), "the leader cannot write");
            // Leadership is about to change; if it does not, the duties are taken up again.
            tokio::time::sleep(TICK).await;
        }
    }

    async fn attended(&self) -> Result<(), WriteError> {
        self.write(Command::SetReplication(self.replication))
            .await?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut placed: Option<(Problem, u64)> = None;
        let (mut looked, mut uneven) = (Instant::now(), 0);
        loop {
            tick.tick().await;
            let at = self.components.clock.now();
            let state = self.state();
            let due = (self.term).with(|leases, now| states_due(&state, leases, at, now));
            for command in due {
                self.write(command).await?;
            }
            let state = self.state();
            let problem = (self.term).with(|leases, now| placeable(&state, leases, at, now));
            let Some(problem) = problem else { continue };
            let asked = (problem.clone(), state.epoch());
            if placed.as_ref() != Some(&asked) {
                self.place(state, problem).await?;
                placed = Some((asked.0, self.state().epoch()));
            } else if looked.elapsed() >= RELIEF {
                looked = Instant::now();
                uneven = self.relieve(&state, problem, uneven).await?;
            }
        }
    }

    async fn place(&self, state: Arc<State>, problem: Problem) -> Result<(), WriteError> {
        let at = self.components.clock.now();
        let due = move || map_due(&state, &problem, at);
        match self.components.offload.run(due).await {
            Some(command) => self.write(command).await,
            None => Ok(()),
        }
    }

    /// Moves a little for load alone, once it has been uneven long enough; gives how long it has been.
    async fn relieve(
        &self,
        state: &State,
        problem: Problem,
        uneven: u32,
    ) -> Result<u32, WriteError> {
        let series = self.term.with(|leases, _| leases.series_by_shard());
        let (before, based_on) = (state.map(), state.epoch());
        let held = Arc::clone(&before);
        let relieved: ShardMap = (self.components.offload)
            .run(move || relieve(&problem, &held, &series))
            .await;
        if relieved == *before {
            return Ok(0);
        }
        if uneven + 1 >= UNEVEN_LOOKS {
            let n_moves = relieved.moves_since(&before).len();
            info!(n_moves, "shards move for load alone");
            let (at, map) = (self.components.clock.now(), Arc::new(relieved));
            self.write(Command::SetMap { based_on, at, map }).await?;
        }
        Ok(uneven + 1)
    }

    async fn write(&self, command: Command) -> Result<(), WriteError> {
        match self.group.write(&command).await? {
            Outcome::Refused(reason) => warn!(%reason, "a command of the leader was refused"),
            Outcome::Changed => match &command {
                Command::SetMemberState { node, state, .. } => {
                    info!(node = node.0, ?state, "a member's state changed");
                }
                Command::RemoveMember(node) => info!(node = node.0, "a member is forgotten"),
                Command::SetMap { based_on, .. } => info!(epoch = based_on + 1, "a new map"),
                _ => {}
            },
            Outcome::Joined(_) | Outcome::Unchanged => {}
        }
        Ok(())
    }

    fn state(&self) -> Arc<State> {
        self.group.state().borrow().clone()
    }
}
