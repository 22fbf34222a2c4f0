//! The shipped iRules, event by event: what they send, and that the gateway's own reader understands it.

use std::net::SocketAddr;
use std::sync::Arc;

use gateway_protocol::proxy_header::{self, Limits, Source};
use lab_f5::render::RULES;
use lab_irules::{
    Action, Connection, Event, Flow, HttpMessage, Member, Rehearsal, Rule, Selection, Side, Table,
    Tmm, WsFrame,
};

#[test]
fn both_proxy_rules_tell_the_client_whatever_the_family_and_the_route_domain() {
    let clients = [
        ("192.0.2.7:50001", "192.0.2.10:443"),
        ("[2001:db8::7]:50001", "[2001:db8:1::10]:443"),
        ("[::1]:1", "[fe80:1:2:3:4:5:6:7]:65535"),
        ("[1::]:80", "[::]:443"),
    ];
    for rule in ["proxy-v1", "proxy-v2"] {
        for (client, local) in clients {
            for route_domain in [0, 7] {
                for member in ["10.20.0.11:8800", "[2001:db8:2::11]:8800"] {
                    let header = header_of(
                        rule,
                        address(client),
                        address(local),
                        route_domain,
                        address(member),
                    );

                    let limits = Limits::default();
                    let parsed = proxy_header::parse(&header, &limits).unwrap().unwrap();
                    let told = Source::Proxied {
                        client: address(client),
                        destination: address(local),
                    };
                    assert_eq!(
                        (parsed.source, parsed.len),
                        (told, header.len()),
                        "{rule} {client}%{route_domain} {member}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_headers_are_these_bytes() {
    let (client, local, member) = (
        address("192.0.2.7:50001"),
        address("192.0.2.10:443"),
        address("10.20.0.11:8800"),
    );

    assert_eq!(
        String::from_utf8(header_of("proxy-v1", client, local, 7, member)).unwrap(),
        "PROXY TCP4 192.0.2.7 192.0.2.10 50001 443\r\n"
    );
    assert_eq!(
        header_of("proxy-v2", client, local, 7, member),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x0a\xc3\x51\x01\xbb"
    );
    assert_eq!(
        header_of("proxy-v2", address("[2001:db8::7]:50001"), address("[2001:db8:1::10]:443"), 0, member),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24\
          \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\x00\x01\0\0\0\0\0\0\0\0\0\x10\xc3\x51\x01\xbb"
    );
}

#[test]
fn what_a_client_claims_in_forwarding_headers_is_replaced() {
    let mut host = Rehearsal::accepted(address("192.0.2.7:50001"), address("192.0.2.10:443"), 7);
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    host.message = Some(HttpMessage {
        headers: vec![
            field("Host", "devices.example"),
            field("x-forwarded-for", "6.6.6.6"),
            field("Forwarded", "for=6.6.6.6"),
            field("X-Real-IP", "6.6.6.6"),
        ],
        ..HttpMessage::default()
    });

    tmm("x-forwarded-for")
        .fire(Event::HTTP_REQUEST, &mut Connection::default(), &mut host)
        .unwrap();

    let headers = host.message.unwrap().headers;
    assert_eq!(
        headers,
        [
            field("Host", "devices.example"),
            field("X-Forwarded-For", "192.0.2.7"),
            field("X-Forwarded-Port", "50001")
        ]
    );
}

#[test]
fn a_disabled_member_loses_its_websockets_one_by_one() {
    let mut tmm = tmm("drain-by-websocket-close");
    let mut host = Rehearsal::accepted(address("192.0.2.7:50001"), address("192.0.2.10:443"), 0);
    let member = address("10.20.0.11:8800");
    host.selection = Some(Selection {
        pool: "/Common/tidegate_gateways".into(),
        member,
    });
    host.members = vec![Member {
        address: member,
        up: true,
        enabled: true,
    }];
    host.frame = Some(WsFrame {
        opcode: 10,
        fin: true,
        length: 0,
        mask: 1,
    });
    tmm.init(&mut host).unwrap();
    let mut connections: Vec<Connection> = (0..500).map(|_| Connection::default()).collect();

    for connection in &mut connections {
        tmm.fire(Event::LB_SELECTED, connection, &mut host).unwrap();
        tmm.fire(Event::WS_CLIENT_FRAME, connection, &mut host)
            .unwrap();
    }
    assert_eq!(
        host.actions,
        [],
        "nobody is closed while the member is enabled"
    );

    host.members[0].enabled = false;
    for connection in &mut connections {
        tmm.fire(Event::WS_CLIENT_FRAME, connection, &mut host)
            .unwrap();
    }
    let first_round = host.actions.len();
    assert!(
        (50..150).contains(&first_round),
        "about a fifth, not {first_round}"
    );

    for _ in 0..60 {
        for connection in &mut connections {
            tmm.fire(Event::WS_CLIENT_FRAME, connection, &mut host)
                .unwrap();
        }
    }
    let close = Action::WsDisconnect {
        code: 1012,
        reason: b"this gateway is being drained".to_vec(),
    };
    assert_eq!(host.actions, vec![close; 500], "everyone, once");
}

#[test]
fn the_trace_names_every_event_with_its_addresses() {
    let mut tmm = tmm("event-trace");
    let mut host = Rehearsal::accepted(address("192.0.2.7:50001"), address("192.0.2.10:443"), 0);
    let mut connection = Connection::default();

    tmm.fire(Event::CLIENT_ACCEPTED, &mut connection, &mut host)
        .unwrap();
    host.server = Some(Flow {
        local: address("10.20.0.241:1024"),
        remote: address("10.20.0.11:8800"),
        route_domain: 0,
    });
    tmm.fire(Event::SERVER_CONNECTED, &mut connection, &mut host)
        .unwrap();

    let who = "client=192.0.2.7:50001 virtual=192.0.2.10:443";
    assert_eq!(
        host.lines,
        [
            format!(
                "local0.info Rule /Common/event-trace <CLIENT_ACCEPTED>: tidegate-trace CLIENT_ACCEPTED {who}"
            ),
            format!(
                "local0.info Rule /Common/event-trace <SERVER_CONNECTED>: tidegate-trace SERVER_CONNECTED {who} snat=10.20.0.241:1024 member=10.20.0.11:8800"
            ),
        ]
    );
}

/// What the member gets first.
fn header_of(
    rule: &str,
    client: SocketAddr,
    local: SocketAddr,
    route_domain: u16,
    member: SocketAddr,
) -> Vec<u8> {
    let mut tmm = tmm(rule);
    let mut host = Rehearsal::accepted(client, local, route_domain);
    let mut connection = Connection::default();
    fire(&mut tmm, Event::CLIENT_ACCEPTED, &mut connection, &mut host);
    assert_eq!(
        host.actions,
        [],
        "nothing is sent before the member is there"
    );
    let source = SocketAddr::new(
        if member.is_ipv4() {
            [10, 20, 0, 241].into()
        } else {
            [0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x241].into()
        },
        1024,
    );
    host.server = Some(Flow {
        local: source,
        remote: member,
        route_domain,
    });
    fire(
        &mut tmm,
        Event::SERVER_CONNECTED,
        &mut connection,
        &mut host,
    );
    host.sent(Side::Server)
}

fn fire(tmm: &mut Tmm, event: Event, connection: &mut Connection, host: &mut Rehearsal) {
    if let Err(error) = tmm.fire(event, connection, host) {
        panic!("{error}");
    }
}

fn tmm(name: &str) -> Tmm {
    let Some((_, text)) = RULES.iter().find(|(rule, _)| *rule == name) else {
        panic!("no rule {name}")
    };
    match Rule::load(&format!("/Common/{name}"), text) {
        Ok(rule) => Tmm::new(vec![Arc::new(rule)], &[], Table::default()),
        Err(error) => panic!("{error}"),
    }
}

fn address(text: &str) -> SocketAddr {
    match text.parse() {
        Ok(address) => address,
        Err(error) => panic!("{text}: {error}"),
    }
}
