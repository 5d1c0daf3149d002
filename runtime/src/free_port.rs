//! Ports for processes that are started later.
use std::{
    fs,
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, TcpListener},
};

/// Below it stand the ports that services are known by.
const LOWEST: u16 = 10_000;
/// Where the kernel begins unless it is told otherwise, `Documentation/networking/ip-sysctl.rst`.
const EPHEMERAL: u16 = 32_768;
const TRIES: usize = 1_000;

/// Listens on a port of 127.0.0.1 that stays free for a while after the listener is dropped.
///
/// The kernel's own choice (port 0) is no good for a port that is handed to another process: once it is free again,
/// the next outgoing connection of anybody may take it. So this one lies below the range that outgoing connections
/// come from, wherever there is room.
///
/// # Errors
/// No port can be bound.
pub fn free_listener() -> io::Result<TcpListener> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next();
    let above = first.and_then(|port| port.parse().ok());
    let room = above.unwrap_or(EPHEMERAL).saturating_sub(LOWEST);
    if room > 0 {
        for attempt in 0..TRIES {
            let chance = RandomState::new().hash_one(attempt) % u64::from(room);
            let port = LOWEST + u16::try_from(chance).expect("it is below `room`");
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                done => return done,
            }
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_not_from_the_kernels_range() {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let first: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        let held: Vec<_> = (0..50).map(|_| free_listener().unwrap()).collect();
        let ports: std::collections::BTreeSet<_> = held
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports.len(), held.len());
        // Where the kernel takes (nearly) all ports, there is nothing below.
        assert!(first < LOWEST + 1_000 || ports.iter().all(|port| *port < first));
    }
}
