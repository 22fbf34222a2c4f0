//! The shipped configuration on real connections: the bytes that a member hears first, and what the log says.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use gateway_protocol::proxy_header::{self, Limits, Source};
use lab_adc::engine::Engine;
use lab_bigip::rules;
use lab_bigip::translate::{Stage, translate};
use lab_f5::object::Object;
use lab_f5::site::Site;
use lab_f5::{as3, render, tmsh};

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
fn what_the_data_plane_lacks_is_refused_with_its_place() {
    let member = SocketAddr::from(([127, 0, 0, 1], 9));

    let obstacles =
        translate(&objects("tls-offload.tmsh.conf", "v2", member), &stage()).unwrap_err();

    let reasons: Vec<String> = obstacles
        .iter()
        .map(|obstacle| obstacle.reason.clone())
        .collect();
    let lacks = |kind: &str, path: &str| {
        format!(
            "the stand-in does not model {kind} profiles on the data plane (/Common/tidegate_{path}); replay on a device to judge it"
        )
    };
    assert_eq!(
        reasons,
        [
            lacks("client-ssl", "client_ssl"),
            lacks("http", "http"),
            lacks("websocket", "websocket")
        ]
    );
    assert!(
        obstacles.iter().all(|obstacle| obstacle.place.line > 100
            && &*obstacle.place.file == "tls-offload.tmsh.conf")
    );
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

fn start(objects: &[Object]) -> Engine {
    let translation = match translate(objects, &stage()) {
        Ok(translation) => translation,
        Err(obstacles) => panic!("{obstacles:?}"),
    };
    let rules = rules::by_name(&translation, 2);
    match Engine::start_with_rules(translation.model, rules) {
        Ok(engine) => engine,
        Err(error) => panic!("{error}"),
    }
}

fn stage() -> Stage {
    Stage {
        data: SocketAddr::from(([127, 0, 0, 1], 0)),
        tmms: 2,
        accept_proxy: false,
        seed: 1,
    }
}

/// A shipped file, rendered for a member on this machine; without its monitor, as the member has no admin port.
fn objects(file: &str, version: &str, member: SocketAddr) -> Vec<Object> {
    let text = format!(
        "virtual-addresses = [\"192.0.2.10\"]\ngateways = [\"{member}\"]\nhealth-port = 1\ndevices = 10\n\
         snat-addresses = [\"127.0.0.9\"]\nproxy-protocol = \"{version}\"\n"
    );
    let site = match Site::from_toml(&text) {
        Ok(site) => site,
        Err(error) => panic!("{error}"),
    };
    let Some(rendered) = render::files(&site)
        .into_iter()
        .find(|rendered| rendered.name == file)
    else {
        panic!("no {file}")
    };
    let mut objects = match file.ends_with(".json") {
        true => as3::parse(file, &rendered.text).objects,
        false => match tmsh::parse(file, &rendered.text) {
            Ok(objects) => objects,
            Err(error) => panic!("{error}"),
        },
    };
    for pool in objects.iter_mut().filter(|object| object.kind == "pool") {
        pool.properties
            .retain(|property| property.name != "monitor");
    }
    objects
}
