//! Credentials, tokens and the appliance's own errors.

use lab_bigip::icontrol::request::{Request, Response};
use serde_json::{Value as Json, json};

use crate::support::{ask, device, ok, request};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_credentials_and_a_token_opens() {
    let mut device = device();
    let login = |password: &str| Request {
        body: json!({ "username": "admin", "password": password, "loginProviderName": "tmos" }),
        ..request("POST", "/mgmt/shared/authn/login", Json::Null)
    };

    let anonymous = device
        .answer(&Request {
            authorization: None,
            ..request("GET", "/mgmt/tm/ltm/pool", Json::Null)
        })
        .await;
    let wrong = device
        .answer(&Request {
            authorization: None,
            ..login("x")
        })
        .await;
    let right = device
        .answer(&Request {
            authorization: None,
            ..login("admin")
        })
        .await;
    let token = right.body["token"]["token"].as_str().map(str::to_owned);
    let with_token = Request {
        authorization: None,
        token,
        ..request("GET", "/mgmt/tm/ltm/pool", Json::Null)
    };
    let admitted = device.answer(&with_token).await;
    let path = format!(
        "/mgmt/shared/authz/tokens/{}",
        with_token.token.clone().unwrap_or_default()
    );
    let extended = device
        .answer(&Request {
            method: "PATCH".into(),
            path,
            body: json!({ "timeout": 3600 }),
            ..with_token.clone()
        })
        .await;

    assert_eq!((anonymous.status, wrong.status), (401, 401));
    assert_eq!(anonymous.body["kind"], ":resterrorresponse");
    assert_eq!(wrong.body["message"], "Authentication failed.");
    assert_eq!(
        (admitted.status, &admitted.body["kind"]),
        (200, &json!("tm:ltm:pool:poolcollectionstate"))
    );
    assert_eq!(extended.body["timeout"], 3600);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_those_of_the_appliance() {
    let mut device = device();
    let pool = json!({ "name": "p", "members": ["127.0.0.1:1"] });

    let missing = ask(
        &mut device,
        "GET",
        "/mgmt/tm/ltm/pool/~Common~x",
        Json::Null,
    )
    .await;
    ok(ask(&mut device, "POST", "/mgmt/tm/ltm/pool", pool.clone()).await);
    let twice = ask(&mut device, "POST", "/mgmt/tm/ltm/pool", pool).await;
    let bad_word = ask(
        &mut device,
        "PATCH",
        "/mgmt/tm/ltm/pool/p",
        json!({ "serviceDownAction": "rst" }),
    )
    .await;
    let read_back = ask(
        &mut device,
        "PATCH",
        "/mgmt/tm/ltm/pool/p/members/~Common~127.0.0.1:1",
        json!({ "session": "monitor-enabled", "state": "up" }),
    )
    .await;
    let no_pool = ask(
        &mut device,
        "POST",
        "/mgmt/tm/ltm/virtual",
        json!({ "name": "v", "destination": "127.0.0.1:0", "pool": "q" }),
    )
    .await;
    let bad_rule = ask(
        &mut device,
        "POST",
        "/mgmt/tm/ltm/rule",
        json!({ "name": "r", "apiAnonymous": "when CLIENT_ACCEPTED {\n dict create\n}" }),
    )
    .await;
    let unknown = ask(&mut device, "GET", "/mgmt/tm/gtm/wideip", Json::Null).await;

    let told = |response: &Response| {
        (
            response.status,
            response.body["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    assert_eq!(
        told(&missing),
        (
            404,
            "01020036:3: The requested Pool (/Common/x) was not found.".into()
        )
    );
    assert_eq!(missing.body["apiError"], 3);
    assert_eq!(
        told(&twice),
        (
            409,
            "01020066:3: The requested Pool (/Common/p) already exists in partition Common.".into()
        )
    );
    assert_eq!(
        told(&bad_word),
        (
            400,
            "invalid property value \"serviceDownAction\":\"rst\"".into()
        )
    );
    assert_eq!(
        told(&read_back),
        (
            400,
            "invalid property value \"session\":\"monitor-enabled\"".into()
        )
    );
    assert_eq!(
        told(&no_pool),
        (
            404,
            "01020036:3: The requested Pool (/Common/q) was not found.".into()
        )
    );
    assert_eq!(
        told(&bad_rule),
        (400, "01070151:3: Rule [/Common/r] error: /Common/r:2: error: [undefined procedure: dict][dict create]".into())
    );
    assert_eq!(
        told(&unknown),
        (
            404,
            "Public URI path not registered: /mgmt/tm/gtm/wideip".into()
        )
    );
}
