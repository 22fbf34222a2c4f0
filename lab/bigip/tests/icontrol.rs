//! The REST face without HTTP: what is asked, what is answered, and where traffic goes then.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab_bigip::icontrol::device::Device;
use lab_bigip::icontrol::request::{Request, Response};
use lab_bigip::translate::Stage;
use serde_json::{Value as Json, json};

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
        json!({ "profiles": ["http"] }),
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
            .contains("does not model http profiles"),
        "{entries}"
    );
}

/// A virtual server before two members, without monitors.
async fn served() -> (Device, TcpListener, TcpListener) {
    let mut device = device();
    let members = [0, 1].map(|_| match TcpListener::bind("127.0.0.1:0") {
        Ok(listener) => listener,
        Err(error) => panic!("{error}"),
    });
    let names: Vec<String> = members
        .iter()
        .filter_map(|member| Some(member.local_addr().ok()?.to_string()))
        .collect();
    ok(ask(
        &mut device,
        "POST",
        "/mgmt/tm/ltm/pool",
        json!({ "name": "p", "members": names }),
    )
    .await);
    let server = json!({ "name": "v", "destination": "/Common/192.0.2.1:443", "pool": "p", "sourceAddressTranslation": { "type": "automap" } });
    ok(ask(&mut device, "POST", "/mgmt/tm/ltm/virtual", server).await);
    assert_eq!(device.offline(), []);
    let [first, second] = members;
    (device, first, second)
}

fn device() -> Device {
    let stage = Stage {
        data: SocketAddr::from(([127, 0, 0, 1], 0)),
        tmms: 1,
        accept_proxy: false,
        seed: 7,
    };
    Device::new(stage, "admin", "admin")
}

fn request(method: &str, path: &str, body: Json) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        // admin:admin
        authorization: Some("Basic YWRtaW46YWRtaW4=".into()),
        body,
        ..Request::default()
    }
}

async fn ask(device: &mut Device, method: &str, path: &str, body: Json) -> Response {
    device.answer(&request(method, path, body)).await
}

fn ok(response: Response) {
    assert!((200..300).contains(&response.status), "{response:?}");
}

fn connect(device: &Device) -> TcpStream {
    let addresses = device.addresses();
    let Some((_, address)) = addresses.first() else {
        panic!("nothing listens: {:?}", device.offline())
    };
    match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) => panic!("{address}: {error}"),
    }
}

/// The connections of a member once they stop changing: equal twice in a row, with a deadline.
async fn wait_for_connections(device: &mut Device, member: &TcpListener) -> u64 {
    let address = match member.local_addr() {
        Ok(address) => address,
        Err(error) => panic!("{error}"),
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut last = u64::MAX;
    loop {
        let path = format!("/mgmt/tm/ltm/pool/~Common~p/members/~Common~{address}/stats");
        let stats = ask(device, "GET", &path, Json::Null).await;
        let entries = stats.body["entries"]
            .as_object()
            .and_then(|entries| entries.values().next().cloned())
            .unwrap_or_default();
        let now = entries["nestedStats"]["entries"]["serverside.curConns"]["value"]
            .as_u64()
            .unwrap_or(0);
        if now == last && now > 0 || Instant::now() > deadline {
            return now;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
