//! A device, questions for it, and connections through it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab_bigip::icontrol::device::Device;
use lab_bigip::icontrol::request::{Request, Response};
use lab_bigip::translate::Stage;
use serde_json::{Value as Json, json};

/// A virtual server before two members, without monitors.
pub(crate) async fn served() -> (Device, TcpListener, TcpListener) {
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

pub(crate) fn device() -> Device {
    let stage = Stage {
        data: SocketAddr::from(([127, 0, 0, 1], 0)),
        tmms: 1,
        accept_proxy: false,
        snat_ports_each: None,
        monitor_second: Duration::from_secs(1),
        seed: 7,
        certificate: None,
    };
    Device::new(stage, "admin", "admin")
}

pub(crate) fn request(method: &str, path: &str, body: Json) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        // admin:admin
        authorization: Some("Basic YWRtaW46YWRtaW4=".into()),
        body,
        ..Request::default()
    }
}

pub(crate) async fn ask(device: &mut Device, method: &str, path: &str, body: Json) -> Response {
    device.answer(&request(method, path, body)).await
}

pub(crate) fn ok(response: Response) {
    assert!((200..300).contains(&response.status), "{response:?}");
}

pub(crate) fn connect(device: &Device) -> TcpStream {
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
pub(crate) async fn wait_for_connections(device: &mut Device, member: &TcpListener) -> u64 {
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
