//! What the stand-in cannot run is refused with its place and the reason.

use std::net::SocketAddr;

use lab_bigip::translate::translate;
use lab_f5::tmsh;

use crate::support::{objects, stage};

const MEMBER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

#[test]
fn what_the_data_plane_lacks_is_refused_with_its_place() {
    let mut objects = objects("tls-offload.tmsh.conf", "v2", MEMBER);
    let more = "ltm profile one-connect /Common/reuse {\n}\n\
                ltm profile server-ssl /Common/towards {\n}\n";
    objects.extend(tmsh::parse("more.conf", more).unwrap());
    let virtual_server = objects
        .iter_mut()
        .find(|object| object.kind == "virtual")
        .unwrap();
    let profiles =
        "ltm virtual /Common/x {\n profiles {\n /Common/reuse { }\n /Common/towards { }\n }\n}\n";
    let used = tmsh::parse("used.conf", profiles).unwrap();
    for property in virtual_server
        .properties
        .iter_mut()
        .filter(|property| property.name == "profiles")
    {
        property.value = used[0].property("profiles").unwrap().value.clone();
    }

    let obstacles = translate(&objects, &stage()).unwrap_err();

    let told: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    let lacks = |line: u32, what: &str| {
        format!(
            "used.conf:{line}: the stand-in does not model {what}; replay on a device to judge it"
        )
    };
    assert_eq!(
        told,
        [
            lacks(3, "one-connect profiles (/Common/reuse)"),
            lacks(4, "server-ssl profiles (/Common/towards)"),
        ]
    );
    assert!(obstacles.iter().all(|obstacle| !obstacle.refused));
}
