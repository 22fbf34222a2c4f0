//! Changes that come together, or in a declaration.

use std::net::TcpListener;

use lab_bigip::icontrol::request::Request;
use serde_json::{Value as Json, json};

use crate::support::{ask, connect, device, ok, request};

#[tokio::test(flavor = "multi_thread")]
async fn putting_a_pool_resets_what_is_left_out_but_not_its_members() {
    let mut device = device();
    let pool = json!({ "name": "p", "slowRampTime": 33, "members": ["127.0.0.1:1"] });
    ok(ask(&mut device, "POST", "/mgmt/tm/ltm/pool", pool).await);

    ok(ask(
        &mut device,
        "PUT",
        "/mgmt/tm/ltm/pool/p",
        json!({ "serviceDownAction": "reset" }),
    )
    .await);

    let shown = ask(&mut device, "GET", "/mgmt/tm/ltm/pool/p", Json::Null)
        .await
        .body;
    let members = ask(
        &mut device,
        "GET",
        "/mgmt/tm/ltm/pool/p/members",
        Json::Null,
    )
    .await
    .body;
    assert_eq!(
        (&shown["slowRampTime"], &shown["serviceDownAction"]),
        (&json!(10), &json!("reset"))
    );
    assert_eq!(members["items"][0]["fullPath"], "/Common/127.0.0.1:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_all_or_nothing_and_can_be_validated_only() {
    let mut device = device();
    let begin = ask(&mut device, "POST", "/mgmt/tm/transaction", json!({})).await;
    let id = begin.body["transId"].to_string();
    let path = format!("/mgmt/tm/transaction/{id}");
    let within = |method: &str, path: &str, body: Json| Request {
        transaction: Some(id.clone()),
        ..request(method, path, body)
    };
    ok(device
        .answer(&within("POST", "/mgmt/tm/ltm/pool", json!({ "name": "a" })))
        .await);
    ok(device
        .answer(&within("POST", "/mgmt/tm/ltm/pool", json!({ "name": "b" })))
        .await);

    let validated = ask(
        &mut device,
        "PATCH",
        &path,
        json!({ "state": "VALIDATING", "validateOnly": true }),
    )
    .await;
    let after_validation = ask(&mut device, "GET", "/mgmt/tm/ltm/pool/a", Json::Null).await;
    assert_eq!(
        (
            validated.status,
            &validated.body["state"],
            after_validation.status
        ),
        (200, &json!("COMPLETED"), 404)
    );

    for (second, state, status) in [("a", "failed", 404), ("b", "COMPLETED", 200)] {
        let begin = ask(&mut device, "POST", "/mgmt/tm/transaction", json!({})).await;
        let id = begin.body["transId"].to_string();
        for name in ["a", second] {
            let create = request("POST", "/mgmt/tm/ltm/pool", json!({ "name": name }));
            ok(device
                .answer(&Request {
                    transaction: Some(id.clone()),
                    ..create
                })
                .await);
        }
        let committed = ask(
            &mut device,
            "PATCH",
            &format!("/mgmt/tm/transaction/{id}"),
            json!({ "state": "VALIDATING" }),
        )
        .await;
        assert!(
            committed.body.to_string().contains(state),
            "{}",
            committed.body
        );
        assert_eq!(
            ask(&mut device, "GET", "/mgmt/tm/ltm/pool/a", Json::Null)
                .await
                .status,
            status
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_is_tried_declared_repeated_and_removed() {
    let mut device = device();
    let member = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = member.local_addr().unwrap().port();
    let declaration = json!({ "class": "AS3", "declaration": { "class": "ADC", "schemaVersion": "3.50.0", "T": { "class": "Tenant", "A": {
        "class": "Application",
        "vs": { "class": "Service_TCP", "virtualAddresses": ["192.0.2.1"], "virtualPort": 443, "pool": "p", "persistenceMethods": [] },
        "p": { "class": "Pool", "members": [{ "servicePort": port, "serverAddresses": ["127.0.0.1"] }] },
    } } } });
    let declare = |query: &str| Request {
        query: query.into(),
        ..request("POST", "/mgmt/shared/appsvcs/declare", declaration.clone())
    };

    let dry = device.answer(&declare("controls.dryRun=true")).await;
    assert_eq!(
        (
            dry.status,
            &dry.body["results"][0]["dryRun"],
            device.addresses().len()
        ),
        (200, &json!(true), 0)
    );
    let submitted = device.answer(&declare("async=true")).await;
    assert_eq!(
        (submitted.status, &submitted.body["results"][0]["message"]),
        (202, &json!("Declaration successfully submitted"))
    );
    let task = format!(
        "/mgmt/shared/appsvcs/task/{}",
        submitted.body["id"].as_str().unwrap_or_default()
    );
    let task = ask(&mut device, "GET", &task, Json::Null).await;
    assert_eq!(
        (
            &task.body["results"][0]["message"],
            &task.body["results"][0]["tenant"]
        ),
        (&json!("success"), &json!("T"))
    );
    let again = device.answer(&declare("")).await;
    assert_eq!(again.body["results"][0]["message"], "no change");

    let _device = connect(&device);
    member.set_nonblocking(false).unwrap();
    assert!(
        member.accept().is_ok(),
        "the declared virtual server carries traffic"
    );

    let mut wrong = declaration.clone();
    wrong["declaration"]["T"]["A"]["vs"]["proxyProtocolVersion"] = json!(2);
    let refused = ask(&mut device, "POST", "/mgmt/shared/appsvcs/declare", wrong).await;
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (422, &json!("declaration is invalid"))
    );
    ok(ask(
        &mut device,
        "DELETE",
        "/mgmt/shared/appsvcs/declare/T",
        Json::Null,
    )
    .await);
    assert_eq!(device.addresses(), []);
    assert_eq!(
        ask(
            &mut device,
            "GET",
            "/mgmt/shared/appsvcs/declare",
            Json::Null
        )
        .await
        .status,
        204
    );
}
