//! Changes that traffic feels.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use lab_bigip::icontrol::request::Request;
use serde_json::{Value as Json, json};

use crate::support::{ask, connect, ok, request, served, wait_for_connections};

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_member_gets_no_new_connections_and_keeps_its_old_ones() {
    let (mut device, first, second) = served().await;
    let member = format!(
        "/mgmt/tm/ltm/pool/~Common~p/members/~Common~{}",
        first.local_addr().unwrap()
    );
    let old = [connect(&device), connect(&device)];
    assert_eq!(wait_for_connections(&mut device, &first).await, 1);
    assert_eq!(wait_for_connections(&mut device, &second).await, 1);

    ok(ask(
        &mut device,
        "PATCH",
        &member,
        json!({ "session": "user-disabled", "state": "user-up" }),
    )
    .await);
    let new: Vec<TcpStream> = (0..4).map(|_| connect(&device)).collect();

    assert_eq!(
        wait_for_connections(&mut device, &first).await,
        1,
        "the one it had"
    );
    assert_eq!(
        wait_for_connections(&mut device, &second).await,
        5,
        "one of before, four of after"
    );
    let shown = ask(&mut device, "GET", &member, Json::Null).await;
    assert_eq!(
        (&shown.body["session"], &shown.body["state"]),
        (&json!("user-disabled"), &json!("unchecked"))
    );
    drop((old, new));

    ok(ask(
        &mut device,
        "PATCH",
        &member,
        json!({ "session": "user-enabled", "state": "user-down" }),
    )
    .await);
    let shown = ask(&mut device, "GET", &member, Json::Null).await;
    assert_eq!(shown.body["state"], "user-down");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_without_disturbing_the_others() {
    let (mut device, first, second) = served().await;
    let mut held = connect(&device);
    assert_eq!(wait_for_connections(&mut device, &first).await, 1);
    let third = TcpListener::bind("127.0.0.1:0").unwrap();
    let members = "/mgmt/tm/ltm/pool/~Common~p/members";

    ok(ask(
        &mut device,
        "POST",
        members,
        json!({ "name": third.local_addr().unwrap().to_string() }),
    )
    .await);
    for gone in [&first, &second] {
        ok(ask(
            &mut device,
            "DELETE",
            &format!("{members}/~Common~{}", gone.local_addr().unwrap()),
            Json::Null,
        )
        .await);
    }
    let new = [connect(&device), connect(&device)];

    assert_eq!(wait_for_connections(&mut device, &third).await, 2);
    held.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let still_open = held.read(&mut [0; 1]).unwrap_err().kind();
    assert!(
        matches!(
            still_open,
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
        "{still_open:?}"
    );
    drop(new);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_come_in_both_shapes_and_offline_tells_why() {
    let (mut device, _first, _second) = served().await;
    let nested = ask(
        &mut device,
        "GET",
        "/mgmt/tm/ltm/virtual/~Common~v/stats",
        Json::Null,
    )
    .await;
    let flat = Request {
        query: "options=flat".into(),
        ..request("GET", "/mgmt/tm/ltm/virtual/~Common~v/stats", Json::Null)
    };
    let flat = device.answer(&flat).await;

    let url = "https://localhost/mgmt/tm/ltm/virtual/~Common~v/stats";
    let deep =
        &nested.body["entries"][url]["nestedStats"]["entries"]["clientside.curConns"]["value"];
    assert_eq!(
        (deep, &flat.body["entries"]["clientside.curConns"]["value"]),
        (&json!(0), &json!(0))
    );

    ok(ask(
        &mut device,
        "PATCH",
        "/mgmt/tm/ltm/virtual/v",
        json!({ "profiles": ["oneconnect"] }),
    )
    .await);
    let offline = ask(
        &mut device,
        "GET",
        "/mgmt/tm/ltm/virtual/v/stats",
        Json::Null,
    )
    .await;
    let entries = &offline.body["entries"][url]["nestedStats"]["entries"];
    assert_eq!(
        entries["status.availabilityState"]["description"],
        "offline"
    );
    assert!(
        entries["status.statusReason"]["description"]
            .to_string()
            .contains("does not model one-connect profiles"),
        "{entries}"
    );
}
