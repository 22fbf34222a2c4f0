//! Shipped files, rendered for a member on this machine, at work.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use lab_adc::engine::Engine;
use lab_bigip::certificate::Certificate;
use lab_bigip::rules;
use lab_bigip::translate::{Stage, translate};
use lab_f5::object::Object;
use lab_f5::site::Site;
use lab_f5::{as3, render, tmsh};

/// What the stand-in shows where TLS ends.
pub(crate) fn certificate() -> Arc<Certificate> {
    static MADE: LazyLock<Arc<Certificate>> = LazyLock::new(|| match Certificate::make() {
        Ok(made) => Arc::new(made),
        Err(error) => panic!("{error}"),
    });
    Arc::clone(&MADE)
}

pub(crate) fn start(objects: &[Object]) -> Engine {
    start_on(objects, &stage())
}

pub(crate) fn start_on(objects: &[Object], stage: &Stage) -> Engine {
    let translation = match translate(objects, stage) {
        Ok(translation) => translation,
        Err(obstacles) => panic!("{obstacles:?}"),
    };
    let rules = rules::by_name(&translation, stage.tmms);
    match Engine::start_with(translation.model.clone(), rules, translation.tls()) {
        Ok(engine) => engine,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn stage() -> Stage {
    Stage {
        data: SocketAddr::from(([127, 0, 0, 1], 0)),
        tmms: 2,
        accept_proxy: false,
        snat_ports_each: None,
        monitor_second: Duration::from_secs(1),
        seed: 1,
        certificate: Some(certificate()),
    }
}

/// A shipped file, rendered for a member on this machine; without its monitor, as the member has no admin port.
pub(crate) fn objects(file: &str, version: &str, member: SocketAddr) -> Vec<Object> {
    objects_in(0, file, version, member)
}

/// The same in a route domain.
pub(crate) fn objects_in(
    route_domain: u16,
    file: &str,
    version: &str,
    member: SocketAddr,
) -> Vec<Object> {
    let snat = match member.is_ipv4() {
        true => "127.0.0.9",
        // All of IPv6's loopback.
        false => "::1",
    };
    let text = format!(
        "virtual-addresses = [\"192.0.2.10\"]\ngateways = [\"{member}\"]\nhealth-port = 1\ndevices = 10\n\
         route-domain = {route_domain}\nsnat-addresses = [\"{snat}\"]\nproxy-protocol = \"{version}\"\n"
    );
    let site = match Site::from_toml(&text) {
        Ok(site) => site,
        Err(error) => panic!("{error}"),
    };
    let Some(rendered) = render::files(&site)
        .into_iter()
        .find(|rendered| rendered.name == file)
    else {
        panic!("no {file}")
    };
    let mut objects = match file.ends_with(".json") {
        true => as3::parse(file, &rendered.text).objects,
        false => match tmsh::parse(file, &rendered.text) {
            Ok(objects) => objects,
            Err(error) => panic!("{error}"),
        },
    };
    for pool in objects.iter_mut().filter(|object| object.kind == "pool") {
        pool.properties
            .retain(|property| property.name != "monitor");
    }
    objects
}
