//! What tests of mechanisms share.
use std::net::SocketAddr;

use axum::Router;
use config::TargetGroup;

/// Serves `router` on loopback for as long as the test runs.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// A line for each group with its labels, and one for each of its targets.
pub(crate) fn lines(groups: &[TargetGroup]) -> String {
    let pairs = |labels: &model::Labels| {
        let pairs = labels
            .iter()
            .map(|(name, value)| format!(" {name}={value}"));
        pairs.collect::<String>()
    };
    let mut text = String::new();
    for group in groups {
        text += &format!("{}{}\n", group.source, pairs(&group.labels));
        for target in &group.targets {
            text += &format!(" {}\n", pairs(target));
        }
    }
    text
}
