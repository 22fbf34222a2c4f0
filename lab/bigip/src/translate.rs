//! F5's objects in the words of the engine's neutral model.

mod monitor;
mod pool;
mod profiles;
mod virtual_server;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lab_adc::engine::TlsByName;
use lab_adc::model::Model;
use lab_f5::object::{Object, Place, Property, full_path};
use lab_irules::Rule;

pub use profiles::{TlsProfile, WebProfile};

use crate::certificate::Certificate;

/// What the files do not say: the stand-in has no interfaces of its own.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Where the first virtual server listens; the others take the same address and any port.
    pub data: SocketAddr,
    /// TMMs, each with its interpreter and its own residue of source ports.
    pub tmms: usize,
    /// Clients begin with a PROXY header and are who it says, so that a lab can have clients of any address.
    pub accept_proxy: bool,
    /// How many ports each translation address has towards a member; all when absent. No device can be told so: it lets
    /// ports run out with a few connections.
    pub snat_ports_each: Option<u16>,
    /// How long a second of the monitors lasts. Devices count whole ones; a lab may have them shorter.
    pub monitor_second: Duration,
    /// Makes random choices repeatable.
    pub seed: u64,
    /// Shown where TLS ends, whichever certificate of the device the files name. Without one nothing ends TLS.
    pub certificate: Option<Arc<Certificate>>,
}

/// A configuration, ready to run.
#[derive(Debug)]
pub struct Translation {
    /// For the engine.
    pub model: Model,
    /// The rules of each virtual server.
    pub rules: Vec<Attached>,
    /// All rules, for `call`.
    pub library: Vec<Arc<Rule>>,
}

impl Translation {
    /// How TLS ends at virtual servers, for the engine.
    pub fn tls(&self) -> TlsByName {
        let named = |attached: &Attached| {
            let tls = attached.tls.as_ref()?;
            Some((attached.server.clone(), Arc::clone(&tls.config)))
        };
        self.rules.iter().filter_map(named).collect()
    }
}

/// The rules of one virtual server, and the profiles that give them events.
#[derive(Debug)]
pub struct Attached {
    /// The virtual server's path.
    pub server: String,
    /// In order.
    pub rules: Vec<Arc<Rule>>,
    /// The route domain of its addresses, which rules see behind a `%`.
    pub route_domain: u16,
    /// HTTP is understood.
    pub web: Option<WebProfile>,
    /// TLS ends here.
    pub tls: Option<TlsProfile>,
}

/// Why a configuration cannot run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Where it is written.
    pub place: Place,
    /// What is in the way; an error of the appliance keeps its number.
    pub reason: String,
    /// The appliance would refuse it as well; else only the stand-in cannot run it.
    pub refused: bool,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.reason)
    }
}

/// Translates every virtual server and what it refers to.
///
/// # Errors
///
/// Everything that does not exist, does not load or is not modelled.
pub fn translate(objects: &[Object], stage: &Stage) -> Result<Translation, Vec<Obstacle>> {
    let mut translator = Translator {
        objects,
        stage,
        obstacles: Vec::new(),
    };
    let library = translator.rules();
    let mut rules = Vec::new();
    let mut virtual_servers = Vec::new();
    let mut pools: Vec<lab_adc::model::Pool> = Vec::new();
    for server in objects
        .iter()
        .filter(|object| object.kind == "virtual" && object.property("disabled").is_none())
    {
        let attached = translator.attached(server, &library);
        let referred = attached.iter().flat_map(|rule| {
            rule.references()
                .iter()
                .filter(|found| found.kind == "pool")
        });
        let names = server
            .word("pool")
            .map(full_path)
            .into_iter()
            .chain(referred.map(|found| full_path(&found.name)));
        for name in names {
            if pools.iter().all(|pool| pool.name != name)
                && let Some(pool) = translator.pool(server, &name)
            {
                pools.push(pool);
            }
        }
        let profiles = translator.profiles(server);
        if profiles.tls.is_some() && stage.accept_proxy {
            let what = "devices that begin with a PROXY header before their TLS";
            translator.not_modelled(server.place_of("profiles"), what);
        }
        let is_first = virtual_servers.is_empty();
        virtual_servers.extend(translator.virtual_server(server, profiles.idle_timeout, is_first));
        rules.push(Attached {
            server: server.path.clone(),
            rules: attached,
            route_domain: pool::server_domain(server),
            web: profiles.web,
            tls: profiles.tls,
        });
    }
    match translator.obstacles.is_empty() {
        true => Ok(Translation {
            model: Model {
                seed: stage.seed,
                virtual_servers,
                pools,
            },
            rules,
            library,
        }),
        false => Err(translator.obstacles),
    }
}

struct Translator<'a> {
    objects: &'a [Object],
    stage: &'a Stage,
    obstacles: Vec<Obstacle>,
}

impl<'a> Translator<'a> {
    fn obstacle(&mut self, place: &Place, reason: impl Into<String>) {
        self.obstacles.push(Obstacle {
            place: place.clone(),
            reason: reason.into(),
            refused: true,
        });
    }

    /// Something that the appliance does and the engine does not.
    fn not_modelled(&mut self, place: &Place, what: impl fmt::Display) {
        let reason = format!("the stand-in does not model {what}; replay on a device to judge it");
        self.obstacles.push(Obstacle {
            place: place.clone(),
            reason,
            refused: false,
        });
    }

    fn find(&self, path: &str, kind: impl Fn(&str) -> bool) -> Option<&'a Object> {
        let path = full_path(path);
        self.objects
            .iter()
            .find(|object| object.path == path && kind(&object.kind))
    }

    /// A setting of a profile or monitor, parents included.
    fn setting(&self, object: &'a Object, name: &str) -> Option<&'a Property> {
        let mut object = object;
        for _ in 0..10 {
            if let Some(property) = object.property(name) {
                return Some(property);
            }
            let parent = object.word("defaults-from")?;
            object = self.find(parent, |kind| kind == object.kind)?;
        }
        None
    }

    fn rules(&mut self) -> Vec<Arc<Rule>> {
        let mut loaded = Vec::new();
        for object in self.objects.iter().filter(|object| object.kind == "rule") {
            match Rule::load(&object.path, object.body.as_deref().unwrap_or_default()) {
                Ok(rule) => loaded.push(Arc::new(rule)),
                Err(error) => self.obstacle(&object.place, error.to_string()),
            }
        }
        loaded
    }

    fn attached(&mut self, server: &Object, library: &[Arc<Rule>]) -> Vec<Arc<Rule>> {
        let mut attached = Vec::new();
        for entry in server.entries("rules") {
            let path = full_path(&entry.name);
            match library.iter().find(|rule| rule.name() == path) {
                Some(rule) => attached.push(Arc::clone(rule)),
                // A rule that did not load has been reported already.
                None if self.find(&path, |kind| kind == "rule").is_some() => {}
                None => self.obstacle(
                    &entry.place,
                    format!("01020036:3: The requested iRule ({path}) was not found."),
                ),
            }
        }
        attached
    }
}

/// The word of an entry in a block.
pub(crate) fn entry<'a>(entries: &'a [Property], name: &str) -> Option<&'a str> {
    entries
        .iter()
        .find(|entry| entry.name == name)
        .map(Property::word)
}
