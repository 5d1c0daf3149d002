//! Waiting until a process says that it is ready.
use std::time::Duration;

use crate::client::HttpClient;

/// How often a process is asked.
const POLL: Duration = Duration::from_millis(50);

/// Returns once `/-/ready` of the process at `http` answers 200.
pub(super) async fn ready(client: &HttpClient, http: &str) {
    let url = format!("http://{http}/-/ready");
    loop {
        let asked = tokio::time::timeout(Duration::from_secs(2), client.get(&url)).await;
        if let Ok(Ok(answer)) = asked
            && answer.status.is_success()
        {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}
