//! The back end by itself, with tables of four sockets, so that a few make many rings.

use std::collections::HashSet;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;

/// More sockets than one ring has slots for.
const SOCKETS: u32 = 20;

#[test]
fn sockets_of_many_rings_are_read_and_written_in_one_batch() {
    let Some((mut uring, _bell)) = uring() else {
        return;
    };
    let mut peers = Vec::new();
    let sockets: Vec<Socket> = (0..SOCKETS)
        .map(|index| {
            let (socket, peer) = pair();
            peers.push(peer);
            uring.attach(socket.into(), conn(index)).unwrap()
        })
        .collect();
    assert_eq!(uring.rings.len(), 5);

    for peer in &mut peers {
        peer.write_all(b"in").unwrap();
    }
    let mut readable = HashSet::new();
    while readable.len() < SOCKETS as usize {
        readable.extend(
            ready(&mut uring)
                .iter()
                .filter(|ready| ready.readable)
                .map(|ready| ready.conn),
        );
    }
    let mut lanes = Lanes::new(SOCKETS as usize, 16);
    let mut results = Vec::new();
    uring.read(
        &sockets.iter().collect::<Vec<_>>(),
        &mut lanes,
        &mut results,
    );
    assert_eq!(results, [Ok(2); SOCKETS as usize]);
    assert_eq!(&lanes.lane(19)[..2], b"in");

    let slices = [IoSlice::new(b"o"), IoSlice::new(b"ut")];
    let write = |socket| Write {
        socket,
        first: 0,
        count: 2,
        result: Ok(0),
    };
    let mut writes: Vec<_> = sockets.iter().map(write).collect();
    uring.write(&mut writes, &slices);
    assert!(writes.iter().all(|write| write.result == Ok(3)));
    for peer in &mut peers {
        let mut out = [0; 3];
        peer.read_exact(&mut out).unwrap();
        assert_eq!(&out, b"out");
    }
}

#[test]
fn a_ring_that_is_not_the_first_wakes_the_loop() {
    let Some((mut uring, _bell)) = uring() else {
        return;
    };
    let mut peers = Vec::new();
    for index in 0..SOCKETS {
        let (socket, peer) = pair();
        peers.push(peer);
        uring.attach(socket.into(), conn(index)).unwrap();
    }
    while !ready(&mut uring).is_empty() {}

    for round in 0..100 {
        let index = round * 7 % SOCKETS;
        let mut peer = peers[index as usize].try_clone().unwrap();
        let writer = std::thread::spawn(move || peer.write_all(b"x").unwrap());
        let mut seen = Vec::new();
        uring
            .wait(Some(Duration::from_secs(20)), &mut seen)
            .unwrap();
        while seen.is_empty() {
            uring
                .wait(Some(Duration::from_secs(20)), &mut seen)
                .unwrap();
        }
        assert_eq!(seen[0].conn, conn(index), "round {round}");
        writer.join().unwrap();
    }
}

#[test]
fn a_turn_looks_at_the_rings_that_have_something_and_at_no_others() {
    let Some((mut uring, _bell)) = uring() else {
        return;
    };
    // As many rings as a million connections need.
    const RINGS: u32 = 61;
    let mut peers = Vec::new();
    for index in 0..4 * RINGS {
        let (socket, peer) = pair();
        peers.push(peer);
        uring.attach(socket.into(), conn(index)).unwrap();
    }
    assert_eq!(uring.rings.len(), RINGS as usize);
    while !ready(&mut uring).is_empty() {}
    let before = harvests(&uring);

    // One by one, on two of the rings.
    const ROUNDS: usize = 50;
    for round in 0..ROUNDS {
        let index = 100 + 8 * (round % 2) as u32;
        peers[index as usize].write_all(b"x").unwrap();
        while !ready(&mut uring)
            .iter()
            .any(|ready| ready.conn == conn(index))
        {}
    }

    let looks: usize = harvests(&uring)
        .iter()
        .zip(&before)
        .skip(1)
        .map(|(after, before)| after - before)
        .sum();
    assert!(
        (ROUNDS..=4 * ROUNDS).contains(&looks),
        "{looks} looks at {RINGS} rings for {ROUNDS} bytes"
    );
}

#[test]
fn a_slot_serves_the_next_socket_at_once() {
    let Some((mut uring, _bell)) = uring() else {
        return;
    };
    for generation in 0..50 {
        let (socket, mut peer) = pair();
        let conn = ConnId {
            generation,
            index: 0,
        };
        let attached = uring.attach(socket.into(), conn).unwrap();
        let Socket::Direct { ring, slot } = attached else {
            panic!("not direct")
        };
        assert_eq!((ring, slot), (0, 0));

        if generation % 2 == 0 {
            // The poll of this one is still queued when it goes.
            peer.write_all(b"x").unwrap();
            while !ready(&mut uring).iter().any(|ready| ready.conn == conn) {}
        }
        uring.detach(ring, slot, generation % 3 == 0);
        uring.wait(Some(Duration::ZERO), &mut Vec::new()).unwrap();
        // An end or a reset: either way the peer is told.
        assert!(matches!(peer.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
}

#[test]
fn direct_descriptors_leave_the_process_its_own() {
    let Some((mut uring, _bell)) = uring() else {
        return;
    };
    let (socket, mut peer) = pair();
    let link = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let name = std::fs::read_link(link).unwrap();

    uring.attach(socket.into(), conn(0)).unwrap();

    // The connection lives, although no descriptor of the process is open on it.
    peer.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let error = peer.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    assert!(
        open.filter_map(|entry| entry.path().read_link().ok())
            .all(|open| open != name)
    );
}

/// A back end with four sockets per ring, where the kernel allows one. The tests over real
/// loops say if it does not.
fn uring() -> Option<(Uring, OwnedFd)> {
    let bell = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    let uring = Uring::with_slots(bell.as_fd(), 4).ok()?;
    Some((uring, bell))
}

fn ready(uring: &mut Uring) -> Vec<Readiness> {
    let mut ready = Vec::new();
    uring
        .wait(Some(Duration::from_millis(50)), &mut ready)
        .unwrap();
    ready
}

/// How often each ring was looked at so far.
fn harvests(uring: &Uring) -> Vec<usize> {
    uring.rings.iter().map(|ring| ring.harvests).collect()
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    (listener.accept().unwrap().0, peer)
}

fn conn(index: u32) -> ConnId {
    ConnId {
        generation: 0,
        index,
    }
}
