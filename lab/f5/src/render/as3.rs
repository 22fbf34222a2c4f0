//! AS3: `POST /mgmt/shared/appsvcs/declare`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{Variant, rule_text};
use crate::site::Site;

/// The oldest schema that has everything used here.
const SCHEMA_VERSION: &str = "3.50.0";

/// One variant as a request.
pub(super) fn render(site: &Site, variant: Variant) -> String {
    let mut application = Map::new();
    application.insert("class".into(), json!("Application"));
    application.insert("template".into(), json!("generic"));
    application.insert("devices".into(), service(site, variant));
    application.insert("gateways".into(), pool(site));
    for (name, port) in site.monitors() {
        application.insert(name, monitor(site, port));
    }
    application.insert("tcp".into(), tcp(site));
    application.insert(
        "snat".into(),
        json!({ "class": "SNAT_Pool", "snatAddresses": placed(site, &site.snat_addresses) }),
    );
    if variant == Variant::TlsOffload {
        web(site, &mut application);
    }
    for rule in variant.rules(site) {
        application.insert(
            rule_name(rule),
            json!({ "class": "iRule", "iRule": rule_text(rule) }),
        );
    }

    let request = json!({
        "class": "AS3",
        "action": "deploy",
        "persist": true,
        "declaration": {
            "class": "ADC",
            "schemaVersion": SCHEMA_VERSION,
            "id": format!("tidegate-{}", variant.name()),
            site.tenant.clone(): { "class": "Tenant", "tidegate": application },
        },
    });
    // Values made of maps and strings always serialize.
    serde_json::to_string_pretty(&request).unwrap_or_default() + "\n"
}

fn rule_name(rule: &str) -> String {
    rule.replace('-', "_")
}

fn service(site: &Site, variant: Variant) -> Value {
    let rules: Vec<String> = variant.rules(site).into_iter().map(rule_name).collect();
    let mut service = json!({
        "class": "Service_TCP",
        "virtualAddresses": placed(site, &site.virtual_addresses),
        "virtualPort": site.virtual_port,
        "pool": "gateways",
        "profileTCP": { "use": "tcp" },
        "iRules": rules,
        "snat": { "use": "snat" },
        "translateClientPort": true,
        "persistenceMethods": [],
        "mirroring": "none",
        "serviceDownImmediateAction": "reset",
    });
    if !site.vlans.is_empty() {
        let vlans = site.vlans.iter().map(|vlan| json!({ "bigip": vlan }));
        service["allowVlans"] = vlans.collect();
    }
    if variant == Variant::TlsOffload {
        service["class"] = json!("Service_HTTPS");
        service["redirect80"] = json!(false);
        service["profileHTTP"] = json!({ "use": "http" });
        service["profileWebSocket"] = json!({ "use": "websocket" });
        service["serverTLS"] = json!("client_ssl");
    }
    service
}

fn pool(site: &Site) -> Value {
    let monitors = site.monitors();
    let own_monitors = monitors.len() == site.gateways.len() && !site.health_ports.is_empty();
    let mut members = vec![];
    for (index, gateway) in site.gateways.iter().enumerate() {
        let address = site.placed(gateway.ip());
        let mut member = json!({ "servicePort": gateway.port(), "serverAddresses": [address], "shareNodes": true });
        if own_monitors {
            member["monitors"] = json!([{ "use": monitors[index].0 }]);
        }
        members.push(member);
    }
    let mut pool = json!({
        "class": "Pool",
        "loadBalancingMode": site.balance.mode(),
        "members": members,
        "serviceDownAction": "reset",
        "slowRampTime": site.slow_ramp,
    });
    if !own_monitors {
        pool["monitors"] = json!([{ "use": monitors[0].0 }]);
    }
    pool
}

fn placed(site: &Site, addresses: &[IpAddr]) -> Vec<String> {
    addresses
        .iter()
        .map(|address| site.placed(*address))
        .collect()
}

fn monitor(site: &Site, port: u16) -> Value {
    json!({
        "class": "Monitor",
        "monitorType": "http",
        "interval": site.monitor_interval,
        "timeout": site.monitor_timeout(),
        "timeUntilUp": site.time_until_up,
        "send": "GET /ready HTTP/1.1\\r\\nHost: tidegate\\r\\nConnection: close\\r\\n\\r\\n",
        "receive": "HTTP/1\\.[01] 200",
        "receiveDown": "HTTP/1\\.[01] 503",
        "targetPort": port,
    })
}

fn tcp(site: &Site) -> Value {
    json!({
        "class": "TCP_Profile",
        "deferredAccept": false,
        "fastOpen": false,
        "idleTimeout": site.idle_timeout,
        "keepAliveInterval": site.keep_alive_interval(),
        "mptcp": "disable",
        "nagle": "disable",
        "resetOnTimeout": true,
        "synCookieEnable": true,
        "verifiedAccept": false,
    })
}

fn web(site: &Site, application: &mut Map<String, Value>) {
    application.insert("http".into(), json!({ "class": "HTTP_Profile", "multiplexTransformations": false, "trustXFF": false, "xForwardedFor": false }));
    application.insert(
        "websocket".into(),
        json!({ "class": "WebSocket_Profile", "masking": "selective" }),
    );
    application.insert(
        "client_ssl".into(),
        json!({
            "class": "TLS_Server",
            "certificates": [{ "certificate": "certificate" }],
            "tls1_0Enabled": false,
            "tls1_1Enabled": false,
            "tls1_2Enabled": true,
            "tls1_3Enabled": true,
        }),
    );
    application.insert(
        "certificate".into(),
        json!({ "class": "Certificate", "certificate": { "bigip": site.certificate }, "privateKey": { "bigip": site.key } }),
    );
}
