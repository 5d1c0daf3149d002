//! The binary as its users run it: real processes, real sockets, real signals, and what is asked of them over HTTP.
//!
//! Each test has a directory and ports of its own, and ends its processes when it ends; one runs at a time.
mod all;
mod cluster;
mod config;
mod crash;
mod full;
mod killed;
mod refusals;
mod remote_write;
mod scale;
mod scripts;
mod support;
mod tools;
mod traces;
