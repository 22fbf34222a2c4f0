//! The engine over plain HTTP and JSON.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
};

use lab_adc::{engine::Handle, rest};
use serde_json::{Value, json};

use crate::common::{Member, connect, end_of, engine};

#[test]
fn statistics_connections_and_log_are_told_as_json() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let rest = serve(engine.handle());
    let (client, _) = connect(&engine);

    let (status, stats) = ask(rest, "GET", "/stats", "");
    assert_eq!(status, 200);
    assert_eq!(
        stats,
        json!({
            "virtual-servers": [{
                "name": "virtual", "address": engine.address(), "connections": 1, "accepted": 1, "refused": {}, "ended": {}
            }],
            "members": [{
                "pool": "pool", "address": member.address, "state": "enabled", "condition": "unchecked", "takes-new": true,
                "weight": 1, "connections": 1, "total": 1, "connect-failures": 0
            }]
        })
    );
    let (_, connections) = ask(rest, "GET", "/connections", "");
    assert_eq!(
        connections[0]["client"],
        json!(client.local_addr().unwrap())
    );
    assert_eq!(connections[0]["source"], json!(member.peers()[0]));
    assert_eq!(ask(rest, "GET", "/log", ""), (200, json!([])));
}

#[test]
fn members_are_changed_added_and_removed() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&[&members[0]], |_| ());
    let rest = serve(engine.handle());
    let (mut client, _) = connect(&engine);
    let first = format!("/members/{}", members[0].address);

    assert_eq!(
        ask(
            rest,
            "PATCH",
            &first,
            r#"{"state":"forced-offline","end-connections":"reset"}"#
        ),
        (200, json!({"ended": 1}))
    );
    assert!(end_of(&mut client).is_err());

    let new = json!({"pool": "pool", "member": {"address": members[1].address}});
    assert_eq!(
        ask(rest, "POST", "/members", &new.to_string()),
        (200, json!({}))
    );
    assert_eq!(connect(&engine).1, members[1].address.port());

    assert_eq!(ask(rest, "DELETE", &first, ""), (200, json!({})));
    let gone = format!("no pool has the member {}", members[0].address);
    assert_eq!(
        ask(rest, "DELETE", &first, ""),
        (404, json!({"error": gone}))
    );
}

#[test]
fn faults_are_posted() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let rest = serve(engine.handle());
    let (mut client, _) = connect(&engine);

    assert_eq!(
        ask(
            rest,
            "POST",
            "/fault",
            r#"{"fault":"kill-all","how":"close"}"#
        ),
        (200, json!({"connections": 1}))
    );
    assert_eq!(end_of(&mut client), Ok(0));
    assert_eq!(
        ask(rest, "POST", "/fault", r#"{"fault":"heal"}"#),
        (200, json!({"connections": 0}))
    );
}

#[test]
fn what_makes_no_sense_is_answered_with_what_would() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let rest = serve(engine.handle());
    let error = |method, path, body| {
        let (status, answer) = ask(rest, method, path, body);
        (
            status,
            answer["error"].as_str().unwrap_or_default().to_owned(),
        )
    };

    assert_eq!(error("GET", "/statistics", ""), (404, "there is no /statistics; there are /stats, /connections, /log, /members, /fault and /stop".to_owned()));
    assert_eq!(
        error("DELETE", "/stats", ""),
        (405, "DELETE does not go with /stats".to_owned())
    );
    assert_eq!(
        error("PATCH", "/members/gateway-1", "{}"),
        (
            400,
            "`gateway-1` is no address; write 127.0.0.1:8800 or [::1]:8800".to_owned()
        )
    );
    let (status, complaint) = error("POST", "/fault", r#"{"fault":"earthquake"}"#);
    assert_eq!(status, 400);
    assert!(
        complaint
            .starts_with("unknown variant `earthquake`, expected one of `kill-all`, `black-hole`"),
        "{complaint}"
    );
    let (status, _) = error("POST", "/fault", &"x".repeat(100_000));
    assert_eq!(status, 400);
}

fn serve(handle: Handle) -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            rest::serve(listener, handle).await;
        });
    });
    address.recv().unwrap()
}

fn ask(rest: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(rest).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head[9..12].parse().unwrap(),
        serde_json::from_str(body).unwrap(),
    )
}
