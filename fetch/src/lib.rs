//! HTTP as a configuration says: authorization, TLS, proxies, redirects, limits, and Prometheus' words for what fails.
//!
//! Whoever speaks to one job, or to one set of Alertmanagers, has one [`Client`], which keeps connections open.

mod body;
mod client;
mod connect;
mod oauth2;
mod proxy;
mod secret;
mod tls;

pub use body::BodyError;
pub use client::{Client, FetchError, Fetched, Request};
pub use oauth2::{KeyError, TokenError, Tokens};
