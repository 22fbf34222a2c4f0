//! The data plane under the REST face: an engine per virtual server, kept in step with the configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lab_adc::engine::{Engine, LogLine, MemberChange, MemberStats, VirtualServerStats};
use lab_adc::faults::Ending;
use lab_adc::model::{Member, Model};
use lab_f5::object::{Object, endpoint};

use super::error::ApiError;
use crate::rules;
use crate::translate::{Stage, TlsProfile, Translation, WebProfile, translate};

/// Virtual servers at work, and why others are not.
#[derive(Debug)]
pub(crate) struct Plane {
    stage: Stage,
    running: BTreeMap<String, Running>,
    offline: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Running {
    model: Model,
    /// The texts of its rules and what its profiles ask for, to notice a change.
    rules: Vec<String>,
    profiles: (Option<WebProfile>, Option<TlsProfile>),
    engine: Engine,
}

impl Plane {
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            running: BTreeMap::new(),
            offline: BTreeMap::new(),
        }
    }

    /// What the appliance would refuse; what only the stand-in cannot do is no error here.
    pub(crate) fn check(&self, objects: &[Object]) -> Result<(), ApiError> {
        match translate(objects, &self.stage) {
            Ok(_) => Ok(()),
            Err(obstacles) => match obstacles.into_iter().find(|obstacle| obstacle.refused) {
                None => Ok(()),
                Some(refused) if refused.reason.starts_with("01020036") => {
                    Err(ApiError::new(404, refused.reason))
                }
                Some(refused) => Err(ApiError::new(400, refused.reason)),
            },
        }
    }

    /// Starts, changes and stops engines until they are what the configuration says.
    pub(crate) async fn follow(&mut self, objects: &[Object]) {
        let servers: Vec<&Object> = objects
            .iter()
            .filter(|object| object.kind == "virtual")
            .collect();
        self.running.retain(|path, _| {
            servers
                .iter()
                .any(|server| server.path == *path && server.property("disabled").is_none())
        });
        self.offline.clear();
        for server in servers {
            let needed: Vec<Object> = objects
                .iter()
                .filter(|object| object.kind != "virtual" || object.path == server.path)
                .cloned()
                .collect();
            match translate(&needed, &self.stage_for(server)) {
                Ok(translation) if server.property("disabled").is_none() => {
                    self.run(server, translation, objects).await
                }
                Ok(_) => drop(
                    self.offline
                        .insert(server.path.clone(), "The virtual server is disabled".into()),
                ),
                Err(obstacles) => {
                    self.running.remove(&server.path);
                    let reasons: Vec<String> = obstacles
                        .into_iter()
                        .map(|obstacle| obstacle.reason)
                        .collect();
                    self.offline.insert(server.path.clone(), reasons.join("; "));
                }
            }
        }
    }

    /// A loopback destination is taken literally; any other is played on the stage's address.
    fn stage_for(&self, server: &Object) -> Stage {
        let mut stage = self.stage.clone();
        if let Some(running) = self.running.get(&server.path) {
            stage.data = running.engine.address();
            return stage;
        }
        let wanted = server
            .word("destination")
            .and_then(endpoint)
            .filter(|found| found.address.is_loopback());
        match wanted {
            Some(found) => stage.data = SocketAddr::new(found.address, found.port),
            None if self
                .running
                .values()
                .any(|running| running.engine.address() == stage.data) =>
            {
                stage.data.set_port(0)
            }
            None => {}
        }
        stage
    }

    async fn run(&mut self, server: &Object, translation: Translation, objects: &[Object]) {
        let texts = rule_texts(server, objects);
        let attached = translation.rules.first();
        let profiles = attached.map(|attached| (attached.web, attached.tls.clone()));
        let profiles = profiles.unwrap_or_default();
        if let Some(running) = self.running.get_mut(&server.path) {
            if running.rules == texts
                && running.profiles == profiles
                && same_but_members(&running.model, &translation.model)
            {
                follow_members(&running.engine, &running.model, &translation.model).await;
                running.model = translation.model;
                return;
            }
            // The address must be free before the next engine can have it.
            self.running.remove(&server.path);
        }
        let rules = rules::by_name(&translation, self.stage.tmms);
        match Engine::start_with(translation.model.clone(), rules, translation.tls()) {
            Ok(engine) => {
                let mut model = translation.model;
                // The kernel may have chosen the port; the next translation will name it.
                for (server, listening) in model.virtual_servers.iter_mut().zip(engine.listening())
                {
                    server.listen = listening.address;
                }
                let running = Running {
                    model,
                    rules: texts,
                    profiles,
                    engine,
                };
                self.running.insert(server.path.clone(), running);
            }
            Err(error) => drop(self.offline.insert(server.path.clone(), error.to_string())),
        }
    }

    /// Where all of them listen.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.running
            .iter()
            .map(|(path, running)| (path.as_str(), running.engine.address()))
    }

    /// Why a virtual server does not run.
    pub(crate) fn offline(&self, server: &str) -> Option<&str> {
        self.offline.get(server).map(String::as_str)
    }

    pub(crate) async fn server_stats(&self, server: &str) -> Option<VirtualServerStats> {
        let stats = self
            .running
            .get(server)?
            .engine
            .handle()
            .stats()
            .await
            .ok()?;
        stats.virtual_servers.into_iter().next()
    }

    /// The members of a pool, added up over the virtual servers that use it.
    pub(crate) async fn member_stats(&self, pool: &str) -> Vec<MemberStats> {
        let mut all: Vec<MemberStats> = Vec::new();
        for running in self.running.values() {
            let Ok(stats) = running.engine.handle().stats().await else {
                continue;
            };
            for member in stats
                .members
                .into_iter()
                .filter(|member| member.pool == pool)
            {
                match all.iter_mut().find(|known| known.address == member.address) {
                    Some(known) => {
                        known.connections += member.connections;
                        known.total += member.total;
                    }
                    None => all.push(member),
                }
            }
        }
        all
    }

    /// Resets the connections that a member has in any virtual server.
    pub(crate) async fn end_connections(&self, member: SocketAddr) {
        for running in self.running.values() {
            let change = MemberChange {
                end_connections: Some(Ending::Reset),
                ..MemberChange::default()
            };
            // Most virtual servers do not know the member.
            drop(running.engine.handle().change_member(member, change).await);
        }
    }

    /// The last log lines of all virtual servers.
    pub(crate) async fn log(&self) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for running in self.running.values() {
            lines.extend(running.engine.handle().log().await.unwrap_or_default());
        }
        lines
    }
}

