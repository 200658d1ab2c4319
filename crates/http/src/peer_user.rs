//! Whose process is at the other end of a TCP connection within this host: what `/proc/net/tcp` says (proc_pid_net(5)).
//!
//! Evidence must not claim more than is proved: that a connection comes over loopback does not make it another user's.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use crate::peer::Peer;

/// Where a TCP connection comes from. A user that cannot be told counts as our own: that claims least.
pub(crate) async fn of_tcp(remote: SocketAddr, local: SocketAddr, own: u32) -> Peer {
    if !remote.ip().to_canonical().is_loopback() {
        return Peer::Remote;
    }
    let told = tokio::task::spawn_blocking(move || user_of(remote, local)).await;
    match told.ok().flatten() {
        Some(user) if user != own => Peer::OtherUser,
        _ => Peer::SameUser,
    }
}

/// Both ends of a connection, the other one first.
pub(crate) fn ends(stream: &TcpStream) -> std::io::Result<(SocketAddr, SocketAddr)> {
    Ok((stream.peer_addr()?, stream.local_addr()?))
}

/// The user whose socket has `remote` as its own end and `local` as its other end.
fn user_of(remote: SocketAddr, local: SocketAddr) -> Option<u32> {
    let find = |table: &str, form: fn(SocketAddr) -> String| {
        let text = std::fs::read_to_string(table).ok()?;
        user_in(&text, &form(remote), &form(local))
    };
    // A client may have opened an IPv6 socket to an IPv4 address, and the other way round.
    find("/proc/self/net/tcp", short_form).or_else(|| find("/proc/self/net/tcp6", long_form))
}

fn user_in(table: &str, own_end: &str, other_end: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let matches = columns.next() == Some(own_end) && columns.next() == Some(other_end);
        // Then: state, queues, timer, retransmissions, user.
        if matches { columns.nth(4)?.parse().ok() } else { None }
    })
}

/// As `tcp` writes it: the address as one word in the machine's byte order.
fn short_form(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()),
        IpAddr::V6(_) => long_form(address),
    }
}

/// As `tcp6` writes it: four words, an IPv4 address mapped.
fn long_form(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    let words = octets.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:21C0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 172 1 0 100 0 0 10 0
   1: 0100007F:21C0 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 173 1 0 20 4 30 10 -1
   2: 0100007F:C001 0100007F:21C0 01 00000000:00000000 00:00000000 00000000  1000        0 174 1 0 20 4 30 10 -1
   3: 0100007F:C002";

    #[test]
    fn the_callers_end_is_found_and_not_ours() {
        assert_eq!(user_in(TABLE, "0100007F:C001", "0100007F:21C0"), Some(1000));
        assert_eq!(user_in(TABLE, "0100007F:C003", "0100007F:21C0"), None);
        assert_eq!(user_in(TABLE, "0100007F:C002", "0100007F:21C0"), None);
    }

    #[tokio::test]
    async fn the_system_tells_our_own_user() {
        let own = std::fs::metadata("/proc/self").unwrap().uid();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = tokio::net::TcpListener::bind(address).await else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let (remote, local) = ends(&stream).unwrap();
            assert_eq!(user_of(remote, local), Some(own), "{address}");
            assert_eq!(of_tcp(remote, local, own).await, Peer::SameUser);
            assert_eq!(of_tcp(remote, local, own + 1).await, Peer::OtherUser);
            drop(client);
        }
        let elsewhere = "192.0.2.1:5000".parse().unwrap();
        assert_eq!(of_tcp(elsewhere, "192.0.2.2:1".parse().unwrap(), own).await, Peer::Remote);
    }

    #[test]
    fn a_mapped_address_is_the_same_as_the_plain_one() {
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:8640".parse().unwrap();
        let plain: SocketAddr = "127.0.0.1:8640".parse().unwrap();
        assert_eq!((short_form(mapped), long_form(mapped)), (short_form(plain), long_form(plain)));
    }
}
