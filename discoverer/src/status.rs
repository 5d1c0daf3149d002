//! The discoverer's own page: what it knows, as JSON.
use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use config::Unsupported;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    raft::{Group, Leadership},
    targets::Targets,
};

/// What the page is made of.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) group: Group,
    pub(crate) targets: watch::Receiver<Arc<Targets>>,
    /// What the committed configuration asks for and is left out.
    pub(crate) skipped: watch::Receiver<Vec<Unsupported>>,
}

/// `/` and `/status`.
pub(crate) fn router(known: Known) -> Router {
    Router::new()
        .route("/", get(state))
        .route("/status", get(state))
        .with_state(known)
}

async fn state(State(known): State<Known>) -> Json<Value> {
    let leader = match &*known.group.leadership().borrow() {
        Leadership::Own(_) => known.id.clone(),
        Leadership::Other(peer) => peer.id.clone(),
        Leadership::Nobody => String::new(),
    };
    let agreed = known.group.state().borrow().clone();
    // None but the leader discovers.
    let leads = leader == known.id;
    let n_targets = leads.then(|| known.targets.borrow().by_key().len());
    let skipped: Vec<Value> = known.skipped.borrow().iter().map(skipped).collect();
    Json(json!({
        "role": "discoverer",
        "id": known.id,
        "leader": leader,
        "epoch": agreed.epoch(),
        "nMembers": agreed.members.len(),
        "configVersion": agreed.config.as_ref().map_or(0, |config| config.version),
        "nTargets": n_targets,
        "skippedDiscovery": skipped,
    }))
}

fn skipped(one: &Unsupported) -> Value {
    json!({"whose": one.whose, "mechanism": one.field, "line": one.line})
}