fn rule_texts(server: &Object, objects: &[Object]) -> Vec<String> {
    let text = |name: &str| {
        objects
            .iter()
            .find(|object| object.kind == "rule" && object.path == name)
    };
    let entries = server.entries("rules").iter();
    entries
        .filter_map(|entry| text(&entry.name)?.body.clone())
        .collect()
}

/// Whether two models differ in pool members only, which change while traffic flows.
fn same_but_members(old: &Model, new: &Model) -> bool {
    let bare = |model: &Model| {
        let mut model = model.clone();
        model.pools.iter_mut().for_each(|pool| pool.members.clear());
        model
    };
    bare(old) == bare(new)
}

async fn follow_members(engine: &Engine, old: &Model, new: &Model) {
    let handle = engine.handle();
    for (before, after) in old.pools.iter().zip(&new.pools) {
        let find = |members: &[Member], wanted: &Member| {
            members
                .iter()
                .find(|member| member.address == wanted.address)
                .cloned()
        };
        for member in before
            .members
            .iter()
            .filter(|member| find(&after.members, member).is_none())
        {
            tell(handle.remove_member(member.address).await);
        }
        for member in &after.members {
            match find(&before.members, member) {
                None => tell(handle.add_member(after.name.clone(), member.clone()).await),
                Some(known) if known != *member => {
                    let change = MemberChange {
                        state: Some(member.state),
                        weight: Some(member.weight),
                        ..MemberChange::default()
                    };
                    tell(handle.change_member(member.address, change).await);
                }
                Some(_) => {}
            }
        }
    }
}

/// A member that is not there any more is what was wanted; anything else is worth a line.
fn tell<T, E: std::fmt::Display, S: std::fmt::Display>(outcome: Result<Result<T, E>, S>) {
    match outcome {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!("the data plane did not follow: {error}"),
        Err(stopped) => tracing::warn!("the data plane did not follow: {stopped}"),
    }
}
