//! The shipped configuration on real connections: the bytes that a member hears first, and what the log says.
#![cfg(test)]

mod lacks;
mod offload;
mod pools;
mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use gateway_protocol::proxy_header::{self, Limits, Source};

use support::{objects, start};

#[test]
fn tmsh_and_as3_tell_a_member_the_client_in_either_version() {
    for version in ["v1", "v2"] {
        for file in ["tls-passthrough.tmsh.conf", "tls-passthrough.as3.json"] {
            let member = TcpListener::bind("127.0.0.1:0").unwrap();
            let engine = start(&objects(file, version, member.local_addr().unwrap()));

            let mut device = TcpStream::connect(engine.address()).unwrap();
            device.write_all(b"hello").unwrap();
            let (mut seen, peer) = member.accept().unwrap();

            seen.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut input = Vec::new();
            let header = loop {
                let mut piece = [0; 256];
                let count = seen.read(&mut piece).unwrap();
                input.extend_from_slice(&piece[..count]);
                if let Some(header) = proxy_header::parse(&input, &Limits::default()).unwrap()
                    && input.len() >= header.len + 5
                {
                    break header;
                }
            };
            let told = Source::Proxied {
                client: device.local_addr().unwrap(),
                destination: engine.address(),
            };
            assert_eq!(header.source, told, "{version} {file}");
            assert_eq!(&input[header.len..], b"hello", "{version} {file}");
            assert_eq!(
                peer.ip(),
                IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)),
                "the SNAT address of the site"
            );
        }
    }
}

#[test]
fn a_rule_that_fails_resets_the_client_and_logs_in_the_appliances_words() {
    let member = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut objects = objects(
        "tls-passthrough.tmsh.conf",
        "v1",
        member.local_addr().unwrap(),
    );
    for rule in objects.iter_mut().filter(|object| object.kind == "rule") {
        rule.body =
            Some("when CLIENT_ACCEPTED { log local0. \"[active_members nowhere]\" }".into());
    }
    let engine = start(&objects);

    let mut device = TcpStream::connect(engine.address()).unwrap();
    device
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let ended = device.read(&mut [0; 16]);

    assert_eq!(
        ended.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}
