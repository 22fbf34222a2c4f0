//! Single words: properties, values, addresses.

use super::Findings;
use super::view::View;
use crate::object::{Object, Property, endpoint};
use crate::vocabulary::{Verdict, choices, tmsh_property};

pub(super) fn check(view: &View, findings: &mut Findings) {
    for object in &view.objects {
        properties(&object.kind, &object.properties, findings);
        match object.kind.as_str() {
            "virtual" => destination(object, findings),
            "pool" => members(object, findings),
            "snatpool" => snat_members(object, findings),
            _ => {}
        }
    }
}

fn properties(kind: &str, properties: &[Property], findings: &mut Findings) {
    for property in properties {
        if let Verdict::Unknown { nearest } = tmsh_property(kind, &property.name) {
            if property.name.contains("proxy-protocol") {
                findings.error(
                    &property.place,
                    "no-native-proxy-protocol",
                    format!(
                        "`{kind}` has no `{}`: BIG-IP has no native PROXY protocol",
                        property.name
                    ),
                    "attach proxy-v1.irule or proxy-v2.irule to the virtual server",
                );
                continue;
            }
            let remedy = nearest.map_or_else(
                || "remove it".to_owned(),
                |nearest| format!("write `{nearest}`, if that was meant"),
            );
            findings.error(
                &property.place,
                "unknown-property",
                format!("`{kind}` has no `{}`", property.name),
                remedy,
            );
        }
        if let Some(known) = choices(kind, &property.name)
            && !known.split(' ').any(|word| word == property.word())
        {
            let reason = format!("`{}` cannot be `{}`", property.name, property.word());
            findings.error(
                &property.place,
                "bad-value",
                reason,
                format!("write one of: {}", known.replace(' ', ", ")),
            );
        }
    }
}

fn destination(object: &Object, findings: &mut Findings) {
    let Some(text) = object.word("destination") else {
        return findings.error(
            &object.place,
            "bad-address",
            "the virtual server has no destination",
            "add destination ADDRESS:PORT",
        );
    };
    // An AS3 address may be a pointer to a Service_Address.
    if endpoint(text).is_none() && !text.contains("/any") {
        let reason = format!("`{text}` is no address and port");
        findings.error(
            object.place_of("destination"),
            "bad-address",
            reason,
            "write 192.0.2.1:443, or 2001:db8::1.443 for IPv6",
        );
    }
}

fn members(object: &Object, findings: &mut Findings) {
    for member in object.entries("members") {
        if endpoint(&member.name).is_none_or(|found| found.port == 0)
            && member.get("fqdn").is_none()
        {
            let reason = format!("the member `{}` is no address and port", member.name);
            findings.error(
                &member.place,
                "bad-address",
                reason,
                "write 10.0.0.1:8800, or 2001:db8::1.8800 for IPv6",
            );
        }
        properties("pool member", member.entries(), findings);
    }
}

fn snat_members(object: &Object, findings: &mut Findings) {
    for member in object.entries("members") {
        let bare = crate::object::base_name(&member.name);
        let address = bare.split('%').next().unwrap_or(bare);
        if address.parse::<std::net::IpAddr>().is_err() {
            let reason = format!("the SNAT member `{}` is no address", member.name);
            findings.error(
                &member.place,
                "bad-address",
                reason,
                "write an address that is routed to this device",
            );
        }
    }
}
