//! Fetching pages over HTTP, as Prometheus does: its headers, its redirects, its limits, its words for what fails.
//!
//! Each scrape job has one [`Client`], which keeps connections open from scrape to scrape.

mod body;
mod client;
mod connect;
mod oauth2;
mod proxy;
mod secret;
mod tls;

pub(crate) use body::BodyError;
pub(crate) use client::{Client, FetchError, Request};
